/* Synthetic digits: the embedded default data.
 *
 * A digit is one of a few ways to write it (synth_glyphs.c), every point moved a little, then put through
 *   scale (height, aspect) - shear - rotation - translation.
 * The pen is a disc: a pixel's coverage is clamp((thickness/2 - distance to the nearest stroke)/softness
 * + 1/2, 0, 1), smoothed by 3t^2 - 2t^3. Over it come stray strokes, a sloping background and noise.
 *
 * Only +, -, *, / and sqrtf are used, none of libm's functions that differ between systems, so that the
 * images are the same everywhere. How hard they are is said in the two tables just below. */
#include "data/synth.h"

#include <math.h>
#include <string.h>

#include "base/random.h"
#include "data/dataset.h"

/* Chosen so that a LeNet-5 reaches about 98 to 99 % in float from 10,000 images, and visibly less with
 * 1-bit weights and activations. */
const lb_synth_difficulty lb_synth_digits = {
    .side = 28,
    .channels = 1,
    .seed = 1,
    .rotation = 18.0f,
    .shear = 0.30f,
    .height = {15.0f, 23.0f},
    .aspect = {0.62f, 1.0f},
    .translation = 3.0f,
    .wobble = 5.0f,
    .thickness = {1.2f, 3.2f},
    .softness = {0.9f, 1.8f},
    .paper = {0.0f, 60.0f},
    .contrast = {70.0f, 195.0f},
    .gradient = 30.0f,
    .noise = {6.0f, 26.0f},
    .clutter = {0.0f, 3.0f},
    .clutter_strength = 0.7f,
};

const lb_synth_difficulty lb_synth_color = {
    .side = 32,
    .channels = 3,
    .seed = 2,
    .rotation = 15.0f,
    .shear = 0.25f,
    .height = {18.0f, 27.0f},
    .aspect = {0.6f, 0.95f},
    .translation = 3.0f,
    .wobble = 4.5f,
    .thickness = {1.8f, 4.2f},
    .softness = {0.9f, 2.0f},
    .paper = {30.0f, 225.0f},
    .contrast = {60.0f, 150.0f},
    .gradient = 40.0f,
    .noise = {4.0f, 18.0f},
    .clutter = {0.0f, 2.0f},
    .clutter_strength = 0.6f,
    .neighbours = 0.4f,
};

enum {
    MAX_SIDE = 32,
    MAX_CHANNELS = 3,
    PIECES = 6 /* straight pieces between two points of a curve: below half a pixel of error */
};

typedef struct point {
    float x, y;
} point;

/* x' = a x + b y + c,  y' = d x + e y + f */
typedef struct affine {
    float a, b, c, d, e, f;
} affine;

/* What is being drawn: squared distance of each pixel's centre to the nearest stroke so far. */
typedef struct canvas {
    int side;
    float reach; /* further away than this a stroke leaves no ink */
    float distance2[MAX_SIDE * MAX_SIDE];
} canvas;

static const float far_away = 1e9f;

static float between(lb_random *r, lb_synth_range range)
{
    return range.low + (range.high - range.low) * lb_random_uniform(r);
}

static float around_zero(lb_random *r, float most)
{
    return most * (2.0f * lb_random_uniform(r) - 1.0f);
}

/* sin and cos of at most 90 degrees, by Taylor's series: the next term is below 4e-6. */
static void sine_cosine(float degrees, float *sine, float *cosine)
{
    const float t = degrees * 0.0174532925f, q = t * t;
    *sine = t * (1.0f - q / 6.0f * (1.0f - q / 20.0f * (1.0f - q / 42.0f * (1.0f - q / 72.0f))));
    *cosine = 1.0f - q / 2.0f * (1.0f - q / 12.0f * (1.0f - q / 30.0f * (1.0f - q / 56.0f)));
}

static void canvas_clear(canvas *c, int side, float reach)
{
    c->side = side;
    c->reach = reach;
    for (int i = 0; i < side * side; i++) c->distance2[i] = far_away;
}

