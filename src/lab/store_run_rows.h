/* The row of a run, for those who work on statements. */
#ifndef LB_LAB_STORE_RUN_ROWS_H
#define LB_LAB_STORE_RUN_ROWS_H

#include "lab/store_fields.h"

/* SELECT of whole records; a condition may follow. */
#define LB_SELECT_RUNS "SELECT id" LB_RUN_COLUMNS(LB_SQL_NAME) " FROM runs "

/* Appends the record of the statement's current row. */
typedef lb_status lb_row_reader(const lb_store *store, sqlite3_stmt *statement,
                                lb_records *records);
lb_row_reader lb_read_run;

/** Read all rows of a statement that is bound. Errors: of SQLite and of `read`; nothing is kept then. */
LB_MUST_CHECK lb_status lb_store_collect(lb_store *store, sqlite3_stmt *statement,
                                         lb_row_reader *read, lb_records *records);

/** SELECT of the epochs of one run (?) in order, from tables of the store's version. */
const char *lb_select_epochs(const lb_store *store);

/** Insert or replace the row of a run alone; *run_id is its id. */
LB_MUST_CHECK lb_status lb_store_put_run_row(lb_store *store, const lb_run_record *record,
                                             int64_t *run_id);
/** Delete all of a run but its row. */
LB_MUST_CHECK lb_status lb_store_clear_run(lb_store *store, int64_t run);

#endif
