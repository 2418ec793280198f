/* Stores of version 1: written as version 1 wrote them, read as they are, made version 2 when they are opened for
 * writing: by many at once, by processes that are killed meanwhile, and on a full disk. */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "lab/store.h"
#include "support/synthetic_store.h"

/* What lowbit wrote while version 1 was its own, to the letter. */
static const char *const version_1[] = {
    "CREATE TABLE runs (id INTEGER PRIMARY KEY, hash TEXT NOT NULL UNIQUE, state TEXT NOT NULL "
    "CHECK (state IN "
    "('running', 'ok', 'dnc', 'failed')), message TEXT NOT NULL, settings TEXT NOT NULL, data TEXT "
    "NOT NULL, model "
    "TEXT NOT NULL, method TEXT NOT NULL, weights TEXT NOT NULL, activations TEXT NOT NULL, w_bits "
    "INTEGER NOT NULL, "
    "a_bits INTEGER NOT NULL, ternary INTEGER NOT NULL, seed INTEGER NOT NULL, folder TEXT NOT "
    "NULL, split TEXT NOT "
    "NULL, epochs INTEGER NOT NULL, epochs_wanted INTEGER NOT NULL, best_top1 REAL NOT NULL, "
    "last_top1 REAL NOT NULL, "
    "best_top5 REAL NOT NULL, best_epoch INTEGER NOT NULL, seconds REAL NOT NULL, parameters "
    "INTEGER NOT NULL, macs "
    "INTEGER NOT NULL, stored_bytes REAL NOT NULL, float_bytes REAL NOT NULL, bit_operations REAL "
    "NOT NULL, "
    "effective_w_bits REAL NOT NULL, effective_a_bits REAL NOT NULL, machine TEXT NOT NULL, "
    "version TEXT NOT NULL, "
    "started TEXT NOT NULL, finished TEXT NOT NULL) STRICT",
    "CREATE TABLE settings (run INTEGER NOT NULL REFERENCES runs (id), key TEXT NOT NULL, value "
    "TEXT NOT NULL, PRIMARY "
    "KEY (run, key)) STRICT, WITHOUT ROWID",
    "CREATE TABLE epochs (run INTEGER NOT NULL REFERENCES runs (id), epoch INTEGER NOT NULL, lr "
    "REAL NOT NULL, "
    "train_loss REAL NOT NULL, train_top1 REAL NOT NULL, val_loss REAL NOT NULL, val_top1 REAL NOT "
    "NULL, val_top5 REAL "
    "NOT NULL, PRIMARY KEY (run, epoch)) STRICT, WITHOUT ROWID",
    "CREATE TABLE layers (run INTEGER NOT NULL REFERENCES runs (id), position INTEGER NOT NULL, "
    "name TEXT NOT NULL, "
    "w_bits INTEGER NOT NULL, a_bits INTEGER NOT NULL, weights INTEGER NOT NULL, macs INTEGER NOT "
    "NULL, stored_bytes "
    "REAL NOT NULL, sparsity REAL NOT NULL, PRIMARY KEY (run, position)) STRICT, WITHOUT ROWID",
    "CREATE TABLE histograms (run INTEGER NOT NULL REFERENCES runs (id), position INTEGER NOT "
    "NULL, layer TEXT NOT "
    "NULL, low REAL NOT NULL, high REAL NOT NULL, masters BLOB NOT NULL, quantized BLOB NOT NULL, "
    "PRIMARY KEY (run, "
    "position)) STRICT",
    "CREATE TABLE experiments (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, title TEXT NOT "
    "NULL, text TEXT NOT "
    "NULL) STRICT",
    "CREATE TABLE cells (experiment INTEGER NOT NULL REFERENCES experiments (id), position INTEGER "
    "NOT NULL, stage "
    "TEXT NOT NULL CHECK (stage IN ('search', 'full')), point INTEGER NOT NULL, rung INTEGER NOT "
    "NULL, seed_index "
    "INTEGER NOT NULL, trial INTEGER NOT NULL, hash TEXT NOT NULL, done INTEGER NOT NULL, run_id "
    "INTEGER REFERENCES "
    "runs (id), attempts INTEGER NOT NULL, PRIMARY KEY (experiment, position)) STRICT, WITHOUT "
    "ROWID",
    "CREATE INDEX settings_by_value ON settings (key, value, run)",
    "PRAGMA application_id = 1819244386; PRAGMA user_version = 1",
};

