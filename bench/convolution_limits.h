/* What this machine could do at most on the roads that convolution kernels take: their inner loops alone, on data
 * in the first-level cache, one thread, in operations (two a multiply-add) a second. */
#ifndef LB_BENCH_CONVOLUTION_LIMITS_H
#define LB_BENCH_CONVOLUTION_LIMITS_H

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/compiler.h"
#include "base/cpu.h"

/* Bytes that loops work on, and where weights begin among them. */
enum { LIMIT_CELLS = 16384, LIMIT_WEIGHTS = 8192 };
/* The operations that it has done on `cells`, bytes aligned to 64. */
typedef double limit_loop(const uint8_t *cells, uint8_t *out);

/* One road: its loop, and the kernels that take it with an instruction set, by the beginning of their names and
 * the bits of the activations (0: any). */
typedef struct limit {
    const char *kernel, *instructions, *what;
    int bits;
    unsigned isa;
    limit_loop *loop;
} limit;

#ifdef LB_ARCH_X86_64
#include <immintrin.h>

#define LIMIT_AVX2 __attribute__((target("avx2")))
#define LIMIT_AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,avx512vnni,avx512vpopcntdq")))
/* Eight registers of sums stay where they are. */
#define LIMIT_PIN(c) __asm__("" : c(s0), c(s1), c(s2), c(s3), c(s4), c(s5), c(s6), c(s7))
#define LIMIT_EACH(DO) DO(0) DO(1) DO(2) DO(3) DO(4) DO(5) DO(6) DO(7)
#define LIMIT_DECLARE_256(i) __m256i s##i = _mm256_setzero_si256();
#define LIMIT_STORE_256(i) _mm256_storeu_si256((__m256i *)(void *)(out + 64 * (i)), s##i);
#define LIMIT_DECLARE_512(i) __m512i s##i = _mm512_setzero_si512();
#define LIMIT_STORE_512(i) _mm512_storeu_si512(out + 64 * (i), s##i);
#define LIMIT_LOAD_256(p) _mm256_load_si256((const __m256i *)(const void *)(p))
#define LIMIT_TABLE_256(p) \
    _mm256_broadcastsi128_si256(_mm_load_si128((const __m128i *)(const void *)(p)))
#define LIMIT_TABLE_512(p) \
    _mm512_broadcast_i32x4(_mm_load_si128((const __m128i *)(const void *)(p)))

/* A shuffle and an addition for 4 channels x 32 filters; two indices unpacked for 8 pixels. */
LIMIT_AVX2 static double limit_lookup_avx2(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 120 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    const __m256i nibble = _mm256_set1_epi8(15);
    LIMIT_EACH(LIMIT_DECLARE_256)
    for (int k = 0; k < STEPS; k++, cells += 32, weights += 32) {
        const __m256i both = LIMIT_LOAD_256(weights), low = _mm256_and_si256(both, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
#define LIMIT_ADD(i)                                                                           \
    s##i = _mm256_add_epi8(s##i, _mm256_shuffle_epi8(LIMIT_TABLE_256(cells + 64 * (i)), low)); \
    s##i = _mm256_add_epi8(s##i, _mm256_shuffle_epi8(LIMIT_TABLE_256(cells + 64 * (i) + 16), high));
        LIMIT_EACH(LIMIT_ADD)
        LIMIT_PIN("+x");
    }
    LIMIT_EACH(LIMIT_STORE_256)
    return 2.0 * STEPS * 8 * 32 * 8;
#undef LIMIT_ADD
}

/* The same for two pixels a byte, 1-bit activations: three look-ups, then both halves are added up. */
LIMIT_AVX2 static double limit_pairs_avx2(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 120 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    const __m256i nibble = _mm256_set1_epi8(15);
    LIMIT_EACH(LIMIT_DECLARE_256)
    for (int k = 0; k < STEPS; k++, cells += 48, weights += 64) {
        const __m256i both = LIMIT_LOAD_256(weights), low = _mm256_and_si256(both, nibble);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(both, 4), nibble);
        const __m256i more = _mm256_and_si256(LIMIT_LOAD_256(weights + 32), nibble);
#define LIMIT_ADD(i, j)                                                                            \
    do {                                                                                           \
        __m256i a = _mm256_shuffle_epi8(LIMIT_TABLE_256(cells + 64 * (i)), low);                   \
        a = _mm256_add_epi8(a, _mm256_shuffle_epi8(LIMIT_TABLE_256(cells + 64 * (i) + 16), high)); \
        a = _mm256_add_epi8(a, _mm256_shuffle_epi8(LIMIT_TABLE_256(cells + 64 * (i) + 32), more)); \
        s##i = _mm256_add_epi8(s##i, a);                                                           \
        a = _mm256_and_si256(_mm256_srli_epi16(a, 4), nibble);                                     \
        s##j = _mm256_add_epi8(s##j, a);                                                           \
    } while (0)
        LIMIT_ADD(0, 4);
        LIMIT_ADD(1, 5);
        LIMIT_ADD(2, 6);
        LIMIT_ADD(3, 7);
        LIMIT_PIN("+x");
    }
    LIMIT_EACH(LIMIT_STORE_256)
    return 2.0 * STEPS * 8 * 32 * 12;
#undef LIMIT_ADD
}

