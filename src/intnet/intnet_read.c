/* Reading packed files, docs/format.md. Each layer's map is derived before its tensors are looked for, so
 * that their shapes are known; lb_intnet_check then has the last word. */
#include <stdio.h>
#include <string.h>

#include "intnet/json_fields.h"
#include "intnet/packed_read.h"

/* ---- tensors ---- */

static void show_shape(const lb_stored_tensor *t, char *text, size_t bytes)
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < t->n_dims && used < bytes; i++) {
        const int n = snprintf(text + used, bytes - used, "%s%zu", i > 0 ? " x " : "", t->dims[i]);
        used += n > 0 ? (size_t)n : 0;
    }
}

lb_status lb_packed_take(lb_packed_reader *r, const lb_int_layer *l, const char *word,
                         lb_dtype dtype, size_t n_dims, const size_t *dims, const void **out)
{
    char name[LB_PACKED_TENSOR_NAME];
    lb_stored_tensor wanted = {.dtype = dtype, .n_dims = n_dims};
    (void)snprintf(name, sizeof name, "%s.%s", l->name, word);
    const lb_stored_tensor *t = lb_safetensors_find(r->net->file, name);
    if (!t) return lb_fail(LB_E_FORMAT, "tensor '%s' is not in the file", name);
    memcpy(wanted.dims, dims, n_dims * sizeof *dims);
    if (t->dtype == dtype && t->n_dims == n_dims &&
        memcmp(t->dims, dims, n_dims * sizeof *dims) == 0) {
        *out = t->data;
        r->taken++;
        return LB_OK;
    }
    char got_shape[128], wanted_shape[64];
    show_shape(t, got_shape, sizeof got_shape);
    show_shape(&wanted, wanted_shape, sizeof wanted_shape);
    return lb_fail(LB_E_FORMAT, "tensor '%s': %zu-byte elements, %s, wanted %zu-byte %s, %s", name,
                   lb_dtype_bytes(t->dtype), got_shape, lb_dtype_bytes(dtype),
                   dtype == LB_F32 ? "floats" : "integers", wanted_shape);
}

static int hexadecimal(char c)
{
    if (c >= '0' && c <= '9') return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

lb_status lb_packed_read_bits(lb_packed_reader *r, const lb_int_layer *l, const char *key,
                              const json_t *value, const uint8_t **out)
{
    char shown[LB_JSON_SHOWN];
    const size_t bytes = (l->map.shape.c + 7) / 8;
    const char *text = json_string_value(value);
    uint8_t *bits = NULL;
    bool good = !value || (text && strlen(text) == 2 * bytes);
    LB_TRY(lb_arena_alloc(&r->net->arena, bytes, 1, key, (void **)&bits));
    for (size_t i = 0; value && good && i < 2 * bytes; i++) {
        const int digit = hexadecimal(text[i]);
        good = digit >= 0;
        bits[i / 2] = (uint8_t)(bits[i / 2] << 4 | (digit & 15));
    }
    if (!good) {
        return lb_fail(LB_E_FORMAT, "%s: got %s, wanted %zu hexadecimal digits", key,
                       lb_json_show(value, shown), 2 * bytes);
    }
    *out = bits;
    return LB_OK;
}

/* ---- a layer's fields ---- */

/* Every key is known, and known to the layer's op, which one of them names. */
static lb_status read_op(const json_t *object, lb_int_op *out)
{
#define X(name, key, ops) key,
    const char *keys[] = {LB_PACKED_KEY_LIST(X) NULL, NULL, NULL, NULL, NULL, NULL, NULL};
#undef X
#define X(name, key, ops) (ops),
    static const unsigned of[] = {LB_PACKED_KEY_LIST(X)};
#undef X
    const size_t n = sizeof of / sizeof *of;
    memcpy(keys + n, lb_packed_ops, sizeof lb_packed_ops);
    if (!json_is_object(object)) return lb_fail(LB_E_FORMAT, "not an object");
    LB_TRY(lb_json_check_keys(object, keys, n + LB_PACKED_OPS));
    int found = 0;
    for (int op = 0; op < LB_PACKED_OPS; op++) {
        if (!json_object_get(object, lb_packed_ops[op])) continue;
        *out = (lb_int_op)op;
        found++;
    }
    if (found != 1) return lb_fail(LB_E_FORMAT, "%d operations, wanted one", found);
    for (size_t k = 0; k < n; k++) {
        if (!json_object_get(object, keys[k]) || of[k] >> *out & 1) continue;
        return lb_fail(LB_E_FORMAT, "key '%s' is none of an operation '%s'", keys[k],
                       lb_packed_ops[*out]);
    }
    return LB_OK;
}

/* ".word" stands for the layer's own name up to its last dot, then ".word"; nothing for the name itself. */
static lb_status read_equals(lb_packed_reader *r, const json_t *value, lb_int_layer *l)
{
    char text[LB_JSON_SHOWN], name[2 * LB_INT_NAME_BYTES];
    if (!value) {
        l->equals = l->name;
        return LB_OK;
    }
    const char *word = json_string_value(value);
    if (!word || strlen(word) >= LB_INT_NAME_BYTES) {
        return lb_fail(LB_E_FORMAT, "equals: got %s, wanted the name of a node",
                       lb_json_show(value, text));
    }
    const char *dot = strrchr(l->name, '.');
    const int start = word[0] == '.' && dot ? (int)(dot - l->name) : 0;
    (void)snprintf(name, sizeof name, "%.*s%s", start, l->name, word);
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&r->net->arena, name, &copy));
    l->equals = copy;
    return LB_OK;
}

