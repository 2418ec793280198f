/* Reading the images of a data set, wherever they are, and what is told of them as a whole. */
#include <math.h>
#include <omp.h>
#include <string.h>

#include "data/dataset.h"

enum { SAMPLE = 1000, CHECKED_AT_ONCE = 4096 };

static const lb_crop_draw at_centre = {.crop = LB_CROP_CENTRE};

static size_t image_bytes(const lb_dataset *d)
{
    return d->channels * d->height * d->width;
}

void lb_dataset_fit(lb_dataset *dataset, lb_image_shape wanted)
{
    if (dataset->stream == NULL || wanted.channels != 3 || wanted.height != wanted.width ||
        wanted.height == 0 || wanted.height > LB_IMAGE_MAX_SIDE) {
        return;
    }
    lb_stream_set_size(dataset->stream, wanted.height);
    dataset->height = dataset->width = wanted.height;
}

static lb_status read_image(const lb_dataset *d, size_t index, lb_view_work *work, uint8_t *pixels)
{
    if (d->stream != NULL) return lb_stream_read(d->stream, index, at_centre, work, pixels);
    memcpy(pixels, lb_dataset_image(d, index), image_bytes(d));
    return LB_OK;
}

lb_status lb_dataset_read(const lb_dataset *dataset, size_t index, uint8_t *pixels)
{
    lb_view_work work = {0};
    lb_assert(index < dataset->count);
    const lb_status status = read_image(dataset, index, &work, pixels);
    lb_view_work_release(&work);
    return status;
}

/* Read images [first, first + n) of a stream in parallel. pixels: room for all of them, or NULL: each thread
 * has one image of its own, that is looked at no more. was_read: (n). */
static lb_status read_parallel(const lb_dataset *d, size_t first, size_t n, uint8_t *pixels,
                               bool *was_read)
{
    bool no_memory = false;
#pragma omp parallel
    {
        lb_view_work work = {0};
        lb_buffer own = {0};
        bool failed = pixels == NULL && lb_buffer_reserve(&own, image_bytes(d), "image") != LB_OK;
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < n; i++) {
            if (failed) continue;
            uint8_t *to = pixels != NULL ? pixels + i * image_bytes(d) : own.data;
            const lb_status status = read_image(d, first + i, &work, to);
            was_read[i] = status == LB_OK;
            failed = status == LB_E_NOMEM;
        }
        if (failed) {
#pragma omp atomic write
            no_memory = true;
        }
        lb_buffer_release(&own);
        lb_view_work_release(&work);
    }
    return no_memory ? lb_fail(LB_E_NOMEM, "no memory to decode images") : LB_OK;
}

lb_status lb_dataset_read_batch(const lb_dataset *d, size_t first, size_t n, uint8_t *pixels,
                                uint16_t *labels, size_t *n_read)
{
    const size_t bytes = image_bytes(d);
    lb_assert(first + n <= d->count);
    if (d->stream == NULL) {
        memcpy(pixels, d->images + first * bytes, n * bytes);
        memcpy(labels, d->labels + first, n * sizeof *labels);
        *n_read = n;
        return LB_OK;
    }
    void *block = NULL;
    LB_TRY(lb_alloc(n, sizeof(bool), "images", &block));
    bool *was_read = block;
    size_t kept = 0;
    const lb_status status = read_parallel(d, first, n, pixels, was_read);
    for (size_t i = 0; status == LB_OK && i < n; i++) {
        if (!was_read[i]) continue;
        if (kept < i) memcpy(pixels + kept * bytes, pixels + i * bytes, bytes);
        labels[kept++] = d->labels[first + i];
    }
    lb_free(block);
    if (status == LB_OK) *n_read = kept;
    return status;
}

/* ---- images that cannot be read -------------------------------------------------------------- */

size_t lb_dataset_unreadable(const lb_dataset *dataset)
{
    return dataset->stream != NULL ? lb_stream_unreadable(dataset->stream) : 0;
}

bool lb_dataset_take_message(const lb_dataset *dataset, char *text, size_t bytes)
{
    return dataset->stream != NULL && lb_stream_take_message(dataset->stream, text, bytes);
}

