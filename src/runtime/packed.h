/* A packed network laid out for this machine: what opening makes and contexts run. */
#ifndef LB_RUNTIME_PACKED_H
#define LB_RUNTIME_PACKED_H

#include "lowbit/runtime.h"
#include "runtime/conv_run.h"
#include "runtime/float_conv.h"
#include "runtime/map_rows.h"

/* Where a layer's pieces lie in a thread's scratch. */
typedef struct lb_scratch_plan {
    size_t kernel; /* of lb_conv_run or lb_float_conv_row */
    size_t
        sums; /* a row of float sums, where they cannot lie in the map; by parts: rows of a window's sums */
    size_t values; /* a row of the map before ENCODE */
    size_t other;  /* a row of the second input */
    size_t input;  /* rows of the first input as values */
    size_t fields; /* of a row, of the output or of an input */
    size_t bytes;
} lb_scratch_plan;

/* How a layer is run. */
typedef struct lb_layer_plan {
    const lb_int_layer *layer;
    const lb_int_map *in[2];
    bool integer; /* CONV: `conv`, else `float_conv` */
    lb_conv_plan conv;
    lb_float_conv float_conv;
    lb_post_kind post;         /* of CONV and EXPRESSION, as it is run */
    const void *pool_mask;     /* MAX_POOL: channels that take the smallest field: words or bytes */
    const uint8_t *zero_pixel; /* SUBSAMPLE: a pixel of value 0 */
    /* EXPRESSION layers right behind a CONV, with its map as their only input, run row by row with it,
     * while the row is in the cache. */
    size_t followers;
    bool follows;
    size_t rows_at_once; /* of a CONV's or EXPRESSION's map, that the scratch has room for */
    lb_scratch_plan scratch;
    double cost_ns; /* about, on one thread */
    lb_packed_layer info;
} lb_layer_plan;

struct lb_packed {
    lb_intnet net;
    lb_arena arena;
    unsigned isa;
    lb_layer_plan *layers;      /* [net.n_layers] */
    float (*pixel_values)[256]; /* [channels], where images are normalized */
    size_t scratch_bytes;       /* of one thread */
    size_t *offsets;            /* of each layer's map in a thread's block of maps */
    size_t maps_bytes;
    size_t file_bytes;
    size_t weight_bytes;
};

/**
 * Lay a network out that is in memory (bench).
 *
 * Ownership: as lb_packed_open; the network is borrowed for as long.
 * Errors:    as lb_packed_open, without those of files.
 */
LB_MUST_CHECK lb_status lb_packed_create(const lb_intnet *net, const lb_packed_options *options,
                                         lb_packed **out);

/* A part of a layer's work on one image. */
typedef struct lb_layer_task {
    const lb_packed *packed;
    size_t index; /* of the layer */
    const lb_layer_plan *plan;
    char *maps; /* map i lies at maps + offsets[i] */
    const size_t *offsets;
    char *scratch;
    size_t row_begin, row_end; /* of the map */
    size_t filter_begin,
        filter_end;     /* CONV: of its filters; all of them unless it was asked first */
    const float *image; /* INPUT: one of the two */
    const uint8_t *pixels;
} lb_layer_task;

/** Does a CONV layer run correctly on some of its filters at a time? */
bool lb_layer_splits_filters(const lb_layer_plan *plan);
/** Run the part. */
void lb_layer_task_run(const lb_layer_task *task);

/** Memory of a task's layer: its map, and its input's. */
void *lb_task_map(const lb_layer_task *task);
const void *lb_task_input(const lb_layer_task *task, size_t k);

/* ---- pieces of lb_layer_task_run and of opening ---- */

/** How a layer is run, in three steps. First: what is known without its weights. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_layer_plan_begin(lb_packed *packed, size_t index);
/** Of a CONV: choose its kernel, lay out weights and thresholds. Errors: LB_E_NOMEM; LB_E_UNSUPPORTED no
 *  kernel can compute it. */
LB_MUST_CHECK lb_status lb_layer_plan_weights(lb_packed *packed, size_t index);
/** Its scratch and what it costs; layers in their order. */
void lb_layer_plan_finish(lb_packed *packed, size_t index);

/** Where each map lies: offsets [n_layers], total bytes; all of them apart with `keep`. Errors:
 *  LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_plan_memory(const lb_packed *packed, bool keep, size_t *offsets,
                                       size_t *bytes);

/* The sums of some rows: one of the two. */
typedef struct lb_row_sums {
    const int32_t *integers; /* [pixels][filters] */
    const float *floats;
} lb_row_sums;
/** What follows the sums of `rows` rows of a CONV, at most plan->rows_at_once: to its map. Fills filters as
 *  the task says. */
void lb_rows_finish(const lb_layer_task *task, size_t row, size_t rows, lb_row_sums sums);
/** Where the float sums of a row belong: straight in the map where they can stay there. */
float *lb_row_float_sums(const lb_layer_task *task, size_t row);
/** Rows of an EXPRESSION, at most plan->rows_at_once. */
void lb_rows_express(const lb_layer_task *task, size_t row, size_t rows);

void lb_run_conv(const lb_layer_task *task);
/** The job of a CONV whose plan is that of its parts (lb_conv_runs_by_parts): `finish` gets the layer's own
 *  sums, a row at a time. */
void lb_run_parts(const lb_layer_task *task, const lb_conv_job *job);
void lb_run_max_pool(const lb_layer_task *task);
void lb_run_average_pool(const lb_layer_task *task);
void lb_run_concat(const lb_layer_task *task);
void lb_run_subsample(const lb_layer_task *task);
void lb_run_input(const lb_layer_task *task);

#endif
