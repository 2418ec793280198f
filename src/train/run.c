/* A run that was trained: its network rebuilt from one checkpoint file. */
#include "train/run.h"

#include <math.h>

#include "train/checkpoint.h"
#include "train/run_folder.h"

/* A damaged or hostile file may ask for a network of any size. One that is true has its parameters
 * in the file, so layers that would take more floats than the file holds are refused before
 * anything is built; twice as many are let pass, as widths are rounded. */
static lb_status check_size(const char *path, const lb_safetensors *file,
                            const lb_train_config *config, const lb_run_facts *facts)
{
    size_t n = 0;
    double floats = 0.0;
    const lb_stored_tensor *tensors = lb_safetensors_tensors(file, &n);
    for (size_t i = 0; i < n; i++) floats += (double)(tensors[i].bytes / sizeof(float));
    const double room = 2.0 * floats + 1e5, scale = config->width_multiplier;
    double inputs =
        (double)facts->shape.channels * (double)facts->shape.height * (double)facts->shape.width;
    bool fits = config->n_widths > 0 || scale <= 1.0 || 5e4 * scale * scale <= room;
    for (size_t i = 0; fits && i < config->n_widths; i++) {
        const double outputs = scale * (double)config->widths[i];
        fits = inputs * outputs <= room;
        inputs = outputs;
    }
    if (fits) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: its network would be larger than the file", path);
}

static lb_status build(const char *path, const lb_safetensors *file, lb_run *out)
{
    lb_train_config config = {0};
    lb_status status = lb_train_config_read(out->settings, &config);
    if (status == LB_OK) status = check_size(path, file, &config, &out->facts);
    if (status == LB_OK) {
        const lb_image_shape shape = out->facts.shape;
        const lb_shape input = {.c = shape.channels, .h = shape.height, .w = shape.width};
        status = lb_train_config_build(&config, input, out->facts.classes, &out->net);
    }
    lb_train_config_release(&config);
    if (status == LB_E_ARG || status == LB_E_SHAPE) return lb_fail_in(LB_E_FORMAT, "%s", path);
    if (status != LB_OK) return status;
    if (out->net.raw_input != out->facts.normalization.raw_codes) {
        return lb_fail(LB_E_FORMAT, "%s: images and first layer disagree about raw pixels", path);
    }
    return lb_checkpoint_load_net(path, file, LB_LOAD_EXACT, &out->net);
}

static lb_status read_file(const char *path, lb_run *out)
{
    lb_safetensors *file = NULL;
    LB_TRY(lb_checkpoint_open(path, &file));
    const char *text = lb_safetensors_metadata(file, "run");
    lb_status status = LB_OK;
    if (text == NULL)
        status = lb_fail(LB_E_FORMAT, "%s: the description of the run is missing", path);
    if (status == LB_OK) status = lb_run_description_read(path, text, out->settings, &out->facts);
    if (status == LB_OK) status = build(path, file, out);
    lb_safetensors_close(file);
    return status;
}

lb_status lb_run_open(const char *run, lb_run *out)
{
    *out = (lb_run){0};
    lb_net_init(&out->net);
    LB_TRY(lb_settings_create(&out->settings));
    char *path = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    const lb_status status = read_file(path, out);
    lb_free(path);
    return status;
}

void lb_run_release(lb_run *run)
{
    lb_net_release(&run->net);
    lb_settings_destroy(run->settings);
    *run = (lb_run){0};
}

lb_status lb_run_build_net(const char *path, lb_net *net)
{
    lb_run run;
    const lb_status status = lb_run_open(path, &run);
    *net = run.net; /* ownership moves: nothing in a net points into the struct itself */
    lb_net_init(&run.net);
    lb_run_release(&run);
    return status;
}

lb_status lb_run_check_finite(const char *path, const lb_net *net)
{
    for (size_t p = 0; p < net->n_params; p++) {
        const lb_param *param = &net->params[p];
        for (size_t i = 0; i < param->count; i++) {
            if (isfinite(param->value[i])) continue;
            return lb_fail(LB_E_ARG,
                           "%s: tensor '%s' has values that are not finite: its training diverged; "
                           "wanted a run that converged",
                           path, param->name);
        }
    }
    return LB_OK;
}
