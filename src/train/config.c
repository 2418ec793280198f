/* From settings, which are text, to plain values. Kinds and ranges were checked when each was set;
 * here stand the checks across settings. */
#include "train/config.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "base/thread_count.h"
#include "nn/mixed_bits.h"

/* ---- reading one value ----------------------------------------------------------------------- */

static size_t whole(const lb_settings *s, lb_key key)
{
    return (size_t)strtoull(lb_settings_value(s, key), NULL, 10);
}

static double real(const lb_settings *s, lb_key key)
{
    return strtod(lb_settings_value(s, key), NULL);
}

static bool yes(const lb_settings *s, lb_key key)
{
    return strcmp(lb_settings_value(s, key), "yes") == 0;
}

/* Place of the value in "a|b|c", or -1 where there is none: so a choice's order is its enum's. */
static int choice(const lb_settings *s, lb_key key)
{
    const char *value = lb_settings_value(s, key);
    if (value == NULL) return -1;
    const size_t length = strlen(value);
    int place = 0;
    for (const char *at = lb_setting_rules[key].choices; at != NULL;
         at = strchr(at, '|'), place++) {
        if (*at == '|') at++;
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return place;
    }
    lb_assert(false); /* the value was checked when it was set */
    return -1;
}

/* Has nobody but the table given it a value? */
static bool is_open(const lb_settings *s, lb_key key)
{
    return lb_settings_value(s, key) == lb_setting_table[key].standard;
}

static size_t wholes(const lb_settings *s, lb_key key, size_t *values)
{
    const char *at = lb_settings_value(s, key);
    size_t n = 0;
    while (at != NULL && *at != '\0') {
        char *end = NULL;
        values[n++] = (size_t)strtoull(at, &end, 10);
        at = *end == ',' ? end + 1 : end;
    }
    return n;
}

static int yes_no(const lb_settings *s, lb_key key)
{
    return lb_settings_value(s, key) == NULL ? -1 : (int)yes(s, key);
}

/* ---- groups of values ------------------------------------------------------------------------ */

static lb_status read_options(const lb_settings *s, lb_train_config *out)
{
    const char *list = lb_settings_value(s, LB_KEY_OPTION);
    if (list == NULL) return LB_OK;
    char *copy = NULL, *rest = NULL;
    LB_TRY(lb_arena_strdup(&out->arena, list, &copy));
    for (char *piece = strtok_r(copy, ",", &rest); piece != NULL;
         piece = strtok_r(NULL, ",", &rest)) {
        if (out->method.n_options == LB_MAX_METHOD_OPTIONS) {
            return lb_fail(LB_E_ARG, "option: more than %d values", LB_MAX_METHOD_OPTIONS);
        }
        out->method_options[out->method.n_options++] = piece;
    }
    out->method.options = out->method_options;
    return LB_OK;
}

static lb_status read_method(const lb_settings *s, lb_train_config *out)
{
    const char *w_bits = lb_settings_value(s, LB_KEY_W_BITS),
               *a_bits = lb_settings_value(s, LB_KEY_A_BITS);
    const char *slope = lb_settings_value(s, LB_KEY_RELU_SLOPE);
    const int both = choice(s, LB_KEY_FIRST_LAST);
    out->method = (lb_method_request){
        .method = lb_settings_value(s, LB_KEY_METHOD),
        .weights = lb_settings_value(s, LB_KEY_WEIGHTS),
        .acts = lb_settings_value(s, LB_KEY_ACTIVATIONS),
        .w_bits = w_bits != NULL ? (int)whole(s, LB_KEY_W_BITS) : -1,
        .a_bits = a_bits != NULL ? (int)whole(s, LB_KEY_A_BITS) : -1,
        .first = choice(s, LB_KEY_FIRST_LAYER),
        .last = choice(s, LB_KEY_LAST_LAYER),
        .order = choice(s, LB_KEY_BLOCK_ORDER),
        .granularity = choice(s, LB_KEY_GRANULARITY),
        .quantize_shortcuts = yes_no(s, LB_KEY_QUANTIZE_SHORTCUTS),
        .quantize_last_input = yes_no(s, LB_KEY_QUANTIZE_LAST_INPUT),
        .act_gradient =
            choice(s, LB_KEY_ACT_GRADIENT) == 1 ? LB_GRADIENT_APPROX_SIGN : LB_GRADIENT_STE,
        .relu_slope = slope != NULL ? (float)real(s, LB_KEY_RELU_SLOPE) : NAN,
    };
    const int levels = choice(s, LB_KEY_LEVELS) + 1;
    if (levels > 0 && w_bits != NULL && out->method.w_bits != levels)
        return lb_fail(LB_E_ARG, "levels %s are weights of %d bit%s, not of wbits %s",
                       lb_settings_value(s, LB_KEY_LEVELS), levels, levels > 1 ? "s" : "", w_bits);
    if (levels > 0) out->method.w_bits = levels;
    if (out->method.first < 0) out->method.first = both;
    if (out->method.last < 0) out->method.last = both;
    return read_options(s, out);
}

