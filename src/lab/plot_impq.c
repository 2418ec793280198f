/* Mixed-precision procedures from one start: accuracy against effective bits after every iteration (IMPQ, figure 3),
 * against compression, by granularity (figure 4), and the bits of each layer of a result (figure 5). Iterations that
 * were not kept are circles off the curves. */
#include "lab/plot.h"

#include <math.h>
#include <string.h>

enum { LAYERS_HEIGHT = 330, SMALL_TICS = 24 };

typedef enum against { AGAINST_WEIGHT_BITS, AGAINST_ACT_BITS, AGAINST_COMPRESSION } against;

static double value_of(const lb_impq_row *row, against what)
{
    if (what == AGAINST_COMPRESSION) return row->compression;
    return what == AGAINST_WEIGHT_BITS ? row->weight_bits : row->act_bits;
}

/* Is the row a point of the curve? A curve of activations begins where the phase of weights ends. */
static bool counts(const lb_report_procedure *p, size_t i, against what)
{
    const lb_impq_row *row = &p->state.rows[i];
    if (!isfinite(row->top1) || !isfinite(value_of(row, what))) return false;
    const bool of_acts = strcmp(row->phase, lb_impq_phase_names[LB_IMPQ_ACTS]) == 0;
    if (what != AGAINST_ACT_BITS) return !of_acts;
    if (of_acts) return true;
    for (size_t k = i + 1; row->kept && k < p->state.n_rows; k++) {
        const lb_impq_row *later = &p->state.rows[k];
        if (strcmp(later->phase, lb_impq_phase_names[LB_IMPQ_ACTS]) == 0) return true;
        if (later->kept) return false;
    }
    return false;
}

static size_t count_points(const lb_report_procedure *p, against what, bool kept)
{
    size_t n = 0;
    for (size_t i = 0; i < p->state.n_rows; i++)
        n += counts(p, i, what) && p->state.rows[i].kept == kept;
    return n;
}

static void write_points(FILE *script, const lb_report_procedure *p, against what, bool kept,
                         size_t index)
{
    (void)fprintf(script, "$%s%zu << EOD\n", kept ? "d" : "not", index);
    for (size_t i = 0; i < p->state.n_rows; i++) {
        const lb_impq_row *row = &p->state.rows[i];
        if (counts(p, i, what) && row->kept == kept)
            (void)fprintf(script, "%.6g %.4f\n", value_of(row, what), row->top1);
    }
    (void)fputs("EOD\n", script);
}

static lb_status plot_curves(lb_pictures *pictures, const lb_report_section *section, against what)
{
    static const struct {
        const char *name, *axis, *caption, *alt;
    } texts[] = {
        {"impq-weights", "effective bits of weights",
         "Accuracy against the effective bits of weights, after every iteration",
         "Curves of top-1 accuracy over effective bits of weights, one for each procedure."},
        {"impq-activations", "effective bits of activations",
         "Accuracy against the effective bits of activations, after every iteration",
         "Curves of top-1 accuracy over effective bits of activations, one for each procedure."},
        {"impq-compression", "compression: 16 / effective bits of weights",
         "Accuracy against compression, by granularity",
         "Curves of top-1 accuracy over the compression of weights, one for each granularity."},
    };
    size_t n = 0;
    for (size_t k = 0; k < section->n_procedures; k++)
        n += count_points(section->procedures[k], what, true) > 1;
    if (n < (what == AGAINST_COMPRESSION ? 2 : 1)) return LB_OK;
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, texts[what].axis, "top-1 %");
    for (size_t k = 0; k < section->n_procedures; k++) {
        write_points(script, section->procedures[k], what, true, k);
        write_points(script, section->procedures[k], what, false, k);
    }
    const char *before = "plot";
    for (size_t k = 0; k < section->n_procedures; k++) {
        const lb_report_procedure *p = section->procedures[k];
        if (count_points(p, what, true) < 2) continue;
        (void)fprintf(script, "%s $d%zu using 1:2 with linespoints lw 2 ps 0.6", before, k);
        lb_plot_style(script, k);
        (void)fputs(" title ", script);
        lb_plot_quote(script, p->name);
        before = ",";
        if (count_points(p, what, false) == 0) continue;
        (void)fprintf(script, ", $not%zu using 1:2 with points pt 6 ps 1.1 lw 1.5", k);
        lb_plot_color(script, k);
        (void)fputs(" notitle", script);
    }
    const int height = LB_PICTURE_HEIGHT + 16 * (int)(n / 2);
    return lb_picture_end(pictures, section->file_prefix, texts[what].name, texts[what].caption,
                          texts[what].alt, height);
}

lb_status lb_plot_procedures(lb_pictures *pictures, const lb_report_section *section)
{
    LB_TRY(plot_curves(pictures, section, AGAINST_WEIGHT_BITS));
    LB_TRY(plot_curves(pictures, section, AGAINST_ACT_BITS));
    return plot_curves(pictures, section, AGAINST_COMPRESSION);
}

lb_status lb_plot_layer_bits(lb_pictures *pictures, const lb_report_procedure *procedure,
                             const char *prefix, const char *what)
{
    const size_t n = procedure->n_layers;
    if (n == 0) return LB_OK;
    FILE *script = NULL;
    LB_TRY(lb_picture_begin(pictures, &script));
    lb_plot_axes(script, "", "effective bits");
    (void)fputs("set xlabel ''\nset yrange [0:*]\nset offsets 0, 0, 0, 0\nset style fill solid "
                "0.85 noborder\n"
                "set boxwidth 0.38\n$d << EOD\n",
                script);
    for (size_t i = 0; i < n; i++)
        (void)fprintf(script, "%zu %.6g %.6g\n", i, procedure->layers[i].weights,
                      procedure->layers[i].acts);
    (void)fprintf(script, "EOD\nset xrange [-0.6:%zu.6]\nset xtics rotate by 90 right%s (", n - 1,
                  n > SMALL_TICS ? " font ',8'" : "");
    for (size_t i = 0; i < n; i++) {
        (void)fputs(i > 0 ? "," : "", script);
        lb_plot_quote(script, procedure->layers[i].name);
        (void)fprintf(script, " %zu", i);
    }
    (void)fputs(")\nplot $d using ($1-0.2):2 with boxes lc rgb '#0072b2' title 'weights', "
                "$d using ($1+0.2):3 with boxes lc rgb '#e69f00' title 'activations that enter'",
                script);
    char caption[2 * LB_VALUE_BYTES], alt[3 * LB_VALUE_BYTES];
    (void)snprintf(caption, sizeof caption, "Effective bits by layer: %s, iteration %zu",
                   procedure->name, procedure->result);
    (void)snprintf(alt, sizeof alt,
                   "Bars of the effective bits of weights and activations of %zu layers of %s.", n,
                   procedure->name);
    return lb_picture_end(pictures, prefix, what, caption, alt, LAYERS_HEIGHT);
}
