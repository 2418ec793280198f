/* Accuracy against what it costs, in bytes and in bit operations, and the runs that no other one beats in both. */
#include "lab/plot.h"

#include <stdlib.h>

static double cost_of(const lb_run_record *r, bool operations)
{
    return operations ? r->bit_operations : r->stored_bytes;
}

static bool counts(const lb_run_record *r, bool operations)
{
    return r->state == LB_RUN_OK && cost_of(r, operations) > 0.0;
}

static int by_cost(const lb_run_record *a, const lb_run_record *b, bool operations)
{
    const double x = cost_of(a, operations), y = cost_of(b, operations);
    if (x != y) return x < y ? -1 : 1;
    if (a->best_top1 != b->best_top1) return a->best_top1 > b->best_top1 ? -1 : 1;
    return (a->id > b->id) - (a->id < b->id);
}

static int by_size(const void *a, const void *b)
{
    return by_cost(*(const lb_run_record *const *)a, *(const lb_run_record *const *)b, false);
}

static int by_operations(const void *a, const void *b)
{
    return by_cost(*(const lb_run_record *const *)a, *(const lb_run_record *const *)b, true);
}

size_t lb_pareto_front(const lb_selection *selection, bool operations, const lb_run_record **front)
{
    size_t n = 0, kept = 0;
    for (size_t i = 0; i < selection->n; i++) {
        const lb_run_record *r = selection->entries[i].run->record;
        if (counts(r, operations)) front[n++] = r;
    }
    if (n > 0) qsort(front, n, sizeof(*front), operations ? by_operations : by_size);
    for (size_t i = 0; i < n; i++) {
        if (kept == 0 || front[i]->best_top1 > front[kept - 1]->best_top1) front[kept++] = front[i];
    }
    return kept;
}

static size_t write_points(FILE *script, const lb_selection *s, size_t series, bool operations)
{
    size_t n = 0;
    for (size_t i = 0; i < s->n; i++) {
        const lb_run_record *r = s->entries[i].run->record;
        if (s->entries[i].series != series || !counts(r, operations)) continue;
        if (n++ == 0) (void)fprintf(script, "$d%zu << EOD\n", series);
        (void)fprintf(script, "%.6g %.4f\n",
                      operations ? r->bit_operations * 1e-6 : r->stored_bytes / 1024.0,
                      r->best_top1);
    }
    if (n > 0) (void)fputs("EOD\n", script);
    return n;
}

static void write_front(FILE *script, const lb_run_record *const *front, size_t n, bool operations)
{
    (void)fputs("$front << EOD\n", script);
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(script, "%.6g %.4f\n",
                      cost_of(front[i], operations) / (operations ? 1e6 : 1024.0),
                      front[i]->best_top1);
    }
    (void)fputs(
        "EOD\nplot $front using 1:2 with steps lw 1.5 lc rgb '#808080' title 'Pareto front', "
        "$front using 1:2 with points pt 6 ps 1.3 lw 1.5 lc rgb '#808080' notitle",
        script);
}

static lb_status plot_cost(lb_pictures *pictures, const lb_selection *s, const char *prefix,
                           bool operations, const lb_run_record **front)
{
    const size_t n = lb_pareto_front(s, operations, front);
    if (n == 0) return LB_OK;
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, operations ? "million bit operations an image" : "KiB of parameters",
                 "top-1 %");
    (void)fputs("set logscale x\nset format x '%g'\n", script);
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&pictures->arena, s->n_series, sizeof(bool), "picture", &block));
    bool *drawn = block;
    for (size_t k = 0; k < s->n_series; k++) drawn[k] = write_points(script, s, k, operations) > 0;
    write_front(script, front, n, operations);
    for (size_t k = 0; k < s->n_series; k++) {
        if (!drawn[k]) continue;
        (void)fprintf(script, ", $d%zu using 1:2 with points ps 0.6", k);
        lb_plot_style(script, k);
        (void)fputs(" title ", script);
        lb_plot_quote(script, s->series[k]);
    }
    return lb_picture_end(pictures, prefix, operations ? "operations" : "size",
                          operations ? "Accuracy against bit operations" : "Accuracy against size",
                          operations ? "Points of top-1 accuracy over bit operations, one for each "
                                       "run, with the Pareto front as a stepped line."
                                     : "Points of top-1 accuracy over stored size, one for each "
                                       "run, with the Pareto front as a stepped line.",
                          LB_PICTURE_HEIGHT);
}

lb_status lb_plot_costs(lb_pictures *pictures, const lb_selection *selection, const char *prefix)
{
    void *block = NULL;
    LB_TRY(lb_alloc(selection->n, sizeof(lb_run_record *), "Pareto front", &block));
    lb_status status = plot_cost(pictures, selection, prefix, false, block);
    if (status == LB_OK) status = plot_cost(pictures, selection, prefix, true, block);
    lb_free(block);
    return status;
}
