/* The papers' tables of accuracies.
 *
 * A cell holds all runs with its row's and its column's values. It shows the best of those that came to their
 * end. Runs whose settings differ in the seed alone are repetitions: where the best run has some, their mean
 * and sample standard deviation stand behind it. Else the cell says how far its runs got: the best accuracy
 * so far of one that is still going on, DNC (does not converge), failed; "-" where there is no run. */
#include "lab/report_tables.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_COLUMNS = 14, /* of a table that is not turned                                 */
    MAX_LINES = 200,  /* rows and columns: nobody reads more, and a store may hold any */
    LABEL_BYTES = 4 * LB_VALUE_BYTES
};

/* A row or a column: its name, and what it is sorted by. */
typedef struct line {
    const char *label;
    int rank;     /* of widths */
    size_t first; /* the first run that it has */
} line;

typedef struct layout {
    const lb_selection *selection;
    const char *keys[2]; /* rows, columns; NULL: series, widths */
    line *lines[2];
    size_t n[2], left_out[2]; /* left_out: lines beyond MAX_LINES */
    size_t *line_of[2];       /* (runs) */
} layout;

/* ---- rows and columns ------------------------------------------------------------------------ */

/* The papers' order of widths: float first, then several bits of both, then float activations, then the rest;
 * each falling. */
static int rank_of_widths(int w, int a)
{
    int group = 3;
    if (w == 32) {
        group = 0;
    } else if (w > 2 && a > 2 && a != 32) {
        group = 1;
    } else if (a == 32) {
        group = 2;
    }
    return group * 10000 + (32 - w) * 100 + (32 - a);
}

static bool has_key(const char *keys, const char *key)
{
    const char *at = strstr(keys, key);
    return at != NULL && (at == keys || at[-1] == ',') && strchr(",", at[strlen(key)]) != NULL;
}

/* Values of the keys, as "W1A2" for widths, the bare value for what names itself, else "key value". */
static void label_of(const lb_report_run *run, const char *keys, char label[LABEL_BYTES])
{
    const lb_run_record *r = run->record;
    size_t length = 0;
    label[0] = '\0';
    for (const char *at = keys; *at != '\0' && length < LABEL_BYTES - 1;) {
        char key[LB_VALUE_BYTES], text[LB_VALUE_BYTES], part[2 * LB_VALUE_BYTES];
        const size_t n = strcspn(at, ",");
        (void)snprintf(key, sizeof key, "%.*s", (int)n, at);
        at += n + (at[n] == ',');
        const bool both = has_key(keys, "wbits") && has_key(keys, "abits");
        if (strcmp(key, "abits") == 0) {
            (void)snprintf(part, sizeof part, "A%d", r->a_bits);
        } else if (strcmp(key, "wbits") == 0) {
            (void)snprintf(part, sizeof part, "W%d", r->w_bits);
        } else {
            const char *value = lb_report_value(run, key, text);
            const bool bare = strcmp(key, "method") == 0 || strcmp(key, "model") == 0 ||
                              strcmp(key, "data") == 0 || value[0] == '\0';
            (void)snprintf(part, sizeof part, "%s%s%s", bare ? "" : key, bare ? "" : " ", value);
        }
        const bool joined = both && part[0] == 'A' && strcmp(key, "abits") == 0;
        (void)snprintf(label + length, LABEL_BYTES - length, "%s%s",
                       length > 0 && !joined && part[0] != '\0' ? " " : "", part);
        length = strlen(label);
    }
}

