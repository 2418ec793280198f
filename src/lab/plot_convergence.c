/* Accuracy over epochs, and the mean of all epochs so far, which shows how fast a method learns without the
 * swings of single epochs (the thesis's figures 4.1 to 4.4). */
#include "lab/plot.h"

#include <math.h>
#include <string.h>

enum { MAX_POINTS = 150 }; /* a curve; more are not to be told apart at this size */

typedef struct curve {
    const lb_run_record *run;
    const char *series;
    lb_epoch_record *epochs;
    size_t n;
} curve;

static bool chosen(const curve *curves, size_t n, const char *series, const lb_run_record *run)
{
    for (size_t i = 0; i < n; i++) {
        const lb_run_record *c = curves[i].run;
        const bool same = strcmp(curves[i].series, series) == 0;
        if (c == run || (same && c->w_bits == run->w_bits && c->a_bits == run->a_bits)) return true;
    }
    return false;
}

/* The best run with epochs that is not chosen yet; of one series, or of all (SIZE_MAX). */
static const lb_report_entry *next_best(const lb_selection *s, size_t series, const curve *curves,
                                        size_t n)
{
    const lb_report_entry *best = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const lb_report_entry *e = &s->entries[i];
        if (e->run->record->epochs < 2 || (series != SIZE_MAX && e->series != series)) continue;
        if (best != NULL && e->run->record->best_top1 <= best->run->record->best_top1) continue;
        if (!chosen(curves, n, s->series[e->series], e->run->record)) best = e;
    }
    return best;
}

/* The best run of every series, then the best of other widths, as long as there is room. */
static size_t choose(const lb_selection *s, curve curves[LB_CURVES_MAX])
{
    size_t n = 0;
    for (size_t k = 0; k <= s->n_series; k++) {
        const bool rest = k == s->n_series;
        do {
            const lb_report_entry *e =
                n < LB_CURVES_MAX ? next_best(s, rest ? SIZE_MAX : k, curves, n) : NULL;
            if (e == NULL) break;
            curves[n++] = (curve){.run = e->run->record, .series = s->series[e->series]};
        } while (rest);
    }
    return n;
}

static void write_data(FILE *script, const curve *curves, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        (void)fprintf(script, "$d%zu << EOD\n", i);
        const size_t step = curves[i].n / MAX_POINTS + 1;
        double sum = 0.0;
        for (size_t k = 0; k < curves[i].n; k++) {
            const lb_epoch_record *e = &curves[i].epochs[k];
            sum += e->val_top1;
            if (!isfinite(sum) || (k % step != 0 && k + 1 < curves[i].n)) continue;
            (void)fprintf(script, "%zu %.3f %.3f\n", e->epoch, e->val_top1, sum / (double)(k + 1));
        }
        (void)fputs("EOD\n", script);
    }
}

static lb_status plot_curves(lb_pictures *pictures, const curve *curves, size_t n,
                             const char *prefix, bool average)
{
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, "epoch", average ? "mean of top-1 % so far" : "top-1 %");
    write_data(script, curves, n);
    size_t longest = 0;
    for (size_t i = 0; i < n; i++) longest = curves[i].n > longest ? curves[i].n : longest;
    if (longest <= 10) (void)fputs("set xtics 1\n", script); /* there is no half epoch */
    for (size_t i = 0; i < n; i++) {
        const lb_run_record *r = curves[i].run;
        const size_t every =
            curves[i].n > 8 ? (curves[i].n < MAX_POINTS ? curves[i].n : MAX_POINTS) / 8 : 1;
        (void)fprintf(script, "%s $d%zu using 1:%d with linespoints lw 1.8 ps 0.6 pi %zu",
                      i == 0 ? "plot" : ",", i, average ? 3 : 2, every);
        lb_plot_style(script, i);
        char name[2 * LB_VALUE_BYTES];
        (void)snprintf(name, sizeof name, "%s W%dA%d", curves[i].series, r->w_bits, r->a_bits);
        (void)fputs(" title ", script);
        lb_plot_quote(script, name);
    }
    const int height = LB_PICTURE_HEIGHT + 16 * (int)(n / 2);
    return lb_picture_end(
        pictures, prefix, average ? "convergence-average" : "convergence",
        average ? "Running average: mean over all epochs so far" : "Accuracy after every epoch",
        average ? "Curves of the running average of top-1 accuracy over epochs, one for each run."
                : "Curves of top-1 accuracy over epochs, one for each run.",
        height);
}

lb_status lb_plot_convergence(lb_pictures *pictures, const lb_report_input *input,
                              const lb_selection *selection, const char *prefix)
{
    curve curves[LB_CURVES_MAX] = {{.run = NULL}};
    const size_t n = choose(selection, curves);
    lb_status status = LB_OK;
    for (size_t i = 0; i < n && status == LB_OK; i++)
        status = input->epochs(input->user, curves[i].run->id, &curves[i].epochs, &curves[i].n);
    size_t kept = 0; /* runs whose epochs are there */
    for (size_t i = 0; i < n; i++) {
        const curve c = curves[i];
        curves[i] = (curve){.run = NULL};
        if (c.n >= 2) {
            curves[kept++] = c;
        } else {
            lb_records_free(c.epochs);
        }
    }
    if (status == LB_OK && kept > 0) status = plot_curves(pictures, curves, kept, prefix, false);
    if (status == LB_OK && kept > 0) status = plot_curves(pictures, curves, kept, prefix, true);
    for (size_t i = 0; i < kept; i++) lb_records_free(curves[i].epochs);
    return status;
}