/* The layer before is what is meant by nothing. */
static lb_status read_in(const json_t *value, size_t index, lb_int_layer *l)
{
    size_t in[2] = {0, 0};
    if (l->op == LB_INT_INPUT) return LB_OK;
    if (index == 0) return lb_fail(LB_E_FORMAT, "wanted the input as first layer");
    l->n_in = value ? json_array_size(value) == 2 ? 2 : 1 : 1;
    l->in[0] = (int)index - 1;
    if (!value) return LB_OK;
    LB_TRY(lb_json_sizes("in", value, (size_t)l->n_in, index - 1, in));
    l->in[0] = (int)in[0];
    l->in[1] = (int)in[1];
    return LB_OK;
}

/* [kernel, stride, padding], or all seven numbers. */
static lb_status read_window(const json_t *value, lb_window *out)
{
    size_t v[7];
    const size_t n = json_array_size(value) == 3 ? 3 : 7;
    LB_TRY(lb_json_sizes("window", value, n, LB_INT_WINDOW_MAX, v));
    if (n == 3)
        *out = (lb_window){v[0], v[0], v[1], v[2], v[2], v[2], v[2]};
    else
        *out = (lb_window){v[0], v[1], v[2], v[3], v[4], v[5], v[6]};
    return LB_OK;
}

/* An entry of the table of codes: [bits, offset, step, scale]; bits, offset and step alone for weights. */
static lb_status read_grid(const char *field, const json_t *value, size_t n, lb_code_grid *out)
{
    char text[LB_JSON_SHOWN];
    int64_t bits = 0, offset = 0, step = 0;
    if (!json_is_array(value) || json_array_size(value) != n) {
        return lb_fail(LB_E_FORMAT, "%s: got %s, wanted a list of %zu numbers", field,
                       lb_json_show(value, text), n);
    }
    LB_TRY(lb_json_whole(field, json_array_get(value, 0), 1, 8, &bits));
    LB_TRY(lb_json_whole(field, json_array_get(value, 1), -255, 255, &offset));
    LB_TRY(lb_json_whole(field, json_array_get(value, 2), -2, 2, &step));
    *out = (lb_code_grid){(int)bits, (int)offset, (int)step};
    return LB_OK;
}

static lb_status read_codes(const json_t *graph, const json_t *value, lb_int_map *map)
{
    const json_t *table = json_object_get(graph, "codes");
    const size_t n = json_array_size(table);
    size_t index = 0;
    if (!value) return LB_OK;
    if (n == 0) return lb_fail(LB_E_FORMAT, "codes: the graph has no table of codes");
    LB_TRY(lb_json_size("codes", value, n - 1, &index));
    const json_t *entry = json_array_get(table, index);
    map->coded = true;
    LB_TRY(read_grid("codes", entry, 4, &map->grid));
    return lb_json_float("codes", json_array_get(entry, 3), &map->scale);
}

