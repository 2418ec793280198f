/* Folders of images by class, as ImageNet has them, made by tests. */
#ifndef LB_TESTS_IMAGE_TREE_H
#define LB_TESTS_IMAGE_TREE_H

#include "support/support.h"

/** Write a JPEG of a smooth picture that depends on `seed`. */
void lb_test_write_jpeg(const char *path, size_t height, size_t width, unsigned seed);

/** FOLDER/train and FOLDER/val with classes n01, n02, n03 and `each` images of several sizes in each.
 *  Returns "FOLDER". */
const char *lb_test_image_tree(const char *name, size_t each);

/** "imagenet:FOLDER". Borrowed; 4 of them are valid at a time. */
const char *lb_test_imagenet(const char *folder);

/** The real sample, one class folder an image, linked into a fresh folder; skips the test without it. */
const char *lb_test_image_sample(void);

#endif