static int clamp_int(float v, int low, int high)
{
    if (v < (float)low) return low;
    return v > (float)high ? high : (int)v;
}

/* Bring in the distance to the line from p to q, where it can matter. */
static void draw_line(canvas *c, point p, point q)
{
    const int last = c->side - 1;
    const int x0 = clamp_int(fminf(p.x, q.x) - c->reach, 0, last);
    const int x1 = clamp_int(fmaxf(p.x, q.x) + c->reach, -1, last);
    const int y0 = clamp_int(fminf(p.y, q.y) - c->reach, 0, last);
    const int y1 = clamp_int(fmaxf(p.y, q.y) + c->reach, -1, last);
    const float dx = q.x - p.x, dy = q.y - p.y, length2 = dx * dx + dy * dy;
    const float scale = length2 > 0.0f ? 1.0f / length2 : 0.0f;
    for (int y = y0; y <= y1; y++) {
        for (int x = x0; x <= x1; x++) {
            const float px = (float)x - p.x, py = (float)y - p.y;
            float t = (px * dx + py * dy) * scale;
            t = t < 0.0f ? 0.0f : t;
            t = t > 1.0f ? 1.0f : t;
            const float ex = px - t * dx, ey = py - t * dy, d2 = ex * ex + ey * ey;
            float *best = &c->distance2[y * c->side + x];
            if (d2 < *best) *best = d2;
        }
    }
}

/* Catmull-Rom: the curve from b to c that leaves along c - a and arrives along d - b; t in [0, 1]. */
static float catmull_rom(float a, float b, float c, float d, float t)
{
    const float linear = c - a;
    const float square = 2.0f * a - 5.0f * b + 4.0f * c - d;
    const float cubic = 3.0f * (b - c) + d - a;
    return b + 0.5f * t * (linear + t * (square + t * cubic));
}

static void draw_curve(canvas *on, const point *p, int n)
{
    for (int i = 0; i + 1 < n; i++) {
        const point a = p[i > 0 ? i - 1 : 0], b = p[i], c = p[i + 1],
                    d = p[i + 2 < n ? i + 2 : n - 1];
        point from = b;
        for (int k = 1; k <= PIECES; k++) {
            const float t = (float)k / (float)PIECES;
            const point to = {catmull_rom(a.x, b.x, c.x, d.x, t),
                              catmull_rom(a.y, b.y, c.y, d.y, t)};
            draw_line(on, from, to);
            from = to;
        }
    }
}

static void draw_glyph(canvas *on, const lb_glyph *glyph, affine m, float wobble, lb_random *r)
{
    /* Ends of strokes that meet move together: one wobble for each place in the box. */
    point last_moved = {0.0f, 0.0f};
    lb_glyph_point last = {-1, -1};
    for (int s = 0; s < glyph->n_strokes; s++) {
        const lb_glyph_stroke *stroke = &glyph->strokes[s];
        point points[LB_GLYPH_MAX_POINTS];
        for (int i = 0; i < stroke->n_points; i++) {
            const lb_glyph_point g = stroke->points[i];
            point moved = {(float)g.x + around_zero(r, wobble),
                           (float)g.y + around_zero(r, wobble)};
            if (g.x == last.x && g.y == last.y) moved = last_moved;
            last = g;
            last_moved = moved;
            const float x = moved.x * 0.01f - 0.5f, y = moved.y * 0.01f - 0.5f;
            points[i] = (point){m.a * x + m.b * y + m.c, m.d * x + m.e * y + m.f};
        }
        draw_curve(on, points, stroke->n_points);
    }
}