/* Two runs, one with as many epochs as are wanted, one cell. */
static const char rows_of_version_1[] =
    "INSERT INTO runs VALUES "
    "(7, '1111111111111111111111111111111111111111111111111111111111111111', 'ok', '', "
    "'{\"method\": \"rpr\"}', "
    "'mnist', 'lenet5', 'rpr', 'rpr', 'float', 2, 32, 1, 3, '/runs/a', 'test', 4, 4, 98.25, 98.0, "
    "100.0, 3, 61.5, "
    "553000, 2400000, 1e5, 2e6, 3e9, 2.0, 32.0, 'a machine', '0.1.0', '2026-01-01T00:00:00Z', ''),"
    "(9, '2222222222222222222222222222222222222222222222222222222222222222', 'failed', 'no room', "
    "'{}', "
    "'mnist', 'lenet5', 'qnn', 'qnn', 'qnn', 1, 2, 0, 4, '', 'test', 0, 9, 0, 0, 0, 0, 0, 0, 0, 0, "
    "0, 0, 0, 0, '', "
    "'0.1.0', '', '');"
    "INSERT INTO settings VALUES (7, 'method', 'rpr'), (7, 'seed', '3'), (9, 'method', 'qnn');"
    "INSERT INTO layers VALUES (7, 0, 'conv1', 2, 32, 500, 100, 125, 0.5);"
    "INSERT INTO histograms VALUES (7, 0, 'conv1', -1, 1, zeroblob(256), zeroblob(256));"
    "INSERT INTO experiments VALUES (1, 'table', 'A table', 'text');"
    "INSERT INTO cells VALUES (1, 0, 'full', 0, 0, 0, -1, "
    "'1111111111111111111111111111111111111111111111111111111111111111', 1, 7, 1);";

/* All that version 1 knows of a store, as one text. */
static const char *const dumps[] = {
    "SELECT group_concat(t, ';') FROM (SELECT id || ',' || hash || ',' || state || ',' || message "
    "|| ',' || settings || ',' || method || ',' || seed || ',' || folder || ',' || epochs || ',' "
    "|| best_top1 || ',' || bit_operations || ',' || machine || ',' || started AS t FROM runs "
    "ORDER BY id)",
    "SELECT group_concat(run || key || value) FROM settings",
    "SELECT group_concat(t, ';') FROM (SELECT run || ',' || epoch || ',' || lr || ',' || "
    "train_loss || ',' || train_top1 || ',' || val_loss || ',' || val_top1 || ',' || val_top5 AS t "
    "FROM epochs ORDER BY run, epoch)",
    "SELECT group_concat(run || name || weights || sparsity) FROM layers",
    "SELECT group_concat(run || layer || hex(masters)) FROM histograms",
    "SELECT group_concat(id || name || title || text) FROM experiments",
    ("SELECT group_concat(experiment || position || stage || hash || done || run_id || attempts) "
     "FROM cells"),
};
enum { N_DUMPS = sizeof dumps / sizeof *dumps };

/* ---- SQLite without lowbit ------------------------------------------------------------------- */

static sqlite3 *connect(const char *path)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    (void)sqlite3_busy_timeout(db, 60000);
    return db;
}

