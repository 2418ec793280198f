/* Counting bits by a tree of adders: for registers whose only fast operations are logical ones.
 *
 * A full adder makes of three bits of one weight a bit of that weight and a carry of twice the weight; it
 * takes 5 operations. Two of them in a row are cheaper where every pair of inputs (a, b) comes as (b, a ^ b),
 * and their two carries leave in the same form: 8 operations instead of 10 (the "MDFA" of Demenkov,
 * Kojevnikov, Kulikov and Yaroslavtsev, New upper bounds on the Boolean circuit complexity of symmetric
 * functions, Inf. Process. Lett. 110, 2010).
 *
 * At the lowest level, for binary weights, the inputs are u ^ w, and whatever is a sum modulo 2 of inputs is
 * the sum of a term of the activations alone and one of the weights alone, both known beforehand. A group of
 * four inputs a, b, c, d, with z the sum modulo 2 of all inputs before it, needs
 *
 *     b ^ z,  a ^ b,  a ^ b ^ z (the sum after two),  d ^ a ^ b ^ z,  c ^ d
 *
 * which cost one exclusive or each, and then 4 operations for both carries: 9 or 10 operations for four words,
 * rather than 4 + 10. The activations' terms, "forms", are computed once a window and serve all filters; the
 * weights' terms are packed in the place of the weights.
 *
 * The words of a window are, in order: words % 4 of them left over, blocks of four groups, up to three loose
 * groups.
 *
 *     forms of a window   rest[3], sum of all | group: b ^ z, a ^ b, a ^ b ^ z, d ^ a ^ b ^ z, c ^ d | ...
 *     weights of a block  constants | rest's forms | sum of all | loose groups | block | block ...
 *     of filters          where each run of groups begins with its first a ^ b ^ z (from which the others
 *                         follow) and a group is b ^ z, a ^ b, d ^ a ^ b ^ z, c ^ d
 *
 * The forms of ACROSS windows are computed at once and lie interleaved: form after form, a lane for each window.
 *
 * Ternary weights have inputs (u & n) ^ w, of which no sums are known beforehand: windows are plain words,
 * weights pairs (n, w). */
#ifndef LB_KERNELS_CONV_POPCOUNT_TREE_H
#define LB_KERNELS_CONV_POPCOUNT_TREE_H

#include <string.h>

#include "base/compiler.h"
#include "kernels/conv/conv_popcount.h"

enum {
    GROUP = 4,       /* words */
    BLOCK = 4,       /* groups, which end in one bit of weight 16 */
    HEAD_FORMS = 4,  /* of a window, before its groups */
    GROUP_FORMS = 5, /* b ^ z, a ^ b, a ^ b ^ z, d ^ a ^ b ^ z, c ^ d */
    BLOCK_WEIGHTS = BLOCK * GROUP + 1,
    TERNARY_WEIGHTS = 2 /* a word */
};

/* How the words of a window are consumed. */
typedef struct tree_shape {
    size_t rest, groups, blocks, loose; /* loose: groups outside of blocks, the last ones */
    size_t forms;                       /* of a window, one plane */
    size_t weights;                     /* registers of a block of filters, constants aside */
} tree_shape;

LB_ALWAYS_INLINE tree_shape tree_shape_of(const lb_int_conv *conv, const lb_popcount_plan *plan)
{
    tree_shape s = {.rest = plan->words % GROUP, .groups = plan->words / GROUP};
    s.blocks = s.groups / BLOCK;
    s.loose = s.groups % BLOCK;
    if (conv->weights == LB_WEIGHTS_BINARY) {
        s.forms = HEAD_FORMS + s.groups * GROUP_FORMS;
        s.weights = (s.rest > 1 ? s.rest : 0) + 1 + s.blocks * BLOCK_WEIGHTS;
        if (s.loose > 0) s.weights += 1 + s.loose * GROUP;
    } else {
        s.forms = plan->words;
        s.weights = TERNARY_WEIGHTS * plan->words;
    }
    return s;
}

/* --- adders --- */

/* Two bits of one weight, as b and a ^ b. */
typedef struct bit_pair {
    lanes b, differ;
} bit_pair;

