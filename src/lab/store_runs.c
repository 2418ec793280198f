/* Writing runs with their settings, epochs, layers and histograms. */
#include "lab/store_runs.h"

#include <string.h>

#include "lab/store_run_rows.h"
#include "train/description.h"

/* ---- writing --------------------------------------------------------------------------------- */

lb_run_record lb_run_record_of(const lb_resolved_run *run, const char *hash)
{
    const lb_settings *s = run->settings;
    const lb_quant_config *q = &run->quant;
    lb_run_record r = {
        .message = "",
        .settings = run->json,
        .data = lb_settings_value(s, LB_KEY_DATA),
        .model = lb_settings_value(s, LB_KEY_MODEL),
        .method = lb_settings_value(s, LB_KEY_METHOD),
        .weights = lb_resolved_weights(run),
        .activations = lb_resolved_activations(run),
        .w_bits = q->weights != NULL ? q->weight_setting.bits : LB_FLOAT_BITS,
        .a_bits = q->acts != NULL ? q->act_setting.bits : LB_FLOAT_BITS,
        .ternary = q->weights != NULL && lb_weights_are_ternary(q->weights, &q->weight_setting),
        .seed = run->seed,
        .folder = "",
        .split = strcmp(lb_settings_value(s, LB_KEY_VAL_SPLIT), "0") == 0 ? "test" : "validation",
        .epochs_wanted = run->epochs,
        .machine = "",
        .version = "",
        .started = "",
        .finished = "",
    };
    memcpy(r.hash, hash, LB_RUN_HASH_BYTES);
    return r;
}

int lb_run_completeness(lb_run_state state)
{
    if (state == LB_RUN_OK || state == LB_RUN_DNC) return 2;
    return state == LB_RUN_FAILED ? 1 : 0;
}

#define BIND(column, kind) lb_bind_##kind(statement, at++, &record->column);

lb_status lb_store_put_run_row(lb_store *store, const lb_run_record *record, int64_t *run_id)
{
    static const char sql[] =
        "INSERT INTO runs (id" LB_RUN_COLUMNS(LB_SQL_NAME) ") VALUES (NULL" LB_RUN_COLUMNS(
            LB_SQL_MARK) ") ON CONFLICT (hash) DO UPDATE SET id = id" LB_RUN_COLUMNS(LB_SQL_UPDATE) " RETURNING id";
    sqlite3_stmt *statement = NULL;
    bool row = false;
    int at = 1;
    LB_TRY(lb_store_statement(store, sql, &statement));
    LB_RUN_COLUMNS(BIND)
    LB_TRY(lb_store_step(store, statement, &row));
    *run_id = sqlite3_column_int64(statement, 0);
    return lb_store_run(store, statement);
}

static lb_status put_settings(lb_store *store, int64_t run, const lb_settings *settings)
{
    sqlite3_stmt *statement = NULL;
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        const char *value = lb_settings_value(settings, (lb_key)k);
        if (value == NULL || !lb_setting_is_kept((lb_key)k)) continue;
        LB_TRY(lb_store_statement(store, "INSERT INTO settings (run, key, value) VALUES (?, ?, ?)",
                                  &statement));
        (void)sqlite3_bind_int64(statement, 1, run);
        lb_bind_text(statement, 2, &lb_setting_table[k].key);
        lb_bind_text(statement, 3, &value);
        LB_TRY(lb_store_run(store, statement));
    }
    return LB_OK;
}

static lb_status put_epoch(lb_store *store, int64_t run, const lb_epoch_record *record)
{
    static const char sql[] = "INSERT INTO epochs (run" LB_EPOCH_COLUMNS(
        LB_SQL_NAME) ") VALUES (?" LB_EPOCH_COLUMNS(LB_SQL_MARK) ")";
    sqlite3_stmt *statement = NULL;
    int at = 2;
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, run);
    LB_EPOCH_COLUMNS(BIND)
    return lb_store_run(store, statement);
}

