/* What a run is, as JSON: its settings and what they met (data, network). It stands in config.json
 * and in the metadata of every checkpoint, so that one file is enough to rebuild the network. It
 * holds no path, time or host name: of a data set only the name is kept. */
#ifndef LB_TRAIN_DESCRIPTION_H
#define LB_TRAIN_DESCRIPTION_H

#include "data/augment.h"
#include "data/sha256.h"
#include "train/config.h"

/* What a run's settings met. */
typedef struct lb_run_facts {
    size_t images; /* training and validation ones together */
    lb_image_shape shape;
    size_t classes;
    lb_normalization normalization;
    size_t parameters; /* of the network, for readers; not checked */
    int w_bits, a_bits;
    char init[LB_SHA256_TEXT_BYTES];    /* of the file its weights started from; "": from none */
    char teacher[LB_SHA256_TEXT_BYTES]; /* of the file of its teacher; "": it has none */
} lb_run_facts;

/**
 * The value of setting "data" without its folder: "mnist" of "mnist:/data/mnist";
 * "synth-digits:500" stays.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_ARG unknown data set; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_data_identity(const char *spec, char **out);

/**
 * The settings in force as a JSON object: keys in the table's order, threads and back end as they were resolved,
 * of the data only the identity.
 *
 * Ownership: *out is yours, lb_free. `indent` stands before every key.
 * Errors:    LB_E_ARG unknown data set; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_settings_describe(const lb_settings *settings,
                                             const lb_train_config *config, const char *indent,
                                             char **out);

/**
 * Write the description, keys in the table's order; threads and back end as they were resolved.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_ARG, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_run_describe(const lb_settings *settings, const lb_train_config *config,
                                        const lb_run_facts *facts, char **out);

/**
 * Read a description: settings go into their `of_run` layer.
 *
 * Errors: LB_E_FORMAT not a description, an unknown setting or a bad value; the message starts
 *         with `where`.
 */
LB_MUST_CHECK lb_status lb_run_description_read(const char *where, const char *text,
                                                lb_settings *settings, lb_run_facts *facts);

/** Does this setting belong into the description? */
bool lb_setting_is_kept(lb_key key);

#endif
