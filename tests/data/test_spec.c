/* SPECs: names, suggestions, folders, LOWBIT_DATA; the table of data sets. */
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "support/support.h"

static void test_names(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *why;
    } bad[] = {
        {"mnsit", "did you mean 'mnist'"},
        {"", "no data set ''"},
        {"cifar", "did you mean 'cifar10'"},
        {"xyzzy", "there are: mnist, fashion-mnist"},
        {"mnist:", "nothing after the colon"},
        {"mnist x", "no data set"},
        {":x", "no data set ''"},
        {"synth-digits:", "nothing after the colon"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        lb_dataset *dataset = NULL;
        assert_status(lb_dataset_open(bad[i].spec, LB_SPLIT_TRAIN, &dataset), LB_E_ARG);
        assert_contains(lb_error(), bad[i].why);
        assert_null(dataset);
    }
}

static void test_folders(void **state)
{
    (void)state;
    char folder[64];
    bool found = true;
    lb_dataset *dataset = NULL;
    assert_int_equal(setenv("LOWBIT_DATA", "/data/sets", 1), 0);
    assert_ok(lb_data_locate("fashion-mnist", folder, sizeof folder, &found));
    assert_string_equal(folder, "/data/sets/fashion_mnist");
    assert_false(found);
    assert_ok(lb_data_locate("fashion-mnist:a:b", folder, sizeof folder, &found));
    assert_string_equal(folder, "a:b"); /* only the first colon counts */
    assert_ok(lb_data_locate("synth-color:100", folder, sizeof folder, &found));
    assert_string_equal(folder, "");
    assert_true(found);
    assert_status(lb_data_locate("fashion-mnist", folder, 10, &found), LB_E_ARG);
    assert_status(lb_dataset_open("mnist", LB_SPLIT_TRAIN, &dataset), LB_E_IO);
    assert_contains(lb_error(),
                    "no train-images-idx3-ubyte in '/data/sets/mnist'; `lowbit data get mnist`");
    assert_int_equal(unsetenv("LOWBIT_DATA"), 0);
    assert_ok(lb_data_locate("mnist", folder, sizeof folder, &found));
    assert_string_equal(folder, "");
    assert_false(found);
    assert_status(lb_dataset_open("mnist", LB_SPLIT_TRAIN, &dataset), LB_E_ARG);
    assert_contains(lb_error(), "set LOWBIT_DATA");
}

/* Every row of the table is complete. */
static void test_the_table(void **state)
{
    (void)state;
    size_t n = 0;
    for (const lb_data_kind *k = lb_data_kinds; k->entry.name != NULL; k++, n++) {
        assert_ptr_equal(lb_data_entry_at(n), &k->entry);
        assert_non_null(k->entry.summary);
        assert_non_null(k->format->read);
        assert_true(k->entry.synthetic == (k->format->missing == NULL));
        uint64_t total = 0;
        for (const lb_data_file *f = k->files; f != NULL && f->name != NULL; f++) {
            total += f->bytes;
            assert_int_equal(strlen(f->sha256), 64);
            assert_int_equal(strspn(f->sha256, "0123456789abcdef"), 64);
            assert_int_equal(f->folder_url[strlen(f->folder_url) - 1], '/');
            assert_true((f->members == NULL) == (f->max_member_bytes == 0));
        }
        assert_true(k->entry.download_bytes == total);
        for (size_t c = 0; k->published != NULL && c < k->shape.channels; c++) {
            assert_true(k->published->std[c] > 0.0f && k->published->mean[c] > 0.0f);
        }
        for (size_t c = 0; k->class_names != NULL && c < k->classes; c++)
            assert_non_null(k->class_names[c]);
    }
    assert_int_equal(n, 11);
    assert_null(lb_data_entry_at(n));
}

static void test_standard_settings(void **state)
{
    (void)state;
    lb_dataset *dataset = NULL;
    lb_normalization n;
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    char text[LB_AUGMENT_TEXT_BYTES];
    assert_ok(lb_dataset_open("synth-digits:100", LB_SPLIT_TRAIN, &dataset));
    assert_ok(lb_dataset_statistics(dataset, mean, std));
    assert_ok(lb_dataset_standard_normalization(dataset, &n)); /* none published: the data's own */
    assert_true(n.mean[0] == (float)mean[0] && n.std[0] == (float)std[0] && !n.raw_codes);
    assert_true(mean[1] == 0.0 && std[1] == 0.0);
    lb_dataset_close(dataset);
    static const struct {
        const char *name, *augment;
    } wanted[] = {{"mnist", "rotate=10,crop=4"},
                  {"cifar10", "crop=4,reflect,flip"},
                  {"imagenet", "random-crop,flip"},
                  {"synth-digits", "none"}};
    for (size_t i = 0; i < sizeof wanted / sizeof *wanted; i++) {
        for (const lb_data_kind *k = lb_data_kinds; k->entry.name != NULL; k++) {
            if (strcmp(k->entry.name, wanted[i].name) != 0) continue;
            lb_augment_format(&k->augment, text);
            assert_string_equal(text, wanted[i].augment);
        }
    }
}

/* Against the definition in double precision; a black channel keeps a usable std. */
static void test_statistics(void **state)
{
    (void)state;
    uint8_t images[2 * 2 * 2] = {0, 255, 9, 9, 51, 102, 9, 9}; /* 2 images of 2 channels of 1x2 */
    uint16_t labels[2] = {0, 0};
    lb_data_kind kind = {.entry = {.name = "test"}};
    const lb_dataset dataset = {.kind = &kind,
                                .count = 2,
                                .channels = 2,
                                .height = 1,
                                .width = 2,
                                .classes = 1,
                                .images = images,
                                .labels = labels};
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    lb_normalization n;
    assert_ok(lb_dataset_statistics(&dataset, mean, std));
    assert_true(mean[0] == (0 + 255 + 51 + 102) / 4.0 / 255.0);
    /* values 0, 1, 0.2, 0.4: mean 0.4, variance (0.16 + 0.36 + 0.04 + 0) / 4 = 0.14 */
    assert_true(std[0] * std[0] > 0.14 - 1e-12 && std[0] * std[0] < 0.14 + 1e-12);
    assert_true(mean[1] == 9 / 255.0 && std[1] < 1e-7);
    images[2] = images[3] = images[6] = images[7] = 0;
    assert_ok(lb_dataset_standard_normalization(&dataset, &n));
    assert_true(n.std[1] == 1.0f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),      cmocka_unit_test(test_folders),
        cmocka_unit_test(test_the_table),  cmocka_unit_test(test_standard_settings),
        cmocka_unit_test(test_statistics),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
