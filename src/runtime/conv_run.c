#include "runtime/conv_run.h"

#include <stdlib.h>
#include <string.h>

#include "runtime/conv_thresholds.h"

/* Sums that what follows them takes at once, where rows are short: enough to make calls cheap, few enough to
 * stay in the first-level cache with what is made of them. */
enum { FINISHED_AT_ONCE = 1024 };

static size_t aligned(size_t bytes)
{
    return (bytes + LB_CONV_ALIGN - 1) / LB_CONV_ALIGN * LB_CONV_ALIGN;
}

void lb_conv_read_array(const void *array, size_t first, size_t n, int16_t *codes)
{
    const lb_conv_array *from = array;
    memcpy(codes, from->codes + first * from->filter_size, n * from->filter_size * sizeof *codes);
}

/* ---- borders ---- */

/* How many of a window's `size` taps lie before the first and after the last of `inside` pixels. */
static void clip_window(size_t at, size_t size, size_t pad, size_t inside, size_t *before,
                        size_t *after)
{
    *before = at < pad ? pad - at : 0;
    *after = at + size > pad + inside ? at + size - pad - inside : 0;
    if (*before > size) *before = size;
    if (*after > size) *after = size;
}

/* Cut a row of outputs where the columns outside change; NULL: count only. */
static size_t cut_row(const lb_conv_plan *plan, lb_conv_stretch *stretches)
{
    const lb_int_conv *c = &plan->conv;
    lb_conv_stretch last = {0};
    size_t n = 0;
    for (size_t x = 0; x < c->out_w; x++) {
        size_t left = 0, right = 0;
        if (plan->corrects_borders)
            clip_window(x * c->stride, c->kw, c->pad_left, c->in_w, &left, &right);
        if (x == 0 || left != last.left || right != last.right) {
            last = (lb_conv_stretch){.first = x, .left = left, .right = right};
            n++;
        }
        last.pixels++;
        if (stretches) stretches[n - 1] = last;
    }
    return n;
}

static bool reaches_outside(const lb_int_conv *c)
{
    return c->pad_top > 0 || c->pad_left > 0 ||
           (c->out_h - 1) * c->stride + c->kh > c->pad_top + c->in_h ||
           (c->out_w - 1) * c->stride + c->kw > c->pad_left + c->in_w;
}

/* start[f] += correction of one tap, for filters [begin, end). */
static void take_back(const lb_conv_plan *plan, size_t tap, size_t begin, size_t end,
                      int32_t *start)
{
    const size_t at = tap * lb_conv_padded_filters(&plan->conv);
    if (plan->wide_corrections) {
        const int32_t *of_tap = (const int32_t *)plan->corrections + at;
        for (size_t f = begin; f < end; f++) start[f] += of_tap[f];
    } else {
        const int16_t *of_tap = (const int16_t *)plan->corrections + at;
        for (size_t f = begin; f < end; f++) start[f] += of_tap[f];
    }
}

/* start[f] = sum of the corrections of the taps outside, for filters [begin, end). */
static void correct(const lb_conv_plan *plan, size_t top, size_t bottom, size_t left, size_t right,
                    size_t begin, size_t end, int32_t *start)
{
    const size_t kh = plan->conv.kh, kw = plan->conv.kw;
    memset(start + begin, 0, (end - begin) * sizeof *start);
    for (size_t y = 0; y < kh; y++)
        for (size_t x = 0; x < kw; x++) {
            if (y >= top && y < kh - bottom && x >= left && x < kw - right) continue;
            take_back(plan, y * kw + x, begin, end, start);
        }
}

/* ---- creation ---- */

/* What each tap of filters [first, first + n) gave outside the map: its weights times the code of field 0. */
static void correct_taps(lb_conv_plan *plan, size_t first, size_t n, const int16_t *codes)
{
    const lb_int_conv *c = &plan->conv;
    const size_t taps = c->kh * c->kw, channels = c->in_c / c->groups;
    for (size_t f = first; f < first + n; f++)
        for (size_t tap = 0; tap < taps; tap++) {
            int32_t sum = 0;
            for (size_t i = 0; i < channels; i++) sum += *codes++;
            const size_t at = tap * lb_conv_padded_filters(c) + f;
            const int32_t correction = -sum * c->acts.offset;
            if (plan->wide_corrections)
                ((int32_t *)plan->corrections)[at] = correction;
            else
                ((int16_t *)plan->corrections)[at] = (int16_t)correction;
        }
}

