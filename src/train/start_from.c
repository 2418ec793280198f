/* Starting a run from another one's weights. */
#include "train/start_from.h"

#include <string.h>

#include "train/checkpoint.h"
#include "train/run.h"
#include "train/run_folder.h"

static bool is_layer(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

/* The learned values of a node that is quantized as it was there; -1: it was not. */
static int learned_there(const lb_net *from, const lb_node *node)
{
    const int index = lb_net_find_node(from, node->name);
    if (index < 0 || from->nodes[index].op != node->op) return -1;
    if (is_layer(node)) {
        const lb_conv *here = &node->as.conv, *there = &from->nodes[index].as.conv;
        const bool same = here->quantizer == there->quantizer &&
                          here->setting.bits == there->setting.bits &&
                          here->setting.granularity == there->setting.granularity;
        return same ? there->learned : -1;
    }
    const lb_quantize *here = &node->as.quantize, *there = &from->nodes[index].as.quantize;
    const bool same =
        here->quantizer == there->quantizer && here->setting.bits == there->setting.bits;
    return same ? there->learned : -1;
}

static void copy_learned(const lb_net *from, lb_net *net)
{
    for (size_t p = 0; p < net->n_params; p++) {
        lb_param *to = &net->params[p];
        if (to->role != LB_PARAM_LEARNED) continue;
        const int there = learned_there(from, &net->nodes[to->node]);
        if (there >= 0 && from->params[there].count == to->count)
            memcpy(to->value, from->params[there].value, to->count * sizeof *to->value);
    }
}

static lb_status load(const char *path, lb_net *net)
{
    lb_safetensors *file = NULL;
    LB_TRY(lb_checkpoint_open(path, &file));
    const lb_status status = lb_checkpoint_load_net(path, file, LB_LOAD_INIT, net);
    lb_safetensors_close(file);
    return status;
}

lb_status lb_start_from(const char *run, lb_net *net)
{
    char *path = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    lb_run from = {0};
    lb_status status = load(path, net);
    if (status == LB_OK) {
        status = lb_run_open(path, &from);
        if (status == LB_OK) copy_learned(&from.net, net);
        lb_run_release(&from);
    }
    lb_free(path);
    return status;
}
