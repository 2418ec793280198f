/* From a run's folder to the store: settings from config.json, epochs from last.safetensors, which metrics.csv is a
 * view of, layers and costs from best.safetensors. All is read before the transaction begins, so that other writers
 * wait for rows only. */
#define _XOPEN_SOURCE 700 /* realpath */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/file.h"
#include "lab/machine.h"
#include "lab/run_weights.h"
#include "lab/store.h"
#include "models/cost.h"
#include "train/checkpoint.h"
#include "train/run.h"

enum { CONFIG_MAX_BYTES = 1 << 20, VERSION_BYTES = 32, TIME_BYTES = 32 };

/* What a folder holds. */
typedef struct folder_run {
    const char *folder;
    char *place;                /* the folder from the root */
    char *config, *last, *best; /* paths */
    lb_settings *settings;      /* of config.json */
    lb_run_facts facts;
    char version[VERSION_BYTES], started[TIME_BYTES], finished[TIME_BYTES];
    lb_resolved_run resolved;
    lb_progress progress;
    lb_epoch_record *epochs;
    lb_inspection *costs; /* NULL: there is no checkpoint yet */
    lb_run_weights weights;
    char *machine;
} folder_run;

static void release(folder_run *f)
{
    lb_free(f->config);
    lb_free(f->last);
    lb_free(f->best);
    lb_free(f->machine);
    free(f->place);
    lb_free(f->epochs);
    lb_settings_destroy(f->settings);
    lb_resolved_run_release(&f->resolved);
    lb_progress_release(&f->progress);
    lb_inspection_destroy(f->costs);
    lb_run_weights_release(&f->weights);
}

/* ---- reading --------------------------------------------------------------------------------- */

/* The version that wrote the description, where it says so. */
static void read_version(const char *text, char out[VERSION_BYTES])
{
    json_t *root = json_loads(text, 0, NULL);
    const char *version = json_string_value(json_object_get(root, "lowbit"));
    (void)snprintf(out, VERSION_BYTES, "%s", version != NULL ? version : "");
    json_decref(root);
}

/* When the file was written last, as ISO 8601; "" where there is none. */
static void read_time(const char *path, char out[TIME_BYTES])
{
    struct stat info;
    struct tm utc;
    out[0] = '\0';
    if (stat(path, &info) == 0 && gmtime_r(&info.st_mtime, &utc) != NULL)
        (void)strftime(out, TIME_BYTES, "%Y-%m-%dT%H:%M:%SZ", &utc);
}

/* Put a checkpoint that the run began with behind the settings, by its contents: runs that differ in it alone are no
 * repetitions of each other. */
static lb_status add_checkpoint(lb_resolved_run *run, const char *key, const char *sha256)
{
    if (sha256[0] == '\0') return LB_OK;
    const size_t length = strlen(run->json) - 1; /* without the brace at its end */
    const size_t bytes = length + strlen(key) + strlen(sha256) + sizeof ",\"\": \"\"}";
    void *block = NULL;
    LB_TRY(lb_alloc(bytes, 1, "settings", &block));
    (void)snprintf(block, bytes, "%.*s,\"%s\": \"%s\"}", (int)length, run->json, key, sha256);
    lb_free(run->json);
    run->json = block;
    return LB_OK;
}

static lb_status read_config(folder_run *f)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    if (!lb_path_exists(f->config))
        return lb_fail(LB_E_IO, "%s: no run is there: config.json is missing", f->folder);
    LB_TRY(lb_file_read(f->config, CONFIG_MAX_BYTES, &text, &bytes));
    lb_status status = lb_settings_create(&f->settings);
    if (status == LB_OK)
        status = lb_run_description_read(f->config, (const char *)text, f->settings, &f->facts);
    if (status == LB_OK) status = lb_resolve_run(f->settings, &f->resolved);
    if (status == LB_OK) status = add_checkpoint(&f->resolved, "init", f->facts.init);
    if (status == LB_OK) status = add_checkpoint(&f->resolved, "teacher", f->facts.teacher);
    if (status == LB_E_ARG) status = lb_fail_in(LB_E_FORMAT, "%s", f->config);
    if (status == LB_OK) read_version((const char *)text, f->version);
    lb_free(text);
    read_time(f->config, f->started);
    return status;
}

static lb_status read_progress(folder_run *f)
{
    if (!lb_path_exists(f->last)) return LB_OK;
    lb_safetensors *file = NULL;
    LB_TRY(lb_checkpoint_open(f->last, &file));
    const char *text = lb_safetensors_metadata(file, "progress");
    const lb_status status = text != NULL
                                 ? lb_progress_read(f->last, text, &f->progress)
                                 : lb_fail(LB_E_FORMAT, "%s: 'progress' is missing", f->last);
    lb_safetensors_close(file);
    return status;
}

static lb_status list_epochs(folder_run *f)
{
    void *block = NULL;
    LB_TRY(lb_alloc(f->progress.n_rows, sizeof *f->epochs, "epochs", &block));
    f->epochs = block;
    for (size_t i = 0; i < f->progress.n_rows; i++) {
        const lb_epoch_row *row = &f->progress.rows[i];
        const bool mixed = lb_epoch_row_is_mixed(row);
        f->epochs[i].epoch = i + 1;
#define X(field, column) f->epochs[i].field = row->field;
        LB_EPOCH_ROW_LIST(X)
#undef X
#define X(field, column) f->epochs[i].field = mixed ? row->field : (double)NAN;
        LB_MIXED_ROW_LIST(X)
#undef X
    }
    return LB_OK;
}

