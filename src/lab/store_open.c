/* Opening stores. A file may come from anywhere (merge), so nothing that it says is run: no triggers, no views, no
 * functions in its schema, and its tables must be lowbit's own. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "lab/store_schema.h"

enum {
    BUSY_MILLISECONDS = 60000,   /* wait for another writer: its transactions are short         */
    RETRY_NANOSECONDS = 5000000, /* between tries where SQLite itself does not wait              */
    MAX_VALUE_BYTES = 1 << 26,   /* of one text or blob                                          */
    MAX_SQL_BYTES = 1 << 20
};

/* ---- the connection -------------------------------------------------------------------------- */

/* SQLite takes names that begin with ':' or "file:" for something else than files. */
static lb_status file_name(const char *path, char **out)
{
    if (path[0] != ':' && strncmp(path, "file:", 5) != 0) return lb_strdup(path, out);
    return lb_path_join(".", path, out);
}

/* "file:PATH?immutable=1", every byte of the path as %XX. */
static lb_status immutable_name(const char *path, char **out)
{
    static const char tail[] = "?immutable=1";
    const size_t bytes = sizeof "file:" + 3 * strlen(path) + sizeof tail;
    void *block = NULL;
    LB_TRY(lb_alloc(bytes, 1, "path", &block));
    char *name = block;
    size_t at = (size_t)snprintf(name, bytes, "file:");
    for (const char *c = path; *c != '\0'; c++)
        at +=
            (size_t)snprintf(name + at, bytes - at, *c == '/' ? "/" : "%%%02X", (unsigned char)*c);
    (void)snprintf(name + at, bytes - at, "%s", tail);
    *out = name;
    return LB_OK;
}

static void limit(sqlite3 *db)
{
    (void)sqlite3_busy_timeout(db, BUSY_MILLISECONDS);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_TRIGGER, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_VIEW, 0, NULL);
    (void)sqlite3_db_config(db, SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0, NULL);
    (void)sqlite3_limit(db, SQLITE_LIMIT_LENGTH, MAX_VALUE_BYTES);
    (void)sqlite3_limit(db, SQLITE_LIMIT_SQL_LENGTH, MAX_SQL_BYTES);
    (void)sqlite3_limit(db, SQLITE_LIMIT_ATTACHED, 0);
}

static void disconnect(lb_store *store)
{
    for (size_t i = 0; i < LB_STORE_STATEMENTS; i++) {
        (void)sqlite3_finalize(store->statements[i].statement);
        store->statements[i].statement = NULL;
        store->statements[i].sql = NULL;
    }
    (void)sqlite3_close(store->db);
    store->db = NULL;
}

static lb_status connect(lb_store *store, const char *name, int flags)
{
    const int code = sqlite3_open_v2(name, &store->db, flags, NULL);
    if (store->db == NULL) return lb_fail(LB_E_NOMEM, "%s: out of memory", store->path);
    if (code != SQLITE_OK) return lb_store_fail(store);
    (void)sqlite3_extended_result_codes(store->db, 0);
    limit(store->db);
    return LB_OK;
}

/* ---- what is there --------------------------------------------------------------------------- */

static lb_status execute(lb_store *store, const char *sql)
{
    const int code = sqlite3_exec(store->db, sql, NULL, NULL, NULL);
    return code == SQLITE_OK ? LB_OK : lb_store_fail(store);
}

static bool is_up_to_date(const lb_store *store, bool is_store)
{
    return is_store && store->version == LB_STORE_VERSION;
}

/* Two processes may find the empty file, or the earlier version, at once: the second one finds the first one's
 * tables. Who is killed leaves what was there. */
static lb_status bring_up_to_date(lb_store *store)
{
    LB_TRY(execute(store, "PRAGMA journal_mode = WAL"));
    LB_TRY(lb_store_begin(store));
    bool is_store = false;
    lb_status status = lb_schema_check(store, &is_store);
    if (status == LB_OK && !is_up_to_date(store, is_store))
        status = is_store ? lb_schema_migrate(store) : lb_schema_create(store);
    return lb_store_end(store, status);
}

/* In one transaction, so that a store which another process makes meanwhile is seen as a whole or not at all. */
static lb_status check_schema(lb_store *store, bool *is_store)
{
    LB_TRY(execute(store, "BEGIN"));
    LB_TRY(lb_schema_check(store,
                           is_store)); /* the transaction is left open: callers ask SQLite why */
    return execute(store, "COMMIT");
}

