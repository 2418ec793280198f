#include "support/report_records.h"

#include "lab/store_records.h"

lb_run_record lb_test_run(int64_t id, const char *method, int w, int a, double top1)
{
    return (lb_run_record){.id = id,
                           .hash = {'a', (char)('a' + id % 26)},
                           .state = LB_RUN_OK,
                           .message = "",
                           .settings = "{}",
                           .data = "mnist",
                           .model = "lenet5",
                           .method = method,
                           .weights = method,
                           .activations = method,
                           .w_bits = w,
                           .a_bits = a,
                           .seed = 1,
                           .folder = "",
                           .split = "test",
                           .epochs = 3,
                           .epochs_wanted = 3,
                           .best_top1 = top1,
                           .last_top1 = top1,
                           .best_top5 = 99.0,
                           .best_epoch = 3,
                           .stored_bytes = 1000.0 * w,
                           .bit_operations = 1e6 * w * a,
                           .machine = "a machine",
                           .version = "0.1.0",
                           .started = "",
                           .finished = ""};
}

static lb_status some_epochs(void *user, int64_t run_id, lb_epoch_record **out, size_t *n)
{
    (void)user;
    lb_records records = {.size = sizeof **out};
    for (size_t i = 0; i < 3; i++) {
        void *block = NULL;
        const lb_status status = lb_records_add(&records, &block);
        if (status != LB_OK) {
            lb_records_free(records.items);
            return status;
        }
        *(lb_epoch_record *)block =
            (lb_epoch_record){.epoch = i + 1, .val_top1 = 90.0 + (double)(i + (size_t)run_id)};
    }
    *out = records.items;
    *n = 3;
    return LB_OK;
}

static lb_status some_layers(void *user, int64_t run_id, lb_layer_record **out, size_t *n)
{
    (void)user;
    (void)run_id;
    lb_records records = {.size = sizeof **out};
    void *block = NULL;
    LB_TRY(lb_records_add(&records, &block));
    *(lb_layer_record *)block = (lb_layer_record){.name = "conv1" LB_TEST_HOSTILE,
                                                  .w_bits = 2,
                                                  .a_bits = 32,
                                                  .weights = 500,
                                                  .macs = 9000,
                                                  .stored_bytes = 125.0,
                                                  .sparsity = 0.25};
    *out = records.items;
    *n = 1;
    return LB_OK;
}

static lb_status some_histograms(void *user, int64_t run_id, lb_histogram_record **out, size_t *n)
{
    (void)user;
    (void)run_id;
    lb_records records = {.size = sizeof **out};
    void *block = NULL;
    LB_TRY(lb_records_add(&records, &block));
    lb_histogram_record *h = block;
    *h = (lb_histogram_record){.layer = "conv1" LB_TEST_HOSTILE, .low = -1.0, .high = 1.0};
    for (size_t i = 0; i < LB_HISTOGRAM_BINS; i++) h->masters[i] = 1.0 / LB_HISTOGRAM_BINS;
    h->quantized[10] = h->quantized[53] = 0.5;
    *out = records.items;
    *n = 1;
    return LB_OK;
}

lb_report_input lb_test_report_input(const lb_run_record *runs, size_t n)
{
    return (lb_report_input){.runs = runs,
                             .n_runs = n,
                             .epochs = some_epochs,
                             .layers = some_layers,
                             .histograms = some_histograms};
}
