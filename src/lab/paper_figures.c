/* The papers' figures: a CSV file without quotes. One header line, then a figure a line:
 *
 *     experiment,row,column,metric,value,mark,where
 *     P0-table6,TWN,W2A32,top1,99.63,*,method=twn wbits=2 abits=32
 *
 * mark is empty, * (ternary weights) or DNC (does not converge; the value may then be empty). Fields hold no
 * commas, but the last may: it ends with the line. Empty lines and lines that begin with # are skipped. */
#include "lab/paper_figures.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/settings.h"

enum { FIELDS = 7, MAX_FILE_BYTES = 16 << 20, KEY_BYTES = 64, VALUE_BYTES = 192 };

static const char header[] = "experiment,row,column,metric,value,mark,where";

/* In the order of the header. */
typedef enum field { EXPERIMENT, ROW, COLUMN, METRIC, VALUE, MARK, WHERE } field;

static const char *const field_names[FIELDS] = {"experiment", "row",  "column", "metric",
                                                "value",      "mark", "where"};

static const struct {
    const char *name;
    bool accuracy;
} metrics[] = {
#define LB_METRIC(id, name, accuracy) {name, accuracy},
    LB_METRIC_LIST(LB_METRIC)
#undef LB_METRIC
};

enum { METRICS = sizeof metrics / sizeof *metrics };

const char *lb_metric_name(lb_metric metric)
{
    return metrics[metric].name;
}

bool lb_metric_is_accuracy(lb_metric metric)
{
    return metrics[metric].accuracy;
}

/* ---- one line -------------------------------------------------------------------------------- */

/* A place in the file, for messages. */
typedef struct place {
    const char *path;
    size_t line;
} place;

static lb_status split(place at, char *text, char *fields[FIELDS])
{
    for (size_t f = 0; f < FIELDS; f++) {
        fields[f] = text;
        char *comma = f + 1 < FIELDS ? strchr(text, ',') : NULL;
        if (f + 1 < FIELDS && comma == NULL) {
            return lb_fail(LB_E_FORMAT, "%s:%zu: %zu fields, wanted %d: %s", at.path, at.line,
                           f + 1, (int)FIELDS, header);
        }
        if (comma != NULL) {
            *comma = '\0';
            text = comma + 1;
        }
        const bool may_be_empty = f == VALUE || f == MARK;
        if (fields[f][0] == '\0' && !may_be_empty) {
            return lb_fail(LB_E_FORMAT, "%s:%zu: %s is empty", at.path, at.line, field_names[f]);
        }
    }
    return LB_OK;
}

static lb_status read_metric(place at, const char *text, lb_metric *out)
{
    char known[128] = "";
    size_t length = 0;
    for (size_t m = 0; m < METRICS; m++) {
        if (strcmp(text, metrics[m].name) == 0) {
            *out = (lb_metric)m;
            return LB_OK;
        }
        length += (size_t)snprintf(known + length, sizeof known - length, "%s%s", m > 0 ? ", " : "",
                                   metrics[m].name);
    }
    return lb_fail(LB_E_FORMAT, "%s:%zu: unknown metric '%s'; there are: %s", at.path, at.line,
                   text, known);
}

static lb_status read_mark(place at, const char *text, lb_paper_figure *out)
{
    out->star = strcmp(text, "*") == 0;
    out->dnc = strcmp(text, "DNC") == 0;
    if (out->star || out->dnc || text[0] == '\0') return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s:%zu: mark '%s'; wanted nothing, * or DNC", at.path, at.line,
                   text);
}

static lb_status read_value(place at, const char *text, lb_paper_figure *out)
{
    out->value = NAN;
    if (text[0] == '\0') {
        if (out->dnc) return LB_OK;
        return lb_fail(LB_E_FORMAT, "%s:%zu: value is empty; only a DNC figure has none", at.path,
                       at.line);
    }
    const bool accuracy = lb_metric_is_accuracy(out->metric);
    char *end = NULL;
    const double value = strtod(text, &end);
    /* written so that NaN is refused too */
    if (strspn(text, "0123456789.") != strlen(text) || *end != '\0' ||
        !(value >= 0.0 && value <= (accuracy ? 100.0 : 1e12))) {
        return lb_fail(LB_E_FORMAT, "%s:%zu: value '%s'; wanted a number%s", at.path, at.line, text,
                       accuracy ? " from 0 to 100, in percent" : " of 0 or more");
    }
    out->value = value;
    return LB_OK;
}

/* ---- the conditions -------------------------------------------------------------------------- */

bool lb_paper_figure_take(const char **at, char key[KEY_BYTES], char value[VALUE_BYTES])
{
    const char *text = *at + strspn(*at, " ");
    if (*text == '\0') return false;
    const size_t length = strcspn(text, " "), key_length = strcspn(text, "= ");
    const size_t value_at = key_length < length ? key_length + 1 : length;
    lb_assert(key_length < KEY_BYTES &&
              length - value_at < VALUE_BYTES); /* checked by read_where */
    (void)snprintf(key, KEY_BYTES, "%.*s", (int)key_length, text);
    (void)snprintf(value, VALUE_BYTES, "%.*s", (int)(length - value_at), text + value_at);
    *at = text + length;
    return true;
}

