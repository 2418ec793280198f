/* Writing packed files. The graph is built with jansson, which writes floats with 9 digits: they read back
 * as the same bits. What is the same for all channels stands in the graph, the rest in tensors. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/safetensors.h"
#include "intnet/packed_format.h"

enum { TENSORS_A_LAYER = 4 }; /* weight; and post, threshold, or multiplier, offset, exception */

/* The file as it grows. After a failure (no memory for JSON) values are NULL and `failed` is set. */
typedef struct writer {
    const lb_intnet *net;
    lb_arena arena; /* names of tensors, rows of steps */
    lb_stored_tensor *tensors;
    size_t n_tensors;
    json_t *codes; /* the table of grids and scales */
    bool failed;
} writer;

/* ---- JSON ---- */

static void set(writer *w, json_t *object, const char *key, json_t *value)
{
    if (json_object_set_new(object, key, value) != 0) w->failed = true;
}

static void append(writer *w, json_t *list, json_t *value)
{
    if (json_array_append_new(list, value) != 0) w->failed = true;
}

static json_t *list_of_sizes(writer *w, const size_t *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) append(w, list, json_integer((json_int_t)values[i]));
    return list;
}

/* Whole numbers without a fraction; but -0 keeps it, being another float than 0. */
static json_t *number(float value)
{
    const bool whole = fabsf(value) < 1e6f && value == truncf(value);
    if (whole && !(value == 0.0f && signbit(value))) return json_integer((json_int_t)value);
    return json_real((double)value);
}

static json_t *list_of_floats(writer *w, const float *values, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) append(w, list, number(values[i]));
    return list;
}

static json_t *grid(writer *w, lb_code_grid g)
{
    json_t *list = json_array();
    append(w, list, json_integer(g.bits));
    append(w, list, json_integer(g.offset));
    append(w, list, json_integer(g.step));
    return list;
}

/* The index of a map's grid and scale in the table. */
static json_t *codes(writer *w, const lb_int_map *map)
{
    json_t *entry = grid(w, map->grid);
    append(w, entry, number(map->scale));
    const size_t n = json_array_size(w->codes);
    for (size_t i = 0; i < n; i++) {
        if (!json_equal(json_array_get(w->codes, i), entry)) continue;
        json_decref(entry);
        return json_integer((json_int_t)i);
    }
    append(w, w->codes, entry);
    return json_integer((json_int_t)n);
}

/* ---- tensors ---- */

static lb_status add_tensor(writer *w, const char *layer, const char *word, lb_dtype dtype,
                            size_t rows, size_t columns, const void *data)
{
    char name[LB_PACKED_TENSOR_NAME];
    (void)snprintf(name, sizeof name, "%s.%s", layer, word);
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&w->arena, name, &copy));
    lb_stored_tensor *t = &w->tensors[w->n_tensors++];
    *t = (lb_stored_tensor){.name = copy, .dtype = dtype, .data = data};
    if (rows > 0) t->dims[t->n_dims++] = rows; /* 0: a tensor of one dimension */
    t->dims[t->n_dims++] = columns;
    t->bytes = (rows > 0 ? rows : 1) * columns * lb_dtype_bytes(dtype);
    return LB_OK;
}

/* Bits of channels as text, two hexadecimal digits a byte: shorter than a tensor's entry in the header.
 * Nothing where none is set. */
static lb_status add_bits(writer *w, json_t *object, const char *key, const uint8_t *bits,
                          size_t channels)
{
    const size_t bytes = (channels + 7) / 8;
    char *text = NULL;
    unsigned any = 0;
    LB_TRY(lb_arena_alloc(&w->arena, 2 * bytes + 1, 1, key, (void **)&text));
    for (size_t i = 0; i < bytes; i++) {
        (void)snprintf(text + 2 * i, 3, "%02x", (unsigned)bits[i]);
        any |= bits[i];
    }
    if (any) set(w, object, key, json_string(text));
    return LB_OK;
}

