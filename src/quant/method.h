/* A method = weight quantizer + activation quantizer + block order + policies. lb_quant_config is
 * what a method and the user's switches resolve to; model builders read it and nothing else.
 *
 * Beside the methods' own papers, comments and lists cite those that compare them:
 *   RedBit   Santos et al., "RedBit: An End-to-End Flexible Framework for Evaluating the Accuracy
 *            of Quantized CNNs", and its released code
 *   Kutukcu  "Effect of Quantization on the Performance of Deep Networks", thesis, METU, 2020
 *   Faraone  "Simplification of Deep Neural Networks for Efficient Inference", thesis, Sydney, 2020
 *   IMPQ     iterative mixed-precision quantization, kernel-wise */
#ifndef LB_QUANT_METHOD_H
#define LB_QUANT_METHOD_H

#include "base/fail.h"
#include "nn/quantizer.h"

/* What the first and last layer do. 8-bit: weights `qnn` at 8 bits; the first layer takes raw
 * pixels (code p - 128), the last one's input gets the method's activation quantizer at 8 bits
 * (`qnn` where that has no 8 bits). */
typedef enum lb_end_policy { LB_END_QUANTIZED, LB_END_FLOAT, LB_END_8BIT } lb_end_policy;
/* conv-bn-act: pool and quantize follow the non-linearity. bn-act-conv: batch-norm, non-linearity,
 * quantize, conv. */
typedef enum lb_block_order { LB_CONV_BN_ACT, LB_BN_ACT_CONV } lb_block_order;
typedef enum lb_pool_kind { LB_POOL_MAX, LB_POOL_AVERAGE } lb_pool_kind;

/* Everything a model builder needs to know about quantization. */
typedef struct lb_quant_config {
    const lb_weight_quantizer *weights; /* NULL: float */
    lb_weight_setting weight_setting;
    const lb_act_quantizer *acts; /* NULL: activations stay float */
    lb_act_setting act_setting;
    lb_end_policy first, last;
    lb_end_policy resnet_first, resnet_last; /* in ResNets: Kutukcu keeps `bc`'s ends float */
    bool quantize_last_input;                /* a float last layer still takes quantized input */
    bool quantize_shortcuts; /* 1x1 shortcut convolutions as other layers; else float */
    lb_block_order order;
    bool
        quantize_before_branch; /* ResNets: a block's input is quantized before it branches, so that
                                  * its shortcut carries quantized values (IMPQ) */
    bool relu_after_conv;       /* XNOR and BWN: conv - ReLU - pool - bn - sign */
    float relu_slope;           /* scaled ReLU: slope * max(x, 0) */
    lb_pool_kind lenet_pool;    /* RedBit's LeNet-5: average in float and DoReFa, else max */
} lb_quant_config;

/* One published method: data only; the table is in method.c. */
typedef struct lb_method {
    const char *name, *summary, *source;
    const char *weights;             /* name of its weight quantizer, NULL: float           */
    const char *acts;                /* name of its activation quantizer below 32 bits      */
    int w_bits, a_bits;              /* the one width it has; 0: any its quantizers have    */
    lb_end_policy ends, resnet_ends; /* of the first and last layer */
    lb_block_order order;
    bool relu_after_conv, quantize_before_branch;
    lb_pool_kind lenet_pool;
    const char *papers; /* where else it is described: "RedBit 3.3, Kutukcu 3.2" */
} lb_method;

extern const lb_method lb_methods[]; /* ends with a NULL name */

/* What the user asked for; -1 / NULL / NAN = the method's own default. */
typedef struct lb_method_request {
    const char *method;         /* required */
    const char *weights, *acts; /* hybrids: other quantizers by name */
    int w_bits, a_bits;
    int first, last;                             /* lb_end_policy or -1 */
    int order;                                   /* lb_block_order or -1 */
    int granularity;                             /* lb_granularity or -1 */
    int quantize_shortcuts, quantize_last_input; /* 0, 1 or -1 */
    float relu_slope;                            /* NAN: 1 */
    lb_act_gradient act_gradient;
    const char *const *options; /* "NAME=VALUE" for either quantizer's knobs */
    size_t n_options;
} lb_method_request;

/**
 * Resolve a request against the method table.
 *
 * Errors: LB_E_ARG unknown method, quantizer or option (with a suggestion), or an impossible
 *         combination named: "method 'ttq' is ternary: its weights take 2 bits, not 3".
 */
LB_MUST_CHECK lb_status lb_method_resolve(const lb_method_request *request, lb_quant_config *out);

const lb_method *lb_method_find(const char *name);
const lb_weight_quantizer *lb_weight_quantizer_find(const char *name);
const lb_act_quantizer *lb_act_quantizer_find(const char *name);
/** The non-linearity before a quantizer: its own, but none instead of a ReLU where its codes reach
 *  below 0; its clip is the non-linearity then. */
lb_before lb_act_quantizer_before(const lb_act_quantizer *quantizer, const lb_act_setting *setting);
/* NULL-terminated, from src/quant/weights and src/quant/acts */
extern const lb_weight_quantizer *const lb_weight_quantizers[];
extern const lb_act_quantizer *const lb_act_quantizers[];

#endif
