/* How far a run has come: rows of epochs, JSON for checkpoints, CSV for people. */
#include "train/progress.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

#define COUNT(field, column) +1
enum {
    N_PLAIN = 0 LB_EPOCH_ROW_LIST(COUNT),
    N_FIGURES = N_PLAIN LB_MIXED_ROW_LIST(COUNT),
    MAX_ROWS = 1000000
};
#undef COUNT

void lb_progress_release(lb_progress *p)
{
    lb_free(p->rows);
    *p = (lb_progress){0};
}

static lb_status append(lb_progress *p, const lb_epoch_row *row)
{
    if (p->n_rows == p->capacity) {
        const size_t capacity = p->capacity > 0 ? 2 * p->capacity : 64;
        void *block = NULL;
        LB_TRY(lb_alloc(capacity, sizeof *p->rows, "epochs", &block));
        if (p->n_rows > 0) memcpy(block, p->rows, p->n_rows * sizeof *p->rows);
        lb_free(p->rows);
        p->rows = block;
        p->capacity = capacity;
    }
    p->rows[p->n_rows++] = *row;
    return LB_OK;
}

lb_status lb_progress_add(lb_progress *p, const lb_epoch_row *row)
{
    LB_TRY(append(p, row));
    p->epoch++;
    p->batch = 0;
    p->loss_sum = 0.0;
    p->correct = p->seen = 0;
    return LB_OK;
}

size_t lb_progress_best(const lb_progress *p, size_t from)
{
    size_t best = from < p->n_rows ? from : 0;
    for (size_t i = best + 1; i < p->n_rows; i++) {
        if (p->rows[i].val_top1 > p->rows[best].val_top1) best = i;
    }
    return best;
}

const char *lb_progress_status(const lb_progress *p, size_t classes, size_t epochs, size_t from)
{
    if (p->diverged) return "dnc";
    if (p->n_rows == 0 || p->n_rows < epochs) return "ok"; /* it may still converge */
    const double chance = 100.0 / (double)classes;
    return p->rows[lb_progress_best(p, from)].val_top1 > 1.5 * chance ? "ok" : "dnc";
}

/* ---- JSON ------------------------------------------------------------------------------------ */

/* A mixture's row has all figures; others have the first ones. */
static size_t count_figures(const lb_epoch_row *row)
{
    return lb_epoch_row_is_mixed(row) ? N_FIGURES : N_PLAIN;
}

static void row_to_figures(const lb_epoch_row *row, double figures[N_FIGURES])
{
    memcpy(figures, row, sizeof *row);
}

/* A text file in memory became `text`; the stream's failures are all for want of memory. */
static lb_status finish(FILE *file, char **text, char **out)
{
    const bool failed = ferror(file) != 0;
    lb_status status = LB_OK;
    if (fclose(file) != 0 || failed)
        status = lb_fail(LB_E_NOMEM, "out of memory: progress of the run");
    if (status == LB_OK) status = lb_strdup(*text, out);
    free(*text);
    return status;
}

lb_status lb_progress_write(const lb_progress *p, char **out)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: progress of the run");
    (void)fprintf(file, "{\"step\": %llu, \"epoch\": %zu, \"batch\": %zu, \"loss_sum\": %.17g, ",
                  (unsigned long long)p->step, p->epoch, p->batch, p->loss_sum);
    (void)fprintf(file, "\"correct\": %llu, \"seen\": %llu, \"diverged\": %s, \"epochs\": [",
                  (unsigned long long)p->correct, (unsigned long long)p->seen,
                  p->diverged ? "true" : "false");
    for (size_t i = 0; i < p->n_rows; i++) {
        double figures[N_FIGURES];
        row_to_figures(&p->rows[i], figures);
        (void)fputs(i > 0 ? ", [" : "[", file);
        for (size_t k = 0; k < count_figures(&p->rows[i]); k++)
            (void)fprintf(file, "%s%.17g", k > 0 ? ", " : "", figures[k]);
        (void)fputs("]", file);
    }
    (void)fputs("]}", file);
    return finish(file, &text, out);
}

static lb_status read_count(const char *where, const json_t *root, const char *key, uint64_t *out)
{
    const json_t *value = json_object_get(root, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return lb_fail(LB_E_FORMAT, "%s: progress '%s' is not a whole number", where, key);
    }
    *out = (uint64_t)json_integer_value(value);
    return LB_OK;
}

