/* A teacher in inference mode. It sees the pixels that the run in training sees, after the same augmentation; where
 * the two were normalized otherwise (a first layer on raw pixels), values go back to pixels, whole numbers, and
 * from there to what the teacher knows. */
#include "train/teacher.h"

#include <math.h>
#include <string.h>

#include "train/run_folder.h"

static lb_status check(const char *run, const lb_run_facts *teacher, const lb_run_facts *own)
{
    const lb_image_shape a = teacher->shape, b = own->shape;
    if (a.channels != b.channels || a.height != b.height || a.width != b.width)
        return lb_fail(LB_E_SHAPE,
                       "teacher %s was trained on images of %zux%zux%zu, this run has %zux%zux%zu",
                       run, a.channels, a.height, a.width, b.channels, b.height, b.width);
    if (teacher->classes != own->classes)
        return lb_fail(LB_E_ARG, "teacher %s knows %zu classes, this run has %zu", run,
                       teacher->classes, own->classes);
    return LB_OK;
}

static bool same_normalization(const lb_run_facts *a, const lb_run_facts *b)
{
    const lb_normalization *m = &a->normalization, *n = &b->normalization;
    bool same = m->raw_codes == n->raw_codes;
    for (size_t c = 0; c < a->shape.channels && !m->raw_codes; c++)
        same = same && m->mean[c] == n->mean[c] && m->std[c] == n->std[c];
    return same;
}

static lb_status prepare(const lb_train_config *config, const lb_run_facts *facts, lb_teacher *t)
{
    const size_t values = lb_shape_count(t->run.net.input);
    const lb_executor_options options = {
        .batch = config->batch, .threads = config->threads, .inference = true};
    void *block = NULL;
    t->backend = config->backend;
    LB_TRY(t->backend->create(&t->run.net, &options, &t->executor));
    LB_TRY(lb_alloc(config->batch * facts->classes, sizeof(float), "teacher's logits", &block));
    t->logits = block;
    t->normalization = facts->normalization;
    if (!same_normalization(&t->run.facts, facts)) {
        LB_TRY(lb_alloc(config->batch * values, sizeof(float), "teacher's images", &block));
        t->images = block;
    }
    return t->backend->freeze_weights(t->executor);
}

lb_status lb_teacher_open(const char *run, const lb_train_config *config, const lb_run_facts *facts,
                          char sha256[LB_SHA256_TEXT_BYTES], lb_teacher *out)
{
    char *path = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    lb_status status = lb_run_open(path, &out->run);
    if (status == LB_OK) status = check(run, &out->run.facts, facts);
    if (status == LB_OK) status = lb_run_check_finite(path, &out->run.net);
    if (status == LB_OK) status = prepare(config, facts, out);
    if (status == LB_OK) status = lb_sha256_file(path, sha256);
    lb_free(path);
    return status;
}

void lb_teacher_release(lb_teacher *t)
{
    if (t->executor != NULL) t->backend->destroy(t->executor);
    lb_free(t->logits);
    lb_free(t->images);
    if (t->run.settings != NULL) lb_run_release(&t->run);
    *t = (lb_teacher){0};
}

static double pixel_of(const lb_normalization *n, size_t channel, float x)
{
    if (n->raw_codes) return rint(128.0 * (double)x + 128.0);
    return rint(255.0 * ((double)x * (double)n->std[channel] + (double)n->mean[channel]));
}

static float value_of(const lb_normalization *n, size_t channel, double pixel)
{
    if (n->raw_codes) return (float)((pixel - 128.0) / 128.0);
    return (float)((pixel / 255.0 - (double)n->mean[channel]) / (double)n->std[channel]);
}

static void translate(lb_teacher *t, size_t n, const float *images)
{
    const lb_image_shape s = t->run.facts.shape;
    const size_t pixels = s.height * s.width, values = n * s.channels * pixels;
    for (size_t i = 0; i < values; i++) {
        const size_t c = i / pixels % s.channels;
        t->images[i] =
            value_of(&t->run.facts.normalization, c, pixel_of(&t->normalization, c, images[i]));
    }
}

lb_status lb_teacher_ask(lb_teacher *t, size_t n, const float *images)
{
    if (t->images != NULL) {
        translate(t, n, images);
        images = t->images;
    }
    return t->backend->evaluate(t->executor, images, n, t->logits);
}
