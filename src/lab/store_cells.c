/* Experiments and their cells. */
#include "lab/store_cells.h"

#include <string.h>

#include "base/suggest.h"
#include "lab/store_run_rows.h"
#include "lab/sweep_lock.h"

/* ---- experiments ----------------------------------------------------------------------------- */

lb_status lb_store_check_experiment(lb_store *store, const char *name, const char *text)
{
    static const char sql[] = "SELECT text FROM experiments e WHERE name = ? AND "
                              "EXISTS (SELECT 1 FROM cells WHERE experiment = e.id)";
    sqlite3_stmt *statement = NULL;
    bool row = false;
    LB_TRY(lb_store_statement(store, sql, &statement));
    lb_bind_text(statement, 1, &name);
    LB_TRY(lb_store_step(store, statement, &row));
    const char *before = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
    const bool same = before == NULL || strcmp(before, text) == 0;
    (void)sqlite3_reset(statement);
    if (same) return LB_OK;
    return lb_fail(
        LB_E_ARG,
        "%s: has cells of another experiment named '%s'; give the file another name, take "
        "another store, or drop those cells: `lowbit results forget %s`",
        store->path, name, name);
}

lb_status lb_put_experiment(lb_store *store, const char *name, const char *title, const char *text,
                            int64_t *experiment_id)
{
    static const char sql[] =
        "INSERT INTO experiments (name, title, text) VALUES (?, ?, ?) ON CONFLICT (name) DO UPDATE "
        "SET title = excluded.title, text = excluded.text RETURNING id";
    sqlite3_stmt *statement = NULL;
    bool row = false;
    LB_TRY(lb_store_check_experiment(store, name, text));
    LB_TRY(lb_store_statement(store, sql, &statement));
    lb_bind_text(statement, 1, &name);
    lb_bind_text(statement, 2, &title);
    lb_bind_text(statement, 3, &text);
    LB_TRY(lb_store_step(store, statement, &row));
    *experiment_id = sqlite3_column_int64(statement, 0);
    return lb_store_run(store, statement);
}

lb_status lb_store_begin_experiment(lb_store *store, const char *name, const char *title,
                                    const char *text, int64_t *experiment_id)
{
    LB_TRY(lb_store_begin(store));
    int64_t id = 0;
    LB_TRY(lb_store_end(store, lb_put_experiment(store, name, title, text, &id)));
    *experiment_id = id;
    return LB_OK;
}

static lb_status read_experiment(const lb_store *store, sqlite3_stmt *statement,
                                 lb_records *records)
{
    void *block = NULL;
    LB_TRY(lb_records_add(records, &block));
    lb_experiment_record *record = block;
    const lb_field_source source = {store, statement, records};
    record->id = sqlite3_column_int64(statement, 0);
    LB_TRY(lb_read_text(&source, 1, &record->name));
    LB_TRY(lb_read_text(&source, 2, &record->title));
    LB_TRY(lb_read_text(&source, 3, &record->text));
    LB_TRY(lb_read_size(&source, 4, &record->cells));
    return lb_read_size(&source, 5, &record->done);
}

lb_status lb_store_experiments(lb_store *store, lb_experiment_record **out, size_t *n)
{
    static const char sql[] = "SELECT id, name, title, text, "
                              "(SELECT count(*) FROM cells WHERE experiment = e.id), "
                              "(SELECT count(*) FROM cells WHERE experiment = e.id AND done) "
                              "FROM experiments e ORDER BY id";
    sqlite3_stmt *statement = NULL;
    lb_records records = {.size = sizeof **out};
    LB_TRY(lb_store_statement(store, sql, &statement));
    LB_TRY(lb_store_collect(store, statement, read_experiment, &records));
    *out = records.items;
    *n = records.n;
    return LB_OK;
}

