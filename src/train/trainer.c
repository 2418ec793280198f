/* Making a training run ready, and saving its state. */
#include "train/trainer.h"

#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/file.h"
#include "train/checkpoint.h"
#include "train/procedure.h"
#include "train/start_from.h"

enum { CONFIG_MAX_BYTES = 1 << 20 };

/* ---- settings and folder --------------------------------------------------------------------- */

/* The epochs of a run in stages say where they begin. */
static lb_status check_epochs(const lb_trainer *t)
{
    const char *given = t->settings->given[LB_KEY_EPOCHS];
    const char *before = t->settings->of_run[LB_KEY_EPOCHS];
    const bool stages = lb_procedure_of(&t->config) != &lb_procedure_plain;
    if (!stages || given == NULL || before == NULL || strcmp(given, before) == 0) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "%s was made with epochs %s, not %s; a resumed run in stages keeps them",
                   t->folder.path, before, given);
}

/* Settings that define a run are the same when it is resumed. */
static lb_status check_unchanged(const lb_trainer *t)
{
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        const char *given = t->settings->given[k];
        if (given == NULL || lb_setting_rules[k].role != LB_ROLE_DEFINES) continue;
        const char *before = t->settings->of_run[k];
        char *identity = NULL;
        if (k == LB_KEY_DATA) LB_TRY(lb_data_identity(given, &identity));
        const char *now = identity != NULL ? identity : given;
        const bool same = before != NULL && strcmp(before, now) == 0;
        lb_status status = LB_OK;
        if (!same) {
            status = lb_fail(LB_E_ARG,
                             "%s was made with %s %s, not %s; a resumed run may change epochs, "
                             "threads and backend only",
                             t->folder.path, lb_setting_table[k].key,
                             before != NULL ? before : "left open", now);
        }
        lb_free(identity);
        LB_TRY(status);
    }
    return LB_OK;
}

/* Settings of the run that is there, from its checkpoint or, before the first one, config.json. */
static lb_status read_description(lb_trainer *t, bool *found)
{
    *found = t->folder.has_last;
    if (t->folder.has_last) {
        lb_safetensors *file = NULL;
        LB_TRY(lb_checkpoint_open(t->folder.last, &file));
        const char *text = lb_safetensors_metadata(file, "run");
        lb_status status = LB_OK;
        if (text == NULL)
            status = lb_fail(LB_E_FORMAT, "%s: the run's description is missing", t->folder.last);
        if (status == LB_OK)
            status = lb_run_description_read(t->folder.last, text, t->settings, &t->facts);
        lb_safetensors_close(file);
        return status;
    }
    if (!lb_path_exists(t->folder.config)) return LB_OK;
    uint8_t *text = NULL;
    size_t bytes = 0;
    LB_TRY(lb_file_read(t->folder.config, CONFIG_MAX_BYTES, &text, &bytes));
    const lb_status status =
        lb_run_description_read(t->folder.config, (const char *)text, t->settings, &t->facts);
    lb_free(text);
    *found = true;
    return status;
}

static lb_status read_settings(lb_trainer *t, const lb_settings *settings)
{
    LB_TRY(lb_settings_copy(settings, &t->settings));
    const bool resume = strcmp(lb_settings_value(settings, LB_KEY_RESUME), "yes") == 0;
    const char *out = lb_settings_value(settings, LB_KEY_OUT);
    /* A folder that is named comes first: what it holds may complete the settings. */
    if (out == NULL || !resume) {
        LB_TRY(lb_train_config_read(t->settings, &t->config));
        LB_TRY(
            lb_run_folder_open(t->config.out, t->config.resume, t->config.overwrite, &t->folder));
        if (!resume) return LB_OK;
        lb_train_config_release(&t->config);
    } else {
        LB_TRY(lb_run_folder_open(out, true, false, &t->folder));
    }
    LB_TRY(read_description(t, &t->resumed));
    if (t->resumed) LB_TRY(check_unchanged(t));
    LB_TRY(lb_train_config_read(t->settings, &t->config));
    return check_epochs(t);
}

/* ---- data and network ------------------------------------------------------------------------ */