/* sum += x; the carry. */
LB_ALWAYS_INLINE lanes add_pair(lanes *sum, bit_pair x)
{
    const lanes s = x.differ ^ *sum;
    const lanes carry = ((x.b ^ *sum) | x.differ) ^ s;
    *sum = s;
    return carry;
}

/* sum += x, y; both carries. */
LB_ALWAYS_INLINE bit_pair add_two_pairs(lanes *sum, bit_pair x, bit_pair y)
{
    const lanes g = (x.b ^ *sum) | x.differ;
    const lanes s = x.differ ^ *sum;
    const lanes r = ~y.differ & (y.b ^ s);
    *sum = s ^ y.differ;
    return (bit_pair){r ^ s, g ^ r};
}

/* Counts under way: bits of weights 2, 4 and 8 (those of weight 1 are a form). */
typedef struct tree {
    lanes twos, fours, eights;
} tree;

/* --- binary weights --- */

LB_ALWAYS_INLINE lanes form(const lanes *w, uint32_t activations)
{
    return *w ^ splat(activations);
}

/* Carries of a group; `half` is the sum after two of its inputs. Forms are `across` words apart. */
LB_ALWAYS_INLINE bit_pair group_carries(const uint32_t *forms, size_t across, const lanes *w,
                                        lanes differ_ab, lanes half, lanes differ_cd)
{
    const lanes g = form(&w[0], forms[0]) | differ_ab;
    const lanes r = ~differ_cd & form(&w[2], forms[3 * across]);
    return (bit_pair){r ^ half, g ^ r};
}

/* The first group of a run: w is its sum after two inputs, then the group. *sum: after all four. */
LB_ALWAYS_INLINE bit_pair first_group(const uint32_t *forms, size_t across, const lanes *w,
                                      lanes *sum)
{
    const lanes half = form(&w[0], forms[2 * across]);
    const lanes differ_ab = form(&w[2], forms[across]), differ_cd = form(&w[4], forms[4 * across]);
    *sum = half ^ differ_cd;
    return group_carries(forms, across, w + 1, differ_ab, half, differ_cd);
}

/* Group i > 0 of a run; *sum: before it, after it. */
LB_ALWAYS_INLINE bit_pair next_group(const uint32_t *forms, size_t across, size_t i, const lanes *w,
                                     lanes *sum)
{
    forms += i * GROUP_FORMS * across;
    w += 1 + i * GROUP;
    const lanes differ_ab = form(&w[1], forms[across]);
    const lanes half = *sum ^ differ_ab;
    const lanes differ_cd = form(&w[3], forms[4 * across]);
    *sum = half ^ differ_cd;
    return group_carries(forms, across, w, differ_ab, half, differ_cd);
}

/* Words that make no group: bits of weight 2 of the sum of up to three. */
LB_ALWAYS_INLINE lanes rest_twos(const uint32_t *forms, size_t across, const lanes *w, size_t rest)
{
    if (rest < 2) return splat(0);
    const lanes x = form(&w[0], forms[0]), y = form(&w[1], forms[across]);
    if (rest == 2) return x & y;
    return (x | y) ^
           form(&w[2], forms[2 * across]); /* a ^ b, b ^ c, a ^ b ^ c: the majority of a, b, c */
}

/* Groups that make no block come first, when fours and eights are still 0: nothing runs over. */
LB_ALWAYS_INLINE void add_loose_groups(tree *t, const uint32_t *forms, size_t across,
                                       const lanes *w, size_t loose)
{
    lanes sum;
    const bit_pair first = first_group(forms, across, w, &sum);
    if (loose == 1) {
        t->fours = add_pair(&t->twos, first);
        return;
    }
    const bit_pair carries = add_two_pairs(&t->twos, first, next_group(forms, across, 1, w, &sum));
    t->fours = carries.differ;
    t->eights = carries.b & ~carries.differ;
    if (loose == 2) return;
    const lanes carry = add_pair(&t->twos, next_group(forms, across, 2, w, &sum));
    t->eights ^= t->fours & carry;
    t->fours ^= carry;
}

