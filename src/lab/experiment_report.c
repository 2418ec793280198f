/* The report section: what is to be drawn. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "lab/experiment_internal.h"

/* By lb_report_item_kind. */
static const char *const kinds[] = {"table", "bits",    "bars",    "convergence",
                                    "costs", "weights", "freezing"};

enum { N_KINDS = sizeof kinds / sizeof *kinds, MAX_ITEMS = 100, MAX_TITLE = 200 };

static lb_status unknown_kind(const lb_experiment *e, const lb_yaml_node *node, const char *word)
{
    const char *near = lb_suggest(word, kinds, N_KINDS);
    char list[128] = "";
    size_t at = 0;
    for (size_t k = 0; k < N_KINDS; k++)
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", k > 0 ? ", " : "", kinds[k]);
    if (near != NULL) {
        return lb_yaml_at(
            &e->document, node,
            lb_fail(LB_E_FORMAT, "unknown kind '%s'; did you mean '%s'?", word, near));
    }
    return lb_yaml_at(&e->document, node,
                      lb_fail(LB_E_FORMAT, "unknown kind '%s'; there are: %s", word, list));
}

static lb_status find_kind(const lb_experiment *e, const lb_yaml_node *node, const char *word,
                           lb_report_item_kind *out)
{
    for (size_t k = 0; k < N_KINDS; k++) {
        if (strcmp(word, kinds[k]) != 0) continue;
        *out = (lb_report_item_kind)k;
        return LB_OK;
    }
    return unknown_kind(e, node, word);
}

/* ---- keys of tables -------------------------------------------------------------------------- */

static lb_status check_setting(const lb_experiment *e, const lb_yaml_node *node, const char *name)
{
    lb_key key = LB_N_KEYS;
    const lb_status status = lb_setting_find(name, &key);
    return lb_yaml_at(&e->document, node, status == LB_E_ARG ? LB_E_FORMAT : status);
}

/* Every word of "wbits,abits". */
static lb_status check_settings(const lb_experiment *e, const lb_yaml_node *node, const char *list)
{
    char word[LB_YAML_MAX_KEY_BYTES + 1];
    for (const char *at = list; at != NULL; at = strchr(at, ',')) {
        if (*at == ',') at++;
        const int length = (int)strcspn(at, ",");
        (void)snprintf(word, sizeof word, "%.*s",
                       length < (int)sizeof word ? length : (int)sizeof word, at);
        LB_TRY(check_setting(e, node, word));
    }
    return LB_OK;
}

/* "wbits,abits", or [wbits, abits]; absent: NULL. */
static lb_status read_settings(lb_experiment *e, const lb_yaml_node *node, const char **out)
{
    *out = NULL;
    if (node == NULL) return LB_OK;
    const char *list = node->text;
    if (node->kind == LB_YAML_LIST && node->n_items > 0) {
        LB_TRY(lb_yaml_join(&e->document, &e->arena, node, &list));
    } else {
        LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_SCALAR));
    }
    LB_TRY(check_settings(e, node, list));
    *out = list;
    return LB_OK;
}

/* ---- only ------------------------------------------------------------------------------------ */

/* Bytes that a condition's text takes at most: a number may become longer when it is written canonically. */
static size_t only_bytes(const lb_yaml_node *map)
{
    size_t bytes = 1;
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next) {
        bytes += strlen(i->key) + 2;
        if (i->value->kind == LB_YAML_SCALAR) bytes += strlen(i->value->text) + LB_NUMBER_BYTES;
        if (i->value->kind != LB_YAML_LIST) continue;
        for (const lb_yaml_item *v = i->value->items; v != NULL; v = v->next)
            bytes +=
                (v->value->kind == LB_YAML_SCALAR ? strlen(v->value->text) : 0) + LB_NUMBER_BYTES;
    }
    return bytes;
}

