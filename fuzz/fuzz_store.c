/* Hostile result stores: whatever the bytes are, they are refused with a message, or read, sorted for a report,
 * exported, merged and written. */
#define _XOPEN_SOURCE 700 /* mkdtemp */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "input_file.h"
#include "lab/report_store.h"

static void ignore_row(const char *const *values, size_t n, void *user)
{
    (void)values, (void)n, (void)user;
}

static void read_run(lb_store *store, int64_t id)
{
    lb_epoch_record *epochs = NULL;
    lb_layer_record *layers = NULL;
    lb_histogram_record *histograms = NULL;
    size_t n = 0;
    (void)lb_store_epochs(store, id, &epochs, &n);
    (void)lb_store_layers(store, id, &layers, &n);
    (void)lb_store_histograms(store, id, &histograms, &n);
    lb_records_free(epochs);
    lb_records_free(layers);
    lb_records_free(histograms);
}

static void read_all(lb_store *store)
{
    lb_run_list list = {0};
    lb_experiment_record *experiments = NULL;
    size_t n = 0;
    (void)lb_store_query(store, "SELECT * FROM runs JOIN settings ON run = id", ignore_row, NULL);
    if (lb_store_list(store, "wbits=1,2", &list) == LB_OK) lb_run_list_release(&list);
    if (lb_store_list(store, NULL, &list) == LB_OK) {
        for (size_t i = 0; i < list.n && i < 4; i++) read_run(store, list.runs[i].id);
        lb_run_list_release(&list);
    }
    if (lb_store_experiments(store, &experiments, &n) == LB_OK) {
        for (size_t i = 0; i < n && i < 4; i++) {
            lb_cell_record *cells = NULL;
            size_t n_cells = 0;
            (void)lb_store_cells(store, experiments[i].id, &cells, &n_cells);
            lb_records_free(cells);
        }
        lb_records_free(experiments);
    }
}

/* SQLite follows links, so bytes that have no name but /proc/self/fd cannot be opened: they go to a folder. */
static char folder[64], input[96], target[96], exported[96];

/* Settings and experiments are texts to the store: here they are parsed. */
static void report(lb_store *store)
{
    static const lb_export_format formats[] = {LB_EXPORT_CSV, LB_EXPORT_JSON, LB_EXPORT_MARKDOWN};
    lb_report_records records = {0};
    lb_report_data data = {0};
    char text[LB_VALUE_BYTES];
    if (lb_report_records_init(store, NULL, folder, &records) == LB_OK &&
        lb_report_data_init(&records.input, &data) == LB_OK) {
        for (size_t i = 0; i < data.n_runs; i++) (void)lb_report_value(&data.runs[i], "lr", text);
    }
    lb_report_data_release(&data);
    lb_report_records_release(&records);
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++)
        (void)lb_store_export(store, NULL, formats[i], exported);
}

/* A store and what SQLite keeps beside it. */
static void remove_store(const char *store)
{
    static const char *const ends[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s%s", store, ends[i]);
        (void)unlink(path);
    }
}

static void remove_files(void)
{
    remove_store(input);
    remove_store(target);
    (void)unlink(exported);
    (void)rmdir(folder);
}

static void write_input(const uint8_t *data, size_t size)
{
    if (folder[0] == '\0') {
        (void)snprintf(folder, sizeof folder, "/tmp/lowbit-fuzz-XXXXXX");
        if (mkdtemp(folder) == NULL || atexit(remove_files) != 0) abort();
        (void)snprintf(input, sizeof input, "%s/input", folder);
        (void)snprintf(target, sizeof target, "%s/target", folder);
        (void)snprintf(exported, sizeof exported, "%s/exported", folder);
    }
    remove_store(input); /* a log of the input before is none of this one's */
    FILE *file = fopen(input, "wb");
    if (file == NULL || fwrite(data, 1, size, file) != size || fclose(file) != 0) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_store *store = NULL;
    lb_merge_counts counts;
    write_input(data, size);
    if (lb_store_open(input, LB_STORE_READ, &store) == LB_OK) {
        read_all(store);
        report(store);
    }
    lb_store_close(store);
    store = NULL;
    if (lb_store_open(target, LB_STORE_WRITE, &store) != LB_OK) abort();
    (void)lb_store_merge(store, input, &counts);
    lb_store_close(store);
    store = NULL; /* an earlier version becomes this one */
    if (lb_store_open(input, LB_STORE_WRITE, &store) == LB_OK) read_all(store);
    lb_store_close(store);
    return 0;
}
