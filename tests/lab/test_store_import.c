/* Folders of runs into a store: whole ones, half ones, damaged ones. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "lab/machine.h"
#include "lowbit/inspect.h"
#include "lowbit/results.h"
#include "lowbit/version.h"
#include "support/tiny_training.h"

static lb_store *open_new(void)
{
    lb_store *store = NULL;
    assert_ok(lb_store_open(lb_test_fresh("import.sqlite"), LB_STORE_WRITE, &store));
    return store;
}

/* Hash of the tiny run with these pairs over it. */
static void hash_of_tiny(const char *const *pairs, char out[LB_RUN_HASH_BYTES])
{
    static const char *const tiny[] = {"data",
                                       "synth-digits:120",
                                       "width-multiplier",
                                       "0.125",
                                       "method",
                                       "dorefa",
                                       "abits",
                                       "2",
                                       "batch",
                                       "20",
                                       "epochs",
                                       "3"};
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    for (size_t i = 0; i < sizeof tiny / sizeof *tiny; i += 2)
        assert_ok(lb_settings_set(s, tiny[i], tiny[i + 1]));
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_ok(lb_settings_set(s, pairs[i], pairs[i + 1]));
    assert_ok(lb_run_hash(s, out));
    lb_settings_destroy(s);
}

static lb_run_record find(lb_store *store, const char *hash)
{
    lb_run_record r = {0};
    bool found = false;
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found);
    return r;
}

static void a_whole_run_is_complete(void **state)
{
    (void)state;
    lb_store *store = open_new();
    char hash[LB_RUN_HASH_BYTES];
    int64_t id = 0, again = 0;
    hash_of_tiny(PAIRS("threads", "3"), hash);
    assert_ok(lb_store_import(store, lb_test_whole_run(), hash, 12.5, &id));
    lb_run_record r = find(store, hash);
    assert_int_equal(r.id, id);
    assert_true(r.state == LB_RUN_OK || r.state == LB_RUN_DNC);
    assert_true(r.epochs == 3 && r.epochs_wanted == 3 && r.seconds == 12.5);
    assert_string_equal(r.data, "synth-digits:120");
    assert_string_equal(r.split, "test");
    assert_string_equal(r.version, LOWBIT_VERSION);
    assert_true(r.folder[0] == '/');
    assert_true(strlen(r.started) == 20 && strlen(r.finished) == 20);
    char *machine = NULL;
    assert_ok(lb_machine_describe(&machine));
    assert_string_equal(r.machine, machine);
    assert_contains(machine, "processor");
    lb_free(machine);

    lb_inspection *costs = NULL;
    assert_ok(lb_inspect_run(lb_test_whole_run(), &costs));
    assert_int_equal(r.parameters, costs->parameters);
    assert_int_equal(r.macs, costs->macs);
    assert_true(r.stored_bytes == costs->stored_bytes && r.float_bytes == costs->float_bytes);
    assert_true(r.bit_operations == costs->bit_operations && r.bit_operations > 0.0);
    assert_true(r.effective_w_bits == costs->weight_bits);
    assert_true(r.effective_a_bits == costs->act_bits);
    lb_inspection_destroy(costs);

    /* imported by hand: the same run; nothing that was known is forgotten */
    assert_ok(lb_store_import(store, lb_test_whole_run(), NULL, 0.0, &again));
    assert_int_equal(id, again);
    r = find(store, hash);
    assert_true(r.seconds == 12.5 && r.machine[0] != '\0');
    lb_store_close(store);
}