static lb_status append_value(lb_experiment *e, lb_key key, const lb_yaml_node *node, char *text,
                              size_t bytes, size_t *at)
{
    lb_run_value value;
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_SCALAR));
    LB_TRY(lb_run_value_read(&e->document, &e->arena, key, node, &value));
    if (strpbrk(value.text, ", ") != NULL) {
        return lb_yaml_at(&e->document, node,
                          lb_fail(LB_E_FORMAT,
                                  "'%s': values with commas or blanks cannot be chosen",
                                  value.text));
    }
    const char *comma = text[*at - 1] == '=' ? "" : ",";
    *at += (size_t)snprintf(text + *at, bytes - *at, "%s%s", comma, value.text);
    return LB_OK;
}

static lb_status append_choice(lb_experiment *e, const lb_yaml_item *item, char *text, size_t bytes,
                               size_t *at)
{
    lb_key key = LB_KEY_SEED;
    if (strcmp(item->key, "seed") != 0) LB_TRY(lb_run_key(&e->document, item, LB_USE_VARIED, &key));
    *at += (size_t)snprintf(text + *at, bytes - *at, "%s%s=", *at > 0 ? " " : "", item->key);
    if (item->value->kind != LB_YAML_LIST)
        return append_value(e, key, item->value, text, bytes, at);
    if (item->value->n_items == 0)
        return lb_yaml_at(&e->document, item->value, lb_fail(LB_E_FORMAT, "an empty list"));
    for (const lb_yaml_item *v = item->value->items; v != NULL; v = v->next)
        LB_TRY(append_value(e, key, v->value, text, bytes, at));
    return LB_OK;
}

static lb_status read_only(lb_experiment *e, const lb_yaml_node *node, const char **out)
{
    *out = NULL;
    if (node == NULL) return LB_OK;
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_MAP));
    if (node->n_items == 0) return LB_OK;
    const size_t bytes = only_bytes(node);
    size_t at = 0;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&e->arena, bytes, 1, "report", &block));
    for (const lb_yaml_item *i = node->items; i != NULL; i = i->next)
        LB_TRY(append_choice(e, i, block, bytes, &at));
    *out = block;
    return LB_OK;
}

/* ---- items ----------------------------------------------------------------------------------- */

static lb_status read_options(lb_experiment *e, const lb_yaml_node *node, lb_report_item *item)
{
    static const char *const keys[] = {"title", "only", "rows", "columns"};
    const size_t n_keys = item->kind == LB_REPORT_TABLE ? 4 : 2;
    if (node->is_null) return LB_OK;
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_MAP));
    LB_TRY(lb_yaml_check_keys(&e->document, node, keys, n_keys));
    const lb_yaml_node *title = lb_yaml_find(node, "title");
    if (title != NULL) LB_TRY(lb_yaml_line(&e->document, title, MAX_TITLE, &item->title));
    LB_TRY(read_only(e, lb_yaml_find(node, "only"), &item->only));
    LB_TRY(read_settings(e, lb_yaml_find(node, "rows"), &item->rows));
    return read_settings(e, lb_yaml_find(node, "columns"), &item->columns);
}

/* `- costs`, `- costs:` or `- costs: {title: ...}` */
static lb_status read_item(lb_experiment *e, const lb_yaml_node *node, lb_report_item *item)
{
    *item = (lb_report_item){.title = ""};
    if (node->kind == LB_YAML_SCALAR && !node->is_null)
        return find_kind(e, node, node->text, &item->kind);
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_MAP));
    if (node->n_items != 1) {
        return lb_yaml_at(&e->document, node,
                          lb_fail(LB_E_FORMAT,
                                  "%zu keys; wanted one, the kind, with its options below it",
                                  node->n_items));
    }
    LB_TRY(find_kind(e, node->items->value, node->items->key, &item->kind));
    return read_options(e, node->items->value, item);
}

lb_status lb_experiment_read_report(lb_experiment *e, const lb_yaml_node *node)
{
    if (node == NULL) return LB_OK;
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_LIST));
    if (node->n_items > MAX_ITEMS) {
        return lb_yaml_at(&e->document, node,
                          lb_fail(LB_E_FORMAT, "more than %d items", MAX_ITEMS));
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&e->arena, node->n_items, sizeof *e->items, "report", &block));
    e->items = block;
    for (const lb_yaml_item *i = node->items; i != NULL; i = i->next)
        LB_TRY(read_item(e, i->value, &e->items[e->n_items++]));
    return LB_OK;
}
