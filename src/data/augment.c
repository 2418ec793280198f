/* Augmentation in integer arithmetic.
 *
 * Rotation by t about the centre (cx, cy) = ((W-1)/2, (H-1)/2): output (x, y) samples the input at
 *   u = cx + cos t * (x - cx) - sin t * (y - cy)
 *   v = cy + sin t * (x - cx) + cos t * (y - cy)      (y points down: the picture turns counter-clockwise)
 * with u, v in units of 2^-17 pixel: cos and sin are rounded to 2^-16, and 2 (x - cx) is whole.
 * Bilinear weights have 11 bits, so that 255 * 2^22 and the rounding half fit 32 bits; the sum is rounded
 * half up. Rotation by 0 is exactly the identity, by 90 degrees exactly a quarter turn. */
#include "data/augment.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "base/suggest.h"
#include "lowbit/data.h"

enum {
    COORDINATE_BITS = 17,
    WEIGHT_BITS = 11,
    WEIGHT_ONE = 1 << WEIGHT_BITS,
    ROUND_HALF = 1 << (2 * WEIGHT_BITS - 1)
};

static const double degree = 0.017453292519943295; /* pi / 180 */

/* Read a number behind "word="; false where something else follows. */
static bool parse_number(const char *text, double *out)
{
    char *end = NULL;
    *out = strtod(text, &end);
    return end != text && *end == '\0' && isfinite(*out);
}

static lb_status parse_word(const char *word, lb_augment *out)
{
    double number = 0.0;
    if (strncmp(word, "rotate=", 7) == 0) {
        if (!parse_number(word + 7, &number) || number < 0.0 || number > 180.0) {
            return lb_fail(LB_E_ARG, "augmentation '%s': wanted rotate=DEGREES, 0 to 180", word);
        }
        out->rotation_degrees = (float)number;
    } else if (strncmp(word, "crop=", 5) == 0) {
        if (!parse_number(word + 5, &number) || number < 0.0 || number > LB_IMAGE_MAX_SIDE ||
            number != floor(number)) {
            return lb_fail(LB_E_ARG,
                           "augmentation '%s': wanted crop=PADDING in whole pixels, 0 to %d", word,
                           LB_IMAGE_MAX_SIDE);
        }
        out->crop_padding = (int)number;
    } else if (strcmp(word, "reflect") == 0 || strcmp(word, "zero") == 0) {
        out->pad_mode = word[0] == 'r' ? LB_PAD_REFLECT : LB_PAD_ZERO;
    } else if (strcmp(word, "flip") == 0) {
        out->flip = true;
    } else if (strcmp(word, "random-crop") == 0 || strcmp(word, "resized-crop") == 0) {
        out->crop = word[1] == 'a' ? LB_CROP_RANDOM : LB_CROP_RESIZED;
    } else {
        static const char *const words[] = {"rotate=",  "crop=",       "reflect",
                                            "zero",     "flip",        "none",
                                            "standard", "random-crop", "resized-crop"};
        const char *near = lb_suggest(word, words, sizeof words / sizeof *words);
        return lb_fail(
            LB_E_ARG,
            "augmentation '%s' is not known%s%s%s; there are none, standard, or a list like "
            "rotate=10,crop=4,reflect,flip",
            word, near ? "; did you mean '" : "", near ? near : "", near ? "'" : "");
    }
    return LB_OK;
}

lb_status lb_augment_parse(const char *text, const lb_augment *standard, lb_augment *out)
{
    lb_augment parsed = {0};
    if (strcmp(text, "standard") == 0) {
        *out = *standard;
        return LB_OK;
    }
    if (strcmp(text, "none") == 0) {
        *out = parsed;
        return LB_OK;
    }
    for (const char *start = text;;) {
        const size_t length = strcspn(start, ",");
        char word[32];
        if (length >= sizeof word)
            return lb_fail(LB_E_ARG, "augmentation '%s' is not known", start);
        memcpy(word, start, length);
        word[length] = '\0';
        LB_TRY(parse_word(word, &parsed));
        if (start[length] == '\0') break;
        start += length + 1;
    }
    if (parsed.pad_mode == LB_PAD_REFLECT && parsed.crop_padding == 0) {
        return lb_fail(LB_E_ARG,
                       "augmentation '%s': reflect says how to pad for a crop; add crop=PADDING",
                       text);
    }
    *out = parsed;
    return LB_OK;
}

void lb_augment_format(const lb_augment *augment, char text[LB_AUGMENT_TEXT_BYTES])
{
    static const char *const parts[] = {"", ",random-crop", ",resized-crop"};
    char rotate[24] = "", crop[32] = "";
    if (augment->rotation_degrees > 0.0f) {
        snprintf(rotate, sizeof rotate, ",rotate=%.9g", (double)augment->rotation_degrees);
    }
    if (augment->crop_padding > 0) {
        snprintf(crop, sizeof crop, ",crop=%d%s", augment->crop_padding,
                 augment->pad_mode == LB_PAD_REFLECT ? ",reflect" : "");
    }
    char list[LB_AUGMENT_TEXT_BYTES + 1]; /* one more for the leading comma */
    snprintf(list, sizeof list, "%s%s%s%s", parts[augment->crop], rotate, crop,
             augment->flip ? ",flip" : "");
    snprintf(text, LB_AUGMENT_TEXT_BYTES, "%s", list[0] == ',' ? list + 1 : "none");
}

