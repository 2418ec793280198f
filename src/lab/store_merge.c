/* Taking over another store. It is opened like any store, checked from end to end (PRAGMA quick_check), read in one
 * snapshot, and copied row by row; the tables' types and conditions refuse what no store may hold. */
#include <string.h>

#include "lab/store_cells.h"
#include "lab/store_run_rows.h"
#include "lab/store_runs.h"

static lb_status execute(lb_store *store, const char *sql)
{
    const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LB_OK : lb_store_fail(store);
}

static lb_status check_whole(lb_store *other)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    LB_TRY(lb_store_statement(other, "PRAGMA quick_check(1)", &statement));
    LB_TRY(lb_store_step(other, statement, &row));
    const char *text = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    const lb_status status = text != NULL && strcmp(text, "ok") == 0
                                 ? LB_OK
                                 : lb_fail(LB_E_FORMAT, "%s: damaged: %s", other->path,
                                           text != NULL ? text : "cannot be checked");
    (void)sqlite3_reset(statement);
    return status;
}

/* ---- runs ------------------------------------------------------------------------------------ */

/* The tables of what belongs to a run; the first column is the run's id in either store. */
#define SELECT(table, columns) "SELECT run" columns " FROM " table " WHERE run = ?"
#define INSERT(table, columns, marks) "INSERT INTO " table " (run" columns ") VALUES (?" marks ")"
#define COPY(table, columns, marks)                           \
    {                                                         \
        SELECT(table, columns), INSERT(table, columns, marks) \
    }
static const struct {
    const char *select, *insert; /* select NULL: lb_select_epochs */
} copies[] = {
    COPY("settings", ", key, value", ", ?, ?"),
    {NULL, INSERT("epochs", LB_EPOCH_COLUMNS(LB_SQL_NAME), LB_EPOCH_COLUMNS(LB_SQL_MARK))},
    COPY("layers", ", position" LB_LAYER_COLUMNS(LB_SQL_NAME), ", ?" LB_LAYER_COLUMNS(LB_SQL_MARK)),
    COPY("histograms", ", position" LB_HISTOGRAM_COLUMNS(LB_SQL_NAME),
         ", ?" LB_HISTOGRAM_COLUMNS(LB_SQL_MARK)),
};

static lb_status copy_row(lb_store *store, const char *insert, int64_t run, sqlite3_stmt *row)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_statement(store, insert, &statement));
    (void)sqlite3_bind_int64(statement, 1, run);
    for (int i = 1; i < sqlite3_column_count(row); i++)
        (void)sqlite3_bind_value(statement, i + 1, sqlite3_column_value(row, i));
    return lb_store_run(store, statement);
}

static lb_status copy_rows(lb_store *store, lb_store *other, size_t table, int64_t from, int64_t to)
{
    const char *select = copies[table].select;
    sqlite3_stmt *rows = NULL;
    bool row = false;
    LB_TRY(lb_store_statement(other, select != NULL ? select : lb_select_epochs(other), &rows));
    (void)sqlite3_bind_int64(rows, 1, from);
    lb_status status = lb_store_step(other, rows, &row);
    while (status == LB_OK && row) {
        status = copy_row(store, copies[table].insert, to, rows);
        if (status == LB_OK) status = lb_store_step(other, rows, &row);
    }
    (void)sqlite3_reset(rows);
    return status;
}

static bool is_better(const lb_run_record *theirs, const lb_run_record *ours)
{
    const int a = lb_run_completeness(theirs->state), b = lb_run_completeness(ours->state);
    return a != b ? a > b : a < lb_run_completeness(LB_RUN_OK) && theirs->epochs > ours->epochs;
}

static lb_status merge_run(lb_store *store, lb_store *other, const lb_run_record *theirs,
                           lb_merge_counts *counts)
{
    bool found = false;
    lb_run_record ours;
    LB_TRY(lb_store_find(store, theirs->hash, &found, &ours));
    if (found && !is_better(theirs, &ours)) {
        counts->same++;
        return LB_OK;
    }
    int64_t id = 0;
    LB_TRY(lb_store_put_run_row(store, theirs, &id));
    LB_TRY(lb_store_clear_run(store, id));
    for (size_t t = 0; t < sizeof copies / sizeof *copies; t++)
        LB_TRY(copy_rows(store, other, t, theirs->id, id));
    if (found)
        counts->updated++;
    else
        counts->added++;
    return LB_OK;
}

