/* Runs as text and as JSON. */
#include "cli/results_report.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_json.h"

enum { HASH_SHOWN = 12, QUERY_BYTES = 128 };

/* ---- a table of runs ------------------------------------------------------------------------- */

/* The columns that are as wide as their longest text. */
typedef struct widths {
    int data, model, method;
} widths;

static void widen(int *width, const char *text)
{
    const int length = (int)strlen(text);
    if (length > *width) *width = length;
}

static void print_bits(const lb_run_record *r, char text[32])
{
    (void)snprintf(text, 32, "%d%s/%d", r->w_bits, r->ternary ? "*" : "", r->a_bits);
}

static void print_line(const lb_run_record *r, const widths *w)
{
    char bits[32], epochs[48];
    print_bits(r, bits);
    (void)snprintf(epochs, sizeof epochs, "%zu/%zu", r->epochs, r->epochs_wanted);
    (void)printf("%6lld  %.*s  %-7s  %-*s  %-*s  %-*s  %6s %6llu %9s ", (long long)r->id,
                 HASH_SHOWN, r->hash, lb_run_state_name(r->state), w->data, r->data, w->model,
                 r->model, w->method, r->method, bits, (unsigned long long)r->seed, epochs);
    if (r->epochs > 0)
        (void)printf("%7.2f %7.2f", r->best_top1, r->last_top1);
    else
        (void)printf("%7s %7s", "-", "-");
    (void)printf(" %11.0f%s%s\n", r->stored_bytes, r->message[0] != '\0' ? "  " : "", r->message);
}

void lb_cli_print_runs(const lb_run_list *list)
{
    widths w = {(int)strlen("data"), (int)strlen("model"), (int)strlen("method")};
    size_t counts[LB_RUN_FAILED + 1] = {0};
    for (size_t i = 0; i < list->n; i++) {
        widen(&w.data, list->runs[i].data);
        widen(&w.model, list->runs[i].model);
        widen(&w.method, list->runs[i].method);
        counts[list->runs[i].state]++;
    }
    if (list->n > 0) {
        (void)printf("%6s  %-*s  %-7s  %-*s  %-*s  %-*s  %6s %6s %9s %7s %7s %11s\n", "id",
                     HASH_SHOWN, "hash", "state", w.data, "data", w.model, "model", w.method,
                     "method", "W/A", "seed", "epochs", "best", "last", "bytes");
    }
    for (size_t i = 0; i < list->n; i++) print_line(&list->runs[i], &w);
    (void)printf("%s%zu run%s", list->n > 0 ? "\n" : "", list->n, list->n == 1 ? "" : "s");
    for (int s = LB_RUN_RUNNING; s <= LB_RUN_FAILED; s++) {
        if (counts[s] > 0) (void)printf(", %zu %s", counts[s], lb_run_state_name((lb_run_state)s));
    }
    (void)printf("\n");
}

lb_status lb_cli_print_experiments(lb_store *store)
{
    lb_experiment_record *experiments = NULL;
    size_t n = 0;
    const lb_status status = lb_store_experiments(store, &experiments, &n);
    for (size_t i = 0; status == LB_OK && i < n; i++) {
        (void)printf("experiment %s: %zu of %zu cells done  %s\n", experiments[i].name,
                     experiments[i].done, experiments[i].cells, experiments[i].title);
    }
    lb_records_free(experiments);
    return status;
}

/* ---- one run --------------------------------------------------------------------------------- */

/* Rows of "key, value": the query's first call has the columns' names. */
static void print_setting(const char *const *values, size_t n, void *user)
{
    bool *head = user;
    if (!*head && n == 2)
        (void)printf("  %-20s %s\n", values[0] != NULL ? values[0] : "",
                     values[1] != NULL ? values[1] : "");
    *head = false;
}

static lb_status query_settings(lb_store *store, int64_t id,
                                void (*row)(const char *const *values, size_t n, void *user),
                                void *user)
{
    char sql[QUERY_BYTES];
    (void)snprintf(sql, sizeof sql, "SELECT key, value FROM settings WHERE run = %lld ORDER BY key",
                   (long long)id);
    return lb_store_query(store, sql, row, user);
}

/* Does the row have figures of a mixture? */
static bool is_mixed(const lb_epoch_record *e)
{
    return !isnan(e->frozen);
}

