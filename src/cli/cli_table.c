/* Tables of texts. */
#include "cli/cli_table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_json.h"

static bool grow(lb_cli_table *t)
{
    if (t->n + t->columns <= t->capacity) return true;
    const size_t capacity = 2 * t->capacity + 16 * t->columns;
    char **cells = realloc(t->cells, capacity * sizeof *cells);
    if (cells == NULL) return false;
    t->cells = cells;
    t->capacity = capacity;
    return true;
}

void lb_cli_table_add(const char *const *values, size_t n, void *table)
{
    lb_cli_table *t = table;
    t->columns = n;
    t->failed = t->failed || !grow(t);
    for (size_t i = 0; i < n && !t->failed; i++) {
        char *copy = values[i] != NULL ? strdup(values[i]) : NULL;
        t->failed = values[i] != NULL && copy == NULL;
        t->cells[t->n++] = copy;
    }
}

void lb_cli_table_release(lb_cli_table *t)
{
    for (size_t i = 0; i < t->n; i++) free(t->cells[i]);
    free(t->cells);
    *t = (lb_cli_table){0};
}

static int width_of(const lb_cli_table *t, size_t column)
{
    size_t width = 0;
    for (size_t i = column; i < t->n; i += t->columns) {
        const size_t length = t->cells[i] != NULL ? strlen(t->cells[i]) : 0;
        if (length > width) width = length;
    }
    return (int)width;
}

void lb_cli_table_print(const lb_cli_table *t)
{
    int *widths = calloc(t->columns + 1, sizeof *widths); /* without it, columns are not aligned */
    for (size_t c = 0; widths != NULL && c < t->columns; c++) widths[c] = width_of(t, c);
    for (size_t i = 0; i < t->n; i++) {
        const size_t column = i % t->columns;
        const char *text = t->cells[i] != NULL ? t->cells[i] : "";
        if (column + 1 == t->columns)
            (void)printf("%s\n", text);
        else
            (void)printf("%-*s  ", widths != NULL ? widths[column] : 0, text);
    }
    free(widths);
}

void lb_cli_table_print_json(const lb_cli_table *t)
{
    for (size_t i = t->columns; i < t->n; i++) {
        const size_t column = i % t->columns;
        (void)printf(column == 0 ? "{" : ",");
        lb_cli_json_string(stdout, t->cells[column]);
        (void)printf(":");
        if (t->cells[i] != NULL)
            lb_cli_json_string(stdout, t->cells[i]);
        else
            (void)printf("null");
        if (column + 1 == t->columns) (void)printf("}\n");
    }
}
