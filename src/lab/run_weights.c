/* Sparsity and histograms of the layers with weights. */
#include "lab/run_weights.h"

#include <math.h>

#include "nn/executor.h"

static void widen(const float *values, size_t n, double *low, double *high)
{
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) continue;
        if ((double)values[i] < *low) *low = (double)values[i];
        if ((double)values[i] > *high) *high = (double)values[i];
    }
}

/* Where all values are the same, they are in the first bin. */
static void fill_bins(const float *values, size_t n, double low, double high,
                      double bins[LB_HISTOGRAM_BINS])
{
    size_t counts[LB_HISTOGRAM_BINS] = {0};
    for (size_t i = 0; i < n; i++) {
        if (!isfinite(values[i])) continue;
        const double place =
            high > low ? ((double)values[i] - low) / (high - low) * LB_HISTOGRAM_BINS : 0.0;
        counts[place < LB_HISTOGRAM_BINS ? (size_t)place : LB_HISTOGRAM_BINS - 1]++;
    }
    for (size_t b = 0; b < LB_HISTOGRAM_BINS; b++) bins[b] = (double)counts[b] / (double)n;
}

static double share_of_zeros(const lb_quantized_weights *q, bool coded, size_t n)
{
    size_t zeros = 0;
    for (size_t i = 0; i < n; i++) zeros += coded ? q->code[i] == 0 : q->real[i] == 0.0f;
    return (double)zeros / (double)n;
}

static lb_status describe(lb_net *net, size_t index, lb_layer_record *layer,
                          lb_histogram_record *histogram)
{
    const lb_node *node = &net->nodes[index];
    const lb_weight_quantizer *quantizer = node->as.conv.quantizer;
    const lb_param *masters = &net->params[node->as.conv.weight];
    const size_t n = masters->count;
    void *block = NULL;
    lb_quantized_weights q;
    LB_TRY(lb_alloc(lb_quantized_weights_bytes(net, node), 1, "quantized weights", &block));
    lb_quantized_weights_carve(net, node, block, &q);
    lb_weights_quantize(net, (int)index, 0, 0, true, &q);
    layer->sparsity = share_of_zeros(&q, quantizer != NULL && !quantizer->stochastic, n);
    double low = INFINITY, high = -INFINITY;
    widen(masters->value, n, &low, &high);
    widen(q.real, n, &low, &high);
    histogram->low = low <= high ? low : 0.0;
    histogram->high = low <= high ? high : 0.0;
    fill_bins(masters->value, n, histogram->low, histogram->high, histogram->masters);
    fill_bins(q.real, n, histogram->low, histogram->high, histogram->quantized);
    lb_free(block);
    return LB_OK;
}

lb_status lb_describe_weights(lb_net *net, const lb_inspection *costs, lb_run_weights *out)
{
    *out = (lb_run_weights){0};
    void *layers = NULL, *histograms = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, costs->n_layers, sizeof *out->layers, "layers", &layers));
    LB_TRY(lb_arena_alloc(&out->arena, costs->n_layers, sizeof *out->histograms, "histograms",
                          &histograms));
    out->layers = layers;
    out->histograms = histograms;
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_layer_info *info = &costs->layers[i];
        if (info->weights == 0) continue;
        char *name = NULL;
        LB_TRY(lb_arena_strdup(&out->arena, info->name, &name));
        out->layers[out->n] = (lb_layer_record){.name = name,
                                                .w_bits = (int)ceil(info->weight_bits),
                                                .a_bits = info->act_bits,
                                                .weights = info->weights,
                                                .macs = info->macs,
                                                .stored_bytes = info->stored_bytes};
        out->histograms[out->n].layer = name;
        LB_TRY(describe(net, i, &out->layers[out->n], &out->histograms[out->n]));
        out->n++;
    }
    return LB_OK;
}

void lb_run_weights_release(lb_run_weights *weights)
{
    lb_arena_release(&weights->arena);
    *weights = (lb_run_weights){0};
}
