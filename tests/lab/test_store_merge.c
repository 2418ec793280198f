/* Merging stores: the better of two runs, cells that are done, other ids, and files that must not come in. */
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "lab/store.h"
#include "lowbit/experiment.h"
#include "support/synthetic_store.h"

static lb_store *open_new(char path[4096], const char *name)
{
    lb_store *store = NULL;
    (void)snprintf(path, 4096, "%s", lb_test_path(lb_test_folder(), name));
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    return store;
}

static void put(lb_store *store, unsigned seed, size_t epochs, lb_run_state state,
                char hash[LB_RUN_HASH_BYTES], int64_t *id)
{
    /* epochs that were trained, of a run that wants ten: the hash is that of the wanted ones */
    const lb_synthetic_run run = {"dorefa", 1, 2, seed, 10, 3, state};
    lb_test_put_run(store, &run, id, hash);
    if (epochs == 10) return;
    lb_run_record r;
    bool found = false;
    assert_ok(lb_store_find(store, hash, &found, &r));
    char sql[256];
    (void)snprintf(sql, sizeof sql,
                   "UPDATE runs SET epochs = %zu WHERE id = %lld; DELETE FROM epochs WHERE run = "
                   "%lld AND epoch > %zu",
                   epochs, (long long)r.id, (long long)r.id, epochs);
    assert_int_equal(sqlite3_exec(store->db, sql, NULL, NULL, NULL), SQLITE_OK);
}

static void check(lb_store *store, const char *hash, lb_run_state wanted, size_t epochs)
{
    lb_run_record r;
    bool found = false;
    lb_epoch_record *rows = NULL;
    lb_layer_record *layers = NULL;
    lb_histogram_record *histograms = NULL;
    size_t n = 0;
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found);
    assert_int_equal(r.state, wanted);
    assert_int_equal(r.epochs, epochs);
    assert_ok(lb_store_epochs(store, r.id, &rows, &n));
    assert_int_equal(n, epochs);
    assert_ok(lb_store_layers(store, r.id, &layers, &n));
    assert_int_equal(n, 3);
    assert_ok(lb_store_histograms(store, r.id, &histograms, &n));
    assert_int_equal(n, 3);
    assert_true(histograms[0].masters[5] == 1.0 / 64.0);
    lb_records_free(rows);
    lb_records_free(layers);
    lb_records_free(histograms);
}