static lb_status check_data(const lb_trainer *t, const lb_dataset_info *info)
{
    const lb_run_facts *f = &t->facts;
    if (!t->folder.has_last) return LB_OK;
    if (f->images == info->count && f->classes == info->classes &&
        f->shape.channels == info->channels && f->shape.height == info->height &&
        f->shape.width == info->width) {
        return LB_OK;
    }
    return lb_fail(
        LB_E_ARG,
        "%s was trained on %zu images of %zux%zux%zu, %zu classes; this data set has %zu of "
        "%zux%zux%zu, %zu",
        t->folder.path, f->images, f->shape.channels, f->shape.height, f->shape.width, f->classes,
        info->count, info->channels, info->height, info->width, info->classes);
}

/* Open a split, with images of the size that is wanted. */
static lb_status open_split(const lb_trainer *t, lb_split split, lb_dataset **out)
{
    const size_t size = t->config.image_size;
    LB_TRY(lb_dataset_open(t->config.data, split, out));
    if (size == 0) return LB_OK;
    const lb_dataset *data = *out;
    if (data->stream == NULL) {
        return lb_fail(LB_E_ARG,
                       "image-size %zu, but %s has images of %zux%zu; imagenet and "
                       "imagenet-square have many sizes",
                       size, data->kind->entry.name, data->height, data->width);
    }
    lb_dataset_fit(*out, (lb_image_shape){3, size, size});
    return LB_OK;
}

static lb_status open_data(lb_trainer *t)
{
    LB_TRY(open_split(t, LB_SPLIT_TRAIN, &t->train_data));
    lb_dataset_info info;
    lb_dataset_get_info(t->train_data, &info);
    LB_TRY(check_data(t, &info));
    const size_t held_back = t->config.val_split;
    t->split = held_back > 0 ? "validation" : "test";
    if (held_back > 0) {
        void *block = NULL;
        LB_TRY(lb_alloc(info.count, sizeof *t->indices, "validation split", &block));
        t->indices = block;
        if (held_back >= info.count) {
            return lb_fail(LB_E_ARG, "val-split %zu, but %s has %zu training images", held_back,
                           info.name, info.count);
        }
        const size_t n_train = info.count - held_back;
        LB_TRY(lb_split_indices(info.count, held_back, t->config.seed, t->indices,
                                t->indices + n_train));
    } else {
        LB_TRY(open_split(t, LB_SPLIT_TEST, &t->test_data));
    }
    LB_TRY(lb_dataset_standard_normalization(t->train_data, &t->facts.normalization));
    t->facts.images = info.count;
    t->facts.shape = lb_dataset_shape(t->train_data);
    t->facts.classes = info.classes;
    return LB_OK;
}

static size_t count_parameters(const lb_net *net)
{
    size_t n = 0;
    for (size_t p = 0; p < net->n_params; p++) {
        if (net->params[p].grad != NULL) n += net->params[p].count;
    }
    return n;
}

static lb_status build_net(lb_trainer *t)
{
    const lb_image_shape shape = t->facts.shape;
    const lb_shape input = {.c = shape.channels, .h = shape.height, .w = shape.width};
    LB_TRY(lb_train_config_build(&t->config, input, t->facts.classes, &t->net));
    lb_quant_config quant;
    LB_TRY(lb_method_resolve(&t->config.method, &quant));
    t->facts.w_bits = quant.weights != NULL ? quant.weight_setting.bits : LB_FLOAT_BITS;
    t->facts.a_bits = quant.acts != NULL ? quant.act_setting.bits : LB_FLOAT_BITS;
    t->facts.parameters = count_parameters(&t->net);
    t->facts.normalization.raw_codes = t->net.raw_input;
    t->net.quantized_decay = t->config.quantized_decay;
    t->procedure = lb_procedure_of(&t->config);
    return t->procedure->check(&t->config, &t->net);
}

static lb_status make_loaders(lb_trainer *t)
{
    const lb_train_config *c = &t->config;
    lb_loader_options options = {
        .batch = c->batch,
        .workers = c->workers,
        .seed = c->seed,
        .normalization = t->facts.normalization,
        .shuffle = true,
        .drop_last = true,
        .indices = t->indices,
        .n_indices = t->indices != NULL ? t->facts.images - c->val_split : 0,
    };
    const size_t n_train = t->facts.images - c->val_split;
    if (c->batch > n_train) {
        return lb_fail(LB_E_ARG, "batch %zu, but there are %zu training images", c->batch, n_train);
    }
    const lb_augment standard = lb_dataset_standard_augment(t->train_data);
    LB_TRY(lb_augment_parse(c->augment, &standard, &options.augment));
    LB_TRY(lb_loader_create(t->train_data, &options, &t->loader));
    t->config.schedule.batches = lb_loader_batches(t->loader);

    options.augment = (lb_augment){0};
    options.shuffle = options.drop_last = false;
    if (t->indices != NULL) {
        options.indices = t->indices + n_train;
        options.n_indices = c->val_split;
    }
    const lb_dataset *data = t->indices != NULL ? t->train_data : t->test_data;
    return lb_loader_create(data, &options, &t->evaluator.loader);
}