/* Four groups; the carry of weight 16. */
LB_ALWAYS_INLINE lanes add_block(tree *t, const uint32_t *forms, size_t across, const lanes *w)
{
    lanes sum;
    const bit_pair a = first_group(forms, across, w, &sum);
    const bit_pair b = next_group(forms, across, 1, w, &sum);
    const bit_pair ab = add_two_pairs(&t->twos, a, b);
    const bit_pair c = next_group(forms, across, 2, w, &sum);
    const bit_pair d = next_group(forms, across, 3, w, &sum);
    const bit_pair cd = add_two_pairs(&t->twos, c, d);
    return add_pair(&t->eights, add_two_pairs(&t->fours, ab, cd));
}

/* --- ternary weights --- */

typedef struct ternary_tree {
    lanes ones;
    tree above;
} ternary_tree;

LB_ALWAYS_INLINE lanes ternary_input(const lanes *w, uint32_t activations)
{
    return (splat(activations) & w[0]) ^ w[1];
}

LB_ALWAYS_INLINE bit_pair ternary_pair(const uint32_t *words, size_t across, const lanes *w)
{
    const lanes b = ternary_input(w + TERNARY_WEIGHTS, words[across]);
    return (bit_pair){b, b ^ ternary_input(w, words[0])};
}

/* The sum of the words that make no group. */
LB_ALWAYS_INLINE ternary_tree ternary_begin(const uint32_t *words, size_t across, const lanes *w,
                                            size_t rest)
{
    ternary_tree t = {.ones = splat(0)};
    if (rest % 2 == 1)
        t.ones = ternary_input(w + (rest - 1) * TERNARY_WEIGHTS, words[(rest - 1) * across]);
    if (rest >= 2) t.above.twos = add_pair(&t.ones, ternary_pair(words, across, w));
    return t;
}

/* Group i of a run. */
LB_ALWAYS_INLINE bit_pair ternary_group(ternary_tree *t, const uint32_t *words, size_t across,
                                        size_t i, const lanes *w)
{
    words += i * GROUP * across;
    w += i * GROUP * TERNARY_WEIGHTS;
    return add_two_pairs(&t->ones, ternary_pair(words, across, w),
                         ternary_pair(words + 2 * across, across, w + 2 * TERNARY_WEIGHTS));
}

LB_ALWAYS_INLINE void add_loose_ternary(ternary_tree *t, const uint32_t *words, size_t across,
                                        const lanes *w, size_t loose)
{
    const bit_pair first = ternary_group(t, words, across, 0, w);
    if (loose == 1) {
        t->above.fours = add_pair(&t->above.twos, first);
        return;
    }
    const bit_pair carries =
        add_two_pairs(&t->above.twos, first, ternary_group(t, words, across, 1, w));
    t->above.fours = carries.differ;
    t->above.eights = carries.b & ~carries.differ;
    if (loose == 2) return;
    const lanes carry = add_pair(&t->above.twos, ternary_group(t, words, across, 2, w));
    t->above.eights ^= t->above.fours & carry;
    t->above.fours ^= carry;
}

LB_ALWAYS_INLINE lanes add_block_ternary(ternary_tree *t, const uint32_t *words, size_t across,
                                         const lanes *w)
{
    const bit_pair a = ternary_group(t, words, across, 0, w);
    const bit_pair b = ternary_group(t, words, across, 1, w);
    const bit_pair ab = add_two_pairs(&t->above.twos, a, b);
    const bit_pair c = ternary_group(t, words, across, 2, w);
    const bit_pair d = ternary_group(t, words, across, 3, w);
    const bit_pair cd = add_two_pairs(&t->above.twos, c, d);
    return add_pair(&t->above.eights, add_two_pairs(&t->above.fours, ab, cd));
}

/* --- packing --- */

static inline size_t tree_weight_bytes(const lb_int_conv *conv, const lb_popcount_plan *plan,
                                       size_t n)
{
    const tree_shape s = tree_shape_of(conv, plan);
    const size_t filters = n * plan->filter_parts;
    const size_t blocks = (conv->filters + filters - 1) / filters;
    return blocks * (plan->filter_parts + s.weights) * n * sizeof(uint32_t);
}

/* Where the words of one filter go: a part of a lane, register after register. The filters of a block follow
 * each other from part to part, then from lane to lane. */
