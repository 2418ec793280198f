/* Histograms of a run's weights, float masters and what they are quantized to, a panel a layer (the thesis's
 * figure 4.6): the first layer that is quantized, one of the middle, the last one. */
#include "lab/plot.h"

#include <math.h>

enum { PANELS = 3, PANEL_HEIGHT = 150 };

/* Are the weights of this layer quantized: does the histogram of codes differ from that of masters? */
static bool quantized(const lb_histogram_record *h)
{
    for (size_t i = 0; i < LB_HISTOGRAM_BINS; i++) {
        if (fabs(h->masters[i] - h->quantized[i]) > 1e-9) return true;
    }
    return false;
}

static size_t choose(const lb_histogram_record *histograms, size_t n,
                     const lb_histogram_record *chosen[PANELS])
{
    size_t first = n, last = 0, count = 0;
    for (size_t i = 0; i < n; i++) {
        if (!quantized(&histograms[i]) || !(histograms[i].high > histograms[i].low)) continue;
        if (first == n) first = i;
        last = i;
    }
    if (first == n) return 0;
    chosen[count++] = &histograms[first];
    const size_t middle = (first + last) / 2;
    if (middle != first && quantized(&histograms[middle])) chosen[count++] = &histograms[middle];
    if (last != first) chosen[count++] = &histograms[last];
    return count;
}

static void write_panel(FILE *script, const lb_histogram_record *h, size_t index)
{
    (void)fprintf(script, "$d%zu << EOD\n", index);
    const double width = (h->high - h->low) / LB_HISTOGRAM_BINS;
    for (size_t i = 0; i < LB_HISTOGRAM_BINS; i++) {
        (void)fprintf(script, "%.6g %.5g ", h->low + ((double)i + 0.5) * width,
                      100.0 * h->masters[i]);
        /* bins that no code falls into are left out rather than drawn as lines of no height */
        if (h->quantized[i] > 0.0) {
            (void)fprintf(script, "%.5g\n", 100.0 * h->quantized[i]);
        } else {
            (void)fputs("nan\n", script);
        }
    }
    (void)fputs("EOD\n", script);
}

lb_status lb_plot_weights(lb_pictures *pictures, const lb_histogram_record *histograms, size_t n,
                          const char *run_name, const char *prefix, const char *what)
{
    const lb_histogram_record *chosen[PANELS] = {NULL};
    const size_t count = choose(histograms, n, chosen);
    if (count == 0) return LB_OK;
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    for (size_t i = 0; i < count; i++) write_panel(script, chosen[i], i);
    (void)fprintf(script,
                  "set multiplot layout %zu,1\nset border 1 lc rgb '#808080'\nset tics nomirror "
                  "textcolor rgb '#000000'\n"
                  "set xtics font ',11'\nunset ytics\nset y2range [0:*]\nset yrange [0:*]\nset "
                  "style fill solid 0.45 noborder\n"
                  "set tmargin 1.6\nset bmargin 2\nset lmargin 2\nset rmargin 2\nset key at "
                  "screen 0.98,0.985 right top horizontal maxrows 1 samplen 1.5\n",
                  count);
    for (size_t i = 0; i < count; i++) {
        (void)fputs("set title ", script);
        lb_plot_quote(script, chosen[i]->layer);
        (void)fprintf(script,
                      " offset 0,-0.5\nset xrange [%.6g:%.6g]\n"
                      "plot $d%zu using 1:2 with fillsteps lc rgb '#56b4e9' %s, $d%zu using 1:3 "
                      "axes x1y2 with impulses lw 3 lc rgb '#d55e00' %s\nunset key\n",
                      chosen[i]->low, chosen[i]->high, i, i == 0 ? "title 'float'" : "notitle", i,
                      i == 0 ? "title 'quantized'" : "notitle");
    }
    (void)fputs("unset multiplot", script);
    char caption[2 * LB_VALUE_BYTES], alt[3 * LB_VALUE_BYTES];
    (void)snprintf(caption, sizeof caption, "Weights of %s, each in its own scale", run_name);
    (void)snprintf(alt, sizeof alt,
                   "Histograms of float weights and of quantized weights of %zu layers of %s.",
                   count, run_name);
    return lb_picture_end(pictures, prefix, what, caption, alt, 30 + PANEL_HEIGHT * (int)count);
}
