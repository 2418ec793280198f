/* A cache of resized images as a store of a stream. Shards are mapped, so that the system keeps what is read
 * often in memory; an image's checksum is tested each time. */
#include "data/image_cache.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "data/format/folder_list.h"

enum { MAX_MANIFEST = 1 << 26 };

typedef struct image_cache {
    lb_image_store store; /* first: a pointer to it is one to the cache */
    char *folder;
    int split;
    size_t images_a_shard, n_shards;
    lb_file_map *maps; /* (n_shards) */
    lb_shard *shards;  /* (n_shards) */
} image_cache;

bool lb_is_image_cache(const char *folder)
{
    char path[LB_PATH_BYTES];
    return lb_folder_path(folder, LB_CACHE_MANIFEST, path) == LB_OK && lb_path_exists(path);
}

lb_status lb_shard_path(const char *folder, int split, size_t number, char *path)
{
    char name[32];
    (void)snprintf(name, sizeof name, "%s-%05zu.lbs", split == LB_SPLIT_TRAIN ? "train" : "test",
                   number);
    return lb_folder_path(folder, name, path);
}

lb_status lb_shard_check(const lb_shard *shard, const lb_cache_manifest *m, int split,
                         size_t number)
{
    const uint64_t first = (uint64_t)number * m->images_a_shard;
    const uint64_t left = m->counts[split] - first;
    const uint64_t n = left < m->images_a_shard ? left : m->images_a_shard;
    if (shard->images.quality == m->images.quality && shard->images.edge == m->images.edge &&
        shard->images.square == m->images.square && shard->split == (uint32_t)split &&
        shard->number == number && shard->first == first && shard->n == n) {
        return LB_OK;
    }
    return lb_fail(LB_E_FORMAT, "a shard of another cache");
}

static lb_status fetch(const lb_image_store *store, size_t i, lb_view_work *work,
                       lb_view_source *out)
{
    const image_cache *cache = (const image_cache *)(const void *)store;
    const size_t number = i / cache->images_a_shard, within = i % cache->images_a_shard;
    const lb_shard *shard = &cache->shards[number];
    const lb_shard_entry entry = lb_shard_entry_at(shard, within);
    LB_TRY(lb_buffer_reserve(&work->where, LB_PATH_BYTES + 32, "path"));
    char *where = (char *)work->where.data;
    LB_TRY(lb_shard_path(cache->folder, cache->split, number, where));
    const size_t length = strlen(where);
    (void)snprintf(where + length, 32, ": image %zu", within);
    const lb_status status = lb_shard_check_image(shard, &entry);
    if (status != LB_OK) return lb_fail_in(status, "%s", where);
    const bool raw = shard->images.quality == 0;
    *out = (lb_view_source){.where = where,
                            .data = shard->data + entry.offset,
                            .bytes = entry.bytes,
                            .raw_height = raw ? entry.height : 0,
                            .raw_width = raw ? entry.width : 0};
    return LB_OK;
}

static void destroy(lb_image_store *store)
{
    image_cache *cache = (image_cache *)(void *)store;
    for (size_t i = 0; cache->maps != NULL && i < cache->n_shards; i++) {
        lb_file_map_close(&cache->maps[i]);
    }
    lb_free(cache->maps);
    lb_free(cache->shards);
    lb_free(cache->folder);
    lb_free(cache);
}

static lb_status open_shard(image_cache *cache, const lb_cache_manifest *m, size_t number,
                            uint16_t *labels)
{
    char path[LB_PATH_BYTES];
    LB_TRY(lb_shard_path(cache->folder, cache->split, number, path));
    if (!lb_path_exists(path)) {
        return lb_fail(LB_E_IO,
                       "%s is missing: the cache is not complete; `lowbit data cache` with the "
                       "same arguments finishes it",
                       path);
    }
    LB_TRY(lb_file_map_open(path, &cache->maps[number]));
    lb_file_map_close_file(
        &cache->maps[number]); /* a cache can have more shards than files may be open */
    lb_shard *shard = &cache->shards[number];
    lb_status status = lb_shard_read(cache->maps[number].data, cache->maps[number].bytes, shard);
    if (status == LB_OK) status = lb_shard_check(shard, m, cache->split, number);
    if (status != LB_OK) return lb_fail_in(status, "%s", path);
    for (size_t i = 0; i < shard->n; i++) {
        labels[shard->first + i] = lb_shard_entry_at(shard, i).label;
    }
    return LB_OK;
}

static lb_status name_classes(const lb_cache_manifest *m, lb_dataset *out)
{
    void *names = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, m->classes, sizeof(char *), "class names", &names));
    out->class_names = names;
    const char *name = m->class_names;
    for (size_t c = 0; c < m->classes; c++, name += strlen(name) + 1) {
        char *copy = NULL;
        LB_TRY(lb_arena_strdup(&out->arena, name, &copy));
        out->class_names[c] = copy;
    }
    out->classes = m->classes;
    return LB_OK;
}

static lb_status open_shards(image_cache *cache, const lb_cache_manifest *m, lb_dataset *out)
{
    void *maps = NULL, *shards = NULL;
    cache->n_shards = lb_cache_shards(m, cache->split);
    cache->images_a_shard = m->images_a_shard;
    LB_TRY(lb_alloc(cache->n_shards, sizeof(lb_file_map), "shards", &maps));
    cache->maps = maps;
    LB_TRY(lb_alloc(cache->n_shards, sizeof(lb_shard), "shards", &shards));
    cache->shards = shards;
    for (size_t i = 0; i < cache->n_shards; i++) LB_TRY(open_shard(cache, m, i, out->labels));
    return LB_OK;
}

static lb_status open_manifest(const lb_data_source *source, const lb_cache_manifest *m,
                               lb_dataset *out)
{
    if ((m->images.square != 0) != source->kind->square) {
        return lb_fail(LB_E_FORMAT, "'%s' is a cache of imagenet%s; name it as such",
                       source->folder, m->images.square != 0 ? "-square" : "");
    }
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(image_cache), "cache", &block));
    image_cache *cache = block;
    cache->store = (lb_image_store){fetch, destroy};
    cache->split = (int)source->split;
    const size_t count = (size_t)m->counts[source->split];
    lb_status status = lb_strdup(source->folder, &cache->folder);
    if (status == LB_OK) status = lb_dataset_allocate_labels(out, source->folder, count);
    if (status == LB_OK) status = name_classes(m, out);
    if (status == LB_OK) status = open_shards(cache, m, out);
    if (status != LB_OK) {
        destroy(&cache->store);
        return status;
    }
    return lb_stream_create(&cache->store, count, source->kind->square, &out->stream);
}

lb_status lb_image_cache_open(const lb_data_source *source, lb_dataset *out)
{
    char path[LB_PATH_BYTES];
    uint8_t *data = NULL;
    size_t bytes = 0;
    lb_cache_manifest manifest;
    LB_TRY(lb_folder_path(source->folder, LB_CACHE_MANIFEST, path));
    LB_TRY(lb_file_read(path, MAX_MANIFEST, &data, &bytes));
    lb_status status = lb_cache_manifest_read(data, bytes, &manifest);
    if (status != LB_OK) {
        status = lb_fail_in(status, "%s", path);
    } else {
        status = open_manifest(source, &manifest, out);
    }
    lb_free(data);
    return status;
}