/* Settings that nothing would ask: a run has one of the two schedules. */
static lb_status check_parts(const lb_settings *s, const lb_quant_config *quant, bool relaxes)
{
    static const lb_key schedule[] = {LB_KEY_SCHEDULE, LB_KEY_FINAL_LR, LB_KEY_MILESTONES,
                                      LB_KEY_LR_FACTOR, LB_KEY_WARMUP},
                        freezing[] = {LB_KEY_FREEZING, LB_KEY_FREEZING_PATIENCE};
    const lb_key *keys = relaxes ? schedule : freezing;
    const size_t n = relaxes ? sizeof schedule / sizeof *schedule : sizeof freezing / sizeof *keys;
    for (size_t i = 0; i < n; i++) {
        if (s->given[keys[i]] == NULL) continue;
        return lb_fail(LB_E_ARG, "%s has no part in method '%s': %s", lb_setting_table[keys[i]].key,
                       lb_settings_value(s, LB_KEY_METHOD),
                       relaxes ? "freezing sets its learning rates"
                               : "its weights are not frozen by parts");
    }
    const bool any =
        quant->weights != NULL || quant->first == LB_END_8BIT || quant->last == LB_END_8BIT;
    const char *decay = s->given[LB_KEY_QUANTIZED_DECAY];
    if (any || decay == NULL || strcmp(decay, "0") == 0) return LB_OK;
    return lb_fail(LB_E_ARG, "quantized-decay %s has no part in float weights", decay);
}

/* Settings that are of one choice or two, and were given with another one. */
static lb_status check_choices(const lb_settings *s)
{
    static const struct {
        lb_key key, of;
        const char *choice, *other; /* other NULL: there is one */
    } rules[] = {{LB_KEY_MOMENTUM, LB_KEY_OPTIMIZER, "sgd", NULL},
                 {LB_KEY_FINAL_LR, LB_KEY_SCHEDULE, "exponential", "cosine"},
                 {LB_KEY_MILESTONES, LB_KEY_SCHEDULE, "step", NULL},
                 {LB_KEY_LR_FACTOR, LB_KEY_SCHEDULE, "step", NULL}};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        const char *value = lb_settings_value(s, rules[i].of), *other = rules[i].other;
        if (s->given[rules[i].key] == NULL || strcmp(value, rules[i].choice) == 0) continue;
        if (other != NULL && strcmp(value, other) == 0) continue;
        return lb_fail(LB_E_ARG, "%s has no part in %s '%s': it is of '%s'%s%s%s",
                       lb_setting_table[rules[i].key].key, lb_setting_table[rules[i].of].key, value,
                       rules[i].choice, other ? " and '" : "", other ? other : "",
                       other ? "'" : "");
    }
    return LB_OK;
}