static lb_status merge_runs(lb_store *store, lb_store *other, lb_merge_counts *counts)
{
    lb_run_list list = {0};
    LB_TRY(lb_store_list(other, NULL, &list));
    lb_status status = LB_OK;
    for (size_t i = 0; status == LB_OK && i < list.n; i++)
        status = merge_run(store, other, &list.runs[i], counts);
    lb_run_list_release(&list);
    return status;
}

/* ---- experiments ----------------------------------------------------------------------------- */

static lb_status merge_cell(lb_store *store, int64_t experiment, lb_cell_record *cell)
{
    if (cell->run_id != 0) { /* the same run has another id here */
        bool found = false;
        lb_run_record run;
        LB_TRY(lb_store_find(store, cell->hash, &found, &run));
        cell->run_id = found ? run.id : 0;
    }
    return lb_put_cell(store, experiment, cell);
}

/* A cell of theirs is taken where it is done, or missing here. What is done here stays: lb_put_cell. Both lists stand
 * by position. */
static lb_status merge_cells(lb_store *store, lb_store *other, int64_t from, int64_t to)
{
    lb_cell_record *theirs = NULL, *ours = NULL;
    size_t n_theirs = 0, n_ours = 0, at = 0;
    lb_status status = lb_store_cells(other, from, &theirs, &n_theirs);
    if (status == LB_OK) status = lb_store_cells(store, to, &ours, &n_ours);
    for (size_t i = 0; status == LB_OK && i < n_theirs; i++) {
        while (at < n_ours && ours[at].position < theirs[i].position) at++;
        const bool is_here = at < n_ours && ours[at].position == theirs[i].position;
        if (theirs[i].done || !is_here) status = merge_cell(store, to, &theirs[i]);
    }
    lb_records_free(theirs);
    lb_records_free(ours);
    return status;
}

static lb_status merge_experiment(lb_store *store, lb_store *other, const lb_experiment_record *e)
{
    int64_t id = 0;
    const lb_status status = lb_put_experiment(store, e->name, e->title, e->text, &id);
    if (status == LB_E_ARG) { /* of many stores, the one that does not fit is to be named */
        return lb_fail(LB_E_ARG,
                       "%s: another experiment named '%s' is there already; drop the cells of one "
                       "of them first: `lowbit results forget %s`",
                       other->path, e->name, e->name);
    }
    LB_TRY(status);
    return merge_cells(store, other, e->id, id);
}

static lb_status merge_experiments(lb_store *store, lb_store *other)
{
    lb_experiment_record *theirs = NULL;
    size_t n = 0;
    lb_status status = lb_store_experiments(other, &theirs, &n);
    for (size_t i = 0; status == LB_OK && i < n; i++)
        status = merge_experiment(store, other, &theirs[i]);
    lb_records_free(theirs);
    return status;
}

/* ---- all ------------------------------------------------------------------------------------- */

/* Begin one snapshot of the other store. It may have become one of a newer version since it was opened. */
static lb_status begin_snapshot(lb_store *other)
{
    bool is_store = false;
    LB_TRY(execute(other, "BEGIN"));
    LB_TRY(lb_schema_check(other, &is_store));
    return check_whole(other);
}

static lb_status merge_all(lb_store *store, lb_store *other, lb_merge_counts *counts)
{
    LB_TRY(merge_runs(store, other, counts));
    return merge_experiments(store, other);
}

lb_status lb_store_merge(lb_store *store, const char *path, lb_merge_counts *out)
{
    lb_store *other = NULL;
    lb_merge_counts counts = {0};
    LB_TRY(lb_store_open(path, LB_STORE_READ, &other));
    lb_status status = begin_snapshot(other);
    if (status == LB_OK) status = lb_store_begin(store);
    if (status == LB_OK) status = lb_store_end(store, merge_all(store, other, &counts));
    lb_store_close(other);
    if (status == LB_OK) *out = counts;
    return status;
}