static lb_status fill_table(const lb_normalization *n, size_t channel, float table[256])
{
    const double mean = (double)n->mean[channel], std = (double)n->std[channel];
    if (!n->raw_codes && (!(std > 0.0) || !isfinite(std) || !isfinite(mean))) {
        return lb_fail(LB_E_ARG,
                       "normalization of channel %zu: mean %g, std %g; wanted finite, std above 0",
                       channel, mean, std);
    }
    for (int p = 0; p < 256; p++) {
        table[p] = (float)(n->raw_codes ? (p - 128) / 128.0 : (p / 255.0 - mean) / std);
    }
    return LB_OK;
}

lb_status lb_augmenter_init(lb_augmenter *out, lb_image_shape shape, const lb_augment *augment,
                            const lb_normalization *normalization, uint64_t seed)
{
    if (!(augment->rotation_degrees >= 0.0f && augment->rotation_degrees <= 180.0f)) {
        return lb_fail(LB_E_ARG, "rotation by up to %g degrees; wanted 0 to 180",
                       (double)augment->rotation_degrees);
    }
    const size_t side = shape.height < shape.width ? shape.height : shape.width;
    if (augment->crop_padding < 0 || (size_t)augment->crop_padding >= side) {
        /* Reflecting further would leave the mirror image; zero padding further, an empty picture. */
        return lb_fail(LB_E_ARG, "crop padding of %d pixels; images of %zux%zu allow 0 to %zu",
                       augment->crop_padding, shape.height, shape.width, side - 1);
    }
    *out = (lb_augmenter){.augment = *augment, .shape = shape, .seed = seed};
    for (size_t c = 0; c < shape.channels; c++) LB_TRY(fill_table(normalization, c, out->table[c]));
    return LB_OK;
}

lb_augment_draw lb_augment_draw_of(const lb_augment *augment, uint64_t seed, uint64_t epoch,
                                   uint32_t index)
{
    lb_random random = lb_random_at(seed, LB_RANDOM_AUGMENT, epoch, index);
    lb_augment_draw draw = {0};
    if (augment->rotation_degrees > 0.0f) {
        draw.angle_degrees = (2.0f * lb_random_uniform(&random) - 1.0f) * augment->rotation_degrees;
    }
    if (augment->crop_padding > 0) {
        const uint64_t places = 2 * (uint64_t)augment->crop_padding + 1;
        draw.dy = (int)lb_random_below(&random, places) - augment->crop_padding;
        draw.dx = (int)lb_random_below(&random, places) - augment->crop_padding;
    }
    if (augment->flip) draw.flip = lb_random_below(&random, 2) == 1;
    return draw;
}

/* One rotated channel. `source` has a border of one zero pixel and rows of width + 2 pixels. */
static void rotate_channel(int32_t height, int32_t width, int32_t cosine, int32_t sine,
                           const uint8_t *source, uint8_t *out)
{
    const int32_t stride = width + 2, one = 1 << COORDINATE_BITS;
    /* Coordinates are counted in the bordered image: one pixel more than in the comment above. */
    const int32_t u_centre = ((width + 1) << COORDINATE_BITS) / 2;
    const int32_t v_centre = ((height + 1) << COORDINATE_BITS) / 2;
    const uint32_t u_end = (uint32_t)(width + 1) << COORDINATE_BITS;
    const uint32_t v_end = (uint32_t)(height + 1) << COORDINATE_BITS;
    const int shift = COORDINATE_BITS - WEIGHT_BITS;
    for (int32_t y = 0; y < height; y++) {
        const int32_t y2 = 2 * y - (height - 1);
        int32_t u = u_centre - cosine * (width - 1) - sine * y2;
        int32_t v = v_centre - sine * (width - 1) + cosine * y2;
        for (int32_t x = 0; x < width; x++, u += 2 * cosine, v += 2 * sine) {
            uint32_t value = 0;
            if ((uint32_t)u < u_end &&
                (uint32_t)v < v_end) { /* a negative one is a huge unsigned */
                const uint8_t *p =
                    source + (v >> COORDINATE_BITS) * stride + (u >> COORDINATE_BITS);
                const uint32_t right = (uint32_t)(u & (one - 1)) >> shift;
                const uint32_t below = (uint32_t)(v & (one - 1)) >> shift;
                const uint32_t left = WEIGHT_ONE - right;
                const uint32_t top_row = p[0] * left + p[1] * right;
                const uint32_t bottom_row = p[stride] * left + p[stride + 1] * right;
                value = (top_row * (WEIGHT_ONE - below) + bottom_row * below + ROUND_HALF) >>
                        (2 * WEIGHT_BITS);
            }
            *out++ = (uint8_t)value;
        }
    }
}

