/* ImageNet's folders: classes, labels and names; the loader on images that are decoded when they are asked for.
 * `test_imagenet measure FOLDER` indexes a folder and prints what it took.
 * ctest: label tsan */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "base/memory.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "support/image_tree.h"

enum { EACH = 5, COUNT = 3 * EACH, SIZE = 40, VALUES = 3 * SIZE * SIZE, BATCH = 4 };

static const char *program;

static void write_text(const char *folder, const char *name, const char *text)
{
    lb_test_write(lb_test_path(folder, name), text, strlen(text));
}

static lb_dataset *open_tree(const char *root, lb_split split)
{
    lb_dataset *dataset = NULL;
    assert_ok(lb_dataset_open(lb_test_imagenet(root), split, &dataset));
    lb_dataset_fit(dataset, (lb_image_shape){3, SIZE, SIZE});
    return dataset;
}

static void test_classes_labels_and_names(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("named", EACH);
    lb_dataset_info info;
    lb_dataset *dataset = open_tree(root, LB_SPLIT_TRAIN);
    lb_dataset_get_info(dataset, &info);
    assert_true(info.is_stream && info.count == COUNT && info.classes == 3);
    assert_true(info.channels == 3 && info.height == SIZE && info.width == SIZE);
    for (size_t i = 0; i < COUNT; i++) assert_int_equal(lb_dataset_label(dataset, i), i / EACH);
    assert_string_equal(lb_dataset_class_name(dataset, 1), "n02");
    lb_dataset_close(dataset);

    static const struct {
        const char *file, *text, *name;
    } names[] = {
        {"synset_words.txt", "n01 tench, Tinca tinca\nn02 gold fish, Carassius\n", "gold fish"},
        {"LOC_synset_mapping.txt", "n02 shark\r\n", "shark"},
        {"imagenet_class_index.json", "{\"0\": [\"n02\", \"ray\"], \"7\": [\"n99\", \"x\"]}",
         "ray"}};
    for (size_t i = 0; i < 3; i++) {
        write_text(root, names[i].file, names[i].text);
        dataset = open_tree(root, LB_SPLIT_TEST);
        assert_string_equal(lb_dataset_class_name(dataset, 1), names[i].name);
        assert_string_equal(lb_dataset_class_name(dataset, 2), "n03");
        lb_dataset_close(dataset);
    }
    write_text(root, "imagenet_class_index.json", "{\"0\": 3}");
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "imagenet_class_index.json: '0'");
}