static lb_status find_line(layout *l, int side, size_t run, const char *label, lb_arena *arena)
{
    const lb_run_record *r = l->selection->entries[run].run->record;
    size_t k = 0;
    while (k < l->n[side] && strcmp(l->lines[side][k].label, label) != 0) k++;
    l->line_of[side][run] = k;
    if (k < l->n[side]) return LB_OK;
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(arena, label, &copy));
    const char *keys = l->keys[side];
    const bool widths = keys != NULL ? has_key(keys, "wbits") || has_key(keys, "abits") : side == 1;
    const int w = keys == NULL || has_key(keys, "wbits") ? r->w_bits : 1;
    const int a = keys == NULL || has_key(keys, "abits") ? r->a_bits : 1;
    const bool only_widths = widths && (keys == NULL || strlen(keys) <= strlen("wbits,abits"));
    l->lines[side][l->n[side]++] =
        (line){.label = copy, .rank = only_widths ? rank_of_widths(w, a) : 0, .first = run};
    return LB_OK;
}

static int by_rank(const void *x, const void *y)
{
    const line *a = x, *b = y;
    if (a->rank != b->rank) return a->rank < b->rank ? -1 : 1;
    /* "batch 20" stands before "batch 100" */
    const char *last_a = strrchr(a->label, ' '), *last_b = strrchr(b->label, ' ');
    if (last_a != NULL && last_b != NULL) {
        char *end_a = NULL, *end_b = NULL;
        const double number_a = strtod(last_a, &end_a), number_b = strtod(last_b, &end_b);
        const bool numbers = *end_a == '\0' && *end_b == '\0';
        if (numbers && number_a != number_b) return number_a < number_b ? -1 : 1;
    }
    return (a->first > b->first) - (a->first < b->first);
}

/* Sort the lines of one side, and follow where each run's line went. */
static lb_status sort_lines(layout *l, int side, lb_arena *arena)
{
    if (l->n[side] == 0) return LB_OK;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, l->n[side], sizeof(size_t), "order of a table", &block));
    size_t *place = block, *first = NULL;
    LB_TRY(lb_arena_alloc(arena, l->n[side], sizeof(size_t), "order of a table", &block));
    first = block;
    for (size_t k = 0; k < l->n[side]; k++) first[k] = l->lines[side][k].first;
    qsort(l->lines[side], l->n[side], sizeof(line), by_rank);
    for (size_t k = 0; k < l->n[side]; k++) {
        for (size_t old = 0; old < l->n[side]; old++) {
            if (first[old] == l->lines[side][k].first) place[old] = k;
        }
    }
    for (size_t i = 0; i < l->selection->n; i++) l->line_of[side][i] = place[l->line_of[side][i]];
    return LB_OK;
}

static lb_status lay_out(layout *l, lb_arena *arena)
{
    const size_t n = l->selection->n;
    for (int side = 0; side < 2; side++) {
        void *block = NULL;
        LB_TRY(lb_arena_alloc(arena, n, sizeof(line), "lines of a table", &block));
        l->lines[side] = block;
        LB_TRY(lb_arena_alloc(arena, n, sizeof(size_t), "lines of a table", &block));
        l->line_of[side] = block;
        for (size_t i = 0; i < n; i++) {
            const lb_report_entry *e = &l->selection->entries[i];
            char label[LABEL_BYTES];
            if (l->keys[side] != NULL) {
                label_of(e->run, l->keys[side], label);
            } else if (side == 0) {
                (void)snprintf(label, sizeof label, "%s", l->selection->series[e->series]);
            } else {
                label_of(e->run, "wbits,abits", label);
            }
            LB_TRY(find_line(l, side, i, label, arena));
        }
        LB_TRY(sort_lines(l, side, arena));
        l->left_out[side] = l->n[side] > MAX_LINES ? l->n[side] - MAX_LINES : 0;
        l->n[side] -= l->left_out[side];
    }
    return LB_OK;
}

/* ---- cells ----------------------------------------------------------------------------------- */

/* Top-5 stands in tables of data sets with many classes only. */
static bool shows_top5(const lb_run_record *r)
{
    return strncmp(r->data, "imagenet", 8) == 0 || strncmp(r->data, "cifar100", 8) == 0;
}

typedef struct summary {
    const lb_report_run *best, *running;
    size_t n_dnc, n_failed;        /* of the whole cell                     */
    size_t n_seeds, n_dnc_of_best; /* of the best run's configuration alone */
    double mean, std;
} summary;

