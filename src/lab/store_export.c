/* Runs as CSV (RFC 4180), JSON (an array of objects) and a Markdown table. The first two have every column of the
 * table of runs; Markdown has what is read side by side. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "lab/store_schema.h"
#include "train/settings.h"

/* ---- a run's fields as texts ----------------------------------------------------------------- */

enum { NUMBER_BYTES = 32 };
#define COUNT_ONE(column, kind) +1
enum { N_FIELDS = 1 LB_RUN_COLUMNS(COUNT_ONE) };

typedef struct field {
    const char *name, *text;
    bool quoted;
} field;

static field field_text(const char *name, const char *const *value, char number[NUMBER_BYTES])
{
    (void)number;
    return (field){name, *value, true};
}

static field field_key(const char *name, const char (*value)[LB_RUN_HASH_BYTES],
                       char number[NUMBER_BYTES])
{
    (void)number;
    return (field){name, *value, true};
}

static field field_state(const char *name, const lb_run_state *value, char number[NUMBER_BYTES])
{
    (void)number;
    return (field){name, lb_run_state_name(*value), true};
}

static field field_flag(const char *name, const bool *value, char number[NUMBER_BYTES])
{
    (void)number;
    return (field){name, *value ? "true" : "false", false};
}

static field field_whole(const char *name, const int *value, char number[NUMBER_BYTES])
{
    (void)snprintf(number, NUMBER_BYTES, "%d", *value);
    return (field){name, number, false};
}

static field field_seed(const char *name, const uint64_t *value, char number[NUMBER_BYTES])
{
    (void)snprintf(number, NUMBER_BYTES, "%llu", (unsigned long long)*value);
    return (field){name, number, false};
}

static field field_size(const char *name, const size_t *value, char number[NUMBER_BYTES])
{
    (void)snprintf(number, NUMBER_BYTES, "%zu", *value);
    return (field){name, number, false};
}

static field field_real(const char *name, const double *value, char number[NUMBER_BYTES])
{
    if (!isfinite(*value)) return (field){name, "null", false};
    lb_format_real(*value, number);
    return (field){name, number, false};
}

static void list_fields(const lb_run_record *run, char numbers[N_FIELDS][NUMBER_BYTES],
                        field fields[N_FIELDS])
{
    size_t n = 0;
    (void)snprintf(numbers[n], NUMBER_BYTES, "%lld", (long long)run->id);
    fields[n] = (field){"id", numbers[n], false};
    n++;
#define LIST(column, kind) fields[n] = field_##kind(#column, &run->column, numbers[n]), n++;
    LB_RUN_COLUMNS(LIST)
#undef LIST
}

/* ---- formats --------------------------------------------------------------------------------- */

static void csv_text(FILE *file, const char *text)
{
    if (text[strcspn(text, ",\"\r\n")] == '\0') {
        (void)fputs(text, file);
        return;
    }
    (void)fputc('"', file);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"') (void)fputc('"', file);
        (void)fputc(*c, file);
    }
    (void)fputc('"', file);
}

static void json_text(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\')
            (void)fprintf(file, "\\%c", *c);
        else if ((unsigned char)*c < 0x20)
            (void)fprintf(file, "\\u%04x", (unsigned)(unsigned char)*c);
        else
            (void)fputc(*c, file);
    }
    (void)fputc('"', file);
}

static void write_csv(FILE *file, const lb_run_list *list)
{
    (void)fputs("id", file);
#define NAME(column, kind) (void)fputs("," #column, file);
    LB_RUN_COLUMNS(NAME)
#undef NAME
    (void)fputs("\r\n", file);
    for (size_t i = 0; i < list->n; i++) {
        char numbers[N_FIELDS][NUMBER_BYTES];
        field fields[N_FIELDS];
        list_fields(&list->runs[i], numbers, fields);
        for (size_t k = 0; k < N_FIELDS; k++) {
            if (k > 0) (void)fputc(',', file);
            csv_text(file, fields[k].text);
        }
        (void)fputs("\r\n", file);
    }
}

