/* A convolution as one of the compared libraries computes it: stride 1, padding (kernel - 1) / 2, batch 1. */
#ifndef PEER_H
#define PEER_H

#include <stdbool.h>
#include <stddef.h>

typedef struct layer {
    size_t out, in, kernel, size; /* channels, window side, map side */
} layer;

/* Peers are the fastest of several candidates (memory layouts, algorithms). */
typedef struct peer {
    const char *name; /* "oneDNN float32" */
    /** Candidate number `candidate` for this layer, or NULL: it is not to be had; `*exists` false: nor are
     *  higher ones. */
    void *(*create)(const layer *layer, int threads, int candidate, bool *exists);
    void (*run)(void *state);
    void (*destroy)(void *state);
} peer;

extern const peer onednn_float, onednn_int8;
#ifdef HAVE_XNNPACK
extern const peer xnnpack_float, xnnpack_int8;
#endif

/** Print the message and exit with status 1. */
_Noreturn void give_up(const char *message);
/** n bytes aligned to a cache line, filled with small numbers, or the program ends. */
void *filled(size_t n);

#endif
