/* Outputs of the kernels that multiply codes: AVX2. */
#include "kernels/conv/conv_multiply_x86.h"
#include "kernels/conv/threshold_narrow_avx2.h"

#define LB_PUT lb_multiply_put_avx2
#define LB_GROUP 8

LB_ALWAYS_INLINE void group_put(const lb_conv_sink *sink, size_t pixel, size_t f, const void *sums)
{
    lb_conv_put_avx2(sink, pixel, f, _mm256_loadu_si256(sums));
}

typedef lb_conv_narrow_avx2 pair_levels;

static bool pair_open(const lb_conv_sink *sink, size_t f, pair_levels *levels)
{
    return lb_conv_narrow_open_avx2(sink, f, levels);
}

LB_ALWAYS_INLINE void pair_put(const lb_conv_sink *sink, const pair_levels *levels, size_t pixel,
                               size_t f, const void *first, const void *second)
{
    lb_conv_put_narrow_avx2(sink, levels, pixel, f, _mm256_loadu_si256(first),
                            _mm256_loadu_si256(second));
}

#include "kernels/conv/conv_multiply_put_body.h"
