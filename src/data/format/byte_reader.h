/* Bytes in sequence from memory: plain, or compressed with gzip or zlib. */
#ifndef LB_DATA_FORMAT_BYTE_READER_H
#define LB_DATA_FORMAT_BYTE_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <zlib.h>

#include "base/fail.h"

typedef enum lb_compression { LB_PLAIN, LB_GZIP, LB_ZLIB } lb_compression;

typedef struct lb_byte_reader {
    const char *where;    /* file name, for messages */
    const uint8_t *plain; /* what is left of plain input */
    size_t plain_bytes;
    size_t most; /* bytes that the whole input can hold at most when it is taken apart */
    bool compressed, ended;
    z_stream stream;
} lb_byte_reader;

/**
 * Start to read; the bytes and `where` are borrowed. Close it whatever the later calls return.
 *
 * Errors: LB_E_FORMAT compressed input above 4 GiB; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_byte_reader_open(lb_byte_reader *r, const char *where,
                                            const uint8_t *data, size_t bytes,
                                            lb_compression compression);
void lb_byte_reader_close(lb_byte_reader *r);

/** The next `bytes` bytes. `what` is for the message. Errors: LB_E_FORMAT truncated or damaged. */
LB_MUST_CHECK lb_status lb_byte_reader_take(lb_byte_reader *r, void *out, size_t bytes,
                                            const char *what);

/** Check that nothing is left; for compressed input also its checksum. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_byte_reader_expect_end(lb_byte_reader *r);

/** Pass over all that is left, checking the checksum. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_byte_reader_drain(lb_byte_reader *r);

/** Refuse a claim of more bytes than the input can hold, before they are allocated.
 *  Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_byte_reader_check_claim(const lb_byte_reader *r, size_t bytes);

#endif
