/* The models (network architectures) lowbit knows. */
#ifndef LOWBIT_MODELS_H
#define LOWBIT_MODELS_H

#include <stdbool.h>
#include <stddef.h>

#include "lowbit/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct lb_model_info {
    const char *name;
    const char *summary;            /* one line */
    const char *source;             /* authors, venue; where the papers describe it */
    size_t channels, height, width; /* of the images it takes; 0: any */
    size_t classes;                 /* that the counts are for: 10, ImageNet's 1000 */
    size_t weights, biases;         /* float, without batch-norm's; any size: for 1x28x28 */
    bool shortcuts;                 /* a ResNet: kind of shortcut and block order can be chosen */
    bool widths;                    /* takes a list of hidden widths */
} lb_model_info;

/**
 * The model at `index` of the list.
 *
 * Ownership: texts are borrowed and live as long as the program.
 * Errors:    LB_E_ARG past the last one; LB_E_NOMEM, as counting parameters builds the network.
 */
lb_status lb_model_info_at(size_t index, lb_model_info *out);

/** How many models there are. */
size_t lb_model_count(void);

/**
 * The model of that name.
 *
 * Errors:    LB_E_ARG no such name, with a suggestion; LB_E_NOMEM.
 */
lb_status lb_model_info_find(const char *name, lb_model_info *out);

#ifdef __cplusplus
}
#endif
#endif
