/* The memory of a context. */
#ifndef LB_RUNTIME_CONTEXT_H
#define LB_RUNTIME_CONTEXT_H

#include "runtime/packed.h"

/** Bytes of a context, its maps taking maps_bytes a thread. */
size_t lb_context_bytes(const lb_packed *packed, size_t threads, size_t maps_bytes);

/** Run one layer, not the first, as a run of n images would, on the maps that are in memory (bench).
 *  last: room for the logits of n images. */
void lb_context_run_layer(lb_context *context, size_t layer, size_t n, float *last);
/** Where a thread has the map of a layer; with one image all threads use those of thread 0. */
void *lb_context_map(const lb_context *context, size_t thread, size_t layer);

#endif