static lb_status prepare_borders(lb_conv_plan *plan, lb_arena *arena)
{
    const lb_int_conv *c = &plan->conv;
    plan->corrects_borders = !lb_grid_has_zero(c->acts) && reaches_outside(c);
    plan->n_stretches = cut_row(plan, NULL);
    LB_TRY(lb_arena_alloc(arena, plan->n_stretches, sizeof *plan->stretches, "borders",
                          (void **)&plan->stretches));
    (void)cut_row(plan, plan->stretches);
    if (!plan->corrects_borders) return LB_OK;
    const size_t code = (size_t)(c->acts.offset < 0 ? -c->acts.offset : c->acts.offset);
    plan->wide_corrections = c->in_c / c->groups * (size_t)c->max_weight * code > INT16_MAX;
    const size_t count = c->kh * c->kw * lb_conv_padded_filters(c);
    const size_t bytes = plan->wide_corrections ? sizeof(int32_t) : sizeof(int16_t);
    LB_TRY(lb_arena_alloc(arena, count, bytes, "corrections of borders", &plan->corrections));
    plan->bytes += count * bytes;
    return LB_OK;
}

/* Filters of a block that can be packed alone; all of them where there is no such. */
static size_t block_of(const lb_int_conv *conv, const lb_conv_kernel *kernel)
{
    const size_t block = kernel->block_filters > 0 ? kernel->block_filters : LB_CONV_BLOCK;
    const bool by_blocks = kernel->by_blocks && conv->groups == 1 && conv->terms == 1;
    return by_blocks && conv->filters >= 2 * block ? block : conv->filters;
}

size_t lb_conv_filters_at_once(const lb_int_conv *conv, const lb_conv_kernel *kernel)
{
    const size_t block = block_of(conv, kernel);
    return block + conv->filters % block; /* the rest goes with the last block */
}

/* Codes that are not zero, where the convolution has them counted. */
static size_t count_nonzero(const lb_int_conv *conv, const int16_t *codes, size_t n)
{
    size_t nonzero = 0;
    for (size_t i = 0; i < n && conv->nonzero > 0; i++) nonzero += codes[i] != 0;
    return nonzero;
}

/* A block at a time: the codes of a large layer would need many times the memory of its packed weights. */
static lb_status pack_weights(lb_conv_plan *plan, const lb_conv_source *source)
{
    const lb_int_conv *c = &plan->conv;
    const size_t block = block_of(c, plan->kernel);
    const size_t at_once = lb_conv_filters_at_once(c, plan->kernel);
    lb_int_conv part = *c;
    char *to = plan->weights;
    const size_t filter_codes = c->kh * c->kw * (c->in_c / c->groups);
    int16_t *codes = NULL;
    LB_TRY(lb_alloc_pages(at_once, filter_codes * sizeof *codes, "weight codes", (void **)&codes));
    for (size_t f = 0; f < c->filters; f += part.filters) {
        const size_t left = c->filters - f;
        part.filters = left <= at_once ? left : block;
        source->read(source->user, f, part.filters, codes);
        if (plan->corrects_borders) correct_taps(plan, f, part.filters, codes);
        plan->kernel->pack(&part, codes, to);
        part.nonzero = count_nonzero(c, codes, part.filters * filter_codes);
        to += plan->kernel->weight_bytes(&part);
    }
    lb_free_pages(codes, at_once, filter_codes * sizeof *codes);
    return LB_OK;
}

static size_t sums_bytes(const lb_conv_plan *plan)
{
    return aligned(plan->sums_rows * plan->conv.out_w * plan->conv.filters * sizeof(int32_t));
}

static void plan_scratch(lb_conv_plan *plan)
{
    const lb_int_conv *c = &plan->conv;
    plan->rows_at_once = plan->kernel->rows_at_once ? plan->kernel->rows_at_once(c) : 1;
    plan->ring_rows = c->kh + (plan->rows_at_once - 1) * c->stride;
    plan->row_bytes = aligned(plan->kernel->row_bytes(c));
    plan->scratch_bytes = plan->ring_rows * plan->row_bytes;
    if (plan->corrects_borders)
        plan->scratch_bytes += plan->n_stretches * lb_conv_padded_filters(c) * sizeof(int32_t);
    if (plan->thresholds.bits == 0) {
        plan->sums_rows = FINISHED_AT_ONCE / (c->out_w * c->filters);
        if (plan->sums_rows > c->out_h) plan->sums_rows = c->out_h;
        if (plan->sums_rows < plan->rows_at_once) plan->sums_rows = plan->rows_at_once;
    }
    plan->scratch_bytes += sums_bytes(plan);
    if (plan->corrects_borders) plan->scratch_bytes += aligned(c->out_w * sizeof(void *));
    plan->scratch_bytes += aligned(plan->ring_rows * sizeof(void *));
}