/* From the glyph's box, centred on 0, to pixels. */
static affine place(const lb_synth_difficulty *d, float shift_x, lb_random *r)
{
    float sine, cosine;
    const float height = between(r, d->height) * 1.19f; /* glyphs fill 84 % of their box */
    const float width = height * between(r, d->aspect);
    const float shear = around_zero(r, d->shear);
    sine_cosine(around_zero(r, d->rotation), &sine, &cosine);
    const float centre = 0.5f * (float)(d->side - 1);
    const float cx = centre + shift_x + around_zero(r, d->translation);
    const float cy = centre + around_zero(r, d->translation);
    /* rotation * shear * scale */
    return (affine){cosine * width, (sine - cosine * shear) * height, cx,
                    -sine * width,  (cosine + sine * shear) * height, cy};
}

static const lb_glyph *pick_style(size_t digit, lb_random *r)
{
    size_t n = 0;
    while (n < LB_GLYPH_MAX_STYLES && lb_glyphs[digit][n].n_strokes > 0) n++;
    return &lb_glyphs[digit][lb_random_below(r, n)];
}

/* Add ink where the canvas has some: paper <- paper + coverage * (ink - paper). */
static void ink(const canvas *c, float thickness, float softness, const float *colour, int channels,
                float *image)
{
    const int pixels = c->side * c->side;
    for (int i = 0; i < pixels; i++) {
        if (c->distance2[i] >= c->reach * c->reach) continue;
        float t = (0.5f * thickness - sqrtf(c->distance2[i])) / softness + 0.5f;
        if (t <= 0.0f) continue;
        t = t > 1.0f ? 1.0f : t;
        const float coverage = t * t * (3.0f - 2.0f * t);
        for (int k = 0; k < channels; k++) {
            float *pixel = &image[k * pixels + i];
            *pixel += coverage * (colour[k] - *pixel);
        }
    }
}

/* Background level of each channel, sloping; and the ink's level away from it. */
static void choose_colours(const lb_synth_difficulty *d, lb_random *r, float *paper, float *colour)
{
    const float contrast = between(r, d->contrast);
    for (int k = 0; k < d->channels; k++) paper[k] = between(r, d->paper);
    if (d->channels == 1) {
        colour[0] = paper[0] + contrast;
        return;
    }
    /* Lighter or darker ink, whichever there is room for, unequally in the channels. */
    const float middle = (paper[0] + paper[1] + paper[2]) / 3.0f;
    const float side =
        middle > 170.0f || (middle > 85.0f && lb_random_below(r, 2) == 1) ? -1.0f : 1.0f;
    for (int k = 0; k < d->channels; k++) {
        colour[k] = paper[k] + side * contrast * (0.5f + lb_random_uniform(r));
    }
}

static void lay_paper(const lb_synth_difficulty *d, lb_random *r, const float *paper, float *image)
{
    const float gx = around_zero(r, d->gradient) / (float)d->side;
    const float gy = around_zero(r, d->gradient) / (float)d->side;
    const float half = 0.5f * (float)d->side;
    for (int k = 0; k < d->channels; k++) {
        for (int y = 0; y < d->side; y++) {
            for (int x = 0; x < d->side; x++) {
                *image++ = paper[k] + gx * ((float)x - half) + gy * ((float)y - half);
            }
        }
    }
}

/* Stray strokes: short lines that mean nothing. */
static void draw_clutter(const lb_synth_difficulty *d, lb_random *r, const float *paper,
                         const float *colour, float *image)
{
    const int n = (int)(between(r, d->clutter) + 0.5f);
    for (int i = 0; i < n; i++) {
        const float thickness = between(r, d->thickness), softness = between(r, d->softness);
        const float strength = d->clutter_strength * lb_random_uniform(r);
        const float side = (float)d->side;
        const point p = {side * lb_random_uniform(r), side * lb_random_uniform(r)};
        const point q = {p.x + around_zero(r, 0.3f * side), p.y + around_zero(r, 0.3f * side)};
        float shade[MAX_CHANNELS];
        for (int k = 0; k < d->channels; k++)
            shade[k] = paper[k] + strength * (colour[k] - paper[k]);
        canvas c;
        canvas_clear(&c, d->side, 0.5f * (thickness + softness));
        draw_line(&c, p, q);
        ink(&c, thickness, softness, shade, d->channels, image);
    }
}

