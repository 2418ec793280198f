/* Our results beside a paper's. A table has the paper's rows and columns in the order in which the figures name
 * them first; `-` is a cell that the paper has not. */
#include "cli/comparison_report.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_json.h"

enum { CELL_BYTES = 32 };

#define NEAR 0.15 /* percentage points: seeds of one network differ by as much on MNIST */

/* ---- the three lines of a cell --------------------------------------------------------------- */

typedef enum cell_line { OURS, PAPER, DIFFERENCE, CELL_LINES } cell_line;

static const char *const line_names[CELL_LINES] = {"ours", "paper", "difference"};

/* A number of that metric; with its sign: a difference. */
static void write_number(lb_metric metric, bool sign, double number, char text[CELL_BYTES])
{
    if (lb_metric_is_accuracy(metric)) {
        (void)snprintf(text, CELL_BYTES, sign ? "%+.2f" : "%.2f", number);
    } else if (metric == LB_METRIC_PARAMETERS) {
        (void)snprintf(text, CELL_BYTES, sign ? "%+.0f" : "%.0f", number);
    } else {
        (void)snprintf(text, CELL_BYTES, sign ? "%+.1g" : "%.3g", number);
    }
}

static void write_ours(const lb_compared_figure *figure, char text[CELL_BYTES])
{
    if (figure->state == LB_FIGURE_OK) {
        write_number(figure->paper.metric, false, figure->ours, text);
    } else {
        (void)snprintf(text, CELL_BYTES, "%s",
                       figure->state == LB_FIGURE_DNC ? "DNC"
                                                      : lb_figure_state_name(figure->state));
    }
}

static void write_paper(const lb_paper_figure *figure, char text[CELL_BYTES])
{
    char number[CELL_BYTES] = "";
    if (!isnan(figure->value)) write_number(figure->metric, false, figure->value, number);
    (void)snprintf(text, CELL_BYTES, "%.16s%s%s", number,
                   figure->dnc && number[0] != '\0' ? " " : "",
                   figure->dnc    ? "DNC"
                   : figure->star ? "*"
                                  : "");
}

static void write_cell(const lb_compared_figure *figure, cell_line line, char text[CELL_BYTES])
{
    (void)snprintf(text, CELL_BYTES, "-");
    if (figure == NULL) return;
    if (line == OURS) write_ours(figure, text);
    if (line == PAPER) write_paper(&figure->paper, text);
    if (line == DIFFERENCE && !isnan(figure->difference))
        write_number(figure->paper.metric, true, figure->difference, text);
}

/* ---- the table ------------------------------------------------------------------------------- */

/* Labels as the figures have them, each once. */
typedef struct labels {
    const char **names;
    size_t n;
} labels;

static void add_label(labels *list, const char *name)
{
    for (size_t i = 0; i < list->n; i++) {
        if (strcmp(list->names[i], name) == 0) return;
    }
    list->names[list->n++] = name;
}

static const lb_compared_figure *figure_at(const lb_comparison *comparison, const char *row,
                                           const char *column)
{
    for (size_t i = 0; i < comparison->n; i++) {
        const lb_paper_figure *paper = &comparison->figures[i].paper;
        if (strcmp(paper->row, row) == 0 && strcmp(paper->column, column) == 0)
            return &comparison->figures[i];
    }
    return NULL;
}

static size_t row_width(const labels *rows)
{
    size_t width = 1;
    for (size_t r = 0; r < rows->n; r++) {
        if (strlen(rows->names[r]) > width) width = strlen(rows->names[r]);
    }
    return width;
}

static size_t column_width(const lb_comparison *comparison, const labels *rows, const char *column)
{
    size_t width = strlen(column);
    for (size_t r = 0; r < rows->n; r++) {
        for (int line = 0; line < CELL_LINES; line++) {
            char text[CELL_BYTES];
            write_cell(figure_at(comparison, rows->names[r], column), (cell_line)line, text);
            if (strlen(text) > width) width = strlen(text);
        }
    }
    return width;
}

static void print_dashes(size_t n, const char *end)
{
    for (size_t i = 0; i < n; i++) (void)putchar('-');
    (void)printf("%s|", end);
}

static void print_head(const labels *columns, const size_t *widths, size_t first)
{
    const int second = (int)strlen(line_names[DIFFERENCE]);
    (void)printf("| %*s | %*s |", (int)first, "", second, "");
    for (size_t c = 0; c < columns->n; c++)
        (void)printf(" %*s |", (int)widths[c], columns->names[c]);
    (void)printf("\n|");
    print_dashes(first + 2, "");
    print_dashes((size_t)second + 2, "");
    for (size_t c = 0; c < columns->n; c++) print_dashes(widths[c] + 1, ":");
    (void)printf("\n");
}

static void print_rows(const lb_comparison *comparison, const labels *rows, const labels *columns,
                       const size_t *widths, size_t first)
{
    for (size_t r = 0; r < rows->n; r++) {
        for (int line = 0; line < CELL_LINES; line++) {
            (void)printf("| %-*s | %-*s |", (int)first, line == 0 ? rows->names[r] : "",
                         (int)strlen(line_names[DIFFERENCE]), line_names[line]);
            for (size_t c = 0; c < columns->n; c++) {
                char text[CELL_BYTES];
                write_cell(figure_at(comparison, rows->names[r], columns->names[c]),
                           (cell_line)line, text);
                (void)printf(" %*s |", (int)widths[c], text);
            }
            (void)printf("\n");
        }
    }
}

