/* Our results beside the papers' figures.
 *
 * For every point of an experiment its settings are made once; a figure belongs to the point that has all
 * settings of its `where`. What the store has of the point's seeds is summed up once a point:
 *
 *     ours = max over seeds of best top-1      mean = mean over seeds of best top-1
 *
 * over the seeds that converge; top-5 likewise. A point none of whose seeds converges is DNC. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "lab/paper_figures.h"
#include "lowbit/inspect.h"
#include "lowbit/results.h"
#include "lowbit/sweep.h"

static const char quick_ending[] = ".quick";

const char *lb_figure_state_name(lb_figure_state state)
{
    static const char *const names[] = {"left out", "not run", "running", "ok", "dnc", "failed"};
    return names[state];
}

/* ---- what the store has of a point ----------------------------------------------------------- */

/* Sums over the seeds of one point. */
typedef struct point_result {
    size_t ended, ok, dnc, failed, running; /* ended: ok, dnc or failed */
    double best_top1, sum_top1, best_top5, sum_top5, last_top1;
    const char *split;
} point_result;

static void add_run(point_result *point, const lb_run_record *run)
{
    /* the record's own text goes with the next call on the store */
    point->split = strcmp(run->split, "validation") == 0 ? "validation" : "test";
    point->running += run->state == LB_RUN_RUNNING;
    point->dnc += run->state == LB_RUN_DNC;
    point->failed += run->state == LB_RUN_FAILED;
    point->ended += run->state != LB_RUN_RUNNING;
    if (run->state != LB_RUN_OK) return;
    if (point->ok == 0 || run->best_top1 > point->best_top1) {
        point->best_top1 = run->best_top1;
        point->last_top1 = run->last_top1;
    }
    point->best_top5 = fmax(point->ok == 0 ? 0.0 : point->best_top5, run->best_top5);
    point->sum_top1 += run->best_top1;
    point->sum_top5 += run->best_top5;
    point->ok++;
}

/* Reads the runs of cells into their points. */
typedef struct cell_reader {
    lb_store *store;
    point_result *points;
    lb_status status;
} cell_reader;

static void add_cell(const lb_sweep_cell *cell, void *user)
{
    cell_reader *reader = user;
    const lb_cell_record *record = &cell->record;
    if (reader->status != LB_OK || record->stage != LB_CELL_FULL || record->hash[0] == '\0') return;
    bool found = false;
    lb_run_record run;
    reader->status = lb_store_find(reader->store, record->hash, &found, &run);
    if (reader->status == LB_OK && found) add_run(&reader->points[record->point], &run);
}

/* What the store has of the experiment's runs, whichever experiment wanted them. Nothing where there is no store. */
static lb_status read_results(const lb_experiment *experiment, const char *path,
                              point_result *points)
{
    if (path == NULL || !lb_path_exists(path)) return LB_OK;
    const lb_sweep_options options = {.store = path};
    cell_reader reader = {.points = points, .status = LB_OK};
    LB_TRY(lb_store_open(path, LB_STORE_READ, &reader.store));
    const lb_status listed = lb_sweep_list(experiment, &options, add_cell, &reader);
    lb_store_close(reader.store);
    return reader.status != LB_OK ? reader.status : listed;
}

/* ---- one figure ------------------------------------------------------------------------------ */

static bool fits(const lb_paper_figure *figure, const lb_settings *settings)
{
    char key[64], value[192];
    for (const char *at = figure->where; lb_paper_figure_take(&at, key, value);) {
        const char *ours = lb_settings_get(settings, key);
        if (strcmp(ours != NULL ? ours : "", value) != 0) return false;
    }
    return true;
}

static void fill_accuracy(lb_compared_figure *figure, const point_result *point)
{
    const bool top5 = figure->paper.metric == LB_METRIC_TOP5;
    figure->split = point->split != NULL ? point->split : "";
    if (point->ok > 0) {
        figure->state = LB_FIGURE_OK;
        figure->seeds = point->ok;
        figure->ours = top5 ? point->best_top5 : point->best_top1;
        figure->mean = (top5 ? point->sum_top5 : point->sum_top1) / (double)point->ok;
        if (!top5) figure->last = point->last_top1;
    } else if (point->dnc > 0) {
        figure->state = LB_FIGURE_DNC;
    } else if (point->running > 0) {
        figure->state = LB_FIGURE_RUNNING;
    } else {
        figure->state = point->failed > 0 ? LB_FIGURE_FAILED : LB_FIGURE_NOT_RUN;
    }
}

