/* The result store: what is put in comes out, filters, cells, queries and exports. */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "lab/store.h"
#include "lab/sweep_lock.h"
#include "lowbit/experiment.h"
#include "support/synthetic_store.h"

/* One folder for all of this program. */
static const char *folder_of_tests(void)
{
    static char folder[1024];
    if (folder[0] == '\0') (void)snprintf(folder, sizeof folder, "%s", lb_test_folder());
    return folder;
}

static lb_store *open_new(const char *name)
{
    lb_store *store = NULL;
    assert_ok(lb_store_open(lb_test_path(folder_of_tests(), name), LB_STORE_WRITE, &store));
    return store;
}

static size_t count(lb_store *store, const char *filter)
{
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, filter, &list));
    const size_t n = list.n;
    lb_run_list_release(&list);
    return n;
}

static void count_rows(const char *const *values, size_t n, void *user)
{
    (void)values, (void)n;
    ++*(size_t *)user;
}

static void keep_last(const char *const *values, size_t n, void *user)
{
    (void)n;
    (void)snprintf(user, 64, "%s", values[0] != NULL ? values[0] : "(null)");
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void what_is_put_comes_out(void **state)
{
    (void)state;
    lb_store *store = open_new("out.sqlite");
    const lb_synthetic_run run = {"twn", 2, 32, 7, 5, 3, LB_RUN_OK};
    int64_t id = 0;
    char hash[LB_RUN_HASH_BYTES];
    lb_test_put_run(store, &run, &id, hash);
    lb_store_close(store);

    lb_run_record r;
    bool found = false;
    assert_ok(lb_store_open(lb_test_path(folder_of_tests(), "out.sqlite"), LB_STORE_READ, &store));
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found);
    assert_int_equal(r.id, id);
    assert_string_equal(r.hash, hash);
    assert_int_equal(r.state, LB_RUN_OK);
    assert_string_equal(r.method, "twn");
    assert_string_equal(r.weights, "twn");
    assert_string_equal(r.activations, "float");
    assert_true(r.ternary);
    assert_int_equal(r.w_bits, 2);
    assert_int_equal(r.a_bits, 32);
    assert_int_equal(r.seed, 7);
    assert_int_equal(r.epochs, 5);
    assert_int_equal(r.epochs_wanted, 5);
    assert_string_equal(r.split, "test");
    assert_string_equal(r.data, "mnist");
    assert_contains(r.settings, "\"seed\": 7");
    assert_true(r.stored_bytes == 553000 / 4.0 && r.best_epoch > 0 && r.best_top1 > 80.0);

    lb_epoch_record *epochs = NULL;
    lb_layer_record *layers = NULL;
    lb_histogram_record *histograms = NULL;
    size_t n = 0;
    assert_ok(lb_store_epochs(store, id, &epochs, &n));
    assert_int_equal(n, 5);
    assert_int_equal(epochs[4].epoch, 5);
    assert_true(epochs[4].val_top1 > epochs[0].val_top1 && epochs[2].train_loss == 2.3 / 3.0);
    assert_ok(lb_store_layers(store, id, &layers, &n));
    assert_int_equal(n, 3);
    assert_string_equal(layers[1].name, "conv2");
    assert_int_equal(layers[2].weights, 3000);
    assert_true(layers[0].sparsity == 0.25);
    assert_ok(lb_store_histograms(store, id, &histograms, &n));
    assert_int_equal(n, 3);
    assert_string_equal(histograms[2].layer, "conv3");
    assert_true(histograms[2].low == -1.0 && histograms[2].quantized[63] == 1.0 / 64.0);
    lb_records_free(epochs);
    lb_records_free(layers);
    lb_records_free(histograms);

    assert_ok(lb_store_epochs(store, id + 1, &epochs, &n));
    assert_int_equal(n, 0);
    assert_null(epochs);
    assert_status(lb_store_begin_experiment(store, "e", "", "", &id), LB_E_IO); /* reading only */
    assert_contains(lb_error(), "for reading only");
    lb_store_close(store);
    lb_store_close(NULL);
    lb_records_free(NULL);
}