static void test_flat_validation_folder(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("flat", 1);
    const char *val = lb_test_path(root, "val");
    lb_dataset *dataset = NULL;
    for (int c = 1; c <= 3; c++) {
        char from[600], to[600];
        (void)snprintf(from, sizeof from, "%s/n%02d/n%02d_0.JPEG", val, c, c);
        (void)snprintf(to, sizeof to, "%s/ILSVRC_%d.JPEG", val, 4 - c);
        assert_int_equal(rename(from, to), 0);
        (void)snprintf(from, sizeof from, "%s/n%02d", val, c);
        assert_int_equal(rmdir(from), 0);
    }
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TEST, &dataset), LB_E_IO);
    assert_contains(lb_error(), "LOC_val_solution.csv");
    static const struct {
        const char *text, *message;
    } bad[] = {{"ILSVRC_1 n03\nILSVRC_2 n02\n", "no line for image 'ILSVRC_3.JPEG'"},
               {"ILSVRC_9 n03\n", "line 1: no such image: 'ILSVRC_9'"},
               {"ILSVRC_1 n03\nILSVRC_2 n07\n", "line 2: no such class: 'n07'"}};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        write_text(root, "val.txt", bad[i].text);
        assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TEST, &dataset),
                      LB_E_FORMAT);
        assert_contains(lb_error(), bad[i].message);
    }
    write_text(root, "LOC_val_solution.csv",
               "ImageId,PredictionString\nILSVRC_3,n01 1 2 3 4\nILSVRC_1,n03 5 6 7 8 n03 1 1 2 2 \n"
               "ILSVRC_2,n02 0 0 1 1\n");
    dataset = open_tree(root, LB_SPLIT_TEST);
    for (size_t i = 0; i < 3; i++) assert_int_equal(lb_dataset_label(dataset, i), 2 - i);
    static uint8_t pixels[VALUES];
    for (size_t i = 0; i < 3; i++) assert_ok(lb_dataset_read(dataset, i, pixels));
    lb_dataset_close(dataset);

    /* names that stand between another one and its ending */
    char one[600], more[600];
    (void)snprintf(one, sizeof one, "%s/ILSVRC_2.JPEG", val);
    (void)snprintf(more, sizeof more, "%s/ILSVRC_2-a.JPEG", val);
    assert_int_equal(link(one, more), 0);
    (void)snprintf(more, sizeof more, "%s/ILSVRC_2.A.JPEG", val);
    assert_int_equal(link(one, more), 0);
    write_text(root, "LOC_val_solution.csv",
               "ILSVRC_3,n01\nILSVRC_1,n03\nILSVRC_2,n02\nILSVRC_2-a,n01\nILSVRC_2.A,n03\n");
    dataset = open_tree(root, LB_SPLIT_TEST);
    static const uint16_t labels[] = {2, 0, 2, 1, 0}; /* 1, 2-a, 2.A, 2, 3 */
    for (size_t i = 0; i < 5; i++) assert_int_equal(lb_dataset_label(dataset, i), labels[i]);
    lb_dataset_close(dataset);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    lb_dataset *dataset = NULL;
    const char *root = lb_test_path(lb_test_folder(), "empty");
    assert_ok(lb_make_folders(root));
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TRAIN, &dataset), LB_E_IO);
    assert_contains(lb_error(), "no folder train");
    assert_ok(lb_make_folders(lb_test_path(root, "train/n01")));
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TEST, &dataset), LB_E_IO);
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "no images");
    assert_ok(lb_make_folders(lb_test_path(root, "val/n05")));
    assert_status(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TEST, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "no such class");
}

/* ---- the loader ------------------------------------------------------------------------------ */

typedef struct copy {
    size_t n;
    uint32_t indices[COUNT];
    uint16_t labels[COUNT];
    float images[COUNT * VALUES];
} copy;

static lb_loader_options options_with(int workers, const char *augment)
{
    lb_loader_options o = {.batch = BATCH,
                           .workers = workers,
                           .seed = 5,
                           .shuffle = true,
                           .normalization = {.raw_codes = true}};
    assert_ok(lb_augment_parse(augment, &o.augment, &o.augment));
    return o;
}

static void read_epoch(lb_dataset *dataset, const lb_loader_options *o, uint64_t epoch,
                       size_t first, copy *out)
{
    lb_loader *loader = NULL;
    assert_ok(lb_loader_create(dataset, o, &loader));
    assert_ok(lb_loader_start(loader, epoch, first));
    out->n = 0;
    for (const lb_batch *b = NULL;;) {
        assert_ok(lb_loader_next(loader, &b));
        if (b == NULL) break;
        memcpy(out->indices + out->n, b->indices, b->n * sizeof *b->indices);
        memcpy(out->labels + out->n, b->labels, b->n * sizeof *b->labels);
        memcpy(out->images + out->n * VALUES, b->images, b->n * VALUES * sizeof(float));
        out->n += b->n;
    }
    lb_loader_destroy(loader);
}

static void assert_same(const copy *a, const copy *b, size_t skip)
{
    assert_int_equal(a->n, b->n + skip);
    assert_memory_equal(a->indices + skip, b->indices, b->n * sizeof *b->indices);
    assert_memory_equal(a->labels + skip, b->labels, b->n * sizeof *b->labels);
    assert_memory_equal(a->images + skip * VALUES, b->images, b->n * VALUES * sizeof(float));
}

static void test_workers_and_restarts_change_nothing(void **state)
{
    (void)state;
    static copy wanted, got, other;
    static const char *const augments[] = {"random-crop,flip", "resized-crop,flip",
                                           "random-crop,rotate=10,crop=2", "none"};
    lb_dataset *dataset = open_tree(lb_test_image_tree("loaded", EACH), LB_SPLIT_TRAIN);
    for (size_t a = 0; a < sizeof augments / sizeof *augments; a++) {
        lb_loader_options o = options_with(0, augments[a]);
        read_epoch(dataset, &o, 2, 0, &wanted);
        read_epoch(dataset, &o, 3, 0, &other);
        assert_int_equal(wanted.n, COUNT);
        assert_memory_not_equal(wanted.images, other.images, sizeof other.images);
        for (int workers = 1; workers <= 5; workers += 2) {
            o.workers = workers;
            read_epoch(dataset, &o, 2, 0, &got);
            assert_same(&wanted, &got, 0);
            read_epoch(dataset, &o, 2, 2, &got);
            assert_same(&wanted, &got, 2 * BATCH);
        }
    }
    lb_dataset_close(dataset);
}

