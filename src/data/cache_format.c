/* Reading and writing the files of a cache of resized images. */
#include "data/cache_format.h"

#include <string.h>
#include <zlib.h>

#include "base/memory.h"

static const char manifest_magic[8] = "LBCACHE", shard_magic[8] = "LBSHARD";

/* Places in the heads. */
enum {
    AT_VERSION = 8,
    AT_QUALITY = 12,
    AT_EDGE = 16,
    AT_SQUARE = 20,
    /* manifest */
    AT_COUNTS = 24,
    AT_IMAGES_A_SHARD = 40,
    AT_CLASSES = 44,
    AT_LABELS_CRCS = 48,
    AT_NAMES_BYTES = 56,
    /* shard */
    AT_SPLIT = 24,
    AT_NUMBER = 28,
    AT_FIRST = 32,
    AT_N = 40,
    AT_INDEX_CRC = 44,
    AT_FILE_BYTES = 48,
    AT_HEAD_CRC = 56,
    AT_ZERO = 60,
    CRC_BYTES = 4
};

uint32_t lb_crc32(const void *data, size_t bytes)
{
    return (uint32_t)crc32_z(crc32_z(0, NULL, 0), data, bytes);
}

static uint64_t get(const uint8_t *at, size_t bytes)
{
    uint64_t value = 0;
    for (size_t i = bytes; i-- > 0;) value = value << 8 | at[i];
    return value;
}

static uint32_t get32(const uint8_t *at)
{
    return (uint32_t)get(at, 4);
}

static void put(uint8_t *at, size_t bytes, uint64_t value)
{
    for (size_t i = 0; i < bytes; i++) at[i] = (uint8_t)(value >> (8 * i));
}

static lb_status read_common(const uint8_t *data, size_t bytes, const char magic[8],
                             lb_cache_images *out)
{
    if (bytes < LB_CACHE_HEAD_BYTES || memcmp(data, magic, 8) != 0)
        return lb_fail(LB_E_FORMAT, "not a file of a cache of images");
    const uint32_t version = get32(data + AT_VERSION);
    if (version != LB_CACHE_VERSION) {
        return lb_fail(LB_E_FORMAT, "version %lu of the format; this lowbit reads version %d",
                       (unsigned long)version, LB_CACHE_VERSION);
    }
    const lb_cache_images images = {get32(data + AT_QUALITY), get32(data + AT_EDGE),
                                    get32(data + AT_SQUARE)};
    if (images.quality > 100 || images.edge == 0 || images.edge > LB_CACHE_MAX_EDGE ||
        images.square > 1) {
        return lb_fail(LB_E_FORMAT, "images of quality %lu, edge %lu, square %lu",
                       (unsigned long)images.quality, (unsigned long)images.edge,
                       (unsigned long)images.square);
    }
    *out = images;
    return LB_OK;
}

static void write_common(uint8_t *data, const char magic[8], const lb_cache_images *images)
{
    memcpy(data, magic, 8);
    put(data + AT_VERSION, 4, LB_CACHE_VERSION);
    put(data + AT_QUALITY, 4, images->quality);
    put(data + AT_EDGE, 4, images->edge);
    put(data + AT_SQUARE, 4, images->square);
}

/* ---- manifest -------------------------------------------------------------------------------- */

size_t lb_cache_shards(const lb_cache_manifest *m, int split)
{
    return (size_t)((m->counts[split] + m->images_a_shard - 1) / m->images_a_shard);
}

static lb_status check_names(const lb_cache_manifest *m)
{
    size_t n = 0;
    for (size_t i = 0; i < m->class_names_bytes; i++) n += m->class_names[i] == '\0' ? 1 : 0;
    if (m->class_names_bytes > 0 && m->class_names[m->class_names_bytes - 1] == '\0' &&
        n == m->classes) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "%zu class names for %lu classes", n, (unsigned long)m->classes);
}

lb_status lb_cache_manifest_read(const uint8_t *data, size_t bytes, lb_cache_manifest *out)
{
    lb_cache_manifest m;
    LB_TRY(read_common(data, bytes, manifest_magic, &m.images));
    for (size_t s = 0; s < 2; s++) {
        m.counts[s] = get(data + AT_COUNTS + 8 * s, 8);
        m.labels_crcs[s] = get32(data + AT_LABELS_CRCS + 4 * s);
    }
    m.images_a_shard = get32(data + AT_IMAGES_A_SHARD);
    m.classes = get32(data + AT_CLASSES);
    const uint64_t names = get(data + AT_NAMES_BYTES, 8);
    if (names != bytes - LB_CACHE_HEAD_BYTES - CRC_BYTES ||
        bytes < LB_CACHE_HEAD_BYTES + CRC_BYTES) {
        return lb_fail(LB_E_FORMAT, "%zu bytes, which does not fit its class names", bytes);
    }
    if (get32(data + bytes - CRC_BYTES) != lb_crc32(data, bytes - CRC_BYTES))
        return lb_fail(LB_E_FORMAT, "the checksum does not fit");
    if (m.images_a_shard == 0 || m.images_a_shard > LB_SHARD_MAX_IMAGES || m.classes == 0 ||
        m.classes > UINT16_MAX || m.counts[0] == 0 || m.counts[0] > UINT32_MAX ||
        m.counts[1] == 0 || m.counts[1] > UINT32_MAX) {
        return lb_fail(LB_E_FORMAT, "no images, no classes, or impossibly many");
    }
    m.class_names = (const char *)data + LB_CACHE_HEAD_BYTES;
    m.class_names_bytes = (size_t)names;
    LB_TRY(check_names(&m));
    *out = m;
    return LB_OK;
}

