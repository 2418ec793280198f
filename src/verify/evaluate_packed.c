/* A packed network on a data set's test images; counted as training counts. */
#include <string.h>

#include "base/clock.h"
#include "base/safetensors.h"
#include "base/thread_count.h"
#include "data/dataset.h"
#include "lowbit/deploy.h"
#include "lowbit/runtime.h"
#include "train/tally.h"

enum { BATCH = 100 };

static lb_status check_data(const lb_packed_info *info, const lb_dataset *data)
{
    const char *name = data->kind->entry.name;
    if (data->channels != info->channels || data->height != info->height ||
        data->width != info->width) {
        return lb_fail(LB_E_SHAPE, "%s has images of %zux%zux%zu, the network takes %zux%zux%zu",
                       name, data->channels, data->height, data->width, info->channels,
                       info->height, info->width);
    }
    if (data->classes != info->classes) {
        return lb_fail(LB_E_ARG, "%s has %zu classes, the network tells %zu apart", name,
                       data->classes, info->classes);
    }
    return LB_OK;
}

/* Memory for a batch; pixels and labels are for streams only. */
typedef struct batch {
    float *logits;
    uint8_t *pixels;
    uint16_t *labels;
} batch;

static lb_status make_batch(const lb_dataset *data, const lb_packed_info *info, batch *b)
{
    const size_t values = info->channels * info->height * info->width;
    LB_TRY(lb_alloc(BATCH, info->classes * sizeof *b->logits, "logits", (void **)&b->logits));
    if (data->stream == NULL) return LB_OK;
    LB_TRY(lb_alloc(BATCH, values, "images", (void **)&b->pixels));
    return lb_alloc(BATCH, sizeof *b->labels, "labels", (void **)&b->labels);
}

static void release_batch(batch *b)
{
    lb_free(b->logits);
    lb_free(b->pixels);
    lb_free(b->labels);
}

static lb_status evaluate(const lb_packed *packed, const lb_packed_info *info, int threads,
                          const lb_dataset *data, lb_evaluation *out)
{
    const lb_context_options options = {.threads = threads};
    const size_t values = info->channels * info->height * info->width;
    const bool hinge = strcmp(info->loss, "squared-hinge") == 0;
    lb_tally tally = {.loss = hinge ? LB_LOSS_SQUARED_HINGE : LB_LOSS_CROSS_ENTROPY,
                      .classes = info->classes};
    lb_context *context = NULL;
    batch b = {.pixels = NULL};
    double seconds = 0.0;
    lb_status status = make_batch(data, info, &b);
    if (status == LB_OK) status = lb_context_create(packed, &options, &context);
    for (size_t first = 0; status == LB_OK && first < data->count; first += BATCH) {
        const size_t left = data->count - first;
        size_t n = left < BATCH ? left : BATCH;
        const uint8_t *pixels = b.pixels;
        const uint16_t *labels = b.labels;
        if (data->stream != NULL) {
            status = lb_dataset_read_batch(data, first, n, b.pixels, b.labels, &n);
        } else {
            pixels = data->images + first * values;
            labels = data->labels + first;
        }
        if (status != LB_OK || n == 0) continue;
        const double start = lb_seconds();
        lb_context_run_pixels(context, pixels, n, b.logits);
        seconds += lb_seconds() - start;
        lb_tally_add(&tally, b.logits, labels, n);
    }
    lb_context_destroy(context);
    release_batch(&b);
    if (status == LB_OK && tally.images == 0)
        status = lb_fail(LB_E_FORMAT, "none of the images can be read");
    if (status != LB_OK) return status;
    *out = lb_tally_result(&tally);
    out->seconds = seconds;
    return LB_OK;
}

lb_status lb_evaluate_packed(const char *path, const lb_evaluate_options *options,
                             lb_evaluation *out)
{
    static const lb_evaluate_options standard = {0};
    if (options == NULL) options = &standard;
    const lb_packed_options opening = {.isa = options->isa};
    int threads = 0;
    LB_TRY(lb_thread_count(options->threads, &threads));
    lb_packed *packed = NULL;
    lb_dataset *data = NULL;
    LB_TRY(lb_packed_open(path, &opening, &packed));
    lb_packed_info info;
    lb_packed_get_info(packed, &info);
    const char *spec = options->data != NULL ? options->data : info.data;
    lb_status status = LB_OK;
    if (spec[0] == '\0') {
        status = lb_fail(LB_E_ARG, "%s does not say what it was trained on; name a data set", path);
    }
    if (status == LB_OK) status = lb_dataset_open(spec, LB_SPLIT_TEST, &data);
    if (status == LB_OK) {
        lb_dataset_fit(data, (lb_image_shape){info.channels, info.height, info.width});
        status = check_data(&info, data);
    }
    if (status == LB_OK) status = evaluate(packed, &info, threads, data, out);
    if (data != NULL) lb_dataset_report(data, options->report, options->context);
    if (status == LB_OK) out->unreadable = lb_dataset_unreadable(data);
    lb_dataset_close(data);
    lb_packed_close(packed);
    return status;
}