/* ---- weights ---- */

static lb_status read_sums(const json_t *object, lb_int_layer *l)
{
    static const char *const words[] = {"row", "pixel"};
    const json_t *value = json_object_get(object, "sums");
    size_t sums = 1;
    int word = 0;
    if (json_is_string(value)) {
        LB_TRY(lb_json_word("sums", value, words, 2, &word));
        l->weights.sums = word == 0 ? LB_SUMS_ROW : LB_SUMS_PIXEL;
    } else {
        if (value) LB_TRY(lb_json_size("sums", value, 2, &sums));
        if (sums == 0) return lb_fail(LB_E_FORMAT, "sums: 0, wanted 1, 2, row or pixel");
        l->weights.sums = sums == 2 ? LB_SUMS_SIGN : LB_SUMS_WHOLE;
    }
    l->weights.terms = lb_int_weights_terms(l->weights.sums, &l->window);
    return LB_OK;
}

static lb_status read_storage(const json_t *object, lb_int_weights *w)
{
    static const char *const words[] = {"float", "ternary"};
    const json_t *value = json_object_get(object, "weights");
    int word = 0;
    w->storage = LB_STORED_GRID;
    if (json_is_array(value)) return read_grid("weights", value, 3, &w->grid);
    LB_TRY(lb_json_word("weights", value, words, 2, &word));
    w->storage = word == 0 ? LB_STORED_FLOAT : LB_STORED_TERNARY;
    return LB_OK;
}

/* "4431...": a digit a filter, from 1 to the grid's bits. */
static lb_status read_filter_bits(lb_packed_reader *r, lb_int_layer *l, const json_t *value)
{
    char shown[LB_JSON_SHOWN];
    const size_t filters = l->map.shape.c;
    const int widest = l->weights.grid.bits;
    const char *text = json_string_value(value);
    bool good = text && strlen(text) == filters;
    uint8_t *bits = NULL;
    LB_TRY(lb_arena_alloc(&r->net->arena, filters, 1, "bits", (void **)&bits));
    for (size_t o = 0; good && o < filters; o++) {
        good = text[o] >= '1' && text[o] <= '0' + widest;
        bits[o] = (uint8_t)(text[o] - '0');
    }
    l->weights.filter_bits = bits;
    if (good) return LB_OK;
    return lb_fail(LB_E_FORMAT, "bits: got %s, wanted %zu digits from 1 to %d",
                   lb_json_show(value, shown), filters, widest);
}

/* Runs of filters of equal bits: a tensor of as many bytes as these take. */
static lb_status read_mixed(lb_packed_reader *r, lb_int_layer *l, const json_t *bits)
{
    lb_int_weights *w = &l->weights;
    const void *stream = NULL;
    if (w->storage != LB_STORED_GRID)
        return lb_fail(LB_E_FORMAT, "encoding: 'mixed' is wanted with a grid of codes only");
    LB_TRY(lb_int_weights_check_grid(w));
    LB_TRY(read_filter_bits(r, l, bits));
    w->encoding = LB_ENCODED_MIXED;
    w->encoded_bytes = lb_int_weights_mixed_bytes(w, l->map.shape.c);
    LB_TRY(lb_packed_take(r, l, "weight", LB_U8, 1, &w->encoded_bytes, &stream));
    w->encoded = stream;
    return lb_int_weights_widen(w, l->map.shape.c, &r->net->arena);
}

