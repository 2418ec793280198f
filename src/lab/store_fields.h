/* Binding and reading one field, by the kind of its column (lab/store_schema.h). A value that a file has no right to
 * (negative counts, a state that does not exist) is read as 0 or refused. */
#ifndef LB_LAB_STORE_FIELDS_H
#define LB_LAB_STORE_FIELDS_H

#include "lab/store_records.h"
#include "lab/store_schema.h"

void lb_bind_text(sqlite3_stmt *statement, int column, const char *const *value);
void lb_bind_key(sqlite3_stmt *statement, int column, const char (*value)[LB_RUN_HASH_BYTES]);
void lb_bind_hash(sqlite3_stmt *statement, int column, const char (*value)[LB_RUN_HASH_BYTES]);
void lb_bind_state(sqlite3_stmt *statement, int column, const lb_run_state *value);
void lb_bind_stage(sqlite3_stmt *statement, int column, const lb_cell_stage *value);
void lb_bind_whole(sqlite3_stmt *statement, int column, const int *value);
void lb_bind_flag(sqlite3_stmt *statement, int column, const bool *value);
void lb_bind_seed(sqlite3_stmt *statement, int column, const uint64_t *value);
void lb_bind_size(sqlite3_stmt *statement, int column, const size_t *value);
void lb_bind_real(sqlite3_stmt *statement, int column, const double *value);
void lb_bind_optional(sqlite3_stmt *statement, int column, const double *value); /* NaN: NULL */
void lb_bind_bins(sqlite3_stmt *statement, int column, const double (*value)[LB_HISTOGRAM_BINS]);
void lb_bind_reference(sqlite3_stmt *statement, int column, const int64_t *value);

/* Where a field is read from, and what its texts live with. */
typedef struct lb_field_source {
    const lb_store *store;
    sqlite3_stmt *statement;
    const lb_records *records;
} lb_field_source;

LB_MUST_CHECK lb_status lb_read_text(const lb_field_source *s, int column, const char **out);
LB_MUST_CHECK lb_status lb_read_key(const lb_field_source *s, int column,
                                    char (*out)[LB_RUN_HASH_BYTES]);
LB_MUST_CHECK lb_status lb_read_hash(const lb_field_source *s, int column,
                                     char (*out)[LB_RUN_HASH_BYTES]);
LB_MUST_CHECK lb_status lb_read_state(const lb_field_source *s, int column, lb_run_state *out);
LB_MUST_CHECK lb_status lb_read_stage(const lb_field_source *s, int column, lb_cell_stage *out);
LB_MUST_CHECK lb_status lb_read_whole(const lb_field_source *s, int column, int *out);
LB_MUST_CHECK lb_status lb_read_flag(const lb_field_source *s, int column, bool *out);
LB_MUST_CHECK lb_status lb_read_seed(const lb_field_source *s, int column, uint64_t *out);
LB_MUST_CHECK lb_status lb_read_size(const lb_field_source *s, int column, size_t *out);
LB_MUST_CHECK lb_status lb_read_real(const lb_field_source *s, int column, double *out);
LB_MUST_CHECK lb_status lb_read_optional(const lb_field_source *s, int column, double *out);
LB_MUST_CHECK lb_status lb_read_bins(const lb_field_source *s, int column,
                                     double (*out)[LB_HISTOGRAM_BINS]);
LB_MUST_CHECK lb_status lb_read_reference(const lb_field_source *s, int column, int64_t *out);

#endif