static void execute(sqlite3 *db, const char *sql)
{
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

/* The first value of a query; sqlite3_free. */
static char *value_of(const char *path, const char *sql)
{
    sqlite3 *db = connect(path);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &statement, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    assert_int_equal(sqlite3_step(statement), SQLITE_ROW);
    const char *text = (const char *)sqlite3_column_text(statement, 0);
    char *copy = sqlite3_mprintf("%s", text != NULL ? text : "(null)");
    (void)sqlite3_finalize(statement);
    (void)sqlite3_close(db);
    return copy;
}

static void expect(const char *path, const char *sql, const char *wanted)
{
    char *got = value_of(path, sql);
    if (strcmp(got, wanted) != 0) fail_msg("%s: %s, wanted %s", sql, got, wanted);
    sqlite3_free(got);
}

static void make_version_1(const char *path, unsigned epochs)
{
    sqlite3 *db = connect(path);
    char sql[512];
    execute(db, "PRAGMA journal_mode = WAL; BEGIN");
    for (size_t i = 0; i < sizeof version_1 / sizeof *version_1; i++) execute(db, version_1[i]);
    execute(db, rows_of_version_1);
    (void)snprintf(sql, sizeof sql,
                   "WITH RECURSIVE e(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM e WHERE i < %u) "
                   "INSERT INTO epochs SELECT 7, i, 0.01 / i, 2.0 / i, 90 + i %% 7, 2.1 / i, 91 + "
                   "i %% 7, 100 FROM e",
                   epochs);
    execute(db, sql);
    execute(db, "COMMIT");
    (void)sqlite3_close(db);
}

static const char *fresh(char path[4096], const char *name)
{
    (void)snprintf(path, 4096, "%s", lb_test_path(lb_test_folder(), name));
    return path;
}

static void dump(const char *path, char *texts[N_DUMPS])
{
    for (size_t i = 0; i < N_DUMPS; i++) texts[i] = value_of(path, dumps[i]);
}

static void check_same(char *before[N_DUMPS], char *after[N_DUMPS])
{
    for (size_t i = 0; i < N_DUMPS; i++) {
        assert_string_equal(before[i], after[i]);
        sqlite3_free(before[i]);
        sqlite3_free(after[i]);
    }
}

/* ---- reading, migrating ---------------------------------------------------------------------- */

static void check_plain_epochs(lb_store *store, int64_t run, size_t wanted)
{
    lb_epoch_record *epochs = NULL;
    size_t n = 0;
    assert_ok(lb_store_epochs(store, run, &epochs, &n));
    assert_int_equal(n, wanted);
    for (size_t i = 0; i < n; i++) {
        assert_int_equal(epochs[i].epoch, i + 1);
        assert_true(epochs[i].val_top1 == 91.0 + (double)((i + 1) % 7));
        assert_true(isnan(epochs[i].frozen) && isnan(epochs[i].mixed_loss));
        assert_true(isnan(epochs[i].mixed_top1));
    }
    lb_records_free(epochs);
}

static void one_that_is_read_stays_what_it_is(void **state)
{
    (void)state;
    char path[4096];
    lb_store *store = NULL;
    lb_run_list list = {0};
    uint8_t *before = NULL, *after = NULL;
    size_t n_before = 0, n_after = 0;
    make_version_1(fresh(path, "read.sqlite"), 4);
    assert_ok(lb_file_read(path, 1 << 24, &before, &n_before));
    assert_ok(lb_store_open(path, LB_STORE_READ, &store));
    check_plain_epochs(store, 7, 4);
    assert_ok(lb_store_list(store, "method=rpr experiment=table", &list));
    assert_true(list.n == 1 && list.runs[0].id == 7 && list.runs[0].best_top1 == 98.25);
    lb_run_list_release(&list);
    assert_ok(lb_store_export(store, NULL, LB_EXPORT_CSV, lb_test_path(lb_test_folder(), "a.csv")));
    lb_store_close(store);
    assert_ok(lb_file_read(path, 1 << 24, &after, &n_after));
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before);
    lb_free(before);
    lb_free(after);
    expect(path, "PRAGMA user_version", "1");
}

