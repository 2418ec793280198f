/* Reading runs, and the rows of one run. */
#include "lab/store_run_rows.h"

#define READ(column, kind) LB_TRY(lb_read_##kind(&source, at++, &record->column));

/* A reader of records whose columns stand behind a first one. */
#define DEFINE_READER(name, type, COLUMNS)                                                \
    static lb_status name(const lb_store *store, sqlite3_stmt *statement, lb_records *rs) \
    {                                                                                     \
        void *block = NULL;                                                               \
        LB_TRY(lb_records_add(rs, &block));                                               \
        type *record = block;                                                             \
        const lb_field_source source = {store, statement, rs};                            \
        int at = 1;                                                                       \
        COLUMNS(READ)                                                                     \
        return LB_OK;                                                                     \
    }
DEFINE_READER(read_run_columns, lb_run_record, LB_RUN_COLUMNS)
DEFINE_READER(read_epoch, lb_epoch_record, LB_EPOCH_COLUMNS)
DEFINE_READER(read_layer, lb_layer_record, LB_LAYER_COLUMNS)
DEFINE_READER(read_histogram, lb_histogram_record, LB_HISTOGRAM_COLUMNS)

lb_status lb_read_run(const lb_store *store, sqlite3_stmt *statement, lb_records *records)
{
    LB_TRY(read_run_columns(store, statement, records));
    lb_run_record *runs = records->items;
    runs[records->n - 1].id = sqlite3_column_int64(statement, 0);
    return LB_OK;
}

lb_status lb_store_collect(lb_store *store, sqlite3_stmt *statement, lb_row_reader *read,
                           lb_records *records)
{
    bool row = false;
    lb_status status = lb_store_step(store, statement, &row);
    while (status == LB_OK && row) {
        status = read(store, statement, records);
        if (status == LB_OK) status = lb_store_step(store, statement, &row);
    }
    (void)sqlite3_reset(statement);
    if (status != LB_OK) {
        lb_records_free(records->items);
        records->items = NULL;
    }
    return status;
}

lb_status lb_store_find(lb_store *store, const char *hash, bool *found, lb_run_record *out)
{
    sqlite3_stmt *statement = NULL;
    lb_records records = {.size = sizeof(lb_run_record)};
    lb_records_free(store->found);
    store->found = NULL;
    LB_TRY(lb_store_statement(store, LB_SELECT_RUNS "WHERE hash = ?", &statement));
    lb_bind_text(statement, 1, &hash);
    LB_TRY(lb_store_collect(store, statement, lb_read_run, &records));
    store->found = records.items;
    *found = records.n > 0;
    if (*found) *out = *(lb_run_record *)records.items;
    return LB_OK;
}

/* All rows of one run. */
static lb_status rows_of_run(lb_store *store, const char *sql, int64_t run, lb_row_reader *read,
                             lb_records *records)
{
    sqlite3_stmt *statement = NULL;
    LB_TRY(lb_store_statement(store, sql, &statement));
    (void)sqlite3_bind_int64(statement, 1, run);
    return lb_store_collect(store, statement, read, records);
}

const char *lb_select_epochs(const lb_store *store)
{
    static const char now[] =
        "SELECT run" LB_EPOCH_COLUMNS(LB_SQL_NAME) " FROM epochs WHERE run = ? ORDER BY epoch";
    static const char of_version_1[] = "SELECT run" LB_PLAIN_EPOCH_COLUMNS(LB_SQL_NAME)
        LB_MIXED_EPOCH_COLUMNS(LB_SQL_NULL) " FROM epochs WHERE run = ? ORDER BY epoch";
    return store->version == 1 ? of_version_1 : now;
}

lb_status lb_store_epochs(lb_store *store, int64_t run_id, lb_epoch_record **out, size_t *n)
{
    lb_records records = {.size = sizeof **out};
    LB_TRY(rows_of_run(store, lb_select_epochs(store), run_id, read_epoch, &records));
    *out = records.items;
    *n = records.n;
    return LB_OK;
}

lb_status lb_store_layers(lb_store *store, int64_t run_id, lb_layer_record **out, size_t *n)
{
    static const char sql[] =
        "SELECT run" LB_LAYER_COLUMNS(LB_SQL_NAME) " FROM layers WHERE run = ? ORDER BY position";
    lb_records records = {.size = sizeof **out};
    LB_TRY(rows_of_run(store, sql, run_id, read_layer, &records));
    *out = records.items;
    *n = records.n;
    return LB_OK;
}

lb_status lb_store_histograms(lb_store *store, int64_t run_id, lb_histogram_record **out, size_t *n)
{
    static const char sql[] = "SELECT run" LB_HISTOGRAM_COLUMNS(
        LB_SQL_NAME) " FROM histograms WHERE run = ? ORDER BY position";
    lb_records records = {.size = sizeof **out};
    LB_TRY(rows_of_run(store, sql, run_id, read_histogram, &records));
    *out = records.items;
    *n = records.n;
    return LB_OK;
}
