/* The cache of resized images: the same pixels as from the files, kill -9 and resume, damaged and missing shards. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/cache_format.h"
#include "data/dataset.h"
#include "data/loader.h"
#include "support/image_tree.h"

enum { EACH = 5, COUNT = 3 * EACH, SIZE = 40, VALUES = 3 * SIZE * SIZE, A_SHARD = 4, SHARDS = 4 };

static const lb_cache_options four_a_shard = {.edge = 46, .images_a_shard = A_SHARD};

static lb_dataset *open_split(const char *folder, lb_split split)
{
    lb_dataset *dataset = NULL;
    assert_ok(lb_dataset_open(lb_test_imagenet(folder), split, &dataset));
    lb_dataset_fit(dataset, (lb_image_shape){3, SIZE, SIZE}); /* edge 46 */
    return dataset;
}

static void make_cache(const char *root, const char *folder, const lb_cache_options *o,
                       lb_cache_result *result)
{
    lb_cache_result unused;
    assert_ok(lb_data_cache(lb_test_imagenet(root), folder, o, result ? result : &unused));
}

/* Batches of both, with random crops. */
static void assert_same_batches(lb_dataset *a, lb_dataset *b)
{
    lb_loader_options o = {.batch = COUNT,
                           .seed = 3,
                           .shuffle = true,
                           .augment = {.crop = LB_CROP_RANDOM, .flip = true},
                           .normalization = {.raw_codes = true}};
    lb_loader *loaders[2] = {NULL, NULL};
    const lb_batch *batches[2];
    assert_ok(lb_loader_create(a, &o, &loaders[0]));
    o.workers = 2;
    assert_ok(lb_loader_create(b, &o, &loaders[1]));
    for (size_t i = 0; i < 2; i++) assert_ok(lb_loader_next(loaders[i], &batches[i]));
    assert_int_equal(batches[0]->n, batches[1]->n);
    assert_memory_equal(batches[0]->indices, batches[1]->indices, COUNT * sizeof(uint32_t));
    assert_memory_equal(batches[0]->images, batches[1]->images, COUNT * VALUES * sizeof(float));
    for (size_t i = 0; i < 2; i++) lb_loader_destroy(loaders[i]);
}

static void assert_same_images(lb_dataset *a, lb_dataset *b, int tolerance)
{
    static uint8_t one[VALUES], other[VALUES];
    assert_int_equal(a->count, b->count);
    assert_int_equal(a->classes, b->classes);
    for (size_t i = 0; i < a->count; i++) {
        assert_int_equal(lb_dataset_label(a, i), lb_dataset_label(b, i));
        assert_ok(lb_dataset_read(a, i, one));
        assert_ok(lb_dataset_read(b, i, other));
        long sum = 0;
        for (size_t k = 0; k < VALUES; k++) sum += labs((long)one[k] - (long)other[k]);
        assert_true(sum <= (long)tolerance * VALUES); /* the mean difference */
    }
}

static void test_raw_pixels_are_the_same(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("tree", EACH);
    const char *folder = lb_test_path(lb_test_folder(), "raw");
    lb_cache_result r;
    make_cache(root, folder, &four_a_shard, &r);
    assert_true(r.images == 2 * COUNT && r.unreadable == 0 && r.written == 2 * SHARDS &&
                r.kept == 0);
    for (int s = 0; s < 2; s++) {
        lb_dataset *files = open_split(root, (lb_split)s), *cache = open_split(folder, (lb_split)s);
        assert_same_images(files, cache, 0);
        assert_same_batches(files, cache);
        assert_string_equal(lb_dataset_class_name(cache, 2), "n03");
        lb_dataset_close(cache);
        lb_dataset_close(files);
    }
}

static void test_jpegs_are_near(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("tree95", EACH);
    const char *folder = lb_test_path(lb_test_folder(), "jpeg");
    const lb_cache_options o = {.edge = 46, .quality = 95, .images_a_shard = 100};
    make_cache(root, folder, &o, NULL);
    lb_dataset *files = open_split(root, LB_SPLIT_TRAIN),
               *cache = open_split(folder, LB_SPLIT_TRAIN);
    assert_same_images(files, cache, 4);
    lb_dataset_close(cache);
    lb_dataset_close(files);
}

static void test_real_images_are_the_same(void **state)
{
    (void)state;
    const char *root = lb_test_image_sample();
    const char *folder = lb_test_path(lb_test_folder(), "real");
    const lb_cache_options o = {.images_a_shard = 30};
    static uint8_t one[3 * 224 * 224], other[3 * 224 * 224];
    lb_dataset *files = NULL, *cache = NULL;
    make_cache(root, folder, &o, NULL);
    assert_ok(lb_dataset_open(lb_test_imagenet(root), LB_SPLIT_TEST, &files));
    assert_ok(lb_dataset_open(lb_test_imagenet(folder), LB_SPLIT_TEST, &cache));
    assert_int_equal(files->count, cache->count);
    for (size_t i = 0; i < files->count; i++) {
        assert_ok(lb_dataset_read(files, i, one));
        assert_ok(lb_dataset_read(cache, i, other));
        assert_memory_equal(one, other, sizeof one);
    }
    lb_dataset_close(cache);
    lb_dataset_close(files);
}