static void print_epochs(const lb_epoch_record *epochs, size_t n)
{
    if (n == 0) return;
    const bool mixed = is_mixed(&epochs[0]);
    (void)printf("\n%6s %11s %11s %11s %11s %9s %9s", "epoch", "lr", "train loss", "train top-1",
                 "val loss", "val top-1", "val top-5");
    if (mixed) (void)printf(" %7s %11s %11s", "frozen", "mixed loss", "mixed top-1");
    (void)printf("\n");
    for (size_t i = 0; i < n; i++) {
        const lb_epoch_record *e = &epochs[i];
        (void)printf("%6zu %11.5g %11.5f %11.2f %11.5f %9.2f %9.2f", e->epoch, e->lr, e->train_loss,
                     e->train_top1, e->val_loss, e->val_top1, e->val_top5);
        if (mixed) (void)printf(" %7.4g %11.5f %11.2f", e->frozen, e->mixed_loss, e->mixed_top1);
        (void)printf("\n");
    }
}

static void print_layers(const lb_layer_record *layers, size_t n)
{
    int width = (int)strlen("layer");
    for (size_t i = 0; i < n; i++) widen(&width, layers[i].name);
    if (n == 0) return;
    (void)printf("\n%-*s %6s %6s %10s %12s %12s %9s\n", width, "layer", "w bits", "a bits",
                 "weights", "MACs", "bytes", "zeros");
    for (size_t i = 0; i < n; i++) {
        const lb_layer_record *l = &layers[i];
        (void)printf("%-*s %6d %6d %10zu %12zu %12.0f %8.2f%%\n", width, l->name, l->w_bits,
                     l->a_bits, l->weights, l->macs, l->stored_bytes, 100.0 * l->sparsity);
    }
}

static void print_facts(const lb_run_record *r)
{
    char bits[32];
    print_bits(r, bits);
    (void)printf("run %lld  %s\n", (long long)r->id, r->hash);
    (void)printf("state        %s%s%s\n", lb_run_state_name(r->state),
                 r->message[0] != '\0' ? ": " : "", r->message);
    (void)printf("network      %s on %s, %s, W/A %s (weights %s, activations %s), seed %llu\n",
                 r->model, r->data, r->method, bits, r->weights, r->activations,
                 (unsigned long long)r->seed);
    (void)printf("epochs       %zu of %zu\n", r->epochs, r->epochs_wanted);
    if (r->epochs > 0) {
        (void)printf(
            "accuracy     best top-1 %.2f %% (epoch %zu, top-5 %.2f %%), last %.2f %%, on the "
            "%s images\n",
            r->best_top1, r->best_epoch, r->best_top5, r->last_top1, r->split);
    }
    if (r->parameters > 0) {
        (void)printf("size         %zu parameters, %.0f bytes as stored, %.0f in float32\n",
                     r->parameters, r->stored_bytes, r->float_bytes);
        (void)printf("operations   %zu multiply-accumulates, %.0f bit operations an image\n",
                     r->macs, r->bit_operations);
        (void)printf("bits         effective %.2f of weights, %.2f of activations\n",
                     r->effective_w_bits, r->effective_a_bits);
    }
    if (r->seconds > 0.0) (void)printf("time         %.1f s\n", r->seconds);
    if (r->folder[0] != '\0') (void)printf("folder       %s\n", r->folder);
    if (r->machine[0] != '\0') (void)printf("machine      %s\n", r->machine);
    if (r->version[0] != '\0') (void)printf("lowbit       %s\n", r->version);
    if (r->started[0] != '\0')
        (void)printf("started      %s%s%s\n", r->started,
                     r->finished[0] != '\0' ? ", finished " : "", r->finished);
}