static void one_that_is_written_becomes_version_2(void **state)
{
    (void)state;
    char path[4096], made[4096], *before[N_DUMPS], *after[N_DUMPS];
    lb_store *store = NULL;
    make_version_1(fresh(path, "written.sqlite"), 50);
    dump(path, before);
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    check_plain_epochs(store, 7, 50);
    lb_store_close(store);
    dump(path, after);
    check_same(before, after);
    expect(path, "PRAGMA user_version", "2");
    expect(path, "PRAGMA application_id", "1819244386");
    expect(path, "PRAGMA integrity_check", "ok");
    expect(path, "SELECT count(*) FROM pragma_foreign_key_check", "0");
    expect(path,
           "SELECT count(*) FROM epochs WHERE coalesce(frozen, mixed_loss, mixed_top1) IS NULL",
           "50");

    /* its tables are those of a store that is made now */
    assert_ok(lb_store_open(fresh(made, "made.sqlite"), LB_STORE_WRITE, &store));
    lb_store_close(store);
    static const char schema[] =
        "SELECT group_concat(sql, ';') FROM (SELECT sql FROM sqlite_schema ORDER BY name)";
    char *text = value_of(made, schema);
    expect(path, schema, text);
    sqlite3_free(text);
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store)); /* a second time: nothing to do */
    check_plain_epochs(store, 7, 50);
    lb_store_close(store);
}

/* A sweep of the older lowbit that has the file open goes on writing it. */
static void who_has_it_open_goes_on(void **state)
{
    (void)state;
    char path[4096];
    lb_store *store = NULL, *reader = NULL;
    sqlite3_stmt *insert = NULL;
    make_version_1(fresh(path, "open.sqlite"), 3);
    sqlite3 *old = connect(path);
    assert_int_equal(
        sqlite3_prepare_v2(old,
                           "INSERT INTO epochs (run, epoch, lr, train_loss, train_top1, "
                           "val_loss, val_top1, val_top5) VALUES (?, ?, ?, ?, ?, ?, 95, ?)",
                           -1, &insert, NULL),
        SQLITE_OK);
    assert_ok(lb_store_open(path, LB_STORE_READ, &reader));
    check_plain_epochs(reader, 7, 3);
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    for (int i = 1; i <= 7; i++) (void)sqlite3_bind_int(insert, i, i == 1 ? 7 : 4);
    assert_int_equal(sqlite3_step(insert), SQLITE_DONE);
    (void)sqlite3_finalize(insert);
    (void)sqlite3_close(old);
    check_plain_epochs(store, 7, 4);
    check_plain_epochs(reader, 7, 4);
    lb_store_close(store);
    lb_store_close(reader);
}

/* ---- several processes, kills, a full disk --------------------------------------------------- */

static int open_and_close(const char *path)
{
    lb_store *store = NULL;
    if (lb_store_open(path, LB_STORE_WRITE, &store) != LB_OK) return 1;
    lb_epoch_record *epochs = NULL;
    size_t n = 0;
    if (lb_store_epochs(store, 7, &epochs, &n) != LB_OK || n == 0 || !isnan(epochs[0].frozen))
        return 2;
    lb_records_free(epochs);
    lb_store_close(store);
    return 0;
}

static pid_t start(int (*body)(const char *path), const char *path)
{
    const pid_t child = fork();
    if (child == 0) _exit(body(path));
    return child;
}

