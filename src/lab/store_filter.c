/* Filters: "KEY=VALUE[,VALUE...] ..." as a condition on runs with its values bound, and the list of runs they leave.
 *
 * A key is a setting, whose values are brought to their canonical form first (lr=1e-3 finds 0.001), or one of
 * `state`, `experiment`, `hash` (a prefix) and `id`. Settings that are lists are not split at their commas. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/suggest.h"
#include "lab/store_run_rows.h"
#include "train/description.h"

enum { MAX_VALUES = 256, CONDITION_BYTES = 4096 };

typedef enum own_key { BY_STATE, BY_EXPERIMENT, BY_HASH, BY_ID, N_OWN } own_key;
static const char *const own_keys[N_OWN] = {"state", "experiment", "hash", "id"};

/* A condition as it grows. */
typedef struct condition {
    char sql[CONDITION_BYTES];
    size_t at;
    const char *values[MAX_VALUES]; /* of its marks, in order */
    size_t n;
    lb_arena arena; /* owns the values */
} condition;

static lb_status add_sql(condition *c, const char *sql)
{
    const size_t length = strlen(sql);
    if (c->at + length >= sizeof c->sql) return lb_fail(LB_E_ARG, "filter: too many conditions");
    memcpy(c->sql + c->at, sql, length + 1);
    c->at += length;
    return LB_OK;
}

static lb_status add_value(condition *c, const char *value)
{
    if (c->n == MAX_VALUES) return lb_fail(LB_E_ARG, "filter: more than %d values", MAX_VALUES);
    char *kept = NULL;
    LB_TRY(lb_arena_strdup(&c->arena, value, &kept));
    c->values[c->n++] = kept;
    return LB_OK;
}

/* ---- values ---------------------------------------------------------------------------------- */

static lb_status unknown_key(const char *key)
{
    const char *names[LB_N_KEYS + N_OWN];
    for (size_t k = 0; k < LB_N_KEYS; k++) names[k] = lb_setting_table[k].key;
    for (size_t k = 0; k < N_OWN; k++) names[LB_N_KEYS + k] = own_keys[k];
    const char *near = lb_suggest(key, names, LB_N_KEYS + N_OWN);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "filter: unknown key '%s'; did you mean '%s'?", key, near);
    return lb_fail(
        LB_E_ARG, "filter: unknown key '%s'; wanted a setting, state, experiment, hash or id", key);
}

static lb_status add_setting_value(condition *c, lb_key key, const char *value)
{
    char *text = NULL;
    lb_status status = lb_setting_canonical(key, value, &text);
    if (status == LB_OK && key == LB_KEY_DATA) {
        lb_free(text);
        text = NULL;
        status = lb_data_identity(value, &text);
    }
    if (status == LB_OK) status = add_value(c, text);
    lb_free(text);
    return status == LB_E_ARG ? lb_fail_in(LB_E_ARG, "filter") : status;
}

static bool is_state(const char *value)
{
    for (int s = LB_RUN_RUNNING; s <= LB_RUN_FAILED; s++) {
        if (strcmp(value, lb_run_state_name((lb_run_state)s)) == 0) return true;
    }
    return false;
}

static lb_status add_own_value(condition *c, own_key key, const char *value)
{
    char pattern[LB_RUN_HASH_BYTES + 1];
    switch (key) {
    case BY_STATE:
        if (is_state(value)) return add_value(c, value);
        return lb_fail(LB_E_ARG, "filter: state '%s': wanted running, ok, dnc or failed", value);
    case BY_HASH:
        if (value[0] == '\0' || value[strspn(value, "0123456789abcdef")] != '\0' ||
            strlen(value) >= LB_RUN_HASH_BYTES) {
            return lb_fail(LB_E_ARG,
                           "filter: hash '%s': wanted the first of its hexadecimal digits", value);
        }
        (void)snprintf(pattern, sizeof pattern, "%s*", value);
        return add_value(c, pattern);
    case BY_ID:
        if (value[0] != '\0' && value[strspn(value, "0123456789")] == '\0')
            return add_value(c, value);
        return lb_fail(LB_E_ARG, "filter: id '%s': wanted a whole number", value);
    case BY_EXPERIMENT:
    case N_OWN: break;
    }
    return add_value(c, value);
}

/* ---- one part: KEY=VALUE,VALUE --------------------------------------------------------------- */

/* What stands around the marks of a key's values. */
typedef struct shape {
    const char *before, *mark, *between, *after;
} shape;

