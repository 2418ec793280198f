/* Fields of records as columns. */
#include "lab/store_fields.h"

#include <limits.h>
#include <math.h>
#include <string.h>

#include "base/compiler.h"

static const char *const states[] = {"running", "ok", "dnc", "failed"};
static const char *const stages[] = {"search", "full"};
enum { N_STATES = sizeof states / sizeof *states, N_STAGES = sizeof stages / sizeof *stages };

const char *lb_run_state_name(lb_run_state state)
{
    return states[state];
}

/* ---- binding: texts outlive the statement's run ---------------------------------------------- */

void lb_bind_text(sqlite3_stmt *statement, int column, const char *const *value)
{
    (void)sqlite3_bind_text(statement, column, *value, -1, SQLITE_STATIC);
}

void lb_bind_key(sqlite3_stmt *statement, int column, const char (*value)[LB_RUN_HASH_BYTES])
{
    (void)sqlite3_bind_text(statement, column, *value, -1, SQLITE_STATIC);
}

void lb_bind_hash(sqlite3_stmt *statement, int column, const char (*value)[LB_RUN_HASH_BYTES])
{
    lb_bind_key(statement, column, value);
}

void lb_bind_state(sqlite3_stmt *statement, int column, const lb_run_state *value)
{
    lb_bind_text(statement, column, &states[*value]);
}

void lb_bind_stage(sqlite3_stmt *statement, int column, const lb_cell_stage *value)
{
    lb_bind_text(statement, column, &stages[*value]);
}

void lb_bind_whole(sqlite3_stmt *statement, int column, const int *value)
{
    (void)sqlite3_bind_int(statement, column, *value);
}

void lb_bind_flag(sqlite3_stmt *statement, int column, const bool *value)
{
    (void)sqlite3_bind_int(statement, column, *value ? 1 : 0);
}

void lb_bind_seed(sqlite3_stmt *statement, int column, const uint64_t *value)
{
    (void)sqlite3_bind_int64(statement, column, (int64_t)*value);
}

void lb_bind_size(sqlite3_stmt *statement, int column, const size_t *value)
{
    (void)sqlite3_bind_int64(statement, column, (int64_t)*value);
}

void lb_bind_real(sqlite3_stmt *statement, int column, const double *value)
{
    (void)sqlite3_bind_double(statement, column, *value);
}

void lb_bind_optional(sqlite3_stmt *statement, int column, const double *value)
{
    if (isnan(*value))
        (void)sqlite3_bind_null(statement, column);
    else
        lb_bind_real(statement, column, value);
}

/* 64 float32, little-endian */
void lb_bind_bins(sqlite3_stmt *statement, int column, const double (*value)[LB_HISTOGRAM_BINS])
{
    uint32_t bits[LB_HISTOGRAM_BINS];
    for (size_t i = 0; i < LB_HISTOGRAM_BINS; i++) {
        const float share = (float)(*value)[i];
        memcpy(&bits[i], &share, sizeof share);
        bits[i] = LB_LITTLE_32(bits[i]);
    }
    (void)sqlite3_bind_blob(statement, column, bits, sizeof bits, SQLITE_TRANSIENT);
}

void lb_bind_reference(sqlite3_stmt *statement, int column, const int64_t *value)
{
    if (*value != 0)
        (void)sqlite3_bind_int64(statement, column, *value);
    else
        (void)sqlite3_bind_null(statement, column);
}

/* ---- reading --------------------------------------------------------------------------------- */

static lb_status damaged(const lb_field_source *s, int column)
{
    return lb_fail(LB_E_FORMAT, "%s: damaged: bad value of '%s'", s->store->path,
                   sqlite3_column_name(s->statement, column));
}

static const char *text_at(const lb_field_source *s, int column)
{
    const char *text = (const char *)sqlite3_column_text(s->statement, column);
    return text != NULL ? text : "";
}

lb_status lb_read_text(const lb_field_source *s, int column, const char **out)
{
    return lb_records_text(s->records, text_at(s, column), out);
}