static void a_second_run_of_one_hash_replaces_the_first(void **state)
{
    (void)state;
    lb_store *store = open_new("twice.sqlite");
    lb_synthetic_run run = {"dorefa", 1, 2, 1, 9, 6, LB_RUN_RUNNING};
    int64_t first = 0, second = 0;
    char hash[LB_RUN_HASH_BYTES], again[LB_RUN_HASH_BYTES];
    lb_test_put_run(store, &run, &first, hash);
    run.layers = 2;
    run.state = LB_RUN_DNC;
    lb_test_put_run(store, &run, &second, again);
    assert_string_equal(hash, again);
    assert_int_equal(first, second);
    assert_int_equal(count(store, NULL), 1);
    assert_int_equal(count(store, "state=dnc"), 1);
    lb_layer_record *layers = NULL;
    size_t n = 0;
    assert_ok(lb_store_layers(store, first, &layers, &n));
    assert_int_equal(n, 2);
    lb_records_free(layers);
    lb_store_close(store);
}

static void failures_do_not_hide_results(void **state)
{
    (void)state;
    lb_store *store = open_new("failures.sqlite");
    lb_settings *settings = NULL;
    char hash[LB_RUN_HASH_BYTES];
    int64_t id = 0, again = 0;
    bool found = false;
    lb_run_record r;
    assert_ok(lb_settings_create(&settings));
    assert_ok(lb_settings_set(settings, "method", "dorefa"));
    assert_ok(lb_run_hash(settings, hash));
    assert_ok(lb_store_record_failure(store, settings, hash, "no space left", &id));
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found && r.state == LB_RUN_FAILED && r.w_bits == 1);
    assert_string_equal(r.message, "no space left");
    assert_ok(lb_store_record_failure(store, settings, hash, "again", &again));
    assert_int_equal(id, again);
    lb_settings_destroy(settings);

    const lb_synthetic_run half = {"dorefa", 1, 2, 1, 4, 2, LB_RUN_RUNNING};
    const lb_synthetic_run whole = {"dorefa", 1, 4, 1, 4, 2, LB_RUN_OK};
    lb_test_put_run(store, &half, &id, hash);
    assert_ok(lb_settings_create(&settings)); /* any settings: the row is found by its hash */
    assert_ok(lb_store_record_failure(store, settings, hash, "killed", &again));
    assert_int_equal(id, again);
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(r.state == LB_RUN_FAILED && r.epochs == 4); /* what it did is kept */
    lb_test_put_run(store, &whole, &id, hash);
    assert_ok(lb_store_record_failure(store, settings, hash, "killed", &again));
    assert_int_equal(id, again);
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(r.state == LB_RUN_OK);
    assert_string_equal(r.message, "");
    lb_settings_destroy(settings);
    lb_store_close(store);
}

/* ---- filters --------------------------------------------------------------------------------- */

static void filters_leave_what_they_say(void **state)
{
    (void)state;
    static const struct {
        const char *filter;
        size_t wanted;
    } cases[] = {
        {"", 64},
        {"method=dorefa", 32},
        {"method=dorefa,qnn", 64},
        {"method=dorefa wbits=1", 8},
        {"  method=dorefa   wbits=1,2 abits=8 seed=2 ", 2},
        {"wbits=01", 16}, /* values are canonical */
        {"lr=1e-3", 64},
        {"lr=0.01", 0},
        {"data=mnist:/anywhere", 64},
        {"weights=dorefa activations=dorefa", 32},
        {"weights=xnor", 0},
        {"state=ok,dnc", 64},
        {"state=failed", 0},
        {"id=1,2,3", 3},
        {"experiment=none", 0},
        {"model=resnet20", 0},
    };
    lb_store *store = open_new("filters.sqlite");
    lb_test_fill_store(store, 64, 2, 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const size_t got = count(store, cases[i].filter);
        if (got != cases[i].wanted)
            fail_msg("'%s': %zu runs, wanted %zu", cases[i].filter, got, cases[i].wanted);
    }
    lb_run_list list = {0};
    char filter[128];
    assert_ok(lb_store_list(store, NULL, &list));
    assert_int_equal(list.n, 64);
    for (size_t i = 1; i < list.n; i++) assert_true(list.runs[i - 1].id < list.runs[i].id);
    (void)snprintf(filter, sizeof filter, "hash=%.20s,%.64s", list.runs[5].hash, list.runs[9].hash);
    assert_int_equal(count(store, filter), 2);
    lb_run_list_release(&list);
    lb_store_close(store);
}

