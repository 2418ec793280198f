/* Adding up look-ups: the inner loops. To be included by conv_lookup_body.h.
 *
 * Eight registers of sums serve a tile of up to 8 pixels in one of three ways:
 *
 *     BYTES   activations of one or two bits: a register of bytes a pixel. An entry of a table is at most
 *             4 * (2^bits - 1), so 255 / that many look-ups, 62 in 31 steps or 20 in 10, stay below 256. Then
 *             the bytes are added to words in memory.
 *     PAIRS   activations of one bit, whose entries are at most 4: a byte of a table holds those of two pixels, the
 *             second one's in its high 4 bits, and so do sums of three look-ups, at most 12. These are added to two
 *             registers of bytes a pair: both = sum of bytes (modulo 256), second = sum of their high 4 bits.
 *             In the end, first = both - 16 * second; exact for as many look-ups as BYTES.
 *     WORDS   activations of 3 or 4 bits, entries of up to 60: sums of four look-ups are added to two registers of
 *             words a pixel, as BYTES does it in memory.
 *
 * Bytes x are added to words as `whole`, x itself as words (even + 256 * odd, modulo 2^16), and `odd`, its odd
 * bytes; in the end, even = whole - 256 * odd. That is exact modulo 2^16, and a true sum below 2^16 (wide) or the
 * scaled one within 16 bits (narrow) is all that is asked for. */

typedef enum sums_kind { BYTES, PAIRS, WORDS } sums_kind;

/* Named, so that compilers keep them in registers. */
typedef struct register_sums {
    bytes_t r0, r1, r2, r3, r4, r5, r6, r7;
} register_sums;

/* One plane of a block's weights. */
typedef struct window {
    const void *const *rows;
    size_t kh;
    size_t offset, distance; /* bytes to the first pixel's tables; between neighbouring pixels' */
    const uint8_t *weights;
    size_t steps, piece; /* of a row; between looking whether to widen */
    size_t pieces;       /* between widenings */
    size_t flush_after;  /* widenings; wide only */
    bool narrow, first;  /* first: sums of words begin with this plane */
    int plane;
    size_t pixels;
} window;

/* Without this, compilers reorder the additions and keep copies of the sums across the loop, for which there
 * are not enough registers. */
LB_ALWAYS_INLINE void pin(register_sums *s)
{
    __asm__(""
            : LB_IN_REGISTER(s->r0), LB_IN_REGISTER(s->r1), LB_IN_REGISTER(s->r2),
              LB_IN_REGISTER(s->r3), LB_IN_REGISTER(s->r4), LB_IN_REGISTER(s->r5),
              LB_IN_REGISTER(s->r6), LB_IN_REGISTER(s->r7));
}

LB_ALWAYS_INLINE bytes_t look_up_two(size_t parts, const uint8_t *tables, bytes_t i0, bytes_t i1)
{
    const size_t half = parts * LB_LOOKUP_UNIT_BYTES / 2;
    return bytes_add(look_up(tables_load(parts, tables), i0),
                     look_up(tables_load(parts, tables + half), i1));
}

LB_ALWAYS_INLINE bytes_t add_two(bytes_t sum, size_t parts, const uint8_t *tables, bytes_t i0,
                                 bytes_t i1)
{
    const size_t half = parts * LB_LOOKUP_UNIT_BYTES / 2;
    sum = bytes_add(sum, look_up(tables_load(parts, tables), i0));
    return bytes_add(sum, look_up(tables_load(parts, tables + half), i1));
}

LB_ALWAYS_INLINE bytes_t look_up_three(size_t parts, const uint8_t *tables, bytes_t i0, bytes_t i1,
                                       bytes_t i2)
{
    return bytes_add(look_up_two(parts, tables, i0, i1),
                     look_up(tables_load(parts, tables + parts * LB_LOOKUP_UNIT_BYTES), i2));
}

LB_ALWAYS_INLINE void add_to_pair(bytes_t x, bytes_t *both, bytes_t *second)
{
    *both = bytes_add(*both, x);
    *second = bytes_add(*second, high_nibbles(x));
}

LB_ALWAYS_INLINE void add_to_words(bytes_t x, bytes_t *whole, bytes_t *odd)
{
    *whole = words_add(*whole, x);
    *odd = words_add(*odd, odd_bytes(x));
}

/* DO(i, r) for each of n pixels with a register r. */
#define LB_EACH_1(n, DO)           \
    do {                           \
        DO(0, s->r0);              \
        if ((n) > 1) DO(1, s->r1); \
        if ((n) > 2) DO(2, s->r2); \
        if ((n) > 2) DO(3, s->r3); \
        if ((n) > 4) DO(4, s->r4); \
        if ((n) > 4) DO(5, s->r5); \
        if ((n) > 4) DO(6, s->r6); \
        if ((n) > 4) DO(7, s->r7); \
    } while (0)