static lb_status read_row(const char *where, size_t index, const json_t *list, lb_progress *p)
{
    double figures[N_FIGURES] = {0.0};
    const size_t n = json_array_size(list);
    bool good = json_is_array(list) && (n == N_PLAIN || n == N_FIGURES);
    for (size_t k = 0; good && k < n; k++) {
        const json_t *item = json_array_get(list, k);
        good = json_is_number(item);
        figures[k] = json_number_value(item);
    }
    if (!good)
        return lb_fail(LB_E_FORMAT, "%s: epoch %zu is not a list of %d or %d numbers", where,
                       index + 1, N_PLAIN, N_FIGURES);
    lb_epoch_row row;
    memcpy(&row, figures, sizeof row);
    return append(p, &row);
}

static lb_status read_fields(const char *where, const json_t *root, lb_progress *p)
{
    uint64_t epoch = 0, batch = 0;
    LB_TRY(read_count(where, root, "step", &p->step));
    LB_TRY(read_count(where, root, "epoch", &epoch));
    LB_TRY(read_count(where, root, "batch", &batch));
    LB_TRY(read_count(where, root, "correct", &p->correct));
    LB_TRY(read_count(where, root, "seen", &p->seen));
    const json_t *sum = json_object_get(root, "loss_sum"),
                 *epochs = json_object_get(root, "epochs");
    if (!json_is_number(sum))
        return lb_fail(LB_E_FORMAT, "%s: progress 'loss_sum' is not a number", where);
    if (!json_is_array(epochs) || json_array_size(epochs) != epoch || epoch > MAX_ROWS) {
        return lb_fail(LB_E_FORMAT, "%s: %llu epochs were done, but %zu are listed", where,
                       (unsigned long long)epoch, json_array_size(epochs));
    }
    p->epoch = (size_t)epoch;
    p->batch = (size_t)batch;
    p->loss_sum = json_number_value(sum);
    p->diverged = json_is_true(json_object_get(root, "diverged"));
    for (size_t i = 0; i < epoch; i++) LB_TRY(read_row(where, i, json_array_get(epochs, i), p));
    return LB_OK;
}

lb_status lb_progress_read(const char *where, const char *text, lb_progress *out)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return lb_fail(LB_E_FORMAT, "%s: progress is not valid JSON: %s", where, error.text);
    lb_progress p = {0};
    const lb_status status = read_fields(where, root, &p);
    json_decref(root);
    if (status != LB_OK) {
        lb_progress_release(&p);
        return status;
    }
    lb_progress_release(out);
    *out = p;
    return LB_OK;
}

/* ---- CSV ------------------------------------------------------------------------------------- */

lb_status lb_progress_write_csv(const lb_progress *p, const char *split, const char *path)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: %s", path);
    (void)fputs("epoch", file);
#define X(field, column) (void)fputs("," column, file);
    LB_EPOCH_ROW_LIST(X)
#undef X
    (void)fputs(",mean_val_top1,split", file);
    const bool mixed = p->n_rows > 0 && count_figures(&p->rows[0]) == N_FIGURES;
#define X(field, column) (void)fputs(mixed ? "," column : "", file);
    LB_MIXED_ROW_LIST(X)
#undef X
    (void)fputs("\n", file);
    double sum = 0.0;
    for (size_t i = 0; i < p->n_rows; i++) {
        double figures[N_FIGURES];
        row_to_figures(&p->rows[i], figures);
        (void)fprintf(file, "%zu", i + 1);
        for (size_t k = 0; k < N_PLAIN; k++) (void)fprintf(file, ",%.9g", figures[k]);
        sum += p->rows[i].val_top1;
        (void)fprintf(file, ",%.9g,%s", sum / (double)(i + 1), split);
        for (size_t k = N_PLAIN; mixed && k < N_FIGURES; k++)
            (void)fprintf(file, ",%.9g", figures[k]);
        (void)fputs("\n", file);
    }
    char *whole = NULL;
    LB_TRY(finish(file, &text, &whole));
    const lb_file_part part = {.data = whole, .bytes = strlen(whole)};
    const lb_status status = lb_file_write_atomic(path, &part, 1);
    lb_free(whole);
    return status;
}
