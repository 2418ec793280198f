/* Images that are read and decoded when they are asked for. */
#include "data/stream.h"

#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "base/memory.h"

enum { STANDARD_SIZE = 224, MESSAGES_KEPT = 1000 };

/* A message that waits to be taken. */
typedef struct message {
    struct message *next;
    char *text;
} message;

struct lb_stream {
    lb_image_store *store;
    size_t count;
    lb_image_view view;

    /* Under the lock. */
    pthread_mutex_t lock;
    uint8_t *is_bad; /* (count) */
    size_t n_bad, n_messages;
    message *first, *last;
};

lb_status lb_stream_create(lb_image_store *store, size_t count, bool square, lb_stream **out)
{
    void *block = NULL, *flags = NULL;
    lb_status status = lb_alloc(1, sizeof(lb_stream), "images", &block);
    if (status == LB_OK) status = lb_alloc(count, 1, "images", &flags);
    lb_stream *stream = block;
    if (status == LB_OK && pthread_mutex_init(&stream->lock, NULL) != 0) {
        status = lb_fail(LB_E_NOMEM, "cannot make a lock for the images");
    }
    if (status != LB_OK) {
        lb_free(flags);
        lb_free(block);
        store->destroy(store);
        return status;
    }
    stream->store = store;
    stream->count = count;
    stream->is_bad = flags;
    stream->view.square = square;
    lb_stream_set_size(stream, STANDARD_SIZE);
    *out = stream;
    return LB_OK;
}

static void destroy_message(message *m)
{
    lb_free(m->text);
    lb_free(m);
}

void lb_stream_destroy(lb_stream *stream)
{
    if (stream == NULL) return;
    while (stream->first != NULL) {
        message *next = stream->first->next;
        destroy_message(stream->first);
        stream->first = next;
    }
    pthread_mutex_destroy(&stream->lock);
    stream->store->destroy(stream->store);
    lb_free(stream->is_bad);
    lb_free(stream);
}

void lb_stream_set_size(lb_stream *stream, size_t size)
{
    stream->view.size = size;
    stream->view.edge = lb_view_edge(size);
}

const lb_image_view *lb_stream_view(const lb_stream *stream)
{
    return &stream->view;
}

/* ---- unreadable images ----------------------------------------------------------------------- */

static bool is_bad(lb_stream *stream, size_t index)
{
    pthread_mutex_lock(&stream->lock);
    const bool bad = stream->is_bad[index] != 0;
    pthread_mutex_unlock(&stream->lock);
    return bad;
}

/* Keep this thread's message; where there is no memory for it, only the count tells. */
static message *copy_message(void)
{
    void *block = NULL;
    if (lb_alloc(1, sizeof(message), "message", &block) != LB_OK) return NULL;
    message *m = block;
    if (lb_strdup(lb_error(), &m->text) == LB_OK) return m;
    lb_free(m);
    return NULL;
}

/* Record an image that cannot be read, with this thread's message. */
static void note(lb_stream *stream, size_t index)
{
    pthread_mutex_lock(&stream->lock);
    if (stream->is_bad[index] == 0) {
        stream->is_bad[index] = 1;
        stream->n_bad++;
        message *m = stream->n_messages < MESSAGES_KEPT ? copy_message() : NULL;
        if (m != NULL) {
            if (stream->last != NULL) stream->last->next = m;
            if (stream->first == NULL) stream->first = m;
            stream->last = m;
            stream->n_messages++;
        }
    }
    pthread_mutex_unlock(&stream->lock);
}

size_t lb_stream_unreadable(lb_stream *stream)
{
    pthread_mutex_lock(&stream->lock);
    const size_t n = stream->n_bad;
    pthread_mutex_unlock(&stream->lock);
    return n;
}

bool lb_stream_take_message(lb_stream *stream, char *text, size_t bytes)
{
    pthread_mutex_lock(&stream->lock);
    message *m = stream->first;
    if (m != NULL) {
        stream->first = m->next;
        if (stream->first == NULL) stream->last = NULL;
        stream->n_messages--;
    }
    pthread_mutex_unlock(&stream->lock);
    if (m == NULL) return false;
    (void)snprintf(text, bytes, "%s", m->text);
    destroy_message(m);
    return true;
}

/* ---- reading --------------------------------------------------------------------------------- */

static lb_status fetch(lb_stream *stream, size_t index, lb_view_work *work, lb_view_source *out)
{
    if (is_bad(stream, index)) {
        return lb_fail(LB_E_FORMAT, "image %zu could not be read before", index);
    }
    return stream->store->fetch(stream->store, index, work, out);
}

static lb_status noted(lb_stream *stream, size_t index, lb_status status)
{
    if (status == LB_E_FORMAT || status == LB_E_IO) note(stream, index);
    return status;
}

lb_status lb_stream_read(lb_stream *stream, size_t index, lb_crop_draw draw, lb_view_work *work,
                         uint8_t *pixels)
{
    lb_view_source source;
    lb_status status = fetch(stream, index, work, &source);
    if (status == LB_OK) status = lb_view_make(&stream->view, &source, draw, work, pixels);
    return noted(stream, index, status);
}

lb_status lb_stream_read_whole(lb_stream *stream, size_t index, size_t edge, lb_view_work *work,
                               size_t *height, size_t *width, uint8_t **pixels)
{
    const lb_image_view whole = {.edge = edge, .square = stream->view.square};
    lb_view_source source;
    lb_status status = fetch(stream, index, work, &source);
    if (status == LB_OK) {
        status = lb_view_make_whole(&whole, &source, work, height, width, pixels);
    }
    return noted(stream, index, status);
}