/* What the method says to other settings. */
static lb_status read_quantizer(const lb_settings *s, lb_train_config *out)
{
    lb_quant_config quant;
    LB_TRY(lb_method_resolve(&out->method, &quant));
    const lb_weight_quantizer *q = quant.weights;
    if (lb_settings_value(s, LB_KEY_LEVELS) != NULL && !(q && q->ternary && q->bits_min == 1))
        return lb_fail(LB_E_ARG,
                       "levels have no part in method '%s': its weights are not binary or ternary "
                       "by choice",
                       out->method.method);
    out->relaxes = q != NULL && q->relaxes;
    LB_TRY(check_parts(s, &quant, out->relaxes));
    LB_TRY(check_choices(s));
    const char *freezing = lb_settings_value(s, LB_KEY_FREEZING);
    LB_TRY(lb_freezing_parse(freezing != NULL ? freezing : lb_freezing_standard, &out->freezing));
    out->freezing.patience = whole(s, LB_KEY_FREEZING_PATIENCE);
    return LB_OK;
}

static lb_status read_gradient_bits(const lb_settings *s, lb_train_config *out)
{
    enum { MOST_BITS = 8 };
    const bool given = lb_settings_value(s, LB_KEY_G_BITS) != NULL;
    out->gradient_bits = given ? (int)whole(s, LB_KEY_G_BITS) : LB_FLOAT_BITS;
    if (out->gradient_bits == LB_FLOAT_BITS) return LB_OK;
    if (out->gradient_bits > MOST_BITS) {
        return lb_fail(LB_E_ARG, "gradients take 1 to %d bits, or %d for float, not %d", MOST_BITS,
                       LB_FLOAT_BITS, out->gradient_bits);
    }
    lb_quant_config resolved;
    LB_TRY(lb_method_resolve(&out->method, &resolved));
    if (resolved.weights != NULL) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "gradients of %d bits enter quantized layers only, and the weights are float",
                   out->gradient_bits);
}

/* Not given: the model's own. */
static lb_switch model_switch(const lb_settings *s, lb_key key)
{
    const int given = yes_no(s, key);
    if (given < 0) return LB_SWITCH_MODEL;
    return given ? LB_SWITCH_ON : LB_SWITCH_OFF;
}

static void read_model(const lb_settings *s, lb_train_config *out)
{
    static const lb_shortcut_kind shortcuts[] = {LB_SHORTCUT_A, LB_SHORTCUT_B, LB_SHORTCUT_NONE};
    const int shortcut = choice(s, LB_KEY_SHORTCUT);
    out->model = lb_settings_value(s, LB_KEY_MODEL);
    out->n_widths = wholes(s, LB_KEY_WIDTHS, out->widths);
    out->width_multiplier = real(s, LB_KEY_WIDTH_MULTIPLIER);
    out->shortcut = shortcut < 0 ? LB_SHORTCUT_MODEL : shortcuts[shortcut];
    out->shortcut_norm = model_switch(s, LB_KEY_SHORTCUT_NORM);
    out->bias = model_switch(s, LB_KEY_BIAS);
    out->dropout = (float)real(s, LB_KEY_DROPOUT);
    out->mixed_bits = lb_settings_value(s, LB_KEY_MIXED_BITS);
    out->loss = choice(s, LB_KEY_LOSS) == 0 ? LB_LOSS_CROSS_ENTROPY : LB_LOSS_SQUARED_HINGE;
}

static lb_status read_schedule(const lb_settings *s, lb_train_config *out)
{
    lb_schedule *schedule = &out->schedule;
    *schedule = (lb_schedule){
        .kind = (lb_schedule_kind)choice(s, LB_KEY_SCHEDULE),
        .lr = real(s, LB_KEY_LR),
        .factor = real(s, LB_KEY_LR_FACTOR),
        .epochs = out->epochs,
        .batches = 1,
        .warmup = whole(s, LB_KEY_WARMUP),
    };
    schedule->n_milestones = wholes(s, LB_KEY_MILESTONES, schedule->milestones);
    if (schedule->n_milestones == 0) {
        schedule->milestones[0] = (out->epochs + 1) / 2;
        schedule->milestones[1] = (3 * out->epochs + 3) / 4;
        schedule->n_milestones = 2;
    }
    if (schedule->kind == LB_SCHEDULE_EXPONENTIAL) schedule->final_lr = schedule->lr / 10.0;
    if (lb_settings_value(s, LB_KEY_FINAL_LR) != NULL)
        schedule->final_lr = real(s, LB_KEY_FINAL_LR);
    return lb_schedule_check(schedule);
}