lb_status lb_cli_print_run(lb_store *store, const lb_run_record *run)
{
    lb_epoch_record *epochs = NULL;
    lb_layer_record *layers = NULL;
    size_t n_epochs = 0, n_layers = 0;
    lb_status status = lb_store_epochs(store, run->id, &epochs, &n_epochs);
    if (status == LB_OK) status = lb_store_layers(store, run->id, &layers, &n_layers);
    if (status == LB_OK) {
        print_facts(run);
        bool head = true;
        (void)printf("\nsettings\n");
        status = query_settings(store, run->id, print_setting, &head);
        print_epochs(epochs, n_epochs);
        print_layers(layers, n_layers);
    }
    lb_records_free(epochs);
    lb_records_free(layers);
    return status;
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void text_field(const char *name, const char *value)
{
    (void)printf(",\"%s\":", name);
    lb_cli_json_string(stdout, value);
}

/* The object without its closing brace. */
static void open_run_json(const lb_run_record *r)
{
    (void)printf("{\"id\":%lld,\"hash\":\"%s\",\"state\":\"%s\"", (long long)r->id, r->hash,
                 lb_run_state_name(r->state));
    text_field("message", r->message);
    text_field("data", r->data);
    text_field("model", r->model);
    text_field("method", r->method);
    text_field("weights", r->weights);
    text_field("activations", r->activations);
    (void)printf(",\"w_bits\":%d,\"a_bits\":%d,\"ternary\":%s,\"seed\":%llu,\"epochs\":%zu,"
                 "\"epochs_wanted\":%zu",
                 r->w_bits, r->a_bits, r->ternary ? "true" : "false", (unsigned long long)r->seed,
                 r->epochs, r->epochs_wanted);
    (void)printf(",\"best_top1\":%.9g,\"last_top1\":%.9g,\"best_top5\":%.9g,\"best_epoch\":%zu",
                 r->best_top1, r->last_top1, r->best_top5, r->best_epoch);
    (void)printf(",\"seconds\":%.3f,\"parameters\":%zu,\"macs\":%zu,\"stored_bytes\":%.3f,"
                 "\"float_bytes\":%.0f",
                 r->seconds, r->parameters, r->macs, r->stored_bytes, r->float_bytes);
    (void)printf(",\"bit_operations\":%.3f,\"effective_w_bits\":%.6f,\"effective_a_bits\":%.6f",
                 r->bit_operations, r->effective_w_bits, r->effective_a_bits);
    text_field("split", r->split);
    text_field("folder", r->folder);
    text_field("machine", r->machine);
    text_field("version", r->version);
    text_field("started", r->started);
    text_field("finished", r->finished);
}

void lb_cli_print_runs_json(const lb_run_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        open_run_json(&list->runs[i]);
        (void)printf("}\n");
    }
}

static void print_rows_json(const lb_epoch_record *epochs, size_t n_epochs,
                            const lb_layer_record *layers, size_t n_layers)
{
    (void)printf(",\"epoch_rows\":[");
    for (size_t i = 0; i < n_epochs; i++) {
        const lb_epoch_record *e = &epochs[i];
        (void)printf("%s{\"epoch\":%zu,\"lr\":%.9g,\"train_loss\":%.9g,\"train_top1\":%.9g,"
                     "\"val_loss\":%.9g,\"val_top1\":%.9g,\"val_top5\":%.9g",
                     i > 0 ? "," : "", e->epoch, e->lr, e->train_loss, e->train_top1, e->val_loss,
                     e->val_top1, e->val_top5);
        if (is_mixed(e))
            (void)printf(",\"frozen\":%.9g,\"mixed_loss\":%.9g,\"mixed_top1\":%.9g", e->frozen,
                         e->mixed_loss, e->mixed_top1);
        (void)printf("}");
    }
    (void)printf("],\"layers\":[");
    for (size_t i = 0; i < n_layers; i++) {
        const lb_layer_record *l = &layers[i];
        (void)printf("%s{\"name\":", i > 0 ? "," : "");
        lb_cli_json_string(stdout, l->name);
        (void)printf(",\"w_bits\":%d,\"a_bits\":%d,\"weights\":%zu,\"macs\":%zu,"
                     "\"stored_bytes\":%.3f,\"sparsity\":%.9g}",
                     l->w_bits, l->a_bits, l->weights, l->macs, l->stored_bytes, l->sparsity);
    }
    (void)printf("]}\n");
}

static void add_setting_json(const char *const *values, size_t n, void *user)
{
    size_t *row = user;
    if (*row > 0 && n == 2) {
        if (*row > 1) (void)printf(",");
        lb_cli_json_string(stdout, values[0] != NULL ? values[0] : "");
        (void)printf(":");
        lb_cli_json_string(stdout, values[1] != NULL ? values[1] : "");
    }
    ++*row;
}

lb_status lb_cli_print_run_json(lb_store *store, const lb_run_record *run)
{
    lb_epoch_record *epochs = NULL;
    lb_layer_record *layers = NULL;
    size_t n_epochs = 0, n_layers = 0, row = 0;
    lb_status status = lb_store_epochs(store, run->id, &epochs, &n_epochs);
    if (status == LB_OK) status = lb_store_layers(store, run->id, &layers, &n_layers);
    if (status == LB_OK) {
        open_run_json(run);
        (void)printf(",\"settings\":{");
        status = query_settings(store, run->id, add_setting_json, &row);
        (void)printf("}");
        print_rows_json(epochs, n_epochs, layers, n_layers);
    }
    lb_records_free(epochs);
    lb_records_free(layers);
    return status;
}