lb_status lb_read_hash(const lb_field_source *s, int column, char (*out)[LB_RUN_HASH_BYTES])
{
    const char *text = text_at(s, column);
    const size_t digits = strspn(text, "0123456789abcdef");
    if (text[digits] != '\0' || (digits != 0 && digits != LB_RUN_HASH_BYTES - 1))
        return damaged(s, column);
    memcpy(*out, text, digits + 1);
    return LB_OK;
}

lb_status lb_read_key(const lb_field_source *s, int column, char (*out)[LB_RUN_HASH_BYTES])
{
    LB_TRY(lb_read_hash(s, column, out));
    return (*out)[0] != '\0' ? LB_OK : damaged(s, column);
}

static lb_status read_word(const lb_field_source *s, int column, const char *const *words,
                           size_t n_words, size_t *out)
{
    const char *text = text_at(s, column);
    for (size_t i = 0; i < n_words; i++) {
        if (strcmp(text, words[i]) != 0) continue;
        *out = i;
        return LB_OK;
    }
    return damaged(s, column);
}

lb_status lb_read_state(const lb_field_source *s, int column, lb_run_state *out)
{
    size_t word = 0;
    LB_TRY(read_word(s, column, states, N_STATES, &word));
    *out = (lb_run_state)word;
    return LB_OK;
}

lb_status lb_read_stage(const lb_field_source *s, int column, lb_cell_stage *out)
{
    size_t word = 0;
    LB_TRY(read_word(s, column, stages, N_STAGES, &word));
    *out = (lb_cell_stage)word;
    return LB_OK;
}

static lb_status read_between(const lb_field_source *s, int column, int64_t low, int64_t high,
                              int64_t *out)
{
    const int64_t value = sqlite3_column_int64(s->statement, column);
    if (value < low || value > high) return damaged(s, column);
    *out = value;
    return LB_OK;
}

lb_status lb_read_whole(const lb_field_source *s, int column, int *out)
{
    int64_t value = 0;
    LB_TRY(read_between(s, column, INT_MIN, INT_MAX, &value));
    *out = (int)value;
    return LB_OK;
}

lb_status lb_read_flag(const lb_field_source *s, int column, bool *out)
{
    *out = sqlite3_column_int64(s->statement, column) != 0;
    return LB_OK;
}

lb_status lb_read_seed(const lb_field_source *s, int column, uint64_t *out)
{
    int64_t value = 0;
    LB_TRY(read_between(s, column, 0, INT64_MAX, &value));
    *out = (uint64_t)value;
    return LB_OK;
}

lb_status lb_read_size(const lb_field_source *s, int column, size_t *out)
{
    int64_t value = 0;
    LB_TRY(read_between(s, column, 0, INT64_MAX, &value));
    *out = (size_t)value;
    return LB_OK;
}

lb_status lb_read_real(const lb_field_source *s, int column, double *out)
{
    *out = sqlite3_column_double(s->statement, column);
    return LB_OK;
}

lb_status lb_read_optional(const lb_field_source *s, int column, double *out)
{
    const bool is_null = sqlite3_column_type(s->statement, column) == SQLITE_NULL;
    *out = is_null ? (double)NAN : sqlite3_column_double(s->statement, column);
    return LB_OK;
}

lb_status lb_read_bins(const lb_field_source *s, int column, double (*out)[LB_HISTOGRAM_BINS])
{
    uint32_t bits[LB_HISTOGRAM_BINS];
    const void *blob = sqlite3_column_blob(s->statement, column);
    if (blob == NULL || sqlite3_column_bytes(s->statement, column) != (int)sizeof bits)
        return damaged(s, column);
    memcpy(bits, blob, sizeof bits);
    for (size_t i = 0; i < LB_HISTOGRAM_BINS; i++) {
        float share = 0.0f;
        bits[i] = LB_LITTLE_32(bits[i]);
        memcpy(&share, &bits[i], sizeof share);
        (*out)[i] = share;
    }
    return LB_OK;
}

lb_status lb_read_reference(const lb_field_source *s, int column, int64_t *out)
{
    return read_between(s, column, 0, INT64_MAX, out); /* NULL reads as 0 */
}
