/* Sizes, ranges, costs and weights of the kernels that multiply codes: see conv_multiply.h. */
#include "kernels/conv/conv_multiply.h"

#include <string.h>

#include "kernels/conv/conv_winograd.h"

enum { WINOGRAD_CHANNELS = 32 }; /* that prepare_row transforms together */

/* How many parts of `size` n makes. */
static size_t parts_of(size_t n, size_t size)
{
    return (n + size - 1) / size;
}

static size_t round_up(size_t n, size_t to)
{
    return parts_of(n, to) * to;
}

/* The group of channels that filter f sees. */
static size_t group_of(const lb_int_conv *conv, size_t f)
{
    const size_t channels = conv->filters / conv->terms;
    return f % channels / (channels / conv->groups);
}

/* The channels [*first, returned) that filters [begin, end) see. */
static size_t channels_seen(const lb_int_conv *conv, size_t begin, size_t end, size_t *first)
{
    const size_t per_group = conv->in_c / conv->groups;
    size_t low = conv->groups - 1, high = 0;
    for (size_t f = begin; f < end; f++) {
        const size_t g = group_of(conv, f);
        if (g < low) low = g;
        if (g > high) high = g;
    }
    *first = low * per_group;
    return (high + 1) * per_group;
}

static size_t tile_end(const lb_multiply_method *method, const lb_int_conv *conv, size_t f)
{
    return f + method->tile < conv->filters ? f + method->tile : conv->filters;
}

/* The most channels that the filters of a tile see. */
static size_t channels_of_tile(const lb_multiply_method *method, const lb_int_conv *conv)
{
    if (conv->groups == 1) return conv->in_c;
    size_t most = 0;
    for (size_t f = 0, first; f < conv->filters; f += method->tile) {
        const size_t end = channels_seen(conv, f, tile_end(method, conv, f), &first);
        if (end - first > most) most = end - first;
    }
    return most;
}

lb_multiply_layout lb_multiply_layout_of(const lb_multiply_method *method, const lb_int_conv *conv)
{
    lb_multiply_layout l = {
        .channels = channels_of_tile(method, conv), .outputs = 1, .positions = 1};
    const size_t pixel = conv->in_c * method->code_bytes;
    size_t run = l.channels; /* codes */
    l.run_pitch = pixel;
    if (method->winograd) {
        l.runs_per_row = 1;
        l.outputs = method->winograd;
        l.positions = l.outputs + LB_WINOGRAD_TAPS - 1;
        l.run_pitch = round_up(conv->in_c, WINOGRAD_CHANNELS) * method->code_bytes;
        l.block_pitch = l.positions * l.run_pitch;
    } else {
        const bool all = l.channels == conv->in_c;
        l.runs_per_row = all ? 1 : conv->kw;
        if (all) run *= conv->kw;
        l.block_pitch = conv->stride * pixel;
    }
    l.runs = conv->kh * l.runs_per_row;
    l.steps = parts_of(run, method->step);
    const size_t constants = method->winograd ? 1 + l.positions : 1;
    l.constant_bytes = constants * LB_CONV_BLOCK * sizeof(int32_t);
    l.filter_bytes = l.positions * l.runs * l.steps * method->step * method->code_bytes;
    return l;
}

size_t lb_multiply_first_channel(const lb_multiply_method *method, const lb_int_conv *conv,
                                 const lb_multiply_layout *layout, size_t f)
{
    if (layout->channels == conv->in_c) return 0;
    size_t first;
    channels_seen(conv, f, tile_end(method, conv, f), &first);
    const size_t last_start = conv->in_c - layout->channels;
    return first < last_start ? first : last_start;
}

size_t lb_multiply_weight_bytes(const lb_multiply_method *method, const lb_int_conv *conv)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    return lb_conv_padded_filters(conv) / LB_CONV_BLOCK * l.constant_bytes +
           round_up(conv->filters, method->round) * l.filter_bytes;
}

/* Where a tile's weights lie and how. */
typedef struct packed_tile {
    const lb_multiply_method *method;
    const lb_multiply_layout *layout;
    uint8_t *weights;
    size_t filters; /* lanes included that no filter uses */
} packed_tile;

/* The weight of code `at` of a run. */
static void put_weight(const packed_tile *tile, size_t lane, size_t position, size_t run, size_t at,
                       int weight)
{
    const lb_multiply_layout *l = tile->layout;
    const size_t step = (position * l->runs + run) * l->steps + at / tile->method->step;
    const size_t code =
        (step * tile->filters + lane) * tile->method->step + at % tile->method->step;
    uint8_t *to = tile->weights + code * tile->method->code_bytes;
    if (tile->method->code_bytes == 1) {
        *to = (uint8_t)weight;
    } else {
        const int16_t wide = (int16_t)weight;
        memcpy(to, &wide, sizeof wide);
    }
}