static int end(pid_t child)
{
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void put_mixture(lb_store *store, unsigned seed, char hash[LB_RUN_HASH_BYTES])
{
    const lb_synthetic_run run = {"rpr", 2, 32, seed, 6, 2, LB_RUN_OK};
    int64_t id = 0;
    lb_test_put_run(store, &run, &id, hash);
}

/* Opened by who found version 1 after another has made it version 2: what that one wrote stays. */
static int open_and_put(const char *path)
{
    lb_store *store = NULL;
    char hash[LB_RUN_HASH_BYTES];
    if (lb_store_open(path, LB_STORE_WRITE, &store) != LB_OK) return 1;
    put_mixture(store, (unsigned)getpid(), hash);
    lb_store_close(store);
    return open_and_close(path);
}

static void many_open_it_at_once(void **state)
{
    (void)state;
    enum { OPENERS = 6 };
    for (int round = 0; round < 4; round++) {
        char path[4096], *before[N_DUMPS], *after[N_DUMPS];
        pid_t openers[OPENERS];
        make_version_1(fresh(path, "many.sqlite"), 8000);
        dump(path, before);
        for (size_t i = 0; i < OPENERS; i++) openers[i] = start(open_and_put, path);
        for (size_t i = 0; i < OPENERS; i++) assert_int_equal(end(openers[i]), 0);
        expect(path, "SELECT count(*) FROM epochs WHERE frozen > 0 AND mixed_top1 > 0", "36");
        sqlite3 *db = connect(path); /* all else is as it was */
        execute(db, "DELETE FROM settings WHERE run > 9; DELETE FROM epochs WHERE run > 9; DELETE "
                    "FROM layers WHERE "
                    "run > 9; DELETE FROM histograms WHERE run > 9; DELETE FROM runs WHERE id > 9");
        (void)sqlite3_close(db);
        dump(path, after);
        check_same(before, after);
        expect(path, "PRAGMA user_version", "2");
        expect(path, "PRAGMA integrity_check", "ok");
    }
}

/* Killed at some moment, the store is whole in either version; who comes next finds it so. */
static void a_kill_leaves_one_or_the_other(void **state)
{
    (void)state;
    enum { ROUNDS = 16, EPOCHS = 8000 };
    char path[4096];
    make_version_1(fresh(path, "whole.sqlite"), EPOCHS);
    const double began = lb_seconds();
    assert_int_equal(end(start(open_and_close, path)), 0);
    const double whole = lb_seconds() - began;
    size_t killed = 0;
    for (int round = 0; round < ROUNDS; round++) {
        char *before[N_DUMPS], *after[N_DUMPS];
        make_version_1(fresh(path, "killed.sqlite"), EPOCHS);
        dump(path, before);
        const pid_t victim = start(open_and_close, path);
        const double wait = fmin(whole, 0.9) * round / ROUNDS;
        const struct timespec pause = {.tv_nsec = (long)(1e9 * wait)};
        (void)nanosleep(&pause, NULL);
        (void)kill(victim, SIGKILL);
        killed += end(victim) == -1 && round > 0;              /* without a wait none has begun */
        char *version = value_of(path, "PRAGMA user_version"); /* as SQLite alone finds it */
        assert_true(strcmp(version, "1") == 0 || strcmp(version, "2") == 0);
        expect(path, "SELECT count(*) FROM sqlite_schema WHERE name LIKE 'epochs%'", "1");
        expect(path, "SELECT count(*) FROM pragma_table_info('epochs')",
               version[0] == '1' ? "8" : "11");
        sqlite3_free(version);
        assert_int_equal(end(start(open_and_close, path)), 0);
        dump(path, after);
        check_same(before, after);
        expect(path, "PRAGMA user_version", "2");
        expect(path, "PRAGMA integrity_check", "ok");
    }
    assert_true(killed >= 3);
}

/* A limit on the size of files stands for a disk that is full. */
static int open_without_room(const char *path)
{
    lb_store *store = NULL;
    const struct rlimit limit = {1 << 20, 1 << 20};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 1;
    if (lb_store_open(path, LB_STORE_WRITE, &store) != LB_E_IO || store != NULL) return 2;
    if (strstr(lb_error(), path) == NULL || strchr(lb_error(), '\n') != NULL) return 3;
    if (lb_store_open(path, LB_STORE_READ, &store) != LB_OK) return 4; /* which needs no room */
    lb_store_close(store);
    return 0;
}

static void a_full_disk_leaves_version_1(void **state)
{
    (void)state;
    char path[4096], *before[N_DUMPS], *after[N_DUMPS];
    make_version_1(fresh(path, "full.sqlite"), 30000); /* more than a MiB */
    dump(path, before);
    assert_int_equal(end(start(open_without_room, path)), 0);
    expect(path, "PRAGMA user_version", "1");
    expect(path, "PRAGMA integrity_check", "ok");
    assert_int_equal(end(start(open_and_close, path)), 0);
    dump(path, after);
    check_same(before, after);
}

static void a_damaged_one_is_refused_as_it_is(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"ALTER TABLE epochs ADD COLUMN frozen REAL", "'epochs' is not as lowbit makes it"},
        {"PRAGMA user_version = 2", "'epochs' is not as lowbit makes it"},
        {"PRAGMA user_version = 0", "a store of version 0, this lowbit reads versions 1 to 2"},
        {"DROP TABLE layers", "'layers' is not as lowbit makes it"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char path[4096];
        lb_store *store = NULL;
        make_version_1(fresh(path, "damaged.sqlite"), 3);
        sqlite3 *db = connect(path);
        execute(db, cases[i].sql);
        (void)sqlite3_close(db);
        assert_status(lb_store_open(path, LB_STORE_WRITE, &store), LB_E_FORMAT);
        assert_contains(lb_error(), cases[i].message);
        assert_status(lb_store_open(path, LB_STORE_READ, &store), LB_E_FORMAT);
        expect(path, "SELECT count(*) FROM epochs", "3");
    }
}