static lb_status read_training(const lb_settings *s, lb_train_config *out)
{
    out->epochs = whole(s, LB_KEY_EPOCHS);
    if (out->relaxes && is_open(s, LB_KEY_EPOCHS)) out->epochs = lb_freezing_length(&out->freezing);
    out->batch = whole(s, LB_KEY_BATCH);
    out->seed = whole(s, LB_KEY_SEED);
    out->init = lb_settings_value(s, LB_KEY_INIT);
    out->teacher = lb_settings_value(s, LB_KEY_TEACHER);
    out->temperature = (float)real(s, LB_KEY_TEMPERATURE);
    out->alpha = (float)real(s, LB_KEY_ALPHA);
    out->quantized_decay = (float)real(s, LB_KEY_QUANTIZED_DECAY);
    out->prune_rounds = whole(s, LB_KEY_PRUNE_ROUNDS);
    const bool sigma = lb_settings_value(s, LB_KEY_PRUNE_SIGMA) != NULL;
    out->prune_sigma = sigma ? (float)real(s, LB_KEY_PRUNE_SIGMA) : -1.0f;
    if (sigma && out->prune_rounds == 0)
        return lb_fail(LB_E_ARG, "prune-sigma has no part without prune-rounds");
    out->optimizer = (lb_optimizer_options){
        .kind = choice(s, LB_KEY_OPTIMIZER) == 0 ? LB_OPTIMIZER_ADAM : LB_OPTIMIZER_SGD,
        .momentum = (float)real(s, LB_KEY_MOMENTUM),
        .nesterov = yes(s, LB_KEY_NESTEROV),
        .weight_decay = (float)real(s, LB_KEY_WEIGHT_DECAY),
    };
    if (out->optimizer.nesterov &&
        (out->optimizer.kind != LB_OPTIMIZER_SGD || out->optimizer.momentum == 0.0f)) {
        return lb_fail(LB_E_ARG, "nesterov wants optimizer sgd with a momentum above 0");
    }
    return read_schedule(s, out);
}

static void read_run(const lb_settings *s, lb_train_config *out)
{
    out->threads = (int)whole(s, LB_KEY_THREADS);
    if (out->threads == 0) out->threads = lb_threads_available();
    out->resume = yes(s, LB_KEY_RESUME);
    out->overwrite = yes(s, LB_KEY_OVERWRITE);
    out->tensorboard = yes(s, LB_KEY_TENSORBOARD);
    out->max_seconds = real(s, LB_KEY_MAX_SECONDS);
    out->checkpoint_seconds = real(s, LB_KEY_CHECKPOINT_SECONDS);
    out->out = lb_settings_value(s, LB_KEY_OUT);
}

/* "w2"; nothing for a width that was not given */
static void width_text(char what, int bits, char text[8])
{
    text[0] = '\0';
    if (bits >= 0) (void)snprintf(text, 8, "%c%d", what, bits % 100);
}

/* "runs/synth-digits-lenet5-dorefa-w1a2-seed1"; widths where they were given */
static lb_status name_folder(lb_train_config *out)
{
    char text[256];
    const int data_length = (int)strcspn(out->data, ":");
    char w[8], a[8], g[8];
    width_text('w', out->method.w_bits, w);
    width_text('a', out->method.a_bits, a);
    width_text('g', out->gradient_bits == LB_FLOAT_BITS ? -1 : out->gradient_bits, g);
    const bool any = w[0] != '\0' || a[0] != '\0' || g[0] != '\0';
    const int length = snprintf(text, sizeof text, "runs/%.*s-%s-%s%s%s%s%s-seed%llu", data_length,
                                out->data, out->model, out->method.method, any ? "-" : "", w, a, g,
                                (unsigned long long)out->seed);
    lb_assert(length > 0);
    char *name = NULL;
    LB_TRY(lb_arena_strdup(&out->arena, text, &name));
    out->out = name;
    return LB_OK;
}