lb_status lb_conv_plan_create(const lb_int_conv *conv, const lb_conv_kernel *kernel, unsigned isa,
                              const lb_thresholds *thresholds, const lb_conv_source *source,
                              lb_arena *arena, lb_conv_plan *out)
{
    const char *why = "";
    lb_conv_plan plan = {.conv = *conv, .kernel = kernel ? kernel : lb_conv_select(conv, isa)};
    if (!plan.kernel || !plan.kernel->supports(conv, &why))
        return lb_fail(LB_E_UNSUPPORTED, "kernel '%s' cannot compute this convolution: %s",
                       plan.kernel ? plan.kernel->name : "any", why);
    LB_TRY(prepare_borders(&plan, arena));
    if (thresholds) {
        LB_TRY(lb_conv_thresholds_lay_out(thresholds, conv->filters, arena, &plan.thresholds));
        plan.bytes += lb_conv_thresholds_bytes(&plan.thresholds);
    }
    const size_t weight_bytes = plan.kernel->weight_bytes(conv);
    LB_TRY(lb_arena_alloc(arena, weight_bytes, 1, "packed weights", &plan.weights));
    plan.bytes += weight_bytes;
    LB_TRY(pack_weights(&plan, source));
    plan_scratch(&plan);
    *out = plan;
    return LB_OK;
}

/* ---- running ---- */

/* The ring and what else a run keeps in its scratch. */
typedef struct conv_state {
    const lb_conv_job *job;
    char *ring;
    const void **rows;      /* [ring_rows]: those of one call's rows of outputs, top first */
    int32_t *start;         /* [stretches][padded filters], where borders are corrected */
    const int32_t **starts; /* [out_w], likewise: of each pixel of the row, NULL for none */
    int32_t *sums;          /* [sums_rows][out_w][filters] */
    size_t sums_row;        /* the row of outputs that the first of them is */
    size_t prepared;        /* rows of the padded map before this one are in the ring */
    size_t first, slot;     /* the first row of the last call's windows, and its slot */
    size_t top, bottom;
    bool has_start;
} conv_state;

static conv_state open_state(const lb_conv_job *job)
{
    const lb_conv_plan *plan = job->plan;
    char *at = job->scratch;
    conv_state state = {.job = job, .ring = at};
    at += plan->ring_rows * plan->row_bytes;
    if (plan->corrects_borders) {
        state.start = (int32_t *)(void *)at;
        at += plan->n_stretches * lb_conv_padded_filters(&plan->conv) * sizeof(int32_t);
    }
    if (plan->sums_rows > 0) state.sums = (int32_t *)(void *)at;
    at += sums_bytes(plan);
    if (plan->corrects_borders) {
        state.starts = (const int32_t **)(void *)at;
        at += aligned(plan->conv.out_w * sizeof(void *));
    }
    state.rows = (const void **)(void *)at;
    return state;
}

/* Prepare the rows that output rows [row, row + n) need and have not. Rows follow each other in the ring. */
static void slide(conv_state *state, size_t row, size_t n)
{
    const lb_conv_plan *plan = state->job->plan;
    const lb_int_conv *c = &plan->conv;
    const size_t in_row_bytes = c->in_w * lb_map_pixel_bytes(c->acts.bits, c->in_c);
    const size_t first = row * c->stride, end = first + c->kh + (n - 1) * c->stride;
    size_t slot = state->slot + first - state->first;
    while (slot >= plan->ring_rows) slot -= plan->ring_rows; /* a few times at most */
    state->first = first;
    state->slot = slot;
    for (size_t y = first; y < end; y++, slot++) {
        if (slot == plan->ring_rows) slot = 0;
        char *prepared = state->ring + slot * plan->row_bytes;
        state->rows[y - first] = prepared;
        if (y < state->prepared) continue;
        const bool inside = y >= c->pad_top && y - c->pad_top < c->in_h;
        const char *from =
            inside ? (const char *)state->job->in + (y - c->pad_top) * in_row_bytes : NULL;
        plan->kernel->prepare_row(c, from, prepared);
    }
    if (end > state->prepared) state->prepared = end;
}

