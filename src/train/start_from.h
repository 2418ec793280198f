/* Starting a run from another one's weights. */
#ifndef LB_TRAIN_START_FROM_H
#define LB_TRAIN_START_FROM_H

#include "data/sha256.h"
#include "nn/net.h"

/**
 * Fill an initialized network from a run folder or checkpoint of the same architecture.
 *
 * Computes: all parameters but learned ones are read. Learned ones are read too where their layer
 *           is quantized as it was there, by the same quantizer at the same width; else they start
 *           anew, from the weights or a first batch. Quantizers that want it change masters that
 *           another one trained (`adopt`). sha256: of the checkpoint's file.
 * Errors:   LB_E_IO, LB_E_FORMAT not a checkpoint, or one of another architecture; LB_E_ARG one that
 *           diverged; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_start_from(const char *run, lb_net *net,
                                      char sha256[LB_SHA256_TEXT_BYTES]);

#endif