static lb_status check_model(const lb_train_config *config)
{
    if (lb_model_find(config->model) != NULL) return LB_OK;
    const char *names[256];
    size_t n = 0;
    for (size_t f = 0; lb_model_families[f] != NULL; f++) {
        for (const lb_model *m = lb_model_families[f]->models; m->name != NULL && n < 256; m++)
            names[n++] = m->name;
    }
    const char *near = lb_suggest(config->model, names, n);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "unknown model '%s'; did you mean '%s'?", config->model, near);
    return lb_fail(LB_E_ARG, "unknown model '%s'; `lowbit models` lists them", config->model);
}

lb_status lb_backend_choose(const char *name, const lb_backend **out)
{
    const lb_backend *backend = name != NULL ? lb_backend_find(name) : lb_backends[0];
    char list[256] = "";
    size_t at = 0;
    for (size_t i = 0; lb_backends[i] != NULL && at < sizeof list; i++) {
        at += (size_t)snprintf(list + at, sizeof list - at, "%s%s", i > 0 ? ", " : "",
                               lb_backends[i]->name);
    }
    if (backend == NULL)
        return lb_fail(LB_E_ARG, "unknown backend '%s'; there are: %s", name, list);
    *out = backend;
    return LB_OK;
}

lb_status lb_train_config_read(const lb_settings *s, lb_train_config *out)
{
    *out = (lb_train_config){0};
    out->data = lb_settings_value(s, LB_KEY_DATA);
    out->augment = lb_settings_value(s, LB_KEY_AUGMENT);
    out->image_size = whole(s, LB_KEY_IMAGE_SIZE);
    out->val_split = whole(s, LB_KEY_VAL_SPLIT);
    out->workers = (int)whole(s, LB_KEY_WORKERS);
    read_model(s, out);
    LB_TRY(read_method(s, out));
    LB_TRY(read_quantizer(s, out));
    LB_TRY(read_gradient_bits(s, out));
    LB_TRY(read_training(s, out));
    read_run(s, out);
    if (out->resume && out->overwrite) {
        return lb_fail(
            LB_E_ARG,
            "resume and overwrite exclude each other: go on with the run, or replace it?");
    }
    LB_TRY(check_model(out));
    LB_TRY(lb_backend_choose(lb_settings_value(s, LB_KEY_BACKEND), &out->backend));
    return out->out != NULL ? LB_OK : name_folder(out);
}

void lb_train_config_release(lb_train_config *config)
{
    lb_arena_release(&config->arena);
    *config = (lb_train_config){0};
}

lb_status lb_train_config_build(const lb_train_config *config, lb_shape input, size_t classes,
                                lb_net *net)
{
    lb_model_request request = {
        .name = config->model,
        .input = input,
        .classes = classes,
        .shortcut = config->shortcut,
        .shortcut_norm = config->shortcut_norm,
        .bias = config->bias,
        .pre_activation = config->method.order == (int)LB_BN_ACT_CONV,
        .widths = config->n_widths > 0 ? config->widths : NULL,
        .n_widths = config->n_widths,
        .width_multiplier = config->width_multiplier,
        .dropout = config->dropout,
        .describe_only = config->describe_only,
        .loss = config->loss,
    };
    const lb_status status = lb_method_resolve(&config->method, &request.quant);
    if (status != LB_OK) {
        lb_net_init(net); /* so that releasing it is right */
        return status;
    }
    LB_TRY(lb_model_build(&request, net));
    return config->mixed_bits != NULL ? lb_net_set_bits(net, config->mixed_bits) : LB_OK;
}
