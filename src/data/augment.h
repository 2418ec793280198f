/* Augmentation of 8-bit images and their normalization to float32.
 *
 * The order is rotate, pad and crop, flip, normalize (of the part that image_view.h has cropped, where
 * images are decoded when they are asked for). All but the last work on uint8 pixels in integer
 * arithmetic, so an augmented image is the same on every machine, and a network that takes raw pixel
 * codes can be trained on augmented images. What an image goes through is a pure function of
 * (seed, epoch, index of the image). */
#ifndef LB_DATA_AUGMENT_H
#define LB_DATA_AUGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/fail.h"

typedef enum lb_pad_mode {
    LB_PAD_ZERO,   /* pixel 0 */
    LB_PAD_REFLECT /* mirrored without repeating the edge: c b | a b c d | c b */
} lb_pad_mode;

/* Which part of an image is taken, of data sets whose images are decoded when they are asked for. */
typedef enum lb_crop {
    LB_CROP_CENTRE, /* the middle, as of validation and test images */
    LB_CROP_RANDOM, /* uniform place                                */
    LB_CROP_RESIZED /* of random size and proportions, resized      */
} lb_crop;

/* What may happen to an image; all zero: nothing. */
typedef struct lb_augment {
    lb_crop crop;
    float rotation_degrees; /* uniform in [-rotation, rotation] about the centre; outside is 0 */
    int crop_padding; /* pad all sides by this, then crop the image's size at a uniform place */
    lb_pad_mode pad_mode;
    bool flip; /* left-right with probability 1/2 */
} lb_augment;

/* value = (p/255 - mean[c]) / std[c], or for raw_codes (p - 128) / 128. */
typedef struct lb_normalization {
    bool raw_codes;
    float mean[4], std[4];
} lb_normalization;

typedef struct lb_image_shape {
    size_t channels, height, width;
} lb_image_shape;

/* What does happen to one image. */
typedef struct lb_augment_draw {
    float angle_degrees; /* positive turns the picture counter-clockwise */
    int dy, dx;          /* output (y, x) comes from (y + dy, x + dx), before a flip */
    bool flip;
} lb_augment_draw;

/* Augmentation and normalization made ready for images of one shape. Read-only after init. */
typedef struct lb_augmenter {
    lb_augment augment;
    lb_image_shape shape;
    uint64_t seed;
    float table[4][256]; /* value of pixel p in channel c */
} lb_augmenter;

enum { LB_AUGMENT_TEXT_BYTES = 96 };

/**
 * Read an `--augment` text: "none", "standard", or a comma list of rotate=DEGREES, crop=PIXELS, reflect,
 * zero, flip, random-crop, resized-crop, in any order.
 *
 * Errors: LB_E_ARG names the word that is not understood.
 */
LB_MUST_CHECK lb_status lb_augment_parse(const char *text, const lb_augment *standard,
                                         lb_augment *out);

/** Write the text that lb_augment_parse reads back, for example "rotate=10,crop=4". */
void lb_augment_format(const lb_augment *augment, char text[LB_AUGMENT_TEXT_BYTES]);

/**
 * Check settings against an image shape and fill the pixel tables.
 *
 * Errors: LB_E_ARG a rotation outside [0, 180], a padding below 0, not below the image's sides (or
 *         above LB_IMAGE_MAX_SIDE), a std that is not positive, a mean that is not finite.
 */
LB_MUST_CHECK lb_status lb_augmenter_init(lb_augmenter *out, lb_image_shape shape,
                                          const lb_augment *augment,
                                          const lb_normalization *normalization, uint64_t seed);

/** Bytes of work space that lb_augmenter_run needs, one block a thread. */
size_t lb_augmenter_workspace_bytes(const lb_augmenter *augmenter);

/**
 * Augment and normalize one image.
 *
 * Shapes: image uint8 (channels, height, width), out float32 of the same shape.
 */
void lb_augmenter_run(const lb_augmenter *augmenter, uint64_t epoch, uint32_t index,
                      const uint8_t *image, uint8_t *workspace, float *out);

/** The draw of an image: a pure function of its arguments. */
lb_augment_draw lb_augment_draw_of(const lb_augment *augment, uint64_t seed, uint64_t epoch,
                                   uint32_t index);

/**
 * Rotate every channel about the image's centre, bilinear, pixel 0 outside, rounded to nearest.
 *
 * Aliasing: none may overlap. workspace: (height + 2) * (width + 2) bytes.
 */
void lb_image_rotate(lb_image_shape shape, float angle_degrees, const uint8_t *image,
                     uint8_t *workspace, uint8_t *out);

/** out[c][y][x] = padded image[c][y + dy][x + dx], x counted from the right where flip is set. */
void lb_image_crop(lb_image_shape shape, lb_pad_mode mode, int dy, int dx, bool flip,
                   const uint8_t *image, uint8_t *out);

#endif