static lb_status read_network(folder_run *f)
{
    if (!lb_path_exists(f->best) && !lb_path_exists(f->last)) return LB_OK;
    lb_run run;
    lb_status status = lb_run_open(f->folder, &run);
    if (status == LB_OK) status = lb_cost_of_net(&run.net, &f->costs);
    if (status == LB_OK) status = lb_describe_weights(&run.net, f->costs, &f->weights);
    lb_run_release(&run);
    return status;
}

static lb_status read_folder(folder_run *f)
{
    LB_TRY(lb_path_join(f->folder, "config.json", &f->config));
    LB_TRY(lb_path_join(f->folder, "last.safetensors", &f->last));
    LB_TRY(lb_path_join(f->folder, "best.safetensors", &f->best));
    LB_TRY(read_config(f));
    LB_TRY(read_progress(f));
    LB_TRY(lb_resolve_stages(f->settings, &f->progress, &f->resolved));
    LB_TRY(list_epochs(f));
    return read_network(f);
}

/* ---- the record ------------------------------------------------------------------------------ */

static lb_run_state state_of(const folder_run *f)
{
    const lb_progress *p = &f->progress;
    const bool at_end = p->diverged || (p->n_rows > 0 && p->n_rows >= f->resolved.epochs);
    if (!at_end) return LB_RUN_RUNNING;
    const char *status =
        lb_progress_status(p, f->facts.classes, f->resolved.epochs, f->resolved.counts_from);
    return strcmp(status, "ok") == 0 ? LB_RUN_OK : LB_RUN_DNC;
}

static void fill_accuracies(const folder_run *f, lb_run_record *r)
{
    const lb_progress *p = &f->progress;
    r->epochs = p->n_rows;
    if (p->n_rows == 0) return;
    const size_t best = lb_progress_best(p, f->resolved.counts_from);
    r->best_epoch = best + 1;
    r->best_top1 = p->rows[best].val_top1;
    r->best_top5 = p->rows[best].val_top5;
    r->last_top1 = p->rows[p->n_rows - 1].val_top1;
}

static void fill_costs(const lb_inspection *costs, lb_run_record *r)
{
    if (costs == NULL) return;
    r->parameters = costs->parameters;
    r->macs = costs->macs;
    r->stored_bytes = costs->stored_bytes;
    r->float_bytes = costs->float_bytes;
    r->bit_operations = costs->bit_operations;
    r->effective_w_bits = costs->weight_bits;
    r->effective_a_bits = costs->act_bits;
}

static lb_run_contents contents_of(folder_run *f, const char *hash)
{
    lb_run_contents c = {
        .record = lb_run_record_of(&f->resolved, hash),
        .settings = f->resolved.settings,
        .epochs = f->epochs,
        .n_epochs = f->progress.n_rows,
        .layers = f->weights.layers,
        .histograms = f->weights.histograms,
        .n_layers = f->weights.n,
    };
    lb_run_record *r = &c.record;
    r->state = state_of(f);
    if (r->state != LB_RUN_RUNNING) read_time(f->last, f->finished);
    r->folder = f->place != NULL ? f->place : f->folder;
    r->machine = f->machine != NULL ? f->machine : "";
    r->version = f->version;
    r->started = f->started;
    r->finished = f->finished;
    fill_accuracies(f, r);
    fill_costs(f->costs, r);
    return c;
}

/* ---- into the store -------------------------------------------------------------------------- */

/* A run that is complete is not replaced by a half one. What only its worker knew stays where this call does not
 * know it; it started when it was seen first. */
static lb_status put(lb_store *store, lb_run_contents *c, double seconds, int64_t *run_id)
{
    bool found = false;
    lb_run_record before;
    lb_run_record *r = &c->record;
    LB_TRY(lb_store_find(store, r->hash, &found, &before));
    if (found && r->state == LB_RUN_RUNNING &&
        (before.state == LB_RUN_OK || before.state == LB_RUN_DNC)) {
        *run_id = before.id;
        return LB_OK;
    }
    r->seconds = seconds;
    if (found) {
        if (seconds <= 0.0) r->seconds = before.seconds;
        if (r->machine[0] == '\0') r->machine = before.machine;
        if (before.started[0] != '\0') r->started = before.started;
    }
    return lb_store_put_run(store, c, run_id);
}

static lb_status check_hash(const folder_run *f, const char *hash, char own[LB_RUN_HASH_BYTES])
{
    lb_resolved_run_hash(&f->resolved, f->facts.init, f->facts.teacher, own);
    if (hash == NULL || strcmp(hash, own) == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: holds run %.12s, not %.12s", f->folder, own, hash);
}

lb_status lb_store_import(lb_store *store, const char *folder, const char *hash, double seconds,
                          int64_t *run_id)
{
    folder_run f = {.folder = folder, .place = realpath(folder, NULL)};
    char own[LB_RUN_HASH_BYTES] = "";
    lb_status status = read_folder(&f);
    if (status == LB_OK) status = check_hash(&f, hash, own);
    if (status == LB_OK && hash != NULL) status = lb_machine_describe(&f.machine);
    if (status == LB_OK) status = lb_store_begin(store);
    if (status == LB_OK) {
        lb_run_contents contents = contents_of(&f, own);
        status = lb_store_end(store, put(store, &contents, seconds, run_id));
    }
    release(&f);
    return status;
}
