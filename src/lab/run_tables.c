/* Tables of runs and of their layers. */
#include <string.h>

#include "lab/report_tables.h"

#define KIB 1024.0

static lb_status widths_of(const lb_run_record *r, lb_table *t, size_t row, size_t column)
{
    return lb_table_print(t, row, column, "W%dA%d%s", r->w_bits, r->a_bits, r->ternary ? "*" : "");
}

/* Heads of a table, and which of its columns are text: their heads begin with '<'. */
static void set_heads(lb_table *table, const char *const *heads)
{
    for (size_t c = 0; c < table->columns; c++) {
        table->is_text[c] = heads[c][0] == '<';
        table->heads[c] = heads[c] + (table->is_text[c] ? 1 : 0);
    }
}

lb_status lb_front_table(const lb_run_record *const *front, size_t n, lb_arena *arena,
                         lb_table *out)
{
    static const char *const heads[] = {"<method", "<widths",         "top-1 %",
                                        "KiB",     "Mbit operations", "seed"};
    lb_table t;
    LB_TRY(lb_table_init(&t, arena, n, sizeof heads / sizeof *heads));
    set_heads(&t, heads);
    t.row_headers = 1;
    for (size_t i = 0; i < n; i++) {
        const lb_run_record *r = front[i];
        LB_TRY(lb_table_print(&t, i, 0, "%s", r->method));
        LB_TRY(widths_of(r, &t, i, 1));
        LB_TRY(lb_table_print(&t, i, 2, "%.2f", r->best_top1));
        LB_TRY(lb_table_print(&t, i, 3, "%.1f", r->stored_bytes / KIB));
        LB_TRY(lb_table_print(&t, i, 4, "%.2f", r->bit_operations * 1e-6));
        LB_TRY(lb_table_print(&t, i, 5, "%llu", (unsigned long long)r->seed));
    }
    *out = t;
    return LB_OK;
}

lb_status lb_layer_table(const lb_layer_record *layers, size_t n, const char *run_name,
                         lb_arena *arena, lb_table *out)
{
    static const char *const heads[] = {"<layer", "weight bits", "activation bits",  "weights",
                                        "Mmac",   "KiB",         "share of size, %", "zeros, %"};
    lb_table t;
    LB_TRY(lb_table_init(&t, arena, n, sizeof heads / sizeof *heads));
    set_heads(&t, heads);
    t.row_headers = 1;
    t.folded = true;
    LB_TRY(lb_arena_print(arena, &t.title, "Layers of %s", run_name));
    double bytes = 0.0;
    for (size_t i = 0; i < n; i++) bytes += layers[i].stored_bytes;
    for (size_t i = 0; i < n; i++) {
        const lb_layer_record *l = &layers[i];
        const double share = bytes > 0.0 ? l->stored_bytes / bytes : 0.0;
        LB_TRY(lb_table_print(&t, i, 0, "%s", l->name));
        LB_TRY(lb_table_print(&t, i, 1, "%d", l->w_bits));
        LB_TRY(lb_table_print(&t, i, 2, "%d", l->a_bits));
        LB_TRY(lb_table_print(&t, i, 3, "%zu", l->weights));
        LB_TRY(lb_table_print(&t, i, 4, "%.3f", (double)l->macs * 1e-6));
        LB_TRY(lb_table_print(&t, i, 5, "%.2f", l->stored_bytes / KIB));
        LB_TRY(lb_table_print(&t, i, 6, "%.1f", 100.0 * share));
        LB_TRY(lb_table_print(&t, i, 7, "%.1f", 100.0 * l->sparsity));
        t.cells[i * t.columns + 1].bar = l->w_bits / 32.0;
        t.cells[i * t.columns + 6].bar = share;
        t.cells[i * t.columns + 7].bar = l->sparsity;
    }
    *out = t;
    return LB_OK;
}

/* One row; figures that are not there yet stay empty. */
static lb_status run_row(const lb_report_run *run, lb_table *t, size_t row)
{
    const lb_run_record *r = run->record;
    LB_TRY(lb_table_print(t, row, 0, "%lld", (long long)r->id));
    LB_TRY(lb_table_print(t, row, 1, "%s", lb_run_state_name(r->state)));
    LB_TRY(lb_table_print(t, row, 2, "%s%s", run->experiment, run->search ? " (search)" : ""));
    LB_TRY(lb_table_print(t, row, 3, "%s", r->data));
    LB_TRY(lb_table_print(t, row, 4, "%s", r->model));
    LB_TRY(lb_table_print(t, row, 5, "%s", r->method));
    LB_TRY(widths_of(r, t, row, 6));
    LB_TRY(lb_table_print(t, row, 7, "%llu", (unsigned long long)r->seed));
    if (r->epochs > 0) {
        LB_TRY(lb_table_print(t, row, 8, "%.2f", r->best_top1));
        LB_TRY(lb_table_print(t, row, 9, "%.2f", r->last_top1));
        LB_TRY(lb_table_print(t, row, 10, "%zu", r->best_epoch));
        LB_TRY(lb_table_print(t, row, 11, "%zu", r->epochs));
    }
    if (r->stored_bytes > 0.0) {
        LB_TRY(lb_table_print(t, row, 12, "%.1f", r->stored_bytes / KIB));
        LB_TRY(lb_table_print(t, row, 13, "%.2f", r->bit_operations * 1e-6));
    }
    if (r->seconds > 0.0) LB_TRY(lb_table_print(t, row, 14, "%.0f", r->seconds));
    LB_TRY(lb_table_print(t, row, 15, "%.12s", r->hash));
    if (r->state != LB_RUN_OK) t->cells[row * t->columns + 1].look = LB_LOOK_WEAK;
    return lb_table_print(t, row, 16, "%s", r->message != NULL ? r->message : "");
}

lb_status lb_run_table(const lb_report_data *data, lb_arena *arena, lb_table *out)
{
    static const char *const heads[] = {
        "run",     "<state",  "<experiment", "<data",      "<model", "<method", "<widths",
        "seed",    "top-1 %", "last %",      "best epoch", "epochs", "KiB",     "Mbit operations",
        "seconds", "<hash",   "<message"};
    lb_table t;
    LB_TRY(lb_table_init(&t, arena, data->n_runs, sizeof heads / sizeof *heads));
    set_heads(&t, heads);
    t.name = "runs";
    t.title = "All runs";
    t.row_headers = 1;
    t.sortable = true;
    for (size_t i = 0; i < data->n_runs; i++) LB_TRY(run_row(&data->runs[i], &t, i));
    *out = t;
    return LB_OK;
}