/* One filter into lane `lane` of its tile. `shift`: where in a run the channels that it sees begin. */
static void pack_filter(const packed_tile *tile, const lb_int_conv *conv, size_t lane, size_t shift,
                        const int16_t *codes)
{
    const size_t per_group = conv->in_c / conv->groups;
    const bool long_runs = tile->layout->runs_per_row == 1;
    for (size_t tap = 0; tap < conv->kh * conv->kw; tap++) {
        const size_t run = long_runs ? tap / conv->kw : tap;
        const size_t start = long_runs ? tap % conv->kw * conv->in_c + shift : shift;
        for (size_t c = 0; c < per_group; c++)
            put_weight(tile, lane, 0, run, start + c, codes[tap * per_group + c]);
    }
}

/* The same with Winograd's transform; `start`: what the positions' sums start from, LB_CONV_BLOCK apart. */
static void pack_filter_winograd(const packed_tile *tile, const lb_int_conv *conv, size_t lane,
                                 const int16_t *codes, int32_t *start)
{
    const lb_winograd_position *positions = lb_winograd_of(tile->method->winograd);
    const int largest_field = (1 << conv->acts.bits) - 1;
    for (size_t j = 0; j < tile->layout->positions; j++) {
        int64_t sum = 0;
        for (size_t ky = 0; ky < conv->kh; ky++)
            for (size_t c = 0; c < conv->in_c; c++) {
                int weight = 0;
                for (size_t kx = 0; kx < LB_WINOGRAD_TAPS; kx++)
                    weight += positions[j].weight[kx] *
                              codes[(ky * LB_WINOGRAD_TAPS + kx) * conv->in_c + c];
                put_weight(tile, lane, j, ky, c, weight);
                sum += weight;
            }
        if (!tile->method->has_sign)
            start[j * LB_CONV_BLOCK] = (int32_t)(-sum * positions[j].bias * largest_field);
    }
}

static int64_t sum_of(const int16_t *codes, size_t n)
{
    int64_t sum = 0;
    for (size_t i = 0; i < n; i++) sum += codes[i];
    return sum;
}

void lb_multiply_pack(const lb_multiply_method *method, const lb_int_conv *conv,
                      const int16_t *codes, void *packed)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    const size_t per_group = conv->in_c / conv->groups, taps = conv->kh * conv->kw * per_group;
    /* the code that rows of fields hold as 0 */
    const int zero = conv->acts.offset + conv->acts.step * lb_multiply_field_shift(method, conv);
    uint8_t *bytes = packed;
    memset(packed, 0, lb_multiply_weight_bytes(method, conv));
    for (size_t f = 0; f < conv->filters; f += method->tile) {
        const size_t end = tile_end(method, conv, f);
        const packed_tile tile = {method, &l, bytes + lb_multiply_weights_at(&l, f),
                                  round_up(end - f, method->round)};
        const size_t first_channel = lb_multiply_first_channel(method, conv, &l, f);
        int32_t *constants = (int32_t *)(void *)(bytes + lb_multiply_constants_at(&l, f));
        for (size_t i = f; i < end; i++) {
            const int16_t *of_filter = codes + i * taps;
            int32_t *constant = constants + i % LB_CONV_BLOCK;
            if (method->code_bytes == 1) *constant = (int32_t)(zero * sum_of(of_filter, taps));
            if (method->winograd) {
                pack_filter_winograd(&tile, conv, i - f, of_filter, constant + LB_CONV_BLOCK);
            } else {
                const size_t shift = group_of(conv, i) * per_group - first_channel;
                pack_filter(&tile, conv, i - f, shift, of_filter);
            }
        }
    }
}

size_t lb_multiply_row_bytes(const lb_multiply_method *method, const lb_int_conv *conv)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    const size_t past = method->step * method->code_bytes + LB_CONV_ALIGN;
    if (method->winograd) return parts_of(conv->out_w, l.outputs) * l.block_pitch + past;
    return lb_conv_row_pixels(conv) * l.run_pitch + past;
}

/* ---- ranges ---- */

/* The largest size of what rows hold at a position, and of weights. */
static int largest_input(const lb_multiply_method *method, const lb_int_conv *conv, size_t position)
{
    const int field = (1 << conv->acts.bits) - 1;
    if (!method->winograd) return lb_multiply_field_shift(method, conv) ? 128 : field;
    const lb_winograd_position *p = lb_winograd_of(method->winograd) + position;
    if (!method->has_sign) return p->range * field;
    const int above = p->range - p->bias, below = p->bias;
    return (above > below ? above : below) * field;
}

static int largest_weight(const lb_multiply_method *method, const lb_int_conv *conv,
                          size_t position)
{
    const int growth = method->winograd ? lb_winograd_of(method->winograd)[position].growth : 1;
    return growth * (conv->max_weight > 0 ? conv->max_weight : 1);
}

size_t lb_multiply_longest(const lb_multiply_method *method, const lb_int_conv *conv,
                           size_t position)
{
    if (method->products == 0) return SIZE_MAX;
    const size_t input = (size_t)largest_input(method, conv, position);
    const size_t product = input * (size_t)largest_weight(method, conv, position);
    return product > 0 ? INT16_MAX / (product * method->products) : SIZE_MAX;
}

