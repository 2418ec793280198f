/* Training by random partitions (RPR, figure 2), a picture a run: accuracy of the mixture of frozen and relaxed
 * weights, on training images and held-back ones, and of the network with all weights quantized; the share of frozen
 * weights as steps on a second axis; the learning rate of the same epochs below. */
#include <math.h>
#include <string.h>

#include "lab/plot.h"
#include "quant/method.h"

enum { MAX_POINTS = 150, HEIGHT = 480 };

/* The run of the selection that is best after `before` (NULL: of all) among those whose weights are relaxed. */
static const lb_report_entry *next_best(const lb_selection *s, const lb_report_entry *before)
{
    const lb_report_entry *best = NULL;
    for (size_t i = 0; i < s->n; i++) {
        const lb_report_entry *e = &s->entries[i];
        const lb_run_record *r = e->run->record;
        const lb_weight_quantizer *q = lb_weight_quantizer_find(r->weights);
        if (q == NULL || !q->relaxes || r->epochs < 2) continue;
        const bool follows = before == NULL || r->best_top1 < before->run->record->best_top1 ||
                             (r->best_top1 == before->run->record->best_top1 && e > before);
        if (follows && (best == NULL || r->best_top1 > best->run->record->best_top1)) best = e;
    }
    return best;
}

static bool is_mixed(const lb_epoch_record *e)
{
    return isfinite(e->frozen) && isfinite(e->mixed_top1) && isfinite(e->val_top1) &&
           isfinite(e->train_top1) && isfinite(e->lr);
}

/* Epochs with the accuracies after them; the last one is always among them. */
static void write_accuracies(FILE *script, const lb_epoch_record *epochs, size_t n)
{
    const size_t step = n / MAX_POINTS + 1;
    (void)fputs("$accuracy << EOD\n", script);
    for (size_t i = 0; i < n; i++) {
        const lb_epoch_record *e = &epochs[i];
        if (!is_mixed(e) || (i % step != 0 && i + 1 < n)) continue;
        (void)fprintf(script, "%zu %.3f %.3f %.3f\n", e->epoch, e->train_top1, e->mixed_top1,
                      e->val_top1);
    }
    (void)fputs("EOD\n", script);
}

/* Where the share or the learning rate changes, half an epoch before, and the end. */
static void write_schedule(FILE *script, const lb_epoch_record *epochs, size_t n, double least)
{
    const lb_epoch_record *last = NULL;
    (void)fputs("$schedule << EOD\n", script);
    for (size_t i = 0; i < n; i++) {
        const lb_epoch_record *e = &epochs[i];
        if (!is_mixed(e)) continue;
        if (last == NULL || e->frozen != last->frozen || e->lr != last->lr || i + 1 == n)
            (void)fprintf(script, "%.1f %.6g %.6g\n", (double)e->epoch - 0.5, 100.0 * e->frozen,
                          fmax(e->lr, least));
        last = e;
    }
    (void)fprintf(script, "%.1f %.6g %.6g\nEOD\n", (double)last->epoch + 0.5, 100.0 * last->frozen,
                  fmax(last->lr, least));
}

/* The decades of the learning rates, so that the axis has marks; a rate of 0 stands at the lower end. */
static void find_decades(const lb_epoch_record *epochs, size_t n, double *low, double *high)
{
    double least = INFINITY, most = 0.0;
    for (size_t i = 0; i < n; i++) {
        if (!is_mixed(&epochs[i]) || !(epochs[i].lr > 0.0)) continue;
        least = fmin(least, epochs[i].lr);
        most = fmax(most, epochs[i].lr);
    }
    if (!(most > 0.0)) least = most = 1e-3;
    *low = 0.7 * pow(10.0, floor(log10(least)));
    *high = 1.4 * pow(10.0, ceil(log10(most)));
}

