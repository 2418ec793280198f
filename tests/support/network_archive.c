#include "support/network_archive.h"

#include <stdlib.h>
#include <string.h>

#include "lowbit/runtime.h"

/* FNV-1a, 64 bits. */
uint64_t lb_archive_checksum(const float *values, size_t n)
{
    uint64_t sum = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        uint32_t bits = 0;
        if (values[i] != 0.0f) memcpy(&bits, &values[i], sizeof bits);
        for (int byte = 0; byte < 4; byte++)
            sum = (sum ^ (bits >> 8 * byte & 0xff)) * 0x100000001b3u;
    }
    return sum;
}

/* One network of an archive in memory. */
typedef struct entry {
    uint64_t number, bytes, values, maps;
    uint8_t *file;
    float *image;
    uint64_t *checksums;
} entry;

static void release(entry *e)
{
    free(e->file);
    free(e->image);
    free(e->checksums);
    *e = (entry){0};
}

/* Read a count and as many elements; sizes beyond any test's are damage. */
static bool read_array(FILE *archive, size_t size, uint64_t *count, void **out)
{
    if (fread(count, sizeof *count, 1, archive) != 1 || *count > 1u << 24) return false;
    *out = malloc(*count * size + 1);
    return *out && fread(*out, size, *count, archive) == *count;
}

static bool read_entry(FILE *archive, entry *e)
{
    void *file = NULL, *image = NULL, *checksums = NULL;
    const bool whole = read_array(archive, 1, &e->bytes, &file) &&
                       read_array(archive, sizeof *e->image, &e->values, &image) &&
                       read_array(archive, sizeof *e->checksums, &e->maps, &checksums);
    e->file = file;
    e->image = image;
    e->checksums = checksums;
    return whole;
}

static bool write_file(const char *path, const entry *e)
{
    FILE *file = fopen(path, "wb");
    if (!file) return false;
    const bool whole = fwrite(e->file, 1, e->bytes, file) == e->bytes;
    return fclose(file) == 0 && whole;
}

static void compare(const entry *e, const lb_packed *packed, const lb_context *context,
                    lb_replay *out)
{
    for (size_t i = 0; i < e->maps; i++) {
        lb_packed_layer layer;
        lb_packed_get_layer(packed, i, &layer);
        const size_t n = layer.channels * layer.height * layer.width;
        float *values = malloc(n * sizeof *values);
        if (values && lb_context_copy_map(context, i, values) == LB_OK &&
            lb_archive_checksum(values, n) == e->checksums[i]) {
            out->maps++;
        } else if (out->differences++ == 0) {
            (void)snprintf(out->first, sizeof out->first, "network %llu: layer %zu '%s' (%s, %s)",
                           (unsigned long long)e->number, i, layer.name, layer.op, layer.kernel);
        }
        free(values);
    }
}

static bool run(const entry *e, const char *scratch, const char *isa, lb_replay *out)
{
    const lb_packed_options opening = {.isa = isa};
    const lb_context_options options = {.threads = e->number % 8 == 0 ? 2 : 1, .keep_maps = true};
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    lb_packed_info info = {0};
    bool ran = write_file(scratch, e) && lb_packed_open(scratch, &opening, &packed) == LB_OK;
    if (ran) lb_packed_get_info(packed, &info);
    float *logits = malloc((info.classes + 1) * sizeof *logits);
    ran = ran && logits && info.channels * info.height * info.width == e->values &&
          e->maps <= info.layers && lb_context_create(packed, &options, &context) == LB_OK;
    if (ran) {
        lb_context_run(context, e->image, 1, logits);
        compare(e, packed, context, out);
    } else {
        (void)snprintf(out->first, sizeof out->first, "network %llu: %s",
                       (unsigned long long)e->number, lb_error());
    }
    free(logits);
    lb_context_destroy(context);
    lb_packed_close(packed);
    return ran;
}

bool lb_archive_replay(const char *archive, const char *scratch, const char *isa, lb_replay *out)
{
    *out = (lb_replay){0};
    FILE *file = fopen(archive, "rb");
    bool whole = file != NULL;
    if (!file) (void)snprintf(out->first, sizeof out->first, "%s: cannot open", archive);
    for (entry e = {0}; whole && fread(&e.number, sizeof e.number, 1, file) == 1;) {
        whole = read_entry(file, &e);
        if (!whole)
            (void)snprintf(out->first, sizeof out->first, "%s: cut off at network %llu", archive,
                           (unsigned long long)e.number);
        whole = whole && run(&e, scratch, isa, out);
        out->networks += whole;
        release(&e);
    }
    if (file) (void)fclose(file);
    return whole;
}
