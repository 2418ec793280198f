/* The hot runs of steps as one loop each, included by pass_kernels_body.h. They work on vectors of 16 floats,
 * lb_v16, whose operations (v_load, v_add, v_inside, ...) each instruction set's file defines; periods are
 * multiples of 16, and what is left of a map's end goes through a padded copy. */

/* The code of a value already within the codes' range once multiplied, ties to even. */
static inline lb_v16 v_code(lb_v16 x, lb_v16 multiplier, lb_v16 low, lb_v16 high)
{
    const lb_v16 big = v_set(12582912.0f);                          /* as in to_even */
    const lb_v16 t = v_min(v_max(v_mul(x, multiplier), low), high); /* NaN becomes low */
    return v_sub(v_add(t, big), big);
}

static inline lb_v16 v_load_cell(lb_cell cell, const void *x, size_t i)
{
    return cell == LB_CELL_I16 ? v_load_i16((const int16_t *)x + i) : v_load((const float *)x + i);
}

static inline void activate_16(const lb_activation *s, lb_cell cell, const void *x, const float *y,
                               size_t i, size_t j, float *out, uint8_t *bits, uint8_t *codes)
{
    lb_v16 t = v_add(v_mul(v_load_cell(cell, x, i), v_load(s->a + j)), v_load(s->b + j));
    if (y) t = v_add(t, v_load(y + i));
    if (bits) {
        const uint16_t word = v_inside(t, v_set(s->low), v_set(s->high), s->open);
        memcpy(bits + i / 8, &word, sizeof word);
    }
    /* the order of operands keeps NaN, as clip does */
    t = v_mul(v_min(v_set(s->high), v_max(v_set(s->low), t)), v_set(s->slope));
    if (out) v_store(out + i, t);
    if (codes) {
        v_store_u8(codes + i,
                   v_code(t, v_set(s->multiplier), v_set(s->code_low), v_set(s->code_high)));
    }
}

static inline void activate_all(size_t n, const lb_activation *s, lb_cell cell, const void *x,
                                const float *y, float *out, uint8_t *bits, uint8_t *codes)
{
    size_t j = 0;
    for (size_t i = 0; i < n; i += 16) {
        activate_16(s, cell, x, y, i, j, out, bits, codes);
        j = j + 16 == s->period ? 0 : j + 16;
    }
}

/* The last few values of a map. */
static void activate_rest(size_t n, const lb_activation *s, lb_cell cell, const void *x,
                          const float *y, float *out, uint8_t *bits, uint8_t *codes, size_t j)
{
    float x16[16] = {0}, y16[16] = {0}, out16[16];
    uint8_t codes16[16];
    for (size_t i = 0; i < n; i++)
        x16[i] = cell == LB_CELL_I16 ? (float)((const int16_t *)x)[i] : ((const float *)x)[i];
    if (y) memcpy(y16, y, n * sizeof *y);
    lb_activation rest = *s;
    rest.a += j;
    rest.b += j;
    activate_16(&rest, LB_CELL_F32, x16, y ? y16 : NULL, 0, 0, out16, bits, codes ? codes16 : NULL);
    if (out) memcpy(out, out16, n * sizeof *out);
    if (codes) memcpy(codes, codes16, n);
}

static void activate(size_t n, const lb_activation *s, lb_cell cell, const void *x, const float *y,
                     float *out, uint8_t *bits, uint8_t *codes)
{
    const size_t whole = n / 16 * 16;
    /* copies of the loop for what the nets most do, each without its neighbours' branches */
    if (cell == LB_CELL_I16 && !y && !out && bits && codes) {
        activate_all(whole, s, LB_CELL_I16, x, NULL, NULL, bits, codes);
    } else if (cell == LB_CELL_I16 && y && out && bits && codes) {
        activate_all(whole, s, LB_CELL_I16, x, y, out, bits, codes);
    } else if (cell == LB_CELL_F32 && !y && out && bits && !codes) {
        activate_all(whole, s, LB_CELL_F32, x, NULL, out, bits, NULL);
    } else {
        activate_all(whole, s, cell, x, y, out, bits, codes);
    }
    if (whole == n) return;
    const void *x_rest = cell == LB_CELL_I16 ? (const void *)((const int16_t *)x + whole)
                                             : (const void *)((const float *)x + whole);
    activate_rest(n - whole, s, cell, x_rest, y ? y + whole : NULL, out ? out + whole : NULL,
                  bits ? bits + whole / 8 : NULL, codes ? codes + whole : NULL, whole % s->period);
}