static void plot_accuracies(FILE *script)
{
    (void)fputs("set multiplot\nset key at screen 0.5,0.01 center bottom vertical maxrows 2\n"
                "set lmargin at screen 0.17\nset rmargin at screen 0.84\n"
                "set tmargin at screen 0.97\nset bmargin at screen 0.47\n"
                "set xlabel ''\nset format x ''\nset y2range [0:104]\n"
                "set y2tics 0,25,100 nomirror\nset border 11 lc rgb '#808080'\n"
                "set y2label 'frozen %' offset -1,0\n"
                "plot $schedule using 1:2 axes x1y2 with steps lw 1.5 lc rgb '#808080' dt 2 title "
                "'frozen weights', $accuracy using 1:2 with lines lw 1.2 lc rgb '#009e73' dt 3 "
                "title 'training images', $accuracy using 1:3 with lines lw 2",
                script);
    lb_plot_style(script, 0);
    (void)fputs(" title 'mixture', $accuracy using 1:4 with lines lw 2", script);
    lb_plot_style(script, 1);
    (void)fputs(" title 'quantized'\n", script);
}

static void plot_rates(FILE *script, double low, double high)
{
    (void)fprintf(script,
                  "set tmargin at screen 0.42\nset bmargin at screen 0.24\nunset key\n"
                  "unset y2tics\nunset y2label\nset border 3\nset offsets 0, 0, 0, 0\n"
                  "set xlabel 'epoch'\nset format x '%%g'\nset logscale y\nset format y '%%.0e'\n"
                  "set yrange [%.6g:%.6g]\nset ylabel 'learning rate'\n"
                  "plot $schedule using 1:3 with steps lw 2",
                  low, high);
    lb_plot_style(script, 3);
    (void)fputs(" notitle\nunset multiplot", script);
}

static lb_status plot_run(lb_pictures *pictures, const lb_run_record *run, const char *series,
                          const lb_epoch_record *epochs, size_t n, const char *prefix)
{
    size_t last = 0;
    for (size_t i = 0; i < n; i++) last = is_mixed(&epochs[i]) ? i + 1 : last;
    if (last < 2) return LB_OK;
    FILE *script = NULL;
    double low = 0.0, high = 0.0;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, "epoch", "top-1 %");
    find_decades(epochs, last, &low, &high);
    write_accuracies(script, epochs, last);
    write_schedule(script, epochs, last, low);
    /* both panels have one axis: no room is added to the data's */
    (void)fprintf(script, "set xrange [0.5:%zu.5]\nset offsets 0, 0, 0, graph 0.02\n",
                  epochs[last - 1].epoch);
    if (epochs[last - 1].epoch <= 10) (void)fputs("set xtics 1\n", script);
    plot_accuracies(script);
    plot_rates(script, low, high);
    char what[32], caption[3 * LB_VALUE_BYTES], alt[4 * LB_VALUE_BYTES];
    (void)snprintf(what, sizeof what, "freezing-run%lld", (long long)run->id);
    (void)snprintf(caption, sizeof caption,
                   "%s W%dA%d, run %lld: the mixture in training, the quantized network, share of "
                   "frozen weights, learning rate",
                   series, run->w_bits, run->a_bits, (long long)run->id);
    (void)snprintf(
        alt, sizeof alt,
        "Curves of top-1 accuracy over epochs of the mixture and of the quantized network of %s "
        "W%dA%d, run %lld, with the share of frozen weights and the learning rate as steps.",
        series, run->w_bits, run->a_bits, (long long)run->id);
    return lb_picture_end(pictures, prefix, what, caption, alt, HEIGHT);
}

lb_status lb_plot_freezing(lb_pictures *pictures, const lb_report_input *input,
                           const lb_selection *selection, const char *prefix)
{
    const lb_report_entry *e = next_best(selection, NULL);
    for (size_t i = 0; e != NULL && i < LB_CURVES_MAX; i++) {
        lb_epoch_record *epochs = NULL;
        size_t n = 0;
        LB_TRY(input->epochs(input->user, e->run->record->id, &epochs, &n));
        const lb_status status =
            plot_run(pictures, e->run->record, selection->series[e->series], epochs, n, prefix);
        lb_records_free(epochs);
        LB_TRY(status);
        e = next_best(selection, e);
    }
    return LB_OK;
}
