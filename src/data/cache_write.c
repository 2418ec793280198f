/* Writing a cache of resized images.
 *
 * The manifest comes first, then shard after shard, each under a temporary name till it is whole: what
 * a killed call has finished is found by the next one and kept. An image that cannot be read has an entry
 * without bytes, so that images keep their numbers, and training on the cache skips what training on
 * the files would skip. */
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/thread_count.h"
#include "data/format/folder_list.h"
#include "data/format/jpeg_file.h"
#include "data/image_cache.h"

enum {
    STANDARD_EDGE = 256,
    SHARD_BYTES = 1 << 28, /* about; an image has 4/3 of its square */
    JPEG_SAVING = 8,       /* a JPEG image is about this much smaller than a raw one */
    CHUNK = 64             /* images that are made at a time */
};

/* One image, made. */
typedef struct made {
    uint8_t *bytes;
    size_t n, height, width;
    lb_status status;
} made;

typedef struct job {
    const lb_cache_options *options;
    const char *folder;
    lb_dataset *splits[2];
    lb_cache_manifest manifest;
    lb_cache_result result;
} job;

/* ---- images ---------------------------------------------------------------------------------- */

/* Planes to rows of red, green and blue bytes. */
static lb_status to_rows(const uint8_t *planes, size_t pixels, uint8_t **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(pixels, 3, "image", &block));
    uint8_t *rows = block;
    for (size_t i = 0; i < pixels; i++) {
        for (size_t c = 0; c < 3; c++) rows[3 * i + c] = planes[c * pixels + i];
    }
    *out = rows;
    return LB_OK;
}

static lb_status make_image(const job *j, int split, size_t index, lb_view_work *work, made *out)
{
    uint8_t *planes = NULL, *rows = NULL;
    LB_TRY(lb_stream_read_whole(j->splits[split]->stream, index, j->manifest.images.edge, work,
                                &out->height, &out->width, &planes));
    const size_t pixels = out->height * out->width;
    lb_status status = to_rows(planes, pixels, &rows);
    lb_free(planes);
    if (status != LB_OK) return status;
    if (j->manifest.images.quality == 0) {
        out->bytes = rows;
        out->n = 3 * pixels;
        return LB_OK;
    }
    status = lb_jpeg_encode(out->height, out->width, rows, (int)j->manifest.images.quality,
                            &out->bytes, &out->n);
    lb_free(rows);
    return status;
}

static void make_chunk(const job *j, int split, size_t first, size_t n, made *out)
{
#pragma omp parallel
    {
        lb_view_work work = {0};
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < n; i++) {
            out[i] = (made){.status = LB_OK};
            out[i].status = make_image(j, split, first + i, &work, &out[i]);
        }
        lb_view_work_release(&work);
    }
}

/* ---- shards ---------------------------------------------------------------------------------- */

/* Write images [at, at + n) of a shard. */
static lb_status add_chunk(job *j, const lb_shard *shard, size_t at, size_t n, uint8_t *head,
                           lb_file_writer *file, uint64_t *offset)
{
    made images[CHUNK];
    lb_status status = LB_OK;
    const int split = (int)shard->split;
    make_chunk(j, split, (size_t)shard->first + at, n, images);
    lb_dataset_report(j->splits[split], j->options->report, j->options->context);
    for (size_t i = 0; i < n; i++) {
        made *m = &images[i];
        lb_shard_entry entry = {.label = j->splits[split]->labels[shard->first + at + i]};
        if (status == LB_OK && m->status == LB_E_NOMEM) {
            status = lb_fail(LB_E_NOMEM, "no memory to resize images");
        }
        if (status == LB_OK && m->status == LB_OK) {
            entry = (lb_shard_entry){*offset,
                                     (uint32_t)m->n,
                                     lb_crc32(m->bytes, m->n),
                                     (uint16_t)m->width,
                                     (uint16_t)m->height,
                                     entry.label};
            status = lb_file_writer_add(file, m->bytes, m->n);
            *offset += m->n;
        }
        j->result.unreadable += m->status != LB_OK ? 1 : 0;
        lb_shard_put_entry(head, at + i, &entry);
        if (m->status == LB_OK) lb_free(m->bytes);
    }
    return status;
}

static void show_progress(const job *j, const lb_shard *shard, size_t done)
{
    const lb_cache_options *o = j->options;
    if (o->progress == NULL) return;
    const size_t before = shard->split == LB_SPLIT_TEST ? j->splits[0]->count : 0;
    o->progress(o->context, before + (size_t)shard->first + done,
                j->splits[0]->count + j->splits[1]->count);
}

