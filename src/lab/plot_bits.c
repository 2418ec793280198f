/* Accuracy against bits, a curve a series (RedBit, figure 3); and over weight x activation bits (figure 4). */
#include "lab/plot.h"

#include <math.h>
#include <string.h>

enum { BARS_MIN_CELLS = 6, BARS_HEIGHT = 400 };

/* ---- curves ---------------------------------------------------------------------------------- */

typedef enum sweep { SWEEP_BOTH, SWEEP_WEIGHTS, SWEEP_ACTS } sweep;

static const lb_run_record *at_bits(const lb_selection *s, size_t series, sweep what, int bits,
                                    int fixed)
{
    if (what == SWEEP_BOTH) return lb_selection_best(s, series, bits, bits);
    return what == SWEEP_WEIGHTS ? lb_selection_best(s, series, bits, fixed)
                                 : lb_selection_best(s, series, fixed, bits);
}

/* Points of a series' curve. */
static size_t count_points(const lb_selection *s, size_t series, sweep what, const int *bits,
                           size_t n, int fixed)
{
    size_t points = 0;
    for (size_t i = 0; i < n; i++) points += at_bits(s, series, what, bits[i], fixed) != NULL;
    return points;
}

/* Points of all curves, single ones left out. */
static size_t count_all(const lb_selection *s, sweep what, const int *bits, size_t n, int fixed)
{
    size_t points = 0;
    for (size_t k = 0; k < s->n_series; k++) {
        const size_t of_series = count_points(s, k, what, bits, n, fixed);
        if (of_series > 1) points += of_series;
    }
    return points;
}

static void write_tics(FILE *script, const char *axis, const int *bits, size_t n, bool falling)
{
    (void)fprintf(script, "set %stics (", axis);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(script, "%s'%d' %zu", i > 0 ? "," : "", bits[i], falling ? n - 1 - i : i);
    (void)fputs(")\n", script);
}

static void write_curves(FILE *script, const lb_selection *s, sweep what, const int *bits, size_t n,
                         int fixed)
{
    size_t n_curves = 0;
    for (size_t k = 0; k < s->n_series; k++) {
        if (count_points(s, k, what, bits, n, fixed) < 2) continue;
        (void)fprintf(script, "$d%zu << EOD\n", k);
        for (size_t i = 0; i < n; i++) {
            const lb_run_record *r = at_bits(s, k, what, bits[i], fixed);
            if (r != NULL) (void)fprintf(script, "%zu %.4f\n", i, r->best_top1);
        }
        (void)fputs("EOD\n", script);
    }
    for (size_t k = 0; k < s->n_series; k++) {
        if (count_points(s, k, what, bits, n, fixed) < 2) continue;
        (void)fprintf(script, "%s $d%zu using 1:2 with linespoints lw 2 ps 0.6",
                      n_curves++ == 0 ? "plot" : ",", k);
        lb_plot_style(script, k);
        (void)fputs(" title ", script);
        lb_plot_quote(script, s->series[k]);
    }
}

static lb_status plot_sweep(lb_pictures *pictures, const lb_selection *s, const char *prefix,
                            sweep what, int fixed)
{
    int bits[LB_BITS_MAX];
    const size_t n = lb_selection_bits(s, what != SWEEP_ACTS, bits);
    if (count_all(s, what, bits, n, fixed) == 0) return LB_OK;
    static const char *const names[] = {"bits-both", "bits-weights", "bits-activations"};
    static const char *const axes[] = {"bits of weights and activations", "bits of weights",
                                       "bits of activations"};
    char caption[LB_VALUE_BYTES], alt[2 * LB_VALUE_BYTES];
    if (what == SWEEP_BOTH) {
        (void)snprintf(caption, sizeof caption, "Weights and activations of the same width");
    } else {
        (void)snprintf(caption, sizeof caption, "%s, %s of %d bit%s",
                       what == SWEEP_WEIGHTS ? "Width of weights" : "Width of activations",
                       what == SWEEP_WEIGHTS ? "activations" : "weights", fixed,
                       fixed == 32  ? "s (float)"
                       : fixed == 1 ? ""
                                    : "s");
    }
    (void)snprintf(alt, sizeof alt, "Curves of top-1 accuracy over %s, one for each method.",
                   axes[what]);
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, axes[what], "top-1 %");
    write_tics(script, "x", bits, n, false);
    write_curves(script, s, what, bits, n, fixed);
    return lb_picture_end(pictures, prefix, names[what], caption, alt, LB_PICTURE_HEIGHT);
}

