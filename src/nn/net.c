/* Storage of a network graph: nodes, parameters, the remembered failure, and the checks of a
 * finished graph.
 *
 * Building never has to be checked call by call: the first failure is kept in the net, every later
 * call does nothing, and lb_net_finish reports it. */
#include "nn/net.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "nn/net_internal.h"

void lb_net_init(lb_net *net)
{
    *net = (lb_net){.failed = LB_OK};
}

void lb_net_release(lb_net *net)
{
    lb_arena_release(&net->arena);
    lb_net_init(net);
}

int lb_net_fail(lb_net *net, lb_status status, const char *fmt, ...)
{
    if (net->failed != LB_OK) return 0;
    net->failed = status;
    va_list args;
    va_start(args, fmt);
    vsnprintf(net->message, sizeof net->message, fmt, args);
    va_end(args);
    return 0;
}

/* Make room for one more element in an array of the arena; the old block stays there until the end,
 * which doubling keeps below the size of the last one. */
static bool grow(lb_net *net, void **array, size_t n, size_t *capacity, size_t size,
                 const char *what)
{
    if (n < *capacity) return true;
    const size_t wanted = *capacity > 0 ? *capacity * 2 : 32;
    void *larger = NULL;
    if (lb_arena_alloc(&net->arena, wanted, size, what, &larger) != LB_OK) {
        lb_net_fail(net, LB_E_NOMEM, "%s", lb_error());
        return false;
    }
    if (n > 0) memcpy(larger, *array, n * size);
    *array = larger;
    *capacity = wanted;
    return true;
}

/* Is `in` a node that already stands? */
static bool input_stands(lb_net *net, const char *name, int in)
{
    if (in >= 0 && (size_t)in < net->n_nodes) return true;
    lb_net_fail(net, LB_E_ARG, "node '%s': input %d is no node, wanted 0 to %d", name, in,
                (int)net->n_nodes - 1);
    return false;
}

static bool name_is_free(lb_net *net, const char *name)
{
    const size_t length = name ? strlen(name) : 0;
    if (length == 0 || length >= LB_NAME_BYTES) {
        lb_net_fail(net, LB_E_ARG, "node name '%s': %zu characters, wanted 1 to %d",
                    length > 0 ? name : "", length, LB_NAME_BYTES - 1);
        return false;
    }
    if (lb_net_find_node(net, name) >= 0) {
        lb_net_fail(net, LB_E_ARG,
                    "node '%s': another node has this name, wanted a name of its own", name);
        return false;
    }
    return true;
}

lb_node *lb_net_new_node(lb_net *net, lb_op op, const char *name, int a, int b)
{
    if (net->failed != LB_OK) return NULL;
    if ((op == LB_OP_INPUT) != (net->n_nodes == 0)) {
        lb_net_fail(net, LB_E_ARG, "node '%s': a net starts with its input and has no other", name);
        return NULL;
    }
    if (!name_is_free(net, name)) return NULL;
    if (op != LB_OP_INPUT && !input_stands(net, name, a)) return NULL;
    if (b != -1 && !input_stands(net, name, b)) return NULL;
    void *nodes = net->nodes;
    if (!grow(net, &nodes, net->n_nodes, &net->node_capacity, sizeof *net->nodes, "nodes of a net"))
        return NULL;
    net->nodes = nodes;

    lb_node *node = &net->nodes[net->n_nodes++];
    *node = (lb_node){.op = op, .in = {a, b}, .n_in = op == LB_OP_INPUT ? 0 : b == -1 ? 1 : 2};
    memcpy(node->name, name, strlen(name) + 1);
    return node;
}

