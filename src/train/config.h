/* A training run's settings, read into plain values and checked together. */
#ifndef LB_TRAIN_CONFIG_H
#define LB_TRAIN_CONFIG_H

#include "base/memory.h"
#include "models/model.h"
#include "nn/executor.h"
#include "train/freezing.h"
#include "train/optimizer.h"
#include "train/schedule.h"
#include "train/settings.h"

enum { LB_MAX_WIDTHS = 16, LB_MAX_METHOD_OPTIONS = 16 };

typedef struct lb_train_config {
    const char *data, *augment;
    size_t image_size; /* 0: the data set's own */
    size_t val_split;
    int workers;

    const char *model;
    size_t widths[LB_MAX_WIDTHS], n_widths;
    double width_multiplier;
    lb_shortcut_kind shortcut;
    lb_switch shortcut_norm, bias;
    float dropout;
    lb_loss loss;
    lb_method_request method;
    int gradient_bits; /* 1 to 8, or LB_FLOAT_BITS */
    const char *method_options[LB_MAX_METHOD_OPTIONS];
    const char *mixed_bits; /* NULL: none */

    size_t epochs, batch;
    lb_optimizer_options optimizer;
    float quantized_decay;
    size_t prune_rounds;
    float prune_sigma; /* negative: not given */
    bool relaxes;      /* the weights are frozen part by part, by: */
    lb_freezing freezing;
    lb_schedule schedule; /* all but `batches`, which the data decide */
    uint64_t seed;
    const char *init;
    const char *teacher; /* NULL: none */
    float temperature, alpha;

    int threads; /* 0 is resolved: at least 1 */
    const lb_backend *backend;
    const char *out;
    bool resume, overwrite, tensorboard;
    double max_seconds, checkpoint_seconds; /* 0: never */
    bool describe_only; /* the network is looked at only; set by whoever inspects */
    lb_arena arena;
} lb_train_config;

/**
 * Read and check all settings that need no data: also whether model, method, recipe and back end
 * exist.
 *
 * Ownership: texts are borrowed from the settings; *out is yours, lb_train_config_release, also
 *            after a failure.
 * Errors:    LB_E_ARG with the setting's name and what it may be; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_train_config_read(const lb_settings *settings, lb_train_config *out);
void lb_train_config_release(lb_train_config *config);

/** The back end of that name; NULL: the default one. Errors: LB_E_ARG unknown; lists all. */
LB_MUST_CHECK lb_status lb_backend_choose(const char *name, const lb_backend **out);

/**
 * Build the network for images of this shape.
 *
 * Ownership: lb_net_release(net), also after a failure.
 * Errors:    those of lb_method_resolve and lb_model_build.
 */
LB_MUST_CHECK lb_status lb_train_config_build(const lb_train_config *config, lb_shape input,
                                              size_t classes, lb_net *net);

#endif