static lb_status write_shard(job *j, const lb_shard *shard, const char *path)
{
    const size_t head_bytes = lb_shard_head_bytes(shard->n);
    uint64_t offset = head_bytes;
    void *head = NULL;
    lb_file_writer file;
    LB_TRY(lb_alloc(head_bytes, 1, "shard", &head));
    lb_status status = lb_file_writer_open(path, &file);
    if (status == LB_OK) {
        status = lb_file_writer_add(&file, head, head_bytes);
        for (size_t at = 0; status == LB_OK && at < shard->n; at += CHUNK) {
            const size_t left = shard->n - at, n = left < CHUNK ? left : CHUNK;
            status = add_chunk(j, shard, at, n, head, &file, &offset);
            show_progress(j, shard, at + n);
        }
        lb_shard_put_head(head, shard, offset);
        if (status == LB_OK) {
            status = lb_file_writer_finish(&file, head, head_bytes);
        } else {
            lb_file_writer_abandon(&file);
        }
    }
    lb_free(head);
    return status;
}

/* Is the shard there, whole? Then count what is unreadable in it. */
static bool is_finished(job *j, const char *path, int split, size_t number)
{
    lb_file_map map;
    lb_shard shard;
    if (!lb_path_exists(path) || lb_file_map_open(path, &map) != LB_OK) return false;
    bool good = lb_shard_read(map.data, map.bytes, &shard) == LB_OK &&
                lb_shard_check(&shard, &j->manifest, split, number) == LB_OK;
    for (size_t i = 0; good && i < shard.n; i++) {
        j->result.unreadable += lb_shard_entry_at(&shard, i).bytes == 0 ? 1 : 0;
    }
    lb_file_map_close(&map);
    return good;
}

