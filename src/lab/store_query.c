/* Queries of the user: one statement that reads. An authorizer lets it select, read and call functions, and nothing
 * else: no PRAGMA, no ATTACH, no transaction. */
#include <string.h>

#include "base/memory.h"
#include "lab/store.h"

static int authorize(void *user, int action, const char *a, const char *b, const char *c,
                     const char *d)
{
    (void)user, (void)a, (void)c, (void)d;
    switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_RECURSIVE: return SQLITE_OK;
    case SQLITE_FUNCTION: return strcmp(b, "load_extension") == 0 ? SQLITE_DENY : SQLITE_OK;
    default: return SQLITE_DENY;
    }
}

/* Everything behind the first statement but blanks and semicolons. */
static const char *rest_of(const char *tail)
{
    return tail + strspn(tail, " \t\r\n;");
}

static lb_status prepare(lb_store *store, const char *sql, sqlite3_stmt **out)
{
    const char *tail = "";
    (void)sqlite3_set_authorizer(store->db, authorize, NULL);
    const int code = sqlite3_prepare_v2(store->db, sql, -1, out, &tail);
    (void)sqlite3_set_authorizer(store->db, NULL, NULL);
    /* VACUUM asks for nothing while it is prepared, but has no columns */
    const bool reads = sqlite3_stmt_readonly(*out) != 0 && sqlite3_column_count(*out) > 0;
    if (code == SQLITE_AUTH || (*out != NULL && !reads))
        return lb_fail(LB_E_ARG, "query: only statements that read are run: SELECT ...");
    if (code == SQLITE_ERROR || code == SQLITE_TOOBIG)
        return lb_fail(LB_E_ARG, "query: %s", sqlite3_errmsg(store->db));
    if (code != SQLITE_OK) return lb_store_fail(store);
    if (*out == NULL) return lb_fail(LB_E_ARG, "query: empty; wanted SELECT ...");
    if (*rest_of(tail) != '\0')
        return lb_fail(LB_E_ARG, "query: one statement at a time; left over: '%.40s'",
                       rest_of(tail));
    return LB_OK;
}

static lb_status hand_over(lb_store *store, sqlite3_stmt *statement, const char **values,
                           void (*row)(const char *const *values, size_t n, void *user), void *user)
{
    const int n = sqlite3_column_count(statement);
    for (int i = 0; i < n; i++) values[i] = sqlite3_column_name(statement, i);
    row(values, (size_t)n, user);
    int code = sqlite3_step(statement);
    for (; code == SQLITE_ROW; code = sqlite3_step(statement)) {
        for (int i = 0; i < n; i++) values[i] = (const char *)sqlite3_column_text(statement, i);
        row(values, (size_t)n, user);
    }
    if (code == SQLITE_DONE) return LB_OK;
    if ((code & 0xff) == SQLITE_ERROR)
        return lb_fail(LB_E_ARG, "query: %s", sqlite3_errmsg(store->db));
    return lb_store_fail(store);
}

lb_status lb_store_query(lb_store *store, const char *sql,
                         void (*row)(const char *const *values, size_t n, void *user), void *user)
{
    sqlite3_stmt *statement = NULL;
    void *values = NULL;
    lb_status status = prepare(store, sql, &statement);
    if (status == LB_OK)
        status =
            lb_alloc((size_t)sqlite3_column_count(statement), sizeof(char *), "columns", &values);
    if (status == LB_OK) status = hand_over(store, statement, values, row, user);
    lb_free(values);
    (void)sqlite3_finalize(statement);
    return status;
}