/* Settings are an object of their own, unless the file they come from is damaged. */
static bool is_object(const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    const bool is = json_is_object(root);
    json_decref(root);
    return is;
}

static void write_json(FILE *file, const lb_run_list *list)
{
    (void)fputc('[', file);
    for (size_t i = 0; i < list->n; i++) {
        char numbers[N_FIELDS][NUMBER_BYTES];
        field fields[N_FIELDS];
        list_fields(&list->runs[i], numbers, fields);
        (void)fputs(i > 0 ? ",\n{" : "\n{", file);
        for (size_t k = 0; k < N_FIELDS; k++) {
            const field *f = &fields[k];
            (void)fprintf(file, "%s\"%s\": ", k > 0 ? ", " : "", f->name);
            const bool nested = strcmp(f->name, "settings") == 0 && is_object(f->text);
            if (f->quoted && !nested)
                json_text(file, f->text);
            else
                (void)fputs(f->text, file);
        }
        (void)fputc('}', file);
    }
    (void)fputs("\n]\n", file);
}

static void markdown_text(FILE *file, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '|') (void)fputc('\\', file);
        (void)fputc(*c == '\n' || *c == '\r' ? ' ' : *c, file);
    }
    (void)fputs(" | ", file);
}

/* What is not known yet is no 0. */
static void markdown_number(FILE *file, bool known, int digits, double number)
{
    if (known)
        (void)fprintf(file, " %.*f |", digits, number);
    else
        (void)fputs(" - |", file);
}

static void write_markdown(FILE *file, const lb_run_list *list)
{
    (void)fputs(
        "| id | data | model | method | W/A | seed | epochs | state | best top-1 | last top-1 | "
        "bytes | bit operations |\n"
        "|---:|---|---|---|---|---:|---:|---|---:|---:|---:|---:|\n",
        file);
    for (size_t i = 0; i < list->n; i++) {
        const lb_run_record *r = &list->runs[i];
        (void)fprintf(file, "| %lld | ", (long long)r->id);
        markdown_text(file, r->data);
        markdown_text(file, r->model);
        markdown_text(file, r->method);
        (void)fprintf(file, "%d%s/%d | %llu | %zu | %s |", r->w_bits, r->ternary ? "\\*" : "",
                      r->a_bits, (unsigned long long)r->seed, r->epochs,
                      lb_run_state_name(r->state));
        markdown_number(file, r->epochs > 0, 2, r->best_top1);
        markdown_number(file, r->epochs > 0, 2, r->last_top1);
        markdown_number(file, r->parameters > 0, 0, r->stored_bytes);
        markdown_number(file, r->parameters > 0, 0, r->bit_operations);
        (void)fputc('\n', file);
    }
}

/* ---- where it goes --------------------------------------------------------------------------- */

static lb_status put(const char *text, size_t bytes, const char *path)
{
    const lb_file_part part = {.data = text, .bytes = bytes};
    if (path != NULL) return lb_file_write_atomic(path, &part, 1);
    if (fwrite(text, 1, bytes, stdout) == bytes && fflush(stdout) == 0) return LB_OK;
    return lb_fail(LB_E_IO, "cannot write to standard output");
}

static lb_status write_list(const lb_run_list *list, lb_export_format format, const char *path)
{
    static void (*const writers[])(FILE * file, const lb_run_list *list) = {
        [LB_EXPORT_CSV] = write_csv,
        [LB_EXPORT_JSON] = write_json,
        [LB_EXPORT_MARKDOWN] = write_markdown};
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: export");
    writers[format](file, list);
    const bool failed = ferror(file) != 0;
    lb_status status = LB_OK;
    if (fclose(file) != 0 || failed) status = lb_fail(LB_E_NOMEM, "out of memory: export");
    if (status == LB_OK) status = put(text, bytes, path);
    free(text);
    return status;
}

lb_status lb_store_export(lb_store *store, const char *filter, lb_export_format format,
                          const char *path)
{
    lb_run_list list = {0};
    LB_TRY(lb_store_list(store, filter, &list));
    const lb_status status = write_list(&list, format, path);
    lb_run_list_release(&list);
    return status;
}
