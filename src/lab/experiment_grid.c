/* Writing a grid's rows out: all combinations, those that the constraints leave, none of them twice. */
#include <stdio.h>
#include <string.h>

#include "lab/experiment_internal.h"

/* ---- counting -------------------------------------------------------------------------------- */

static size_t saturating_product(size_t a, size_t b)
{
    size_t product = 0;
    return lb_size_mul(a, b, &product) ? product : SIZE_MAX;
}

static size_t block_rows(const lb_grid_block *block)
{
    size_t n = 1;
    for (const lb_grid_axis *a = block->axes; a != NULL; a = a->next)
        n = saturating_product(n, a->n);
    return n;
}

/* Rows before constraints, by arithmetic alone. */
static lb_status count_rows(const lb_yaml_document *document, const lb_grid *grid, size_t *out)
{
    size_t n = 0;
    for (const lb_grid_block *b = grid->blocks; b != NULL; b = b->next) {
        const size_t more = block_rows(b);
        if (more > LB_EXPERIMENT_MAX_RUNS || n + more > LB_EXPERIMENT_MAX_RUNS) {
            char count[LB_NUMBER_BYTES] = "more than 10^19";
            if (more < SIZE_MAX) (void)snprintf(count, sizeof count, "%zu", more);
            return lb_yaml_at(document, b->node,
                              lb_fail(LB_E_ARG, "%s combinations%s; at most %d are taken", count,
                                      n > 0 ? " beside the others" : "", LB_EXPERIMENT_MAX_RUNS));
        }
        n += more;
    }
    *out = n;
    return LB_OK;
}

/* ---- constraints ----------------------------------------------------------------------------- */

static bool matches(const lb_grid_condition *condition, const uint32_t *row)
{
    for (size_t p = 0; p < condition->n_parts; p++)
        if (!condition->parts[p].allowed[row[condition->parts[p].column]]) return false;
    return true;
}

static bool matches_one(const lb_grid_conditions *conditions, const uint32_t *row)
{
    for (size_t i = 0; i < conditions->n; i++)
        if (matches(&conditions->items[i], row)) return true;
    return false;
}

static bool is_kept(const lb_grid *grid, const lb_grid_block *block, const uint32_t *row)
{
    if (!block->constrained) return true;
    if (grid->only.n > 0 && !matches_one(&grid->only, row)) return false;
    return !matches_one(&grid->except, row);
}

/* ---- rows ------------------------------------------------------------------------------------ */

/* The combination of that number: the last axis is its lowest digit. Returns what higher digits are left. */
static size_t fill_row(const lb_grid_axis *axis, size_t number, uint32_t *row)
{
    if (axis == NULL) return number;
    const size_t rest = fill_row(axis->next, number, row);
    const uint32_t *ids = axis->ids + rest % axis->n * axis->n_columns;
    for (size_t c = 0; c < axis->n_columns; c++) row[axis->columns[c]] = ids[c];
    return rest / axis->n;
}

static void expand_block(lb_grid *grid, lb_grid_block *block)
{
    const size_t n = block_rows(block);
    block->first_row = grid->n_rows;
    for (size_t i = 0; i < n; i++) {
        uint32_t *row = grid->rows + grid->n_rows * grid->n_columns;
        memset(row, 0, grid->n_columns * sizeof *row);
        (void)fill_row(block->axes, i, row);
        if (is_kept(grid, block, row)) grid->n_rows++;
    }
}

/* ---- rows that are the same ------------------------------------------------------------------ */

/* By column, the value that `base` gives the setting: leaving it alone is the same as giving that. 0: another one. */
static void find_standing(const lb_run_values *base, const lb_grid *grid,
                          uint32_t standing[LB_N_KEYS])
{
    lb_settings settings = {0};
    bool recipes = false; /* what stands then depends on the row */
    for (size_t i = 0; i < base->n; i++) lb_run_value_lend(&base->values[i], &settings);
    for (size_t c = 0; c < grid->n_columns; c++) recipes |= grid->columns[c].key == LB_KEY_RECIPE;
    for (size_t c = 0; c < grid->n_columns; c++) {
        const lb_grid_column *column = &grid->columns[c];
        const char *text = lb_settings_value(&settings, column->key);
        standing[c] = 0;
        if (text == NULL || (recipes && settings.given[column->key] == NULL)) continue;
        for (size_t v = 1; v < column->n; v++)
            if (strcmp(column->values[v].text, text) == 0) standing[c] = (uint32_t)v;
    }
}