/* Bits of the filters, a digit each. */
static lb_status add_filter_bits(writer *w, json_t *object, const lb_int_layer *l)
{
    const size_t filters = l->map.shape.c;
    char *text = NULL;
    LB_TRY(lb_arena_alloc(&w->arena, filters + 1, 1, "bits", (void **)&text));
    for (size_t o = 0; o < filters; o++) text[o] = (char)('0' + l->weights.filter_bits[o]);
    set(w, object, "bits", json_string(text));
    return LB_OK;
}

static lb_status add_weights(writer *w, json_t *object, const lb_int_layer *l)
{
    const lb_int_weights *weights = &l->weights;
    if (weights->sums == LB_SUMS_SIGN) set(w, object, "sums", json_integer(2));
    if (weights->sums > LB_SUMS_SIGN)
        set(w, object, "sums", json_string(weights->sums == LB_SUMS_ROW ? "row" : "pixel"));
    if (weights->storage == LB_STORED_FLOAT) {
        set(w, object, "weights", json_string("float"));
        const size_t filters = l->map.shape.c;
        return add_tensor(w, l->name, "weight", LB_F32, filters, weights->count / filters,
                          weights->at);
    }
    set(w, object, "weights",
        weights->storage == LB_STORED_TERNARY ? json_string("ternary") : grid(w, weights->grid));
    if (weights->encoding != LB_ENCODED_PLANES) {
        set(w, object, "encoding", json_string(lb_packed_encodings[weights->encoding]));
        if (weights->filter_bits) LB_TRY(add_filter_bits(w, object, l));
        return add_tensor(w, l->name, "weight", LB_U8, 0, weights->encoded_bytes, weights->encoded);
    }
    return add_tensor(w, l->name, "weight", LB_U8, (size_t)lb_int_weights_bits(weights),
                      lb_stream_plane_bytes(weights->count), weights->at);
}

/* ---- post ---- */

/* Values a channel: a number where all are the same bits, a list of one a row where those of each row are,
 * else null and rows of the post tensor. */
static void add_values(writer *w, json_t *step, const float *a, size_t rows, size_t channels,
                       float *tensor, size_t *used)
{
    if (lb_packed_is_constant(a, rows * channels)) {
        append(w, step, number(a[0]));
        return;
    }
    if (lb_packed_rows_are_constant(a, rows, channels)) {
        json_t *list = json_array();
        for (size_t r = 0; r < rows; r++) append(w, list, number(a[r * channels]));
        append(w, step, list);
        return;
    }
    append(w, step, json_null());
    memcpy(tensor + *used * channels, a, rows * channels * sizeof *a);
    *used += rows;
}

static json_t *step_json(writer *w, const lb_step *s, size_t terms, size_t channels, float *tensor,
                         size_t *used)
{
    json_t *step = json_array();
    append(w, step, json_string(lb_packed_steps[s->kind]));
    switch (s->kind) {
    case LB_STEP_SCALE: add_values(w, step, s->a, terms, channels, tensor, used); break;
    case LB_STEP_BIAS: add_values(w, step, s->a, 1, channels, tensor, used); break;
    case LB_STEP_AFFINE:
        add_values(w, step, s->a, 1, channels, tensor, used);
        add_values(w, step, s->b, 1, channels, tensor, used);
        break;
    case LB_STEP_RELU: append(w, step, number(s->slope)); break;
    case LB_STEP_CLIP:
        append(w, step, number(s->low));
        append(w, step, number(s->high));
        break;
    case LB_STEP_ADD: break;
    case LB_STEP_ENCODE:
        append(w, step, json_string(lb_packed_roundings[s->encode.rounding]));
        append(w, step, number(s->encode.multiplier));
        append(w, step, number(s->encode.divisor));
        append(w, step, number(s->encode.low));
        append(w, step, number(s->encode.high));
        break;
    }
    return step;
}

static lb_status add_steps(writer *w, json_t *object, const lb_int_layer *l)
{
    const size_t channels = l->map.shape.c;
    const size_t terms = l->op == LB_INT_CONV ? l->weights.terms : 1;
    if (l->post.n_steps == 0) return LB_OK;
    float *tensor = NULL;
    size_t used = 0;
    LB_TRY(lb_arena_alloc(&w->arena, (2 * l->post.n_steps + terms) * channels, sizeof *tensor,
                          "steps", (void **)&tensor));
    json_t *list = json_array();
    for (size_t i = 0; i < l->post.n_steps; i++)
        append(w, list, step_json(w, &l->post.steps[i], terms, channels, tensor, &used));
    set(w, object, "post", list);
    return used > 0 ? add_tensor(w, l->name, "post", LB_F32, used, channels, tensor) : LB_OK;
}

