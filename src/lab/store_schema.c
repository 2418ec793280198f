/* Making and recognizing stores. A file is a store by its application_id; its tables must be word for word those
 * that are made here, so that statements mean what they say whoever wrote the file.
 *
 * Version 2 has columns of mixtures in `epochs`; all other tables are those of version 1. */
#include "lab/store_schema.h"

#include <stdio.h>
#include <string.h>

enum { APPLICATION_ID = 0x6c6f7762 }; /* "lowb" */

/* SQL types of the kinds of columns. */
#define TYPE_key "TEXT NOT NULL UNIQUE"
#define TYPE_hash "TEXT NOT NULL"
#define TYPE_state "TEXT NOT NULL CHECK (state IN ('running', 'ok', 'dnc', 'failed'))"
#define TYPE_stage "TEXT NOT NULL CHECK (stage IN ('search', 'full'))"
#define TYPE_text "TEXT NOT NULL"
#define TYPE_whole "INTEGER NOT NULL"
#define TYPE_flag "INTEGER NOT NULL"
#define TYPE_seed "INTEGER NOT NULL"
#define TYPE_size "INTEGER NOT NULL"
#define TYPE_real "REAL NOT NULL"
#define TYPE_optional "REAL"
#define TYPE_bins "BLOB NOT NULL"
#define TYPE_reference "INTEGER REFERENCES runs (id)"
#define DEFINE(column, kind) ", " #column " " TYPE_##kind

#define EPOCHS(columns)                                                       \
    "CREATE TABLE epochs (run INTEGER NOT NULL REFERENCES runs (id)" columns( \
        DEFINE) ", PRIMARY KEY (run, epoch)) STRICT, WITHOUT ROWID"
static const char epochs[] = EPOCHS(LB_EPOCH_COLUMNS),
                  epochs_of_version_1[] = EPOCHS(LB_PLAIN_EPOCH_COLUMNS);

static const struct {
    const char *name, *sql;
} objects[] = {
    {"runs", "CREATE TABLE runs (id INTEGER PRIMARY KEY" LB_RUN_COLUMNS(DEFINE) ") STRICT"},
    {"settings",
     "CREATE TABLE settings (run INTEGER NOT NULL REFERENCES runs (id), key TEXT NOT NULL, "
     "value TEXT NOT NULL, PRIMARY KEY (run, key)) STRICT, WITHOUT ROWID"},
    {"epochs", epochs},
    {"layers", "CREATE TABLE layers (run INTEGER NOT NULL REFERENCES runs (id), "
               "position INTEGER NOT NULL" LB_LAYER_COLUMNS(
                   DEFINE) ", PRIMARY KEY (run, position)) STRICT, WITHOUT ROWID"},
    {"histograms", "CREATE TABLE histograms (run INTEGER NOT NULL REFERENCES runs (id), "
                   "position INTEGER NOT NULL" LB_HISTOGRAM_COLUMNS(
                       DEFINE) ", PRIMARY KEY (run, position)) STRICT"},
    {"experiments", "CREATE TABLE experiments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, "
                    "title TEXT NOT NULL, text TEXT NOT NULL) STRICT"},
    {"cells",
     "CREATE TABLE cells (experiment INTEGER NOT NULL REFERENCES experiments (id)" LB_CELL_COLUMNS(
         DEFINE) ", PRIMARY KEY (experiment, position)) STRICT, WITHOUT ROWID"},
    {"settings_by_value", "CREATE INDEX settings_by_value ON settings (key, value, run)"},
};
enum { N_OBJECTS = sizeof objects / sizeof *objects };

static lb_status execute(lb_store *store, const char *sql)
{
    return sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK ? LB_OK
                                                                       : lb_store_fail(store);
}

/* Say of the file what it is, now that its tables are there. */
static lb_status sign(lb_store *store)
{
    char sql[96];
    (void)snprintf(sql, sizeof sql, "PRAGMA application_id = %d; PRAGMA user_version = %d",
                   APPLICATION_ID, LB_STORE_VERSION);
    LB_TRY(execute(store, sql));
    store->version = LB_STORE_VERSION;
    return LB_OK;
}

lb_status lb_schema_create(lb_store *store)
{
    for (size_t i = 0; i < N_OBJECTS; i++) LB_TRY(execute(store, objects[i].sql));
    return sign(store);
}

/* A new table rather than ALTER TABLE ADD COLUMN: its text is ours, whatever SQLite would make of the old one. */
lb_status lb_schema_migrate(lb_store *store)
{
    LB_TRY(execute(store, "ALTER TABLE epochs RENAME TO epochs_of_version_1"));
    LB_TRY(execute(store, epochs));
    LB_TRY(execute(
        store,
        "INSERT INTO epochs (run" LB_PLAIN_EPOCH_COLUMNS(
            LB_SQL_NAME) ") SELECT run" LB_PLAIN_EPOCH_COLUMNS(LB_SQL_NAME) " FROM "
                                                                            "epochs_of_version_1; "
                                                                            "DROP TABLE "
                                                                            "epochs_of_version_1"));
    return sign(store);
}

/* The one number that a statement gives. */
static lb_status read_number(lb_store *store, const char *sql, int64_t *out)
{
    sqlite3_stmt *statement = NULL;
    bool row = false;
    LB_TRY(lb_store_statement(store, sql, &statement));
    LB_TRY(lb_store_step(store, statement, &row));
    *out = row ? sqlite3_column_int64(statement, 0) : 0;
    (void)sqlite3_reset(statement);
    return LB_OK;
}

/* What an object of the store's version is made with. */
static const char *sql_of(const lb_store *store, size_t object)
{
    const char *sql = objects[object].sql;
    return store->version == 1 && sql == epochs ? epochs_of_version_1 : sql;
}

static lb_status check_objects(lb_store *store)
{
    sqlite3_stmt *statement = NULL;
    for (size_t i = 0; i < N_OBJECTS; i++) {
        LB_TRY(
            lb_store_statement(store, "SELECT sql FROM sqlite_schema WHERE name = ?", &statement));
        (void)sqlite3_bind_text(statement, 1, objects[i].name, -1, SQLITE_STATIC);
        bool row = false;
        LB_TRY(lb_store_step(store, statement, &row));
        const char *sql = row ? (const char *)sqlite3_column_text(statement, 0) : NULL;
        const bool same = sql != NULL && strcmp(sql, sql_of(store, i)) == 0;
        (void)sqlite3_reset(statement);
        if (!same) {
            return lb_fail(LB_E_FORMAT, "%s: damaged store: '%s' is not as lowbit makes it",
                           store->path, objects[i].name);
        }
    }
    return LB_OK;
}

lb_status lb_schema_check(lb_store *store, bool *is_store)
{
    int64_t id = 0, version = 0, n_objects = 0;
    LB_TRY(read_number(store, "PRAGMA application_id", &id));
    LB_TRY(read_number(store, "PRAGMA user_version", &version));
    LB_TRY(read_number(store, "SELECT count(*) FROM sqlite_schema", &n_objects));
    *is_store = id == APPLICATION_ID;
    if (id == 0 && n_objects == 0) return LB_OK;
    if (!*is_store) {
        return lb_fail(LB_E_FORMAT, "%s: an SQLite file of another program, no store of lowbit",
                       store->path);
    }
    if (version < 1 || version > LB_STORE_VERSION) {
        return lb_fail(LB_E_FORMAT,
                       "%s: a store of version %lld, this lowbit reads versions 1 to %d; use the "
                       "lowbit that wrote it, or a newer one",
                       store->path, (long long)version, LB_STORE_VERSION);
    }
    store->version = version;
    return check_objects(store);
}