typedef struct row_set {
    const lb_grid *grid;
    uint32_t standing[LB_N_KEYS];
    uint32_t *slots; /* row + 1; 0: free */
    size_t n_slots;  /* a power of two */
} row_set;

static uint32_t in_force(const row_set *set, size_t row, size_t column)
{
    const uint32_t id = set->grid->rows[row * set->grid->n_columns + column];
    return id != 0 ? id : set->standing[column];
}

/* FNV-1a over the values in force. */
static size_t hash_row(const row_set *set, size_t row)
{
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t c = 0; c < set->grid->n_columns; c++)
        hash = (hash ^ in_force(set, row, c)) * 0x100000001b3u;
    return (size_t)(hash ^ (hash >> 32));
}

static bool same_rows(const row_set *set, size_t a, size_t b)
{
    for (size_t c = 0; c < set->grid->n_columns; c++)
        if (in_force(set, a, c) != in_force(set, b, c)) return false;
    return true;
}

/* Put a row in; SIZE_MAX, or the row before it that is the same. */
static size_t put_row(row_set *set, size_t row)
{
    size_t slot = hash_row(set, row) & (set->n_slots - 1);
    for (; set->slots[slot] != 0; slot = (slot + 1) & (set->n_slots - 1))
        if (same_rows(set, set->slots[slot] - 1, row)) return set->slots[slot] - 1;
    set->slots[slot] = (uint32_t)row + 1;
    return SIZE_MAX;
}

static lb_status refuse_same(const lb_yaml_document *document, const lb_grid *grid, size_t row,
                             size_t before)
{
    char text[256];
    lb_grid_describe(grid, row, text, sizeof text);
    return lb_yaml_at(
        document, lb_grid_block_of(grid, row)->node,
        lb_fail(LB_E_ARG, "point %zu (%s) has the settings of point %zu, from line %zu", row + 1,
                text, before + 1, lb_grid_block_of(grid, before)->node->line));
}

static lb_status check_rows(const lb_yaml_document *document, const lb_run_values *base,
                            const lb_grid *grid)
{
    row_set set = {.grid = grid, .n_slots = 16};
    void *block = NULL;
    while (set.n_slots < 2 * grid->n_rows) set.n_slots *= 2;
    LB_TRY(lb_alloc(set.n_slots, sizeof *set.slots, "points", &block));
    set.slots = block;
    find_standing(base, grid, set.standing);
    lb_status status = LB_OK;
    for (size_t row = 0; status == LB_OK && row < grid->n_rows; row++) {
        const size_t before = put_row(&set, row);
        if (before != SIZE_MAX) status = refuse_same(document, grid, row, before);
    }
    lb_free(set.slots);
    return status;
}

lb_status lb_grid_expand(const lb_yaml_document *document, const lb_run_values *base, lb_grid *grid)
{
    size_t n = 0;
    void *block = NULL;
    LB_TRY(count_rows(document, grid, &n));
    /* one row more than is kept: the last one may be filled and then left out */
    LB_TRY(lb_alloc(n + 1, grid->n_columns * sizeof *grid->rows, "points", &block));
    grid->rows = block;
    for (lb_grid_block *b = grid->blocks; b != NULL; b = b->next) expand_block(grid, b);
    if (grid->n_rows == 0) {
        return lb_yaml_at(document, grid->blocks->node,
                          lb_fail(LB_E_ARG, "the constraints leave no point of %zu", n));
    }
    return check_rows(document, base, grid);
}

/* ---- looking at rows ------------------------------------------------------------------------- */

const lb_run_value *lb_grid_value(const lb_grid *grid, size_t row, size_t column)
{
    lb_assert(row < grid->n_rows && column < grid->n_columns);
    return &grid->columns[column].values[grid->rows[row * grid->n_columns + column]];
}

const lb_grid_block *lb_grid_block_of(const lb_grid *grid, size_t row)
{
    const lb_grid_block *block = grid->blocks;
    while (block->next != NULL && block->next->first_row <= row) block = block->next;
    return block;
}

void lb_grid_describe(const lb_grid *grid, size_t row, char *text, size_t bytes)
{
    size_t at = 0;
    for (size_t c = 0; c < grid->n_columns && at < bytes; c++) {
        const lb_run_value *value = lb_grid_value(grid, row, c);
        if (value->text == NULL) continue;
        at += (size_t)snprintf(text + at, bytes - at, "%s%s=%s", at > 0 ? " " : "",
                               lb_setting_table[value->key].key, value->text);
    }
    if (at == 0) (void)snprintf(text, bytes, "the base");
}
