/* Views of images.
 *
 * resize and crop  (W, H) becomes (w, h): the short edge `edge`, the other floor(edge * long / short). The
 *                  centre of column x of a crop that begins at x0 lies at (x0 + x + 1/2) * W / w: only the
 *                  cropped part is computed. Centre: x0 = floor((w - size) / 2); random: uniform.
 * resized crop     a box of the image (He et al. and torchvision's RandomResizedCrop): area 0.08 to 1 of the
 *                  image, sides in a proportion of 3/4 to 4/3, uniform in its logarithm; ten tries, then
 *                  the largest box of a legal proportion at the centre. Nothing outside of the box counts.
 *
 * A JPEG file that is to shrink to half or less is decoded at 1/2, 1/4 or 1/8 of its size, the smallest that
 * does not make the resize enlarge: its transform leaves the high frequencies out. */
#include "data/image_view.h"

#include <math.h>
#include <string.h>

#include "base/memory.h"

enum { LONGEST = 16384, TRIES = 10, STANDARD_EDGE = 256, SMALLEST_OF_STANDARD = 193 };

size_t lb_view_edge(size_t size)
{
    if (size >= SMALLEST_OF_STANDARD && size <= STANDARD_EDGE) return STANDARD_EDGE;
    return (16 * size + 7) / 14;
}

/* e^t for |t| < 0.3 by its series: the same everywhere, which libm does not promise. */
static double exponential(double t)
{
    double term = 1.0, sum = 1.0;
    for (int i = 1; i <= 12; i++) {
        term *= t / i;
        sum += term;
    }
    return sum;
}

/* A box of the image. */
typedef struct box {
    size_t x, y, width, height;
} box;

static const double least_area = 0.08, log_proportion = 0.28768207245178090; /* log(4/3) */

static box centre_box(size_t width, size_t height)
{
    const double w = (double)width, h = (double)height, most = 4.0 / 3.0;
    box b = {.width = width, .height = height};
    if (w * 4.0 < h * 3.0) b.height = (size_t)floor(w * most + 0.5);
    if (w * 3.0 > h * 4.0) b.width = (size_t)floor(h * most + 0.5);
    b.height = b.height < height ? b.height : height;
    b.width = b.width < width ? b.width : width;
    b.x = (width - b.width) / 2;
    b.y = (height - b.height) / 2;
    return b;
}

static box draw_box(size_t width, size_t height, lb_random *random)
{
    for (int i = 0; i < TRIES; i++) {
        const double share = least_area + (1.0 - least_area) * (double)lb_random_uniform(random);
        const double area = (double)width * (double)height * share;
        const double proportion =
            exponential((2.0 * (double)lb_random_uniform(random) - 1.0) * log_proportion);
        const double w = floor(sqrt(area * proportion) + 0.5);
        const double h = floor(sqrt(area / proportion) + 0.5);
        if (w < 1.0 || h < 1.0 || w > (double)width || h > (double)height) continue;
        box b = {.width = (size_t)w, .height = (size_t)h};
        b.y = (size_t)lb_random_below(random, height - b.height + 1);
        b.x = (size_t)lb_random_below(random, width - b.width + 1);
        return b;
    }
    return centre_box(width, height);
}

static lb_resize_axis box_axis(size_t at, size_t side, size_t size)
{
    return (lb_resize_axis){.offset = (double)at,
                            .step = (double)side / (double)size,
                            .count = size,
                            .low = at,
                            .high = at + side};
}

/* `side` pixels become `resized`, of which `size` are wanted. */
static lb_resize_axis crop_axis(size_t side, size_t resized, size_t size, bool random,
                                lb_random *numbers)
{
    const size_t room = resized - size;
    return (lb_resize_axis){.step = (double)side / (double)resized,
                            .first = random ? (size_t)lb_random_below(numbers, room + 1) : room / 2,
                            .count = size,
                            .high = side};
}

static void scale_down(lb_resize_axis *axis, size_t denominator)
{
    axis->offset /= (double)denominator; /* by a power of two: exact */
    axis->step /= (double)denominator;
    axis->low /= denominator;
    axis->high = (axis->high + denominator - 1) / denominator;
}

