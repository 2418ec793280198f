/* Opening an experiment file: its sections, in the order that one needs the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lab/experiment_internal.h"

enum { MAX_NAME = 64, MAX_TITLE = 200, MAX_TRIALS = 10000, MAX_EPOCHS = 1000000, MAX_HALVING = 16 };

#define MAX_SEED 9007199254740991ull /* as the setting: exact in a double */

/* ---- texts ----------------------------------------------------------------------------------- */

static lb_status read_name(lb_experiment *e, const lb_yaml_node *root)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    const lb_yaml_node *node = lb_yaml_find(root, "name");
    if (node == NULL)
        return lb_yaml_at(&e->document, root, lb_fail(LB_E_FORMAT, "wanted a key 'name'"));
    LB_TRY(lb_yaml_line(&e->document, node, MAX_NAME, &e->name));
    /* it becomes part of file names */
    if (e->name[strspn(e->name, letters)] != '\0' || e->name[0] == '.' || e->name[0] == '-') {
        return lb_yaml_at(&e->document, node,
                          lb_fail(LB_E_FORMAT,
                                  "got '%s', wanted letters, digits, '-', '_' and '.', "
                                  "beginning with a letter, a digit or '_'",
                                  e->name));
    }
    return LB_OK;
}

static lb_status read_texts(lb_experiment *e, const lb_yaml_node *root)
{
    const lb_yaml_node *title = lb_yaml_find(root, "title");
    const lb_yaml_node *description = lb_yaml_find(root, "description");
    LB_TRY(read_name(e, root));
    e->title = e->name;
    if (title != NULL) LB_TRY(lb_yaml_line(&e->document, title, MAX_TITLE, &e->title));
    e->description = "";
    if (description == NULL) return LB_OK;
    LB_TRY(lb_yaml_want(&e->document, description, LB_YAML_SCALAR));
    e->description = description->text;
    return LB_OK;
}

/* ---- seeds ----------------------------------------------------------------------------------- */

/* "3", or "1..5". */
static lb_status read_range(const lb_experiment *e, const lb_yaml_node *node,
                            unsigned long long *low, unsigned long long *high)
{
    LB_TRY(lb_yaml_want(&e->document, node, LB_YAML_SCALAR));
    const char *dots = strstr(node->text, "..");
    if (dots == NULL) {
        LB_TRY(lb_yaml_whole(&e->document, node, 0, MAX_SEED, low));
        *high = *low;
        return LB_OK;
    }
    char text[32];
    lb_yaml_node first = *node, last = *node;
    const int length = (int)(dots - node->text);
    (void)snprintf(text, sizeof text, "%.*s", length < 31 ? length : 31, node->text);
    first.text = text;
    last.text = dots + 2;
    LB_TRY(lb_yaml_whole(&e->document, &first, 0, MAX_SEED, low));
    return lb_yaml_whole(&e->document, &last, *low, MAX_SEED, high);
}

static lb_status too_many_seeds(const lb_experiment *e, const lb_yaml_node *node)
{
    return lb_yaml_at(&e->document, node,
                      lb_fail(LB_E_ARG, "more than %d seeds", LB_EXPERIMENT_MAX_RUNS));
}

static int compare_seeds(const void *a, const void *b)
{
    const unsigned long long x = *(const unsigned long long *)a, y = *(const unsigned long long *)b;
    return (x > y) - (x < y);
}

static lb_status check_seeds(const lb_experiment *e, const lb_yaml_node *node)
{
    void *block = NULL;
    LB_TRY(lb_alloc(e->n_seeds, sizeof *e->seeds, "seeds", &block));
    unsigned long long *sorted = block;
    memcpy(sorted, e->seeds, e->n_seeds * sizeof *sorted);
    qsort(sorted, e->n_seeds, sizeof *sorted, compare_seeds);
    lb_status status = LB_OK;
    for (size_t i = 1; status == LB_OK && i < e->n_seeds; i++) {
        if (sorted[i] == sorted[i - 1]) {
            status = lb_yaml_at(&e->document, node,
                                lb_fail(LB_E_FORMAT, "the seed %llu twice", sorted[i]));
        }
    }
    lb_free(sorted);
    return status;
}