/* A carry-save adder, five operations for two words: adds to *sum and returns the carries. */
LIMIT_AVX2 static inline __m256i limit_adder(__m256i *sum, __m256i a, __m256i b)
{
    const __m256i differ = _mm256_xor_si256(a, b), old = *sum;
    *sum = _mm256_xor_si256(differ, old);
    return _mm256_or_si256(_mm256_and_si256(a, b), _mm256_and_si256(differ, old));
}

/* Weights of 8 filters against 32 channels. */
LIMIT_AVX2 static inline __m256i limit_word(const uint8_t *cells)
{
    const __m256i act = _mm256_set1_epi32(*(const int32_t *)(const void *)(cells + LIMIT_WEIGHTS));
    return _mm256_xor_si256(LIMIT_LOAD_256(cells), act);
}

/* The carries of weight 4 of four words. */
LIMIT_AVX2 static inline __m256i limit_four(__m256i *ones, __m256i *twos, const uint8_t *cells)
{
    const __m256i a = limit_adder(ones, limit_word(cells), limit_word(cells + 32));
    const __m256i b = limit_adder(ones, limit_word(cells + 64), limit_word(cells + 96));
    return limit_adder(twos, a, b);
}

/* Population counts of 8 filters by a tree of carry-save adders (Harley-Seal), 16 words of 32 channels. */
LIMIT_AVX2 static double limit_popcount_avx2(const uint8_t *cells, uint8_t *out)
{
    enum { BLOCKS = 12 };
    const __m256i counts = _mm256_setr_epi8(0, 1, 1, 2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4, 0, 1, 1,
                                            2, 1, 2, 2, 3, 1, 2, 2, 3, 2, 3, 3, 4);
    const __m256i nibble = _mm256_set1_epi8(15);
    LIMIT_EACH(LIMIT_DECLARE_256)
    for (int k = 0; k < BLOCKS; k++, cells += 512) {
        const __m256i a =
            limit_adder(&s2, limit_four(&s0, &s1, cells), limit_four(&s0, &s1, cells + 128));
        const __m256i b =
            limit_adder(&s2, limit_four(&s0, &s1, cells + 256), limit_four(&s0, &s1, cells + 384));
        const __m256i sixteens = limit_adder(&s3, a, b);
        const __m256i high = _mm256_and_si256(_mm256_srli_epi16(sixteens, 4), nibble);
        s4 = _mm256_add_epi8(s4, _mm256_shuffle_epi8(counts, _mm256_and_si256(sixteens, nibble)));
        s5 = _mm256_add_epi8(s5, _mm256_shuffle_epi8(counts, high));
    }
    LIMIT_EACH(LIMIT_STORE_256)
    return 2.0 * BLOCKS * 16 * 256;
}

/* Byte products added in pairs, sums of 16 bits. */
LIMIT_AVX2 static double limit_multiply_avx2(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 128 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    LIMIT_EACH(LIMIT_DECLARE_256)
    for (int k = 0; k < STEPS; k++, weights += 32) {
        const __m256i w = LIMIT_LOAD_256(weights);
#define LIMIT_ADD(i) \
    s##i = _mm256_add_epi16(s##i, _mm256_maddubs_epi16(LIMIT_LOAD_256(cells + 64 * (i)), w));
        LIMIT_EACH(LIMIT_ADD)
        LIMIT_PIN("+x");
    }
    LIMIT_EACH(LIMIT_STORE_256)
    return 2.0 * STEPS * 8 * 32;
#undef LIMIT_ADD
}

LIMIT_AVX512 static double limit_lookup_avx512(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 120 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    const __m512i nibble = _mm512_set1_epi8(15);
    LIMIT_EACH(LIMIT_DECLARE_512)
    for (int k = 0; k < STEPS; k++, cells += 32, weights += 64) {
        const __m512i both = _mm512_load_si512(weights), low = _mm512_and_si512(both, nibble);
        const __m512i high = _mm512_and_si512(_mm512_srli_epi16(both, 4), nibble);
#define LIMIT_ADD(i)                                                                           \
    s##i = _mm512_add_epi8(s##i, _mm512_shuffle_epi8(LIMIT_TABLE_512(cells + 64 * (i)), low)); \
    s##i = _mm512_add_epi8(s##i, _mm512_shuffle_epi8(LIMIT_TABLE_512(cells + 64 * (i) + 16), high));
        LIMIT_EACH(LIMIT_ADD)
        LIMIT_PIN("+v");
    }
    LIMIT_EACH(LIMIT_STORE_512)
    return 2.0 * STEPS * 8 * 64 * 8;
#undef LIMIT_ADD
}