static void epochs_are_those_of_metrics_csv(void **state)
{
    (void)state;
    lb_store *store = open_new();
    int64_t id = 0;
    size_t n = 0, bytes = 0;
    uint8_t *text = NULL;
    lb_epoch_record *epochs = NULL;
    assert_ok(lb_store_import(store, lb_test_whole_run(), NULL, 0.0, &id));
    assert_ok(lb_store_epochs(store, id, &epochs, &n));
    assert_int_equal(n, 3);
    lb_test_read(lb_test_whole_run(), "metrics.csv", &text, &bytes);
    const char *line = strchr((const char *)text, '\n') + 1;
    for (size_t i = 0; i < n; i++) {
        char wanted[256];
        (void)snprintf(wanted, sizeof wanted, "%zu,%.9g,%.9g,%.9g,%.9g,%.9g,%.9g,", epochs[i].epoch,
                       epochs[i].lr, epochs[i].train_loss, epochs[i].train_top1, epochs[i].val_loss,
                       epochs[i].val_top1, epochs[i].val_top5);
        assert_int_equal(strncmp(line, wanted, strlen(wanted)), 0);
        assert_true(isnan(epochs[i].frozen) && isnan(epochs[i].mixed_top1));
        line = strchr(line, '\n') + 1;
    }
    lb_free(text);
    lb_records_free(epochs);
    lb_store_close(store);
}

/* The last columns of metrics.csv are those of the mixture. */
static void check_mixture(lb_store *store, const char *run, int64_t id)
{
    lb_epoch_record *epochs = NULL;
    size_t n = 0, bytes = 0;
    uint8_t *text = NULL;
    assert_ok(lb_store_epochs(store, id, &epochs, &n));
    lb_test_read(run, "metrics.csv", &text, &bytes);
    assert_contains((const char *)text, ",split,frozen,mixed_loss,mixed_top1\n1,");
    const char *line = strchr((const char *)text, '\n') + 1;
    for (size_t i = 0; i < n; i++) {
        char wanted[128];
        const int length = snprintf(wanted, sizeof wanted, ",test,%.9g,%.9g,%.9g\n",
                                    epochs[i].frozen, epochs[i].mixed_loss, epochs[i].mixed_top1);
        const char *end = strchr(line, '\n') + 1;
        assert_true(end - line > length);
        assert_int_equal(strncmp(end - length, wanted, (size_t)length), 0);
        line = end;
    }
    assert_true(n > 0 && *line == '\0' && epochs[0].frozen == 0.5);
    lb_free(text);
    lb_records_free(epochs);
}

/* Freezing ends its first fraction early: the run is complete with fewer epochs than were asked for, and its best
 * epoch is one of the last fraction. The network learns nothing, so all epochs are as good. */
static void a_run_that_ended_early_is_complete(void **state)
{
    (void)state;
    char run[4096];
    lb_told told = {0};
    lb_store *store = open_new();
    int64_t id = 0;
    bool found = false;
    lb_run_record r;
    char hash[LB_RUN_HASH_BYTES];
    (void)snprintf(run, sizeof run, "%s", lb_test_fresh("early"));
    assert_ok(lb_test_train(run, &told,
                            PAIRS("method", "rpr", "abits", "32", "freezing", "0.5:6,1:1",
                                  "freezing-patience", "1", "lr", "0", "epochs", "7")));
    assert_true(told.n_epoch < 7);
    hash_of_tiny(PAIRS("method", "rpr", "abits", "32", "freezing", "0.5:6,1:1", "freezing-patience",
                       "1", "lr", "0", "epochs", "7"),
                 hash);
    assert_ok(lb_store_import(store, run, hash, 0.0, &id));
    check_mixture(store, run, id);
    assert_ok(lb_store_find(store, hash, &found, &r));
    assert_true(found && (r.state == LB_RUN_OK || r.state == LB_RUN_DNC));
    assert_int_equal(r.epochs, told.n_epoch);
    assert_int_equal(r.epochs_wanted, told.n_epoch);
    assert_int_equal(r.best_epoch, told.n_epoch);
    lb_store_close(store);
}

