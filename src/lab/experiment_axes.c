/* Axes and conditions of a grid, read from the file. */
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "lab/experiment_internal.h"

/* What the functions below share while one `axes` section or point is read. */
typedef struct reader {
    const lb_yaml_document *document;
    lb_arena *arena;
    lb_grid *grid;
    const lb_grid_axis *used[LB_N_KEYS]; /* by setting: the axis of this block that has it */
} reader;

/* ---- columns --------------------------------------------------------------------------------- */

static size_t find_column(const lb_grid *grid, lb_key key)
{
    size_t c = 0;
    while (c < grid->n_columns && grid->columns[c].key != key) c++;
    return c;
}

/* Room for one more value. */
static lb_status grow_column(lb_arena *arena, lb_grid_column *column)
{
    if (column->n < column->capacity) return LB_OK;
    const size_t capacity = column->capacity > 0 ? 2 * column->capacity : 8;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, capacity, sizeof *column->values, "values of an axis", &block));
    if (column->n > 0) memcpy(block, column->values, column->n * sizeof *column->values);
    column->values = block;
    column->capacity = capacity;
    return LB_OK;
}

static lb_status column_of(reader *r, lb_key key, size_t *out)
{
    lb_grid *grid = r->grid;
    const size_t c = find_column(grid, key);
    if (c == grid->n_columns) {
        lb_grid_column *column = &grid->columns[c];
        *column = (lb_grid_column){.key = key};
        LB_TRY(grow_column(r->arena, column));
        column->values[column->n++] = (lb_run_value){.key = key};
        grid->n_columns++;
    }
    *out = c;
    return LB_OK;
}

/* Index of a text among a column's values; column->n: none. */
static size_t find_value(const lb_grid_column *column, const char *text)
{
    if (text == NULL) return 0;
    size_t v = 1;
    while (v < column->n && strcmp(column->values[v].text, text) != 0) v++;
    return v;
}

static lb_status value_of(reader *r, lb_grid_column *column, const lb_yaml_node *node,
                          uint32_t *out)
{
    lb_run_value value;
    LB_TRY(lb_run_value_read(r->document, r->arena, column->key, node, &value));
    const size_t v = find_value(column, value.text);
    if (v > LB_EXPERIMENT_MAX_VALUES) {
        return lb_yaml_at(r->document, node,
                          lb_fail(LB_E_FORMAT, "more than %d values", LB_EXPERIMENT_MAX_VALUES));
    }
    if (v == column->n) {
        LB_TRY(grow_column(r->arena, column));
        column->values[column->n++] = value;
    }
    *out = (uint32_t)v;
    return LB_OK;
}

/* ---- axes ------------------------------------------------------------------------------------ */

static lb_status make_axis(reader *r, const lb_yaml_node *node, lb_grid_axis ***end,
                           lb_grid_axis **out)
{
    void *block = NULL;
    LB_TRY(lb_arena_alloc(r->arena, 1, sizeof **out, "axis", &block));
    *out = block;
    (*out)->node = node;
    **end = block;
    *end = &(*out)->next;
    return LB_OK;
}

/* Make a setting a column of the axis; one axis of a block has it. */
static lb_status add_column(reader *r, const lb_yaml_item *item, lb_grid_axis *axis)
{
    lb_key key = LB_N_KEYS;
    LB_TRY(lb_run_key(r->document, item, LB_USE_VARIED, &key));
    if (r->used[key] == axis) return LB_OK; /* another entry of the same zipped axis */
    if (r->used[key] != NULL) {
        return lb_yaml_at(r->document, item->value,
                          lb_fail(LB_E_FORMAT, "is on another axis already, in line %zu",
                                  r->used[key]->node->line));
    }
    r->used[key] = axis;
    LB_TRY(column_of(r, key, &axis->columns[axis->n_columns]));
    axis->n_columns++;
    return LB_OK;
}

static lb_status make_ids(reader *r, lb_grid_axis *axis, size_t n)
{
    void *block = NULL;
    LB_TRY(lb_arena_alloc(r->arena, n, axis->n_columns * sizeof *axis->ids, "axis", &block));
    axis->ids = block;
    axis->n = n;
    return LB_OK;
}

static lb_status check_same(reader *r, const lb_grid_axis *axis, size_t i, const lb_yaml_node *node)
{
    for (size_t before = 0; before < i; before++) {
        const size_t bytes = axis->n_columns * sizeof *axis->ids;
        if (memcmp(axis->ids + before * axis->n_columns, axis->ids + i * axis->n_columns, bytes) !=
            0)
            continue;
        return lb_yaml_at(
            r->document, node,
            lb_fail(LB_E_FORMAT, "%s%s%sthe same value twice", node->text != NULL ? "'" : "",
                    node->text != NULL ? node->text : "", node->text != NULL ? "': " : ""));
    }
    return LB_OK;
}

