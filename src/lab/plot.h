/* Pictures: gnuplot scripts, the process that draws them, and the SVG that a page takes. */
#ifndef LB_LAB_PLOT_H
#define LB_LAB_PLOT_H

#include <stdio.h>

#include "lab/report_data.h"

enum { LB_PICTURE_WIDTH = 520, LB_PICTURE_HEIGHT = 360, LB_PLOT_COLORS = 7, LB_CURVES_MAX = 12 };

typedef struct lb_picture {
    const char *name; /* of its files, without ending */
    const char *caption, *alt;
    const char *script; /* data and plot command, without terminal and output */
    int height;         /* its width is LB_PICTURE_WIDTH                      */
    char *svg;          /* as a page takes it; NULL: not drawn                */
} lb_picture;

/* Pictures in the order in which they were added; begin with {0}. */
typedef struct lb_pictures {
    lb_picture *items;
    size_t n, room;
    lb_arena arena;
    FILE *file; /* the script of the picture begun */
    char *text;
    size_t bytes;
} lb_pictures;

/** Begin a picture: its script is to be written to *script. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_picture_begin(lb_pictures *pictures, FILE **script);
/** End the picture begun, with "PREFIX-WHAT" as its name; the texts are copied. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_picture_end(lb_pictures *pictures, const char *prefix, const char *what,
                                       const char *caption, const char *alt, int height);
void lb_pictures_release(lb_pictures *pictures);

/** Write a text as a quoted string that gnuplot takes as it stands. */
void lb_plot_quote(FILE *script, const char *text);
/** Write the colour of a curve. */
void lb_plot_color(FILE *script, size_t index);
/** Write colour, dashes and marker of a curve. */
void lb_plot_style(FILE *script, size_t index);
/** Write axes, grid and a legend below; `x` and `y`, of plain words, name the axes. */
void lb_plot_axes(FILE *script, const char *x, const char *y);

/**
 * Draw all pictures into a folder: NAME.svg and, where wanted, NAME.png; and take the SVGs in.
 *
 * Errors: LB_E_UNSUPPORTED gnuplot is not installed; LB_E_IO it failed (its first complaint) or took too
 *         long; LB_E_NOMEM. What was drawn till then is there.
 */
LB_MUST_CHECK lb_status lb_pictures_draw(lb_pictures *pictures, const char *folder, bool png);

/**
 * Rewrite an SVG of gnuplot for a page: no head, no background, no definitions, colours as the page's
 * variables.
 *
 * Ownership: *out is yours, free().
 * Errors:    LB_E_FORMAT not what gnuplot writes; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_svg_inline(const char *svg, const char *alt, char **out);
/** The definitions (markers) that those SVGs share, as an SVG of no size. */
void lb_svg_definitions(FILE *file);

/* The pictures of a selection; those that there are no data for are left out. Errors: LB_E_NOMEM, and those
 * of the input's callbacks. */

/** Accuracy against bits: both alike, weights at a fixed activation width, activations at a fixed weight width. */
LB_MUST_CHECK lb_status lb_plot_bits(lb_pictures *pictures, const lb_selection *selection,
                                     const char *prefix);
/** 3-D bars over weight x activation bits and the same as a heat map, for every series. */
LB_MUST_CHECK lb_status lb_plot_bars(lb_pictures *pictures, const lb_selection *selection,
                                     const char *prefix);
/** Accuracy over epochs, and its running average. */
LB_MUST_CHECK lb_status lb_plot_convergence(lb_pictures *pictures, const lb_report_input *input,
                                            const lb_selection *selection, const char *prefix);
/** Of runs whose weights were frozen part by part, the best LB_CURVES_MAX at most, a picture each: accuracy of the
 *  mixture and of the quantized network, share of frozen weights, learning rate. */
LB_MUST_CHECK lb_status lb_plot_freezing(lb_pictures *pictures, const lb_report_input *input,
                                         const lb_selection *selection, const char *prefix);
/** Runs that no other run beats in both accuracy and size (or bit operations), cheapest first. Writes at most
 *  selection->n of them to `front`; returns how many. */
size_t lb_pareto_front(const lb_selection *selection, bool operations, const lb_run_record **front);
/** Accuracy against size and against bit operations, with the Pareto fronts. */
LB_MUST_CHECK lb_status lb_plot_costs(lb_pictures *pictures, const lb_selection *selection,
                                      const char *prefix);
/** Mixed-precision procedures of a section: accuracy against effective bits of weights, of activations, and against
 *  compression where there are two procedures. */
LB_MUST_CHECK lb_status lb_plot_procedures(lb_pictures *pictures, const lb_report_section *section);
/** Bits by layer of a procedure's result. */
LB_MUST_CHECK lb_status lb_plot_layer_bits(lb_pictures *pictures,
                                           const lb_report_procedure *procedure, const char *prefix,
                                           const char *what);
/** Histograms of up to three layers of a run. */
LB_MUST_CHECK lb_status lb_plot_weights(lb_pictures *pictures,
                                        const lb_histogram_record *histograms, size_t n,
                                        const char *run_name, const char *prefix, const char *what);

#endif