LIMIT_AVX512 static double limit_popcount_avx512(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 120 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    LIMIT_EACH(LIMIT_DECLARE_512)
    for (int k = 0; k < STEPS; k++, cells += 4, weights += 64) {
        const __m512i w = _mm512_load_si512(weights);
#define LIMIT_ADD(i)                                \
    s##i = _mm512_add_epi32(                        \
        s##i, _mm512_popcnt_epi32(_mm512_xor_si512( \
                  w, _mm512_set1_epi32(*(const int32_t *)(const void *)(cells + 64 * (i))))));
        LIMIT_EACH(LIMIT_ADD)
        LIMIT_PIN("+v");
    }
    LIMIT_EACH(LIMIT_STORE_512)
    return 2.0 * STEPS * 8 * 512;
#undef LIMIT_ADD
}

LIMIT_AVX512 static double limit_multiply_avx512(const uint8_t *cells, uint8_t *out)
{
    enum { STEPS = 120 };
    const uint8_t *weights = cells + LIMIT_WEIGHTS;
    LIMIT_EACH(LIMIT_DECLARE_512)
    for (int k = 0; k < STEPS; k++, weights += 64) {
        const __m512i w = _mm512_load_si512(weights);
#define LIMIT_ADD(i) s##i = _mm512_dpbusd_epi32(s##i, _mm512_load_si512(cells + 64 * (i)), w);
        LIMIT_EACH(LIMIT_ADD)
        LIMIT_PIN("+v");
    }
    LIMIT_EACH(LIMIT_STORE_512)
    return 2.0 * STEPS * 8 * 64;
#undef LIMIT_ADD
}

/* The first that fits a kernel is its own. */
static const limit limits[] = {
    {"lookup", "avx2", "byte shuffle, two pixels a byte", 1, LB_ISA_AVX2, limit_pairs_avx2},
    {"lookup", "avx2", "byte shuffle and add", 0, LB_ISA_AVX2, limit_lookup_avx2},
    {"popcount", "avx2", "carry-save adders", 0, LB_ISA_AVX2, limit_popcount_avx2},
    {"int8", "avx2", "vpmaddubsw and add", 0, LB_ISA_AVX2, limit_multiply_avx2},
    {"lookup", "avx512", "byte shuffle and add", 0, LB_ISA_AVX512, limit_lookup_avx512},
    {"popcount", "avx512", "vpopcntd and add", 0, LB_ISA_AVX512 | LB_ISA_AVX512_VPOPCNT,
     limit_popcount_avx512},
    {"int8", "avx512", "vpdpbusd", 0, LB_ISA_AVX512 | LB_ISA_AVX512_VNNI, limit_multiply_avx512},
    {0},
};
#else
static const limit limits[] = {{0}};
#endif

/* Gop/s of a road, the best of many short looks; 0 where this machine has no such instructions. */
static double measure_limit(const limit *l)
{
    enum { CALLS = 100 };
    static _Alignas(64) uint8_t cells[LIMIT_CELLS], out[512];
    double best = 0.0;
    if ((l->isa & lb_cpu_isa()) != l->isa) return 0.0;
    for (size_t i = 0; i < LIMIT_CELLS; i++) cells[i] = (uint8_t)(i * 167 % 251);
    for (const double end = lb_seconds() + 0.1; lb_seconds() < end;) {
        const double start = lb_seconds();
        double operations = 0.0;
        for (int i = 0; i < CALLS; i++) operations += l->loop(cells, out);
        const double gops = 1e-9 * operations / (lb_seconds() - start);
        if (gops > best) best = gops;
    }
    return best;
}

static void print_limits(void)
{
    for (const limit *l = limits; l->kernel; l++) {
        const double gops = measure_limit(l);
        if (gops > 0.0)
            printf("%-7s %-32s %8.0f Gop/s  (%s)\n", l->instructions, l->what, gops, l->kernel);
    }
}

/* The road of a kernel; NULL where none is named. */
static const limit *limit_of(const char *kernel, int bits)
{
    for (const limit *l = limits; l->kernel; l++) {
        const size_t n = strlen(l->kernel);
        if (strncmp(kernel, l->kernel, n) == 0 && kernel[n] == ' ' &&
            strcmp(kernel + n + 1, l->instructions) == 0 && (l->bits == 0 || l->bits == bits))
            return l;
    }
    return NULL;
}

#endif