int lb_net_new_param(lb_net *net, lb_param_role role, const char *suffix, size_t n_dims,
                     const size_t *dims)
{
    if (net->failed != LB_OK) return -1;
    void *params = net->params;
    if (!grow(net, &params, net->n_params, &net->param_capacity, sizeof *net->params,
              "parameters of a net")) {
        return -1;
    }
    net->params = params;

    const int node = (int)net->n_nodes - 1;
    lb_param param = {.role = role, .node = node, .n_dims = n_dims, .count = 1};
    snprintf(param.name, sizeof param.name, "%s.%s", net->nodes[node].name, suffix);
    for (size_t i = 0; i < n_dims; i++) {
        param.dims[i] = dims[i];
        if (!lb_size_mul(param.count, dims[i], &param.count)) {
            lb_net_fail(net, LB_E_SHAPE, "parameter '%s': too many elements to count", param.name);
            return -1;
        }
    }
    void *value = NULL;
    const bool wanted = !net->describe_only || role != LB_PARAM_WEIGHT;
    if (wanted &&
        lb_arena_alloc(&net->arena, param.count, sizeof(float), param.name, &value) != LB_OK) {
        lb_net_fail(net, LB_E_NOMEM, "%s", lb_error());
        return -1;
    }
    param.value = value;
    net->params[net->n_params] = param;
    return (int)net->n_params++;
}

/* Every node but the last feeds another one: what nothing uses has no gradient and is a builder's
 * slip. */
static lb_status check_all_used(const lb_net *net)
{
    for (size_t i = 0; i + 1 < net->n_nodes; i++) {
        bool used = false;
        for (size_t j = i + 1; j < net->n_nodes && !used; j++) {
            const lb_node *node = &net->nodes[j];
            for (int k = 0; k < node->n_in; k++) used = used || (size_t)node->in[k] == i;
        }
        if (!used) {
            return lb_fail(LB_E_SHAPE,
                           "node '%s': nothing takes its output, wanted a node that does, or its "
                           "removal",
                           net->nodes[i].name);
        }
    }
    return LB_OK;
}

static lb_status check_logits(const lb_net *net)
{
    if (net->n_nodes < 2) {
        return lb_fail(LB_E_SHAPE, "a net of %zu nodes, wanted an input and at least one layer",
                       net->n_nodes);
    }
    const lb_node *last = &net->nodes[net->n_nodes - 1];
    if (last->shape.h != 1 || last->shape.w != 1 || last->shape.c > UINT16_MAX) {
        return lb_fail(LB_E_SHAPE,
                       "last node '%s': shape %zu x %zu x %zu, wanted logits (classes x 1 x 1), at "
                       "most %d classes",
                       last->name, last->shape.c, last->shape.h, last->shape.w, UINT16_MAX);
    }
    return LB_OK;
}

static lb_status allocate_gradients(lb_net *net)
{
    for (size_t i = 0; i < net->n_params; i++) {
        lb_param *p = &net->params[i];
        if (p->role == LB_PARAM_MEAN || p->role == LB_PARAM_VARIANCE || p->grad) continue;
        void *grad = NULL;
        LB_TRY(lb_arena_alloc(&net->arena, p->count, sizeof(float), p->name, &grad));
        p->grad = grad;
    }
    return LB_OK;
}

lb_status lb_net_finish(lb_net *net, lb_loss loss)
{
    if (net->failed != LB_OK) return lb_fail(net->failed, "%s", net->message);
    LB_TRY(check_logits(net));
    LB_TRY(check_all_used(net));
    LB_TRY(lb_net_check_sums(net));
    if (!net->describe_only) LB_TRY(allocate_gradients(net));
    net->classes = net->nodes[net->n_nodes - 1].shape.c;
    net->loss = loss;
    return LB_OK;
}

int lb_net_find_node(const lb_net *net, const char *name)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        if (strcmp(net->nodes[i].name, name) == 0) return (int)i;
    }
    return -1;
}

int lb_net_find_param(const lb_net *net, const char *name)
{
    for (size_t i = 0; i < net->n_params; i++) {
        if (strcmp(net->params[i].name, name) == 0) return (int)i;
    }
    return -1;
}