/* Check one KEY=VALUE and append it in canonical form. */
static lb_status read_condition(place at, const char *piece, size_t length, char *out, size_t room)
{
    char key_text[KEY_BYTES], value_text[VALUE_BYTES];
    const size_t key_length = strcspn(piece, "= ");
    if (key_length >= length || key_length >= KEY_BYTES || length - key_length > VALUE_BYTES) {
        return lb_fail(LB_E_FORMAT, "%s:%zu: where '%.*s'; wanted KEY=VALUE", at.path, at.line,
                       (int)length, piece);
    }
    (void)snprintf(key_text, sizeof key_text, "%.*s", (int)key_length, piece);
    (void)snprintf(value_text, sizeof value_text, "%.*s", (int)(length - key_length - 1),
                   piece + key_length + 1);
    lb_key key;
    char *canonical = NULL;
    lb_status status = lb_setting_find(key_text, &key);
    if (status == LB_OK && value_text[0] != '\0')
        status = lb_setting_canonical(key, value_text, &canonical);
    if (status == LB_E_ARG) return lb_fail_in(LB_E_FORMAT, "%s:%zu: where", at.path, at.line);
    if (status != LB_OK) return status;
    const size_t used = strlen(out);
    const int written = snprintf(out + used, room - used, "%s%s=%s", used > 0 ? " " : "", key_text,
                                 canonical != NULL ? canonical : "");
    lb_free(canonical);
    if (written < 0 || (size_t)written >= room - used) {
        return lb_fail(LB_E_FORMAT, "%s:%zu: where is longer than %zu bytes", at.path, at.line,
                       room - 1);
    }
    return LB_OK;
}

static lb_status read_where(place at, const char *text, lb_arena *arena, const char **out)
{
    char where[1024] = "";
    for (text += strspn(text, " "); *text != '\0'; text += strspn(text, " ")) {
        const size_t length = strcspn(text, " ");
        LB_TRY(read_condition(at, text, length, where, sizeof where));
        text += length;
    }
    if (where[0] == '\0') return lb_fail(LB_E_FORMAT, "%s:%zu: where is empty", at.path, at.line);
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(arena, where, &copy));
    *out = copy;
    return LB_OK;
}

static lb_status read_figure(place at, char *text, lb_arena *arena, lb_paper_figure *out)
{
    char *fields[FIELDS] = {NULL};
    LB_TRY(split(at, text, fields));
    out->experiment = fields[EXPERIMENT];
    out->row = fields[ROW];
    out->column = fields[COLUMN];
    out->line = at.line;
    LB_TRY(read_metric(at, fields[METRIC], &out->metric));
    LB_TRY(read_mark(at, fields[MARK], out));
    LB_TRY(read_value(at, fields[VALUE], out));
    return read_where(at, fields[WHERE], arena, &out->where);
}

/* ---- the file -------------------------------------------------------------------------------- */

/* The next line, cut off at its end; NULL past the last one. */
static char *take_line(char **at)
{
    char *line = *at;
    if (*line == '\0') return NULL;
    const size_t length = strcspn(line, "\n");
    *at = line + length + (line[length] == '\n');
    line[length] = '\0';
    if (length > 0 && line[length - 1] == '\r') line[length - 1] = '\0';
    return line;
}

static lb_status read_lines(const char *path, char *text, lb_paper_figures *out)
{
    char *line = NULL, *at = text;
    bool headed = false;
    for (size_t number = 1; (line = take_line(&at)) != NULL; number++) {
        if (line[0] == '\0' || line[0] == '#') continue;
        if (!headed) {
            headed = strcmp(line, header) == 0;
            if (headed) continue;
            return lb_fail(LB_E_FORMAT, "%s:%zu: wanted the header '%s'", path, number, header);
        }
        const place here = {path, number};
        LB_TRY(read_figure(here, line, &out->arena, &out->items[out->n]));
        out->n++;
    }
    if (!headed) return lb_fail(LB_E_FORMAT, "%s: empty; wanted the header '%s'", path, header);
    return LB_OK;
}

static size_t count_lines(const uint8_t *data, size_t bytes)
{
    size_t n = 1;
    for (size_t i = 0; i < bytes; i++) n += data[i] == '\n';
    return n;
}

lb_status lb_paper_figures_parse(const char *path, const uint8_t *data, size_t bytes,
                                 lb_paper_figures *out)
{
    if (bytes > MAX_FILE_BYTES)
        return lb_fail(LB_E_FORMAT, "%s: %zu bytes, more than 16 MB", path, bytes);
    if (bytes > 0 && memchr(data, '\0', bytes) != NULL)
        return lb_fail(LB_E_FORMAT, "%s: has a zero byte; not a text", path);
    lb_paper_figures read = {0};
    void *text = NULL, *items = NULL;
    lb_status status = lb_arena_alloc(&read.arena, bytes + 1, 1, "the papers' figures", &text);
    if (status == LB_OK) {
        status = lb_arena_alloc(&read.arena, count_lines(data, bytes), sizeof *read.items,
                                "the papers' figures", &items);
    }
    if (status == LB_OK) {
        if (bytes > 0) memcpy(text, data, bytes);
        read.items = items;
        status = read_lines(path, text, &read);
    }
    if (status != LB_OK) {
        lb_paper_figures_release(&read);
        return status;
    }
    *out = read;
    return LB_OK;
}

lb_status lb_paper_figures_read(const char *path, lb_paper_figures *out)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    LB_TRY(lb_file_read(path, MAX_FILE_BYTES, &data, &bytes));
    const lb_status status = lb_paper_figures_parse(path, data, bytes, out);
    lb_free(data);
    return status;
}

void lb_paper_figures_release(lb_paper_figures *figures)
{
    lb_arena_release(&figures->arena);
    *figures = (lb_paper_figures){0};
}