static void the_better_of_two_runs_stays(void **state)
{
    (void)state;
    static const struct {
        lb_run_state ours, theirs;
        size_t our_epochs, their_epochs;
        bool taken;
    } cases[] = {
        {LB_RUN_RUNNING, LB_RUN_OK, 5, 10, true},
        {LB_RUN_RUNNING, LB_RUN_DNC, 5, 10, true},
        {LB_RUN_FAILED, LB_RUN_OK, 5, 10, true},
        {LB_RUN_RUNNING, LB_RUN_FAILED, 5, 3, true},
        {LB_RUN_OK, LB_RUN_RUNNING, 10, 5, false},
        {LB_RUN_OK, LB_RUN_FAILED, 10, 5, false},
        {LB_RUN_OK, LB_RUN_OK, 10, 10, false},
        {LB_RUN_FAILED, LB_RUN_RUNNING, 3, 9, false},
        {LB_RUN_RUNNING, LB_RUN_RUNNING, 3, 4, true},
        {LB_RUN_RUNNING, LB_RUN_RUNNING, 4, 3, false},
        {LB_RUN_RUNNING, LB_RUN_RUNNING, 4, 4, false},
    };
    enum { N = sizeof cases / sizeof *cases };
    char ours[4096], theirs[4096], hashes[N + 2][LB_RUN_HASH_BYTES];
    lb_store *a = open_new(ours, "ours.sqlite"), *b = open_new(theirs, "theirs.sqlite");
    int64_t id = 0;
    put(a, 900, 10, LB_RUN_OK, hashes[N], &id);
    put(b, 901, 10, LB_RUN_OK, hashes[N + 1], &id); /* theirs has other ids */
    size_t taken = 0;
    for (unsigned i = 0; i < N; i++) {
        put(a, i + 1, cases[i].our_epochs, cases[i].ours, hashes[i], &id);
        put(b, i + 1, cases[i].their_epochs, cases[i].theirs, hashes[i], &id);
        taken += cases[i].taken;
    }
    lb_merge_counts counts = {0};
    assert_ok(lb_store_merge(a, theirs, &counts));
    assert_int_equal(counts.added, 1);
    assert_int_equal(counts.updated, taken);
    assert_int_equal(counts.same, N - taken);
    for (size_t i = 0; i < N; i++) {
        check(a, hashes[i], cases[i].taken ? cases[i].theirs : cases[i].ours,
              cases[i].taken ? cases[i].their_epochs : cases[i].our_epochs);
    }
    check(a, hashes[N], LB_RUN_OK, 10);
    check(a, hashes[N + 1], LB_RUN_OK, 10);
    lb_run_list list = {0};
    assert_ok(lb_store_list(a, "seed=901 method=dorefa", &list)); /* its settings came along */
    assert_int_equal(list.n, 1);
    lb_run_list_release(&list);

    assert_ok(lb_store_merge(a, theirs, &counts)); /* a second time nothing changes */
    assert_true(counts.added == 0 && counts.updated == 0 && counts.same == N + 1);
    assert_ok(lb_store_merge(a, ours, &counts)); /* nor with itself */
    assert_true(counts.added == 0 && counts.updated == 0 && counts.same == N + 2);
    lb_store_close(a);
    lb_store_close(b);
}

static void cells_that_are_done_come_along(void **state)
{
    (void)state;
    char ours[4096], theirs[4096], hashes[3][LB_RUN_HASH_BYTES];
    lb_store *a = open_new(ours, "a.sqlite"), *b = open_new(theirs, "b.sqlite");
    int64_t here = 0, there = 0, ids[3];
    put(a, 50, 10, LB_RUN_OK, hashes[0], &ids[0]); /* shifts the ids here */
    assert_ok(lb_store_begin_experiment(b, "other", "", "", &there));
    assert_ok(lb_store_begin_experiment(b, "e", "E", "text", &there));
    assert_ok(lb_store_begin_experiment(a, "e", "E", "text", &here));
    for (unsigned i = 0; i < 3; i++) {
        put(b, i, 10, LB_RUN_OK, hashes[i], &ids[i]);
        lb_cell_record cell = {.position = i, .stage = LB_CELL_FULL, .trial = LB_NO_TRIAL};
        memcpy(cell.hash, hashes[i], sizeof cell.hash);
        if (i < 2) assert_ok(lb_store_put_cell(a, here, &cell));
        cell.attempts = 1;
        cell.done = i != 1;
        cell.run_id = ids[i];
        assert_ok(lb_store_put_cell(b, there, &cell));
    }
    lb_merge_counts counts;
    assert_ok(lb_store_merge(a, theirs, &counts));
    lb_cell_record *cells = NULL;
    size_t n = 0;
    assert_ok(lb_store_cells(a, here, &cells, &n));
    assert_int_equal(n, 3);
    assert_true(cells[0].done && !cells[1].done && cells[2].done);
    assert_true(cells[1].attempts == 0); /* neither is done: ours stays */
    for (size_t i = 0; i < 3; i += 2) {
        lb_run_record r;
        bool found = false;
        assert_ok(lb_store_find(a, hashes[i], &found, &r));
        assert_true(found && r.id == cells[i].run_id);
    }
    lb_records_free(cells);
    assert_ok(lb_store_merge(b, ours, &counts)); /* what is done there stays done */
    assert_ok(lb_store_cells(b, there, &cells, &n));
    assert_true(n == 3 && cells[0].done && cells[2].done);
    lb_records_free(cells);
    lb_store_close(a);
    lb_store_close(b);
}

