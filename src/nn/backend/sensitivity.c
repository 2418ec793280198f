/* The sensitivity pass: what it holds, and how images are shared out. */
#include "nn/sensitivity.h"

#include <math.h>
#include <omp.h>
#include <string.h>

#include "nn/backend/margins.h"

/* Images of a round: their gains are added up in order, whatever the threads. */
enum { ROUND = 16 };

/* ---- planning -------------------------------------------------------------------------------- */

static bool is_layer(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

static bool is_elementwise(lb_op op)
{
    return op == LB_OP_BATCH_NORM || op == LB_OP_RELU || op == LB_OP_CLIP || op == LB_OP_QUANTIZE ||
           op == LB_OP_DROPOUT;
}

static size_t uses_of(const lb_net *net, int index)
{
    size_t n = 0;
    for (size_t i = 1; i < net->n_nodes; i++)
        for (int k = 0; k < net->nodes[i].n_in; k++) n += net->nodes[i].in[k] == index;
    return n;
}

/* A map that one element-wise node alone reads has its gradients in that node's map. */
static void plan_buffers(lb_sensitivity *s)
{
    const lb_net *net = s->net;
    for (size_t i = 0; i < net->n_nodes; i++) s->nodes[i].buffer = i == 0 ? -1 : (int)i;
    for (size_t i = net->n_nodes; i-- > 1;) {
        const lb_node *node = &net->nodes[i];
        const int in = node->in[0];
        if (is_elementwise(node->op) && in > 0 && uses_of(net, in) == 1)
            s->nodes[in].buffer = s->nodes[i].buffer;
    }
    for (size_t i = 0; i < net->n_nodes; i++) {
        lb_margins_node *n = &s->nodes[i];
        const size_t count = lb_shape_count(net->nodes[i].shape);
        n->value_at = s->value_count;
        s->value_count += count;
        if (n->buffer != (int)i) continue;
        n->grad_at = s->grad_count;
        s->grad_count += count * s->classes;
    }
}

static lb_status prepare_weights(lb_sensitivity *s, int index)
{
    const lb_node *node = &s->net->nodes[index];
    void *block = NULL;
    lb_quantized_weights q;
    LB_TRY(
        lb_arena_alloc(&s->arena, lb_quantized_weights_bytes(s->net, node), 1, node->name, &block));
    lb_quantized_weights_carve(s->net, node, block, &q);
    lb_weights_quantize(s->net, index, 0, 0, true, &q);
    s->nodes[index].weights = q.real;
    return LB_OK;
}

static lb_status prepare_node(lb_sensitivity *s, int index)
{
    const lb_node *node = &s->net->nodes[index];
    lb_margins_node *n = &s->nodes[index];
    n->gain = s->n_gains;
    if (is_layer(node)) {
        s->n_gains += node->as.conv.out;
        return prepare_weights(s, index);
    }
    if (node->op == LB_OP_QUANTIZE) {
        s->n_gains++;
        n->map = lb_quantize_map(s->net, node);
    }
    if (node->op != LB_OP_BATCH_NORM) return LB_OK;
    LB_TRY(lb_arena_alloc(&s->arena, 2 * node->shape.c, sizeof *n->a, node->name, (void **)&n->a));
    n->b = n->a + node->shape.c;
    lb_batch_norm_coefficients(s->net, index, n->a, n->b);
    return LB_OK;
}

static lb_status allocate_work(lb_sensitivity *s, lb_margins_work *w)
{
    size_t columns = 1, d_columns = 1, filter = 1;
    for (size_t i = 0; i < s->net->n_nodes; i++) {
        const lb_node *node = &s->net->nodes[i];
        if (!is_layer(node)) continue;
        const size_t n = lb_node_filter_size(node), pixels = node->shape.h * node->shape.w;
        const size_t rows = pixels == 1 ? s->classes : pixels;
        if (n * pixels > columns) columns = n * pixels;
        if (n * rows > d_columns) d_columns = n * rows;
        if (n > filter) filter = n;
    }
    struct {
        float **at;
        size_t count;
    } const blocks[] = {{&w->values, s->value_count},
                        {&w->grads, s->grad_count},
                        {&w->columns, columns},
                        {&w->d_columns, d_columns},
                        {&w->d_weights, LB_MARGINS_ROWS * filter}};
    for (size_t b = 0; b < sizeof blocks / sizeof *blocks; b++)
        LB_TRY(lb_arena_alloc(&s->arena, blocks[b].count, sizeof(float), "sensitivities",
                              (void **)blocks[b].at));
    return LB_OK;
}

static lb_status plan(lb_sensitivity *s)
{
    LB_TRY(lb_arena_alloc(&s->arena, s->net->n_nodes, sizeof *s->nodes, "sensitivities",
                          (void **)&s->nodes));
    plan_buffers(s);
    for (size_t i = 0; i < s->net->n_nodes; i++) LB_TRY(prepare_node(s, (int)i));
    LB_TRY(
        lb_arena_alloc(&s->arena, s->n_gains, sizeof *s->sums, "sensitivities", (void **)&s->sums));
    LB_TRY(lb_arena_alloc(&s->arena, ROUND * s->n_gains, sizeof *s->of_image, "sensitivities",
                          (void **)&s->of_image));
    LB_TRY(lb_arena_alloc(&s->arena, (size_t)s->threads, sizeof *s->work, "sensitivities",
                          (void **)&s->work));
    for (int t = 0; t < s->threads; t++) LB_TRY(allocate_work(s, &s->work[t]));
    return LB_OK;
}

lb_status lb_sensitivity_create(lb_net *net, size_t runners_up, int threads, lb_sensitivity **out)
{
    void *block = NULL;
    lb_assert(runners_up <= LB_SENSITIVITY_CLASSES);
    if (net->classes < 2)
        return lb_fail(LB_E_ARG, "a network of one class has no margins, wanted two classes");
    LB_TRY(lb_alloc(1, sizeof **out, "sensitivities", &block));
    lb_sensitivity *s = block;
    *s = (lb_sensitivity){.net = net, .classes = runners_up, .threads = threads < 1 ? 1 : threads};
    if (s->threads > ROUND) s->threads = ROUND;
    if (s->classes > net->classes - 1) s->classes = net->classes - 1;
    const lb_status status = plan(s);
    if (status != LB_OK) {
        lb_sensitivity_destroy(s);
        return status;
    }
    *out = s;
    return LB_OK;
}

void lb_sensitivity_destroy(lb_sensitivity *s)
{
    if (s == NULL) return;
    lb_arena_release(&s->arena);
    lb_free(s);
}

/* ---- an image -------------------------------------------------------------------------------- */

/* The class with the largest of `z` that is not taken yet, the first of equals. */
static size_t take_largest(const float *z, size_t n, const size_t *taken, size_t n_taken)
{
    size_t best = n;
    for (size_t i = 0; i < n; i++) {
        bool free = true;
        for (size_t t = 0; t < n_taken; t++) free = free && taken[t] != i;
        if (free && (best == n || z[i] > z[best])) best = i;
    }
    return best;
}

/* The last map's gradients and each class's factor: row k is of Z_i - Z_y, i the k-th runner-up. */
static void start_backward(const lb_sensitivity *s, lb_margins_work *w)
{
    const int last = (int)s->net->n_nodes - 1;
    const float *z = lb_margins_value(s, w, last);
    float *dz = lb_margins_grad(s, w, last);
    size_t taken[LB_SENSITIVITY_CLASSES + 1];
    memset(w->grads, 0, s->grad_count * sizeof *w->grads);
    taken[0] = take_largest(z, s->net->classes, taken, 0);
    for (size_t k = 0; k < s->classes; k++) {
        taken[k + 1] = take_largest(z, s->net->classes, taken, k + 1);
        const double margin = (double)z[taken[0]] - (double)z[taken[k + 1]];
        w->scale[k] = margin > 0.0 ? 1.0 / (24.0 * margin * margin) : 0.0;
        dz[taken[k + 1] * s->classes + k] = 1.0f;
        dz[taken[0] * s->classes + k] = -1.0f;
    }
}

static bool run_image(const lb_sensitivity *s, lb_margins_work *w, const float *image,
                      double *gains)
{
    const size_t count = lb_shape_count(s->net->input);
    memcpy(lb_margins_value(s, w, 0), image, count * sizeof *image);
    memset(gains, 0, s->n_gains * sizeof *gains);
    lb_margins_forward(s, w);
    const float *z = lb_margins_value(s, w, (int)s->net->n_nodes - 1);
    for (size_t i = 0; i < s->net->classes; i++)
        if (!isfinite(z[i])) return false;
    start_backward(s, w);
    lb_margins_backward(s, w, gains);
    return true;
}

/* Gains of up to ROUND images, each in its own row; returns how many images had bad logits. */
static size_t run_round(lb_sensitivity *s, const float *images, size_t n)
{
    const size_t count = lb_shape_count(s->net->input);
    size_t bad = 0;
#pragma omp parallel for schedule(dynamic) num_threads(s->threads) reduction(+ : bad)
    for (size_t i = 0; i < n; i++)
        bad += !run_image(s, &s->work[omp_get_thread_num()], images + i * count,
                          s->of_image + i * s->n_gains);
    return bad;
}

lb_status lb_sensitivity_add(lb_sensitivity *s, const float *images, size_t n)
{
    const size_t count = lb_shape_count(s->net->input);
    const int threads_before = omp_get_max_threads();
    size_t bad = 0;
    omp_set_num_threads(1); /* each product of matrices runs on the thread that wants it */
    for (size_t first = 0; first < n && bad == 0; first += ROUND) {
        const size_t some = n - first < ROUND ? n - first : ROUND;
        bad = run_round(s, images + first * count, some);
        for (size_t i = 0; bad == 0 && i < some; i++)
            for (size_t g = 0; g < s->n_gains; g++) s->sums[g] += s->of_image[i * s->n_gains + g];
        s->images += some;
    }
    omp_set_num_threads(threads_before);
    if (bad == 0) return LB_OK;
    return lb_fail(LB_E_DIVERGED, "the network's logits are not finite numbers");
}

double lb_sensitivity_gain(const lb_sensitivity *s, int node, size_t filter)
{
    return s->images > 0 ? s->sums[s->nodes[node].gain + filter] / (double)s->images : 0.0;
}