/* Gaps: a tensor of as many bytes as it has. */
static lb_status read_encoded(lb_packed_reader *r, lb_int_layer *l, const json_t *object)
{
    lb_int_weights *w = &l->weights;
    char name[LB_PACKED_TENSOR_NAME];
    int encoding = 0;
    const json_t *bits = json_object_get(object, "bits");
    LB_TRY(lb_json_word("encoding", json_object_get(object, "encoding"), lb_packed_encodings,
                        LB_PACKED_ENCODINGS, &encoding));
    if (encoding == LB_ENCODED_MIXED) return read_mixed(r, l, bits);
    if (bits) return lb_fail(LB_E_FORMAT, "bits: wanted with encoding 'mixed' only");
    if (w->storage != LB_STORED_TERNARY || encoding == LB_ENCODED_PLANES)
        return lb_fail(LB_E_FORMAT, "encoding: wanted with ternary weights only, and not 'planes'");
    (void)snprintf(name, sizeof name, "%s.weight", l->name);
    const lb_stored_tensor *t = lb_safetensors_find(r->net->file, name);
    w->encoding = (lb_weight_encoding)encoding;
    w->encoded_bytes = t ? t->bytes : 0;
    const void *stream = NULL;
    LB_TRY(lb_packed_take(r, l, "weight", LB_U8, 1, &w->encoded_bytes, &stream));
    w->encoded = stream;
    if (w->count / LB_GAP_WEIGHTS_A_BYTE > w->encoded_bytes) {
        return lb_fail(LB_E_FORMAT, "weight: %zu bytes for %zu weights, wanted at least one for %d",
                       w->encoded_bytes, w->count, LB_GAP_WEIGHTS_A_BYTE);
    }
    const lb_status status =
        lb_int_weights_decode(w, l->map.shape.c, l->window.kh * l->window.kw, &r->net->arena);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "weight");
}

static lb_status read_weights(lb_packed_reader *r, size_t layer, const json_t *object)
{
    lb_int_layer *l = &r->net->layers[layer];
    lb_int_weights *w = &l->weights;
    LB_TRY(read_sums(object, l));
    LB_TRY(read_storage(object, w));
    if (!lb_int_layer_weight_count(r->net, layer, &w->count))
        return lb_fail(LB_E_FORMAT, "weights: more than %d", LB_INT_WEIGHTS_MAX);
    if (json_object_get(object, "encoding")) return read_encoded(r, l, object);
    if (json_object_get(object, "bits"))
        return lb_fail(LB_E_FORMAT, "bits: wanted with encoding 'mixed' only");
    if (w->storage == LB_STORED_FLOAT) {
        const size_t dims[] = {l->map.shape.c, w->count / l->map.shape.c};
        return lb_packed_take(r, l, "weight", LB_F32, 2, dims, &w->at);
    }
    const size_t dims[] = {(size_t)lb_int_weights_bits(w), lb_stream_plane_bytes(w->count)};
    return lb_packed_take(r, l, "weight", LB_U8, 2, dims, &w->at);
}

/* ---- layers ---- */

static lb_status read_fields(const json_t *graph, const json_t *object, lb_int_layer *l)
{
    if (l->op == LB_INT_CONV || l->op == LB_INT_SUBSAMPLE) {
        LB_TRY(lb_json_size("channels", json_object_get(object, "channels"), LB_INT_MAP_MAX,
                            &l->map.shape.c));
    }
    if (l->op == LB_INT_CONV || l->op == LB_INT_MAX_POOL || l->op == LB_INT_AVERAGE_POOL)
        LB_TRY(read_window(json_object_get(object, "window"), &l->window));
    const json_t *groups = json_object_get(object, "groups");
    l->groups = 1;
    if (groups) LB_TRY(lb_json_size("groups", groups, LB_INT_MAP_MAX, &l->groups));
    if (l->op == LB_INT_SUBSAMPLE)
        LB_TRY(lb_json_size("stride", json_object_get(object, "stride"), LB_INT_WINDOW_MAX,
                            &l->stride));
    return read_codes(graph, json_object_get(object, "codes"), &l->map);
}

static lb_status read_rest(lb_packed_reader *r, size_t index, const json_t *graph,
                           const json_t *object)
{
    lb_int_layer *l = &r->net->layers[index];
    LB_TRY(read_equals(r, json_object_get(object, "equals"), l));
    LB_TRY(read_in(json_object_get(object, "in"), index, l));
    LB_TRY(read_fields(graph, object, l));
    LB_TRY(lb_int_layer_derive(r->net, index, &l->map));
    if (l->op == LB_INT_CONV) LB_TRY(read_weights(r, index, object));
    if (l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION)
        return lb_packed_read_post(r, index, object);
    const json_t *reversed = json_object_get(object, "reversed");
    return reversed ? lb_packed_read_bits(r, l, "reversed", reversed, &l->reversed) : LB_OK;
}

