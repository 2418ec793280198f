/* What a run is, resolved: the settings that its hash, its record and its row of settings are made of. */
#ifndef LB_LAB_RUN_HASH_H
#define LB_LAB_RUN_HASH_H

#include "data/sha256.h"
#include "lowbit/results.h"
#include "quant/method.h"
#include "train/progress.h"
#include "train/settings.h"

/* Settings whose open ends the method, the recipe and the data set have filled in. */
typedef struct lb_resolved_run {
    lb_settings *settings; /* a copy: wbits and abits are numbers, data is the identity */
    char *json;            /* of all settings that a run keeps, on one line             */
    lb_quant_config quant;
    size_t epochs, counts_from; /* of all stages; the first one whose network counts */
    uint64_t seed;
} lb_resolved_run;

/**
 * Resolve settings.
 *
 * Ownership: *out is yours, lb_resolved_run_release, also after a failure.
 * Errors:    LB_E_ARG settings that do not fit together; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_resolve_run(const lb_settings *settings, lb_resolved_run *out);
/** Set `epochs` and `counts_from` as the rows of the run tell, where its stages hang on them. Errors: as
 *  lb_resolve_run. */
LB_MUST_CHECK lb_status lb_resolve_stages(const lb_settings *settings, const lb_progress *progress,
                                          lb_resolved_run *out);
void lb_resolved_run_release(lb_resolved_run *run);

/** Hash of a resolved run whose weights started from the file of SHA-256 `init`, with the teacher of the file of
 *  SHA-256 `teacher`; "": from none, without. */
void lb_resolved_run_hash(const lb_resolved_run *run, const char *init, const char *teacher,
                          char out[LB_RUN_HASH_BYTES]);

/** "dorefa"; "float" where there is none. */
const char *lb_resolved_weights(const lb_resolved_run *run);
const char *lb_resolved_activations(const lb_resolved_run *run);

#endif
