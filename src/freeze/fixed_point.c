/* A fixed-point product in place of many thresholds.
 *
 * With levels j = 1 .. top passed from the sums T_j on, a line a s + b replaces them where
 *
 *     a T_j + b >= j         for every T_j that a sum can reach
 *     a (T_j - 1) + b < j    for every T_j that not all sums pass
 *
 * For a given a the offsets b that do have the width
 *
 *     w(a) = min over j of (j - a (T_j - 1))  -  max over j of (j - a T_j),
 *
 * a concave function, piecewise linear: its largest value is found by cutting planes in double precision.
 * The multiplier is a times 2^shift, rounded; the offset follows from it, and the product is compared with
 * the levels in integers. The expression's rounding can leave every line by a sum or two (w(a) < 0 for all
 * a): the sums at which the product is off are listed as exceptions. Falling channels are mirrored: their field rises
 * with -s. */
#include "freeze/thresholds.h"

#include <math.h>
#include <stdlib.h>

enum { LARGEST_SHIFT = 40, MOST_CUTS = 100 };

/* One channel's levels, mirrored if it falls. */
typedef struct line {
    const int64_t *at; /* [top] */
    int64_t top, always, never;
    int64_t middle; /* sums are counted from here in double, for precision */
} line;

/* What replaces a line's levels. */
typedef struct product {
    int64_t multiplier, offset;
} product;

/* w(a) and its slope. */
typedef struct width {
    double a, value, slope;
} width;

static width width_at(const line *l, double a)
{
    double smallest = INFINITY, largest = -INFINITY;
    int64_t below = 0, above = 0; /* the sums that bind */
    for (int64_t j = 1; j <= l->top; j++) {
        const int64_t t = l->at[j - 1];
        const double upper = (double)j - a * (double)(t - 1 - l->middle);
        const double lower = (double)j - a * (double)(t - l->middle);
        if (t != l->always && upper < smallest) {
            smallest = upper;
            above = t - 1;
        }
        if (t != l->never && lower > largest) {
            largest = lower;
            below = t;
        }
    }
    return (width){a, smallest - largest, (double)(below - above)};
}

/* The slope of the widest choice of offsets, or that nearest to having one. */
static double best_slope(const line *l)
{
    width left = width_at(l, 0.0), right = width_at(l, (double)(l->top + 1));
    if (left.value > 0.0) return 0.0; /* a constant */
    if (right.slope >= 0.0) return right.a;
    for (int cut = 0; cut < MOST_CUTS && left.slope > 0.0; cut++) {
        const double a = (right.value - left.value + left.slope * left.a - right.slope * right.a) /
                         (left.slope - right.slope);
        if (!(a > left.a && a < right.a)) break;
        const width middle = width_at(l, a);
        if (middle.slope == 0.0) return a;
        if (middle.slope > 0.0)
            left = middle;
        else
            right = middle;
    }
    return left.value > right.value ? left.a : right.a;
}

/* The smallest offset with which every level is passed where it should be, and the largest one with which
 * none is before. Exact. */
static void bound_offset(const line *l, int64_t multiplier, int shift, int64_t *lowest,
                         int64_t *highest)
{
    *lowest = INT64_MIN;
    *highest = INT64_MAX;
    for (int64_t j = 1; j <= l->top; j++) {
        const int64_t t = l->at[j - 1], level = j * ((int64_t)1 << shift);
        const int64_t from = level - multiplier * t, below = level - multiplier * (t - 1);
        if (t != l->never && from > *lowest) *lowest = from;
        if (t != l->always && below - 1 < *highest) *highest = below - 1;
    }
}

/* The first sum, from always to never, at which the product passes level j. */
static int64_t passes_at(const line *l, const product *p, int shift, int64_t j)
{
    const int64_t missing = j * ((int64_t)1 << shift) - p->offset;
    int64_t at = missing > 0 ? l->never : l->always;
    if (p->multiplier > 0) {
        at = missing / p->multiplier; /* towards zero: rounded up where it is negative */
        if (missing > 0 && missing % p->multiplier != 0) at++;
    }
    return at < l->always ? l->always : at > l->never ? l->never : at;
}

