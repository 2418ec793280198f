/* Opening stores: files that are none, damaged ones, and places that cannot be written. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "lab/store.h"
#include "support/synthetic_store.h"

/* One folder for all of this program. */
static const char *folder_of_tests(void)
{
    static char folder[1024];
    if (folder[0] == '\0') (void)snprintf(folder, sizeof folder, "%s", lb_test_folder());
    return folder;
}

static size_t count(lb_store *store, const char *filter)
{
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, filter, &list));
    const size_t n = list.n;
    lb_run_list_release(&list);
    return n;
}

/* ---- files that are no store ----------------------------------------------------------------- */

static void refused_in(lb_store_mode mode, const char *path, lb_status wanted, const char *message)
{
    lb_store *store = NULL;
    const lb_status got = lb_store_open(path, mode, &store);
    if (got != wanted) fail_msg("%s: status %d, wanted %d (%s)", path, got, wanted, lb_error());
    assert_null(store);
    assert_contains(lb_error(), message);
}

static void refused(const char *path, lb_status wanted, const char *message)
{
    refused_in(LB_STORE_READ, path, wanted, message);
    refused_in(LB_STORE_WRITE, path, wanted, message);
}

/* Run SQL on a file with nothing of lowbit in between. */
static void damage(const char *path, const char *sql)
{
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s: %s", sql, sqlite3_errmsg(db));
    (void)sqlite3_close(db);
}

static void files_that_are_no_store_are_refused(void **state)
{
    (void)state;
    const char *folder = folder_of_tests();
    char path[4096];
    refused("", LB_E_ARG, "empty");
    refused(folder, LB_E_IO, "not a file");
    refused("/nowhere/results.sqlite", LB_E_IO, "No such file or directory");
    (void)snprintf(path, sizeof path, "%s/text", folder);
    lb_test_write(path, "this is no store, but it is long enough to be looked at\n", 56);
    refused(path, LB_E_FORMAT, "no store of lowbit");
    (void)snprintf(path, sizeof path, "%s/empty", folder);
    lb_test_write(path, "", 0);
    refused_in(LB_STORE_READ, path, LB_E_FORMAT, "empty");

    (void)snprintf(path, sizeof path, "%s/foreign", folder);
    damage(path, "CREATE TABLE notes (text)");
    uint8_t *before = NULL, *after = NULL;
    size_t n_before = 0, n_after = 0;
    assert_ok(lb_file_read(path, 1 << 20, &before, &n_before));
    refused(path, LB_E_FORMAT, "of another program");
    assert_ok(lb_file_read(path, 1 << 20, &after, &n_after));
    assert_int_equal(n_before, n_after);
    assert_memory_equal(before, after, n_before); /* and untouched */
    lb_free(before);
    lb_free(after);
}

static void other_versions_and_damaged_stores_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *sql, *message;
    } cases[] = {
        {"PRAGMA user_version = 3", "a store of version 3, this lowbit reads versions 1 to 2"},
        {"DROP TABLE epochs", "'epochs' is not as lowbit makes it"},
        {"ALTER TABLE runs ADD COLUMN more TEXT", "'runs' is not as lowbit makes it"},
        {"DROP INDEX settings_by_value", "'settings_by_value'"},
    };
    char path[4096];
    lb_store *store = NULL;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        (void)snprintf(path, sizeof path, "%s/damaged%zu", folder_of_tests(), i);
        assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
        lb_store_close(store);
        store = NULL;
        damage(path, cases[i].sql);
        refused(path, LB_E_FORMAT, cases[i].message);
    }
    (void)snprintf(path, sizeof path, "%s/cut", folder_of_tests());
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    lb_test_fill_store(store, 8, 20, 8);
    lb_store_close(store);
    uint8_t *whole = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 1 << 26, &whole, &bytes));
    static const size_t kept[] = {100, 512, 4096, 5000, 20480};
    for (size_t i = 0; i < sizeof kept / sizeof *kept; i++) {
        assert_true(kept[i] < bytes);
        lb_test_write(path, whole, kept[i]);
        refused(path, LB_E_FORMAT, path);
    }
    lb_free(whole);
}

