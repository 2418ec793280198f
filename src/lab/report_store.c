/* Reading a store, or folders of runs by way of a store, for a report. */
#include "lab/report_store.h"

#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/report_stop.h"

/* ---- records --------------------------------------------------------------------------------- */

static lb_status read_epochs(void *user, int64_t run_id, lb_epoch_record **out, size_t *n)
{
    return lb_store_epochs(user, run_id, out, n);
}

static lb_status read_layers(void *user, int64_t run_id, lb_layer_record **out, size_t *n)
{
    return lb_store_layers(user, run_id, out, n);
}

static lb_status read_histograms(void *user, int64_t run_id, lb_histogram_record **out, size_t *n)
{
    return lb_store_histograms(user, run_id, out, n);
}

static lb_status copy_or_null(lb_arena *arena, const char *text, const char **out)
{
    *out = NULL;
    if (text == NULL) return LB_OK;
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(arena, text, &copy));
    *out = copy;
    return LB_OK;
}

static lb_status copy_items(const lb_experiment *experiment, lb_arena *arena,
                            lb_report_experiment *out)
{
    lb_report_item item;
    size_t n = 0;
    while (lb_experiment_report_item(experiment, n, &item)) n++;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, n, sizeof item, "items of a report", &block));
    lb_report_item *items = block;
    for (size_t i = 0; i < n && lb_experiment_report_item(experiment, i, &item); i++) {
        items[i] = (lb_report_item){.kind = item.kind};
        LB_TRY(copy_or_null(arena, item.title, &items[i].title));
        LB_TRY(copy_or_null(arena, item.rows, &items[i].rows));
        LB_TRY(copy_or_null(arena, item.columns, &items[i].columns));
        LB_TRY(copy_or_null(arena, item.only, &items[i].only));
    }
    out->items = items;
    out->n_items = n;
    return LB_OK;
}

/* The report section of an experiment's text, by way of a file, as experiments are read from files. */
static lb_status read_items(const char *text, const char *scratch_folder, lb_arena *arena,
                            lb_report_experiment *out)
{
    char *path = NULL;
    LB_TRY(lb_path_join(scratch_folder, "experiment.yaml", &path));
    const lb_file_part part = {text, strlen(text)};
    lb_experiment *experiment = NULL;
    lb_status status = lb_file_write_atomic(path, &part, 1);
    if (status == LB_OK) {
        /* what an older version wrote may be refused by this one: its runs are shown all the same */
        const lb_status opened = lb_experiment_open(path, &experiment);
        if (opened == LB_OK) status = copy_items(experiment, arena, out);
        if (opened == LB_E_NOMEM) status = opened;
    }
    lb_experiment_close(experiment);
    (void)unlink(path);
    lb_free(path);
    return status;
}

static lb_status read_experiments(lb_report_records *r, const char *scratch_folder)
{
    size_t n = 0;
    LB_TRY(lb_store_experiments(r->store, &r->experiments, &n));
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&r->arena, n, sizeof *r->shown, "experiments", &block));
    r->shown = block;
    for (; r->n_shown < n; r->n_shown++) {
        const lb_experiment_record *e = &r->experiments[r->n_shown];
        lb_report_experiment *shown = &r->shown[r->n_shown];
        *shown = (lb_report_experiment){.name = e->name, .title = e->title};
        lb_cell_record *cells = NULL;
        LB_TRY(lb_store_cells(r->store, e->id, &cells, &shown->n_cells));
        shown->cells = cells;
        const lb_status status = read_items(e->text, scratch_folder, &r->arena, shown);
        if (status != LB_OK) {
            r->n_shown++; /* its cells are to be freed */
            return status;
        }
    }
    return LB_OK;
}

lb_status lb_report_records_init(lb_store *store, const char *filter, const char *scratch_folder,
                                 lb_report_records *out)
{
    *out = (lb_report_records){.store = store};
    LB_TRY(lb_store_list(store, filter, &out->runs));
    if (filter != NULL && out->runs.n == 0)
        return lb_fail(LB_E_ARG, "filter '%s': no run meets it; `lowbit results list` shows them",
                       filter);
    LB_TRY(read_experiments(out, scratch_folder));
    out->input = (lb_report_input){.runs = out->runs.runs,
                                   .n_runs = out->runs.n,
                                   .experiments = out->shown,
                                   .n_experiments = out->n_shown,
                                   .user = store,
                                   .epochs = read_epochs,
                                   .layers = read_layers,
                                   .histograms = read_histograms};
    return LB_OK;
}

void lb_report_records_release(lb_report_records *records)
{
    for (size_t i = 0; i < records->n_shown; i++)
        lb_records_free((void *)(uintptr_t)records->shown[i].cells);
    lb_records_free(records->experiments);
    lb_run_list_release(&records->runs);
    lb_arena_release(&records->arena);
    *records = (lb_report_records){.store = NULL};
}

/* ---- sources --------------------------------------------------------------------------------- */

static lb_status add_source(lb_store *store, const char *source, lb_report_procedures *procedures)
{
    if (lb_is_procedure(source)) return lb_report_procedures_add(procedures, source, store);
    if (lb_path_is_folder(source)) {
        int64_t id = 0;
        return lb_store_import(store, source, NULL, 0.0, &id);
    }
    lb_merge_counts counts;
    return lb_store_merge(store, source, &counts);
}

lb_status lb_report_open_sources(const char *const *sources, size_t n, const char *scratch_folder,
                                 lb_store **out, lb_report_procedures *procedures)
{
    *procedures = (lb_report_procedures){.n = 0};
    if (n == 0) return lb_fail(LB_E_ARG, "nothing to report on; wanted a store or folders of runs");
    if (n == 1 && !lb_path_is_folder(sources[0])) {
        return lb_store_open(sources[0], LB_STORE_READ, out);
    }
    char *path = NULL;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&procedures->arena, n, sizeof *procedures->items, "procedures", &block));
    procedures->items = block;
    LB_TRY(lb_path_join(scratch_folder, "store.sqlite", &path));
    lb_store *store = NULL;
    lb_status status = lb_store_open(path, LB_STORE_WRITE, &store);
    for (size_t i = 0; i < n && status == LB_OK && !lb_report_stop_wanted(); i++)
        status = add_source(store, sources[i], procedures);
    lb_free(path);
    if (status != LB_OK) {
        lb_store_close(store);
        return status;
    }
    *out = store;
    return LB_OK;
}