lb_status lb_cache_manifest_write(const lb_cache_manifest *m, uint8_t **out, size_t *bytes)
{
    const size_t size = LB_CACHE_HEAD_BYTES + m->class_names_bytes + CRC_BYTES;
    void *block = NULL;
    LB_TRY(lb_alloc(size, 1, "manifest", &block));
    uint8_t *data = block;
    write_common(data, manifest_magic, &m->images);
    for (size_t s = 0; s < 2; s++) {
        put(data + AT_COUNTS + 8 * s, 8, m->counts[s]);
        put(data + AT_LABELS_CRCS + 4 * s, 4, m->labels_crcs[s]);
    }
    put(data + AT_IMAGES_A_SHARD, 4, m->images_a_shard);
    put(data + AT_CLASSES, 4, m->classes);
    put(data + AT_NAMES_BYTES, 8, m->class_names_bytes);
    memcpy(data + LB_CACHE_HEAD_BYTES, m->class_names, m->class_names_bytes);
    put(data + size - CRC_BYTES, CRC_BYTES, lb_crc32(data, size - CRC_BYTES));
    *out = data;
    *bytes = size;
    return LB_OK;
}

/* ---- shard ----------------------------------------------------------------------------------- */

size_t lb_shard_head_bytes(size_t n)
{
    return LB_CACHE_HEAD_BYTES + n * LB_SHARD_ENTRY_BYTES;
}

lb_shard_entry lb_shard_entry_at(const lb_shard *shard, size_t i)
{
    const uint8_t *at = shard->data + LB_CACHE_HEAD_BYTES + i * LB_SHARD_ENTRY_BYTES;
    return (lb_shard_entry){.offset = get(at, 8),
                            .bytes = get32(at + 8),
                            .crc = get32(at + 12),
                            .width = (uint16_t)get(at + 16, 2),
                            .height = (uint16_t)get(at + 18, 2),
                            .label = (uint16_t)get(at + 20, 2)};
}

static lb_status check_entries(const lb_shard *shard, size_t bytes)
{
    const size_t head = lb_shard_head_bytes(shard->n);
    for (size_t i = 0; i < shard->n; i++) {
        const lb_shard_entry e = lb_shard_entry_at(shard, i);
        if (e.bytes == 0) continue;
        const bool inside =
            e.offset >= head && e.offset <= bytes && e.bytes <= bytes - (size_t)e.offset;
        const bool whole =
            shard->images.quality > 0 || (uint64_t)e.width * e.height * 3 == (uint64_t)e.bytes;
        if (!inside || !whole || e.width == 0 || e.height == 0)
            return lb_fail(LB_E_FORMAT, "image %zu does not lie in the file", i);
    }
    return LB_OK;
}

lb_status lb_shard_read(const uint8_t *data, size_t bytes, lb_shard *out)
{
    lb_shard s = {.data = data};
    LB_TRY(read_common(data, bytes, shard_magic, &s.images));
    if (get32(data + AT_HEAD_CRC) != lb_crc32(data, AT_HEAD_CRC) || get32(data + AT_ZERO) != 0)
        return lb_fail(LB_E_FORMAT, "the checksum of its head does not fit");
    s.split = get32(data + AT_SPLIT);
    s.number = get32(data + AT_NUMBER);
    s.first = get(data + AT_FIRST, 8);
    s.n = get32(data + AT_N);
    if (get(data + AT_FILE_BYTES, 8) != bytes || s.n == 0 || s.n > LB_SHARD_MAX_IMAGES ||
        s.split > 1 || lb_shard_head_bytes(s.n) > bytes) {
        return lb_fail(LB_E_FORMAT, "%zu bytes, which does not fit what its head says", bytes);
    }
    const size_t index_bytes = (size_t)s.n * LB_SHARD_ENTRY_BYTES;
    if (get32(data + AT_INDEX_CRC) != lb_crc32(data + LB_CACHE_HEAD_BYTES, index_bytes))
        return lb_fail(LB_E_FORMAT, "the checksum of its index does not fit");
    LB_TRY(check_entries(&s, bytes));
    *out = s;
    return LB_OK;
}

lb_status lb_shard_check_image(const lb_shard *shard, const lb_shard_entry *entry)
{
    if (entry->bytes == 0) return lb_fail(LB_E_FORMAT, "could not be read when the cache was made");
    if (lb_crc32(shard->data + entry->offset, entry->bytes) == entry->crc) return LB_OK;
    return lb_fail(LB_E_FORMAT, "the checksum does not fit");
}

void lb_shard_put_entry(uint8_t *head, size_t i, const lb_shard_entry *entry)
{
    uint8_t *at = head + LB_CACHE_HEAD_BYTES + i * LB_SHARD_ENTRY_BYTES;
    put(at, 8, entry->offset);
    put(at + 8, 4, entry->bytes);
    put(at + 12, 4, entry->crc);
    put(at + 16, 2, entry->width);
    put(at + 18, 2, entry->height);
    put(at + 20, 4, entry->label); /* two bytes that are 0 behind it */
}

void lb_shard_put_head(uint8_t *head, const lb_shard *shard, uint64_t file_bytes)
{
    const size_t index_bytes = (size_t)shard->n * LB_SHARD_ENTRY_BYTES;
    memset(head, 0, LB_CACHE_HEAD_BYTES);
    write_common(head, shard_magic, &shard->images);
    put(head + AT_SPLIT, 4, shard->split);
    put(head + AT_NUMBER, 4, shard->number);
    put(head + AT_FIRST, 8, shard->first);
    put(head + AT_N, 4, shard->n);
    put(head + AT_INDEX_CRC, 4, lb_crc32(head + LB_CACHE_HEAD_BYTES, index_bytes));
    put(head + AT_FILE_BYTES, 8, file_bytes);
    put(head + AT_HEAD_CRC, 4, lb_crc32(head, AT_HEAD_CRC));
}