/* method: [qnn, dorefa], or method: qnn, an axis of one value. */
static lb_status read_plain(reader *r, const lb_yaml_item *item, lb_grid_axis *axis)
{
    const lb_yaml_node *node = item->value;
    LB_TRY(add_column(r, item, axis));
    lb_grid_column *column = &r->grid->columns[axis->columns[0]];
    if (node->kind != LB_YAML_LIST) {
        LB_TRY(make_ids(r, axis, 1));
        return value_of(r, column, node, &axis->ids[0]);
    }
    if (node->n_items == 0)
        return lb_yaml_at(r->document, node, lb_fail(LB_E_FORMAT, "an axis without values"));
    LB_TRY(make_ids(r, axis, node->n_items));
    size_t n = 0;
    for (const lb_yaml_item *i = node->items; i != NULL; i = i->next, n++) {
        LB_TRY(value_of(r, column, i->value, &axis->ids[n]));
        LB_TRY(check_same(r, axis, n, i->value));
    }
    return LB_OK;
}

/* One entry of a zipped axis: settings that it does not name keep index 0. */
static lb_status read_entry(reader *r, const lb_yaml_node *map, const lb_grid_axis *axis,
                            uint32_t *ids)
{
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next) {
        lb_key key = LB_N_KEYS;
        LB_TRY(lb_run_key(r->document, i, LB_USE_VARIED, &key));
        size_t c = 0;
        while (r->grid->columns[axis->columns[c]].key != key) c++;
        LB_TRY(value_of(r, &r->grid->columns[axis->columns[c]], i->value, &ids[c]));
    }
    return LB_OK;
}

/* [{wbits: 1, abits: 1}, {wbits: 8, abits: 8}] */
static lb_status read_zipped(reader *r, const lb_yaml_node *list, lb_grid_axis *axis)
{
    if (list->n_items == 0)
        return lb_yaml_at(r->document, list, lb_fail(LB_E_FORMAT, "an axis without values"));
    if (list->n_items > LB_EXPERIMENT_MAX_VALUES) {
        return lb_yaml_at(r->document, list,
                          lb_fail(LB_E_FORMAT, "more than %d values", LB_EXPERIMENT_MAX_VALUES));
    }
    for (const lb_yaml_item *i = list->items; i != NULL; i = i->next) {
        LB_TRY(lb_yaml_want(r->document, i->value, LB_YAML_MAP));
        for (const lb_yaml_item *k = i->value->items; k != NULL; k = k->next)
            LB_TRY(add_column(r, k, axis));
    }
    if (axis->n_columns == 0)
        return lb_yaml_at(r->document, list, lb_fail(LB_E_FORMAT, "an axis without settings"));
    LB_TRY(make_ids(r, axis, list->n_items));
    size_t n = 0;
    for (const lb_yaml_item *i = list->items; i != NULL; i = i->next, n++) {
        LB_TRY(read_entry(r, i->value, axis, axis->ids + n * axis->n_columns));
        LB_TRY(check_same(r, axis, n, i->value));
    }
    return LB_OK;
}

/* Each key of a mapping is an axis. */
static lb_status read_map(reader *r, const lb_yaml_node *map, lb_grid_axis ***end)
{
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next) {
        lb_grid_axis *axis = NULL;
        LB_TRY(make_axis(r, i->value, end, &axis));
        LB_TRY(read_plain(r, i, axis));
    }
    return LB_OK;
}

static lb_status read_list(reader *r, const lb_yaml_node *list, lb_grid_axis ***end)
{
    for (const lb_yaml_item *i = list->items; i != NULL; i = i->next) {
        if (i->value->kind == LB_YAML_LIST) {
            lb_grid_axis *axis = NULL;
            LB_TRY(make_axis(r, i->value, end, &axis));
            LB_TRY(read_zipped(r, i->value, axis));
            continue;
        }
        LB_TRY(lb_yaml_want(r->document, i->value, LB_YAML_MAP));
        if (i->value->n_items != 1) {
            return lb_yaml_at(
                r->document, i->value,
                lb_fail(LB_E_FORMAT,
                        "an axis of %zu settings; wanted one, or for settings that go "
                        "together a list of mappings",
                        i->value->n_items));
        }
        LB_TRY(read_map(r, i->value, end));
    }
    return LB_OK;
}

lb_status lb_grid_add_axes(const lb_yaml_document *document, lb_arena *arena,
                           const lb_yaml_node *node, bool constrained, lb_grid *grid)
{
    if (node->kind != LB_YAML_LIST) LB_TRY(lb_yaml_want(document, node, LB_YAML_MAP));
    /* a point without values of its own is the base */
    if (node->n_items == 0 && (constrained || node->kind == LB_YAML_LIST))
        return lb_yaml_at(document, node,
                          lb_fail(LB_E_FORMAT, "nothing in it; wanted settings and values"));
    void *memory = NULL;
    LB_TRY(lb_arena_alloc(arena, 1, sizeof(lb_grid_block), "axes", &memory));
    lb_grid_block *block = memory;
    *block = (lb_grid_block){.node = node, .constrained = constrained};
    *(grid->last != NULL ? &grid->last->next : &grid->blocks) = block;
    grid->last = block;
    reader r = {.document = document, .arena = arena, .grid = grid};
    lb_grid_axis **end = &block->axes;
    return node->kind == LB_YAML_MAP ? read_map(&r, node, &end) : read_list(&r, node, &end);
}

