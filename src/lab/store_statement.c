/* Statements, transactions and failures of a store. */
#include <string.h>

#include "lab/store.h"

lb_status lb_store_fail(const lb_store *store)
{
    const int code = sqlite3_errcode(store->db) & 0xff, cause = sqlite3_system_errno(store->db);
    const char *text = sqlite3_errmsg(store->db);
    switch (code) {
    case SQLITE_NOMEM: return lb_fail(LB_E_NOMEM, "%s: out of memory", store->path);
    case SQLITE_NOTADB:
        return lb_fail(LB_E_FORMAT, "%s: no store of lowbit: %s", store->path, text);
    case SQLITE_CORRUPT:
        return lb_fail(LB_E_FORMAT, "%s: damaged: %s; restore a copy, or import the runs again",
                       store->path, text);
    case SQLITE_BUSY:
        return lb_fail(LB_E_IO, "%s: another process has kept it locked for a minute", store->path);
    case SQLITE_FULL:
        return lb_fail(LB_E_IO, "%s: cannot write: the disk is full; nothing was changed",
                       store->path);
    case SQLITE_READONLY:
        return lb_fail(LB_E_IO, "%s: cannot write: the file or its folder is read-only",
                       store->path);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_PERM:
    case SQLITE_AUTH:
        return lb_fail(LB_E_IO, "%s: cannot read or write: %s", store->path,
                       cause != 0 ? strerror(cause) : text);
    default: return lb_fail(LB_E_FORMAT, "%s: %s", store->path, text);
    }
}

lb_status lb_store_statement(lb_store *store, const char *sql, sqlite3_stmt **out)
{
    size_t i = 0;
    while (i < LB_STORE_STATEMENTS && store->statements[i].sql != NULL &&
           store->statements[i].sql != sql) {
        i++;
    }
    lb_assert(i < LB_STORE_STATEMENTS);
    sqlite3_stmt *statement = store->statements[i].statement;
    if (statement == NULL) {
        if (sqlite3_prepare_v3(store->db, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, NULL) !=
            SQLITE_OK) {
            return lb_store_fail(store);
        }
        store->statements[i].sql = sql;
        store->statements[i].statement = statement;
    }
    (void)sqlite3_reset(statement);
    (void)sqlite3_clear_bindings(statement);
    *out = statement;
    return LB_OK;
}

lb_status lb_store_step(const lb_store *store, sqlite3_stmt *statement, bool *row)
{
    const int code = sqlite3_step(statement);
    *row = code == SQLITE_ROW;
    if (*row) return LB_OK;
    const lb_status status = code == SQLITE_DONE ? LB_OK : lb_store_fail(store);
    (void)sqlite3_reset(statement);
    return status;
}

lb_status lb_store_run(const lb_store *store, sqlite3_stmt *statement)
{
    bool row = false;
    const lb_status status = lb_store_step(store, statement, &row);
    (void)sqlite3_reset(statement);
    return status;
}

lb_status lb_store_begin(lb_store *store)
{
    if (store->mode == LB_STORE_READ)
        return lb_fail(LB_E_IO, "%s: was opened for reading only", store->path);
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_statement(store, "BEGIN IMMEDIATE", &statement));
    return lb_store_run(store, statement);
}

lb_status lb_store_end(lb_store *store, lb_status status)
{
    if (status == LB_OK) {
        sqlite3_stmt *statement = NULL;
        status = lb_store_statement(store, "COMMIT", &statement);
        if (status == LB_OK) status = lb_store_run(store, statement);
    }
    /* some failures have rolled back already: then there is nothing to do */
    if (status != LB_OK && sqlite3_get_autocommit(store->db) == 0)
        (void)sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
    return status;
}