static lb_status no_such_experiment(lb_store *store, const char *name)
{
    enum { MOST = 64 };
    lb_experiment_record *experiments = NULL;
    size_t n = 0;
    LB_TRY(lb_store_experiments(store, &experiments, &n));
    const char *names[MOST];
    for (size_t i = 0; i < n && i < MOST; i++) names[i] = experiments[i].name;
    const char *near = lb_suggest(name, names, n < MOST ? n : MOST);
    const lb_status status =
        lb_fail(LB_E_ARG, "%s: no experiment '%s'%s%s%s", store->path, name,
                near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    lb_records_free(experiments);
    return status;
}

/* Run a statement whose one parameter is a name; *rows: how many it deleted. */
static lb_status delete_by_name(lb_store *store, const char *sql, const char *name, size_t *rows)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_statement(store, sql, &statement));
    lb_bind_text(statement, 1, &name);
    LB_TRY(lb_store_run(store, statement));
    *rows = (size_t)sqlite3_changes(store->db);
    return LB_OK;
}

static lb_status forget(lb_store *store, const char *name, size_t *cells)
{
    static const char delete_cells[] =
        "DELETE FROM cells WHERE experiment = (SELECT id FROM experiments WHERE name = ?)";
    static const char delete_experiment[] = "DELETE FROM experiments WHERE name = ?";
    size_t experiments = 0;
    LB_TRY(delete_by_name(store, delete_cells, name, cells));
    LB_TRY(delete_by_name(store, delete_experiment, name, &experiments));
    return experiments > 0 ? LB_OK : no_such_experiment(store, name);
}

lb_status lb_store_forget_experiment(lb_store *store, const char *name, size_t *cells)
{
    lb_sweep_lock lock = {.fd = -1};
    LB_TRY(lb_sweep_lock_take(store->path, name, &lock));
    lb_status status = lb_store_begin(store);
    if (status == LB_OK) status = lb_store_end(store, forget(store, name, cells));
    lb_sweep_lock_release(&lock);
    return status;
}

/* ---- cells ----------------------------------------------------------------------------------- */

#define BIND(column, kind) lb_bind_##kind(statement, at++, &cell->column);
#define READ(column, kind) LB_TRY(lb_read_##kind(&source, at++, &record->column));

lb_status lb_put_cell(lb_store *store, int64_t experiment_id, const lb_cell_record *cell)
{
    static const char sql[] =
        "INSERT INTO cells (experiment" LB_CELL_COLUMNS(LB_SQL_NAME) ") VALUES (?" LB_CELL_COLUMNS(
            LB_SQL_MARK) ") ON CONFLICT (experiment, "
                         "position) DO UPDATE SET experiment = experiment" LB_CELL_COLUMNS(
                             LB_SQL_UPDATE) " WHERE NOT done";
    sqlite3_stmt *statement = NULL;
    int at = 2;
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, experiment_id);
    LB_CELL_COLUMNS(BIND)
    return lb_store_run(store, statement);
}

lb_status lb_store_put_cell(lb_store *store, int64_t experiment_id, const lb_cell_record *cell)
{
    LB_TRY(lb_store_begin(store));
    return lb_store_end(store, lb_put_cell(store, experiment_id, cell));
}

lb_status lb_store_reopen_cell(lb_store *store, int64_t experiment_id, size_t position)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_begin(store));
    lb_status status = lb_store_statement(
        store, "UPDATE cells SET done = 0 WHERE experiment = ? AND position = ?", &statement);
    if (status == LB_OK) {
        (void)sqlite3_bind_int64(statement, 1, experiment_id);
        lb_bind_size(statement, 2, &position);
        status = lb_store_run(store, statement);
    }
    return lb_store_end(store, status);
}

static lb_status read_cell(const lb_store *store, sqlite3_stmt *statement, lb_records *records)
{
    void *block = NULL;
    LB_TRY(lb_records_add(records, &block));
    lb_cell_record *record = block;
    const lb_field_source source = {store, statement, records};
    int at = 1;
    LB_CELL_COLUMNS(READ)
    return LB_OK;
}

lb_status lb_store_cells(lb_store *store, int64_t experiment_id, lb_cell_record **out, size_t *n)
{
    static const char sql[] = "SELECT experiment" LB_CELL_COLUMNS(
        LB_SQL_NAME) " FROM cells WHERE experiment = ? ORDER BY position";
    sqlite3_stmt *statement = NULL;
    lb_records records = {.size = sizeof **out};
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, experiment_id);
    LB_TRY(lb_store_collect(store, statement, read_cell, &records));
    *out = records.items;
    *n = records.n;
    return LB_OK;
}
