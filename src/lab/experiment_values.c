/* Values of settings in an experiment file. */
#include <stdio.h>
#include <string.h>

#include "data/augment.h"
#include "data/dataset.h"
#include "lab/experiment_internal.h"

/* Refusals of values are faults of the file. */
static lb_status refuse(const lb_yaml_document *document, const lb_yaml_node *node,
                        lb_status status)
{
    return lb_yaml_at(document, node, status == LB_E_ARG ? LB_E_FORMAT : status);
}

lb_status lb_run_key(const lb_yaml_document *document, const lb_yaml_item *item, lb_setting_use use,
                     lb_key *out)
{
    lb_key key = LB_N_KEYS;
    const lb_status status = lb_setting_find(item->key, &key);
    if (status != LB_OK) return refuse(document, item->value, status);
    if (key == LB_KEY_SEED) {
        return lb_yaml_at(document, item->value,
                          lb_fail(LB_E_FORMAT, "the seeds of all points stand under 'seeds'"));
    }
    const char *group = lb_setting_table[key].group;
    const bool varies_nothing = key == LB_KEY_WORKERS && use == LB_USE_VARIED;
    if (strcmp(group, "Run") == 0 || varies_nothing) {
        return lb_yaml_at(document, item->value,
                          lb_fail(LB_E_FORMAT, "says how a run is carried out, not what it is%s",
                                  varies_nothing ? "; it may stand under 'base'" : ""));
    }
    *out = key;
    return LB_OK;
}

/* ---- one value ------------------------------------------------------------------------------- */

static bool takes_list(lb_key key)
{
    const lb_value_kind kind = lb_setting_rules[key].kind;
    return kind == LB_VALUE_NAMES || kind == LB_VALUE_WHOLES || key == LB_KEY_AUGMENT;
}

static lb_status check_data(const char *text)
{
    lb_data_spec spec;
    LB_TRY(
        lb_data_spec_parse(text, &spec)); /* the name; whether the files are there is no matter */
    lb_data_spec_release(&spec);
    return LB_OK;
}

static lb_status check_augment(const char *text)
{
    const lb_augment none = {0};
    lb_augment augment;
    return lb_augment_parse(text, &none, &augment);
}

/* What a recipe sets, in texts of the arena. */
static lb_status read_recipe(lb_arena *arena, const char *name, const char *const **out)
{
    lb_settings *settings = NULL;
    void *block = NULL;
    LB_TRY(lb_settings_create(&settings));
    lb_status status = lb_recipe_apply(name, settings);
    if (status == LB_OK)
        status = lb_arena_alloc(arena, LB_N_KEYS, sizeof(char *), "recipe", &block);
    char **texts = block;
    for (size_t k = 0; status == LB_OK && k < LB_N_KEYS; k++) {
        if (settings->of_recipe[k] != NULL)
            status = lb_arena_strdup(arena, settings->of_recipe[k], &texts[k]);
    }
    lb_settings_destroy(settings);
    if (status == LB_OK) *out = (const char *const *)texts;
    return status;
}

/* Everything about a value that can be said without the others. */
static lb_status read_text(lb_arena *arena, lb_key key, const char *given, lb_run_value *out)
{
    char *canonical = NULL, *text = NULL;
    LB_TRY(lb_setting_canonical(key, given, &canonical));
    const lb_status status = lb_arena_strdup(arena, canonical, &text);
    lb_free(canonical);
    LB_TRY(status);
    if (key == LB_KEY_RECIPE) LB_TRY(read_recipe(arena, text, &out->of_recipe));
    if (key == LB_KEY_DATA) LB_TRY(check_data(text));
    if (key == LB_KEY_AUGMENT) LB_TRY(check_augment(text));
    out->text = text;
    return LB_OK;
}

lb_status lb_run_value_read(const lb_yaml_document *document, lb_arena *arena, lb_key key,
                            const lb_yaml_node *node, lb_run_value *out)
{
    const char *given = node->text;
    lb_run_value value = {.key = key, .node = node};
    if (node->kind == LB_YAML_LIST && takes_list(key)) {
        if (node->n_items == 0)
            return lb_yaml_at(document, node, lb_fail(LB_E_FORMAT, "an empty list"));
        LB_TRY(lb_yaml_join(document, arena, node, &given));
    } else if (node->kind == LB_YAML_LIST) {
        return lb_yaml_at(document, node,
                          lb_fail(LB_E_FORMAT,
                                  "got a list, but '%s' takes one value; what varies is an axis",
                                  lb_setting_table[key].key));
    } else if (node->kind == LB_YAML_MAP) {
        return lb_yaml_want(document, node, LB_YAML_SCALAR);
    }
    if (!node->is_null) {
        const lb_status status = read_text(arena, key, given, &value);
        if (status != LB_OK) return refuse(document, node, status);
    }
    *out = value;
    return LB_OK;
}

lb_status lb_run_values_read(const lb_yaml_document *document, lb_arena *arena,
                             const lb_yaml_node *map, lb_run_values *out)
{
    LB_TRY(lb_yaml_want(document, map, LB_YAML_MAP));
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, map->n_items, sizeof *out->values, "settings", &block));
    lb_run_values values = {.values = block};
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next) {
        lb_run_value *value = &values.values[values.n++];
        lb_key key = LB_N_KEYS;
        LB_TRY(lb_run_key(document, i, LB_USE_BASE, &key));
        LB_TRY(lb_run_value_read(document, arena, key, i->value, value));
        if (value->text == NULL) LB_TRY(lb_yaml_want(document, i->value, LB_YAML_SCALAR));
    }
    *out = values;
    return LB_OK;
}

/* Settings own their texts and are not const; those that are lent are only read. */
static char *lent(const char *text)
{
    return (char *)(uintptr_t)text;
}

void lb_run_value_lend(const lb_run_value *value, lb_settings *to)
{
    if (value->text == NULL) return;
    to->given[value->key] = lent(value->text);
    for (size_t k = 0; value->of_recipe != NULL && k < LB_N_KEYS; k++)
        to->of_recipe[k] = lent(value->of_recipe[k]);
}
