/* Random convolutions with their data and what must come of them: the examples that kernels are checked on. Without
 * cmocka, so that they can be linked where there is none. */
#ifndef LB_TESTS_CONV_EXAMPLE_H
#define LB_TESTS_CONV_EXAMPLE_H

#include <stddef.h>
#include <stdint.h>

#include "base/random.h"
#include "kernels/conv/conv.h"

/* One convolution with its data and what it must give. */
typedef struct lb_conv_example {
    size_t number; /* with the seed, it is the case */
    lb_int_conv conv;
    int16_t *weights;       /* [filters][kh][kw][in_c / groups] */
    uint8_t *fields;        /* [in_h][in_w][in_c] */
    uint8_t *map;           /* the same, packed */
    int32_t *start;         /* [2][padded filters] */
    const int32_t **starts; /* [out_w]: what a column's sums start from, NULL: nothing */
    int32_t *wanted;        /* [out_h][out_w][filters] sums */
    lb_conv_thresholds t;   /* terms = 1 */
    int32_t *level;
    uint8_t *flip;
    uint8_t *wanted_codes; /* the packed map that the thresholds make */
} lb_conv_example;

/** A random convolution: shapes, strides, paddings, groups, terms, bits, extreme codes. A function of both numbers. */
lb_conv_example lb_conv_example_create(size_t number, uint64_t seed);
void lb_conv_example_release(lb_conv_example *e);
/** How many of a convolution's weights are not zero. */
size_t lb_conv_example_nonzero(const lb_int_conv *conv, const int16_t *weights);

/** A block of exactly so many bytes, aligned to LB_CONV_ALIGN; free with free. */
void *lb_test_block(size_t bytes);
/** A random number of low .. high. */
size_t lb_test_between(lb_random *r, size_t low, size_t high);

#endif
