/* lowbit inspect RUN | FILE | --model NAME ... - what a network consists of. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/network_options.h"
#include "cli/packed_report.h"
#include "lowbit/deploy.h"
#include "lowbit/inspect.h"

enum { OWN = 2 };

static int all_wanted, json_wanted;
static struct poptOption options[LB_CLI_NETWORK_MAX + OWN + 1];

static void prepare(void)
{
    static const struct poptOption own[OWN] = {
        {"all", '\0', POPT_ARG_NONE, &all_wanted, 0,
         "show every node, not only layers with weights", NULL},
        {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
         "print JSON: one object a node, then one with the totals", NULL},
    };
    static bool done;
    if (done) return;
    done = true;
    memcpy(options + lb_cli_network_prepare(options), own, sizeof own);
}

/* ---- text ------------------------------------------------------------------------------------ */

static bool is_shown(const lb_layer_info *layer)
{
    return all_wanted || layer->weights > 0;
}

static int name_width(const lb_inspection *info)
{
    size_t width = strlen("all the rest");
    for (size_t i = 0; i < info->n_layers; i++) {
        const size_t length = strlen(info->layers[i].name);
        if (is_shown(&info->layers[i]) && length > width) width = length;
    }
    return (int)width;
}

static void print_layer(const lb_layer_info *l, int width)
{
    char shape[64];
    (void)snprintf(shape, sizeof shape, "%zux%zux%zu", l->channels, l->height, l->width);
    (void)printf("%-*s  %-12s %-11s %10zu %12zu ", width, l->name, l->op, shape, l->parameters,
                 l->macs);
    if (l->weights > 0) {
        (void)printf("%6.3g %6d %12.0f %8.2f  %s\n", l->weight_bits, l->act_bits, l->stored_bytes,
                     l->compression_codebook, l->weight_quantizer);
    } else {
        (void)printf("%6s %6d %12.0f\n", "", l->act_bits, l->stored_bytes);
    }
}

/* What the layers without weights hold, in one line. */
static void print_rest(const lb_inspection *info, int width)
{
    size_t parameters = 0;
    double bytes = 0.0;
    for (size_t i = 0; i < info->n_layers; i++) {
        if (is_shown(&info->layers[i])) continue;
        parameters += info->layers[i].parameters;
        bytes += info->layers[i].stored_bytes;
    }
    if (bytes > 0.0) {
        (void)printf("%-*s  %-12s %-11s %10zu %12s %6s %6s %12.0f\n", width, "all the rest", "", "",
                     parameters, "", "", "", bytes);
    }
}

static void print_totals(const lb_inspection *info)
{
    (void)printf(
        "\nparameters           %zu: %zu weights, %zu biases; batch-norm %zu, learned scales %zu\n",
        info->parameters, info->weights, info->biases, info->batch_norm, info->learned);
    (void)printf("multiply-accumulates %zu an image, %.0f bit operations\n", info->macs,
                 info->bit_operations);
    (void)printf("effective bits       %.2f of weights, %.2f of activations\n", info->weight_bits,
                 info->act_bits);
    (void)printf("size as stored       %.0f bytes: weights at their bits, all else float32\n",
                 info->stored_bytes);
    (void)printf("size in float32      %.0f bytes\n", info->float_bytes);
    (void)printf("compression          %.2fx\n", info->compression);
    (void)printf(
        "  of the weights     %.2fx with a table of values a layer, %.2fx with one value a layer\n",
        info->compression_codebook, info->compression_one_scale);
    (void)printf(
        "size, uniform        %.0f bytes (%.3f MiB): all parameters at the smallest width\n",
        info->uniform_bytes, info->uniform_bytes / (1024.0 * 1024.0));
}