/* Sizes do not wait for training: the network is built. */
static lb_status fill_size(lb_compared_figure *figure, const lb_settings *settings)
{
    enum { CLASSES = 10 }; /* MNIST's and CIFAR-10's: the thesis counts sizes on no other data */
    lb_inspection *network = NULL;
    LB_TRY(lb_inspect_settings(settings, 0, 0, 0, CLASSES, &network));
    const double parameters = (double)network->parameters;
    figure->state = LB_FIGURE_OK;
    figure->ours = figure->paper.metric == LB_METRIC_PARAMETERS ? parameters
                   : figure->paper.metric == LB_METRIC_MEGABYTES
                       ? network->uniform_bytes / 1048576.0
                       : parameters * 4.0 / network->uniform_bytes;
    lb_inspection_destroy(network);
    return LB_OK;
}

static lb_status fill(lb_compared_figure *figure, size_t index, const point_result *point,
                      const lb_settings *settings)
{
    figure->point = index;
    if (lb_metric_is_accuracy(figure->paper.metric)) {
        fill_accuracy(figure, point);
    } else {
        LB_TRY(fill_size(figure, settings));
    }
    figure->difference = figure->ours - figure->paper.value;
    return LB_OK;
}

/* ---- all of them ----------------------------------------------------------------------------- */

static lb_status compare_point(const lb_experiment *experiment, const char *path, size_t index,
                               const point_result *point, lb_comparison *out)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    lb_settings *settings = NULL;
    LB_TRY(lb_experiment_run_settings(experiment, index, info.search.trials > 0 ? 0 : LB_NO_TRIAL,
                                      0, &settings));
    lb_status status = LB_OK;
    for (size_t i = 0; i < out->n && status == LB_OK; i++) {
        lb_compared_figure *figure = &out->figures[i];
        if (!fits(&figure->paper, settings)) continue;
        status = figure->state == LB_FIGURE_LEFT_OUT
                     ? fill(figure, index, point, settings)
                     : lb_fail(LB_E_FORMAT, "%s:%zu: '%s' fits points %zu and %zu of %s", path,
                               figure->paper.line, figure->paper.where, figure->point + 1,
                               index + 1, info.name);
    }
    lb_settings_destroy(settings);
    if (point->ended == info.seeds) out->points_done++;
    return status;
}

/* The figures of that experiment, not yet compared; their texts are the arena's. */
static lb_status pick_figures(const lb_paper_figures *figures, const char *name, lb_arena *arena,
                              lb_comparison *out)
{
    size_t length = strlen(name);
    const size_t ending = strlen(quick_ending);
    if (length > ending && strcmp(name + length - ending, quick_ending) == 0) length -= ending;
    void *picked = NULL;
    LB_TRY(lb_arena_alloc(arena, figures->n + 1, sizeof *out->figures, "comparison", &picked));
    out->figures = picked;
    for (size_t i = 0; i < figures->n; i++) {
        const lb_paper_figure *figure = &figures->items[i];
        if (strlen(figure->experiment) != length || strncmp(figure->experiment, name, length) != 0)
            continue;
        out->figures[out->n++] = (lb_compared_figure){.paper = *figure,
                                                      .state = LB_FIGURE_LEFT_OUT,
                                                      .ours = NAN,
                                                      .mean = NAN,
                                                      .last = NAN,
                                                      .difference = NAN,
                                                      .split = ""};
    }
    return LB_OK;
}

lb_status lb_comparison_make(const lb_experiment *experiment, const char *figures_path,
                             const char *store_path, lb_comparison *out)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    lb_paper_figures figures = {0};
    LB_TRY(lb_paper_figures_read(figures_path, &figures));
    lb_comparison made = {.points = info.points};
    void *points = NULL;
    lb_status status = pick_figures(&figures, info.name, &figures.arena, &made);
    if (status == LB_OK)
        status = lb_alloc(info.points, sizeof(point_result), "results of points", &points);
    if (status == LB_OK) status = read_results(experiment, store_path, points);
    for (size_t p = 0; p < info.points && status == LB_OK; p++)
        status =
            compare_point(experiment, figures_path, p, (const point_result *)points + p, &made);
    lb_free(points);
    made.memory = figures.arena.last; /* it holds the figures and their texts */
    if (status != LB_OK) {
        lb_comparison_release(&made);
        return status;
    }
    *out = made;
    return LB_OK;
}

void lb_comparison_release(lb_comparison *comparison)
{
    lb_arena arena = {.last = comparison->memory};
    lb_arena_release(&arena);
    *comparison = (lb_comparison){0};
}
