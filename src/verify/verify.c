/* A run against its packed network, on a data set's test images. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cpu.h"
#include "base/thread_count.h"
#include "data/dataset.h"
#include "freeze/freeze.h"
#include "train/run.h"
#include "verify/compare.h"

enum {
    ISA_MAX = 8,
    ISA_BYTES = 16,
    PATH_BYTES = 4096,
    STREAM_IMAGES = 1000 /* of a stream, where nothing else is said: its images are large */
};

/* The packed network, once for each instruction set. */
typedef struct opened {
    lb_compared_packed items[ISA_MAX];
    lb_packed *packed[ISA_MAX]; /* what has to be closed */
    char names[ISA_MAX][ISA_BYTES];
    size_t n;
} opened;

/* ---- instruction sets ---- */

static const char *best_isa(void)
{
    const unsigned isa = lb_cpu_isa();
    if (isa & LB_ISA_AVX512) return "avx512";
    if (isa & LB_ISA_AVX2) return "avx2";
    return isa & LB_ISA_NEON ? "neon" : "scalar";
}

static lb_status open_one(const char *path, const char *isa, size_t length, opened *o)
{
    if (o->n == ISA_MAX) return lb_fail(LB_E_ARG, "isa: more than %d instruction sets", ISA_MAX);
    char *name = o->names[o->n];
    if (length == 0 || length >= ISA_BYTES) {
        return lb_fail(LB_E_ARG,
                       "isa '%.*s': wanted scalar, avx2, avx512 or neon, or several "
                       "with commas between",
                       (int)length, isa);
    }
    memcpy(name, isa, length);
    name[length] = '\0';
    const lb_packed_options options = {.isa = name};
    LB_TRY(lb_packed_open(path, &options, &o->packed[o->n]));
    o->items[o->n] = (lb_compared_packed){.isa = name, .packed = o->packed[o->n]};
    o->n++;
    return LB_OK;
}

/* "scalar,avx2" */
static lb_status open_all(const char *path, const char *isa, opened *o)
{
    if (isa == NULL) isa = best_isa();
    for (;;) {
        const size_t length = strcspn(isa, ",");
        LB_TRY(open_one(path, isa, length, o));
        if (isa[length] == '\0') return LB_OK;
        isa += length + 1;
    }
}

static void close_all(opened *o)
{
    for (size_t i = 0; i < o->n; i++) lb_packed_close(o->packed[i]);
}

/* ---- the packed file ---- */

/* Freeze, write, open: what is compared went through the file. The file is gone once it is open. */
static lb_status open_frozen(lb_run *run, const char *isa, opened *o)
{
    const char *where = getenv("TMPDIR");
    char folder[PATH_BYTES], path[PATH_BYTES + 16];
    const int length = snprintf(folder, sizeof folder, "%s/lowbit-XXXXXX",
                                where != NULL && where[0] != '\0' ? where : "/tmp");
    if (length < 0 || length >= PATH_BYTES) return lb_fail(LB_E_IO, "TMPDIR: path too long");
    lb_intnet net = {0};
    lb_status status = lb_freeze_run(run, &net);
    if (status == LB_OK && mkdtemp(folder) == NULL) {
        status = lb_fail(LB_E_IO, "%s: cannot make a temporary folder; set TMPDIR", folder);
    } else if (status == LB_OK) {
        (void)snprintf(path, sizeof path, "%s/net.lbm", folder);
        status = lb_intnet_write(&net, path);
        if (status == LB_OK) status = open_all(path, isa, o);
        (void)unlink(path);
        (void)rmdir(folder);
    }
    lb_intnet_release(&net);
    return status;
}

/* ---- all of it ---- */

/* The first *n images of a stream; those that cannot be read are left out. */
static lb_status read_images(const lb_dataset *data, size_t *n, uint8_t **out)
{
    const size_t bytes = data->channels * data->height * data->width, wanted = *n;
    void *pixels = NULL, *labels = NULL;
    LB_TRY(lb_alloc(wanted, bytes, "images", &pixels));
    lb_status status = lb_alloc(wanted, sizeof(uint16_t), "labels", &labels);
    if (status == LB_OK) status = lb_dataset_read_batch(data, 0, wanted, pixels, labels, n);
    if (status == LB_OK && *n == 0) status = lb_fail(LB_E_FORMAT, "none of the images can be read");
    lb_free(labels);
    if (status != LB_OK) {
        lb_free(pixels);
        return status;
    }
    *out = pixels;
    return LB_OK;
}

static lb_status compare(lb_run *run, const lb_verify_options *options, const opened *o,
                         lb_verify_result *out)
{
    lb_dataset *data = NULL;
    uint8_t *own = NULL;
    int threads = 0;
    LB_TRY(lb_thread_count(options->threads, &threads));
    LB_TRY(lb_run_open_data(run, options->data, &data));
    const size_t most = data->stream != NULL ? STREAM_IMAGES : data->count;
    size_t images = options->images > 0 ? options->images : most;
    if (images > data->count) images = data->count;
    lb_status status = LB_OK;
    if (data->stream != NULL) status = read_images(data, &images, &own);
    const lb_comparison comparison = {
        .net = &run->net,
        .packed = o->items,
        .n_packed = o->n,
        .pixels = own != NULL ? own : data->images,
        .images = images,
        .normalization = run->facts.normalization,
        .threads = threads,
        .progress = options->progress,
        .user = options->user,
    };
    lb_dataset_report(data, options->report, options->user);
    if (status == LB_OK) status = lb_compare(&comparison, out);
    if (status == LB_OK) out->unreadable = lb_dataset_unreadable(data);
    lb_free(own);
    lb_dataset_close(data);
    return status;
}

lb_status lb_verify_run(const char *path, const lb_verify_options *options, lb_verify_result *out)
{
    static const lb_verify_options standard = {0};
    if (options == NULL) options = &standard;
    opened o = {.n = 0};
    lb_run run;
    lb_status status = lb_run_open(path, &run);
    if (status == LB_OK) {
        status = options->packed != NULL ? open_all(options->packed, options->isa, &o)
                                         : open_frozen(&run, options->isa, &o);
    }
    if (status == LB_OK) status = compare(&run, options, &o, out);
    close_all(&o);
    lb_run_release(&run);
    return status;
}
