/* Tables: memory, and the three ways to write them. */
#include "lab/table.h"

#include <stdarg.h>
#include <string.h>

lb_status lb_table_init(lb_table *table, lb_arena *arena, size_t rows, size_t columns)
{
    lb_table t = {
        .name = "", .title = "", .note = "", .rows = rows, .columns = columns, .arena = arena};
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, columns, sizeof *t.heads, "heads of a table", &block));
    t.heads = block;
    LB_TRY(lb_arena_alloc(arena, columns, sizeof *t.is_text, "columns of a table", &block));
    t.is_text = block;
    size_t cells = 0;
    if (!lb_size_mul(rows, columns, &cells)) return lb_fail(LB_E_NOMEM, "a table too large");
    LB_TRY(lb_arena_alloc(arena, cells, sizeof *t.cells, "cells of a table", &block));
    t.cells = block;
    for (size_t c = 0; c < columns; c++) t.heads[c] = "";
    for (size_t i = 0; i < cells; i++) t.cells[i].text = "";
    *table = t;
    return LB_OK;
}

static lb_status print_list(lb_arena *arena, const char **out, const char *fmt, va_list list)
{
    char text[1024];
    (void)vsnprintf(text, sizeof text, fmt, list);
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(arena, text, &copy));
    *out = copy;
    return LB_OK;
}

lb_status lb_arena_print(lb_arena *arena, const char **out, const char *fmt, ...)
{
    va_list list;
    va_start(list, fmt);
    const lb_status status = print_list(arena, out, fmt, list);
    va_end(list);
    return status;
}

lb_status lb_table_print(lb_table *table, size_t row, size_t column, const char *fmt, ...)
{
    lb_assert(row < table->rows && column < table->columns);
    va_list list;
    va_start(list, fmt);
    const lb_status status =
        print_list(table->arena, &table->cells[row * table->columns + column].text, fmt, list);
    va_end(list);
    return status;
}

/* ---- HTML ------------------------------------------------------------------------------------ */

void lb_html_text(FILE *file, const char *text)
{
    for (const char *c = text; *c != '\0'; c++) {
        const char *entity = *c == '&'    ? "&amp;"
                             : *c == '<'  ? "&lt;"
                             : *c == '>'  ? "&gt;"
                             : *c == '"'  ? "&quot;"
                             : *c == '\'' ? "&#39;"
                                          : NULL;
        if (entity != NULL) {
            (void)fputs(entity, file);
        } else {
            (void)fputc((unsigned char)*c < ' ' ? ' ' : *c, file);
        }
    }
}

static void html_cell(const lb_table *table, size_t row, size_t column, FILE *file)
{
    const lb_table_cell *cell = &table->cells[row * table->columns + column];
    const bool head = column < table->row_headers;
    (void)fputs(head ? "<th scope=row" : "<td", file);
    const bool text = table->is_text[column];
    if (cell->look == LB_LOOK_BEST) (void)fputs(" class=best", file);
    if (cell->look == LB_LOOK_WEAK) (void)fputs(text ? " class=\"weak t\"" : " class=weak", file);
    if (cell->look == LB_LOOK_PLAIN && text) (void)fputs(" class=t", file);
    if (cell->bar > 0.0) {
        (void)fprintf(file, " class=bar style=\"--share:%.0f%%\"", 100.0 * cell->bar);
    }
    (void)fputc('>', file);
    if (cell->look == LB_LOOK_BEST) (void)fputs("<strong>", file);
    lb_html_text(file, cell->text);
    if (cell->look == LB_LOOK_BEST) (void)fputs("</strong>", file);
    if (cell->note != NULL) {
        (void)fputs("<small>", file);
        lb_html_text(file, cell->note);
        (void)fputs("</small>", file);
    }
    (void)fputs(head ? "</th>" : "</td>", file);
}

/* The link of an ending: folder and name are percent-encoded, as they may hold anything. */
static void html_link(const char *folder, const char *name, const char *ending, const char *label,
                      FILE *file)
{
    (void)fputs("<a href=\"", file);
    for (const char *part = folder; part != NULL; part = part == folder ? name : NULL) {
        for (const char *c = part; *c != '\0'; c++) {
            const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= 'A' && *c <= 'Z') ||
                               (*c >= '0' && *c <= '9') || strchr("-._/", *c) != NULL;
            if (plain) {
                (void)fputc(*c, file);
            } else {
                (void)fprintf(file, "%%%02X", (unsigned)(unsigned char)*c);
            }
        }
        if (part == folder) (void)fputc('/', file);
    }
    (void)fprintf(file, "%s\">%s</a>", ending, label);
}

