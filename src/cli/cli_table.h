/* Rows of texts, printed as a table whose columns are aligned, or as JSON objects. */
#ifndef LB_CLI_CLI_TABLE_H
#define LB_CLI_CLI_TABLE_H

#include <stdbool.h>
#include <stddef.h>

typedef struct lb_cli_table {
    char **cells; /* rows one after the other, the columns' names first; NULL: no value */
    size_t n, capacity, columns;
    bool failed; /* out of memory: the rest was left out */
} lb_cli_table;

/** Append a row, the first one of names; `table` is an lb_cli_table. Made to be called by lb_store_query. */
void lb_cli_table_add(const char *const *values, size_t n, void *table);
void lb_cli_table_release(lb_cli_table *table);
void lb_cli_table_print(const lb_cli_table *table);
/** One object a row; all values are texts or null. */
void lb_cli_table_print_json(const lb_cli_table *table);

#endif
