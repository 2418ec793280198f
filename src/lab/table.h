/* A table of texts, written as HTML, Markdown and CSV. */
#ifndef LB_LAB_TABLE_H
#define LB_LAB_TABLE_H

#include <stdio.h>

#include "base/memory.h"

typedef enum lb_table_look {
    LB_LOOK_PLAIN,
    LB_LOOK_BEST, /* the best of its column */
    LB_LOOK_WEAK  /* no figure: -, DNC, failed */
} lb_table_look;

typedef struct lb_table_cell {
    const char *text;
    const char *note; /* smaller, behind the text; NULL: none; left out of CSV */
    lb_table_look look;
    double bar; /* share of a bar behind the text, 0: none */
} lb_table_cell;

typedef struct lb_table {
    const char *name;  /* of its files, without ending */
    const char *title; /* one line                     */
    const char *note;  /* a paragraph under it; "": none */
    size_t rows, columns;
    size_t row_headers;    /* so many columns of the left name the row */
    const char **heads;    /* (columns)                                */
    bool *is_text;         /* (columns): set flush left                */
    lb_table_cell *cells;  /* (rows, columns) */
    bool sortable, folded; /* HTML: by its heads, with a script; closed at first */
    lb_arena *arena;
} lb_table;

/** An empty table; its memory is the arena's. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_table_init(lb_table *table, lb_arena *arena, size_t rows,
                                      size_t columns);
/** Print the text of a cell. Errors: LB_E_NOMEM. */
LB_MUST_CHECK LB_PRINTF(4, 5) lb_status
    lb_table_print(lb_table *table, size_t row, size_t column, const char *fmt, ...);
/** Print any text into the arena. Errors: LB_E_NOMEM. */
LB_MUST_CHECK LB_PRINTF(3, 4) lb_status
    lb_arena_print(lb_arena *arena, const char **out, const char *fmt, ...);

/** Write a text with what HTML would take for marks as entities, and control characters as blanks. */
void lb_html_text(FILE *file, const char *text);

/** Links to the files NAME.ENDING of a folder; a NULL folder: nothing. */
void lb_html_links(const char *folder, const char *name, const char *const endings[2],
                   const char *const labels[2], FILE *file);

/** A <figure> with the table in it; `folder` is where its files lie, NULL: nowhere. */
void lb_table_html(const lb_table *table, const char *folder, FILE *file);
void lb_table_markdown(const lb_table *table, FILE *file);
void lb_table_csv(const lb_table *table, FILE *file);

#endif