static const shape own_shapes[N_OWN] = {
    [BY_STATE] = {"state IN (", "?", ", ", ")"},
    [BY_EXPERIMENT] = {"hash IN (SELECT c.hash FROM cells c JOIN experiments e ON e.id = "
                       "c.experiment WHERE e.name IN (",
                       "?", ", ", "))"},
    [BY_HASH] = {"(", "hash GLOB ?", " OR ", ")"},
    [BY_ID] = {"id IN (", "CAST (? AS INTEGER)", ", ", ")"},
};

/* Quantizers that the method chose stand in the run's row only. */
static shape setting_shape(lb_key key)
{
    if (key == LB_KEY_WEIGHTS) return (shape){"weights IN (", "?", ", ", ")"};
    if (key == LB_KEY_ACTIVATIONS) return (shape){"activations IN (", "?", ", ", ")"};
    return (shape){"id IN (SELECT run FROM settings WHERE key = ? AND value IN (", "?", ", ", "))"};
}

static bool is_list(lb_key key)
{
    const lb_value_kind kind = lb_setting_rules[key].kind;
    return kind == LB_VALUE_WHOLES || kind == LB_VALUE_NAMES || key == LB_KEY_AUGMENT;
}

static bool find_own(const char *key, own_key *out)
{
    for (size_t k = 0; k < N_OWN; k++) {
        if (strcmp(key, own_keys[k]) != 0) continue;
        *out = (own_key)k;
        return true;
    }
    return false;
}

static lb_status add_part(condition *c, const char *key, char *values)
{
    own_key own = N_OWN;
    lb_key setting = LB_N_KEYS;
    const bool is_own = find_own(key, &own);
    if (!is_own && lb_setting_find(key, &setting) != LB_OK) return unknown_key(key);
    const shape s = is_own ? own_shapes[own] : setting_shape(setting);
    LB_TRY(add_sql(c, c->at == 0 ? "WHERE " : " AND "));
    LB_TRY(add_sql(c, s.before));
    if (strstr(s.before, "?") != NULL) LB_TRY(add_value(c, key));
    for (char *value = values; value != NULL;) {
        char *comma = !is_own && is_list(setting) ? NULL : strchr(value, ',');
        if (comma != NULL) *comma = '\0';
        if (value != values) LB_TRY(add_sql(c, s.between));
        LB_TRY(add_sql(c, s.mark));
        LB_TRY(is_own ? add_own_value(c, own, value) : add_setting_value(c, setting, value));
        value = comma != NULL ? comma + 1 : NULL;
    }
    return add_sql(c, s.after);
}

static lb_status parse(const char *filter, condition *c)
{
    char *copy = NULL, *rest = NULL;
    LB_TRY(lb_arena_strdup(&c->arena, filter, &copy));
    for (char *part = strtok_r(copy, " ", &rest); part != NULL; part = strtok_r(NULL, " ", &rest)) {
        char *values = strchr(part, '=');
        if (values == NULL || values == part) {
            return lb_fail(LB_E_ARG,
                           "filter: '%s': wanted KEY=VALUE[,VALUE...], as in method=dorefa", part);
        }
        *values++ = '\0';
        LB_TRY(add_part(c, part, values));
    }
    return LB_OK;
}

/* ---- the list -------------------------------------------------------------------------------- */

static lb_status select_runs(lb_store *store, condition *c, lb_records *records)
{
    static const char head[] = LB_SELECT_RUNS, tail[] = " ORDER BY id";
    char sql[sizeof head + CONDITION_BYTES + sizeof tail];
    (void)snprintf(sql, sizeof sql, "%s%s%s", head, c->sql, tail);
    sqlite3_stmt *statement = NULL;
    if (sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) != SQLITE_OK)
        return lb_store_fail(store);
    for (size_t i = 0; i < c->n; i++) lb_bind_text(statement, (int)i + 1, &c->values[i]);
    const lb_status status = lb_store_collect(store, statement, lb_read_run, records);
    (void)sqlite3_finalize(statement);
    return status;
}

lb_status lb_store_list(lb_store *store, const char *filter, lb_run_list *out)
{
    lb_records records = {.size = sizeof(lb_run_record)};
    condition c = {.at = 0};
    lb_status status = parse(filter != NULL ? filter : "", &c);
    if (status == LB_OK) status = select_runs(store, &c, &records);
    lb_arena_release(&c.arena);
    if (status == LB_OK)
        *out = (lb_run_list){.runs = records.items, .n = records.n, .memory = records.items};
    return status;
}

void lb_run_list_release(lb_run_list *list)
{
    lb_records_free(list->memory);
    *list = (lb_run_list){0};
}
