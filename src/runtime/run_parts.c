/* Sums by kernel row or position. The parts of the kernel have been run as kernels of one row (one position) over
 * rows of the input map; the sums of a window are picked from those of the rows and pixels that it covers, and
 * stay 0 where it covers padding. */
#include <string.h>

#include "runtime/layer_weights.h"
#include "runtime/packed.h"

/* Rows of outputs that are being put together: row y in slot y % kh. */
typedef struct gathering {
    const lb_conv_job *job; /* the layer's */
    const lb_int_layer *layer;
    int32_t *ring;
    size_t row_values; /* sums of a row of outputs */
    size_t next;       /* the row of outputs that is finished next */
} gathering;

static int32_t *slot_of(const gathering *g, size_t row)
{
    return g->ring + row % g->layer->window.kh * g->row_values;
}

/* Hand the next row of outputs over and leave its slot empty. */
static void finish_row(gathering *g)
{
    int32_t *sums = slot_of(g, g->next);
    g->job->finish(g->job->user, g->next, 1, sums);
    memset(sums, 0, g->row_values * sizeof *sums);
    g->next++;
}

/* Sum `term` of a row of outputs from that of a row of parts, whose window is moved by `column`. */
static void pick(const gathering *g, size_t term, size_t column, const int32_t *parts,
                 int32_t *sums)
{
    const lb_int_layer *l = g->layer;
    const lb_window *w = &l->window;
    const lb_int_conv *c = &g->job->plan->conv;
    const bool by_row = l->weights.sums == LB_SUMS_ROW; /* the parts have the outputs' columns */
    const size_t channels = l->map.shape.c;
    for (size_t x = 0; x < l->map.shape.w; x++) {
        const size_t from = by_row ? x : x * w->stride + column - w->pad_left;
        if (from >= c->out_w) continue; /* before the first, too */
        memcpy(sums + x * c->filters + term * channels, parts + from * c->filters + term * channels,
               channels * sizeof *sums);
    }
}

/* Rows of parts, those of rows [row, row + rows) of the input. */
static void gather(void *user, size_t row, size_t rows, const int32_t *sums)
{
    gathering *g = user;
    const lb_int_layer *l = g->layer;
    const lb_window *w = &l->window;
    const lb_int_conv *c = &g->job->plan->conv;
    const size_t columns = l->weights.sums == LB_SUMS_ROW ? 1 : w->kw;
    for (size_t y = row + w->pad_top; rows > 0; y++, rows--, sums += c->out_w * c->filters) {
        while (g->next < g->job->row_end && g->next * w->stride + w->kh <= y) finish_row(g);
        for (size_t out = g->next; out < g->job->row_end && out * w->stride <= y; out++) {
            const size_t ky = y - out * w->stride;
            for (size_t kx = 0; kx < columns; kx++)
                pick(g, ky * columns + kx, kx, sums, slot_of(g, out));
        }
    }
}

/* The row of the input that row y of the padded map is, or the nearest one's edge. */
static size_t inside(const gathering *g, size_t y)
{
    const size_t top = g->layer->window.pad_top, height = g->job->plan->conv.in_h;
    if (y < top) return 0;
    return y - top < height ? y - top : height;
}

void lb_run_parts(const lb_layer_task *task, const lb_conv_job *job)
{
    const lb_int_layer *l = task->plan->layer;
    gathering g = {.job = job,
                   .layer = l,
                   .ring = (int32_t *)(void *)(task->scratch + task->plan->scratch.sums),
                   .row_values = l->map.shape.w * job->plan->conv.filters,
                   .next = job->row_begin};
    memset(g.ring, 0, l->window.kh * g.row_values * sizeof *g.ring);
    lb_conv_job parts = *job;
    parts.row_begin = inside(&g, job->row_begin * l->window.stride);
    parts.row_end = inside(&g, (job->row_end - 1) * l->window.stride + l->window.kh);
    parts.finish = gather;
    parts.user = &g;
    if (parts.row_begin < parts.row_end) lb_conv_run(&parts);
    while (g.next < job->row_end) finish_row(&g);
}