static void print_text(const lb_inspection *info)
{
    const int width = name_width(info);
    (void)printf("%-*s  %-12s %-11s %10s %12s %6s %6s %12s %8s  %s\n", width, "layer", "type",
                 "output", "parameters", "MACs", "w bits", "a bits", "bytes", "smaller", "weights");
    for (size_t i = 0; i < info->n_layers; i++) {
        if (is_shown(&info->layers[i])) print_layer(&info->layers[i], width);
    }
    print_rest(info, width);
    print_totals(info);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void print_layer_json(const lb_layer_info *l)
{
    (void)printf("{\"layer\":");
    lb_cli_json_string(stdout, l->name);
    (void)printf(
        ",\"op\":\"%s\",\"output\":[%zu,%zu,%zu],\"parameters\":%zu,\"weights\":%zu,\"macs\":%zu,",
        l->op, l->channels, l->height, l->width, l->parameters, l->weights, l->macs);
    if (l->weights > 0) {
        (void)printf(
            "\"weight_bits\":%.6g,\"weight_quantizer\":\"%s\",\"scales\":%zu,\"compression_"
            "codebook\":%.6f,"
            "\"compression_one_scale\":%.6f,",
            l->weight_bits, l->weight_quantizer, l->scales, l->compression_codebook,
            l->compression_one_scale);
    }
    (void)printf(
        "\"act_bits\":%d,\"stored_bytes\":%.3f,\"float_bytes\":%.0f,\"bit_operations\":%.3f}\n",
        l->act_bits, l->stored_bytes, l->float_bytes, l->bit_operations);
}

static void print_json(const lb_inspection *info)
{
    for (size_t i = 0; i < info->n_layers; i++) print_layer_json(&info->layers[i]);
    (void)printf("{\"parameters\":%zu,\"weights\":%zu,\"biases\":%zu,\"batch_norm\":%zu,"
                 "\"learned\":%zu,\"macs\":%zu,"
                 "\"stored_bytes\":%.3f,\"float_bytes\":%.0f,\"compression\":%.6f,\"compression_"
                 "codebook\":%.6f,"
                 "\"compression_one_scale\":%.6f,\"uniform_bytes\":%.3f,\"bit_operations\":%.3f,"
                 "\"effective_weight_bits\":%.6f,\"effective_act_bits\":%.6f}\n",
                 info->parameters, info->weights, info->biases, info->batch_norm, info->learned,
                 info->macs, info->stored_bytes, info->float_bytes, info->compression,
                 info->compression_codebook, info->compression_one_scale, info->uniform_bytes,
                 info->bit_operations, info->weight_bits, info->act_bits);
}

/* ---- the command ----------------------------------------------------------------------------- */

static int inspect_settings(lb_inspection **info)
{
    lb_cli_network n;
    const int exit_status = lb_cli_network_read("inspect", &n);
    if (exit_status != LB_OK) return exit_status;
    const lb_status status =
        lb_inspect_settings(n.settings, n.channels, n.height, n.width, n.classes, info);
    lb_settings_destroy(n.settings);
    return status == LB_OK ? LB_OK : lb_cli_error("inspect", (int)status);
}

static int inspect_run(const char *path, lb_inspection **info)
{
    const lb_status status = lb_inspect_run(path, info);
    return status == LB_OK ? LB_OK : lb_cli_error("inspect", (int)status);
}

static int inspect_packed(const char *path)
{
    lb_packed_inspection *info = NULL;
    const lb_status status = lb_inspect_packed(path, &info);
    if (status != LB_OK) return lb_cli_error("inspect", (int)status);
    if (json_wanted) {
        lb_cli_packed_layers_json(info);
        (void)printf("{");
        lb_cli_packed_totals_json(info);
        (void)printf("}\n");
    } else {
        lb_cli_packed_table(info, all_wanted != 0);
        lb_cli_packed_totals(info);
    }
    lb_packed_inspection_destroy(info);
    return LB_OK;
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context), *extra = path != NULL ? poptGetArg(context) : NULL;
    if (extra != NULL)
        return lb_cli_fail("inspect", LB_E_ARG, "one RUN at most, got also '%s'", extra);
    if (path != NULL && lb_cli_network_any_given()) {
        return lb_cli_fail("inspect", LB_E_ARG,
                           "a RUN has its settings; leave out the others, or RUN");
    }
    if (path == NULL && !lb_cli_network_given("model")) {
        return lb_cli_fail("inspect", LB_E_ARG,
                           "which network? give a RUN, a packed FILE, or --model NAME and a "
                           "--method");
    }
    if (path != NULL && lb_path_kind_of(path) == LB_PATH_PACKED) return inspect_packed(path);
    lb_inspection *info = NULL;
    const int exit_status = path != NULL ? inspect_run(path, &info) : inspect_settings(&info);
    if (info != NULL) (json_wanted ? print_json : print_text)(info);
    lb_inspection_destroy(info);
    return exit_status;
}

const lb_command lb_command_inspect = {
    .name = "inspect",
    .summary = "show a network's layers, parameters, bits and size",
    .arguments = "RUN | FILE | --model NAME ...",
    .description =
        "Shows what the network of a trained run, or of settings as `lowbit train` takes them, "
        "consists of: output shapes, parameters, multiply-accumulates, bits of weights and of each "
        "layer's input, bytes as stored. \"smaller\" is n b / (n log2 k + k b): b = 32 bits of n "
        "weights against indices of k values and a table of these. Of a packed network it shows "
        "the kernels that run it here, thresholds, bit operations, effective bits and the memory "
        "that running needs.",
    .examples = "lowbit inspect runs/a\n"
                "lowbit inspect a.lbm --all\n"
                "lowbit inspect --model resnet20 --method dorefa --wbits 1 --abits 2\n"
                "lowbit inspect --model vgg7 --method twn --all --json\n",
    .options = options,
    .prepare = prepare,
    .run = run,
};