/* ---- interruptions --------------------------------------------------------------------------- */

static void die_at(void *context, size_t done, size_t total)
{
    (void)total;
    if (done >= *(const size_t *)context) (void)kill(getpid(), SIGKILL);
}

static void assert_same_file(const char *a, const char *b, const char *name)
{
    uint8_t *files[2] = {NULL, NULL};
    size_t bytes[2] = {0, 0};
    assert_ok(lb_file_read(lb_test_path(a, name), 1 << 26, &files[0], &bytes[0]));
    assert_ok(lb_file_read(lb_test_path(b, name), 1 << 26, &files[1], &bytes[1]));
    assert_int_equal(bytes[0], bytes[1]);
    assert_memory_equal(files[0], files[1], bytes[0]);
    lb_free(files[0]);
    lb_free(files[1]);
}

static void test_kill_and_resume(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("killed-tree", EACH);
    const char *whole = lb_test_path(lb_test_folder(), "whole");
    const char *folder = lb_test_path(lb_test_folder(), "killed");
    make_cache(root, whole, &four_a_shard, NULL);
    lb_dataset *dataset = NULL;
    for (size_t stop = 1; stop <= 25; stop += 8) { /* in shards 0, 2, 4 of train and test, 6 */
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0) {
            lb_cache_options o = four_a_shard;
            lb_cache_result r;
            o.threads = 1; /* OpenMP's threads are not there after a fork */
            o.progress = die_at;
            o.context = &stop;
            (void)lb_data_cache(lb_test_imagenet(root), folder, &o, &r);
            _exit(0);
        }
        int how = 0;
        assert_int_equal(waitpid(child, &how, 0), child);
        assert_true(WIFSIGNALED(how) && WTERMSIG(how) == SIGKILL);
        assert_status(lb_dataset_open(lb_test_imagenet(folder), LB_SPLIT_TEST, &dataset), LB_E_IO);
        assert_contains(lb_error(), "finishes it");
    }
    lb_cache_result r;
    make_cache(root, folder, &four_a_shard, &r);
    assert_true(r.kept >= 5 && r.kept < 2 * SHARDS && r.kept + r.written == 2 * SHARDS);
    static const char *const names[] = {LB_CACHE_MANIFEST, "train-00000.lbs", "train-00003.lbs",
                                        "test-00000.lbs", "test-00003.lbs"};
    for (size_t i = 0; i < 5; i++) assert_same_file(whole, folder, names[i]);
}

static void test_other_settings_are_refused(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("settings", 1);
    const char *folder = lb_test_path(lb_test_folder(), "other");
    lb_cache_options o = four_a_shard;
    lb_cache_result r;
    make_cache(root, folder, &o, NULL);
    o.quality = 90;
    assert_status(lb_data_cache(lb_test_imagenet(root), folder, &o, &r), LB_E_ARG);
    assert_contains(lb_error(), "other settings");
    o.quality = 101;
    assert_status(lb_data_cache(lb_test_imagenet(root), folder, &o, &r), LB_E_ARG);
    o = (lb_cache_options){.edge = 5000};
    assert_status(lb_data_cache(lb_test_imagenet(root), folder, &o, &r), LB_E_ARG);
    assert_status(lb_data_cache("synth-digits:50", folder, NULL, &r), LB_E_ARG);
    assert_contains(lb_error(), "held in memory");
    o = (lb_cache_options){.threads = 100000};
    assert_status(lb_data_cache(lb_test_imagenet(root), folder, &o, &r), LB_E_ARG);
    assert_contains(lb_error(), "100000 threads");
    /* among the images, by whatever name */
    assert_status(lb_data_cache(lb_test_imagenet(root), lb_test_path(root, "train/.."), NULL, &r),
                  LB_E_ARG);
    assert_contains(lb_error(), "holds the images themselves");
    assert_false(lb_path_exists(lb_test_path(root, LB_CACHE_MANIFEST)));
    char spec[600];
    lb_dataset *dataset = NULL;
    (void)snprintf(spec, sizeof spec, "imagenet-square:%s", folder);
    assert_status(lb_dataset_open(spec, LB_SPLIT_TRAIN, &dataset), LB_E_FORMAT);
    assert_contains(lb_error(), "is a cache of imagenet");
}

/* The second of two writers, while the first is in the middle of a shard. */
static void write_too(void *context, size_t done, size_t total)
{
    const char *const *folders = context; /* images, cache */
    lb_cache_result r;
    (void)done;
    (void)total;
    assert_status(lb_data_cache(lb_test_imagenet(folders[0]), folders[1], &four_a_shard, &r),
                  LB_E_BUSY);
    assert_contains(lb_error(), "another process is writing this cache");
}