static void draw_digit(const lb_synth_difficulty *d, lb_random *r, size_t digit, float shift_x,
                       const float *colour, float *image)
{
    const lb_glyph *glyph = pick_style(digit, r);
    const affine m = place(d, shift_x, r);
    const float thickness = between(r, d->thickness), softness = between(r, d->softness);
    canvas c;
    canvas_clear(&c, d->side, 0.5f * (thickness + softness));
    draw_glyph(&c, glyph, m, d->wobble, r);
    ink(&c, thickness, softness, colour, d->channels, image);
}

/* Noise, rounding and clipping. The sum of four uniform bytes is nearly normal: mean 510, and standard
 * deviation sqrt(4 * (256^2 - 1) / 12) = 147.8. */
static void develop(const lb_synth_difficulty *d, lb_random *r, const float *image, uint8_t *out)
{
    const float scale = between(r, d->noise) / 147.8f;
    const int values = d->channels * d->side * d->side; /* even, as the sides are */
    for (int i = 0; i < values; i += 2) {
        const uint64_t bits = lb_random_bits(r);
        for (int h = 0; h < 2; h++) {
            const uint32_t four = (uint32_t)(bits >> (32 * h));
            const uint32_t sum =
                (four & 255) + (four >> 8 & 255) + (four >> 16 & 255) + (four >> 24);
            const float v = image[i + h] + scale * ((float)sum - 510.0f);
            out[i + h] = (uint8_t)(v <= 0.0f ? 0.0f : v >= 255.0f ? 255.0f : v + 0.5f);
        }
    }
}

uint16_t lb_synth_draw(const lb_synth_difficulty *d, lb_split split, size_t index, uint8_t *out)
{
    lb_random r = lb_random_at(d->seed, LB_RANDOM_SYNTH, (uint64_t)split, index);
    const size_t digit = index % 10; /* every class equally often */
    float image[MAX_CHANNELS * MAX_SIDE * MAX_SIDE], paper[MAX_CHANNELS] = {0},
                                                     colour[MAX_CHANNELS] = {0};
    choose_colours(d, &r, paper, colour);
    lay_paper(d, &r, paper, image);
    draw_clutter(d, &r, paper, colour, image);
    for (int side = -1; side <= 1; side += 2) {
        if (!(lb_random_uniform(&r) < d->neighbours)) continue;
        const size_t other = (size_t)lb_random_below(&r, 10);
        draw_digit(d, &r, other, (float)side * 0.75f * (float)d->side, colour, image);
    }
    draw_digit(d, &r, digit, 0.0f, colour, image);
    develop(d, &r, image, out);
    return (uint16_t)digit;
}

/* The test split has a fifth as many images. */
static lb_status read_synth(const lb_synth_difficulty *d, const lb_data_source *source,
                            lb_dataset *out)
{
    const size_t count =
        source->split == LB_SPLIT_TRAIN ? source->training_count : source->training_count / 5;
    const lb_image_shape shape = {(size_t)d->channels, (size_t)d->side, (size_t)d->side};
    const size_t bytes = shape.channels * shape.height * shape.width;
    LB_TRY(lb_dataset_allocate(out, "synthetic digits", count, shape));
#pragma omp parallel for schedule(static)
    for (size_t i = 0; i < count; i++) {
        out->labels[i] = lb_synth_draw(d, source->split, i, out->images + i * bytes);
    }
    return LB_OK;
}

static lb_status read_digits(const lb_data_source *source, lb_dataset *out)
{
    return read_synth(&lb_synth_digits, source, out);
}

static lb_status read_color(const lb_data_source *source, lb_dataset *out)
{
    return read_synth(&lb_synth_color, source, out);
}

const lb_data_format lb_format_synth_digits = {NULL, read_digits};
const lb_data_format lb_format_synth_color = {NULL, read_color};