/* How many sums the product gives to the wrong side of a level, a sum once for each level; `most` + 1
 * stands for any number above `most`. */
static size_t count_wrong(const line *l, const product *p, int shift, size_t most)
{
    size_t n = 0;
    for (int64_t j = 1; j <= l->top && n <= most; j++) {
        const int64_t off = passes_at(l, p, shift, j) - l->at[j - 1];
        const uint64_t distance = (uint64_t)(off < 0 ? -off : off);
        n = distance > most - n ? most + 1 : n + (size_t)distance;
    }
    return n;
}

/* The product next to slope a that is wrong for the fewest sums; returns their number, as count_wrong. */
static size_t fit(const line *l, double a, int shift, size_t most, product *best)
{
    static const int64_t tries[] = {0, 1, -1};
    const int64_t nearest = (int64_t)llround(ldexp(a, shift));
    size_t fewest = most + 1;
    for (size_t i = 0; i < sizeof tries / sizeof *tries; i++) {
        product p = {.multiplier = nearest + tries[i]};
        if (p.multiplier < 0 || p.multiplier > INT32_MAX) continue;
        int64_t lowest, highest;
        bound_offset(l, p.multiplier, shift, &lowest, &highest);
        if (lowest == INT64_MIN) lowest = highest;  /* no level is ever passed */
        if (highest == INT64_MAX) highest = lowest; /* all always are */
        const int64_t offsets[] = {lowest + (highest - lowest) / 2, lowest, highest};
        for (size_t k = 0; k < sizeof offsets / sizeof *offsets; k++) {
            p.offset = offsets[k];
            const size_t wrong = count_wrong(l, &p, shift, most);
            if (wrong < fewest || fewest > most) *best = p;
            if (wrong < fewest) fewest = wrong;
            if (wrong == 0) return 0;
        }
    }
    return fewest;
}

static bool falls(const lb_levels *levels, size_t c)
{
    return levels->falls[c / 8] >> c % 8 & 1;
}

/* The levels of a channel; of a falling one as a function of -s: its field is j or more where
 * s < T of level top - j + 1, that is from -s = 1 - T on. */
static line line_of(const lb_levels *levels, size_t c, int64_t *at)
{
    const int64_t top = ((int64_t)1 << levels->bits) - 1;
    const int32_t *from = levels->at + c * (size_t)top;
    const bool mirrored = falls(levels, c);
    for (int64_t j = 0; j < top; j++) at[j] = mirrored ? 1 - (int64_t)from[top - 1 - j] : from[j];
    const int64_t low = mirrored ? -(int64_t)levels->highest : levels->lowest;
    const int64_t high = mirrored ? -(int64_t)levels->lowest : levels->highest;
    line l = {.at = at, .top = top, .always = low, .never = high + 1};
    int64_t first = 0, last = top - 1; /* the levels that some sums pass and some do not */
    while (first < last && at[first] == l.always) first++;
    while (last > first && at[last] == l.never) last--;
    l.middle = at[first + (last - first) / 2];
    return l;
}

/* The finest unit in which this slope fits 31 bits and the product with any sum 61. */
static int finest_shift(double a, double largest_sum)
{
    int shift = LARGEST_SHIFT;
    while (shift > 0 && (ldexp(a, shift) > 0x1p30 || ldexp(a, shift) * largest_sum > 0x1p60))
        shift--;
    return shift;
}

/* Slopes of all channels, and the finest shift that they allow. */
static void find_slopes(const lb_levels *levels, int64_t *at, double *slope, int *shift)
{
    *shift = LARGEST_SHIFT;
    for (size_t c = 0; c < levels->channels; c++) {
        const line l = line_of(levels, c, at);
        slope[c] = best_slope(&l);
        const int finest = finest_shift(slope[c], (double)levels->highest);
        if (finest < *shift) *shift = finest;
    }
}