/* Without augmentation a batch holds what lb_dataset_read gives, as raw codes here. */
static void test_evaluation_is_the_centre(void **state)
{
    (void)state;
    static copy got;
    static uint8_t pixels[VALUES];
    lb_dataset *dataset = open_tree(lb_test_image_tree("centre", EACH), LB_SPLIT_TEST);
    lb_loader_options o = options_with(2, "none");
    o.shuffle = false;
    read_epoch(dataset, &o, 0, 0, &got);
    for (size_t i = 0; i < COUNT; i++) {
        assert_int_equal(got.indices[i], i);
        assert_ok(lb_dataset_read(dataset, i, pixels));
        for (size_t k = 0; k < VALUES; k++) {
            assert_true(got.images[i * VALUES + k] == (float)(pixels[k] - 128) / 128.0f);
        }
    }
    lb_dataset_close(dataset);
}

/* Cut a file off, empty it, or put other bytes into it. */
static void damage(const char *root, const char *name, int how)
{
    const char *path = lb_test_path(root, name);
    uint8_t *file = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 1 << 26, &file, &bytes));
    if (how == 2) memset(file, 'x', bytes);
    lb_test_write(path, file, how == 0 ? bytes / 2 : how == 1 ? 0 : bytes);
    lb_free(file);
}

static const uint32_t bad[] = {1, 7, 8}; /* what damage_three damages */

static const char *damage_three(const char *name)
{
    const char *root = lb_test_image_tree(name, EACH);
    damage(root, "train/n01/n01_1.JPEG", 0);
    damage(root, "train/n02/n02_2.JPEG", 1);
    damage(root, "train/n02/n02_3.JPEG", 2);
    return root;
}

static bool is_bad(uint32_t index)
{
    return index == bad[0] || index == bad[1] || index == bad[2];
}

/* The next one of the order stands in; all others are as they were. */
static void test_training_replaces_unreadable_images(void **state)
{
    (void)state;
    static copy whole, got, again;
    lb_loader_options o = options_with(0, "random-crop,flip");
    lb_dataset *dataset = open_tree(lb_test_image_tree("undamaged", EACH), LB_SPLIT_TRAIN);
    read_epoch(dataset, &o, 1, 0, &whole);
    lb_dataset_close(dataset);
    dataset = open_tree(damage_three("damaged"), LB_SPLIT_TRAIN);
    read_epoch(dataset, &o, 1, 0, &got);
    assert_int_equal(got.n, COUNT);
    assert_int_equal(lb_dataset_unreadable(dataset), 3);
    size_t replaced = 0;
    for (size_t i = 0; i < COUNT; i++) {
        size_t from = i;
        while (is_bad(whole.indices[from])) from = (from + 1) % COUNT;
        replaced += from != i;
        assert_int_equal(got.indices[i], whole.indices[from]);
        assert_int_equal(got.labels[i], whole.labels[from]);
        assert_memory_equal(got.images + i * VALUES, whole.images + from * VALUES,
                            VALUES * sizeof(float));
    }
    assert_int_equal(replaced, 3);
    o.workers = 3;
    read_epoch(dataset, &o, 1, 0, &again);
    assert_same(&got, &again, 0);
    lb_dataset_close(dataset);
}

