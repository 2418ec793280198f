#include "cli/packed_report.h"

#include <stdio.h>
#include <string.h>

#include "cli/cli_json.h"

enum { SHAPE_BYTES = 64, FLOAT_BITS = 32 };

static bool is_shown(const lb_packed_layer *layer, bool all)
{
    return all || layer->weights > 0;
}

static int name_width(const lb_packed_inspection *info, bool all)
{
    size_t width = strlen("all the rest");
    for (size_t i = 0; i < info->info.layers; i++) {
        const size_t length = strlen(info->layers[i].name);
        if (is_shown(&info->layers[i], all) && length > width) width = length;
    }
    return (int)width;
}

/* "thresholds", "fixed-point", "steps", and what comes out: "thresholds to 2 bits". */
static void print_after(const lb_packed_layer *l)
{
    if (l->out_bits >= FLOAT_BITS) {
        (void)printf("%s%s", l->post, l->post[0] != '\0' ? " to floats" : "");
    } else if (l->post[0] != '\0') {
        (void)printf("%s to %d bit%s", l->post, l->out_bits, l->out_bits > 1 ? "s" : "");
    }
}

static void print_layer(const lb_packed_layer *l, int width)
{
    char shape[SHAPE_BYTES];
    (void)snprintf(shape, sizeof shape, "%zux%zux%zu", l->channels, l->height, l->width);
    (void)printf("%-*s  %-12s %-12s ", width, l->name, l->op, shape);
    if (l->weights > 0) {
        (void)printf("%6.3g %6d %10zu %12zu", l->weight_bits, l->act_bits, l->weights, l->macs);
    } else {
        (void)printf("%6s %6d %10s %12s", "", l->act_bits, "", "");
    }
    (void)printf(" %10zu  %-22s ", l->stored_bytes, l->kernel);
    print_after(l);
    (void)printf("\n");
}

static void print_rest(const lb_packed_inspection *info, int width)
{
    size_t bytes = 0;
    for (size_t i = 0; i < info->info.layers; i++) {
        if (!is_shown(&info->layers[i], false)) bytes += info->layers[i].stored_bytes;
    }
    if (bytes == 0) return;
    (void)printf("%-*s  %-12s %-12s %6s %6s %10s %12s %10zu\n", width, "all the rest", "", "", "",
                 "", "", "", bytes);
}

void lb_cli_packed_table(const lb_packed_inspection *info, bool all)
{
    const int width = name_width(info, all);
    (void)printf("%-*s  %-12s %-12s %6s %6s %10s %12s %10s  %-22s %s\n", width, "layer", "type",
                 "output", "w bits", "a bits", "weights", "MACs", "bytes", "kernel", "then");
    for (size_t i = 0; i < info->info.layers; i++) {
        if (is_shown(&info->layers[i], all)) print_layer(&info->layers[i], width);
    }
    if (!all) print_rest(info, width);
}

void lb_cli_packed_totals(const lb_packed_inspection *p)
{
    const lb_packed_info *info = &p->info;
    (void)printf("\nnetwork              %s\n", info->title);
    (void)printf("images               %zux%zux%zu (channels, height, width), %s\n", info->channels,
                 info->height, info->width,
                 info->raw_pixels ? "raw pixels" : "normalized by mean and std");
    (void)printf("trained on           %s, %zu classes\n",
                 info->data[0] != '\0' ? info->data : "unknown data", info->classes);
    (void)printf("weights              %zu\n", p->weights);
    (void)printf("multiply-accumulates %zu an image\n", p->macs);
    (void)printf("bit operations       %.0f an image (C_C)\n", p->bit_operations);
    (void)printf("effective bits       weights %.3f, activations %.3f (B_w,eff, B_a,eff)\n",
                 p->weight_bits, p->act_bits);
    (void)printf("thresholds           %zu\n", p->thresholds);
    (void)printf("size of the file     %zu bytes\n", info->file_bytes);
    (void)printf("memory to run        %zu bytes with one thread: %zu of weights as laid out here, "
                 "%zu of a context\n",
                 p->memory_bytes, info->weight_bytes, info->context_bytes);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void put_text(const char *key, const char *text)
{
    (void)printf("\"%s\": ", key);
    lb_cli_json_string(stdout, text);
}

void lb_cli_packed_layers_json(const lb_packed_inspection *p)
{
    for (size_t i = 0; i < p->info.layers; i++) {
        const lb_packed_layer *l = &p->layers[i];
        (void)printf("{");
        put_text("layer", l->name);
        (void)printf(", \"op\": \"%s\", ", l->op);
        put_text("equals", l->equals);
        (void)printf(", \"output\": [%zu, %zu, %zu], \"weights\": %zu, \"macs\": %zu, ",
                     l->channels, l->height, l->width, l->weights, l->macs);
        if (l->weights > 0) (void)printf("\"weight_bits\": %.6g, ", l->weight_bits);
        (void)printf("\"act_bits\": %d, \"out_bits\": %d, \"bit_operations\": %.12g, ", l->act_bits,
                     l->out_bits, p->layer_bit_operations[i]);
        put_text("kernel", l->kernel);
        (void)printf(", \"post\": \"%s\", \"thresholds\": %zu, \"stored_bytes\": %zu}\n", l->post,
                     l->thresholds, l->stored_bytes);
    }
}

void lb_cli_packed_totals_json(const lb_packed_inspection *p)
{
    const lb_packed_info *info = &p->info;
    put_text("title", info->title);
    (void)printf(", \"images\": [%zu, %zu, %zu], \"classes\": %zu, \"raw\": %s, ", info->channels,
                 info->height, info->width, info->classes, info->raw_pixels ? "true" : "false");
    put_text("data", info->data);
    (void)printf(", \"weights\": %zu, \"macs\": %zu, \"bit_operations\": %.12g, "
                 "\"weight_bits\": %.6f, \"act_bits\": %.6f, \"thresholds\": %zu, "
                 "\"file_bytes\": %zu, \"weight_bytes\": %zu, \"context_bytes\": %zu, "
                 "\"memory_bytes\": %zu",
                 p->weights, p->macs, p->bit_operations, p->weight_bits, p->act_bits, p->thresholds,
                 info->file_bytes, info->weight_bytes, info->context_bytes, p->memory_bytes);
}