/* DO(i, r, q) for each of n pixels or pairs with two registers. */
#define LB_EACH_2(n, DO)                  \
    do {                                  \
        DO(0, s->r0, s->r1);              \
        if ((n) > 1) DO(1, s->r2, s->r3); \
        if ((n) > 2) DO(2, s->r4, s->r5); \
        if ((n) > 2) DO(3, s->r6, s->r7); \
    } while (0)

/* n steps for `size` pixels: 1, 2, 4 or 8. Weights are unpacked once for all pixels. */
LB_ALWAYS_INLINE void add_to_bytes(size_t size, size_t parts, const uint8_t *tables,
                                   size_t distance, const uint8_t *weights, size_t n,
                                   register_sums *s)
{
    const size_t step = parts * LB_LOOKUP_UNIT_BYTES;
#define ADD(i, r) r = add_two(r, parts, tables + (i)*distance, low, high)
    for (; n > 0; n--, weights += LB_REGISTER_BYTES, tables += step) {
        const bytes_t w = bytes_load(weights);
        const bytes_t low = low_nibbles(w), high = high_nibbles(w);
        LB_EACH_1(size, ADD);
        pin(s);
    }
    pin(s);
#undef ADD
}

/* n steps for `size` pairs: 1, 2 or 4; three steps are twice three look-ups. */
LB_ALWAYS_INLINE void add_to_pairs(size_t size, size_t parts, const uint8_t *tables,
                                   size_t of_pixel, const uint8_t *weights, size_t n,
                                   register_sums *s)
{
    const size_t half = parts * LB_LOOKUP_UNIT_BYTES / 2, distance = 2 * of_pixel;
#define ADD_TWO(i, r, q) add_to_pair(look_up_two(parts, tables + (i)*distance, i0, i1), &r, &q)
#define ADD_THREE(i, r, q) \
    add_to_pair(look_up_three(parts, tables + (i)*distance, i0, i1, i2), &r, &q)
    for (; n >= 3; n -= 3, weights += 3 * LB_REGISTER_BYTES) {
        bytes_t w = bytes_load(weights + LB_REGISTER_BYTES);
        bytes_t i0 = low_nibbles(bytes_load(weights)), i1 = high_nibbles(bytes_load(weights)),
                i2 = low_nibbles(w);
        LB_EACH_2(size, ADD_THREE);
        pin(s);
        i0 = high_nibbles(w);
        w = bytes_load(weights + 2 * LB_REGISTER_BYTES);
        i1 = low_nibbles(w);
        i2 = high_nibbles(w);
        tables += 3 * half;
        LB_EACH_2(size, ADD_THREE);
        pin(s);
        tables += 3 * half;
    }
    for (; n > 0; n--, weights += LB_REGISTER_BYTES, tables += 2 * half) {
        const bytes_t w = bytes_load(weights);
        const bytes_t i0 = low_nibbles(w), i1 = high_nibbles(w);
        LB_EACH_2(size, ADD_TWO);
        pin(s);
    }
    pin(s);
#undef ADD_TWO
#undef ADD_THREE
}

/* n steps for `size` pixels: 1 or 4; two steps are four look-ups. */
LB_ALWAYS_INLINE void add_steps_to_words(size_t size, size_t parts, const uint8_t *tables,
                                         size_t distance, const uint8_t *weights, size_t n,
                                         register_sums *s)
{
    const size_t step = parts * LB_LOOKUP_UNIT_BYTES;
#define ADD_TWO(i, r, q) add_to_words(look_up_two(parts, tables + (i)*distance, i0, i1), &r, &q)
#define ADD_FOUR(i, r, q)                                                             \
    add_to_words(bytes_add(look_up_two(parts, tables + (i)*distance, i0, i1),         \
                           look_up_two(parts, tables + (i)*distance + step, i2, i3)), \
                 &r, &q)
    for (; n >= 2; n -= 2, weights += 2 * LB_REGISTER_BYTES, tables += 2 * step) {
        const bytes_t w = bytes_load(weights), more = bytes_load(weights + LB_REGISTER_BYTES);
        const bytes_t i0 = low_nibbles(w), i1 = high_nibbles(w), i2 = low_nibbles(more),
                      i3 = high_nibbles(more);
        LB_EACH_2(size, ADD_FOUR);
        pin(s);
    }
    if (n > 0) {
        const bytes_t w = bytes_load(weights);
        const bytes_t i0 = low_nibbles(w), i1 = high_nibbles(w);
        LB_EACH_2(size, ADD_TWO);
    }
    pin(s);
#undef ADD_TWO
#undef ADD_FOUR
}

LB_ALWAYS_INLINE void add_steps(sums_kind kind, size_t size, size_t parts, const uint8_t *tables,
                                size_t distance, const uint8_t *weights, size_t n, register_sums *s)
{
    switch (kind) {
    case BYTES: add_to_bytes(size, parts, tables, distance, weights, n, s); break;
    case PAIRS: add_to_pairs(size, parts, tables, distance, weights, n, s); break;
    case WORDS: add_steps_to_words(size, parts, tables, distance, weights, n, s); break;
    }
}

