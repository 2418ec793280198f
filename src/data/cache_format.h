/* The files of a cache of resized images: CACHE/cache.lbi and CACHE/train-00000.lbs, ... All numbers are
 * little-endian; docs/data.md has the layout byte by byte. */
#ifndef LB_DATA_CACHE_FORMAT_H
#define LB_DATA_CACHE_FORMAT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

enum {
    LB_CACHE_VERSION = 1,
    LB_CACHE_MAX_EDGE = 4096,
    LB_CACHE_HEAD_BYTES = 64, /* of the manifest and of a shard */
    LB_SHARD_ENTRY_BYTES = 24,
    LB_SHARD_MAX_IMAGES = 1 << 20
};

#define LB_CACHE_MANIFEST "cache.lbi"

/* How images were made. */
typedef struct lb_cache_images {
    uint32_t quality; /* 1 to 100: JPEG; 0: raw red, green and blue bytes */
    uint32_t edge;
    uint32_t square; /* 0: the short edge was resized to `edge`, 1: both were */
} lb_cache_images;

/* What the manifest says. */
typedef struct lb_cache_manifest {
    lb_cache_images images;
    uint64_t counts[2];      /* images of the training and the test split */
    uint32_t labels_crcs[2]; /* CRC-32 of their labels, as uint16 */
    uint32_t images_a_shard, classes;
    const char *class_names; /* (classes) zero-terminated texts, one behind the other */
    size_t class_names_bytes;
} lb_cache_manifest;

/* A shard: images [first, first + n) of a split. */
typedef struct lb_shard {
    lb_cache_images images;
    uint32_t split, number, n;
    uint64_t first;
    const uint8_t *data; /* the whole file */
} lb_shard;

/* One image of a shard. */
typedef struct lb_shard_entry {
    uint64_t offset; /* from the file's first byte */
    uint32_t bytes;  /* 0: the image could not be read when the cache was made */
    uint32_t crc;    /* CRC-32 of the bytes */
    uint16_t width, height, label;
} lb_shard_entry;

/** Shards of a split. */
size_t lb_cache_shards(const lb_cache_manifest *manifest, int split);

/**
 * Read a manifest.
 *
 * Ownership: class_names point into `data`.
 * Errors:    LB_E_FORMAT, with a message that says what is wrong.
 */
LB_MUST_CHECK lb_status lb_cache_manifest_read(const uint8_t *data, size_t bytes,
                                               lb_cache_manifest *out);
/** Write the manifest (lb_free). Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_cache_manifest_write(const lb_cache_manifest *manifest, uint8_t **data,
                                                size_t *bytes);

/**
 * Read the head and the index of a shard, and check that every entry lies in the file.
 *
 * Ownership: *out borrows `data`.
 * Errors:    LB_E_FORMAT.
 */
LB_MUST_CHECK lb_status lb_shard_read(const uint8_t *data, size_t bytes, lb_shard *out);
/** Entry i < n. */
lb_shard_entry lb_shard_entry_at(const lb_shard *shard, size_t i);
/** The bytes of entry i, whose checksum is tested. Errors: LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_shard_check_image(const lb_shard *shard, const lb_shard_entry *entry);

/** Bytes of head and index of a shard of n images. */
size_t lb_shard_head_bytes(size_t n);
/** Write an entry into the index behind the head. */
void lb_shard_put_entry(uint8_t *head, size_t i, const lb_shard_entry *entry);
/** Write the head, once the index is whole. file_bytes: of the whole shard. */
void lb_shard_put_head(uint8_t *head, const lb_shard *shard, uint64_t file_bytes);

uint32_t lb_crc32(const void *data, size_t bytes);

#endif
