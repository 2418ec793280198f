/* The program and the dump of docs/format.md: what Python reads is what C says. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/support.h"
#include "support/tiny_intnet.h"

/* ---- what C says ---- */

static void write_floats(FILE *file, const char *word, const float *values, size_t n)
{
    (void)fprintf(file, "%s", word);
    for (size_t i = 0; i < n; i++) (void)fprintf(file, " %.9g", (double)values[i]);
    (void)fputc('\n', file);
}

static void write_bits(FILE *file, const char *word, const uint8_t *bits, size_t n)
{
    (void)fprintf(file, "%s ", word);
    for (size_t i = 0; i < n; i++) (void)fputc('0' + (bits[i / 8] >> i % 8 & 1), file);
    (void)fputc('\n', file);
}

static void write_weights(FILE *file, const lb_int_weights *w)
{
    float values[256];
    assert_true(w->count <= 256);
    lb_int_weights_floats(w, values);
    write_floats(file, "weights", values, w->count);
}

/* Rows of the steps whose values differ between channels. */
static void write_steps(FILE *file, const lb_int_layer *l)
{
    float rows[256];
    size_t n = 0;
    for (size_t i = 0; i < l->post.n_steps; i++) {
        const lb_step *s = &l->post.steps[i];
        const size_t a = (s->kind == LB_STEP_SCALE ? l->weights.terms : 1) * l->map.shape.c;
        const float *arrays[] = {s->a, s->b};
        for (size_t k = 0; k < 2; k++) {
            bool same = true;
            for (size_t c = 0; arrays[k] && c < a; c++)
                same = same && memcmp(&arrays[k][c], arrays[k], sizeof(float)) == 0;
            if (same) continue;
            memcpy(rows + n, arrays[k], a * sizeof *rows);
            n += a;
        }
    }
    if (n > 0) write_floats(file, "post", rows, n);
}

static void write_post(FILE *file, const lb_int_layer *l)
{
    const lb_post *p = &l->post;
    const size_t channels = l->map.shape.c;
    if (p->kind == LB_POST_THRESHOLDS) {
        (void)fprintf(file, "threshold");
        for (size_t i = 0; i < channels * 3; i++)
            (void)fprintf(file, " %d", (int)lb_threshold_at(&p->thresholds, i / 3, i % 3));
        (void)fputc('\n', file);
        write_bits(file, "falls", p->thresholds.falls, channels);
    } else if (p->kind == LB_POST_FIXED_POINT) {
        (void)fprintf(file, "multiplier");
        for (size_t c = 0; c < channels; c++) (void)fprintf(file, " %d", p->fixed.multiplier[c]);
        (void)fprintf(file, "\noffset");
        for (size_t c = 0; c < channels; c++)
            (void)fprintf(file, " %lld", (long long)p->fixed.offset[c]);
        if (p->fixed.n_exceptions > 0) (void)fprintf(file, "\nexception");
        for (size_t i = 0; i < p->fixed.n_exceptions; i++) {
            const lb_fixed_exception *e = &p->fixed.exceptions[i];
            (void)fprintf(file, " %d %d %d", e->channel, e->sum, e->field);
        }
        (void)fputc('\n', file);
    } else {
        write_steps(file, l);
    }
}

static void write_layer(FILE *file, const lb_int_layer *l)
{
    static const char *const ops[] = {
#define X(name, text, inputs) text,
        LB_INT_OP_LIST(X)
#undef X
    };
    const lb_shape s = l->map.shape;
    (void)fprintf(file, "%s %s shape %zu %zu %zu in ", ops[l->op], l->name, s.c, s.h, s.w);
    for (int k = 0; k < l->n_in; k++) (void)fprintf(file, "%s%d", k > 0 ? " " : "", l->in[k]);
    (void)fputc('\n', file);
    const bool post = l->op == LB_INT_CONV || l->op == LB_INT_EXPRESSION;
    if (post && l->map.coded) {
        const float numbers[] = {(float)l->map.grid.bits, (float)l->map.grid.offset,
                                 (float)l->map.grid.step, l->map.scale};
        write_floats(file, "codes", numbers, 4);
    }
    if (l->op == LB_INT_CONV) write_weights(file, &l->weights);
    if (post) write_post(file, l);
    if (l->reversed) write_bits(file, "reversed", l->reversed, s.c);
}