lb_status lb_experiment_read_seeds(lb_experiment *e, const lb_yaml_node *node)
{
    /* without the section: one value that says 1; a range alone: a list of it */
    const lb_yaml_node standard = {.kind = LB_YAML_SCALAR, .text = "1..1", .place = "seeds"};
    const lb_yaml_item alone = {.value = node != NULL ? node : &standard};
    const bool is_list = node != NULL && node->kind == LB_YAML_LIST;
    const lb_yaml_item *items = is_list ? node->items : &alone;
    if (is_list && node->n_items == 0)
        return lb_yaml_at(&e->document, node, lb_fail(LB_E_FORMAT, "an empty list"));
    if (!is_list) {
        LB_TRY(lb_yaml_want(&e->document, alone.value, LB_YAML_SCALAR));
        if (strstr(alone.value->text, "..") == NULL) {
            return lb_yaml_at(&e->document, node,
                              lb_fail(LB_E_FORMAT,
                                      "got '%s', wanted a range (1..5) or a list ([1, 7])",
                                      alone.value->text));
        }
    }
    size_t n = 0;
    unsigned long long low = 0, high = 0;
    for (const lb_yaml_item *i = items; i != NULL; i = i->next) {
        LB_TRY(read_range(e, i->value, &low, &high));
        if (high - low >= LB_EXPERIMENT_MAX_RUNS) return too_many_seeds(e, i->value);
        n += (size_t)(high - low) + 1;
        if (n > LB_EXPERIMENT_MAX_RUNS) return too_many_seeds(e, i->value);
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&e->arena, n, sizeof *e->seeds, "seeds", &block));
    e->seeds = block;
    for (const lb_yaml_item *i = items; i != NULL; i = i->next) {
        LB_TRY(read_range(e, i->value, &low, &high));
        for (unsigned long long seed = low; seed <= high; seed++) e->seeds[e->n_seeds++] = seed;
    }
    return check_seeds(e, node);
}

/* ---- points ---------------------------------------------------------------------------------- */

static lb_status read_constraints(lb_experiment *e, const lb_yaml_node *root, const char *key,
                                  const lb_yaml_node *axes, lb_grid_conditions *out)
{
    const lb_yaml_node *node = lb_yaml_find(root, key);
    if (node == NULL) return LB_OK;
    if (axes == NULL) {
        return lb_yaml_at(&e->document, node,
                          lb_fail(LB_E_FORMAT, "there are no axes that it could constrain"));
    }
    return lb_grid_read_conditions(&e->document, &e->arena, node, &e->points, out);
}

static lb_status read_points(lb_experiment *e, const lb_yaml_node *root)
{
    const lb_yaml_node *axes = lb_yaml_find(root, "axes"), *points = lb_yaml_find(root, "points");
    if (axes == NULL && points == NULL) {
        return lb_yaml_at(&e->document, root,
                          lb_fail(LB_E_FORMAT, "no point: wanted a key 'axes' or 'points'"));
    }
    if (axes != NULL) LB_TRY(lb_grid_add_axes(&e->document, &e->arena, axes, true, &e->points));
    LB_TRY(read_constraints(e, root, "only", axes, &e->points.only));
    LB_TRY(read_constraints(e, root, "except", axes, &e->points.except));
    if (points != NULL) {
        LB_TRY(lb_yaml_want(&e->document, points, LB_YAML_LIST));
        if (points->n_items == 0)
            return lb_yaml_at(&e->document, points, lb_fail(LB_E_FORMAT, "an empty list"));
        for (const lb_yaml_item *i = points->items; i != NULL; i = i->next) {
            LB_TRY(lb_yaml_want(&e->document, i->value, LB_YAML_MAP));
            LB_TRY(lb_grid_add_axes(&e->document, &e->arena, i->value, false, &e->points));
        }
    }
    return lb_grid_expand(&e->document, &e->base, &e->points);
}

/* ---- search ---------------------------------------------------------------------------------- */

/* A key of the search that the points or the search itself decide otherwise. */
static lb_status refuse_search_key(const lb_experiment *e, const lb_run_value *value, bool is_base)
{
    const char *name = lb_setting_table[value->key].key;
    if (value->key == LB_KEY_EPOCHS) {
        return lb_yaml_at(
            &e->document, value->node,
            lb_fail(LB_E_FORMAT, "the epochs of a short run stand under 'search.epochs'"));
    }
    for (size_t c = 0; c < e->points.n_columns; c++) {
        if (e->points.columns[c].key == value->key) {
            return lb_yaml_at(&e->document, value->node,
                              lb_fail(LB_E_FORMAT,
                                      "the points differ in '%s', the search must not set it",
                                      name));
        }
    }
    for (size_t c = 0; is_base && c < e->trials.n_columns; c++) {
        if (e->trials.columns[c].key == value->key) {
            return lb_yaml_at(&e->document, value->node,
                              lb_fail(LB_E_FORMAT, "'%s' is an axis of the search", name));
        }
    }
    return LB_OK;
}

static lb_status check_search_keys(const lb_experiment *e)
{
    for (size_t c = 0; c < e->trials.n_columns; c++) {
        const lb_grid_column *column = &e->trials.columns[c];
        if (column->n > 1) LB_TRY(refuse_search_key(e, &column->values[1], false));
    }
    for (size_t i = 0; i < e->search_base.n; i++)
        LB_TRY(refuse_search_key(e, &e->search_base.values[i], true));
    return LB_OK;
}

