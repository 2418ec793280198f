/* Pools, included by pass_kernels_body.h: channels innermost, 16 at a time, a window's taps clipped to the map and
 * gathered in registers. */

typedef struct taps {
    size_t from, to; /* of the window, the part inside the map */
    size_t first;    /* row or column of the map that tap `from` is on */
} taps;

static taps taps_inside(size_t out, size_t stride, size_t pad, size_t k, size_t size)
{
    const size_t start = out * stride; /* in padded coordinates */
    taps t = {.from = start < pad ? pad - start : 0};
    t.first = start + t.from - pad;
    t.to = SMALLER(k, size + pad - start);
    return t;
}

/* One window: its taps, and where they and the result lie for a run of at most 16 channels. */
typedef struct window_place {
    taps y, x;
    size_t out, lanes, channel;
} window_place;

static inline size_t tap_at(const lb_pool_shape *s, const window_place *p, size_t ky, size_t kx)
{
    const size_t row = p->y.first + ky - p->y.from, column = p->x.first + kx - p->x.from;
    return (row * s->w + column) * s->c + p->channel;
}

static inline lb_v16 tap_number(const lb_pool_shape *s, size_t ky, size_t kx)
{
    return v_set((float)(ky * s->kw + kx));
}

#define OVER_TAPS(BODY)                                   \
    for (size_t ky = p->y.from; ky < p->y.to; ky++) {     \
        for (size_t kx = p->x.from; kx < p->x.to; kx++) { \
            const size_t at = tap_at(s, p, ky, kx);       \
            BODY;                                         \
        }                                                 \
    }

#define OVER_WINDOWS(BODY)                                                                    \
    for (size_t oy = 0; oy < s->out_h; oy++) {                                                \
        for (size_t ox = 0; ox < s->out_w; ox++) {                                            \
            window_place place = {.y = taps_inside(oy, s->stride, s->pad_top, s->kh, s->h),   \
                                  .x = taps_inside(ox, s->stride, s->pad_left, s->kw, s->w)}; \
            for (size_t c = 0; c < s->c; c += 16) {                                           \
                place.channel = c;                                                            \
                place.out = (oy * s->out_w + ox) * s->c + c;                                  \
                place.lanes = SMALLER((size_t)16, s->c - c);                                  \
                BODY;                                                                         \
            }                                                                                 \
        }                                                                                     \
    }

static inline void max_window(const lb_pool_shape *s, const window_place *p, const float *x,
                              float *y, uint16_t *index)
{
    lb_v16 best = v_set(-INFINITY); /* a NaN counts as that */
    lb_v16 number = tap_number(s, p->y.from, p->x.from);
    OVER_TAPS(const lb_v16 v = v_load_some(x + at, p->lanes);
              const uint16_t larger = v_above(v, best); best = v_choose(larger, v, best);
              number = v_choose(larger, tap_number(s, ky, kx), number))
    v_store_some(y + p->out, best, p->lanes);
    int16_t numbers[16];
    v_store_i16(numbers, number);
    memcpy(index + p->out, numbers, p->lanes * sizeof *index);
}

static void max_pool(const lb_pool_shape *s, const float *x, float *y, uint16_t *index)
{
    OVER_WINDOWS(max_window(s, &place, x, y, index))
}

/* Does every pixel belong to exactly one window? Then gradients are stored, not added up. */
static bool is_tiling(const lb_pool_shape *s)
{
    return s->kh == s->stride && s->kw == s->stride && s->pad_top == 0 && s->pad_left == 0 &&
           s->out_h * s->stride == s->h && s->out_w * s->stride == s->w;
}

static inline void add_some(float *y, lb_v16 v, size_t lanes, bool stored)
{
    v_store_some(y, stored ? v : v_add(v_load_some(y, lanes), v), lanes);
}

static inline void max_window_backward(const lb_pool_shape *s, const window_place *p, bool tiling,
                                       const float *dy, const uint16_t *index, float *dx)
{
    int16_t numbers[16] = {0};
    memcpy(numbers, index + p->out, p->lanes * sizeof *index);
    const lb_v16 g = v_load_some(dy + p->out, p->lanes), number = v_load_i16(numbers);
    OVER_TAPS(const lb_v16 tap = tap_number(s, ky, kx);
              add_some(dx + at, v_keep(g, v_inside(number, tap, tap, false)), p->lanes, tiling))
}

static void max_pool_backward(const lb_pool_shape *s, const float *dy, const uint16_t *index,
                              float *dx)
{
    const bool tiling = is_tiling(s);
    if (!tiling) memset(dx, 0, s->c * s->h * s->w * sizeof *dx);
    OVER_WINDOWS(max_window_backward(s, &place, tiling, dy, index, dx))
}

static inline lb_v16 taps_of(const window_place *p)
{
    return v_set((float)((p->y.to - p->y.from) * (p->x.to - p->x.from)));
}

static inline void average_window(const lb_pool_shape *s, const window_place *p, const float *x,
                                  float *y)
{
    lb_v16 sum = v_set(0.0f);
    OVER_TAPS(sum = v_add(sum, v_load_some(x + at, p->lanes)))
    v_store_some(y + p->out, v_divide(sum, taps_of(p)), p->lanes);
}

static void average_pool(const lb_pool_shape *s, const float *x, float *y)
{
    OVER_WINDOWS(average_window(s, &place, x, y))
}

static inline void average_window_backward(const lb_pool_shape *s, const window_place *p,
                                           bool tiling, const float *dy, float *dx)
{
    const lb_v16 g = v_divide(v_load_some(dy + p->out, p->lanes), taps_of(p));
    OVER_TAPS(add_some(dx + at, g, p->lanes, tiling))
}

static void average_pool_backward(const lb_pool_shape *s, const float *dy, float *dx)
{
    const bool tiling = is_tiling(s);
    if (!tiling) memset(dx, 0, s->c * s->h * s->w * sizeof *dx);
    OVER_WINDOWS(average_window_backward(s, &place, tiling, dy, dx))
}