static lb_status prepare(lb_store *store)
{
    bool is_store = false;
    LB_TRY(execute(store, "PRAGMA cell_size_check = ON"));
    LB_TRY(check_schema(store, &is_store));
    if (store->mode == LB_STORE_READ) {
        if (is_store) return LB_OK;
        return lb_fail(LB_E_FORMAT, "%s: empty, no store of lowbit", store->path);
    }
    if (!is_up_to_date(store, is_store)) LB_TRY(bring_up_to_date(store));
    /* In WAL mode, NORMAL loses nothing when processes die. When the machine does, the last transactions may be
     * lost, never the file; their runs' folders are synced and can be imported. */
    return execute(store, "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; "
                          "PRAGMA foreign_keys = ON");
}

/* Changing to WAL mode wants the file for itself and does not wait for it. */
static lb_status prepare_in_turn(lb_store *store)
{
    const double end = lb_seconds() + BUSY_MILLISECONDS / 1000.0;
    for (;;) {
        const lb_status status = prepare(store);
        const bool busy = status != LB_OK && (sqlite3_errcode(store->db) & 0xff) == SQLITE_BUSY;
        if (!busy || lb_seconds() > end) return status;
        if (!sqlite3_get_autocommit(store->db)) LB_TRY(execute(store, "ROLLBACK"));
        const struct timespec pause = {.tv_nsec = RETRY_NANOSECONDS};
        (void)nanosleep(&pause, NULL);
    }
}

/* A read-only folder has no room for the files that SQLite wants beside a store in WAL mode. Where there is no log
 * to be read, the file alone is the whole store. */
static lb_status open_immutable(lb_store *store, const char *name)
{
    char *log = NULL, *uri = NULL;
    const size_t bytes = strlen(name) + sizeof "-wal";
    LB_TRY(lb_alloc(bytes, 1, "path", (void **)&log));
    (void)snprintf(log, bytes, "%s-wal", name);
    struct stat info;
    const bool has_log = stat(log, &info) == 0 && info.st_size > 0;
    lb_free(log);
    if (has_log) return lb_store_fail(store);
    disconnect(store);
    LB_TRY(immutable_name(name, &uri));
    lb_status status = connect(store, uri, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI);
    lb_free(uri);
    if (status == LB_OK) status = prepare(store);
    return status;
}

static lb_status open_file(lb_store *store, const char *name)
{
    if (store->mode != LB_STORE_READ) {
        LB_TRY(connect(store, name, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE));
        if (sqlite3_db_readonly(store->db, "main") == 1)
            return lb_fail(LB_E_IO, "%s: cannot write: the file is read-only", store->path);
        return prepare_in_turn(store);
    }
    LB_TRY(connect(store, name, SQLITE_OPEN_READONLY));
    const lb_status status = prepare_in_turn(store);
    const int code = sqlite3_errcode(store->db) & 0xff;
    if (status != LB_E_IO || (code != SQLITE_CANTOPEN && code != SQLITE_READONLY)) return status;
    return open_immutable(store, name);
}

/* ---- public ---------------------------------------------------------------------------------- */

static lb_status check_path(const char *path, lb_store_mode mode)
{
    struct stat info;
    if (path[0] == '\0') return lb_fail(LB_E_ARG, "the path of the result store is empty");
    if (stat(path, &info) != 0) {
        if (errno == ENOENT && mode == LB_STORE_WRITE) return LB_OK;
        return lb_fail(LB_E_IO, "%s: cannot open the result store: %s", path, strerror(errno));
    }
    if (S_ISREG(info.st_mode)) return LB_OK;
    return lb_fail(LB_E_IO, "%s: not a file, no result store", path);
}

lb_status lb_store_open(const char *path, lb_store_mode mode, lb_store **out)
{
    LB_TRY(check_path(path, mode));
    void *block = NULL;
    char *name = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_store), "a result store", &block));
    lb_store *store = block;
    store->mode = mode;
    lb_status status = lb_strdup(path, &store->path);
    if (status == LB_OK) status = file_name(path, &name);
    if (status == LB_OK) status = open_file(store, name);
    lb_free(name);
    if (status != LB_OK) {
        lb_store_close(store);
        return status;
    }
    *out = store;
    return LB_OK;
}

void lb_store_close(lb_store *store)
{
    if (store == NULL) return;
    disconnect(store);
    lb_records_free(store->found);
    lb_free(store->path);
    lb_free(store);
}