/* The words that sums are added to: those of a tile; or zeros, for the first ones. */
typedef struct old_words {
    const uint8_t *whole, *odd;
    size_t distance; /* between pixels */
} old_words;

LB_ALWAYS_INLINE void widen_words(bytes_t whole, bytes_t odd, size_t pixel, old_words old,
                                  tile_sums *to)
{
    bytes_store(to->whole[pixel], words_add(bytes_load(old.whole + pixel * old.distance), whole));
    bytes_store(to->odd[pixel], words_add(bytes_load(old.odd + pixel * old.distance), odd));
}

LB_ALWAYS_INLINE void widen_bytes(bytes_t x, size_t pixel, old_words old, tile_sums *to)
{
    widen_words(x, odd_bytes(x), pixel, old, to);
}

static inline old_words old_words_of(bool first, const tile_sums *sums)
{
    static _Alignas(LB_CONV_ALIGN) const uint8_t zeros[LB_REGISTER_BYTES];
    return (old_words){first ? zeros : sums->whole[0], first ? zeros : sums->odd[0],
                       first ? 0 : LB_REGISTER_BYTES};
}

/* PAIRS and WORDS, which come here rarely. */
static LB_NEVER_INLINE void widen_twos(sums_kind kind, size_t size, bool first,
                                       const register_sums *s, tile_sums *to)
{
    const old_words old = old_words_of(first, to);
    const uint8_t *from = (const uint8_t *)s;
    for (size_t i = 0; i < size; i++, from += 2 * LB_REGISTER_BYTES) {
        const bytes_t r = bytes_load(from), q = bytes_load(from + LB_REGISTER_BYTES);
        if (kind == WORDS) {
            widen_words(r, q, i, old, to);
        } else {
            widen_bytes(bytes_subtract(r, bytes_times_16(q)), 2 * i, old, to);
            widen_bytes(q, 2 * i + 1, old, to);
        }
    }
}

LB_ALWAYS_INLINE void widen(sums_kind kind, size_t size, bool first, const register_sums *s,
                            tile_sums *to)
{
    if (kind != BYTES) {
        const register_sums copy = *s; /* whose address is taken, not that of the registers */
        widen_twos(kind, size, first, &copy, to);
        return;
    }
    const old_words old = old_words_of(first, to);
#define WIDEN(i, r) widen_bytes(r, i, old, to)
    LB_EACH_1(size, WIDEN);
#undef WIDEN
}

LB_ALWAYS_INLINE void add_window(sums_kind kind, size_t size, size_t parts, const window *w,
                                 tile_sums *to)
{
    const bytes_t zero = bytes_zero();
    const register_sums none = {zero, zero, zero, zero, zero, zero, zero, zero};
    register_sums sums = none;
    const uint8_t *weights = w->weights;
    size_t pieces = 0, widened = 0;
    bool first = w->first;
    for (size_t ky = 0; ky < w->kh; ky++) {
        const uint8_t *tables = (const uint8_t *)w->rows[ky] + w->offset;
        for (size_t n, left = w->steps; left > 0; left -= n) {
            n = left < w->piece ? left : w->piece;
            add_steps(kind, size, parts, tables, w->distance, weights, n, &sums);
            tables += n * parts * LB_LOOKUP_UNIT_BYTES;
            weights += n * LB_REGISTER_BYTES;
            const bool last = ky + 1 == w->kh && n == left;
            if (++pieces < w->pieces && !last) continue;
            widen(kind, size, first, &sums, to);
            sums = none;
            pieces = 0;
            first = false;
            if (w->narrow || (++widened < w->flush_after && !last)) continue;
            flush_words(w->pixels, w->plane, to);
            first = true;
            widened = 0;
        }
    }
}

/* Functions of their own: inlined into the loops about them, they would not get the registers that they need.
 * windows[parts][kind][log2 size] is the table of those that an instruction set has, for WORDS without 2. */
typedef void window_fn(const window *w, tile_sums *to);
enum { KINDS = 3, SIZES = 4 };
#define LB_WINDOW(kind, size, parts)                                                             \
    static LB_NEVER_INLINE void window_##kind##_##size##_##parts(const window *w, tile_sums *to) \
    {                                                                                            \
        add_window(kind, size, parts, w, to);                                                    \
    }
#define LB_WINDOWS_3(kind, parts) \
    LB_WINDOW(kind, 1, parts) LB_WINDOW(kind, 2, parts) LB_WINDOW(kind, 4, parts)

/* How many of the pixels left make a tile. */
static size_t tile_pixels(sums_kind kind, size_t left)
{
    if (kind == PAIRS && left > 2) return left >= 8 ? 8 : left >= 7 ? 7 : left >= 4 ? 4 : 3;
    if (kind == BYTES && left >= 8) return 8;
    return left >= 4 ? 4 : left >= 2 && kind == BYTES ? 2 : 1;
}

static size_t size_index(sums_kind kind, size_t pixels)
{
    const size_t size = kind == PAIRS ? (pixels + 1) / 2 : pixels;
    return size == 8 ? 3 : size == 4 ? 2 : size - 1;
}