size_t lb_multiply_steps_of_stretch(const lb_multiply_method *method, const lb_int_conv *conv,
                                    size_t position, size_t filters)
{
    const size_t registers = method->tile / method->lanes, chunk_bytes = 6144 * registers;
    const size_t step_bytes = filters * method->step * method->code_bytes;
    const size_t fit = step_bytes > 0 ? chunk_bytes / step_bytes : 0;
    const size_t longest = lb_multiply_longest(method, conv, position);
    return longest < fit ? longest : fit;
}

static bool sums_below(const lb_int_conv *conv, uint64_t limit)
{
    const int low = lb_grid_low(conv->acts), high = lb_grid_high(conv->acts);
    const uint64_t act = (uint64_t)(-low > high ? -low : high);
    const uint64_t taps = (uint64_t)(conv->in_c / conv->groups * conv->kh * conv->kw);
    return taps * (uint64_t)conv->max_weight * act < limit;
}

/* What sums stay below: 2^31, or as conv_winograd.h proves. */
static uint64_t sum_limit(const lb_multiply_method *method)
{
    if (!method->winograd) return (uint64_t)1 << 31;
    return (uint64_t)1 << ((method->winograd == 2 ? 30 : 28) - (method->code_bytes == 1));
}

bool lb_multiply_supports(const lb_multiply_method *method, const lb_int_conv *conv,
                          const char **why)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    *why = "";
    if (method->winograd &&
        (conv->kw != LB_WINOGRAD_TAPS || conv->stride != 1 || conv->groups != 1)) {
        *why = "not 3 columns wide with stride 1 and one group";
    } else if (!sums_below(conv, sum_limit(method))) {
        *why = method->winograd ? "its sums may not fit when transformed"
                                : "its sums may not fit 32 bits";
    }
    for (size_t j = 0; j < l.positions && method->code_bytes == 1; j++) {
        /* only the lowest code of a grid can be -128, and transformed weights may have either sign */
        const int weight_max = method->winograd ? INT8_MAX : -INT8_MIN;
        const int input_max = method->has_sign ? INT8_MAX : UINT8_MAX;
        if (largest_weight(method, conv, j) > weight_max) {
            *why = "its weights may not fit a byte";
        } else if (method->winograd && largest_input(method, conv, j) > input_max) {
            *why = "its transformed activations may not fit a byte";
        } else if (lb_multiply_longest(method, conv, j) == 0) {
            *why = "its products may not fit 16 bits";
        }
    }
    return !**why;
}

/* ---- costs ---- */

size_t lb_multiply_rows_at_once(const lb_int_conv *conv)
{
    enum { PIXELS = 96 };
    const size_t rows = conv->out_w < PIXELS ? PIXELS / conv->out_w : 1;
    return rows < conv->out_h ? rows : conv->out_h;
}

/* How often the sums of a block are taken up, over all positions. */
static size_t stretches_of(const lb_multiply_method *method, const lb_int_conv *conv,
                           const lb_multiply_layout *l)
{
    const size_t rounded = round_up(conv->filters, method->round);
    const size_t filters = rounded < method->tile ? rounded : method->tile;
    size_t stretches = 0;
    for (size_t j = 0; j < l->positions; j++) {
        const size_t most = lb_multiply_steps_of_stretch(method, conv, j, filters);
        if (most == 0 || l->steps == 0) return 0; /* no inputs, or not supported */
        const size_t whole = most / l->steps;
        stretches += whole > 0 ? parts_of(l->runs, whole) : l->runs * parts_of(l->steps, most);
    }
    return stretches;
}

/* Nanoseconds that an output pixel's share of reading the weights takes: each call reads them all, from
 * memory (or a cache as slow) where they are many, else from a nearer cache. */
static double weight_reads(const lb_multiply_method *method, double calls_a_pixel,
                           const lb_int_conv *conv)
{
    const double bytes = (double)lb_multiply_weight_bytes(method, conv);
    const double near_bytes = 1.5e6, bytes_a_ns = bytes > near_bytes ? 29.0 : 100.0;
    return bytes * calls_a_pixel / bytes_a_ns;
}

double lb_multiply_cost(const lb_multiply_method *method, const lb_int_conv *conv)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    const lb_multiply_speed *speed = &method->speed;
    const double filters = (double)round_up(conv->filters, method->round);
    const double blocks = (double)parts_of(conv->out_w, l.outputs) / (double)conv->out_w;
    const size_t filter_codes = l.filter_bytes / method->code_bytes;
    const double products = filters * blocks * (double)filter_codes;
    const double stretches = blocks * (double)stretches_of(method, conv, &l);
    const double inputs = (double)(conv->stride * conv->stride * conv->in_c);
    const double call = 150.0; /* to begin a call */
    const double calls = (double)parts_of(conv->out_h, lb_multiply_rows_at_once(conv)) /
                         (double)(conv->out_h * conv->out_w);
    const double compute = calls * call + products * 2.0 / speed->gops +
                           filters * (stretches * speed->stretch + speed->output) + speed->pixel +
                           inputs * speed->input;
    const double read = weight_reads(method, calls, conv), half_hidden = compute + 0.5 * read;
    const size_t macs = conv->filters * conv->kh * conv->kw * (conv->in_c / conv->groups);
    return (half_hidden > read ? half_hidden : read) / (double)macs;
}
