/* Downloading one file so that a whole and checked one, or none, stands under its name. */
#ifndef LB_DATA_FETCH_H
#define LB_DATA_FETCH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

typedef struct lb_fetch {
    const char *url; /* http or https */
    const char *path;
    uint64_t bytes;     /* published size */
    const char *sha256; /* published digest, lower case */
    void (*progress)(void *context, const char *file, uint64_t done, uint64_t total); /* or NULL */
    void *context;
    const char *name; /* what progress is told */
} lb_fetch;

/**
 * Download to PATH.part, from where an earlier call left off, check size and SHA-256, rename to PATH.
 * A file that stands under PATH already is checked and kept.
 *
 * Errors: LB_E_IO     network, server or disk; what has arrived is kept in PATH.part.
 *         LB_E_FORMAT size or SHA-256 differ; PATH.part is removed. PATH itself is never touched.
 *         LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_fetch_file(const lb_fetch *fetch);

/**
 * Unpack members of a tar archive compressed with gzip into a folder, each whole or not at all. Only the
 * last part of a member's name counts, so nothing is ever written elsewhere.
 *
 * Shapes: members: NULL-terminated names.
 * Errors: LB_E_IO cannot read or write; LB_E_FORMAT not such an archive, truncated, a member is missing
 *         or has a size outside [min_bytes, max_bytes].
 */
LB_MUST_CHECK lb_status lb_unpack_tar_gz(const char *archive, const char *const *members,
                                         uint64_t min_bytes, uint64_t max_bytes,
                                         const char *folder);

#endif