static size_t count(lb_store *store)
{
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, NULL, &list));
    const size_t n = list.n;
    lb_run_list_release(&list);
    return n;
}

static void what_cannot_be_merged_leaves_the_store_as_it_was(void **state)
{
    (void)state;
    char ours[4096], theirs[4096], hash[LB_RUN_HASH_BYTES];
    lb_store *a = open_new(ours, "a.sqlite"), *b = open_new(theirs, "b.sqlite");
    lb_merge_counts counts = {7, 7, 7};
    int64_t id = 0;
    const lb_cell_record cell = {.position = 1};
    put(a, 1, 10, LB_RUN_OK, hash, &id);
    assert_ok(lb_store_begin_experiment(a, "e", "", "one text", &id));
    assert_ok(lb_store_put_cell(a, id, &cell));
    put(b, 2, 10, LB_RUN_OK, hash, &id);
    assert_ok(lb_store_begin_experiment(b, "e", "", "another text", &id));
    assert_status(lb_store_merge(a, theirs, &counts), LB_E_ARG);
    assert_contains(lb_error(), "b.sqlite: another experiment named 'e'");
    assert_contains(lb_error(), "`lowbit results forget e`");
    assert_int_equal(count(a), 1); /* its run did not come in either */
    assert_status(lb_store_merge(a, "/nowhere", &counts), LB_E_IO);
    assert_true(counts.added == 7 && counts.same == 7);

    /* one that was tampered with: a value that no column of its kind may have */
    char hostile[4096];
    lb_store *c = open_new(hostile, "hostile.sqlite");
    put(c, 3, 10, LB_RUN_OK, hash, &id);
    assert_int_equal(sqlite3_exec(c->db,
                                  "PRAGMA ignore_check_constraints = ON; UPDATE runs SET "
                                  "state = 'perhaps'",
                                  NULL, NULL, NULL),
                     SQLITE_OK);
    lb_store_close(c);
    assert_status(lb_store_merge(a, hostile, &counts), LB_E_FORMAT);
    assert_contains(lb_error(), "hostile.sqlite");
    assert_int_equal(count(a), 1);

    /* one whose pages were overwritten: found before anything is copied */
    uint8_t *file = NULL;
    size_t bytes = 0;
    lb_store_close(b);
    assert_ok(lb_file_read(theirs, 1 << 26, &file, &bytes));
    for (size_t i = 4096 * 8; i < bytes; i++) file[i] = (uint8_t)(i * 31);
    lb_test_write(theirs, file, bytes);
    lb_free(file);
    assert_status(lb_store_merge(a, theirs, &counts), LB_E_FORMAT);
    assert_contains(lb_error(), "damaged");
    assert_int_equal(count(a), 1);
    lb_store_close(a);
}

typedef struct pair {
    lb_store *store;
    const char *other;
} pair;

static lb_status merge(void *context)
{
    const pair *p = context;
    lb_merge_counts counts;
    return lb_store_merge(p->store, p->other, &counts);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    char ours[4096], theirs[4096], hash[LB_RUN_HASH_BYTES];
    lb_store *a = open_new(ours, "a.sqlite"), *b = open_new(theirs, "b.sqlite");
    int64_t id = 0;
    put(b, 2, 10, LB_RUN_OK, hash, &id);
    assert_ok(lb_store_begin_experiment(b, "e", "", "text", &id));
    const lb_cell_record cell = {.position = 1};
    assert_ok(lb_store_put_cell(b, id, &cell));
    lb_store_close(b);
    pair p = {a, theirs};
    lb_test_every_allocation_failure(merge, &p);
    assert_int_equal(count(a), 1);
    lb_store_close(a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_better_of_two_runs_stays),
        cmocka_unit_test(cells_that_are_done_come_along),
        cmocka_unit_test(what_cannot_be_merged_leaves_the_store_as_it_was),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
