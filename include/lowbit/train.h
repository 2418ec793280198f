/* Training and evaluation of few-bit networks, as the command offers them. */
#ifndef LOWBIT_TRAIN_H
#define LOWBIT_TRAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- settings -------------------------------------------------------------------------------- */

/* What one training run is asked to do: a map from keys to values, both text. Keys are the
 * command's long options without the dashes ("data", "wbits", "lr"), values as they stand on the
 * command line. */
typedef struct lb_settings lb_settings;

/* One key of the table. */
typedef struct lb_setting_info {
    const char *key;
    const char *value_name; /* "N", for help texts                                  */
    const char *standard;   /* the default; NULL: none, decided by method or model  */
    const char *help;       /* one line                                             */
    const char *group;      /* "Data", "Model", "Quantization", "Training" or "Run" */
    bool is_switch;         /* takes no value on the command line                   */
    bool repeats;           /* may be given more than once: the values add up       */
} lb_setting_info;

/**
 * The table of all keys, in listing order.
 *
 * Ownership: borrowed, lives as long as the program; *n is its length.
 */
const lb_setting_info *lb_setting_infos(size_t *n);

/* A named set of settings from a paper. */
typedef struct lb_recipe_info {
    const char *name;    /* "redbit-mnist"                                            */
    const char *summary; /* one line                                                  */
    const char *values;  /* "model=lenet5 epochs=100 ...": what it sets, in one line  */
} lb_recipe_info;

/**
 * The recipes, for the key "recipe", in listing order.
 *
 * Ownership: borrowed, lives as long as the program; *n is their number.
 */
const lb_recipe_info *lb_recipe_infos(size_t *n);

/**
 * Make an empty map: every key has its default.
 *
 * Ownership: *out is yours, lb_settings_destroy.
 * Errors:    LB_E_NOMEM.
 */
lb_status lb_settings_create(lb_settings **out);

/** Free a map; NULL is fine. */
void lb_settings_destroy(lb_settings *settings);

/**
 * Set one key. A second value replaces the first, but for keys that repeat.
 *
 * Ownership: copies both texts.
 * Errors:    LB_E_ARG   unknown key or recipe (with a suggestion), or a value that is not of the
 *                       key's kind or outside its range; the map is as before.
 *            LB_E_NOMEM.
 */
lb_status lb_settings_set(lb_settings *settings, const char *key, const char *value);

/**
 * The value in force: the one set, else the recipe's, else the default; NULL: none, or unknown key.
 *
 * Ownership: borrowed; valid until the key is set again or the map destroyed.
 */
const char *lb_settings_get(const lb_settings *settings, const char *key);

/* ---- training -------------------------------------------------------------------------------- */

typedef enum lb_event_kind {
    LB_EVENT_START,     /* everything is ready, the first step follows       */
    LB_EVENT_PROGRESS,  /* now and then within an epoch, and after its end   */
    LB_EVENT_EPOCH,     /* an epoch was trained and evaluated                */
    LB_EVENT_RESULT,    /* the last event of a run that came to an end       */
    LB_EVENT_UNREADABLE /* an image of a stream cannot be read, told once   */
} lb_event_kind;

/* What training tells. Fields without a meaning for a kind of event are 0; top1 and top5 are
 * percentages. */