static lb_status put_layer(lb_store *store, int64_t run, size_t position,
                           const lb_layer_record *record)
{
    static const char sql[] = "INSERT INTO layers (run, position" LB_LAYER_COLUMNS(
        LB_SQL_NAME) ") VALUES (?, ?" LB_LAYER_COLUMNS(LB_SQL_MARK) ")";
    sqlite3_stmt *statement = NULL;
    int at = 3;
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, run);
    lb_bind_size(statement, 2, &position);
    LB_LAYER_COLUMNS(BIND)
    return lb_store_run(store, statement);
}

static lb_status put_histogram(lb_store *store, int64_t run, size_t position,
                               const lb_histogram_record *record)
{
    static const char sql[] = "INSERT INTO histograms (run, position" LB_HISTOGRAM_COLUMNS(
        LB_SQL_NAME) ") VALUES (?, ?" LB_HISTOGRAM_COLUMNS(LB_SQL_MARK) ")";
    sqlite3_stmt *statement = NULL;
    int at = 3;
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, run);
    lb_bind_size(statement, 2, &position);
    LB_HISTOGRAM_COLUMNS(BIND)
    return lb_store_run(store, statement);
}

lb_status lb_store_clear_run(lb_store *store, int64_t run)
{
    static const char *const deletes[] = {
        "DELETE FROM settings WHERE run = ?", "DELETE FROM epochs WHERE run = ?",
        "DELETE FROM layers WHERE run = ?", "DELETE FROM histograms WHERE run = ?"};
    sqlite3_stmt *statement = NULL;
    for (size_t i = 0; i < sizeof deletes / sizeof *deletes; i++) {
        LB_TRY(lb_store_statement(store, deletes[i], &statement));
        (void)sqlite3_bind_int64(statement, 1, run);
        LB_TRY(lb_store_run(store, statement));
    }
    return LB_OK;
}

lb_status lb_store_put_run(lb_store *store, const lb_run_contents *run, int64_t *run_id)
{
    int64_t id = 0;
    LB_TRY(lb_store_put_run_row(store, &run->record, &id));
    LB_TRY(lb_store_clear_run(store, id));
    LB_TRY(put_settings(store, id, run->settings));
    for (size_t i = 0; i < run->n_epochs; i++) LB_TRY(put_epoch(store, id, &run->epochs[i]));
    for (size_t i = 0; i < run->n_layers; i++) {
        LB_TRY(put_layer(store, id, i, &run->layers[i]));
        if (run->histograms != NULL) LB_TRY(put_histogram(store, id, i, &run->histograms[i]));
    }
    *run_id = id;
    return LB_OK;
}

/* ---- a run that ended with an error ---------------------------------------------------------- */

/* The row of a failure: of a run that was seen before, its epochs and costs stay. */
static lb_status put_failure(lb_store *store, const lb_resolved_run *run, const char *hash,
                             const char *message, int64_t *run_id)
{
    lb_run_contents contents = {.record = lb_run_record_of(run, hash), .settings = run->settings};
    lb_run_record before;
    bool found = false;
    LB_TRY(lb_store_find(store, hash, &found, &before));
    if (found && lb_run_completeness(before.state) == lb_run_completeness(LB_RUN_OK)) {
        *run_id = before.id;
        return LB_OK;
    }
    lb_run_record *r = found ? &before : &contents.record;
    r->state = LB_RUN_FAILED;
    r->message = message;
    return found ? lb_store_put_run_row(store, r, run_id)
                 : lb_store_put_run(store, &contents, run_id);
}

lb_status lb_store_record_failure(lb_store *store, const lb_settings *settings, const char *hash,
                                  const char *message, int64_t *run_id)
{
    lb_resolved_run run;
    lb_status status = lb_resolve_run(settings, &run);
    if (status == LB_OK) status = lb_store_begin(store);
    if (status == LB_OK)
        status = lb_store_end(store, put_failure(store, &run, hash, message, run_id));
    lb_resolved_run_release(&run);
    return status;
}