static void filters_that_make_no_sense_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *filter, *message;
    } cases[] = {
        {"metod=dorefa", "did you mean 'method'?"},
        {"experimant=x", "did you mean 'experiment'?"},
        {"zzzzzzzzzzz=1", "wanted a setting, state, experiment, hash or id"},
        {"method", "wanted KEY=VALUE"},
        {"=1", "wanted KEY=VALUE"},
        {"wbits=x", "wanted a whole number from 1 to 32"},
        {"wbits=", "wanted a whole number"},
        {"state=done", "wanted running, ok, dnc or failed"},
        {"hash=xyz", "hexadecimal"},
        {"id=1x", "wanted a whole number"},
        {"data=nowhere", "no data set 'nowhere'"},
    };
    lb_store *store = open_new("refused.sqlite");
    lb_run_list list = {0};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(lb_store_list(store, cases[i].filter, &list), LB_E_ARG);
        assert_contains(lb_error(), "filter");
        assert_contains(lb_error(), cases[i].message);
        assert_null(list.memory);
    }
    static char many[16384];
    size_t at = 0;
    while (at < sizeof many - 8) at += (size_t)snprintf(many + at, sizeof many - at, "seed=1 ");
    assert_status(lb_store_list(store, many, &list), LB_E_ARG);
    lb_store_close(store);
}

/* ---- experiments ----------------------------------------------------------------------------- */

static void a_done_cell_stays_done(void **state)
{
    (void)state;
    lb_store *store = open_new("cells.sqlite");
    int64_t id = 0, again = 0, run = 0;
    char hash[LB_RUN_HASH_BYTES];
    const lb_synthetic_run synthetic = {"dorefa", 1, 2, 1, 2, 1, LB_RUN_OK};
    lb_test_put_run(store, &synthetic, &run, hash);
    assert_ok(lb_store_begin_experiment(store, "t6", "Table 6", "text", &id));
    assert_ok(
        lb_store_begin_experiment(store, "t6", "Table 6", "other", &again)); /* no cells yet */
    assert_int_equal(id, again);

    lb_cell_record cell = {.position = 4, .stage = LB_CELL_FULL, .point = 2, .trial = LB_NO_TRIAL};
    assert_ok(lb_store_put_cell(store, id, &cell));
    cell.attempts = 1;
    memcpy(cell.hash, hash, sizeof hash);
    cell.run_id = run;
    cell.done = true;
    assert_ok(lb_store_put_cell(store, id, &cell));
    cell.done = false;
    cell.attempts = 9;
    assert_ok(lb_store_put_cell(store, id, &cell));
    const lb_cell_record first = {.position = 1, .stage = LB_CELL_SEARCH, .rung = 1, .trial = 3};
    assert_ok(lb_store_put_cell(store, id, &first));

    lb_cell_record *cells = NULL;
    size_t n = 0;
    assert_ok(lb_store_cells(store, id, &cells, &n));
    assert_int_equal(n, 2);
    assert_true(cells[0].position == 1 && cells[0].stage == LB_CELL_SEARCH && cells[0].trial == 3);
    assert_true(cells[0].rung == 1 && !cells[0].done && cells[0].run_id == 0);
    assert_string_equal(cells[0].hash, "");
    assert_true(cells[1].done && cells[1].attempts == 1 && cells[1].trial == LB_NO_TRIAL);
    assert_true(cells[1].run_id == run && cells[1].point == 2);
    assert_string_equal(cells[1].hash, hash);
    lb_records_free(cells);
    assert_int_equal(count(store, "experiment=t6"), 1);

    lb_experiment_record *experiments = NULL;
    assert_ok(lb_store_experiments(store, &experiments, &n));
    assert_int_equal(n, 1);
    assert_true(experiments[0].cells == 2 && experiments[0].done == 1);
    assert_string_equal(experiments[0].text, "other");
    lb_records_free(experiments);
    assert_status(lb_store_begin_experiment(store, "t6", "Table 6", "text", &again), LB_E_ARG);
    assert_contains(lb_error(), "another experiment named 't6'");
    assert_contains(lb_error(), "lowbit results forget t6");

    assert_ok(lb_store_reopen_cell(store, id, 4));
    assert_ok(lb_store_cells(store, id, &cells, &n));
    assert_false(cells[1].done);
    lb_records_free(cells);
    assert_status(lb_store_put_cell(store, id + 77, &cell), LB_E_FORMAT); /* no such experiment */
    lb_store_close(store);
}