static lb_status add_post(writer *w, json_t *object, const lb_int_layer *l)
{
    const lb_post *post = &l->post;
    const size_t channels = l->map.shape.c;
    if (l->map.coded) set(w, object, "codes", codes(w, &l->map));
    if (post->kind == LB_POST_STEPS) return add_steps(w, object, l);
    if (post->kind == LB_POST_THRESHOLDS) {
        const lb_thresholds *t = &post->thresholds;
        set(w, object, "post", json_string("thresholds"));
        LB_TRY(add_tensor(w, l->name, "threshold", t->bytes == 2 ? LB_I16 : LB_I32, channels,
                          ((size_t)1 << t->bits) - 1, t->at));
        return add_bits(w, object, "falls", t->falls, channels);
    }
    const lb_fixed_point *f = &post->fixed;
    json_t *list = json_pack("[s, i]", "fixed-point", f->shift);
    if (f->n_exceptions > 0) append(w, list, json_integer((json_int_t)f->n_exceptions));
    set(w, object, "post", list);
    LB_TRY(add_tensor(w, l->name, "multiplier", LB_I32, 0, channels, f->multiplier));
    LB_TRY(add_tensor(w, l->name, "offset", LB_I64, 0, channels, f->offset));
    if (f->n_exceptions == 0) return LB_OK;
    return add_tensor(w, l->name, "exception", LB_I32, f->n_exceptions, 3, f->exceptions);
}

/* ---- layers ---- */

/* "" where there is none; the layer's own name is left out; what both names share up to the own one's last
 * dot is left out too. */
static void add_equals(writer *w, json_t *object, const lb_int_layer *l)
{
    if (strcmp(l->equals, l->name) == 0) return;
    const char *dot = strrchr(l->name, '.');
    const size_t shared = dot ? (size_t)(dot - l->name) : 0;
    const bool same_start = dot && strncmp(l->equals, l->name, shared + 1) == 0;
    set(w, object, "equals", json_string(l->equals + (same_start ? shared : 0)));
}

static void add_in(writer *w, json_t *object, const lb_int_layer *l, size_t index)
{
    if (l->n_in == 0 || (l->n_in == 1 && (size_t)l->in[0] + 1 == index)) return;
    json_t *list = json_array();
    for (int k = 0; k < l->n_in; k++) append(w, list, json_integer(l->in[k]));
    set(w, object, "in", list);
}

/* [kernel, stride, padding] where that says all. */
static void add_window(writer *w, json_t *object, const lb_window *v)
{
    const size_t all[] = {v->kh,       v->kw,         v->stride,   v->pad_top,
                          v->pad_left, v->pad_bottom, v->pad_right};
    const size_t square[] = {v->kh, v->stride, v->pad_top};
    const bool is_square = v->kh == v->kw && v->pad_left == v->pad_top &&
                           v->pad_bottom == v->pad_top && v->pad_right == v->pad_top;
    set(w, object, "window", is_square ? list_of_sizes(w, square, 3) : list_of_sizes(w, all, 7));
}

static lb_status layer_json(writer *w, size_t index, json_t *object)
{
    const lb_int_layer *l = &w->net->layers[index];
    set(w, object, lb_packed_ops[l->op], json_string(l->name));
    add_equals(w, object, l);
    add_in(w, object, l, index);
    switch (l->op) {
    case LB_INT_INPUT:
    case LB_INT_CONCAT: return LB_OK;
    case LB_INT_CONV:
        set(w, object, "channels", json_integer((json_int_t)l->map.shape.c));
        add_window(w, object, &l->window);
        if (l->groups > 1) set(w, object, "groups", json_integer((json_int_t)l->groups));
        LB_TRY(add_weights(w, object, l));
        return add_post(w, object, l);
    case LB_INT_EXPRESSION: return add_post(w, object, l);
    case LB_INT_MAX_POOL:
    case LB_INT_AVERAGE_POOL:
        add_window(w, object, &l->window);
        if (l->op == LB_INT_AVERAGE_POOL || !l->reversed) return LB_OK;
        return add_bits(w, object, "reversed", l->reversed, l->map.shape.c);
    case LB_INT_SUBSAMPLE:
        set(w, object, "channels", json_integer((json_int_t)l->map.shape.c));
        set(w, object, "stride", json_integer((json_int_t)l->stride));
        return LB_OK;
    }
    return LB_OK;
}

