/* A packed network on a data set's test images; counted as training counts. */
#include <omp.h>
#include <string.h>

#include "base/clock.h"
#include "base/safetensors.h"
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

static lb_status evaluate(const lb_packed *packed, const lb_packed_info *info, int threads,
                          const lb_dataset *data, lb_evaluation *out)
{
    const lb_context_options options = {.threads = threads};
    const size_t values = info->channels * info->height * info->width;
    const bool hinge = strcmp(info->loss, "squared-hinge") == 0;
    lb_tally tally = {.loss = hinge ? LB_LOSS_SQUARED_HINGE : LB_LOSS_CROSS_ENTROPY,
                      .classes = info->classes};
    lb_context *context = NULL;
    float *logits = NULL;
    double seconds = 0.0;
    LB_TRY(lb_alloc(BATCH, info->classes * sizeof *logits, "logits", (void **)&logits));
    const lb_status status = lb_context_create(packed, &options, &context);
    for (size_t first = 0; status == LB_OK && first < data->count; first += BATCH) {
        const size_t left = data->count - first, n = left < BATCH ? left : BATCH;
        const double start = lb_seconds();
        lb_context_run_pixels(context, data->images + first * values, n, logits);
        seconds += lb_seconds() - start;
        lb_tally_add(&tally, logits, data->labels + first, n);
    }
    lb_context_destroy(context);
    lb_free(logits);
    if (status != LB_OK) return status;
    *out = lb_tally_result(&tally); /* a data set has at least one image */
    out->seconds = seconds;
    return LB_OK;
}

lb_status lb_evaluate_packed(const char *path, const lb_evaluate_options *options,
                             lb_evaluation *out)
{
    static const lb_evaluate_options standard = {0};
    if (options == NULL) options = &standard;
    const lb_packed_options opening = {.isa = options->isa};
    const int threads = options->threads > 0 ? options->threads : omp_get_max_threads();
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
    if (status == LB_OK) status = check_data(&info, data);
    if (status == LB_OK) status = evaluate(packed, &info, threads, data, out);
    lb_dataset_close(data);
    lb_packed_close(packed);
    return status;
}
