/* Images that are read and decoded when they are asked for, and a record of those that cannot be.
 *
 * A store says where the bytes of an image are: image_index.c in files, image_cache.c in shards. */
#ifndef LB_DATA_STREAM_H
#define LB_DATA_STREAM_H

#include "data/image_view.h"

/* Where the images of one split lie. */
typedef struct lb_image_store {
    /* The bytes of an image, in work->file or in the store's own memory. Errors: LB_E_IO, LB_E_FORMAT,
     * LB_E_NOMEM. */
    lb_status (*fetch)(const struct lb_image_store *store, size_t index, lb_view_work *work,
                       lb_view_source *out);
    void (*destroy)(struct lb_image_store *store);
} lb_image_store;

typedef struct lb_stream lb_stream;

/**
 * Make a stream of the `count` images of a store.
 *
 * Ownership: takes the store, also on failure.
 * Errors:    LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_stream_create(lb_image_store *store, size_t count, bool square,
                                         lb_stream **out);
void lb_stream_destroy(lb_stream *stream);

/** Give out images of size x size from now on. Threads: nobody reads meanwhile. */
void lb_stream_set_size(lb_stream *stream, size_t size);
const lb_image_view *lb_stream_view(const lb_stream *stream);

/**
 * Read one image. pixels: uint8 (3, size, size).
 *
 * Errors:  LB_E_FORMAT damaged, LB_E_IO cannot be read: the image is recorded as unreadable, and is not
 *          tried again; LB_E_NOMEM.
 * Threads: any number, each with its own `work`.
 */
LB_MUST_CHECK lb_status lb_stream_read(lb_stream *stream, size_t index, lb_crop_draw draw,
                                       lb_view_work *work, uint8_t *pixels);

/** As lb_stream_read, of the whole image with its short edge (or both) resized to `edge`; see
 *  lb_view_make_whole. */
LB_MUST_CHECK lb_status lb_stream_read_whole(lb_stream *stream, size_t index, size_t edge,
                                             lb_view_work *work, size_t *height, size_t *width,
                                             uint8_t **pixels);

/** Images that could not be read so far. */
size_t lb_stream_unreadable(lb_stream *stream);
/** Take the next message about an unreadable image that nobody has taken; false: none. */
bool lb_stream_take_message(lb_stream *stream, char *text, size_t bytes);

#endif