typedef struct lb_event {
    lb_event_kind kind;
    const char *run;             /* the run's folder                                              */
    size_t epoch, epochs;        /* epoch: from 1; result: epochs trained so far                  */
    size_t batch, batches;       /* progress: steps done in the epoch, and all of them            */
    double lr;                   /* of the epoch's first step                                     */
    double train_loss;           /* mean over the epoch so far                                    */
    double train_top1;           /* percent                                                       */
    double val_loss, val_top1;   /* epoch: on `split`                                             */
    double val_top5;             /* epoch                                                         */
    double frozen;               /* epoch: share of weights frozen, where the net is a mixture    */
    double mixed_loss;           /* epoch: of the mixture, where val_loss and                     */
    double mixed_top1;           /* val_top1 are of the quantized network                         */
    const char *split;           /* "validation" where there is such a split, else "test"         */
    double seconds;              /* epoch: of training and evaluation; else since the call began  */
    double images_per_second;    /* training alone, without start-up, evaluation and checkpoints  */
    double seconds_left;         /* progress: estimate for the rest of the run                    */
    const char *status;          /* result: "ok", or "dnc" (does not converge)                    */
    double best_top1, last_top1; /* result                                                        */
    size_t best_epoch;           /* result: from 1; 0: no epoch was evaluated                     */
    size_t unreadable;           /* result: images that could not be read, in this call           */
    const char *message;         /* unreadable: which image, and why                              */
} lb_event;

typedef void lb_event_fn(const lb_event *event, void *user);

/**
 * Train as the settings say, and leave the run in its folder `out`: config.json, metrics.csv,
 * best.safetensors and last.safetensors. The same settings, data and threads give the same bytes,
 * also when a run was stopped or killed and resumed.
 *
 * A run "does not converge" (dnc) when its best top-1 is at most 1.5 times chance or its loss
 * becomes NaN or infinite: that is a result, not an error.
 *
 * Ownership: borrows everything; events and their texts are valid during the call of `report` only.
 *            report may be NULL.
 * Errors:    LB_E_ARG    settings that do not fit together, the folder exists, or belongs to a run
 *                        with other settings.
 *            LB_E_BUSY   another training writes the folder now.
 *            LB_E_SHAPE  the model does not take images of this shape.
 *            LB_E_FORMAT damaged data or checkpoint.
 *            LB_E_IO     data cannot be read or the folder not written; the last checkpoint is
 *                        intact.
 *            LB_E_NOMEM, LB_E_UNSUPPORTED.
 *            LB_E_INTERRUPTED lb_train_stop was called; the run can be resumed.
 * Threads:   one training at a time in a process; `report` is called from the calling thread.
 */
lb_status lb_train(const lb_settings *settings, lb_event_fn *report, void *user);

/** Ask the training going on to write a checkpoint and end after the current step. May be called
 *  from a signal handler or another thread; before a training it is remembered for the next one. */
void lb_train_stop(void);

/* ---- evaluation ------------------------------------------------------------------------------ */

typedef struct lb_evaluate_options {
    const char *data;    /* SPEC; NULL: the data set the run was trained on */
    const char *backend; /* NULL: the default one                           */
    int threads;         /* 0: all processors                               */
    const char *isa;     /* of packed networks: "scalar", "avx2", ...; NULL: the best here */
    /* Told of each image of a stream that cannot be read; NULL: nobody is. */
    void (*report)(void *context, const char *message);
    void *context;
} lb_evaluate_options;

/* Figures of an evaluation. */
typedef struct lb_evaluation {
    double top1, top5; /* percent; the predicted class is the first one with the largest logit */
    double loss;       /* mean over the images */
    size_t images;     /* that were evaluated */
    size_t unreadable; /* that could not be read, and are left out */
    double seconds;    /* that the network took, without reading data */
} lb_evaluation;

/**
 * Evaluate a run folder (its best checkpoint, else its last) or one .safetensors file of a run on
 * the test images of a data set; those of a stream that cannot be read are left out and counted.
 *
 * Ownership: borrows everything; options may be NULL.
 * Errors:    LB_E_ARG    unknown data set or back end, or data of another number of classes.
 *            LB_E_SHAPE  images of another shape.
 *            LB_E_FORMAT not a checkpoint of lowbit, or a damaged one.
 *            LB_E_IO, LB_E_NOMEM, LB_E_UNSUPPORTED.
 */
lb_status lb_evaluate_run(const char *run, const lb_evaluate_options *options, lb_evaluation *out);

#ifdef __cplusplus
}
#endif
#endif