static lb_status make_engine(lb_trainer *t, bool (*stopped)(void))
{
    const lb_train_config *c = &t->config;
    LB_TRY(lb_optimizer_init(&t->optimizer, &t->net, &c->optimizer));
    const lb_executor_options options = {.batch = c->batch,
                                         .threads = c->threads,
                                         .seed = c->seed,
                                         .gradient_bits = c->gradient_bits};
    LB_TRY(c->backend->create(&t->net, &options, &t->executor));
    lb_executor_options mixed = options;
    mixed.inference = mixed.mixed = true;
    if (t->procedure->mixes) LB_TRY(c->backend->create(&t->net, &mixed, &t->mixed));
    void *block = NULL;
    LB_TRY(lb_alloc(c->batch * t->facts.classes, sizeof(float), "logits", &block));
    t->evaluator.logits = block;
    t->evaluator.backend = c->backend;
    t->evaluator.executor = t->executor;
    t->evaluator.loss = c->loss;
    t->evaluator.classes = t->facts.classes;
    t->evaluator.stopped = stopped;
    return LB_OK;
}

/* ---- starting state -------------------------------------------------------------------------- */

static lb_status load_last(lb_trainer *t)
{
    const char *path = t->folder.last;
    lb_safetensors *file = NULL;
    LB_TRY(lb_checkpoint_open(path, &file));
    lb_status status = lb_checkpoint_load_net(path, file, LB_LOAD_EXACT, &t->net);
    if (status == LB_OK) status = lb_checkpoint_load_moments(path, file, &t->optimizer);
    const char *text = lb_safetensors_metadata(file, "progress");
    if (status == LB_OK && text == NULL)
        status = lb_fail(LB_E_FORMAT, "%s: 'progress' is missing", path);
    if (status == LB_OK) status = lb_progress_read(path, text, &t->progress);
    lb_safetensors_close(file);
    if (status == LB_OK && t->progress.batch > lb_loader_batches(t->loader)) {
        status = lb_fail(LB_E_FORMAT, "%s: it stands at batch %zu of %zu", path, t->progress.batch,
                         lb_loader_batches(t->loader));
    }
    const size_t begun = t->progress.epoch + (t->progress.batch > 0);
    if (status == LB_OK && t->procedure->epochs(&t->config, &t->progress) < begun) {
        status = lb_fail(LB_E_ARG, "%s has begun %zu epochs; epochs %zu: wanted %zu or more",
                         t->folder.path, begun, t->config.epochs, begun);
    }
    return status;
}

/* Of another run's file the SHA-256 alone is recorded: a resumed run that names one names the same. */
static lb_status check_file(const lb_trainer *t, const char *what, const char *given,
                            const char *now, const char *before)
{
    if (!t->resumed || strcmp(now, before) == 0) return LB_OK;
    return lb_fail(LB_E_ARG, "%s was made with %s %s, not with %s %s; a resumed run keeps it",
                   t->folder.path, before[0] != '\0' ? "another" : "no", what, what, given);
}

/* With an alpha of 0 the teacher says nothing, and is not asked. */
static lb_status open_teacher(lb_trainer *t)
{
    const lb_train_config *c = &t->config;
    char sha256[LB_SHA256_TEXT_BYTES] = "";
    if (c->teacher == NULL && t->facts.teacher[0] != '\0')
        return lb_fail(
            LB_E_ARG,
            "%s has a teacher, whose place is not recorded; a resumed run names it again: "
            "--teacher",
            t->folder.path);
    if (c->teacher == NULL) {
        if (t->settings->given[LB_KEY_ALPHA] == NULL &&
            t->settings->given[LB_KEY_TEMPERATURE] == NULL)
            return LB_OK;
        return lb_fail(LB_E_ARG, "alpha and temperature have no part without a teacher");
    }
    LB_TRY(lb_teacher_open(c->teacher, c, &t->facts, sha256, &t->teacher));
    LB_TRY(check_file(t, "teacher", c->teacher, sha256, t->facts.teacher));
    memcpy(t->facts.teacher, sha256, sizeof sha256);
    if (c->alpha > 0.0f)
        t->net.distillation = (lb_distillation){
            .logits = t->teacher.logits, .temperature = c->temperature, .alpha = c->alpha};
    return LB_OK;
}

