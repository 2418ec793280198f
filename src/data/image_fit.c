/* An image file as a network's input.
 *
 * The image is scaled by s = max(H / h, W / w), so that it just covers the wanted H x W, and cropped
 * at its centre: the centre of output pixel x lies at source coordinate
 *     u = (x + 1/2 - W/2) / s + w/2          (the same for rows)
 * and its value is the mean of the source pixels weighted by the triangle max(0, 1 - |i + 1/2 - u| / r),
 * r = max(1, 1/s): bilinear where the image grows, an average over all that falls together where it
 * shrinks. Columns first, then rows, in double precision, rounded once at the end, halves up. */
#include "data/image_fit.h"

#include <math.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/format/image_file.h"
#include "lowbit/data.h"

enum { MAX_IMAGE_FILE = 1 << 28, COLOURS = 3 };

/* Source positions and weights of one output position. */
typedef struct taps {
    size_t first, n;
    double centre, radius, sum;
} taps;

static double weight_of(const taps *t, size_t i)
{
    return 1.0 - fabs((double)i + 0.5 - t->centre) / t->radius;
}

static taps taps_of(size_t x, size_t wanted, size_t size, double scale)
{
    taps t = {.radius = scale < 1.0 ? 1.0 / scale : 1.0};
    t.centre = ((double)x + 0.5 - 0.5 * (double)wanted) / scale + 0.5 * (double)size;
    const double low = floor(t.centre - t.radius), high = ceil(t.centre + t.radius);
    t.first = low > 0.0 ? (size_t)low : 0;
    const size_t end = high < (double)size ? (size_t)high : size;
    while (t.first < end && weight_of(&t, t.first) <= 0.0) t.first++;
    while (t.first + t.n < end && weight_of(&t, t.first + t.n) > 0.0) {
        t.sum += weight_of(&t, t.first + t.n);
        t.n++;
    }
    return t; /* the image covers the wanted size, so at least one pixel is near */
}

static uint8_t byte_of(double value)
{
    return (uint8_t)floor(value + 0.5); /* a weighted mean of bytes: 0 .. 255 */
}

/* One plane. columns: room for from.height * to.width values. */
static void resize_plane(lb_image_shape from, const uint8_t *plane, lb_image_shape to,
                         double *columns, uint8_t *out)
{
    const double scale_h = (double)to.height / (double)from.height;
    const double scale_w = (double)to.width / (double)from.width;
    const double scale = scale_h > scale_w ? scale_h : scale_w;
    for (size_t x = 0; x < to.width; x++) {
        const taps t = taps_of(x, to.width, from.width, scale);
        for (size_t y = 0; y < from.height; y++) {
            double sum = 0.0;
            for (size_t k = 0; k < t.n; k++)
                sum += weight_of(&t, t.first + k) * (double)plane[y * from.width + t.first + k];
            columns[y * to.width + x] = sum / t.sum;
        }
    }
    for (size_t y = 0; y < to.height; y++) {
        const taps t = taps_of(y, to.height, from.height, scale);
        for (size_t x = 0; x < to.width; x++) {
            double sum = 0.0;
            for (size_t k = 0; k < t.n; k++)
                sum += weight_of(&t, t.first + k) * columns[(t.first + k) * to.width + x];
            out[y * to.width + x] = byte_of(sum / t.sum);
        }
    }
}

/* ITU-R BT.601 luma, as PNG and JPEG tools take it, rounded to nearest. */
static void to_grey(size_t pixels, const uint8_t *colour, uint8_t *grey)
{
    const uint8_t *r = colour, *g = colour + pixels, *b = colour + 2 * pixels;
    for (size_t i = 0; i < pixels; i++)
        grey[i] = (uint8_t)((299u * r[i] + 587u * g[i] + 114u * b[i] + 500u) / 1000u);
}

lb_status lb_image_fit(lb_image_shape from, const uint8_t *image, lb_image_shape to, uint8_t *out)
{
    const size_t pixels = from.height * from.width, wanted = to.height * to.width;
    const bool same_size = from.height == to.height && from.width == to.width;
    uint8_t *grey = NULL;
    double *columns = NULL;
    if (from.channels > 1 && to.channels == 1) {
        LB_TRY(lb_alloc(pixels, 1, "an image", (void **)&grey));
        to_grey(pixels, image, grey);
        image = grey;
    }
    lb_status status = LB_OK;
    if (!same_size) {
        status = lb_alloc(from.height * to.width, sizeof *columns, "an image", (void **)&columns);
    }
    for (size_t c = 0; status == LB_OK && c < to.channels; c++) {
        const uint8_t *plane = from.channels == to.channels ? image + c * pixels : image;
        if (same_size) {
            memcpy(out + c * wanted, plane, wanted);
        } else {
            resize_plane(from, plane, to, columns, out + c * wanted);
        }
    }
    lb_free(columns);
    lb_free(grey);
    return status;
}

lb_status lb_image_read(const char *path, size_t channels, size_t height, size_t width,
                        uint8_t *pixels)
{
    if (channels != 1 && channels != COLOURS) {
        return lb_fail(LB_E_SHAPE, "%s: images have 1 or 3 channels, %zu are wanted", path,
                       channels);
    }
    uint8_t *file = NULL, *image = NULL;
    size_t bytes = 0;
    lb_image_shape from = {0};
    LB_TRY(lb_file_read(path, MAX_IMAGE_FILE, &file, &bytes));
    lb_status status = lb_image_decode(path, file, bytes, &from, &image);
    lb_free(file);
    if (status != LB_OK) return status;
    status = lb_image_fit(from, image, (lb_image_shape){channels, height, width}, pixels);
    lb_free(image);
    return status;
}
