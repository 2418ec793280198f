/* Starting a run from another one's weights. */
#include "train/start_from.h"

#include <string.h>

#include "nn/mixed_bits.h"
#include "train/checkpoint.h"
#include "train/run.h"
#include "train/run_folder.h"

static bool is_layer(const lb_node *node)
{
    return node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
}

/* The node of the other run that quantizes as this one does; NULL: none. */
static const lb_node *equal_node(const lb_net *from, const lb_node *node)
{
    const int index = lb_net_find_node(from, node->name);
    if (index < 0 || from->nodes[index].op != node->op) return NULL;
    const lb_node *there = &from->nodes[index];
    if (is_layer(node)) {
        const lb_conv *a = &node->as.conv, *b = &there->as.conv;
        const bool same = a->quantizer == b->quantizer && lb_conv_same_bits(a, b) &&
                          a->setting.granularity == b->setting.granularity;
        return same ? there : NULL;
    }
    const lb_quantize *a = &node->as.quantize, *b = &there->as.quantize;
    return a->quantizer == b->quantizer && a->setting.bits == b->setting.bits ? there : NULL;
}

static void copy_learned(const lb_net *from, int there, lb_net *net, int here)
{
    if (here < 0 || there < 0 || from->params[there].count != net->params[here].count) return;
    memcpy(net->params[here].value, from->params[there].value,
           net->params[here].count * sizeof(float));
}

static void adopt(lb_net *net, const lb_node *node)
{
    const lb_conv *conv = &node->as.conv;
    size_t n_groups = 0;
    const lb_weight_group group = lb_node_weight_group(node, &n_groups);
    for (size_t g = 0; g < n_groups; g++) {
        const lb_weight_setting setting = lb_conv_group_setting(conv, g);
        conv->quantizer->adopt(&setting, group, net->params[conv->weight].value + g * group.n);
    }
    if (conv->learned >= 0) lb_net_initialize_learned(net, conv->learned);
}

/* What quantizers add to the masters: learned values, or masters of another kind made to fit. */
static void take_over(const lb_net *from, lb_net *net)
{
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        if (!is_layer(node) && node->op != LB_OP_QUANTIZE) continue;
        const lb_node *there = equal_node(from, node);
        if (is_layer(node)) {
            if (there)
                copy_learned(from, there->as.conv.learned, net, node->as.conv.learned);
            else if (node->as.conv.quantizer && node->as.conv.quantizer->adopt)
                adopt(net, node);
        } else if (there) {
            copy_learned(from, there->as.quantize.learned, net, node->as.quantize.learned);
        }
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

lb_status lb_start_from(const char *run, lb_net *net, char sha256[LB_SHA256_TEXT_BYTES])
{
    char *path = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    lb_run from = {0};
    lb_status status = load(path, net);
    if (status == LB_OK) {
        status = lb_run_open(path, &from);
        if (status == LB_OK) status = lb_run_check_finite(path, &from.net);
        if (status == LB_OK) take_over(&from.net, net);
        lb_run_release(&from);
    }
    if (status == LB_OK) status = lb_sha256_file(path, sha256);
    lb_free(path);
    return status;
}
