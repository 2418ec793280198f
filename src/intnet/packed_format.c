/* Words of the packed file, in the order of their enumerations. */
#include "intnet/packed_format.h"

#include <string.h>

const char *const lb_packed_ops[LB_PACKED_OPS] = {
#define X(name, text, inputs) text,
    LB_INT_OP_LIST(X)
#undef X
};

const char *const lb_packed_steps[LB_PACKED_STEPS] = {
#define X(name, text, arrays) text,
    LB_STEP_LIST(X)
#undef X
};

const char *const lb_packed_roundings[LB_PACKED_ROUNDINGS] = {
    [LB_ROUND_EVEN] = "even",
    [LB_ROUND_HALF_UP] = "half-up",
    [LB_ROUND_SIGN] = "sign",
    [LB_ROUND_STEP] = "step",
};

const char *const lb_packed_encodings[LB_PACKED_ENCODINGS] = {
    [LB_ENCODED_PLANES] = "planes",
    [LB_ENCODED_RUN_LENGTH] = "run-length",
    [LB_ENCODED_HUFFMAN] = "huffman",
    [LB_ENCODED_MIXED] = "mixed",
};

bool lb_packed_is_constant(const float *a, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (memcmp(&a[i], a, sizeof *a) != 0) return false;
    return true;
}

bool lb_packed_rows_are_constant(const float *a, size_t rows, size_t channels)
{
    for (size_t r = 0; r < rows; r++)
        if (!lb_packed_is_constant(a + r * channels, channels)) return false;
    return true;
}