/* DoReFa's 1-bit weights are two values, -scale and +scale, in the bins at the ends of their range. */
static void layers_and_histograms_describe_the_weights(void **state)
{
    (void)state;
    lb_store *store = open_new();
    int64_t id = 0;
    size_t n = 0, n_histograms = 0;
    lb_layer_record *layers = NULL;
    lb_histogram_record *histograms = NULL;
    assert_ok(lb_store_import(store, lb_test_whole_run(), NULL, 0.0, &id));
    assert_ok(lb_store_layers(store, id, &layers, &n));
    assert_ok(lb_store_histograms(store, id, &histograms, &n_histograms));
    assert_int_equal(n, 5);
    assert_int_equal(n_histograms, 5);
    assert_string_equal(layers[1].name, "conv2");
    assert_string_equal(histograms[1].layer, "conv2");
    assert_true(layers[0].w_bits == 32 && layers[1].w_bits == 1 && layers[1].a_bits == 2);
    for (size_t i = 0; i < n; i++) {
        double masters = 0.0, quantized = 0.0;
        size_t used = 0;
        for (size_t b = 0; b < LB_HISTOGRAM_BINS; b++) {
            masters += histograms[i].masters[b];
            quantized += histograms[i].quantized[b];
            used += histograms[i].quantized[b] > 0.0;
        }
        /* float32 shares: 64 of them, each within 2^-25 */
        assert_true(fabs(masters - 1.0) < 64 * 3e-8 && fabs(quantized - 1.0) < 64 * 3e-8);
        assert_true(histograms[i].low < histograms[i].high);
        assert_true(layers[i].sparsity == 0.0);
        if (layers[i].w_bits == 1) assert_int_equal(used, 2);
    }
    lb_records_free(layers);
    lb_records_free(histograms);
    lb_store_close(store);
}

static void ternary_layers_have_zeros(void **state)
{
    (void)state;
    lb_store *store = open_new();
    lb_told told = {0};
    const char *run = lb_test_fresh("twn");
    int64_t id = 0;
    size_t n = 0;
    lb_layer_record *layers = NULL;
    assert_ok(lb_test_train(run, &told, PAIRS("method", "twn", "abits", "32", "epochs", "1")));
    assert_ok(lb_store_import(store, run, NULL, 0.0, &id));
    assert_ok(lb_store_layers(store, id, &layers, &n));
    /* TWN sets weights below 0.7 mean|w| to 0: of uniform ones 35 %, of normal ones 42 % */
    assert_true(layers[1].sparsity > 0.2 && layers[1].sparsity < 0.6);
    lb_records_free(layers);
    lb_store_close(store);
}

static void a_half_run_is_running_until_it_is_whole(void **state)
{
    (void)state;
    lb_store *store = open_new();
    lb_told told = {.stop_at_epoch = 1};
    char run[4096], hash[LB_RUN_HASH_BYTES];
    int64_t id = 0, whole = 0;
    (void)snprintf(run, sizeof run, "%s", lb_test_fresh("half"));
    assert_status(lb_test_train(run, &told, NULL), LB_E_INTERRUPTED);
    hash_of_tiny(PAIRS("seed", "1"), hash);
    assert_ok(lb_store_import(store, run, hash, 1.0, &id));
    lb_run_record r = find(store, hash);
    assert_true(r.state == LB_RUN_RUNNING && r.epochs == 1 && r.epochs_wanted == 3);
    assert_string_equal(r.finished, "");

    assert_ok(lb_store_import(store, lb_test_whole_run(), hash, 3.0, &whole));
    assert_int_equal(id, whole);
    r = find(store, hash);
    assert_true(r.state != LB_RUN_RUNNING && r.epochs == 3 && r.seconds == 3.0);

    assert_ok(lb_store_import(store, run, hash, 9.0, &id)); /* the half one does not undo it */
    r = find(store, hash);
    assert_true(r.state != LB_RUN_RUNNING && r.epochs == 3 && r.seconds == 3.0);
    lb_store_close(store);
}

