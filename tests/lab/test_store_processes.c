/* Many processes write one store at once: nothing is lost, nothing is damaged, also where some of them are killed. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "lab/store.h"
#include "support/synthetic_store.h"

enum { WRITERS = 8, RUNS_EACH = 40 };

static void keep_last(const char *const *values, size_t n, void *user)
{
    (void)n;
    (void)snprintf(user, 64, "%s", values[0] != NULL ? values[0] : "(null)");
}

static void check_integrity(const char *path)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *check = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA integrity_check", -1, &check, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_ROW);
    assert_string_equal((const char *)sqlite3_column_text(check, 0), "ok");
    (void)sqlite3_finalize(check);
    assert_int_equal(sqlite3_prepare_v2(db, "PRAGMA foreign_key_check", -1, &check, NULL),
                     SQLITE_OK);
    assert_int_equal(sqlite3_step(check), SQLITE_DONE);
    (void)sqlite3_finalize(check);
    (void)sqlite3_close(db);
}

static void expect(const char *path, const char *sql, const char *wanted)
{
    lb_store *store = NULL;
    char got[64] = "";
    assert_ok(lb_store_open(path, LB_STORE_READ, &store));
    assert_ok(lb_store_query(store, sql, keep_last, got));
    if (strcmp(got, wanted) != 0) fail_msg("%s: %s, wanted %s", sql, got, wanted);
    lb_store_close(store);
}

/* One writer: puts its runs and, for each, the cell; all writers begin with the same experiment. Opens the store
 * anew for every fourth run, as workers do. */
static void write_runs(const char *path, unsigned writer)
{
    lb_store *store = NULL;
    int64_t experiment = 0, id = 0;
    for (unsigned i = 0; i < RUNS_EACH; i++) {
        char hash[LB_RUN_HASH_BYTES];
        const lb_synthetic_run run = {"dorefa", 1, 2, writer * RUNS_EACH + i, 3, 2, LB_RUN_OK};
        if (store == NULL) assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
        assert_ok(lb_store_begin_experiment(store, "all", "All", "text", &experiment));
        lb_test_put_run(store, &run, &id, hash);
        lb_cell_record cell = {
            .position = writer * RUNS_EACH + i, .done = true, .run_id = id, .attempts = 1};
        memcpy(cell.hash, hash, sizeof hash);
        assert_ok(lb_store_put_cell(store, experiment, &cell));
        if (i % 4 != 3) continue;
        lb_store_close(store);
        store = NULL;
    }
    lb_store_close(store);
}

static pid_t start_writer(const char *path, unsigned writer)
{
    const pid_t child = fork();
    if (child != 0) return child;
    write_runs(path, writer);
    _exit(0);
}

static void eight_writers_lose_nothing(void **state)
{
    (void)state;
    char path[4096];
    pid_t writers[WRITERS];
    (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "many.sqlite"));
    for (unsigned w = 0; w < WRITERS; w++) writers[w] = start_writer(path, w);
    for (unsigned w = 0; w < WRITERS; w++) {
        int status = 0;
        assert_int_equal(waitpid(writers[w], &status, 0), writers[w]);
        if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
            fail_msg("writer %u: status %d", w, status);
    }
    check_integrity(path);
    expect(path, "SELECT count(*) FROM runs", "320");
    expect(path, "SELECT count(*) FROM epochs", "960");
    expect(path,
           "SELECT count(*) FROM cells c JOIN runs r ON r.id = c.run_id AND r.hash = c.hash "
           "WHERE c.done",
           "320");
    expect(path, "SELECT count(*) FROM experiments", "1");
}

/* A writer is killed at some moment, another goes on: what the first one had committed is whole. */
static void killed_writers_damage_nothing(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "killed.sqlite"));
    size_t killed = 0;
    for (unsigned round = 0; round < 12; round++) {
        const pid_t victim = start_writer(path, 0), other = start_writer(path, 1);
        const struct timespec pause = {.tv_nsec = 3000000 + 7000000 * (long)round};
        (void)nanosleep(&pause, NULL);
        (void)kill(victim, SIGKILL);
        int status = 0;
        assert_int_equal(waitpid(victim, &status, 0), victim);
        killed += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
        assert_true(WIFSIGNALED(status) || (WIFEXITED(status) && WEXITSTATUS(status) == 0));
        assert_int_equal(waitpid(other, &status, 0), other);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
        check_integrity(path);
        expect(path,
               "SELECT count(*) FROM runs WHERE epochs <> "
               "(SELECT count(*) FROM epochs e WHERE e.run = runs.id)",
               "0");
        expect(path, "SELECT count(*) FROM runs WHERE seed >= 40", "40");
    }
    assert_true(killed >= 1); /* the first ones are, unless the machine stood still */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(eight_writers_lose_nothing),
        cmocka_unit_test(killed_writers_damage_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
