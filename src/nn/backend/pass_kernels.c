/* The pass kernels for any processor, and the choice between the tables. */
#include "nn/backend/pass_kernels.h"

#include "base/compiler.h"
#include "base/cpu.h"

#define LB_PASS_KERNELS lb_pass_kernels_any

#include <string.h>

typedef struct lb_v16 {
    float v[16];
} lb_v16;

#define EACH(EXPRESSION)                                     \
    lb_v16 y;                                                \
    for (unsigned i = 0; i < 16; i++) y.v[i] = (EXPRESSION); \
    return y

static inline lb_v16 v_load(const float *x)
{
    EACH(x[i]);
}

static inline lb_v16 v_load_i16(const int16_t *x)
{
    EACH((float)x[i]);
}

static inline lb_v16 v_set(float x)
{
    EACH(x);
}

static inline void v_store(float *y, lb_v16 x)
{
    memcpy(y, x.v, sizeof x.v);
}

static inline void v_store_u8(uint8_t *y, lb_v16 x)
{
    for (unsigned i = 0; i < 16; i++) y[i] = (uint8_t)(int32_t)x.v[i];
}

static inline void v_store_i16(int16_t *y, lb_v16 x)
{
    for (unsigned i = 0; i < 16; i++) y[i] = (int16_t)(int32_t)x.v[i];
}

static inline lb_v16 v_add(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] + b.v[i]);
}

static inline lb_v16 v_sub(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] - b.v[i]);
}

static inline lb_v16 v_mul(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] * b.v[i]);
}

/* As the processor's instructions: b where a is NaN. */
static inline lb_v16 v_max(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] > b.v[i] ? a.v[i] : b.v[i]);
}

static inline lb_v16 v_min(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] < b.v[i] ? a.v[i] : b.v[i]);
}

static inline lb_v16 v_load_some(const float *x, size_t n)
{
    EACH(i < n ? x[i] : 0.0f);
}

static inline void v_store_some(float *y, lb_v16 x, size_t n)
{
    memcpy(y, x.v, n * sizeof *y);
}

static inline lb_v16 v_divide(lb_v16 a, lb_v16 b)
{
    EACH(a.v[i] / b.v[i]);
}

/* Bits where x is larger. */
static inline uint16_t v_above(lb_v16 x, lb_v16 best)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++) bits |= (unsigned)(x.v[i] > best.v[i]) << i;
    return (uint16_t)bits;
}

static inline lb_v16 v_choose(uint16_t bits, lb_v16 set, lb_v16 clear)
{
    EACH(bits >> i & 1 ? set.v[i] : clear.v[i]);
}

static inline uint16_t v_inside(lb_v16 x, lb_v16 low, lb_v16 high, bool open)
{
    unsigned bits = 0;
    for (unsigned i = 0; i < 16; i++) {
        const bool strictly = low.v[i] < x.v[i] && x.v[i] < high.v[i];
        const bool inside = open ? strictly : low.v[i] <= x.v[i] && x.v[i] <= high.v[i];
        bits |= (unsigned)inside << i;
    }
    return (uint16_t)bits;
}

static inline lb_v16 v_keep(lb_v16 x, uint16_t bits)
{
    EACH(bits >> i & 1 ? x.v[i] : 0.0f);
}

static inline uint16_t bf16_of(float x);
static inline float of_bf16(uint16_t x);

static inline void v_split(lb_v16 x, uint16_t *high, uint16_t *low)
{
    for (unsigned i = 0; i < 16; i++) {
        high[i] = bf16_of(x.v[i]);
        low[i] = bf16_of(x.v[i] - of_bf16(high[i]));
    }
}

#include "nn/backend/pass_kernels_body.h"

const lb_pass_kernels *lb_pass_kernels_for(unsigned isa)
{
#if defined(LB_ARCH_X86_64)
    if (isa & LB_ISA_AVX512) return &lb_pass_kernels_avx512;
    if (isa & LB_ISA_AVX2) return &lb_pass_kernels_avx2;
#endif
    (void)isa;
    return &lb_pass_kernels_any;
}