static void an_experiment_is_forgotten_and_its_runs_stay(void **state)
{
    (void)state;
    lb_store *store = open_new("forget.sqlite");
    int64_t ids[2], run = 0;
    char hash[LB_RUN_HASH_BYTES];
    const lb_synthetic_run synthetic = {"dorefa", 1, 2, 1, 2, 1, LB_RUN_OK};
    lb_test_put_run(store, &synthetic, &run, hash);
    lb_cell_record cell = {.stage = LB_CELL_FULL, .done = true, .run_id = run};
    memcpy(cell.hash, hash, sizeof hash);
    static const char *const names[] = {"table6", "table7"};
    for (size_t i = 0; i < 2; i++) {
        assert_ok(lb_store_begin_experiment(store, names[i], "", "text", &ids[i]));
        assert_ok(lb_store_put_cell(store, ids[i], &cell));
    }
    size_t cells = 0, n = 0;
    assert_ok(lb_store_forget_experiment(store, "table6", &cells));
    assert_int_equal(cells, 1);
    lb_experiment_record *experiments = NULL;
    assert_ok(lb_store_experiments(store, &experiments, &n));
    assert_int_equal(n, 1);
    assert_string_equal(experiments[0].name, "table7");
    lb_records_free(experiments);
    assert_int_equal(count(store, ""), 1);
    assert_int_equal(count(store, "experiment=table6"), 0);
    assert_int_equal(count(store, "experiment=table7"), 1);
    assert_status(lb_store_forget_experiment(store, "table6", &cells), LB_E_ARG);
    assert_contains(lb_error(), "no experiment 'table6'; did you mean 'table7'?");
    assert_ok(lb_store_begin_experiment(store, "table6", "", "other text", &ids[0]));

    lb_sweep_lock lock;
    assert_ok(
        lb_sweep_lock_take(lb_test_path(folder_of_tests(), "forget.sqlite"), "table7", &lock));
    assert_status(lb_store_forget_experiment(store, "table7", &cells), LB_E_ARG);
    assert_contains(lb_error(), "a sweep (process ");
    assert_int_equal(count(store, "experiment=table7"), 1);
    lb_sweep_lock_release(&lock);
    lb_store_close(store);
}

/* ---- queries and exports --------------------------------------------------------------------- */

static void queries_only_read(void **state)
{
    (void)state;
    lb_store *store = open_new("query.sqlite");
    size_t rows = 0;
    char last[64] = "";
    lb_test_fill_store(store, 8, 1, 1);
    assert_ok(lb_store_query(store, "SELECT id FROM runs WHERE w_bits > 1;  ", count_rows, &rows));
    assert_int_equal(rows, 1 + 6); /* the names first */
    assert_ok(lb_store_query(store, "SELECT NULL", keep_last, last));
    assert_string_equal(last, "(null)");
    assert_ok(lb_store_query(store,
                             "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n "
                             "WHERE i < 9) SELECT max(i) FROM n",
                             keep_last, last));
    assert_string_equal(last, "9");
    static const char *const refused[] = {"DELETE FROM runs",
                                          "INSERT INTO experiments VALUES (1, 'a', 'b', 'c')",
                                          "PRAGMA user_version = 7",
                                          "BEGIN",
                                          "COMMIT",
                                          "ATTACH ':memory:' AS other",
                                          "CREATE TEMP TABLE x (y)",
                                          "DROP TABLE runs",
                                          "VACUUM INTO 'no.sqlite'",
                                          "SELECT 1; DELETE FROM runs",
                                          "SELECT load_extension('x')",
                                          "SELECT nothing FROM runs",
                                          "SELEC 1",
                                          "",
                                          ";"};
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        rows = 0;
        if (lb_store_query(store, refused[i], count_rows, &rows) != LB_E_ARG || rows != 0)
            fail_msg("'%s' was not refused, or had %zu rows", refused[i], rows);
        assert_contains(lb_error(), "query: ");
    }
    assert_int_equal(count(store, NULL), 8);
    lb_store_close(store);
}

static void exports_are_whole_files(void **state)
{
    (void)state;
    lb_store *store = open_new("export.sqlite");
    uint8_t *text = NULL;
    size_t bytes = 0;
    int64_t id = 0;
    char hash[LB_RUN_HASH_BYTES];
    lb_synthetic_run run = {"dorefa", 1, 2, 1, 2, 1, LB_RUN_FAILED};
    lb_test_put_run(store, &run, &id, hash);
    const char *path = lb_test_path(folder_of_tests(), "runs.csv");
    assert_ok(lb_store_export(store, NULL, LB_EXPORT_CSV, path));
    assert_ok(lb_file_read(path, 1 << 20, &text, &bytes));
    assert_contains((const char *)text, "id,hash,state,message,settings,");
    assert_contains((const char *)text, hash);
    assert_contains((const char *)text, ",failed,the disk was on fire,\"{\"\"data\"\": ");
    lb_free(text);
    assert_ok(lb_store_export(store, "state=failed", LB_EXPORT_JSON, path));
    assert_ok(lb_file_read(path, 1 << 20, &text, &bytes));
    assert_contains((const char *)text, "\"settings\": {\"data\": \"mnist\"");
    lb_free(text);
    assert_ok(lb_store_export(store, "state=ok", LB_EXPORT_JSON, path));
    assert_ok(lb_file_read(path, 1 << 20, &text, &bytes));
    assert_string_equal((const char *)text, "[\n]\n");
    lb_free(text);
    run.method = "twn";
    run.w_bits = 2;
    run.a_bits = 32;
    lb_test_put_run(store, &run, &id, hash);
    assert_ok(lb_store_export(store, NULL, LB_EXPORT_MARKDOWN, path));
    assert_ok(lb_file_read(path, 1 << 20, &text, &bytes));
    assert_contains((const char *)text, "| mnist | lenet5 | twn | 2\\*/32 | 1 | 2 | failed |");
    lb_free(text);
    assert_status(lb_store_export(store, NULL, LB_EXPORT_CSV, "/nowhere/runs.csv"), LB_E_IO);
    assert_status(lb_store_export(store, "a=b", LB_EXPORT_CSV, path), LB_E_ARG);
    lb_store_close(store);
}