static void test_evaluation_leaves_unreadable_images_out(void **state)
{
    (void)state;
    static copy got;
    static uint8_t pixels[COUNT * VALUES];
    size_t unreadable = 0, n_read = 0;
    uint16_t labels[COUNT];
    lb_dataset *dataset = open_tree(damage_three("evaluated"), LB_SPLIT_TRAIN);
    lb_loader_options o = options_with(2, "none");
    o.shuffle = false;
    read_epoch(dataset, &o, 0, 0, &got);
    assert_int_equal(got.n, COUNT - 3);
    for (size_t i = 0; i < got.n; i++) {
        assert_int_equal(got.labels[i], got.indices[i] / EACH);
        assert_false(is_bad(got.indices[i]));
    }
    assert_ok(lb_dataset_check(dataset, NULL, NULL, &unreadable));
    assert_int_equal(unreadable, 3);
    assert_ok(lb_dataset_read_batch(dataset, 0, COUNT, pixels, labels, &n_read));
    assert_int_equal(n_read, COUNT - 3);
    assert_memory_equal(labels, got.labels, n_read * sizeof *labels);
    for (size_t i = 0; i < n_read * VALUES; i++)
        assert_true(got.images[i] == (float)(pixels[i] - 128) / 128.0f);
    lb_dataset_close(dataset);
}

static void test_unreadable_images_are_named_once(void **state)
{
    (void)state;
    static copy got;
    static const char *const wanted[] = {"n01_1.JPEG: damaged JPEG",
                                         "n02_2.JPEG: neither a PNG nor a JPEG",
                                         "n02_3.JPEG: neither a PNG nor a JPEG"};
    const lb_loader_options o = options_with(2, "none");
    size_t found[3] = {0};
    char text[1024];
    lb_dataset *dataset = open_tree(damage_three("told"), LB_SPLIT_TRAIN);
    for (uint64_t epoch = 0; epoch < 3; epoch++) {
        read_epoch(dataset, &o, epoch, 0, &got);
        while (lb_dataset_take_message(dataset, text, sizeof text)) {
            for (size_t i = 0; i < 3; i++) found[i] += strstr(text, wanted[i]) != NULL;
        }
    }
    for (size_t i = 0; i < 3; i++) assert_int_equal(found[i], 1);
    lb_dataset_close(dataset);
}

static void test_nothing_readable_is_an_error(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("gone", 1);
    lb_dataset *dataset = open_tree(root, LB_SPLIT_TRAIN);
    for (int c = 1; c <= 3; c++) {
        char name[64];
        (void)snprintf(name, sizeof name, "train/n%02d/n%02d_0.JPEG", c, c);
        assert_int_equal(unlink(lb_test_path(root, name)), 0);
    }
    for (int workers = 0; workers < 2; workers++) {
        const lb_loader_options o = options_with(workers, "none");
        lb_loader *loader = NULL;
        const lb_batch *batch = NULL;
        assert_ok(lb_loader_create(dataset, &o, &loader));
        const lb_status status = lb_loader_next(loader, &batch);
        assert_true(status == LB_E_IO || status == LB_E_FORMAT);
        assert_contains(lb_error(), "no image can be read");
        lb_loader_destroy(loader);
    }
    lb_dataset_close(dataset);
}

/* A PNG among the JPEGs, a grey and a CMYK one, a progressive one: under ImageNet's ending. */
static void test_other_kinds_of_images(void **state)
{
    (void)state;
    static const char *const kinds[] = {"cmyk.jpg", "grey.jpg", "progressive.jpg", "rgba8.png",
                                        "grey1.png"};
    const char *source = getenv("LOWBIT_SOURCE");
    if (source == NULL) skip();
    const char *root = lb_test_image_tree("kinds", 1);
    static uint8_t pixels[VALUES];
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        char path[512], name[64];
        uint8_t *file = NULL;
        size_t bytes = 0;
        (void)snprintf(path, sizeof path, "%s/fuzz/corpus/folder/%s", source, kinds[i]);
        (void)snprintf(name, sizeof name, "train/n02/n02_%zu.JPEG", i);
        assert_ok(lb_file_read(path, 1 << 20, &file, &bytes));
        lb_test_write(lb_test_path(root, name), file, bytes);
        lb_free(file);
    }
    lb_dataset *dataset = open_tree(root, LB_SPLIT_TRAIN);
    for (size_t i = 0; i < 7; i++) assert_ok(lb_dataset_read(dataset, i, pixels));
    lb_dataset_close(dataset);
}