static lb_status read_layer(lb_packed_reader *r, size_t index, const json_t *graph,
                            const json_t *object)
{
    char text[LB_JSON_SHOWN];
    lb_int_layer *l = &r->net->layers[index];
    lb_status status = read_op(object, &l->op);
    if (status != LB_OK) return lb_fail_in(status, "layer %zu", index);
    const json_t *value = json_object_get(object, lb_packed_ops[l->op]);
    const char *name = json_string_value(value);
    char *copy = NULL;
    if (!name || strlen(name) >= LB_INT_NAME_BYTES) {
        return lb_fail(LB_E_FORMAT, "layer %zu: name: got %s, wanted a text of at most %d bytes",
                       index, lb_json_show(value, text), LB_INT_NAME_BYTES - 1);
    }
    LB_TRY(lb_arena_strdup(&r->net->arena, name, &copy));
    l->name = copy;
    status = read_rest(r, index, graph, object);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "layer '%s'", l->name);
}

static lb_status read_layers(lb_packed_reader *r, const json_t *graph)
{
    const json_t *list = json_object_get(graph, "layers");
    const size_t n = json_array_size(list);
    if (n == 0 || n > LB_INT_LAYERS_MAX)
        return lb_fail(LB_E_FORMAT, "layers: %zu, wanted a list of 2 to %d", n, LB_INT_LAYERS_MAX);
    LB_TRY(lb_arena_alloc(&r->net->arena, n, sizeof(lb_int_layer), "layers",
                          (void **)&r->net->layers));
    r->net->n_layers = n;
    const json_t *input = json_object_get(graph, "input");
    size_t shape[3];
    LB_TRY(
        lb_json_sizes("input: shape", json_object_get(input, "shape"), 3, LB_INT_MAP_MAX, shape));
    r->net->layers[0].map.shape = (lb_shape){shape[0], shape[1], shape[2]};
    for (size_t i = 0; i < n; i++) LB_TRY(read_layer(r, i, graph, json_array_get(list, i)));
    const size_t means = json_array_size(json_object_get(input, "mean"));
    if (means > shape[0])
        return lb_fail(LB_E_FORMAT, "input: mean: %zu numbers, wanted %zu, one a channel", means,
                       shape[0]);
    size_t stored = 0;
    (void)lb_safetensors_tensors(r->net->file, &stored);
    if (stored == r->taken) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%zu tensors, but the layers have %zu", stored, r->taken);
}

/* ---- the network ---- */

static lb_status read_input(const json_t *object, lb_int_input *out)
{
    static const char *const keys[] = {"shape", "raw", "mean", "std"};
    char text[LB_JSON_SHOWN];
    const json_t *raw = json_object_get(object, "raw");
    if (!json_is_object(object))
        return lb_fail(LB_E_FORMAT, "got %s, wanted an object", lb_json_show(object, text));
    LB_TRY(lb_json_check_keys(object, keys, sizeof keys / sizeof *keys));
    const json_t *mean = json_object_get(object, "mean"), *std = json_object_get(object, "std");
    if (raw && (!json_is_true(raw) || mean || std))
        return lb_fail(LB_E_FORMAT, "raw: got %s, wanted true, without mean and std",
                       lb_json_show(raw, text));
    out->raw = raw != NULL;
    const size_t n = json_array_size(mean), most = sizeof out->mean / sizeof *out->mean;
    if (out->raw) return LB_OK;
    LB_TRY(lb_json_floats("mean", mean, n <= most ? n : most, out->mean));
    return lb_json_floats("std", std, n, out->std);
}

static lb_status read_text(lb_packed_reader *r, const char *field, const json_t *value,
                           const char **out)
{
    char text[LB_JSON_SHOWN];
    char *copy = NULL;
    if (!json_is_string(value))
        return lb_fail(LB_E_FORMAT, "%s: got %s, wanted a text", field, lb_json_show(value, text));
    LB_TRY(lb_arena_strdup(&r->net->arena, json_string_value(value), &copy));
    *out = copy;
    return LB_OK;
}

