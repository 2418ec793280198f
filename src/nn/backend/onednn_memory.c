/* Who lives when, and where.
 *
 * A buffer that is written and read within one region is local: each thread has a chunk of it, and its place is
 * free again after its last reader. The others hold the whole batch; two of them share memory where no region
 * needs both. Offsets: largest buffers first, each at the lowest place that is free for as long as it lives. */
#include <stdlib.h>
#include <string.h>

#include "nn/backend/onednn.h"

size_t lb_cell_bytes(lb_cell cell, size_t values)
{
    switch (cell) {
    case LB_CELL_I16:
    case LB_CELL_BF16: return values * 2;
    case LB_CELL_U8:
    case LB_CELL_S8: return values;
    case LB_CELL_BIT: return (values + 63) / 64 * 8;
    default: return values * sizeof(float);
    }
}

lb_status lb_buffer_add(lb_executor *e, lb_cell cell, size_t values, int *out)
{
    if (e->n_buffers == e->buffer_capacity) {
        const size_t wanted = e->buffer_capacity ? 2 * e->buffer_capacity : 256;
        lb_buffer *larger = NULL;
        LB_TRY(lb_executor_alloc(e, wanted, sizeof *larger, "buffers", &larger));
        if (e->n_buffers > 0) memcpy(larger, e->buffers, e->n_buffers * sizeof *larger);
        e->buffers = larger;
        e->buffer_capacity = wanted;
    }
    e->buffers[e->n_buffers] = (lb_buffer){
        .cell = cell, .image_bytes = lb_cell_bytes(cell, values), .first = -1, .last = -1};
    *out = (int)e->n_buffers++;
    return LB_OK;
}

static void touch(lb_executor *e, int buffer, int operation)
{
    if (buffer < 0) return;
    lb_buffer *b = &e->buffers[buffer];
    if (b->first < 0) b->first = operation;
    b->last = operation;
}

static void touch_all(lb_executor *e)
{
    for (size_t i = 0; i < e->n_operations; i++) {
        const lb_operation *op = &e->operations[i];
        touch(e, op->in[0], (int)i);
        if (op->kind != LB_OPERATION_CONCAT_BACKWARD && op->kind != LB_OPERATION_POOL_BACKWARD &&
            op->kind != LB_OPERATION_SUBSAMPLE_BACKWARD &&
            op->kind != LB_OPERATION_FLATTEN_BACKWARD) {
            touch(e, op->in[1], (int)i);
        }
        touch(e, op->out, (int)i);
        touch(e, op->aux, (int)i);
        if (!op->pass) continue;
        for (int k = 0; k < op->pass->n_registers; k++)
            touch(e, op->pass->registers[k].buffer, (int)i);
        for (size_t k = 0; k < op->pass->n_steps; k++) {
            touch(e, op->pass->steps[k].buffer, (int)i);
            touch(e, op->pass->steps[k].bits, (int)i);
        }
    }
}

static void find_chunks(lb_executor *e)
{
    for (size_t r = 0; r < e->n_regions; r++) {
        lb_region *region = &e->regions[r];
        region->chunk = e->group;
        for (int i = region->first; i < region->end; i++) {
            if (e->operations[i].chunk > region->chunk) region->chunk = e->operations[i].chunk;
        }
    }
}

static int region_of(const lb_executor *e, int operation)
{
    return e->operations[operation].region;
}

static bool meet(const lb_executor *e, const lb_buffer *a, const lb_buffer *b)
{
    if (a->local) return a->first <= b->last && b->first <= a->last;
    return region_of(e, a->first) <= region_of(e, b->last) &&
           region_of(e, b->first) <= region_of(e, a->last);
}

static size_t whole_bytes(const lb_executor *e, const lb_buffer *b)
{
    const size_t images = b->local ? e->regions[region_of(e, b->first)].chunk : e->options.batch;
    return (b->image_bytes * images + LB_ALIGN - 1) / LB_ALIGN * LB_ALIGN;
}

typedef struct placed {
    lb_buffer *buffer;
    size_t bytes;
} placed;

static int larger_first(const void *a, const void *b)
{
    const placed *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->buffer < y->buffer ? -1 : 1;
}

/* The lowest offset at which buffer i meets none of those before it. */
static size_t lowest_place(const lb_executor *e, const placed *all, size_t i)
{
    size_t offset = 0;
    for (bool moved = true; moved;) {
        moved = false;
        for (size_t k = 0; k < i; k++) {
            const lb_buffer *other = all[k].buffer;
            const bool apart =
                other->offset >= offset + all[i].bytes || offset >= other->offset + all[k].bytes;
            if (!apart && meet(e, all[i].buffer, other)) {
                offset = other->offset + all[k].bytes;
                moved = true;
            }
        }
    }
    return offset;
}

static size_t lay_out(lb_executor *e, placed *all, bool local)
{
    size_t n = 0, total = 0;
    for (size_t i = 0; i < e->n_buffers; i++) {
        lb_buffer *b = &e->buffers[i];
        if (b->first < 0 || b->local != local) continue;
        all[n++] = (placed){.buffer = b, .bytes = whole_bytes(e, b)};
    }
    qsort(all, n, sizeof *all, larger_first);
    for (size_t i = 0; i < n; i++) {
        all[i].buffer->offset = lowest_place(e, all, i);
        const size_t end = all[i].buffer->offset + all[i].bytes;
        if (end > total) total = end;
    }
    return total;
}

static lb_status allocate(lb_executor *e)
{
    const size_t threads = (size_t)e->options.threads;
    LB_TRY(lb_executor_alloc(e, e->maps_bytes, 1, "maps of a training step", &e->maps));
    for (size_t t = 0; t < threads; t++) {
        LB_TRY(lb_executor_alloc(e, e->local_bytes, 1, "maps of a chunk", &e->local[t]));
        LB_TRY(lb_executor_alloc(e, e->tile_floats + 3 * e->largest_period, sizeof(float), "tiles",
                                 &e->tiles[t]));
        LB_TRY(lb_executor_alloc(e, e->scratch_bytes, 1, "oneDNN's scratchpad", &e->scratch[t]));
    }
    return LB_OK;
}

lb_status lb_memory_plan(lb_executor *e)
{
    touch_all(e);
    find_chunks(e);
    for (size_t i = 0; i < e->n_buffers; i++) {
        lb_buffer *b = &e->buffers[i];
        b->local = b->first >= 0 && region_of(e, b->first) == region_of(e, b->last) &&
                   !e->operations[b->first].whole;
    }
    placed *all = NULL;
    LB_TRY(lb_executor_alloc(e, e->n_buffers, sizeof *all, "the memory plan", &all));
    e->maps_bytes = lay_out(e, all, false);
    e->local_bytes = lay_out(e, all, true);
    return allocate(e);
}

bool lb_buffer_survives(const lb_executor *e, int buffer)
{
    const lb_buffer *b = &e->buffers[buffer];
    if (b->first < 0 || b->local) return false;
    const size_t end = b->offset + whole_bytes(e, b);
    for (size_t i = 0; i < e->n_buffers; i++) {
        const lb_buffer *other = &e->buffers[i];
        if (other == b || other->first < 0 || other->local || other->first < b->first) continue;
        if (other->offset < end && b->offset < other->offset + whole_bytes(e, other)) return false;
    }
    return true;
}