/* The weights to begin or go on with. A run that was cut off before its first checkpoint begins again. */
static lb_status load_weights(lb_trainer *t)
{
    const char *init = t->config.init;
    char sha256[LB_SHA256_TEXT_BYTES] = "";
    if (init != NULL && t->resumed) {
        LB_TRY(lb_run_checkpoint_hash(init, sha256));
        LB_TRY(check_file(t, "init", init, sha256, t->facts.init));
    }
    if (t->folder.has_last) return load_last(t);
    if (init != NULL) return lb_start_from(init, &t->net, t->facts.init);
    if (t->facts.init[0] == '\0') return LB_OK;
    return lb_fail(LB_E_ARG,
                   "%s has no checkpoint yet, and began with another run's weights, whose place is "
                   "not recorded; name it again: --init",
                   t->folder.path);
}

static lb_status write_config(lb_trainer *t)
{
    LB_TRY(lb_run_describe(t->settings, &t->config, &t->facts, &t->description));
    const lb_file_part part = {.data = t->description, .bytes = strlen(t->description)};
    return lb_file_write_atomic(t->folder.config, &part, 1);
}

lb_status lb_trainer_init(lb_trainer *t, const lb_settings *settings, bool (*stopped)(void))
{
    LB_TRY(read_settings(t, settings));
    omp_set_num_threads(t->config.threads);
    LB_TRY(open_data(t));
    LB_TRY(build_net(t));
    LB_TRY(make_loaders(t));
    LB_TRY(make_engine(t, stopped));
    lb_net_initialize(&t->net, lb_model_find(t->config.model)->init, t->config.seed);
    LB_TRY(open_teacher(t));
    LB_TRY(load_weights(t));
    LB_TRY(lb_run_folder_begin(&t->folder));
    LB_TRY(write_config(t));
    if (t->config.tensorboard) {
        LB_TRY(lb_tensorboard_open(t->folder.tensorboard, t->split, &t->progress, &t->tensorboard));
    }
    return LB_OK;
}

void lb_trainer_release(lb_trainer *t)
{
    lb_tensorboard_close(t->tensorboard);
    if (t->executor != NULL) t->config.backend->destroy(t->executor);
    if (t->mixed != NULL) t->config.backend->destroy(t->mixed);
    lb_teacher_release(&t->teacher);
    lb_free(t->evaluator.logits);
    lb_optimizer_release(&t->optimizer);
    lb_loader_destroy(t->evaluator.loader);
    lb_loader_destroy(t->loader);
    lb_net_release(&t->net);
    lb_free(t->indices);
    lb_dataset_close(t->test_data);
    lb_dataset_close(t->train_data);
    lb_progress_release(&t->progress);
    lb_free(t->description);
    lb_run_folder_close(&t->folder);
    lb_train_config_release(&t->config);
    lb_settings_destroy(t->settings);
}

/* ---- saving ---------------------------------------------------------------------------------- */

lb_status lb_trainer_save_last(lb_trainer *t)
{
    char *state = NULL;
    LB_TRY(lb_progress_write(&t->progress, &state));
    const lb_checkpoint checkpoint = {.net = &t->net,
                                      .optimizer = &t->optimizer,
                                      .description = t->description,
                                      .state_name = "progress",
                                      .state = state};
    const lb_status status = lb_checkpoint_write(&checkpoint, t->folder.last);
    lb_free(state);
    t->watch.last_checkpoint = lb_seconds();
    return status;
}

lb_status lb_trainer_save_best(const lb_trainer *t)
{
    const lb_epoch_row *row = &t->progress.rows[t->progress.n_rows - 1];
    char state[256];
    (void)snprintf(state, sizeof state,
                   "{\"epoch\": %zu, \"split\": \"%s\", \"top1\": %.17g, \"top5\": %.17g, "
                   "\"loss\": %.17g}",
                   t->progress.n_rows, t->split, row->val_top1, row->val_top5, row->val_loss);
    const lb_checkpoint checkpoint = {
        .net = &t->net, .description = t->description, .state_name = "best", .state = state};
    return lb_checkpoint_write(&checkpoint, t->folder.best);
}