/* Accuracies that both sides have. */
static void print_sum(const lb_experiment *experiment, const lb_comparison *comparison)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    size_t n = 0, near = 0;
    double sum = 0.0;
    const char *split = "test";
    for (size_t i = 0; i < comparison->n; i++) {
        const lb_compared_figure *figure = &comparison->figures[i];
        if (!lb_metric_is_accuracy(figure->paper.metric) || isnan(figure->difference)) continue;
        split = figure->split;
        sum += figure->difference;
        near += figure->difference >= -NEAR - 1e-9; /* 0.15 as written is not exact */
        n++;
    }
    (void)printf("\n%zu of %zu points are at their end; ours: best epoch on %s images",
                 comparison->points_done, comparison->points, split);
    if (info.seeds > 1) (void)printf(", best of %zu seeds", info.seeds);
    (void)printf("; *: ternary, DNC: does not converge, -: not in the paper\n");
    if (n == 0) return;
    (void)printf(
        "%zu of %zu accuracies at most %.2f points below the paper's; mean difference %+.2f\n",
        near, n, NEAR, sum / (double)n);
}

lb_status lb_cli_comparison_table(const lb_experiment *experiment, const lb_comparison *comparison)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    if (comparison->n == 0) {
        (void)printf("%s: no numbers to compare with; `lowbit report` draws ours\n", info.name);
        return LB_OK;
    }
    labels rows = {calloc(comparison->n + 1, sizeof(char *)), 0};
    labels columns = {calloc(comparison->n + 1, sizeof(char *)), 0};
    size_t *widths = calloc(comparison->n + 1, sizeof *widths);
    const lb_status status =
        rows.names != NULL && columns.names != NULL && widths != NULL ? LB_OK : LB_E_NOMEM;
    if (status == LB_OK) {
        for (size_t i = 0; i < comparison->n; i++) {
            add_label(&rows, comparison->figures[i].paper.row);
            add_label(&columns, comparison->figures[i].paper.column);
        }
        for (size_t c = 0; c < columns.n; c++)
            widths[c] = column_width(comparison, &rows, columns.names[c]);
        print_head(&columns, widths, row_width(&rows));
        print_rows(comparison, &rows, &columns, widths, row_width(&rows));
        print_sum(experiment, comparison);
    }
    free(rows.names);
    free(columns.names);
    free(widths);
    return status;
}

/* ---- for programs ---------------------------------------------------------------------------- */

static void print_number(double number, const char *unknown)
{
    if (isnan(number)) {
        (void)printf("%s", unknown);
    } else {
        (void)printf("%.9g", number);
    }
}

void lb_cli_comparison_csv(const lb_comparison *comparison)
{
    (void)printf(
        "experiment,row,column,metric,state,ours,paper,difference,mark,mean,last,seeds,split\n");
    for (size_t i = 0; i < comparison->n; i++) {
        const lb_compared_figure *f = &comparison->figures[i];
        (void)printf("%s,%s,%s,%s,%s,", f->paper.experiment, f->paper.row, f->paper.column,
                     lb_metric_name(f->paper.metric), lb_figure_state_name(f->state));
        print_number(f->ours, "");
        (void)printf(",");
        print_number(f->paper.value, "");
        (void)printf(",");
        print_number(f->difference, "");
        (void)printf(",%s,", f->paper.dnc ? "DNC" : f->paper.star ? "*" : "");
        print_number(f->mean, "");
        (void)printf(",");
        print_number(f->last, "");
        (void)printf(",%zu,%s\n", f->seeds, f->split);
    }
}

static void json_text(const char *name, const char *text)
{
    (void)printf("\"%s\":", name);
    lb_cli_json_string(stdout, text);
    (void)printf(",");
}

static void json_number(const char *name, double number)
{
    (void)printf("\"%s\":", name);
    print_number(number, "null");
    (void)printf(",");
}

void lb_cli_comparison_json(const lb_experiment *experiment, const lb_comparison *comparison)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    for (size_t i = 0; i < comparison->n; i++) {
        const lb_compared_figure *f = &comparison->figures[i];
        (void)printf("{\"event\":\"figure\",");
        json_text("experiment", info.name);
        json_text("row", f->paper.row);
        json_text("column", f->paper.column);
        json_text("metric", lb_metric_name(f->paper.metric));
        json_text("where", f->paper.where);
        json_text("state", lb_figure_state_name(f->state));
        json_number("ours", f->ours);
        json_number("paper", f->paper.value);
        json_number("difference", f->difference);
        json_number("mean", f->mean);
        json_number("last", f->last);
        json_text("split", f->split);
        (void)printf("\"seeds\":%zu,\"paper_dnc\":%s,\"ternary\":%s}\n", f->seeds,
                     f->paper.dnc ? "true" : "false", f->paper.star ? "true" : "false");
    }
}