static lb_status read_classes(lb_packed_reader *r, const json_t *graph)
{
    lb_intnet *net = r->net;
    const json_t *list = json_object_get(graph, "class_names");
    const char **names = NULL;
    LB_TRY(lb_json_size("classes", json_object_get(graph, "classes"), LB_INT_CLASSES_MAX,
                        &net->classes));
    if (!list) return LB_OK;
    if (!json_is_array(list) || json_array_size(list) != net->classes) {
        return lb_fail(LB_E_FORMAT, "class_names: %zu of them for %zu classes",
                       json_array_size(list), net->classes);
    }
    LB_TRY(
        lb_arena_alloc(&net->arena, net->classes, sizeof *names, "class names", (void **)&names));
    for (size_t i = 0; i < net->classes; i++)
        LB_TRY(read_text(r, "class_names", json_array_get(list, i), &names[i]));
    net->class_names = names;
    return LB_OK;
}

static lb_status read_graph(lb_packed_reader *r, const json_t *graph)
{
    static const char *const keys[] = {"title",   "data",        "loss",  "input",
                                       "classes", "class_names", "codes", "layers"};
    const json_t *data = json_object_get(graph, "data"), *loss = json_object_get(graph, "loss");
    if (!json_is_object(graph)) return lb_fail(LB_E_FORMAT, "not an object");
    LB_TRY(lb_json_check_keys(graph, keys, sizeof keys / sizeof *keys));
    LB_TRY(read_text(r, "title", json_object_get(graph, "title"), &r->net->title));
    if (data) LB_TRY(read_text(r, "data", data, &r->net->data));
    if (loss) LB_TRY(read_text(r, "loss", loss, &r->net->loss));
    LB_TRY(read_classes(r, graph));
    const lb_status status = read_input(json_object_get(graph, "input"), &r->net->input);
    if (status != LB_OK) return lb_fail_in(status, "input");
    return read_layers(r, graph);
}

/* ---- the file ---- */

static lb_status check_metadata(const lb_safetensors *file)
{
    const char *format = lb_safetensors_metadata(file, "format");
    const char *version = lb_safetensors_metadata(file, "version");
    if (!format || strcmp(format, LB_PACKED_FORMAT) != 0) {
        return lb_fail(LB_E_FORMAT,
                       "not a packed network: metadata 'format' is '%.40s', wanted "
                       "'" LB_PACKED_FORMAT "'; `lowbit pack` makes one of a trained run",
                       format ? format : "");
    }
    if (version && strcmp(version, LB_PACKED_VERSION) == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT,
                   "packed format version '%.40s', wanted '" LB_PACKED_VERSION
                   "': written by a newer lowbit, read it with that one or pack the run again",
                   version ? version : "");
}

static lb_status read_packed(lb_intnet *net)
{
    json_error_t error;
    lb_packed_reader r = {.net = net};
    LB_TRY(check_metadata(net->file));
    const char *text = lb_safetensors_metadata(net->file, "graph");
    if (!text) return lb_fail(LB_E_FORMAT, "no metadata 'graph'");
    json_t *graph = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (!graph) {
        const bool memory = json_error_code(&error) == json_error_out_of_memory;
        return lb_fail(memory ? LB_E_NOMEM : LB_E_FORMAT, "graph: no valid JSON: byte %d: %s",
                       error.position, error.text);
    }
    lb_status status = read_graph(&r, graph);
    json_decref(graph);
    if (status != LB_OK) return lb_fail_in(status, "graph");
    return lb_intnet_check(net);
}

static lb_status read_opened(const char *path, lb_safetensors *file, lb_intnet *out)
{
    out->file = file;
    const lb_status status = read_packed(out);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "%s", path);
}

lb_status lb_intnet_open(const char *path, lb_intnet *out)
{
    lb_safetensors *file = NULL;
    *out = (lb_intnet){0};
    LB_TRY(lb_safetensors_open(path, &file));
    return read_opened(path, file, out);
}

lb_status lb_intnet_open_memory(const char *name, const void *data, size_t bytes, lb_intnet *out)
{
    lb_safetensors *file = NULL;
    *out = (lb_intnet){0};
    LB_TRY(lb_safetensors_open_memory(name, data, bytes, &file));
    return read_opened(name, file, out);
}