static void add_seeds(const layout *l, size_t row, size_t column, summary *s)
{
    double sum = 0.0, squares = 0.0;
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < l->selection->n; i++) {
            const lb_report_run *run = l->selection->entries[i].run;
            if (l->line_of[0][i] != row || l->line_of[1][i] != column) continue;
            if (strcmp(run->configuration, s->best->configuration) != 0) continue;
            if (pass == 0) s->n_dnc_of_best += run->record->state == LB_RUN_DNC;
            if (run->record->state != LB_RUN_OK) continue;
            const double top1 = run->record->best_top1;
            if (pass == 0) {
                s->n_seeds++;
                sum += top1;
            } else {
                squares += (top1 - s->mean) * (top1 - s->mean);
            }
        }
        if (pass == 0) s->mean = sum / (double)s->n_seeds;
    }
    s->std = s->n_seeds > 1 ? sqrt(squares / (double)(s->n_seeds - 1)) : 0.0;
}

static summary summarize(const layout *l, size_t row, size_t column)
{
    summary s = {.best = NULL};
    for (size_t i = 0; i < l->selection->n; i++) {
        const lb_report_run *run = l->selection->entries[i].run;
        const lb_run_record *r = run->record;
        if (l->line_of[0][i] != row || l->line_of[1][i] != column) continue;
        s.n_dnc += r->state == LB_RUN_DNC;
        s.n_failed += r->state == LB_RUN_FAILED;
        const lb_report_run **place = r->state == LB_RUN_OK        ? &s.best
                                      : r->state == LB_RUN_RUNNING ? &s.running
                                                                   : NULL;
        if (place != NULL && (*place == NULL || r->best_top1 > (*place)->record->best_top1))
            *place = run;
    }
    if (s.best != NULL) add_seeds(l, row, column, &s);
    return s;
}

static lb_status print_accuracy(lb_arena *arena, const lb_run_record *r, const char **out)
{
    const char *star = r->ternary ? " *" : "";
    if (shows_top5(r))
        return lb_arena_print(arena, out, "%.2f; %.2f%s", r->best_top1, r->best_top5, star);
    return lb_arena_print(arena, out, "%.2f%s", r->best_top1, star);
}

static lb_status fill_cell(const summary *s, lb_arena *arena, lb_table_cell *cell)
{
    cell->look = s->best != NULL ? LB_LOOK_PLAIN : LB_LOOK_WEAK;
    if (s->best != NULL) {
        LB_TRY(print_accuracy(arena, s->best->record, &cell->text));
        char dnc[32] = "";
        if (s->n_dnc_of_best > 0) (void)snprintf(dnc, sizeof dnc, ", %zu DNC", s->n_dnc_of_best);
        if (s->n_seeds > 1) {
            return lb_arena_print(arena, &cell->note, "%.2f ± %.2f, n=%zu%s", s->mean, s->std,
                                  s->n_seeds, dnc);
        }
        return dnc[0] != '\0' ? lb_arena_print(arena, &cell->note, "n=1%s", dnc) : LB_OK;
    }
    if (s->running != NULL) {
        const lb_run_record *r = s->running->record;
        LB_TRY(print_accuracy(arena, r, &cell->text));
        return lb_arena_print(arena, &cell->note, "epoch %zu of %zu", r->epochs, r->epochs_wanted);
    }
    cell->text = s->n_dnc > 0 ? "DNC" : s->n_failed > 0 ? "failed" : "-";
    return LB_OK;
}

/* Mark the best cell of every column, where the column has at least two to choose from. */
static void mark_best(const summary *summaries, size_t rows, size_t columns, bool turned,
                      lb_table *table)
{
    for (size_t c = 0; c < columns; c++) {
        size_t best = rows, n = 0;
        for (size_t r = 0; r < rows; r++) {
            const lb_report_run *run = summaries[r * columns + c].best;
            if (run == NULL) continue;
            n++;
            const bool better =
                best == rows ||
                run->record->best_top1 > summaries[best * columns + c].best->record->best_top1;
            if (better) best = r;
        }
        if (n < 2) continue;
        const size_t row = turned ? c : best, column = (turned ? best : c) + 1;
        table->cells[row * table->columns + column].look = LB_LOOK_BEST;
    }
}