/* In a process of its own, whose peak of memory no other test has raised: "KILOBYTES SECONDS". */
static int measure(const char *root)
{
    struct rusage before, after;
    lb_dataset *dataset = NULL;
    (void)getrusage(RUSAGE_SELF, &before);
    const double start = lb_seconds();
    if (lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TRAIN, &dataset) != LB_OK) return 1;
    const double seconds = lb_seconds() - start;
    (void)getrusage(RUSAGE_SELF, &after);
    printf("%ld %.3f\n", after.ru_maxrss - before.ru_maxrss, seconds);
    lb_dataset_close(dataset);
    return 0;
}

static void run_measure(const char *root, long *kilobytes, double *seconds)
{
    char line[128];
    lb_test_measure(program, root, line);
    char *end = NULL;
    *kilobytes = strtol(line, &end, 10);
    *seconds = strtod(end, NULL);
}

/* A hundred thousand names: quick, small, and no file is opened (they are empty). */
static void test_a_large_index(void **state)
{
    (void)state;
    enum { CLASSES = 100, IMAGES = 1000 };
    const char *root = lb_test_image_tree("large", 1);
    for (int c = 0; c < CLASSES; c++) {
        char folder[512], path[600];
        (void)snprintf(folder, sizeof folder, "%s/train/n1%07d", root, c);
        assert_ok(lb_make_folders(folder));
        for (int i = 0; i < IMAGES; i++) {
            (void)snprintf(path, sizeof path, "%s/n1%07d_%d.JPEG", folder, c, i);
            FILE *file = fopen(path, "w");
            assert_non_null(file);
            (void)fclose(file);
        }
    }
    lb_dataset *dataset = open_tree(root, LB_SPLIT_TRAIN);
    lb_dataset_info info;
    lb_dataset_get_info(dataset, &info);
    assert_int_equal(info.count, CLASSES * IMAGES + 3);
    /* 1.28 million images may take 200 MB: 15.6 MB for these; a second is 20 times what it takes */
    const char *sanitizer = getenv("LOWBIT_SANITIZE");
    if (sanitizer == NULL || sanitizer[0] == '\0') {
        long kilobytes = 0;
        double seconds = 0.0;
        run_measure(root, &kilobytes, &seconds);
        print_message("%ld kB, %.3f s\n", kilobytes, seconds);
        assert_true(kilobytes > 0 && kilobytes < 15 * 1024);
        assert_true(seconds < 10.0);
    }
    assert_int_equal(lb_dataset_unreadable(dataset), 0);
    lb_dataset_close(dataset);
}

static void test_real_images(void **state)
{
    (void)state;
    const char *root = lb_test_image_sample();
    lb_dataset *dataset = NULL;
    size_t unreadable = 1;
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    assert_ok(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TRAIN, &dataset));
    assert_ok(lb_dataset_check(dataset, NULL, NULL, &unreadable));
    assert_int_equal(unreadable, 0);
    assert_ok(lb_dataset_statistics(dataset, mean, std)); /* near those of all of ImageNet */
    assert_true(mean[0] > 0.4 && mean[0] < 0.56 && mean[2] < mean[0]);
    assert_true(std[0] > 0.2 && std[0] < 0.28);
    lb_dataset_close(dataset);
}

static lb_status open_and_close(void *context)
{
    lb_dataset *dataset = NULL;
    const lb_status status = lb_dataset_open(context, LB_SPLIT_TRAIN, &dataset);
    lb_dataset_close(dataset);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("memory", 1);
    write_text(root, "imagenet_class_index.json", "{\"0\": [\"n02\", \"ray\"]}");
    lb_test_every_allocation_failure(open_and_close, (void *)(uintptr_t)lb_test_imagenet(root));
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 3 && strcmp(argv[1], "measure") == 0) return measure(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_classes_labels_and_names),
        cmocka_unit_test(test_flat_validation_folder),
        cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_workers_and_restarts_change_nothing),
        cmocka_unit_test(test_evaluation_is_the_centre),
        cmocka_unit_test(test_training_replaces_unreadable_images),
        cmocka_unit_test(test_evaluation_leaves_unreadable_images_out),
        cmocka_unit_test(test_unreadable_images_are_named_once),
        cmocka_unit_test(test_nothing_readable_is_an_error),
        cmocka_unit_test(test_other_kinds_of_images),
        cmocka_unit_test(test_a_large_index),
        cmocka_unit_test(test_real_images),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