typedef struct tree_packer {
    const lb_int_conv *conv;
    const lb_popcount_plan *plan;
    const int16_t *codes;
    size_t filter;
    uint32_t *to; /* the lane in the next register */
    size_t lanes; /* of a register */
    unsigned shift;
} tree_packer;

static inline void tree_emit(tree_packer *p, uint32_t word)
{
    *p->to |= word << p->shift;
    p->to += p->lanes;
}

static inline uint32_t tree_word(const tree_packer *p, size_t i)
{
    return lb_popcount_weight_word(p->conv, p->plan, p->codes, p->filter, false, i);
}

/* A run of groups [first, end); *sum: of all words before, as the windows' forms have it. */
static inline void tree_emit_groups(tree_packer *p, const tree_shape *s, size_t first, size_t end,
                                    uint32_t *sum)
{
    for (size_t i = first; i < end; i++) {
        const size_t at = s->rest + i * GROUP;
        const uint32_t a = tree_word(p, at), b = tree_word(p, at + 1);
        const uint32_t c = tree_word(p, at + 2), d = tree_word(p, at + 3);
        const uint32_t half = *sum ^ a ^ b;
        if (i == first) tree_emit(p, half);
        tree_emit(p, b ^ *sum);
        tree_emit(p, a ^ b);
        tree_emit(p, d ^ half);
        tree_emit(p, c ^ d);
        *sum = half ^ c ^ d;
    }
}

static inline void tree_emit_binary(tree_packer *p, const tree_shape *s)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < s->rest; i++) sum ^= tree_word(p, i);
    if (s->rest == 2) {
        tree_emit(p, tree_word(p, 0));
        tree_emit(p, tree_word(p, 1));
    } else if (s->rest == 3) {
        tree_emit(p, tree_word(p, 0) ^ tree_word(p, 1));
        tree_emit(p, tree_word(p, 1) ^ tree_word(p, 2));
        tree_emit(p, sum);
    }
    uint32_t *of_all = p->to, *loose = of_all + p->lanes;
    p->to = loose + (s->loose > 0 ? 1 + s->loose * GROUP : 0) * p->lanes;
    for (size_t i = 0; i < s->blocks; i++) tree_emit_groups(p, s, i * BLOCK, (i + 1) * BLOCK, &sum);
    p->to = loose;
    tree_emit_groups(p, s, s->blocks * BLOCK, s->groups, &sum);
    p->to = of_all;
    tree_emit(p, sum);
}

/* Weights for registers of n lanes, whose words are repeated for every pixel of a lane. */
static inline void tree_pack(const lb_int_conv *conv, const lb_popcount_plan *plan, size_t n,
                             const int16_t *codes, uint32_t *packed)
{
    const tree_shape s = tree_shape_of(conv, plan);
    const size_t bytes = tree_weight_bytes(conv, plan, n), filters = n * plan->filter_parts;
    const size_t block = (plan->filter_parts + s.weights) * n;
    memset(packed, 0, bytes);
    for (size_t f = 0; f < bytes / sizeof *packed / block * filters; f++) {
        uint32_t *of_block = packed + f / filters * block;
        const size_t place = f % filters, part = place % plan->filter_parts;
        const int32_t constant = lb_popcount_constant(conv, codes, f);
        memcpy(of_block + place, &constant, sizeof constant);
        for (size_t x = 0; x < plan->pixels; x++) {
            tree_packer p = {conv, plan, codes, f, .lanes = n};
            p.to = of_block + plan->filter_parts * n + place / plan->filter_parts;
            p.shift = (unsigned)((x * plan->filter_parts + part) * plan->word_bits);
            if (conv->weights == LB_WEIGHTS_BINARY) {
                tree_emit_binary(&p, &s);
                continue;
            }
            /* the rest, the loose groups, the blocks: the order in which they are used */
            const size_t of_blocks = s.blocks * BLOCK * GROUP;
            for (size_t i = 0; i < plan->words; i++) {
                size_t at = i;
                if (i >= s.rest) at = s.rest + (i - s.rest + of_blocks) % (plan->words - s.rest);
                tree_emit(&p, lb_popcount_weight_word(conv, plan, codes, f, true, at));
                tree_emit(&p, tree_word(&p, at));
            }
        }
    }
}

#endif
