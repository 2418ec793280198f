/* Counter-based random numbers: a stream is a key, a draw is a pure function of (key, counter).
 * So every number of a run is a function of (seed, purpose, epoch, index), whoever draws it
 * when. */
#ifndef LB_BASE_RANDOM_H
#define LB_BASE_RANDOM_H

#include <stdint.h>

/* What random numbers are for; streams of different purposes never meet. */
typedef enum lb_random_purpose {
    LB_RANDOM_INIT,    /* initial weights:          a = parameter index              */
    LB_RANDOM_SHUFFLE, /* order of an epoch:        a = epoch                        */
    LB_RANDOM_AUGMENT, /* augmentation of an image: a = epoch, b = index             */
    LB_RANDOM_SPLIT,   /* validation split                                           */
    LB_RANDOM_SYNTH,   /* synthetic images:         a = split, b = index             */
    LB_RANDOM_DROPOUT, /* dropout masks:            a = step, b = node               */
    LB_RANDOM_WEIGHTS, /* stochastic weights:       a = step, b = node               */
    LB_RANDOM_TEST,    /* tests                                                      */
    LB_RANDOM_BENCH,   /* what is timed:            a = what it fills                */
    LB_RANDOM_CROP,    /* crop of an image:         a = epoch, b = index             */
    LB_RANDOM_GRADIENT /* quantized gradients:      a = step, b = node               */
} lb_random_purpose;

typedef struct lb_random {
    uint64_t key, counter;
} lb_random;

/** The stream of (seed, purpose, a, b), at its start. */
lb_random lb_random_at(uint64_t seed, lb_random_purpose purpose, uint64_t a, uint64_t b);
/** 64 random bits. */
uint64_t lb_random_bits(lb_random *r);
/** Uniform in [0, 1), a multiple of 2^-24. */
float lb_random_uniform(lb_random *r);
/** Standard normal (Box-Muller, in double precision). */
float lb_random_normal(lb_random *r);
/** Uniform whole number in [0, n), n >= 1, without bias. */
uint64_t lb_random_below(lb_random *r, uint64_t n);

#endif
