/* A run as a packed file. */
#include <stdio.h>

#include "base/file.h"
#include "data/dataset.h"
#include "freeze/freeze.h"
#include "lowbit/deploy.h"

/* ---- what a run knows and its network does not ---- */

/* Names of the classes, as the table of data sets has them; NULL ("0", "1", ...) where it has none, or does
 * not know the data set. */
static lb_status find_class_names(const lb_run *run, const char *const **names)
{
    lb_data_spec spec;
    *names = NULL;
    const lb_status status =
        lb_data_spec_parse(lb_settings_value(run->settings, LB_KEY_DATA), &spec);
    if (status == LB_E_ARG) return LB_OK;
    if (status != LB_OK) return status;
    if (spec.kind->classes == run->facts.classes) *names = spec.kind->class_names;
    lb_data_spec_release(&spec);
    return LB_OK;
}

/* "resnet20, dorefa W1A2" */
static lb_status make_title(const lb_run *run, lb_intnet *out)
{
    char text[256], *title = NULL;
    (void)snprintf(
        text, sizeof text, "%s, %s W%dA%d", lb_settings_value(run->settings, LB_KEY_MODEL),
        lb_settings_value(run->settings, LB_KEY_METHOD), run->facts.w_bits, run->facts.a_bits);
    LB_TRY(lb_arena_strdup(&out->arena, text, &title));
    out->title = title;
    return LB_OK;
}

static lb_status add_facts(const lb_run *run, lb_intnet *out)
{
    const lb_normalization *n = &run->facts.normalization;
    out->input.raw = n->raw_codes;
    for (size_t c = 0; c < run->net.input.c && c < 4 && !n->raw_codes; c++) {
        out->input.mean[c] = n->mean[c];
        out->input.std[c] = n->std[c];
    }
    char *data = NULL; /* without its folder, as a run keeps it */
    LB_TRY(lb_arena_strdup(&out->arena, lb_settings_value(run->settings, LB_KEY_DATA), &data));
    out->data = data;
    out->loss = run->net.loss == LB_LOSS_SQUARED_HINGE ? "squared-hinge" : "cross-entropy";
    LB_TRY(make_title(run, out));
    LB_TRY(find_class_names(run, &out->class_names));
    return lb_intnet_check(out);
}

lb_status lb_freeze_run(lb_run *run, lb_intnet *out)
{
    LB_TRY(lb_freeze(&run->net, out));
    return add_facts(run, out);
}

/* ---- packing ---- */

/* What the network would take as a float file: all its parameters but the learned scales. */
static size_t float_bytes(const lb_net *net)
{
    size_t floats = 0;
    for (size_t i = 0; i < net->n_params; i++)
        if (net->params[i].role != LB_PARAM_LEARNED) floats += net->params[i].count;
    return floats * sizeof(float);
}

static lb_status count_gaps(const lb_int_layer *l, lb_sparse_sizes *out)
{
    lb_gap_sizes s;
    LB_TRY(lb_int_layer_measure_gaps(l, &s));
    out->weights += l->weights.count;
    out->zeros += l->weights.count - s.nonzero;
    out->planes_bytes += 2 * lb_stream_plane_bytes(l->weights.count);
    out->run_length_bytes += s.run_length_bytes;
    out->huffman_bytes += s.huffman_bytes;
    out->gap_entropy += s.gap_entropy * (double)s.nonzero; /* divided at the end */
    out->huffman_bits += s.huffman_bits * (double)s.nonzero;
    return LB_OK;
}

static lb_status count_sparse(const lb_intnet *net, lb_sparse_sizes *out)
{
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        if (l->op == LB_INT_CONV && l->weights.storage == LB_STORED_TERNARY)
            LB_TRY(count_gaps(l, out));
    }
    const double nonzero = (double)(out->weights - out->zeros);
    if (nonzero > 0.0) {
        out->gap_entropy /= nonzero;
        out->huffman_bits /= nonzero;
    }
    return LB_OK;
}

/* Of the weights in the file: their bits, or the stream of gaps that stands for them. */
static double code_bytes(const lb_int_layer *l)
{
    const lb_int_weights *w = &l->weights;
    if (w->encoding == LB_ENCODED_RUN_LENGTH || w->encoding == LB_ENCODED_HUFFMAN)
        return (double)w->encoded_bytes;
    return (double)w->count * lb_int_weights_mean_bits(w, l->map.shape.c) / 8.0;
}

static void count_layers(const lb_intnet *net, lb_pack_result *out)
{
    for (size_t i = 0; i < net->n_layers; i++) {
        const lb_int_layer *l = &net->layers[i];
        if (l->op != LB_INT_CONV) continue;
        out->layers_with_weights++;
        out->integer_layers += lb_int_layer_is_integer(net, i);
        out->code_bytes += code_bytes(l);
        if (l->post.kind == LB_POST_THRESHOLDS)
            out->thresholds += l->map.shape.c * (((size_t)1 << l->post.thresholds.bits) - 1);
    }
}

static lb_status write_and_measure(const lb_net *net, const lb_intnet *frozen, const char *path,
                                   lb_pack_result *out)
{
    lb_file_map map;
    lb_pack_result result = {.float_bytes = float_bytes(net)};
    count_layers(frozen, &result);
    LB_TRY(count_sparse(frozen, &result.sparse)); /* before anything is written */
    LB_TRY(lb_intnet_write(frozen, path));
    LB_TRY(lb_file_map_open(path, &map));
    result.file_bytes = map.bytes;
    lb_file_map_close(&map);
    result.compression = (double)result.float_bytes / (double)result.file_bytes;
    *out = result;
    return LB_OK;
}

static lb_weight_encoding encoding_of(lb_pack_encoding encoding)
{
    switch (encoding) {
    case LB_PACK_PLANES: break;
    case LB_PACK_RUN_LENGTH: return LB_ENCODED_RUN_LENGTH;
    case LB_PACK_HUFFMAN: return LB_ENCODED_HUFFMAN;
    }
    return LB_ENCODED_PLANES;
}

lb_status lb_pack_run(const char *path_of_run, lb_pack_encoding encoding, const char *path,
                      lb_pack_result *out)
{
    lb_run run;
    lb_intnet frozen = {0};
    lb_status status = lb_run_open(path_of_run, &run);
    if (status == LB_OK) {
        status = lb_freeze_run(&run, &frozen);
        if (status == LB_E_UNSUPPORTED) status = lb_fail_in(status, "%s", path_of_run);
    }
    if (status == LB_OK) status = lb_intnet_encode(&frozen, encoding_of(encoding));
    if (status == LB_OK) status = write_and_measure(&run.net, &frozen, path, out);
    lb_intnet_release(&frozen);
    lb_run_release(&run);
    return status;
}