void lb_dataset_report(const lb_dataset *dataset,
                       void (*report)(void *context, const char *message), void *context)
{
    char text[1024];
    while (lb_dataset_take_message(dataset, text, sizeof text)) {
        if (report != NULL) report(context, text);
    }
}

lb_status lb_dataset_check(const lb_dataset *dataset,
                           void (*report)(void *context, const char *message), void *context,
                           size_t *unreadable)
{
    void *block = NULL;
    LB_TRY(lb_alloc(CHECKED_AT_ONCE, sizeof(bool), "images", &block));
    lb_status status = LB_OK;
    const size_t count = dataset->stream != NULL ? dataset->count : 0;
    for (size_t first = 0; status == LB_OK && first < count; first += CHECKED_AT_ONCE) {
        const size_t left = count - first, n = left < CHECKED_AT_ONCE ? left : CHECKED_AT_ONCE;
        status = read_parallel(dataset, first, n, NULL, block);
        lb_dataset_report(dataset, report, context);
    }
    lb_free(block);
    if (status == LB_OK) *unreadable = lb_dataset_unreadable(dataset);
    return status;
}

/* ---- figures of all images ------------------------------------------------------------------- */

typedef struct sums {
    size_t images;
    uint64_t sum[LB_IMAGE_MAX_CHANNELS], squares[LB_IMAGE_MAX_CHANNELS];
} sums;

static void add_image(const lb_dataset *d, const uint8_t *image, sums *s)
{
    const size_t pixels = d->height * d->width;
    for (size_t c = 0; c < d->channels; c++) {
        uint64_t sum = 0, squares = 0;
        for (size_t k = 0; k < pixels; k++) {
            const uint32_t p = image[c * pixels + k];
            sum += p;
            squares += p * p;
        }
        s->sum[c] += sum;
        s->squares[c] += squares;
    }
    s->images++;
}

static lb_status add_sample(const lb_dataset *d, sums *s)
{
    const size_t n = d->count < SAMPLE ? d->count : SAMPLE;
    lb_view_work work = {0};
    lb_buffer image = {0};
    lb_status status = lb_buffer_reserve(&image, image_bytes(d), "image");
    for (size_t i = 0; i < n && status != LB_E_NOMEM; i++) {
        status = read_image(d, i * d->count / n, &work, image.data);
        if (status == LB_OK) add_image(d, image.data, s);
    }
    lb_view_work_release(&work);
    lb_buffer_release(&image);
    if (status == LB_E_NOMEM) return status;
    return s->images > 0 ? LB_OK : lb_fail(LB_E_FORMAT, "none of the images can be read");
}

lb_status lb_dataset_statistics(const lb_dataset *dataset, double *mean, double *std)
{
    sums s = {0};
    if (dataset->stream != NULL) LB_TRY(add_sample(dataset, &s));
    for (size_t i = 0; dataset->stream == NULL && i < dataset->count; i++) {
        add_image(dataset, lb_dataset_image(dataset, i), &s);
    }
    const double n = (double)s.images * (double)(dataset->height * dataset->width);
    for (size_t c = 0; c < LB_IMAGE_MAX_CHANNELS; c++) {
        mean[c] = (double)s.sum[c] / n / 255.0;
        const double variance = (double)s.squares[c] / n / (255.0 * 255.0) - mean[c] * mean[c];
        std[c] = variance > 0.0 ? sqrt(variance) : 0.0; /* rounding can make it barely negative */
    }
    return LB_OK;
}

lb_status lb_dataset_standard_normalization(const lb_dataset *dataset, lb_normalization *out)
{
    if (dataset->kind->published != NULL) {
        *out = *dataset->kind->published;
        return LB_OK;
    }
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    LB_TRY(lb_dataset_statistics(dataset, mean, std));
    *out = (lb_normalization){.raw_codes = false};
    for (size_t c = 0; c < dataset->channels; c++) {
        out->mean[c] = (float)mean[c];
        out->std[c] = std[c] > 0.0 ? (float)std[c] : 1.0f;
    }
    return LB_OK;
}
