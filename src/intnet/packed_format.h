/* Words of the packed file (docs/format.md) that its writer and its reader share. */
#ifndef LB_INTNET_PACKED_FORMAT_H
#define LB_INTNET_PACKED_FORMAT_H

#include "intnet/intnet.h"

#define LB_PACKED_FORMAT "lowbit-packed" /* metadata "format" */
#define LB_PACKED_VERSION "1"            /* metadata "version" */

enum {
    LB_PACKED_OPS = 7,
    LB_PACKED_STEPS = 7,
    LB_PACKED_ROUNDINGS = 4,
    LB_PACKED_ENCODINGS = 4,
    LB_PACKED_TENSOR_NAME =
        96 /* bytes of a layer's name, a dot and the longest of the words below */
};

/* By lb_int_op, lb_step_kind, lb_rounding. */
extern const char *const lb_packed_ops[LB_PACKED_OPS];
extern const char *const lb_packed_steps[LB_PACKED_STEPS];
extern const char *const lb_packed_roundings[LB_PACKED_ROUNDINGS];
/* By lb_weight_encoding. */
extern const char *const lb_packed_encodings[LB_PACKED_ENCODINGS];

/** Are all n floats, at least one, the same bits? Then one number in the graph stands for them. */
bool lb_packed_is_constant(const float *a, size_t n);
/** Is each of the rows so? Then a list of numbers does. */
bool lb_packed_rows_are_constant(const float *a, size_t rows, size_t channels);

/* X(NAME, key, ops that have it besides an op's own key): keys of a layer. */
/* clang-format off */
#define LB_OP_BIT(name) (1u << LB_INT_##name)
#define LB_PACKED_KEY_LIST(X) \
    X(EQUALS, "equals", ~0u) \
    X(IN, "in", ~LB_OP_BIT(INPUT)) \
    X(CHANNELS, "channels", LB_OP_BIT(CONV) | LB_OP_BIT(SUBSAMPLE)) \
    X(WINDOW, "window", LB_OP_BIT(CONV) | LB_OP_BIT(MAX_POOL) | LB_OP_BIT(AVERAGE_POOL)) \
    X(GROUPS, "groups", LB_OP_BIT(CONV)) \
    X(WEIGHTS, "weights", LB_OP_BIT(CONV)) \
    X(ENCODING, "encoding", LB_OP_BIT(CONV)) \
    X(BITS, "bits", LB_OP_BIT(CONV)) \
    X(SUMS, "sums", LB_OP_BIT(CONV)) \
    X(CODES, "codes", LB_OP_BIT(CONV) | LB_OP_BIT(EXPRESSION)) \
    X(POST, "post", LB_OP_BIT(CONV) | LB_OP_BIT(EXPRESSION)) \
    X(FALLS, "falls", LB_OP_BIT(CONV)) \
    X(REVERSED, "reversed", LB_OP_BIT(MAX_POOL)) \
    X(STRIDE, "stride", LB_OP_BIT(SUBSAMPLE))
/* clang-format on */

#endif
