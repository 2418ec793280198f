/* Inside of a result store: its connection, prepared statements, transactions and failures. */
#ifndef LB_LAB_STORE_H
#define LB_LAB_STORE_H

#include <sqlite3.h>
#include <stdbool.h>

#include "base/fail.h"
#include "lowbit/results.h"

enum { LB_STORE_STATEMENTS = 48 };

struct lb_store {
    sqlite3 *db;
    char *path;
    lb_store_mode mode;
    int64_t version; /* of its tables, as lb_schema_check found it last */
    /* Statements in use so far, by the address of their SQL, which is a constant. */
    struct {
        const char *sql;
        sqlite3_stmt *statement;
    } statements[LB_STORE_STATEMENTS];
    void *found; /* records: the texts of the last lb_store_find */
};

/** A failure of SQLite on this store as a status, with path and SQLite's reason. */
LB_MUST_CHECK lb_status lb_store_fail(const lb_store *store);

/** The prepared statement of a constant SQL text, reset and without bindings. Borrowed from the store. */
LB_MUST_CHECK lb_status lb_store_statement(lb_store *store, const char *sql, sqlite3_stmt **out);

/** Go to the next row; *row false: there is none, and the statement is reset. */
LB_MUST_CHECK lb_status lb_store_step(const lb_store *store, sqlite3_stmt *statement, bool *row);

/** Run a statement that has no rows. */
LB_MUST_CHECK lb_status lb_store_run(const lb_store *store, sqlite3_stmt *statement);

/** Begin a transaction that may write, once no other process does. */
LB_MUST_CHECK lb_status lb_store_begin(lb_store *store);
/** Commit what was begun where `status` is LB_OK, else roll it back; returns what became of it. */
LB_MUST_CHECK lb_status lb_store_end(lb_store *store, lb_status status);

#endif