/* ---- conditions ------------------------------------------------------------------------------ */

static lb_status no_such_column(const lb_yaml_document *document, const lb_yaml_item *item,
                                const lb_grid *grid)
{
    const char *names[LB_N_KEYS];
    for (size_t c = 0; c < grid->n_columns; c++)
        names[c] = lb_setting_table[grid->columns[c].key].key;
    const char *near = lb_suggest(item->key, names, grid->n_columns);
    return lb_yaml_at(document, item->value,
                      lb_fail(LB_E_FORMAT, "no axis has the setting '%s'%s%s%s", item->key,
                              near != NULL ? "; did you mean '" : "", near != NULL ? near : "",
                              near != NULL ? "'?" : ""));
}

/* A value that no axis has would never decide anything. */
static lb_status no_such_value(const lb_yaml_document *document, const lb_run_value *value,
                               const lb_grid_column *column)
{
    char list[256] = "";
    size_t at = 0;
    for (size_t v = 1; v < column->n && at < sizeof list; v++) {
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", v > 1 ? ", " : "",
                               column->values[v].text);
    }
    return lb_yaml_at(document, value->node,
                      lb_fail(LB_E_FORMAT, "no axis has the value '%s'; there are: %s%s",
                              value->text, list, at < sizeof list ? "" : "..."));
}

static lb_status allow(const lb_yaml_document *document, lb_arena *arena, const lb_yaml_node *node,
                       const lb_grid_column *column, bool *allowed)
{
    lb_run_value value;
    LB_TRY(lb_run_value_read(document, arena, column->key, node, &value));
    const size_t v = find_value(column, value.text);
    if (v == column->n) return no_such_value(document, &value, column);
    allowed[v] = true;
    return LB_OK;
}

static lb_status read_part(const lb_yaml_document *document, lb_arena *arena,
                           const lb_yaml_item *item, const lb_grid *grid, struct lb_grid_part *out)
{
    size_t c = 0;
    while (c < grid->n_columns &&
           strcmp(lb_setting_table[grid->columns[c].key].key, item->key) != 0)
        c++;
    if (c == grid->n_columns) return no_such_column(document, item, grid);
    const lb_grid_column *column = &grid->columns[c];
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, column->n, sizeof(bool), "constraint", &block));
    *out = (struct lb_grid_part){.column = c, .allowed = block};
    if (item->value->kind != LB_YAML_LIST)
        return allow(document, arena, item->value, column, out->allowed);
    if (item->value->n_items == 0)
        return lb_yaml_at(document, item->value,
                          lb_fail(LB_E_FORMAT, "an empty list matches nothing"));
    for (const lb_yaml_item *i = item->value->items; i != NULL; i = i->next)
        LB_TRY(allow(document, arena, i->value, column, out->allowed));
    return LB_OK;
}

static lb_status read_condition(const lb_yaml_document *document, lb_arena *arena,
                                const lb_yaml_node *map, const lb_grid *grid,
                                lb_grid_condition *out)
{
    LB_TRY(lb_yaml_want(document, map, LB_YAML_MAP));
    if (map->n_items == 0)
        return lb_yaml_at(document, map,
                          lb_fail(LB_E_FORMAT, "an empty constraint matches everything"));
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, map->n_items, sizeof *out->parts, "constraint", &block));
    out->parts = block;
    for (const lb_yaml_item *i = map->items; i != NULL; i = i->next)
        LB_TRY(read_part(document, arena, i, grid, &out->parts[out->n_parts++]));
    return LB_OK;
}

lb_status lb_grid_read_conditions(const lb_yaml_document *document, lb_arena *arena,
                                  const lb_yaml_node *node, const lb_grid *grid,
                                  lb_grid_conditions *out)
{
    LB_TRY(lb_yaml_want(document, node, LB_YAML_LIST));
    if (node->n_items == 0 || node->n_items > LB_EXPERIMENT_MAX_CONSTRAINTS) {
        return lb_yaml_at(document, node,
                          lb_fail(LB_E_FORMAT, "%zu constraints; wanted 1 to %d", node->n_items,
                                  LB_EXPERIMENT_MAX_CONSTRAINTS));
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, node->n_items, sizeof *out->items, "constraints", &block));
    out->items = block;
    for (const lb_yaml_item *i = node->items; i != NULL; i = i->next)
        LB_TRY(read_condition(document, arena, i->value, grid, &out->items[out->n++]));
    return LB_OK;
}