/* The width to hold fixed: the one that RedBit holds, float activations or 1-bit weights, unless another one has
 * more than twice the points; 0: none has a curve. */
static int best_fixed(const lb_selection *s, sweep what)
{
    int bits[LB_BITS_MAX], fixed[LB_BITS_MAX], best = 0;
    const size_t n = lb_selection_bits(s, what != SWEEP_ACTS, bits);
    const size_t n_fixed = lb_selection_bits(s, what == SWEEP_ACTS, fixed);
    size_t most = 0;
    for (size_t i = 0; i < n_fixed; i++) {
        const bool usual = fixed[i] == (what == SWEEP_WEIGHTS ? 32 : 1);
        const size_t points = count_all(s, what, bits, n, fixed[i]) * (usual ? 2 : 1);
        if (points == 0 || points < most || (points == most && !usual)) continue;
        most = points;
        best = fixed[i];
    }
    return best;
}

lb_status lb_plot_bits(lb_pictures *pictures, const lb_selection *selection, const char *prefix)
{
    LB_TRY(plot_sweep(pictures, selection, prefix, SWEEP_BOTH, 0));
    for (int what = SWEEP_WEIGHTS; what <= SWEEP_ACTS; what++) {
        const int fixed = best_fixed(selection, (sweep)what);
        if (fixed != 0) LB_TRY(plot_sweep(pictures, selection, prefix, (sweep)what, fixed));
    }
    return LB_OK;
}

/* ---- bars ------------------------------------------------------------------------------------ */

/* One series' accuracies over the plane of widths. */
typedef struct plane {
    int w[LB_BITS_MAX], a[LB_BITS_MAX];
    size_t n_w, n_a, n;
    double low, high; /* of the accuracies */
} plane;

static plane find_plane(const lb_selection *s, size_t series)
{
    plane p = {.low = 100.0};
    for (int bits = 1; bits <= LB_BITS_MAX; bits++) {
        if (lb_selection_best(s, series, bits, 0) != NULL) p.w[p.n_w++] = bits;
        if (lb_selection_best(s, series, 0, bits) != NULL) p.a[p.n_a++] = bits;
    }
    for (size_t i = 0; i < p.n_w; i++) {
        for (size_t k = 0; k < p.n_a; k++) {
            const lb_run_record *r = lb_selection_best(s, series, p.w[i], p.a[k]);
            if (r == NULL) continue;
            p.n++;
            p.low = fmin(p.low, r->best_top1);
            p.high = fmax(p.high, r->best_top1);
        }
    }
    return p;
}

