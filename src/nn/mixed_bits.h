/* Bit widths of single layers and filters. As text, which is how a run keeps them: "LAYER=BITS,...", BITS one digit
 * for all of a layer's filters or one digit a filter; "conv2.quantize=4" is of the activations that enter conv2. */
#ifndef LB_NN_MIXED_BITS_H
#define LB_NN_MIXED_BITS_H

#include "nn/net.h"

/**
 * Give layers of a built network the widths of a list; the others keep theirs. A layer's own width is the most that
 * its filters may have.
 *
 * Errors: LB_E_ARG names the layer, what was found and what was wanted; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_net_set_bits(lb_net *net, const char *list);

/**
 * The widths of all quantized layers and activations, as lb_net_set_bits reads them.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_net_write_bits(const lb_net *net, char **out);

/** The setting of one group of a layer's weights: with widths by filter, of that filter. */
lb_weight_setting lb_conv_group_setting(const lb_conv *conv, size_t group);
/** Mean bits of a quantized layer's weights. */
double lb_conv_mean_bits(const lb_conv *conv);
/** Have two layers of the same form the same widths, filter by filter? */
bool lb_conv_same_bits(const lb_conv *a, const lb_conv *b);

#endif