static void names_that_mean_something_to_sqlite_are_files(void **state)
{
    (void)state;
    char here[4096];
    lb_store *store = NULL;
    static const char *const names[] = {":memory:", "file:x?mode=memory", "50% of # runs?.sqlite"};
    assert_non_null(getcwd(here, sizeof here));
    assert_int_equal(chdir(folder_of_tests()), 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        assert_ok(lb_store_open(names[i], LB_STORE_WRITE, &store));
        lb_test_fill_store(store, 2, 1, 1);
        lb_store_close(store);
        assert_true(lb_path_exists(names[i]));
        assert_ok(lb_store_open(names[i], LB_STORE_READ, &store));
        assert_int_equal(count(store, NULL), 2);
        lb_store_close(store);
    }
    assert_int_equal(chdir(here), 0);
}

/* ---- in processes of their own --------------------------------------------------------------- */

/* Exit status of `body` in a child. */
static int in_child(int (*body)(const char *path), const char *path)
{
    const pid_t child = fork();
    if (child == 0) _exit(body(path));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* Of a folder that may only be read: as another user, since root may do all. */
static int read_as_nobody(const char *path)
{
    lb_store *store = NULL;
    lb_run_list list = {0};
    if (getuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0)) return 9;
    if (lb_store_open(path, LB_STORE_WRITE, &store) != LB_E_IO) return 1;
    if (strstr(lb_error(), "read-only") == NULL) return 2;
    if (lb_store_open(path, LB_STORE_READ, &store) != LB_OK) return 3;
    if (lb_store_list(store, "method=qnn", &list) != LB_OK || list.n != 2) return 4;
    lb_run_list_release(&list);
    lb_store_close(store);
    return 0;
}

static void a_read_only_folder_can_be_read(void **state)
{
    (void)state;
    char folder[4096], path[4200];
    lb_store *store = NULL;
    (void)snprintf(folder, sizeof folder, "%s/read only", folder_of_tests());
    (void)snprintf(path, sizeof path, "%s/a%%20store?.sqlite", folder);
    assert_int_equal(mkdir(folder, 0755), 0);
    assert_int_equal(chmod(folder_of_tests(), 0755), 0);
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    lb_test_fill_store(store, 4, 1, 1);
    lb_store_close(store);
    assert_int_equal(chmod(path, 0444), 0);
    assert_int_equal(chmod(folder, 0555), 0);
    assert_int_equal(in_child(read_as_nobody, path), 0);
    assert_int_equal(chmod(folder, 0755), 0);
}

/* A limit on the size of files stands for a disk that is full. */
static int fill_up(const char *path)
{
    lb_store *store = NULL;
    int64_t id = 0;
    lb_status status = lb_store_open(path, LB_STORE_WRITE, &store);
    if (status != LB_OK) return 1;
    const struct rlimit limit = {1 << 20, 1 << 20};
    (void)signal(SIGXFSZ, SIG_IGN);
    if (setrlimit(RLIMIT_FSIZE, &limit) != 0) return 2;
    for (int i = 0; i < 100000 && status == LB_OK; i++) {
        char name[2048];
        (void)snprintf(name, sizeof name, "%d%*s", i, 1900, "x");
        status = lb_store_begin_experiment(store, name, "", "", &id);
    }
    if (status != LB_E_IO || strchr(lb_error(), '\n') != NULL) return 3;
    lb_experiment_record *experiments = NULL;
    size_t n = 0; /* what was written before is there */
    if (lb_store_experiments(store, &experiments, &n) != LB_OK || n < 20) return 4;
    lb_records_free(experiments);
    lb_store_close(store);
    return 0;
}

static void a_full_disk_loses_nothing(void **state)
{
    (void)state;
    char path[4096];
    lb_store *store = NULL;
    size_t n = 0;
    (void)snprintf(path, sizeof path, "%s", lb_test_path(folder_of_tests(), "full.sqlite"));
    assert_int_equal(in_child(fill_up, path), 0);
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    lb_experiment_record *experiments = NULL;
    assert_ok(lb_store_experiments(store, &experiments, &n));
    assert_true(n >= 20);
    lb_records_free(experiments);
    lb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_that_are_no_store_are_refused),
        cmocka_unit_test(other_versions_and_damaged_stores_are_refused),
        cmocka_unit_test(names_that_mean_something_to_sqlite_are_files),
        cmocka_unit_test(a_read_only_folder_can_be_read),
        cmocka_unit_test(a_full_disk_loses_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
