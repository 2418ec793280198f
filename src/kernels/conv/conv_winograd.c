/* Winograd's transforms of weights: see conv_winograd.h. */
#include "kernels/conv/conv_winograd.h"

static const lb_winograd_position two[] = {
    {{1, 0, 0}, 1, 1, 2},
    {{1, 1, 1}, 3, 0, 2},
    {{1, -1, 1}, 3, 1, 2},
    {{0, 0, 1}, 1, 1, 2},
};

static const lb_winograd_position four[] = {
    {{1, 0, 0}, 1, 5, 10}, {{1, 1, 1}, 3, 2, 10}, {{1, -1, 1}, 3, 5, 10},
    {{1, 2, 4}, 7, 3, 6},  {{1, -2, 4}, 7, 3, 6}, {{0, 0, 1}, 1, 5, 10},
};

const lb_winograd_position *lb_winograd_of(size_t outputs)
{
    return outputs == 2 ? two : four;
}