/* The sums of channel c at which its product is wrong, with the fields they have, appended to `list`. */
static void list_exceptions(const lb_levels *levels, size_t c, const line *l, const product *p,
                            int shift, lb_fixed_exception *list, size_t *n)
{
    const bool mirrored = falls(levels, c);
    const size_t before = *n;
    for (int64_t j = 1; j <= l->top; j++) {
        const int64_t wanted = l->at[j - 1], found = passes_at(l, p, shift, j);
        for (int64_t s = wanted < found ? wanted : found; s < wanted || s < found; s++) {
            int64_t field = 0;
            while (field < l->top && l->at[field] <= s) field++;
            const int32_t sum = (int32_t)(mirrored ? -s : s);
            bool listed = false;
            for (size_t i = before; i < *n; i++) listed = listed || list[i].sum == sum;
            if (!listed) list[(*n)++] = (lb_fixed_exception){(int32_t)c, sum, (int32_t)field};
        }
    }
}

static int ascending(const void *a, const void *b)
{
    const lb_fixed_exception *x = a, *y = b;
    if (x->channel != y->channel) return x->channel < y->channel ? -1 : 1;
    return (x->sum > y->sum) - (x->sum < y->sum);
}

/* Products of all channels and their exceptions; false: there would be too many. */
static bool find_products(const lb_levels *levels, int64_t *at, const double *slope, int shift,
                          int32_t *multiplier, int64_t *offset, lb_fixed_exception *list, size_t *n)
{
    const size_t most = lb_fixed_exceptions_max(levels->channels);
    for (size_t c = 0; c < levels->channels; c++) {
        const line l = line_of(levels, c, at);
        product p = {0};
        const size_t wrong = fit(&l, slope[c], shift, most - *n, &p);
        if (wrong > most - *n) return false;
        if (wrong > 0) list_exceptions(levels, c, &l, &p, shift, list, n);
        multiplier[c] = (int32_t)(falls(levels, c) ? -p.multiplier : p.multiplier);
        offset[c] = p.offset;
    }
    qsort(list, *n, sizeof *list, ascending);
    return true;
}

static lb_status fit_products(const lb_levels *levels, lb_arena *scratch, lb_arena *arena,
                              lb_fixed_point *out, bool *found)
{
    const size_t top = ((size_t)1 << levels->bits) - 1, channels = levels->channels;
    int64_t *at = NULL, *offset = NULL;
    double *slope = NULL;
    int32_t *multiplier = NULL;
    lb_fixed_exception *list = NULL;
    *out = (lb_fixed_point){.bits = levels->bits};
    LB_TRY(lb_arena_alloc(scratch, top, sizeof *at, "levels", (void **)&at));
    LB_TRY(lb_arena_alloc(scratch, channels, sizeof *slope, "slopes", (void **)&slope));
    LB_TRY(
        lb_arena_alloc(arena, channels, sizeof *multiplier, "multipliers", (void **)&multiplier));
    LB_TRY(lb_arena_alloc(arena, channels, sizeof *offset, "offsets", (void **)&offset));
    LB_TRY(lb_arena_alloc(arena, lb_fixed_exceptions_max(channels), sizeof *list, "exceptions",
                          (void **)&list));
    find_slopes(levels, at, slope, &out->shift);
    *found =
        find_products(levels, at, slope, out->shift, multiplier, offset, list, &out->n_exceptions);
    out->multiplier = multiplier;
    out->offset = offset;
    out->exceptions = list;
    return LB_OK;
}

lb_status lb_fit_fixed_point(const lb_levels *levels, lb_arena *arena, lb_fixed_point *out,
                             bool *found)
{
    lb_arena scratch = {0};
    const lb_status status = fit_products(levels, &scratch, arena, out, found);
    lb_arena_release(&scratch);
    return status;
}