static lb_status read_search_numbers(lb_experiment *e, const lb_yaml_node *search)
{
    const lb_yaml_node *epochs = lb_yaml_find(search, "epochs"),
                       *halving = lb_yaml_find(search, "halving");
    unsigned long long number = 0;
    if (epochs == NULL)
        return lb_yaml_at(&e->document, search, lb_fail(LB_E_FORMAT, "wanted a key 'epochs'"));
    LB_TRY(lb_yaml_whole(&e->document, epochs, 1, MAX_EPOCHS, &number));
    e->search = (lb_search_info){.trials = e->trials.n_rows, .epochs = (size_t)number, .rungs = 1};
    if (halving == NULL) return LB_OK;
    LB_TRY(lb_yaml_whole(&e->document, halving, 2, MAX_HALVING, &number));
    e->search.halving = (size_t)number;
    while (lb_experiment_rung_trials(e, e->search.rungs) > 1) e->search.rungs++;
    const unsigned long long most = lb_experiment_rung_epochs(&e->search, e->search.rungs - 1);
    if (most > MAX_EPOCHS) {
        return lb_yaml_at(&e->document, halving,
                          lb_fail(LB_E_ARG,
                                  "the last of %zu rungs would have %llu epochs, more than %d",
                                  e->search.rungs, most, MAX_EPOCHS));
    }
    return LB_OK;
}

lb_status lb_experiment_read_search(lb_experiment *e, const lb_yaml_node *search)
{
    static const char *const keys[] = {"epochs", "base", "axes", "halving"};
    if (search == NULL) return LB_OK;
    LB_TRY(lb_yaml_want(&e->document, search, LB_YAML_MAP));
    LB_TRY(lb_yaml_check_keys(&e->document, search, keys, sizeof keys / sizeof *keys));
    const lb_yaml_node *axes = lb_yaml_find(search, "axes"), *base = lb_yaml_find(search, "base");
    if (axes == NULL)
        return lb_yaml_at(&e->document, search, lb_fail(LB_E_FORMAT, "wanted a key 'axes'"));
    LB_TRY(lb_grid_add_axes(&e->document, &e->arena, axes, false, &e->trials));
    if (base != NULL) LB_TRY(lb_run_values_read(&e->document, &e->arena, base, &e->search_base));
    LB_TRY(check_search_keys(e));
    LB_TRY(lb_grid_expand(&e->document, &e->base, &e->trials));
    if (e->trials.n_rows == 1 || e->trials.n_rows > MAX_TRIALS) {
        return lb_yaml_at(
            &e->document, axes,
            lb_fail(LB_E_ARG, "%zu trials; wanted 2 to %d", e->trials.n_rows, MAX_TRIALS));
    }
    return read_search_numbers(e, search);
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* All runs, short ones included, before any is thought of. */
static lb_status check_runs(const lb_experiment *e, const lb_yaml_node *root)
{
    size_t each = e->n_seeds, all = 0;
    for (size_t r = 0; r < e->search.rungs; r++) each += lb_experiment_rung_trials(e, r);
    /* both factors are at most some 10^6 */
    if (!lb_size_mul(e->points.n_rows, each, &all) || all > LB_EXPERIMENT_MAX_RUNS) {
        return lb_yaml_at(&e->document, root,
                          lb_fail(LB_E_ARG,
                                  "%zu points of %zu runs each make %zu runs; at most %d are taken",
                                  e->points.n_rows, each, all, LB_EXPERIMENT_MAX_RUNS));
    }
    return LB_OK;
}

static lb_status read_sections(lb_experiment *e)
{
    static const char *const keys[] = {"name", "title",  "description", "base",   "axes",  "points",
                                       "only", "except", "seeds",       "search", "report"};
    const lb_yaml_node *root = e->document.root, *base = NULL;
    LB_TRY(lb_yaml_want(&e->document, root, LB_YAML_MAP));
    LB_TRY(lb_yaml_check_keys(&e->document, root, keys, sizeof keys / sizeof *keys));
    LB_TRY(read_texts(e, root));
    base = lb_yaml_find(root, "base");
    if (base != NULL) LB_TRY(lb_run_values_read(&e->document, &e->arena, base, &e->base));
    LB_TRY(read_points(e, root));
    LB_TRY(lb_experiment_read_seeds(e, lb_yaml_find(root, "seeds")));
    LB_TRY(lb_experiment_read_search(e, lb_yaml_find(root, "search")));
    LB_TRY(lb_experiment_read_report(e, lb_yaml_find(root, "report")));
    LB_TRY(check_runs(e, root));
    return lb_experiment_check(e);
}

lb_status lb_experiment_open(const char *path, lb_experiment **out)
{
    void *block = NULL;
    size_t bytes = 0;
    LB_TRY(lb_alloc(1, sizeof **out, "experiment", &block));
    lb_experiment *e = block;
    lb_status status = lb_file_read(path, LB_EXPERIMENT_MAX_BYTES, &e->text, &bytes);
    if (status == LB_OK && strlen((const char *)e->text) != bytes)
        status = lb_fail(LB_E_FORMAT, "%s: not a text file: there is a zero byte in it", path);
    if (status == LB_OK)
        status = lb_yaml_read(path, (const char *)e->text, bytes, &e->arena, &e->document);
    if (status == LB_OK) status = read_sections(e);
    if (status != LB_OK) {
        lb_experiment_close(e);
        return status;
    }
    *out = e;
    return LB_OK;
}

void lb_experiment_close(lb_experiment *experiment)
{
    if (experiment == NULL) return;
    lb_free(experiment->points.rows);
    lb_free(experiment->trials.rows);
    lb_free(experiment->text);
    lb_arena_release(&experiment->arena);
    lb_free(experiment);
}
