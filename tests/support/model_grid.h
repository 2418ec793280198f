/* Every valid combination of method, model, widths and end policies, as small networks with random
 * batch-norms: what freeze, runtime and verification are tested on. */
#ifndef LB_TESTS_MODEL_GRID_H
#define LB_TESTS_MODEL_GRID_H

#include "models/model.h"

/* How many combinations there are: another method or width changes it. */
enum { LB_GRID_NETWORKS = 1696, LB_GRID_MOST_METHODS = 64 };

/* One combination, and where the walk stands. Start with {0}. */
typedef struct lb_grid_case {
    char name[128];                         /* "resnet20 b pre, dorefa W1A2, ends 8bit" */
    lb_model_request request;               /* at 1/8 of the model's width */
    size_t number;                          /* of the case, from 1 */
    size_t next;                            /* where the walk goes on */
    size_t of_method[LB_GRID_MOST_METHODS]; /* cases so far, as lb_methods counts */
} lb_grid_case;

/** The next valid combination; false: that was all. A pure function of what it is given. */
bool lb_grid_next(lb_grid_case *c);
/** After the walk: fail the test unless there were LB_GRID_NETWORKS, some of each method. What lb_method_resolve
 *  refuses is left out of the walk, and must not be more than it is. */
void lb_grid_check_whole(const lb_grid_case *c);
/** Build and initialize its network, with batch-norms drawn for the case. Aborts on failure;
 *  lb_net_release. */
void lb_grid_build(const lb_grid_case *c, lb_net *net);
/** n random images (n, c, h, w) for it. */
void lb_grid_images(const lb_grid_case *c, const lb_net *net, size_t n, float *images);

#endif