void lb_image_rotate(lb_image_shape shape, float angle_degrees, const uint8_t *image,
                     uint8_t *workspace, uint8_t *out)
{
    const double angle = (double)angle_degrees * degree;
    const int32_t cosine = (int32_t)lrint(cos(angle) * 65536.0);
    const int32_t sine = (int32_t)lrint(sin(angle) * 65536.0);
    const size_t height = shape.height, width = shape.width, stride = width + 2;
    memset(workspace, 0, stride * (height + 2));
    for (size_t c = 0; c < shape.channels; c++) {
        for (size_t y = 0; y < height; y++) {
            memcpy(workspace + (y + 1) * stride + 1, image + (c * height + y) * width, width);
        }
        rotate_channel((int32_t)height, (int32_t)width, cosine, sine, workspace,
                       out + c * height * width);
    }
}

/* Index into [0, n) of padded position i in (-n, 2n - 1), mirrored at the first and the last pixel. */
static int reflect(int i, int n)
{
    if (i < 0) return -i;
    return i < n ? i : 2 * (n - 1) - i;
}

/* One row, not flipped. */
static void crop_row(lb_pad_mode mode, int dx, int width, const uint8_t *in, uint8_t *out)
{
    const int inside = width - abs(dx); /* pixels that come straight from the image */
    const int first = dx < 0 ? -dx : 0;
    memcpy(out + first, in + (dx > 0 ? dx : 0), (size_t)inside);
    const int edge = dx < 0 ? 0 : inside;
    for (int x = edge; x < edge + width - inside; x++) {
        out[x] = mode == LB_PAD_REFLECT ? in[reflect(x + dx, width)] : 0;
    }
}

static void reverse_row(int width, uint8_t *row)
{
    for (int a = 0, b = width - 1; a < b; a++, b--) {
        const uint8_t kept = row[a];
        row[a] = row[b];
        row[b] = kept;
    }
}

void lb_image_crop(lb_image_shape shape, lb_pad_mode mode, int dy, int dx, bool flip,
                   const uint8_t *image, uint8_t *out)
{
    const int height = (int)shape.height, width = (int)shape.width;
    for (size_t c = 0; c < shape.channels; c++) {
        for (int y = 0; y < height; y++, out += width) {
            const int from = y + dy;
            const bool outside = from < 0 || from >= height;
            if (outside && mode == LB_PAD_ZERO) {
                memset(out, 0, (size_t)width);
                continue;
            }
            const size_t row = c * shape.height + (size_t)reflect(from, height);
            crop_row(mode, dx, width, image + row * shape.width, out);
            if (flip) reverse_row(width, out);
        }
    }
}

size_t lb_augmenter_workspace_bytes(const lb_augmenter *augmenter)
{
    const lb_image_shape s = augmenter->shape;
    return 2 * s.channels * s.height * s.width + (s.height + 2) * (s.width + 2);
}

/* A flip without anything else needs no copy. */
static void normalize_flipped(const lb_augmenter *augmenter, const uint8_t *image, float *out)
{
    const size_t height = augmenter->shape.height, width = augmenter->shape.width;
    for (size_t c = 0; c < augmenter->shape.channels; c++) {
        const float *table = augmenter->table[c];
        for (size_t y = 0; y < height; y++, image += width, out += width) {
            for (size_t x = 0; x < width; x++) out[x] = table[image[width - 1 - x]];
        }
    }
}

void lb_augmenter_run(const lb_augmenter *augmenter, uint64_t epoch, uint32_t index,
                      const uint8_t *image, uint8_t *workspace, float *out)
{
    const lb_image_shape shape = augmenter->shape;
    const size_t pixels = shape.height * shape.width, all = shape.channels * pixels;
    const lb_augment_draw draw =
        lb_augment_draw_of(&augmenter->augment, augmenter->seed, epoch, index);
    uint8_t *rotated = workspace, *cropped = workspace + all;
    const uint8_t *now = image;
    if (augmenter->augment.rotation_degrees > 0.0f) {
        lb_image_rotate(shape, draw.angle_degrees, now, workspace + 2 * all, rotated);
        now = rotated;
    }
    if (draw.dy != 0 || draw.dx != 0) {
        lb_image_crop(shape, augmenter->augment.pad_mode, draw.dy, draw.dx, draw.flip, now,
                      cropped);
        now = cropped;
    } else if (draw.flip) {
        normalize_flipped(augmenter, now, out);
        return;
    }
    for (size_t c = 0; c < shape.channels; c++) {
        const float *table = augmenter->table[c];
        for (size_t i = 0; i < pixels; i++) out[c * pixels + i] = table[now[c * pixels + i]];
    }
}