static const char *head_of(const char *keys, const char *standard)
{
    return keys != NULL ? keys : standard;
}

static lb_status fill(const layout *l, bool turned, lb_table *table)
{
    const size_t rows = l->n[0], columns = l->n[1];
    void *block = NULL;
    LB_TRY(lb_arena_alloc(table->arena, rows * columns, sizeof(summary), "cells", &block));
    summary *summaries = block;
    table->row_headers = 1;
    table->is_text[0] = true;
    table->heads[0] = turned ? head_of(l->keys[1], "widths") : head_of(l->keys[0], "method");
    for (size_t r = 0; r < rows; r++) {
        for (size_t c = 0; c < columns; c++) {
            const size_t row = turned ? c : r, column = (turned ? r : c) + 1;
            table->heads[column] = l->lines[turned ? 0 : 1][column - 1].label;
            table->cells[row * table->columns].text = l->lines[turned ? 1 : 0][row].label;
            summaries[r * columns + c] = summarize(l, r, c);
            LB_TRY(fill_cell(&summaries[r * columns + c], table->arena,
                             &table->cells[row * table->columns + column]));
        }
    }
    mark_best(summaries, rows, columns, turned, table);
    return LB_OK;
}

/* What the cells' marks mean, as far as they occur. */
static lb_status explain(const layout *l, bool turned, lb_table *table)
{
    const lb_selection *selection = l->selection;
    bool ternary = false, dnc = false, running = false, top5 = false, test = false;
    for (size_t i = 0; i < selection->n; i++) {
        const lb_run_record *r = selection->entries[i].run->record;
        ternary = ternary || r->ternary;
        dnc = dnc || r->state == LB_RUN_DNC;
        running = running || r->state == LB_RUN_RUNNING;
        top5 = top5 || shows_top5(r);
        test = test || strcmp(r->split, "test") == 0;
    }
    bool seeds = false;
    for (size_t i = 0; i < table->rows * table->columns; i++) {
        const lb_table_cell *cell = &table->cells[i];
        seeds = seeds || (cell->note != NULL && cell->look != LB_LOOK_WEAK);
    }
    char cut[96] = "";
    if (l->left_out[0] + l->left_out[1] > 0) {
        (void)snprintf(cut, sizeof cut, " %zu rows and %zu columns more are left out.",
                       l->left_out[turned], l->left_out[!turned]);
    }
    return lb_arena_print(
        table->arena, &table->note,
        "%s accuracy in percent of each cell's best run and epoch, %s.%s%s%s%s%s%s",
        top5 ? "Top-1; top-5" : "Top-1",
        test ? "chosen on the test images" : "on the validation images",
        seeds ? " Small: mean ± standard deviation over seeds." : "",
        turned ? " Bold: the best of a row." : " Bold: the best of a column.",
        ternary ? " *: ternary weights, 3 of the 4 values of 2 bits." : "",
        dnc ? " DNC: does not converge." : "", running ? " Grey figures: still training." : "",
        cut);
}

lb_status lb_accuracy_table(const lb_selection *selection, const lb_report_item *item,
                            lb_arena *arena, lb_table *out)
{
    layout l = {.selection = selection, .keys = {item->rows, item->columns}};
    LB_TRY(lay_out(&l, arena));
    const bool turned = l.n[1] > MAX_COLUMNS && l.n[0] < l.n[1];
    lb_table table;
    LB_TRY(lb_table_init(&table, arena, l.n[turned ? 1 : 0], l.n[turned ? 0 : 1] + 1));
    LB_TRY(fill(&l, turned, &table));
    LB_TRY(explain(&l, turned, &table));
    *out = table;
    return LB_OK;
}
