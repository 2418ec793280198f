/* Files of a cache of resized images: the manifest, shards, and the images in them.
 *
 * Checksums would stop nearly every input, so each is also tried with those of a manifest and of a shard's head put
 * right. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "data/cache_format.h"
#include "data/image_view.h"
#include "input_file.h"

enum { IMAGES = 8, SIZE = 24, AT_N = 40, AT_NAMES_BYTES = 56, CRC_BYTES = 4 };

static void view(const lb_shard *shard, const lb_shard_entry *entry)
{
    static uint8_t pixels[3 * SIZE * SIZE];
    const bool raw = shard->images.quality == 0;
    const lb_image_view wanted = {.edge = lb_view_edge(SIZE), .size = SIZE};
    const lb_view_source source = {.where = "input",
                                   .data = shard->data + entry->offset,
                                   .bytes = entry->bytes,
                                   .raw_height = raw ? entry->height : 0,
                                   .raw_width = raw ? entry->width : 0};
    lb_view_work work = {0};
    const lb_crop_draw draw = {LB_CROP_RESIZED, lb_random_at(1, LB_RANDOM_CROP, 0, entry->label)};
    const lb_status status = lb_view_make(&wanted, &source, draw, &work, pixels);
    (void)status;
    lb_view_work_release(&work);
}

static void read_shard(const uint8_t *data, size_t bytes)
{
    lb_shard shard;
    if (lb_shard_read(data, bytes, &shard) != LB_OK) return;
    for (size_t i = 0; i < shard.n && i < IMAGES; i++) {
        const lb_shard_entry entry = lb_shard_entry_at(&shard, i);
        if (entry.bytes > 0) view(&shard, &entry);
    }
}

/* The same bytes with the head that belongs to the index and the size. */
static void read_mended(const uint8_t *data, size_t bytes)
{
    void *block = NULL;
    if (bytes < LB_CACHE_HEAD_BYTES || lb_alloc(bytes, 1, "input", &block) != LB_OK) return;
    uint8_t *copy = block;
    memcpy(copy, data, bytes);
    const size_t n = copy[AT_N];
    const lb_shard shard = {.images = {copy[12], 1u + copy[16], copy[20] & 1u}, .n = (uint32_t)n};
    if (n > 0 && lb_shard_head_bytes(n) <= bytes) {
        lb_shard_put_head(copy, &shard, bytes);
        read_shard(copy, bytes);
    }
    lb_free(copy);
}

static void put(uint8_t *at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static void read_manifest(const uint8_t *data, size_t bytes)
{
    lb_cache_manifest m;
    if (lb_cache_manifest_read(data, bytes, &m) != LB_OK) return;
    for (int split = 0; split < 2; split++)
        if (lb_cache_shards(&m, split) == 0) abort();
    if (m.class_names[m.class_names_bytes - 1] != '\0') abort();
}

/* The same bytes as the size says they are, with the checksum that belongs to them. */
static void read_mended_manifest(const uint8_t *data, size_t bytes)
{
    void *block = NULL;
    const size_t least = LB_CACHE_HEAD_BYTES + CRC_BYTES;
    if (bytes < least || lb_alloc(bytes, 1, "input", &block) != LB_OK) return;
    uint8_t *copy = block;
    memcpy(copy, data, bytes);
    put(copy + AT_NAMES_BYTES, 8, bytes - least);
    put(copy + bytes - CRC_BYTES, CRC_BYTES, lb_crc32(copy, bytes - CRC_BYTES));
    read_manifest(copy, bytes);
    lb_free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    read_manifest(data, size);
    read_mended_manifest(data, size);
    read_shard(data, size);
    read_mended(data, size);
    return 0;
}