/* g = (x + y) masked; g's sums for batch-norm, whose input is z. */
static inline void mask_sums_16(const float *x, const float *y, const uint8_t *bits, float factor,
                                float *g, size_t i, lb_cell cell, const void *z, const float *mean,
                                float *sum, float *products)
{
    lb_v16 t = v_load(x + i);
    if (y) t = v_add(t, v_load(y + i));
    if (bits) {
        uint16_t word;
        memcpy(&word, bits + i / 8, sizeof word);
        t = v_keep(v_mul(t, v_set(factor)), word);
    }
    v_store(g + i, t);
    v_store(sum, v_add(v_load(sum), t));
    const lb_v16 centred = v_sub(v_load_cell(cell, z, i), v_load(mean));
    v_store(products, v_add(v_load(products), v_mul(t, centred)));
}

static inline void mask_sums_all(size_t n, size_t period, const float *x, const float *y,
                                 const uint8_t *bits, float factor, float *g, lb_cell cell,
                                 const void *z, const float *mean, float *sum, float *products)
{
    size_t j = 0;
    for (size_t i = 0; i < n; i += 16) {
        mask_sums_16(x, y, bits, factor, g, i, cell, z, mean + j, sum + j, products + j);
        j = j + 16 == period ? 0 : j + 16;
    }
}

static void mask_sums(size_t n, size_t period, const float *x, const float *y, const uint8_t *bits,
                      float factor, float *g, lb_cell cell, const void *z, const float *mean,
                      float *sum, float *products)
{
    const size_t whole = n / 16 * 16, rest = n - whole, j = whole % period;
    if (cell == LB_CELL_I16 && !y) {
        mask_sums_all(whole, period, x, NULL, bits, factor, g, LB_CELL_I16, z, mean, sum, products);
    } else {
        mask_sums_all(whole, period, x, y, bits, factor, g, cell, z, mean, sum, products);
    }
    if (rest == 0) return;
    float x16[16] = {0}, y16[16] = {0}, z16[16] = {0},
          g16[16]; /* a gradient of 0 adds nothing to the sums */
    memcpy(x16, x + whole, rest * sizeof *x);
    if (y) memcpy(y16, y + whole, rest * sizeof *y);
    for (size_t i = 0; i < rest; i++) {
        z16[i] = cell == LB_CELL_I16 ? (float)((const int16_t *)z)[whole + i]
                                     : ((const float *)z)[whole + i];
    }
    mask_sums_16(x16, y ? y16 : NULL, bits ? bits + whole / 8 : NULL, factor, g16, 0, LB_CELL_F32,
                 z16, mean + j, sum + j, products + j);
    memcpy(g + whole, g16, rest * sizeof *g);
}

/* Batch-norm's gradient, and that split in two bfloat16 halves; channels a multiple of 16. */
static void norm_split(size_t n, size_t period, size_t channels, lb_cell cell, const float *g,
                       const void *x, const float *mean, const float *a, const float *b,
                       const float *c, const float *factor, uint16_t *halves, float *out)
{
    size_t j = 0;
    for (size_t pixel = 0; pixel < n; pixel += channels) {
        uint16_t *high = halves + 2 * pixel, *low = high + channels;
        for (size_t k = 0; k < channels; k += 16) {
            const size_t i = pixel + k;
            const lb_v16 centred = v_sub(v_load_cell(cell, x, i), v_load(mean + j));
            const lb_v16 y = v_add(v_mul(v_load(g + i), v_load(a + j)),
                                   v_add(v_mul(centred, v_load(b + j)), v_load(c + j)));
            if (out) v_store(out + i, y);
            v_split(v_mul(y, v_load(factor + k)), high + k, low + k);
            j = j + 16 == period ? 0 : j + 16;
        }
    }
}

/* Sums of one period's positions and a copy as int16. */
static void statistics_i16(size_t n, size_t period, const float *x, const float *shift, float *sum,
                           float *squares, int16_t *copy)
{
    size_t j = 0, i = 0;
    for (; i + 16 <= n; i += 16) {
        const lb_v16 v = v_load(x + i), d = v_sub(v, v_load(shift + j));
        v_store_i16(copy + i, v);
        v_store(sum + j, v_add(v_load(sum + j), d));
        v_store(squares + j, v_add(v_load(squares + j), v_mul(d, d)));
        j = j + 16 == period ? 0 : j + 16;
    }
    for (; i < n; i++, j++) {
        const float d = x[i] - shift[j];
        copy[i] = (int16_t)(int32_t)x[i];
        sum[j] += d;
        squares[j] += d * d;
    }
}