/* A run that started from other weights is another run, also when nothing but its folder is there. */
static void initial_weights_are_remembered(void **state)
{
    (void)state;
    lb_store *store = open_new();
    lb_told told = {0};
    char run[4096], hash[LB_RUN_HASH_BYTES];
    int64_t id = 0;
    (void)snprintf(run, sizeof run, "%s", lb_test_fresh("from"));
    assert_ok(lb_test_train(run, &told, PAIRS("init", lb_test_whole_run())));
    hash_of_tiny(PAIRS("init", lb_test_whole_run()), hash);
    assert_ok(lb_store_import(store, run, NULL, 0.0, &id));
    const lb_run_record record = find(store, hash);
    assert_int_equal(record.id, id);
    /* without it a report would take it for a repetition of the run from other weights */
    static const char key[] = ",\"init\": \"";
    const char *init = strstr(record.settings, key);
    assert_non_null(init);
    assert_string_equal(init + strlen(key) + 64, "\"}");
    lb_store_close(store);
}

static void folders_that_hold_no_run_are_refused(void **state)
{
    (void)state;
    lb_store *store = open_new();
    char folder[4000], path[4096], hash[LB_RUN_HASH_BYTES];
    int64_t id = 77;
    (void)snprintf(folder, sizeof folder, "%s", lb_test_folder());
    assert_status(lb_store_import(store, "/nowhere", NULL, 0.0, &id), LB_E_IO);
    assert_contains(lb_error(), "/nowhere: no run is there");
    assert_status(lb_store_import(store, folder, NULL, 0.0, &id), LB_E_IO);
    (void)snprintf(path, sizeof path, "%s/config.json", folder);
    lb_test_write(path, "{}", 2);
    assert_status(lb_store_import(store, folder, NULL, 0.0, &id), LB_E_FORMAT);
    assert_contains(lb_error(), "config.json");

    uint8_t *text = NULL;
    size_t bytes = 0;
    lb_test_read(lb_test_whole_run(), "config.json", &text, &bytes);
    lb_test_write(path, text, bytes);
    lb_free(text);
    (void)snprintf(path, sizeof path, "%s/last.safetensors", folder);
    lb_test_read(lb_test_whole_run(), "last.safetensors", &text, &bytes);
    lb_test_write(path, text, bytes / 2);
    lb_free(text);
    assert_status(lb_store_import(store, folder, NULL, 0.0, &id), LB_E_FORMAT);
    assert_contains(lb_error(), "last.safetensors");
    hash_of_tiny(PAIRS("seed", "2"), hash);
    assert_status(lb_store_import(store, lb_test_whole_run(), hash, 0.0, &id), LB_E_FORMAT);
    assert_contains(lb_error(), "holds run");
    assert_int_equal(id, 77);
    lb_run_list list = {0};
    assert_ok(lb_store_list(store, NULL, &list));
    assert_int_equal(list.n, 0); /* the store is as before */

    (void)unlink(path); /* before the first checkpoint: a run without epochs */
    assert_ok(lb_store_import(store, folder, NULL, 0.0, &id));
    hash_of_tiny(PAIRS("seed", "1"), hash);
    const lb_run_record r = find(store, hash);
    assert_true(r.state == LB_RUN_RUNNING && r.epochs == 0 && r.parameters == 0);
    lb_store_close(store);
}

static lb_status import_into(void *context)
{
    int64_t id = 0;
    return lb_store_import(context, lb_test_whole_run(), NULL, 1.0, &id);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    lb_store *store = open_new();
    (void)lb_test_whole_run();
    lb_test_every_allocation_failure(import_into, store);
    lb_store_close(store);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_whole_run_is_complete),
        cmocka_unit_test(epochs_are_those_of_metrics_csv),
        cmocka_unit_test(a_run_that_ended_early_is_complete),
        cmocka_unit_test(layers_and_histograms_describe_the_weights),
        cmocka_unit_test(ternary_layers_have_zeros),
        cmocka_unit_test(a_half_run_is_running_until_it_is_whole),
        cmocka_unit_test(initial_weights_are_remembered),
        cmocka_unit_test(folders_that_hold_no_run_are_refused),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