/* ---- speed ----------------------------------------------------------------------------------- */

/* A report reads the list, and epochs, layers and histograms of all runs. 2,300 runs must leave most of its 10 seconds
 * for the pictures. */
static void a_report_s_worth_of_runs_is_read_in_a_moment(void **state)
{
    (void)state;
    enum { RUNS = 2300, EPOCHS = 20, LAYERS = 8 };
    lb_store *store = open_new("large.sqlite");
    lb_test_fill_store(store, RUNS, EPOCHS, LAYERS);
    const double start = lb_seconds();
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, NULL, &list));
    assert_int_equal(list.n, RUNS);
    for (size_t i = 0; i < list.n; i++) {
        lb_epoch_record *epochs = NULL;
        lb_layer_record *layers = NULL;
        lb_histogram_record *histograms = NULL;
        size_t n = 0;
        assert_ok(lb_store_epochs(store, list.runs[i].id, &epochs, &n));
        assert_int_equal(n, EPOCHS);
        assert_ok(lb_store_layers(store, list.runs[i].id, &layers, &n));
        assert_ok(lb_store_histograms(store, list.runs[i].id, &histograms, &n));
        assert_int_equal(n, LAYERS);
        lb_records_free(epochs);
        lb_records_free(layers);
        lb_records_free(histograms);
    }
    lb_run_list_release(&list);
    const double seconds = lb_seconds() - start;
    print_message("%d runs read in %.2f s\n", RUNS, seconds);
    if (seconds > 5.0) fail_msg("%.2f s to read %d runs, wanted at most 5", seconds, RUNS);
    lb_store_close(store);
}

/* ---- memory ---------------------------------------------------------------------------------- */

static lb_status use_store(void *context)
{
    lb_store *store = NULL;
    LB_TRY(lb_store_open(context, LB_STORE_READ, &store));
    lb_run_list list = {0};
    lb_epoch_record *epochs = NULL;
    size_t n = 0;
    lb_status status = lb_store_list(store, "method=qnn state=ok lr=0.001", &list);
    if (status == LB_OK) status = lb_store_epochs(store, list.runs[0].id, &epochs, &n);
    lb_run_record found;
    bool is_there = false;
    if (status == LB_OK) status = lb_store_find(store, list.runs[0].hash, &is_there, &found);
    size_t rows = 0;
    if (status == LB_OK) status = lb_store_query(store, "SELECT 1, 2", count_rows, &rows);
    lb_records_free(epochs);
    lb_run_list_release(&list);
    lb_store_close(store);
    return status;
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_path(folder_of_tests(), "memory.sqlite"));
    lb_store *store = NULL;
    assert_ok(lb_store_open(path, LB_STORE_WRITE, &store));
    lb_test_fill_store(store, 40, 2, 1);
    lb_store_close(store);
    lb_test_every_allocation_failure(use_store, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_put_comes_out),
        cmocka_unit_test(a_second_run_of_one_hash_replaces_the_first),
        cmocka_unit_test(failures_do_not_hide_results),
        cmocka_unit_test(filters_leave_what_they_say),
        cmocka_unit_test(filters_that_make_no_sense_are_refused),
        cmocka_unit_test(a_done_cell_stays_done),
        cmocka_unit_test(an_experiment_is_forgotten_and_its_runs_stay),
        cmocka_unit_test(queries_only_read),
        cmocka_unit_test(exports_are_whole_files),
        cmocka_unit_test(a_report_s_worth_of_runs_is_read_in_a_moment),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
