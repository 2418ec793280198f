/* A small integer network by hand, with every operation, storage, step and form that there is. */
#ifndef LB_TESTS_TINY_INTNET_H
#define LB_TESTS_TINY_INTNET_H

#include "intnet/intnet.h"

/* Its layers, in order. */
enum {
    LB_TINY_INPUT,
    LB_TINY_STEM,      /* float weights: bias, affine, relu; a float map */
    LB_TINY_QUANTIZE,  /* expression: 2-bit codes */
    LB_TINY_BINARY,    /* binary weights, thresholds of two bits, some channels fall */
    LB_TINY_POOL,      /* some channels reversed */
    LB_TINY_TERNARY,   /* two sums: scale, affine, clip, sign */
    LB_TINY_DEPTHWISE, /* 4-bit weights, groups, a shortcut from the pool; a float map */
    LB_TINY_SUBSAMPLE, /* channels appended to the pool's codes */
    LB_TINY_FIXED,     /* fixed point to 8 bits */
    LB_TINY_TWICE,     /* concat: codes */
    LB_TINY_MEAN_A,    /* average pools */
    LB_TINY_MEAN_B,
    LB_TINY_MEAN_C,
    LB_TINY_JOIN_AB, /* concats: floats */
    LB_TINY_JOIN,
    LB_TINY_LOGITS, /* odd 2-bit weights on floats: scale, bias */
    LB_TINY_LAYERS
};

/** Build it, or fail the test; raw: the input is pixels, not normalized floats. lb_intnet_release. */
void lb_test_tiny_intnet(bool raw, lb_intnet *net);

/** Set all but a few weights of LB_TINY_TERNARY to 0 and encode it, or fail the test. Mixed: give filters of
 *  LB_TINY_DEPTHWISE and LB_TINY_LOGITS all widths. */
void lb_test_tiny_encode(lb_intnet *net, lb_weight_encoding encoding);

/** Fail the test unless both networks are the same in every field and bit. */
void lb_test_same_intnet(const lb_intnet *a, const lb_intnet *b);

#endif