static void test_two_writers(void **state)
{
    (void)state;
    const char *folders[2] = {lb_test_image_tree("two", EACH),
                              lb_test_path(lb_test_folder(), "two-cache")};
    lb_cache_options o = four_a_shard;
    lb_cache_result r;
    o.progress = write_too;
    o.context = folders;
    make_cache(folders[0], folders[1], &o, &r);
    make_cache(folders[0], folders[1], &four_a_shard, &r); /* unlocked again */
    assert_true(r.kept == 2 * SHARDS && r.written == 0);
}

/* ---- damage ---------------------------------------------------------------------------------- */

static void test_unreadable_images_keep_their_numbers(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("holes", EACH);
    const char *folder = lb_test_path(lb_test_folder(), "holes-cache");
    lb_test_write(lb_test_path(root, "train/n02/n02_2.JPEG"), "x", 1);
    lb_cache_result r;
    make_cache(root, folder, &four_a_shard, &r);
    assert_int_equal(r.unreadable, 1);
    make_cache(root, folder, &four_a_shard, &r);
    assert_true(r.unreadable == 1 && r.kept == 2 * SHARDS);
    lb_dataset *files = open_split(root, LB_SPLIT_TRAIN),
               *cache = open_split(folder, LB_SPLIT_TRAIN);
    static uint8_t pixels[VALUES];
    assert_status(lb_dataset_read(cache, 7, pixels), LB_E_FORMAT);
    assert_contains(lb_error(), "train-00001.lbs: image 3: could not be read when");
    assert_same_batches(files, cache); /* skipped alike */
    lb_dataset_close(cache);
    lb_dataset_close(files);
}

static void test_every_damaged_byte_is_found(void **state)
{
    (void)state;
    const char *root = lb_test_image_tree("bytes", 2);
    const char *folder = lb_test_path(lb_test_folder(), "bytes-cache");
    const lb_cache_options o = {.edge = 4, .images_a_shard = 6};
    make_cache(root, folder, &o, NULL);
    uint8_t *file = NULL;
    size_t bytes = 0;
    lb_shard shard;
    assert_ok(lb_file_read(lb_test_path(folder, "train-00000.lbs"), 1 << 20, &file, &bytes));
    assert_ok(lb_shard_read(file, bytes, &shard));
    assert_true(shard.n == 6 && shard.images.edge == 4);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_status(lb_shard_read(file, cut, &shard), LB_E_FORMAT);
    for (size_t i = 0; i < bytes; i++) {
        file[i] ^= 4;
        bool found = lb_shard_read(file, bytes, &shard) != LB_OK;
        for (size_t k = 0; !found && k < shard.n; k++) {
            const lb_shard_entry e = lb_shard_entry_at(&shard, k);
            found = lb_shard_check_image(&shard, &e) != LB_OK;
        }
        assert_true(found);
        file[i] ^= 4;
    }
    lb_free(file);

    lb_cache_manifest m;
    assert_ok(lb_file_read(lb_test_path(folder, LB_CACHE_MANIFEST), 1 << 20, &file, &bytes));
    assert_ok(lb_cache_manifest_read(file, bytes, &m));
    assert_true(m.classes == 3 && m.counts[0] == 6 && m.counts[1] == 6 && m.images_a_shard == 6);
    for (size_t cut = 0; cut < bytes; cut++)
        assert_status(lb_cache_manifest_read(file, cut, &m), LB_E_FORMAT);
    for (size_t i = 0; i < bytes; i++) {
        file[i] ^= 4;
        assert_status(lb_cache_manifest_read(file, bytes, &m), LB_E_FORMAT);
        file[i] ^= 4;
    }
    lb_free(file);
}

static lb_status make_and_open(void *context)
{
    static int number;
    char folder[600];
    lb_cache_result r;
    lb_dataset *dataset = NULL;
    const lb_cache_options o = {.edge = 4, .images_a_shard = 2, .threads = 1};
    (void)snprintf(folder, sizeof folder, "%s/memory-%d", lb_test_folder(), number++);
    LB_TRY(lb_data_cache(context, folder, &o, &r));
    const lb_status status = lb_dataset_open(lb_test_imagenet(folder), LB_SPLIT_TRAIN, &dataset);
    lb_dataset_close(dataset);
    return status;
}

static void test_allocation_failures(void **state)
{
    (void)state;
    char spec[600];
    (void)snprintf(spec, sizeof spec, "%s", lb_test_imagenet(lb_test_image_tree("memory", 1)));
    lb_test_every_allocation_failure(make_and_open, spec);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kill_and_resume), /* before OpenMP has threads, for the forks */
        cmocka_unit_test(test_raw_pixels_are_the_same),
        cmocka_unit_test(test_jpegs_are_near),
        cmocka_unit_test(test_real_images_are_the_same),
        cmocka_unit_test(test_other_settings_are_refused),
        cmocka_unit_test(test_two_writers),
        cmocka_unit_test(test_unreadable_images_keep_their_numbers),
        cmocka_unit_test(test_every_damaged_byte_is_found),
        cmocka_unit_test(test_allocation_failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