static void describe(const lb_intnet *net, const char *path)
{
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    (void)fprintf(file, "%s\n", net->title);
    for (size_t i = 0; net->class_names && i < net->classes; i++)
        (void)fprintf(file, "%s\n", net->class_names[i]);
    for (size_t i = 0; i < net->n_layers; i++) write_layer(file, &net->layers[i]);
    assert_int_equal(fclose(file), 0);
}

/* ---- the network of the document ---- */

/* Raw images of 1 x 2 x 2; two binary filters of all four pixels, their signs; two ternary logits. */
static void write_document_network(const char *path)
{
    static const uint8_t binary[] = {0xa6};        /* + - - +, + - + - */
    static const uint8_t ternary[] = {0x04, 0x0d}; /* + 0, - - */
    static const int16_t thresholds[] = {-3, 12};
    static const uint8_t falls[] = {0x01};
    static const float half = 0.5f, bias[] = {0.25f, -1.0f};
    static const float scales[] = {half, half};
    lb_step steps[] = {{.kind = LB_STEP_SCALE, .a = scales}, {.kind = LB_STEP_BIAS, .a = bias}};
    lb_int_layer layers[] = {
        {.op = LB_INT_INPUT,
         .name = "input",
         .equals = "input",
         .map = {{1, 2, 2}, true, {8, -128, 1}, 0x1p-7f}},
        {.op = LB_INT_CONV,
         .name = "fc1",
         .equals = "fc2.quantize",
         .n_in = 1,
         .map = {{2, 1, 1}, true, {1, 1, -2}, 1.0f},
         .window = {2, 2, 1, 0, 0, 0, 0},
         .groups = 1,
         .weights = {LB_STORED_GRID, {1, 1, -2}, .count = 8, .terms = 1, .at = binary},
         .post = {.kind = LB_POST_THRESHOLDS, .thresholds = {1, 2, thresholds, falls}}},
        {.op = LB_INT_CONV,
         .name = "fc2",
         .equals = "fc2",
         .n_in = 1,
         .in = {1, 0},
         .map = {.shape = {2, 1, 1}},
         .window = {1, 1, 1, 0, 0, 0, 0},
         .groups = 1,
         .weights = {LB_STORED_TERNARY, .count = 4, .terms = 1, .at = ternary},
         .post = {.steps = steps, .n_steps = 2}},
    };
    const lb_intnet net = {
        .layers = layers, .n_layers = 3, .input = {.raw = true}, .classes = 2, .title = "tiny"};
    assert_ok(lb_intnet_write(&net, path));
}

/* ---- Python ---- */

static void test_python_reads_the_same(void **state)
{
    (void)state;
    static const lb_weight_encoding encodings[] = {
        [2] = LB_ENCODED_RUN_LENGTH, [3] = LB_ENCODED_HUFFMAN, [4] = LB_ENCODED_MIXED};
    const char *source = getenv("LOWBIT_SOURCE");
    if (!source) {
        print_message("skipped: LOWBIT_SOURCE, the source folder, is not set\n");
        skip();
    }
    for (int k = 0; k < 5; k++) { /* raw or not, then the encodings */
        const char *folder = lb_test_folder();
        lb_intnet net;
        char command[4096];
        lb_test_tiny_intnet(k == 1, &net);
        if (k > 1) lb_test_tiny_encode(&net, encodings[k]);
        assert_ok(lb_intnet_write(&net, lb_test_path(folder, "net.lbm")));
        describe(&net, lb_test_path(folder, "net.txt"));
        write_document_network(lb_test_path(folder, "document.lbm"));
        const int length = snprintf(
            command, sizeof command,
            "cd '%s' && python3 '%s/tests/intnet/compare_packed_reader.py' '%s/docs/format.md' "
            "net.lbm net.txt document.lbm",
            folder, source, source);
        assert_true(length > 0 && (size_t)length < sizeof command);
        (void)fflush(NULL);
        assert_int_equal(system(command), 0);
        lb_intnet_release(&net);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_python_reads_the_same)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