static lb_status write_split(job *j, int split)
{
    const size_t n = lb_cache_shards(&j->manifest, split), each = j->manifest.images_a_shard;
    for (size_t number = 0; number < n; number++) {
        char path[LB_PATH_BYTES];
        LB_TRY(lb_shard_path(j->folder, split, number, path));
        if (is_finished(j, path, split, number)) {
            j->result.kept++;
            continue;
        }
        const size_t left = j->splits[split]->count - number * each;
        const lb_shard shard = {.images = j->manifest.images,
                                .split = (uint32_t)split,
                                .number = (uint32_t)number,
                                .n = (uint32_t)(left < each ? left : each),
                                .first = number * each};
        LB_TRY(write_shard(j, &shard, path));
        j->result.written++;
    }
    return LB_OK;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static uint32_t labels_crc(const lb_dataset *d)
{
    uint32_t crc = 0;
    for (size_t i = 0; i < d->count; i++) {
        const uint8_t bytes[6] = {(uint8_t)crc,          (uint8_t)(crc >> 8),
                                  (uint8_t)(crc >> 16),  (uint8_t)(crc >> 24),
                                  (uint8_t)d->labels[i], (uint8_t)(d->labels[i] >> 8)};
        crc = lb_crc32(bytes, sizeof bytes); /* a chain, so that the order counts */
    }
    return crc;
}

static lb_status join_class_names(const lb_dataset *d, char **out, size_t *bytes)
{
    size_t size = 0, used = 0;
    for (size_t c = 0; c < d->classes; c++) size += strlen(d->class_names[c]) + 1;
    void *names = NULL;
    LB_TRY(lb_alloc(size, 1, "class names", &names));
    for (size_t c = 0; c < d->classes; c++) {
        const size_t length = strlen(d->class_names[c]) + 1;
        memcpy((char *)names + used, d->class_names[c], length);
        used += length;
    }
    *out = names;
    *bytes = size;
    return LB_OK;
}

/* Two calls that write one cache would write into each other's temporary files. *fd: close it to unlock. */
static lb_status lock_folder(const char *folder, int *fd)
{
    LB_TRY(lb_make_folders(folder));
    *fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0) return lb_fail(LB_E_IO, "%s: cannot open the folder: %s", folder, strerror(errno));
    /* file systems without locks report something else, and go without */
    if (flock(*fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return lb_fail(LB_E_BUSY,
                       "%s: another process is writing this cache; wait for it or choose another "
                       "folder",
                       folder);
    }
    return LB_OK;
}

/* Write the manifest, or find the same one from an earlier call. */
static lb_status begin(const job *j)
{
    char path[LB_PATH_BYTES];
    uint8_t *wanted = NULL, *there = NULL;
    size_t wanted_bytes = 0, there_bytes = 0;
    LB_TRY(lb_folder_path(j->folder, LB_CACHE_MANIFEST, path));
    LB_TRY(lb_cache_manifest_write(&j->manifest, &wanted, &wanted_bytes));
    lb_status status = LB_OK;
    if (lb_path_exists(path)) {
        status = lb_file_read(path, wanted_bytes, &there, &there_bytes);
        if (status == LB_E_FORMAT ||
            (status == LB_OK &&
             (there_bytes != wanted_bytes || memcmp(there, wanted, there_bytes) != 0))) {
            status = lb_fail(LB_E_ARG,
                             "'%s' is a cache of other images or other settings; remove it, or "
                             "choose another folder",
                             j->folder);
        }
    } else {
        const lb_file_part part = {wanted, wanted_bytes};
        status = lb_file_write_atomic(path, &part, 1);
    }
    lb_free(there);
    lb_free(wanted);
    return status;
}

static lb_status check_options(const lb_cache_options *o)
{
    if (o->edge > LB_CACHE_MAX_EDGE) {
        return lb_fail(LB_E_ARG, "a short edge of %zu pixels; wanted 1 to %d", o->edge,
                       LB_CACHE_MAX_EDGE);
    }
    if (o->quality < 0 || o->quality > 100)
        return lb_fail(LB_E_ARG, "JPEG quality %d; wanted 1 to 100, or 0 for raw", o->quality);
    return LB_OK;
}

/* A manifest among the images would hide them: the folder would be taken for the cache, which has none yet. */
static lb_status check_folders(const char *spec, const char *folder)
{
    char source[LB_PATH_BYTES];
    bool found = false;
    struct stat a, b;
    LB_TRY(lb_data_locate(spec, source, sizeof source, &found));
    if (stat(source, &a) != 0 || stat(folder, &b) != 0) return LB_OK; /* not there: not the same */
    if (a.st_dev != b.st_dev || a.st_ino != b.st_ino) return LB_OK;
    return lb_fail(LB_E_ARG, "'%s' holds the images themselves; choose another folder", folder);
}

static lb_status fill_manifest(job *j, const char *spec, char **names)
{
    const lb_cache_options *o = j->options;
    lb_cache_manifest *m = &j->manifest;
    if (j->splits[0]->stream == NULL || j->splits[1]->stream == NULL) {
        return lb_fail(LB_E_ARG,
                       "'%s' is held in memory: only imagenet and imagenet-square have "
                       "something to cache",
                       spec);
    }
    const size_t edge = o->edge > 0 ? o->edge : STANDARD_EDGE;
    size_t each = SHARD_BYTES / (4 * edge * edge) * (o->quality > 0 ? JPEG_SAVING : 1);
    if (each == 0) each = 1;
    if (o->images_a_shard > 0) each = o->images_a_shard;
    m->images = (lb_cache_images){(uint32_t)o->quality, (uint32_t)edge,
                                  lb_stream_view(j->splits[0]->stream)->square ? 1 : 0};
    m->images_a_shard = (uint32_t)(each < LB_SHARD_MAX_IMAGES ? each : LB_SHARD_MAX_IMAGES);
    m->classes = (uint32_t)j->splits[0]->classes;
    for (size_t s = 0; s < 2; s++) {
        m->counts[s] = j->splits[s]->count;
        m->labels_crcs[s] = labels_crc(j->splits[s]);
    }
    LB_TRY(join_class_names(j->splits[0], names, &m->class_names_bytes));
    m->class_names = *names;
    return LB_OK;
}

static lb_status write_all(job *j, const char *spec)
{
    char *names = NULL;
    int lock = -1;
    lb_status status = check_folders(spec, j->folder);
    for (int s = 0; s < 2 && status == LB_OK; s++) {
        status = lb_dataset_open(spec, (lb_split)s, &j->splits[s]);
    }
    if (status == LB_OK) status = fill_manifest(j, spec, &names);
    if (status == LB_OK) status = lock_folder(j->folder, &lock);
    if (status == LB_OK) status = begin(j);
    for (int s = 0; s < 2 && status == LB_OK; s++) status = write_split(j, s);
    for (int s = 0; s < 2 && status == LB_OK; s++) j->result.images += j->splits[s]->count;
    if (lock >= 0) (void)close(lock);
    lb_free(names);
    for (int s = 0; s < 2; s++) lb_dataset_close(j->splits[s]);
    return status;
}

lb_status lb_data_cache(const char *spec, const char *folder, const lb_cache_options *options,
                        lb_cache_result *result)
{
    static const lb_cache_options standard = {0};
    job j = {.options = options != NULL ? options : &standard, .folder = folder};
    int threads = 0;
    LB_TRY(check_options(j.options));
    LB_TRY(lb_thread_count(j.options->threads, &threads));
    const int threads_before = omp_get_max_threads();
    omp_set_num_threads(threads);
    const lb_status status = write_all(&j, spec);
    omp_set_num_threads(threads_before);
    if (status == LB_OK) *result = j.result;
    return status;
}