/* Positions are counted from the widest, so that low bars, of few bits, stand in front. */
static void write_plane(FILE *script, const lb_selection *s, size_t series, const plane *p)
{
    (void)fputs("$d << EOD\n", script);
    for (size_t i = 0; i < p->n_w; i++) {
        for (size_t k = 0; k < p->n_a; k++) {
            const lb_run_record *r = lb_selection_best(s, series, p->w[i], p->a[k]);
            if (r != NULL) {
                (void)fprintf(script, "%zu %zu %.4f\n", p->n_w - 1 - i, p->n_a - 1 - k,
                              r->best_top1);
            }
        }
    }
    /* Cividis, which reads the same to colour-blind people and in grey */
    (void)fputs("EOD\nset palette defined (0 '#00306f', 0.25 '#414d6b', 0.5 '#7c7b78', 0.75 "
                "'#bcaf6f', 1 '#ffea46')\nset border lc rgb '#808080'\nunset key\n",
                script);
    write_tics(script, "x", p->w, p->n_w, true);
    write_tics(script, "y", p->a, p->n_a, true);
    const double below = 5.0 * floor((p->low - 0.2 * (p->high - p->low)) / 5.0);
    const double floor_of = fmin(fmax(0.0, below), 95.0); /* an axis up to 100 has a length */
    (void)fprintf(script,
                  "set xrange [-0.6:%zu.6]\nset yrange [-0.6:%zu.6]\nset zrange [%g:100]\n"
                  "set cbrange [%g:%g]\nset xyplane at %g\nset xlabel 'bits of weights'\n",
                  p->n_w - 1, p->n_a - 1, floor_of, p->low, fmax(p->high, p->low + 0.01), floor_of);
}

static void write_bars(FILE *script)
{
    (void)fputs("set ylabel 'bits of activations'\nset zlabel 'top-1 %' rotate\n"
                "set boxwidth 0.72 absolute\nset boxdepth 0.72\nset pm3d depthorder base\n"
                "set pm3d border lc rgb '#404040' lw 0.4\nset pm3d lighting primary 0.5\n"
                "set style fill solid\nset view 52,130\nset grid z lc rgb '#c0c0c0'\n"
                "splot $d using 1:2:3:3 with boxes fc palette z",
                script);
}

/* Figures are light on the dark half of the colours and dark on the other, whatever the page. */
static void write_heat(FILE *script, double middle)
{
    (void)fprintf(script,
                  "middle = %.4f\nset ylabel 'bits of activations'\nset tics nomirror scale 0\n"
                  "set border 0\nset style fill solid\n"
                  "plot $d using 1:2:($1-0.48):($1+0.48):($2-0.48):($2+0.48):3 with boxxyerror "
                  "fc palette lw 0, "
                  "$d using 1:2:($3<middle?sprintf('%%.1f',$3):'') with labels font ',11' "
                  "tc rgb '#fefefe', "
                  "$d using 1:2:($3<middle?'':sprintf('%%.1f',$3)) with labels font ',11' "
                  "tc rgb '#010101'",
                  middle);
}

static lb_status plot_plane(lb_pictures *pictures, const lb_selection *s, size_t series,
                            const char *prefix, bool heat)
{
    const plane p = find_plane(s, series);
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    write_plane(script, s, series, &p);
    if (heat) {
        write_heat(script, (p.low + p.high) / 2.0);
    } else {
        write_bars(script);
    }
    char what[LB_VALUE_BYTES], caption[2 * LB_VALUE_BYTES], alt[3 * LB_VALUE_BYTES];
    (void)snprintf(what, sizeof what, "%s-%zu", heat ? "heat" : "bars", series + 1);
    (void)snprintf(caption, sizeof caption, "%s, %s", s->series[series],
                   heat ? "the same as a map" : "top-1 over bits of weights and activations");
    (void)snprintf(alt, sizeof alt,
                   "%s of top-1 accuracy of %s over bits of weights and of activations, from %.2f "
                   "to %.2f percent.",
                   heat ? "Heat map" : "Three-dimensional bars", s->series[series], p.low, p.high);
    return lb_picture_end(pictures, prefix, what, caption, alt, BARS_HEIGHT);
}

lb_status lb_plot_bars(lb_pictures *pictures, const lb_selection *selection, const char *prefix)
{
    for (size_t k = 0; k < selection->n_series; k++) {
        const plane p = find_plane(selection, k);
        if (p.n < BARS_MIN_CELLS || p.n_w < 2 || p.n_a < 2) continue;
        LB_TRY(plot_plane(pictures, selection, k, prefix, false));
        LB_TRY(plot_plane(pictures, selection, k, prefix, true));
    }
    return LB_OK;
}
