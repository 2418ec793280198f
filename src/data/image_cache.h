/* A cache of resized images, read: a folder of shards. */
#ifndef LB_DATA_IMAGE_CACHE_H
#define LB_DATA_IMAGE_CACHE_H

#include "data/cache_format.h"
#include "data/dataset.h"

/** Does the folder hold a manifest? */
bool lb_is_image_cache(const char *folder);

/**
 * Open one split of a cache as a data set.
 *
 * Errors: LB_E_FORMAT a damaged file, or a cache of images resized in the other way; LB_E_IO a shard is
 *         missing; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_image_cache_open(const lb_data_source *source, lb_dataset *out);

/** path = "FOLDER/train-00000.lbs". Errors: LB_E_IO too long. */
LB_MUST_CHECK lb_status lb_shard_path(const char *folder, int split, size_t number, char *path);

/** Check that a shard is the one that a manifest describes. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_shard_check(const lb_shard *shard, const lb_cache_manifest *manifest,
                                       int split, size_t number);

#endif
