#include "support/image_tree.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/random.h"
#include "data/format/folder_list.h"
#include "data/format/jpeg_file.h"

void lb_test_write_jpeg(const char *path, size_t height, size_t width, unsigned seed)
{
    void *rows = NULL;
    uint8_t *file = NULL, *at = NULL;
    size_t bytes = 0;
    assert_ok(lb_alloc(height * width, 3, "picture", &rows));
    at = rows;
    lb_random random = lb_random_at(seed, LB_RANDOM_TEST, 0, 0);
    const size_t a = 1 + lb_random_below(&random, 5), b = 1 + lb_random_below(&random, 5);
    for (size_t y = 0; y < height; y++) {
        for (size_t x = 0; x < width; x++, at += 3) {
            const size_t edge = ((x * a / 16 + y * b / 16) % 2) * 90;
            at[0] = (uint8_t)(edge + 120 * x / width);
            at[1] = (uint8_t)(edge + 120 * y / height);
            at[2] = (uint8_t)(200 - edge + lb_random_below(&random, 20));
        }
    }
    assert_ok(lb_jpeg_encode(height, width, rows, 85, &file, &bytes));
    lb_test_write(path, file, bytes);
    lb_free(file);
    lb_free(rows);
}

const char *lb_test_image_tree(const char *name, size_t each)
{
    static const size_t sides[][2] = {{60, 80}, {90, 50}, {48, 48}, {200, 150}, {33, 97}};
    const char *root = lb_test_path(lb_test_folder(), name);
    unsigned seed = 0;
    for (size_t split = 0; split < 2; split++) {
        for (size_t c = 1; c <= 3; c++) {
            char folder[512], file[600];
            (void)snprintf(folder, sizeof folder, "%s/%s/n%02zu", root, split ? "val" : "train", c);
            assert_ok(lb_make_folders(folder));
            for (size_t i = 0; i < each; i++, seed++) {
                const size_t *s = sides[seed % 5];
                (void)snprintf(file, sizeof file, "%s/n%02zu_%zu.JPEG", folder, c, i);
                lb_test_write_jpeg(file, s[0], s[1], seed);
            }
        }
    }
    return root;
}

const char *lb_test_imagenet(const char *folder)
{
    static char specs[4][600];
    static size_t next;
    char *spec = specs[next++ % 4];
    (void)snprintf(spec, sizeof specs[0], "imagenet:%s", folder);
    return spec;
}

static void link_one(const char *root, const char *split, const char *from, const char *name)
{
    char folder[600], source[600], target[800];
    (void)snprintf(folder, sizeof folder, "%s/%s/%.9s", root, split, name); /* n01440764 */
    (void)snprintf(source, sizeof source, "%s/%s", from, name);
    (void)snprintf(target, sizeof target, "%s/%s", folder, name);
    assert_ok(lb_make_folders(folder));
    assert_true(lb_path_exists(target) || symlink(source, target) == 0);
}

const char *lb_test_image_sample(void)
{
    char from[512];
    (void)snprintf(from, sizeof from, "%s", lb_test_data("imagenet_sample"));
    const char *root = lb_test_path(lb_test_folder(), "sample");
    lb_name_list names = {0};
    assert_ok(lb_folder_list(from, false, &names));
    for (size_t i = 0; i < names.n; i++) {
        link_one(root, "train", from, names.names[i]);
        link_one(root, "val", from, names.names[i]);
    }
    lb_name_list_release(&names);
    return root;
}
