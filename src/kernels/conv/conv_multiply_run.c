/* The loops of the kernels that multiply codes, around the functions of their instruction sets: see
 * conv_multiply.h. */
#include "kernels/conv/conv_multiply.h"

#include "kernels/conv/conv_winograd.h"

enum { SUMS_MAX = 4608 }; /* of a strip: 18 KB */

/* The sums of one position, from s.start and s.weights on, of a tile of `filters`. */
static void add_window(const lb_multiply_method *method, const lb_multiply_layout *l,
                       size_t filters, size_t most, lb_multiply_stretch s, int32_t *sums)
{
    lb_multiply_add_fn *const add = method->add[filters / method->lanes];
    const size_t codes_bytes = method->step * method->code_bytes,
                 step_bytes = filters * codes_bytes;
    const size_t start = s.offset;
    if (l->steps == 0 || most == 0) return; /* no inputs, or not supported */
    if (most >= l->steps) {
        s.n_steps = l->steps;
        for (s.run = 0; s.run < l->runs; s.run += s.n_runs) {
            const size_t left = l->runs - s.run, whole = most / l->steps;
            s.n_runs = left < whole ? left : whole;
            add(&s, sums);
            s.start = NULL;
            s.weights += s.n_runs * s.n_steps * step_bytes;
        }
        return;
    }
    const size_t parts = (l->steps + most - 1) / most, part = (l->steps + parts - 1) / parts;
    s.n_runs = 1;
    for (s.run = 0; s.run < l->runs; s.run++) {
        for (size_t k = 0; k < l->steps; k += part) {
            s.n_steps = l->steps - k < part ? l->steps - k : part;
            s.offset = start + k * codes_bytes;
            add(&s, sums);
            s.start = NULL;
            s.weights += s.n_steps * step_bytes;
        }
    }
}

/* How many blocks of a row a span meets. */
static size_t blocks_of_row(const lb_conv_span *span, size_t outputs)
{
    return (span->first + span->pixels + outputs - 1) / outputs - span->first / outputs;
}

/* The blocks of a span, row after row, from number `begin` on. */
static void fill_strip(const lb_int_conv *conv, const lb_multiply_layout *l,
                       const lb_conv_span *span, size_t begin, size_t most,
                       lb_multiply_strip *strip)
{
    const size_t first = span->first / l->outputs, per_row = blocks_of_row(span, l->outputs);
    const size_t end = per_row * (span->more_rows + 1), last = span->first + span->pixels;
    strip->n = end - begin < most ? end - begin : most;
    size_t row = begin / per_row, block = begin % per_row;
    for (size_t i = 0; i < strip->n; i++) {
        const size_t x = (first + block) * l->outputs;
        const size_t skip = x < span->first ? span->first - x : 0;
        const size_t column = x + skip - span->first;
        strip->row[i] = (uint32_t)(row * conv->stride);
        strip->offset[i] = (uint32_t)((first + block) * l->block_pitch);
        strip->column[i] = (uint32_t)column;
        strip->pixel[i] = (uint32_t)(row * conv->out_w + column);
        strip->first[i] = (uint8_t)skip;
        strip->end[i] = (uint8_t)(last - x < l->outputs ? last - x : l->outputs);
        if (++block == per_row) {
            block = 0;
            row++;
        }
    }
}

/* A tile of filters. */
typedef struct tile {
    size_t f, filters; /* filters: rounded up, up to those of a tile */
    const int32_t *constants;
    const uint8_t *weights;
    size_t most[LB_WINOGRAD_POSITIONS_MAX]; /* steps of a stretch, for each position */
} tile;

/* The outputs of a strip, of one tile; `s` is at the first channel that the tile sees. */
static void run_strip(const lb_multiply_method *method, const lb_int_conv *conv,
                      const lb_multiply_layout *l, const tile *t, lb_multiply_stretch s,
                      const lb_conv_span *span, const lb_conv_sink *sink)
{
    static const int32_t zero[LB_CONV_BLOCK];
    int32_t sums[SUMS_MAX] __attribute__((aligned(LB_CONV_ALIGN)));
    const size_t start = s.offset, pitch = method->strip * method->tile;
    const size_t position_bytes = t->filters * l->filter_bytes / l->positions;
    const bool biased = method->winograd && !method->has_sign;
    for (size_t j = 0; j < l->positions; j++) {
        s.start = biased ? t->constants + (j + 1) * LB_CONV_BLOCK : zero;
        s.offset = start + j * l->run_pitch;
        s.weights = t->weights + j * position_bytes;
        add_window(method, l, t->filters, t->most[j], s, sums + j * pitch);
    }
    const lb_multiply_outputs outputs = {
        .span = span,
        .sink = sink,
        .strip = s.strip,
        .tile = method->tile,
        .f = t->f,
        .filters = t->filters,
        .outputs = l->outputs,
        .position_pitch = pitch,
        .scale = (uint32_t)(method->code_bytes == 1 ? conv->acts.step : 1),
        .constants = t->constants,
        .sums = sums,
    };
    method->put(&outputs);
}

/* The tile that begins with filter f. */
static void open_tile(const lb_multiply_method *method, const lb_int_conv *conv,
                      const lb_multiply_layout *l, const uint8_t *packed, size_t f, tile *t)
{
    const size_t left = (conv->filters - f + method->round - 1) / method->round * method->round;
    const size_t filters = left < method->tile ? left : method->tile;
    if (filters != t->filters) {
        t->filters = filters;
        for (size_t j = 0; j < l->positions; j++)
            t->most[j] = lb_multiply_steps_of_stretch(method, conv, j, filters);
    }
    t->f = f;
    t->constants = (const int32_t *)(const void *)(packed + lb_multiply_constants_at(l, f));
    t->constants += f % LB_CONV_BLOCK;
    t->weights = packed + lb_multiply_weights_at(l, f);
}

void lb_multiply_run_row(const lb_multiply_method *method, const lb_int_conv *conv,
                         const void *packed, const lb_conv_span *span)
{
    const lb_multiply_layout l = lb_multiply_layout_of(method, conv);
    const lb_conv_sink sink = lb_conv_sink_open(conv, span);
    const size_t blocks = blocks_of_row(span, l.outputs) * (span->more_rows + 1);
    tile t = {.filters = 0};
    lb_multiply_strip strip;
    size_t filled = blocks; /* the block that the strip begins with; at first none */
    for (size_t f = span->filter_begin; f < span->filter_end; f += method->tile) {
        open_tile(method, conv, &l, packed, f, &t);
        const lb_multiply_stretch s = {
            .rows = span->rows,
            .strip = &strip,
            .runs_per_row = l.runs_per_row,
            .run_pitch = l.run_pitch,
            .offset = lb_multiply_first_channel(method, conv, &l, f) * method->code_bytes,
        };
        for (size_t i = 0; i < blocks; i += method->strip) {
            if (i != filled) fill_strip(conv, &l, span, i, method->strip, &strip);
            filled = i;
            run_strip(method, conv, &l, &t, s, span, &sink);
        }
    }
}
