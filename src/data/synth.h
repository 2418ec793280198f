/* Synthetic digits: drawn with strokes, each image a pure function of (split, index). */
#ifndef LB_DATA_SYNTH_H
#define LB_DATA_SYNTH_H

#include <stddef.h>
#include <stdint.h>

#include "lowbit/data.h"

/* A point of a glyph, in hundredths of its box; y points down. */
typedef struct lb_glyph_point {
    int8_t x, y;
} lb_glyph_point;

enum { LB_GLYPH_MAX_POINTS = 14, LB_GLYPH_MAX_STROKES = 4, LB_GLYPH_MAX_STYLES = 4 };

/* One stroke: a smooth curve through its points (Catmull-Rom); corners are ends of strokes. */
typedef struct lb_glyph_stroke {
    int8_t n_points;
    lb_glyph_point points[LB_GLYPH_MAX_POINTS];
} lb_glyph_stroke;

/* One way to write a digit. */
typedef struct lb_glyph {
    int8_t n_strokes;
    lb_glyph_stroke strokes[LB_GLYPH_MAX_STROKES];
} lb_glyph;

/* The ways to write each digit; n_strokes is 0 past the last one. */
extern const lb_glyph lb_glyphs[10][LB_GLYPH_MAX_STYLES];

/* A range that values are drawn from, uniformly. */
typedef struct lb_synth_range {
    float low, high;
} lb_synth_range;

/* How hard the images are. Lengths are in pixels, angles in degrees, intensities in [0, 255]. */
typedef struct lb_synth_difficulty {
    int side, channels;
    uint64_t seed;            /* one data set, one seed */
    float rotation;           /* in [-rotation, rotation] */
    float shear;              /* of x by y, in [-shear, shear] */
    lb_synth_range height;    /* of the digit's box, pixels */
    lb_synth_range aspect;    /* width of the box / its height */
    float translation;        /* in [-translation, translation], both ways */
    float wobble;             /* every point moves by up to this, hundredths of the box */
    lb_synth_range thickness; /* of the pen */
    lb_synth_range softness;  /* width of the edge from ink to paper */
    lb_synth_range paper;     /* intensity of the background */
    lb_synth_range contrast;  /* intensity of the ink above (in colour: away from) the background */
    float gradient;           /* the background changes by up to this from side to side */
    lb_synth_range noise;     /* standard deviation of each pixel */
    lb_synth_range clutter;   /* number of stray strokes */
    float clutter_strength;   /* their contrast relative to the digit's, at most */
    float neighbours;         /* probability of a cut-off digit at each side (colour only) */
} lb_synth_difficulty;

extern const lb_synth_difficulty lb_synth_digits, lb_synth_color;

/**
 * Draw one image; returns its label.
 *
 * Shapes: out uint8 (channels, side, side).
 */
uint16_t lb_synth_draw(const lb_synth_difficulty *difficulty, lb_split split, size_t index,
                       uint8_t *out);

#endif
