/* How fast images are loaded, beside libjpeg-turbo alone.
 *
 *   decode_speed DIR [THREADS [REPEATS [AUGMENT]]]
 *
 * DIR holds folders train/CLASS of JPEG files, and val. Alone: each file is read and decoded to its full size as red,
 * green and blue bytes, with the library's standard settings, and thrown away. Loaded: an epoch of the loader, with
 * decoding, resizing, cropping, flipping and normalizing to float32 batches. Both on the same files and threads, one
 * after the other in turns, so that other programs on the machine slow both. Prints images/s (medians) and the
 * medians of the turns' ratios. */
#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <jpeglib.h>

#include "base/clock.h"
#include "base/file.h"
#include "data/dataset.h"
#include "data/format/folder_list.h"
#include "data/loader.h"

enum { MAX_REPEATS = 200, MAX_FILE = 1 << 28, BATCH = 64 };

typedef struct files {
    size_t n;
    char **paths;
} files;

static lb_status add_class(const char *folder, const char *name, files *out)
{
    char path[LB_PATH_BYTES], image[LB_PATH_BYTES];
    lb_name_list names = {0};
    LB_TRY(lb_folder_path(folder, name, path));
    lb_status status = lb_folder_list(path, false, &names);
    char **paths = realloc(out->paths, (out->n + names.n) * sizeof *paths);
    if (paths == NULL) return lb_fail(LB_E_NOMEM, "paths");
    out->paths = paths;
    for (size_t i = 0; i < names.n && status == LB_OK; i++) {
        status = lb_folder_path(path, names.names[i], image);
        if (status == LB_OK) status = lb_strdup(image, &out->paths[out->n]);
        if (status == LB_OK) out->n++;
    }
    lb_name_list_release(&names);
    return status;
}

static lb_status list(const char *folder, files *out)
{
    char train[LB_PATH_BYTES];
    lb_name_list classes = {0};
    LB_TRY(lb_folder_path(folder, "train", train));
    lb_status status = lb_folder_list(train, true, &classes);
    for (size_t i = 0; i < classes.n && status == LB_OK; i++) {
        status = add_class(train, classes.names[i], out);
    }
    lb_name_list_release(&classes);
    return status;
}

/* Seconds gone by, and seconds of processors used: the latter hardly change when others use the machine too. */
typedef struct times {
    double wall, processor;
} times;

static times now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (times){lb_seconds(), (double)t.tv_sec + 1e-9 * (double)t.tv_nsec};
}

static times since(times start)
{
    const times end = now();
    return (times){end.wall - start.wall, end.processor - start.processor};
}

/* One file to its pixels. Damaged files end the program, as libjpeg does by itself. */
static void decode(const char *path, lb_buffer *file, lb_buffer *pixels)
{
    size_t bytes = 0;
    struct jpeg_decompress_struct jpeg;
    struct jpeg_error_mgr errors;
    if (lb_file_read_buffer(path, MAX_FILE, file, &bytes) != LB_OK) abort();
    jpeg.err = jpeg_std_error(&errors);
    jpeg_create_decompress(&jpeg);
    jpeg_mem_src(&jpeg, file->data, (unsigned long)bytes);
    (void)jpeg_read_header(&jpeg, TRUE);
    jpeg.out_color_space = JCS_RGB;
    (void)jpeg_start_decompress(&jpeg);
    const size_t stride = (size_t)jpeg.output_width * 3;
    if (lb_buffer_reserve(pixels, stride * jpeg.output_height, "image") != LB_OK) abort();
    while (jpeg.output_scanline < jpeg.output_height) {
        JSAMPROW row = pixels->data + jpeg.output_scanline * stride;
        (void)jpeg_read_scanlines(&jpeg, &row, 1);
    }
    (void)jpeg_finish_decompress(&jpeg);
    jpeg_destroy_decompress(&jpeg);
}

static times time_alone(const files *f)
{
    const times start = now();
#pragma omp parallel
    {
        lb_buffer file = {0}, pixels = {0};
#pragma omp for schedule(dynamic, 1)
        for (size_t i = 0; i < f->n; i++) decode(f->paths[i], &file, &pixels);
        lb_buffer_release(&file);
        lb_buffer_release(&pixels);
    }
    return since(start);
}

static lb_status time_loaded(lb_loader *loader, uint64_t epoch, times *out)
{
    const times start = now();
    const lb_batch *batch = NULL;
    LB_TRY(lb_loader_start(loader, epoch, 0));
    do {
        LB_TRY(lb_loader_next(loader, &batch));
    } while (batch != NULL);
    *out = since(start);
    return LB_OK;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, compare);
    return values[n / 2];
}

static lb_status measure(const files *f, lb_loader *loader, size_t repeats)
{
    double alone[MAX_REPEATS], loaded[MAX_REPEATS], ratio[MAX_REPEATS], work[MAX_REPEATS];
    times unused;
    (void)time_alone(f);
    LB_TRY(time_loaded(loader, 0, &unused));
    for (size_t r = 0; r < repeats; r++) {
        const times a = time_alone(f);
        times l;
        LB_TRY(time_loaded(loader, r + 1, &l));
        alone[r] = a.wall;
        loaded[r] = l.wall;
        ratio[r] = a.wall / l.wall;
        work[r] = a.processor / l.processor;
    }
    (void)printf("%zu files, %d threads: libjpeg-turbo alone %.0f images/s, loaded %.0f images/s\n"
                 "loaded / alone %.1f %% by the clock, %.1f %% by processor time\n",
                 f->n, omp_get_max_threads(), (double)f->n / median(alone, repeats),
                 (double)f->n / median(loaded, repeats), 100.0 * median(ratio, repeats),
                 100.0 * median(work, repeats));
    return LB_OK;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        (void)fprintf(stderr, "usage: decode_speed DIR [THREADS [REPEATS [AUGMENT]]]\n");
        return 2;
    }
    if (argc > 2) omp_set_num_threads((int)strtol(argv[2], NULL, 10));
    const size_t asked = argc > 3 ? strtoul(argv[3], NULL, 10) : 31;
    const size_t repeats = asked > 0 && asked < MAX_REPEATS ? asked : MAX_REPEATS;
    char spec[LB_PATH_BYTES];
    (void)snprintf(spec, sizeof spec, "imagenet:%s", argv[1]);
    files f = {0};
    lb_dataset *dataset = NULL;
    lb_loader *loader = NULL;
    lb_loader_options options = {.batch = BATCH, .seed = 1, .shuffle = true};
    lb_status status = list(argv[1], &f);
    if (status == LB_OK) status = lb_dataset_open(spec, LB_SPLIT_TRAIN, &dataset);
    if (status == LB_OK) {
        const lb_augment standard = lb_dataset_standard_augment(dataset);
        status = lb_augment_parse(argc > 4 ? argv[4] : "standard", &standard, &options.augment);
    }
    if (status == LB_OK)
        status = lb_dataset_standard_normalization(dataset, &options.normalization);
    if (status == LB_OK) status = lb_loader_create(dataset, &options, &loader);
    if (status == LB_OK) status = measure(&f, loader, repeats);
    if (status != LB_OK) (void)fprintf(stderr, "%s\n", lb_error());
    lb_loader_destroy(loader);
    lb_dataset_close(dataset);
    for (size_t i = 0; i < f.n; i++) lb_free(f.paths[i]);
    free(f.paths);
    return status == LB_OK ? 0 : 1;
}