/* How many rows of outputs from `row` on can be run together: those whose corrections are the same. */
static size_t rows_together(const lb_conv_job *job, size_t row)
{
    const lb_conv_plan *plan = job->plan;
    const lb_int_conv *c = &plan->conv;
    const size_t left = job->row_end - row;
    const size_t most = left < plan->rows_at_once ? left : plan->rows_at_once;
    if (!plan->corrects_borders) return most;
    size_t top, bottom, n = 1;
    clip_window(row * c->stride, c->kh, c->pad_top, c->in_h, &top, &bottom);
    for (; n < most; n++) {
        size_t next_top, next_bottom;
        clip_window((row + n) * c->stride, c->kh, c->pad_top, c->in_h, &next_top, &next_bottom);
        if (next_top != top || next_bottom != bottom) break;
    }
    return n;
}

/* Bring the corrections up to date with the rows outside at this row of outputs. */
static void correct_row(conv_state *state, size_t row)
{
    const lb_conv_job *job = state->job;
    const lb_conv_plan *plan = job->plan;
    const lb_int_conv *c = &plan->conv;
    size_t top, bottom;
    clip_window(row * c->stride, c->kh, c->pad_top, c->in_h, &top, &bottom);
    if (state->has_start && top == state->top && bottom == state->bottom) return;
    for (size_t s = 0; s < plan->n_stretches; s++) {
        const lb_conv_stretch *stretch = &plan->stretches[s];
        int32_t *start = state->start + s * lb_conv_padded_filters(c);
        const bool outside = top + bottom + stretch->left + stretch->right > 0;
        correct(plan, top, bottom, stretch->left, stretch->right, job->filter_begin,
                job->filter_end, start);
        for (size_t i = 0; i < stretch->pixels; i++)
            state->starts[stretch->first + i] = outside ? start : NULL;
    }
    state->top = top;
    state->bottom = bottom;
    state->has_start = true;
}

/* Pixels [first, first + pixels) of n rows, which start alike unless the kernel takes each its own way. */
static void run_pixels(const conv_state *state, size_t row, size_t n, size_t first, size_t pixels)
{
    const lb_conv_job *job = state->job;
    const lb_conv_plan *plan = job->plan;
    const lb_int_conv *c = &plan->conv;
    lb_conv_span span = {.rows = state->rows,
                         .first = first,
                         .pixels = pixels,
                         .more_rows = n - 1,
                         .filter_begin = job->filter_begin,
                         .filter_end = job->filter_end};
    if (plan->corrects_borders && plan->kernel->start_by_pixel)
        span.starts = state->starts + first;
    else if (plan->corrects_borders)
        span.start = state->starts[first];
    if (plan->thresholds.bits > 0) {
        const size_t pixel_bytes = lb_map_pixel_bytes(plan->thresholds.bits, c->filters);
        span.out.thresholds = &plan->thresholds;
        span.out.codes = (uint8_t *)job->out + (row * c->out_w + first) * pixel_bytes;
    } else {
        span.out.sums = state->sums + ((row - state->sums_row) * c->out_w + first) * c->filters;
    }
    plan->kernel->run_row(c, plan->weights, &span);
}

static void run_rows(conv_state *state, size_t row, size_t n)
{
    const lb_conv_plan *plan = state->job->plan;
    if (plan->corrects_borders) correct_row(state, row);
    if (plan->kernel->start_by_pixel) {
        run_pixels(state, row, n, 0, plan->conv.out_w);
        return;
    }
    for (size_t s = 0; s < plan->n_stretches; s++)
        run_pixels(state, row, n, plan->stretches[s].first, plan->stretches[s].pixels);
}

void lb_conv_run(const lb_conv_job *job)
{
    const lb_conv_plan *plan = job->plan;
    conv_state state = open_state(job);
    state.sums_row = job->row_begin;
    state.first = job->row_begin * plan->conv.stride;
    for (size_t row = job->row_begin, n; row < job->row_end; row += n) {
        n = rows_together(job, row);
        slide(&state, row, n);
        run_rows(&state, row, n);
        if (plan->sums_rows == 0) continue;
        const size_t done = row + n - state.sums_row;
        if (row + n < job->row_end && done + plan->rows_at_once <= plan->sums_rows) continue;
        job->finish(job->user, state.sums_row, done, state.sums);
        state.sums_row += done;
    }
}
