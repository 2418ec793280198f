/* Quantized gradients, as DoReFa-Net's (Zhou et al., arXiv:1606.06160, Eq. 12): stochastic, per sample. */
#include <math.h>

#include "nn/executor.h"

bool lb_node_quantizes_gradient(const lb_node *node, int gradient_bits)
{
    const bool layer = node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
    return layer && node->as.conv.quantizer && gradient_bits > 0 && gradient_bits < LB_FLOAT_BITS;
}

float lb_gradient_quantize(int bits, float largest, float g, float u)
{
    if (largest == 0.0f) return 0.0f;
    const float steps = (float)((1 << bits) - 1);
    const float t = g / (2.0f * largest) + 0.5f + (u - 0.5f) / steps;
    const float raised = t < 0.0f ? 0.0f : t; /* keeps NaN */
    const float code = rintf(steps * (raised > 1.0f ? 1.0f : raised));
    return 2.0f * largest * (code / steps - 0.5f);
}
