#include "support/synthetic_store.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "lab/store.h"

enum { MOST = 64 };

static void set_number(lb_settings *settings, const char *key, unsigned value)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%u", value);
    assert_ok(lb_settings_set(settings, key, text));
}

static lb_settings *settings_of(const lb_synthetic_run *run)
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "data", "mnist"));
    assert_ok(lb_settings_set(s, "method", run->method));
    set_number(s, "wbits", (unsigned)run->w_bits);
    set_number(s, "abits", (unsigned)run->a_bits);
    set_number(s, "seed", run->seed);
    set_number(s, "epochs", (unsigned)run->epochs);
    return s;
}

static double top1_at(const lb_synthetic_run *run, size_t epoch)
{
    const double noise = (double)((run->seed * 2654435761u + epoch * 40503u) % 1000) / 1000.0;
    const double best = 99.0 - 4.0 / run->w_bits - 4.0 / run->a_bits;
    return best - 20.0 * exp(-0.5 * (double)epoch) + noise;
}

static void fill_layers(size_t n, lb_layer_record *layers, lb_histogram_record *histograms,
                        char names[MOST][32])
{
    for (size_t i = 0; i < n; i++) {
        (void)snprintf(names[i], sizeof names[i], "conv%zu", i + 1);
        layers[i] = (lb_layer_record){.name = names[i],
                                      .w_bits = 1,
                                      .a_bits = 2,
                                      .weights = 1000 * (i + 1),
                                      .macs = 100000,
                                      .stored_bytes = 125.0 * (double)(i + 1),
                                      .sparsity = 0.25};
        histograms[i] = (lb_histogram_record){.layer = names[i], .low = -1.0, .high = 1.0};
        for (size_t b = 0; b < LB_HISTOGRAM_BINS; b++)
            histograms[i].masters[b] = histograms[i].quantized[b] = 1.0 / LB_HISTOGRAM_BINS;
    }
}

static void fill_record(const lb_synthetic_run *run, const lb_epoch_record *epochs,
                        lb_run_record *r)
{
    r->state = run->state;
    r->message = run->state == LB_RUN_FAILED ? "the disk was on fire" : "";
    r->folder = "/runs/synthetic";
    r->machine = "no machine, 0 processors";
    r->version = "0.0.0";
    r->started = "2026-01-01T00:00:00Z";
    r->finished = run->state == LB_RUN_RUNNING ? "" : "2026-01-01T01:00:00Z";
    r->seconds = 3600.0;
    r->epochs = run->epochs;
    for (size_t i = 0; i < run->epochs; i++) {
        r->last_top1 = epochs[i].val_top1;
        if (i > 0 && epochs[i].val_top1 <= r->best_top1) continue;
        r->best_top1 = epochs[i].val_top1;
        r->best_top5 = epochs[i].val_top5;
        r->best_epoch = i + 1;
    }
    r->parameters = 553000;
    r->macs = 2400000;
    r->float_bytes = 553000 * 4.0;
    r->stored_bytes = 553000 / 8.0 * run->w_bits;
    r->bit_operations = 2.4e6 * (run->w_bits * run->a_bits + run->w_bits + run->a_bits);
    r->effective_w_bits = run->w_bits;
    r->effective_a_bits = run->a_bits;
}

/* Freezing in equal steps; the mixture is the better, the less of it is frozen. */
static void mix(lb_epoch_record *e, size_t epochs)
{
    e->frozen = (double)e->epoch / (double)epochs;
    e->mixed_loss = e->val_loss / 2.0;
    e->mixed_top1 = e->val_top1 + 5.0 * (1.0 - e->frozen);
}

void lb_test_put_run(lb_store *store, const lb_synthetic_run *run, int64_t *id,
                     char hash[LB_RUN_HASH_BYTES])
{
    static lb_epoch_record epochs[MOST];
    static lb_layer_record layers[MOST];
    static lb_histogram_record histograms[MOST];
    static char names[MOST][32];
    assert_true(run->epochs <= MOST && run->layers <= MOST);
    for (size_t i = 0; i < run->epochs; i++) {
        const double top1 = top1_at(run, i);
        epochs[i] = (lb_epoch_record){.epoch = i + 1,
                                      .lr = 0.001,
                                      .train_loss = 2.3 / (double)(i + 1),
                                      .train_top1 = top1 - 1.0,
                                      .val_loss = 2.4 / (double)(i + 1),
                                      .val_top1 = top1,
                                      .val_top5 = 100.0,
                                      .frozen = (double)NAN,
                                      .mixed_loss = (double)NAN,
                                      .mixed_top1 = (double)NAN};
        if (strcmp(run->method, "rpr") == 0) mix(&epochs[i], run->epochs);
    }
    fill_layers(run->layers, layers, histograms, names);
    lb_settings *settings = settings_of(run);
    lb_resolved_run resolved;
    assert_ok(lb_resolve_run(settings, &resolved));
    lb_resolved_run_hash(&resolved, "", "", hash);
    lb_run_contents contents = {.record = lb_run_record_of(&resolved, hash),
                                .settings = resolved.settings,
                                .epochs = epochs,
                                .n_epochs = run->epochs,
                                .layers = layers,
                                .histograms = histograms,
                                .n_layers = run->layers};
    fill_record(run, epochs, &contents.record);
    assert_ok(lb_store_begin(store));
    assert_ok(lb_store_end(store, lb_store_put_run(store, &contents, id)));
    lb_resolved_run_release(&resolved);
    lb_settings_destroy(settings);
}

void lb_test_fill_store(lb_store *store, size_t runs, size_t epochs, size_t layers)
{
    static const char *const methods[] = {"dorefa", "qnn"};
    static const int widths[] = {1, 2, 4, 8};
    for (size_t i = 0; i < runs; i++) {
        const lb_synthetic_run run = {.method = methods[i % 2],
                                      .w_bits = widths[i / 2 % 4],
                                      .a_bits = widths[i / 8 % 4],
                                      .seed = (unsigned)(i / 32) + 1,
                                      .epochs = epochs,
                                      .layers = layers,
                                      .state = LB_RUN_OK};
        int64_t id = 0;
        char hash[LB_RUN_HASH_BYTES];
        lb_test_put_run(store, &run, &id, hash);
    }
}
