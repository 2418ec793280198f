/* Networks in one file, to be replayed elsewhere: each as its packed file, with an image and the checksum of
 * every map. All numbers little-endian:
 *
 *     u64 number, u64 bytes, the packed file, u64 values, the image's floats,
 *     u64 maps, for each map u64 checksum
 *
 * Replaying needs the runtime alone and no test library, so that it can be cross-compiled. */
#ifndef LB_TESTS_NETWORK_ARCHIVE_H
#define LB_TESTS_NETWORK_ARCHIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

/** Of the bits of values; the same for zeros of either sign. */
uint64_t lb_archive_checksum(const float *values, size_t n);

/* What came of a replay. */
typedef struct lb_replay {
    size_t networks, maps, differences;
    char first[256]; /* the first difference, or why the archive cannot be read; "": neither */
} lb_replay;

/** Run every network of an archive on an instruction set and compare the checksums; `scratch` is the path of
 *  a file to overwrite. false: the archive cannot be read, or a network not opened. */
bool lb_archive_replay(const char *archive, const char *scratch, const char *isa, lb_replay *out);

/** Append random network `number`: frozen training networks and networks that freeze would not make take
 *  turns. What its maps must be comes from the oracle. Aborts where it cannot. */
void lb_archive_add(FILE *archive, const char *scratch, uint64_t number);

#endif