lb_status lb_view_plan_make(const lb_image_view *view, const lb_image_facts *facts,
                            lb_crop_draw draw, lb_view_plan *out)
{
    const size_t height = facts->shape.height, width = facts->shape.width;
    const size_t edge = view->edge, short_edge = height < width ? height : width;
    lb_view_plan plan = {.denominator = 1};
    if (draw.crop == LB_CROP_RESIZED) {
        const box b = draw_box(width, height, &draw.random);
        plan.rows = box_axis(b.y, b.height, view->size);
        plan.columns = box_axis(b.x, b.width, view->size);
    } else {
        const size_t h = view->square ? edge : edge * height / short_edge;
        const size_t w = view->square ? edge : edge * width / short_edge;
        if (h > LONGEST || w > LONGEST) {
            return lb_fail(LB_E_FORMAT, "%zux%zu pixels become %zux%zu; sides of %d are made",
                           height, width, h, w, LONGEST);
        }
        const bool random = draw.crop == LB_CROP_RANDOM, whole = view->size == 0;
        plan.rows = crop_axis(height, h, whole ? h : view->size, random, &draw.random);
        plan.columns = crop_axis(width, w, whole ? w : view->size, random, &draw.random);
    }
    while (2 * plan.denominator <= facts->denominators &&
           plan.rows.step >= 2.0 * (double)plan.denominator &&
           plan.columns.step >= 2.0 * (double)plan.denominator) {
        plan.denominator *= 2;
    }
    scale_down(&plan.rows, plan.denominator);
    scale_down(&plan.columns, plan.denominator);
    *out = plan;
    return LB_OK;
}

void lb_view_work_release(lb_view_work *work)
{
    lb_buffer_release(&work->where);
    lb_buffer_release(&work->file);
    lb_buffer_release(&work->pixels);
    lb_buffer_release(&work->resize.row);
    lb_buffer_release(&work->row_taps);
    lb_buffer_release(&work->column_taps);
}

/* ---- making one ------------------------------------------------------------------------------ */

static lb_status probe(const lb_view_source *source, lb_image_facts *out)
{
    if (source->raw_height == 0)
        return lb_image_probe(source->where, source->data, source->bytes, out);
    *out = (lb_image_facts){{3, source->raw_height, source->raw_width}, 1};
    return LB_OK;
}

/* A part of raw rows, widened to LB_PIXEL_BYTES a pixel. */
static lb_status copy_part(const lb_view_source *source, const lb_image_part *part,
                           lb_buffer *buffer, lb_image_rows *out)
{
    const size_t stride = part->width * LB_PIXEL_BYTES;
    LB_TRY(lb_buffer_reserve(buffer, part->height * stride, "image"));
    for (size_t y = 0; y < part->height; y++) {
        const uint8_t *from = source->data + ((part->y + y) * source->raw_width + part->x) * 3;
        uint8_t *to = buffer->data + y * stride;
        for (size_t x = 0; x < part->width; x++, from += 3, to += LB_PIXEL_BYTES) {
            memcpy(to, from, 3);
        }
    }
    *out = (lb_image_rows){buffer->data, stride};
    return LB_OK;
}

static lb_status fill_view(const lb_view_plan *plan, const lb_view_source *source,
                           lb_view_work *work, uint8_t *out)
{
    lb_taps rows, columns;
    LB_TRY(lb_taps_make(&plan->rows, &work->row_taps, &rows));
    LB_TRY(lb_taps_make(&plan->columns, &work->column_taps, &columns));
    const lb_image_part part = {plan->denominator, columns.begin, rows.begin,
                                columns.end - columns.begin, rows.end - rows.begin};
    lb_image_rows pixels;
    if (source->raw_height > 0) {
        LB_TRY(copy_part(source, &part, &work->pixels, &pixels));
    } else {
        LB_TRY(lb_image_decode_part(source->where, source->data, source->bytes, &part,
                                    &work->pixels, &pixels));
    }
    return lb_image_resize(&rows, &columns, &pixels, &work->resize, out);
}

static lb_status plan_of(const lb_image_view *view, const lb_view_source *source, lb_crop_draw draw,
                         lb_view_plan *out)
{
    lb_image_facts facts;
    LB_TRY(probe(source, &facts));
    const lb_status status = lb_view_plan_make(view, &facts, draw, out);
    return status == LB_OK ? LB_OK : lb_fail_in(status, "%s", source->where);
}

lb_status lb_view_make(const lb_image_view *view, const lb_view_source *source, lb_crop_draw draw,
                       lb_view_work *work, uint8_t *out)
{
    lb_view_plan plan;
    LB_TRY(plan_of(view, source, draw, &plan));
    return fill_view(&plan, source, work, out);
}

lb_status lb_view_make_whole(const lb_image_view *view, const lb_view_source *source,
                             lb_view_work *work, size_t *height, size_t *width, uint8_t **out)
{
    lb_view_plan plan;
    void *block = NULL;
    LB_TRY(plan_of(view, source, (lb_crop_draw){.crop = LB_CROP_CENTRE}, &plan));
    LB_TRY(lb_alloc(3 * plan.rows.count, plan.columns.count, "resized image", &block));
    const lb_status status = fill_view(&plan, source, work, block);
    if (status != LB_OK) {
        lb_free(block);
        return status;
    }
    *height = plan.rows.count;
    *width = plan.columns.count;
    *out = block;
    return LB_OK;
}
