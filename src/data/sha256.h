/* SHA-256 (FIPS 180-4). */
#ifndef LB_DATA_SHA256_H
#define LB_DATA_SHA256_H

#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

typedef struct lb_sha256 {
    uint32_t state[8];
    uint64_t bytes;
    uint8_t block[64];
} lb_sha256;

enum { LB_SHA256_TEXT_BYTES = 65 };

void lb_sha256_init(lb_sha256 *h);
void lb_sha256_update(lb_sha256 *h, const void *data, size_t bytes);
/** The digest so far as 64 lower-case hexadecimal digits; the state is used up. */
void lb_sha256_finish(lb_sha256 *h, char text[LB_SHA256_TEXT_BYTES]);

/** Digest of a file. Errors: LB_E_IO cannot open or read. */
LB_MUST_CHECK lb_status lb_sha256_file(const char *path, char text[LB_SHA256_TEXT_BYTES]);

#endif