void lb_html_links(const char *folder, const char *name, const char *const endings[2],
                   const char *const labels[2], FILE *file)
{
    if (folder == NULL) return;
    (void)fputs("<p class=links>", file);
    for (size_t i = 0; i < 2; i++) {
        if (i > 0) (void)fputc(' ', file);
        html_link(folder, name, endings[i], labels[i], file);
    }
    (void)fputs("</p>\n", file);
}

void lb_table_html(const lb_table *table, const char *folder, FILE *file)
{
    (void)fputs("<figure class=table>", file);
    if (table->folded) {
        (void)fputs("<details><summary>", file);
        lb_html_text(file, table->title);
        (void)fputs("</summary>", file);
    }
    (void)fputs("\n<div class=scroll tabindex=0 role=region aria-label=\"", file);
    lb_html_text(file, table->title);
    (void)fprintf(file, "\"><table%s>\n<thead><tr>", table->sortable ? " class=sortable" : "");
    for (size_t c = 0; c < table->columns; c++) {
        (void)fprintf(file, "<th scope=col%s>", table->is_text[c] ? " class=t" : "");
        lb_html_text(file, table->heads[c]);
        (void)fputs("</th>", file);
    }
    (void)fputs("</tr></thead>\n<tbody>\n", file);
    for (size_t r = 0; r < table->rows; r++) {
        (void)fputs("<tr>", file);
        for (size_t c = 0; c < table->columns; c++) html_cell(table, r, c, file);
        (void)fputs("</tr>\n", file);
    }
    (void)fputs("</tbody></table></div>\n", file);
    if (table->note[0] != '\0') {
        (void)fputs("<figcaption>", file);
        lb_html_text(file, table->note);
        (void)fputs("</figcaption>\n", file);
    }
    static const char *const endings[] = {".csv", ".md"}, *const labels[] = {"CSV", "Markdown"};
    lb_html_links(folder, table->name, endings, labels, file);
    (void)fputs(table->folded ? "</details></figure>\n" : "</figure>\n", file);
}

/* ---- Markdown and CSV ------------------------------------------------------------------------ */

static void markdown_text(const char *text, FILE *file)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr("|\\`*_<[", *c) != NULL) (void)fputc('\\', file);
        (void)fputc((unsigned char)*c < ' ' ? ' ' : *c, file);
    }
}

void lb_table_markdown(const lb_table *table, FILE *file)
{
    (void)fputs("**", file);
    markdown_text(table->title, file);
    (void)fputs("**\n\n|", file);
    for (size_t c = 0; c < table->columns; c++) {
        (void)fputc(' ', file);
        markdown_text(table->heads[c], file);
        (void)fputs(" |", file);
    }
    (void)fputs("\n|", file);
    for (size_t c = 0; c < table->columns; c++)
        (void)fputs(table->is_text[c] ? "---|" : "---:|", file);
    for (size_t r = 0; r < table->rows; r++) {
        (void)fputs("\n|", file);
        for (size_t c = 0; c < table->columns; c++) {
            const lb_table_cell *cell = &table->cells[r * table->columns + c];
            const char *mark = cell->look == LB_LOOK_BEST ? "**" : "";
            (void)fprintf(file, " %s", mark);
            markdown_text(cell->text, file);
            (void)fputs(mark, file);
            if (cell->note != NULL) {
                (void)fputs(" (", file);
                markdown_text(cell->note, file);
                (void)fputc(')', file);
            }
            (void)fputs(" |", file);
        }
    }
    (void)fputc('\n', file);
    if (table->note[0] != '\0') {
        (void)fputc('\n', file);
        markdown_text(table->note, file);
        (void)fputc('\n', file);
    }
}

static void csv_text(const char *text, FILE *file)
{
    if (strpbrk(text, ",\"\r\n") == NULL) {
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

void lb_table_csv(const lb_table *table, FILE *file)
{
    for (size_t c = 0; c < table->columns; c++) {
        if (c > 0) (void)fputc(',', file);
        csv_text(table->heads[c], file);
    }
    for (size_t r = 0; r < table->rows; r++) {
        (void)fputc('\n', file);
        for (size_t c = 0; c < table->columns; c++) {
            if (c > 0) (void)fputc(',', file);
            csv_text(table->cells[r * table->columns + c].text, file);
        }
    }
    (void)fputc('\n', file);
}