/* ---- merging --------------------------------------------------------------------------------- */

static void check_mixture(lb_store *store, const char *hash)
{
    lb_run_record r;
    bool found = false;
    lb_epoch_record *epochs = NULL;
    size_t n = 0;
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found);
    assert_ok(lb_store_epochs(store, r.id, &epochs, &n));
    assert_int_equal(n, 6);
    for (size_t i = 0; i < n; i++) {
        assert_true(epochs[i].frozen == (double)(i + 1) / 6.0);
        assert_true(epochs[i].mixed_top1 > epochs[i].val_top1 || i == 5);
        assert_true(epochs[i].mixed_loss < epochs[i].val_loss);
    }
    lb_records_free(epochs);
}

static void stores_of_both_versions_are_merged(void **state)
{
    (void)state;
    char old[4096], new[4096], target[4096], hash[LB_RUN_HASH_BYTES];
    lb_store *store = NULL;
    lb_merge_counts counts = {0};
    make_version_1(fresh(old, "old.sqlite"), 4);
    assert_ok(lb_store_open(fresh(new, "new.sqlite"), LB_STORE_WRITE, &store));
    put_mixture(store, 5, hash);
    check_mixture(store, hash);
    lb_store_close(store);

    assert_ok(lb_store_open(fresh(target, "target.sqlite"), LB_STORE_WRITE, &store));
    assert_ok(lb_store_merge(store, old, &counts));
    assert_int_equal(counts.added, 2);
    assert_ok(lb_store_merge(store, new, &counts));
    assert_int_equal(counts.added, 1);
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, "method=rpr seed=3", &list));
    assert_int_equal(list.n, 1);
    check_plain_epochs(store, list.runs[0].id, 4);
    lb_run_list_release(&list);
    check_mixture(store, hash);
    lb_store_close(store);
    expect(old, "PRAGMA user_version", "1"); /* read, not written */

    assert_ok(lb_store_open(old, LB_STORE_WRITE, &store)); /* a new one into an old one */
    assert_ok(lb_store_merge(store, new, &counts));
    assert_int_equal(counts.added, 1);
    check_mixture(store, hash);
    check_plain_epochs(store, 7, 4);
    lb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_is_read_stays_what_it_is),
        cmocka_unit_test(one_that_is_written_becomes_version_2),
        cmocka_unit_test(who_has_it_open_goes_on),
        cmocka_unit_test(many_open_it_at_once),
        cmocka_unit_test(a_kill_leaves_one_or_the_other),
        cmocka_unit_test(a_full_disk_leaves_version_1),
        cmocka_unit_test(a_damaged_one_is_refused_as_it_is),
        cmocka_unit_test(stores_of_both_versions_are_merged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