/* ---- the network ---- */

static json_t *input_json(writer *w)
{
    const lb_intnet *net = w->net;
    const lb_shape s = net->layers[0].map.shape;
    json_t *object = json_object();
    set(w, object, "shape", list_of_sizes(w, (const size_t[]){s.c, s.h, s.w}, 3));
    if (net->input.raw) {
        set(w, object, "raw", json_true());
    } else {
        set(w, object, "mean", list_of_floats(w, net->input.mean, s.c));
        set(w, object, "std", list_of_floats(w, net->input.std, s.c));
    }
    return object;
}

static lb_status graph_json(writer *w, json_t *graph)
{
    const lb_intnet *net = w->net;
    set(w, graph, "title", json_string(net->title));
    if (net->data && net->data[0] != '\0') set(w, graph, "data", json_string(net->data));
    if (net->loss && strcmp(net->loss, "cross-entropy") != 0)
        set(w, graph, "loss", json_string(net->loss));
    set(w, graph, "input", input_json(w));
    set(w, graph, "classes", json_integer((json_int_t)net->classes));
    if (net->class_names) {
        json_t *names = json_array();
        for (size_t i = 0; i < net->classes; i++)
            append(w, names, json_string(net->class_names[i]));
        set(w, graph, "class_names", names);
    }
    json_t *layers = json_array();
    set(w, graph, "codes", json_incref(w->codes));
    set(w, graph, "layers", layers);
    for (size_t i = 0; i < net->n_layers; i++) {
        json_t *object = json_object();
        append(w, layers, object);
        LB_TRY(layer_json(w, i, object));
    }
    return LB_OK;
}

/* jansson takes UTF-8 only, and says no more than that it could not. */
static lb_status why_it_failed(const lb_intnet *net, const char *path)
{
    const char *texts[] = {net->title, net->data ? net->data : ""};
    const size_t n = net->class_names ? net->classes : 0;
    for (size_t i = 0; i < 2 + n; i++) {
        const char *text = i < 2 ? texts[i] : net->class_names[i - 2];
        json_t *value = json_string(text);
        json_decref(value);
        if (value) continue;
        return lb_fail(LB_E_FORMAT, "%s: not UTF-8: %s '%.40s'", path,
                       i == 0   ? "title"
                       : i == 1 ? "data"
                                : "class name",
                       text);
    }
    return lb_fail(LB_E_NOMEM, "%s: cannot allocate the graph", path);
}

static lb_status write_file(writer *w, json_t *graph, const char *path)
{
    LB_TRY(lb_arena_alloc(&w->arena, w->net->n_layers * TENSORS_A_LAYER, sizeof *w->tensors,
                          "tensors", (void **)&w->tensors));
    LB_TRY(graph_json(w, graph));
    char *text = w->failed ? NULL : json_dumps(graph, JSON_COMPACT | JSON_REAL_PRECISION(9));
    if (!text) return why_it_failed(w->net, path);
    const lb_stored_text metadata[] = {
        {"format", LB_PACKED_FORMAT}, {"version", LB_PACKED_VERSION}, {"graph", text}};
    const lb_status status = lb_safetensors_write(path, w->tensors, w->n_tensors, metadata,
                                                  sizeof metadata / sizeof *metadata);
    free(text);
    return status;
}

lb_status lb_intnet_write(const lb_intnet *net, const char *path)
{
    writer w = {.net = net, .codes = json_array()};
    json_t *graph = json_object();
    lb_status status = lb_intnet_check(net);
    if (status == LB_OK) status = write_file(&w, graph, path);
    json_decref(graph);
    json_decref(w.codes);
    lb_arena_release(&w.arena);
    return status;
}
