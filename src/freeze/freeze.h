/* Freeze: a trained network becomes an integer network that computes the very same numbers. The only
 * bridge from training to deployment.
 *
 * A convolution (or linear layer) and the element-wise nodes after it become one layer; a quantizer at
 * their end becomes integer thresholds or a fixed-point product, found by evaluating the expression.
 * docs/deploy.md tells the rules; the files:
 *
 *     graph.c        the training graph made plain: no flatten, no dropout, equal nodes once, quantizers
 *                    moved before max-pools and concatenations
 *     layers.c       which nodes become one layer
 *     weight_codes.c codes as streams of bits
 *     thresholds.c   expressions that end in a code, as thresholds on the sum
 *     fixed_point.c  thresholds of many levels as a product
 *     pack.c         a run as a packed file */
#ifndef LB_FREEZE_H
#define LB_FREEZE_H

#include "intnet/intnet.h"
#include "nn/net.h"
#include "train/run.h"

/**
 * Freeze a finished network with its parameters as they are.
 *
 * Computes:  layers whose maps equal those of lb_evaluator, bit for bit but for the sign of zeros, for
 *            every image whose float maps stay finite. The title is "", classes have no names; images
 *            are taken as mean 0 and standard deviation 1, or raw, as the network says.
 * Ownership: *out is yours, lb_intnet_release, also after a failure; it borrows nothing from `net`,
 *            which is as it was.
 * Errors:    LB_E_UNSUPPORTED a layer has no integer form: names the layer and the reason; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_freeze(lb_net *net, lb_intnet *out);

/**
 * Freeze the network of a run; normalization, title and the names of the classes are the run's.
 *
 * Ownership: as lb_freeze.
 * Errors:    as lb_freeze.
 */
LB_MUST_CHECK lb_status lb_freeze_run(lb_run *run, lb_intnet *out);

#endif
