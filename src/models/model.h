/* A model family builds a network for a quantization configuration. One file a family,
 * model_NAME.c, found by the build. */
#ifndef LB_MODELS_MODEL_H
#define LB_MODELS_MODEL_H

#include "nn/net.h"
#include "quant/method.h"

/* A choice that a model has its own answer to. */
typedef enum lb_switch { LB_SWITCH_MODEL, LB_SWITCH_ON, LB_SWITCH_OFF } lb_switch;

typedef enum lb_shortcut_kind {
    LB_SHORTCUT_MODEL,
    LB_SHORTCUT_A,
    LB_SHORTCUT_B,
    LB_SHORTCUT_NONE
} lb_shortcut_kind;

/* What a builder is asked for beside the quantization. */
typedef struct lb_model_request {
    const char *name; /* "resnet20" */
    lb_shape input;   /* of the data set */
    size_t classes;
    lb_shortcut_kind shortcut; /* LB_SHORTCUT_MODEL: the model's own */
    lb_switch shortcut_norm;   /* batch-norm on B: on in RedBit (the standard), off in Kutukcu */
    lb_switch bias;            /* on: in every layer (Kutukcu's counts); off: in none */
    bool pre_activation;       /* ResNets: bn - act - conv; the method's block order asks too */
    const size_t *widths;      /* mlp: hidden widths; NULL: 1024,1024,1024 */
    size_t n_widths;
    double width_multiplier; /* channels scaled (for tests: 1/8); 1 */
    float dropout;           /* before fully connected layers, where the model has it; 0 */
    bool describe_only;      /* the net is looked at only: see lb_net */
    lb_loss loss;
    lb_quant_config quant;
} lb_model_request;

/* Which layers have a bias unless the request says so. Before a batch-norm it is of no use. */
typedef enum lb_bias_rule { LB_BIAS_NONE, LB_BIAS_LAST, LB_BIAS_ALL } lb_bias_rule;

/* One model: name variants share a family file. */
typedef struct lb_model {
    const char *name, *summary, *source;
    lb_shape input; /* what it takes: c = 0 or h = 0: any */
    size_t classes; /* of the data set it was published for: 10, ImageNet's 1000 */
    lb_init_rule init;
    lb_bias_rule bias;
    bool takes_widths; /* mlp */
    int depth;         /* ResNets: 18, 20, 32, ... ; 0 elsewhere */
    /** Add the nodes to an initialized, empty net. Failures stay in net->failed. */
    void (*build)(const struct lb_model *model, const lb_model_request *request, lb_net *net);
} lb_model;

/* A family: models, ended by a NULL name; model_ID.c defines lb_model_family_ID. */
typedef struct lb_model_family {
    const lb_model *models;
} lb_model_family;
extern const lb_model_family *const lb_model_families[]; /* NULL-terminated */

const lb_model *lb_model_find(const char *name);
/** The model of that name. Errors: LB_E_ARG unknown, with a suggestion. */
LB_MUST_CHECK lb_status lb_model_choose(const char *name, const lb_model **out);

/**
 * Build a network ready to be initialized and run.
 *
 * Ownership: `net` is initialized here; lb_net_release it, also after a failure.
 * Errors:    LB_E_ARG unknown model (with a suggestion), or a choice it does not have;
 *            LB_E_SHAPE images of another shape than the model takes; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_model_build(const lb_model_request *request, lb_net *net);

#endif
