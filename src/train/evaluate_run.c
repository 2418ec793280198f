/* Evaluation: of a network on a loader's images, and of a run on a data set's test images. */
#include <omp.h>

#include "base/clock.h"
#include "base/thread_count.h"
#include "data/dataset.h"
#include "train/run.h"
#include "train/tally.h"

enum { BATCH = 100 };

lb_status lb_evaluate(const lb_evaluation_task *e, lb_evaluation *out)
{
    LB_TRY(e->backend->freeze_weights(e->executor));
    LB_TRY(lb_loader_start(e->loader, 0, 0));
    lb_tally tally = {.loss = e->loss, .classes = e->classes};
    double seconds = 0.0;
    for (;;) {
        if (e->stopped != NULL && e->stopped())
            return lb_fail(LB_E_INTERRUPTED, "evaluation stopped");
        const lb_batch *batch = NULL;
        LB_TRY(lb_loader_next(e->loader, &batch));
        if (batch == NULL) break;
        const double start = lb_seconds();
        LB_TRY(e->backend->evaluate(e->executor, batch->images, batch->n, e->logits));
        seconds += lb_seconds() - start;
        lb_tally_add(&tally, e->logits, batch->labels, batch->n);
    }
    if (tally.images == 0) return lb_fail(LB_E_FORMAT, "none of the images can be read");
    *out = lb_tally_result(&tally);
    out->seconds = seconds;
    return LB_OK;
}

/* ---- of a run -------------------------------------------------------------------------------- */

lb_status lb_run_check_data(const lb_run_facts *facts, const lb_dataset *data)
{
    lb_dataset_info info;
    lb_dataset_get_info(data, &info);
    const lb_image_shape s = facts->shape;
    if (info.channels != s.channels || info.height != s.height || info.width != s.width) {
        return lb_fail(
            LB_E_SHAPE, "%s has images of %zux%zux%zu, the run was trained on %zux%zux%zu",
            info.name, info.channels, info.height, info.width, s.channels, s.height, s.width);
    }
    if (info.classes != facts->classes) {
        return lb_fail(LB_E_ARG, "%s has %zu classes, the run was trained on %zu", info.name,
                       info.classes, facts->classes);
    }
    return LB_OK;
}

static lb_status evaluate_with(lb_run *run, const lb_backend *backend, int threads,
                               const lb_dataset *data, lb_evaluation *out)
{
    lb_evaluation_task e = {
        .backend = backend, .loss = run->net.loss, .classes = run->facts.classes};
    const lb_executor_options options = {.batch = BATCH, .threads = threads, .inference = true};
    const lb_loader_options loading = {.batch = BATCH, .normalization = run->facts.normalization};
    void *block = NULL;
    lb_status status = lb_alloc(BATCH, e.classes * sizeof(float), "logits", &block);
    e.logits = block;
    if (status == LB_OK) status = lb_loader_create(data, &loading, &e.loader);
    if (status == LB_OK) status = backend->create(&run->net, &options, &e.executor);
    if (status == LB_OK) status = lb_evaluate(&e, out);
    if (e.executor != NULL) backend->destroy(e.executor);
    lb_loader_destroy(e.loader);
    lb_free(block);
    return status;
}

lb_status lb_run_open_data(const lb_run *run, const char *spec, lb_dataset **out)
{
    if (spec == NULL) spec = lb_settings_value(run->settings, LB_KEY_DATA);
    lb_dataset *data = NULL;
    LB_TRY(lb_dataset_open(spec, LB_SPLIT_TEST, &data));
    lb_dataset_fit(data, run->facts.shape);
    const lb_status status = lb_run_check_data(&run->facts, data);
    if (status == LB_OK) {
        *out = data;
    } else {
        lb_dataset_close(data);
    }
    return status;
}

static lb_status open_and_evaluate(lb_run *run, const lb_evaluate_options *options,
                                   const lb_backend *backend, int threads, lb_evaluation *out)
{
    lb_dataset *data = NULL;
    LB_TRY(lb_run_open_data(run, options->data, &data));
    const lb_status status = evaluate_with(run, backend, threads, data, out);
    lb_dataset_report(data, options->report, options->context);
    if (status == LB_OK) out->unreadable = lb_dataset_unreadable(data);
    lb_dataset_close(data);
    return status;
}

lb_status lb_evaluate_run(const char *path, const lb_evaluate_options *options, lb_evaluation *out)
{
    static const lb_evaluate_options standard = {0};
    if (options == NULL) options = &standard;
    const lb_backend *backend = NULL;
    LB_TRY(lb_backend_choose(options->backend, &backend));
    int threads = 0;
    LB_TRY(lb_thread_count(options->threads, &threads));
    const int threads_before = omp_get_max_threads();
    omp_set_num_threads(threads);
    lb_run run;
    lb_status status = lb_run_open(path, &run);
    if (status == LB_OK) status = open_and_evaluate(&run, options, backend, threads, out);
    lb_run_release(&run);
    omp_set_num_threads(threads_before);
    return status;
}
