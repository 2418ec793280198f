/* lowbit results ACTION ... - the store of runs and what they came to. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_table.h"
#include "cli/results_report.h"

enum { FILTER_BYTES = 4096 };

static const char *store_path = "results.sqlite", *format, *out_path;
static int json_wanted;

static const struct poptOption options[] = {
    {"store", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &store_path, 0, "the result store",
     "FILE"},
    {"format", '\0', POPT_ARG_STRING, &format, 0,
     "export: csv, json or markdown (default: as --out ends, else csv)", "NAME"},
    {"out", 'o', POPT_ARG_STRING, &out_path, 0, "export: write this file, not standard output",
     "FILE"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
     "list, show, query: print JSON, one object a line", NULL},
    POPT_TABLEEND,
};

static int fail(lb_status status)
{
    return lb_cli_error("results", (int)status);
}

/* The rest of the arguments as one filter. */
static bool take_filter(poptContext context, char filter[FILTER_BYTES])
{
    size_t at = 0;
    filter[0] = '\0';
    for (const char *part = poptGetArg(context); part != NULL; part = poptGetArg(context)) {
        const int length =
            snprintf(filter + at, FILTER_BYTES - at, "%s%s", at > 0 ? " " : "", part);
        if (length < 0 || (size_t)length >= FILTER_BYTES - at) return false;
        at += (size_t)length;
    }
    return true;
}

static int too_long(void)
{
    return lb_cli_fail("results", LB_E_ARG, "the filter is longer than %d bytes", FILTER_BYTES);
}

/* ---- list and show --------------------------------------------------------------------------- */

static lb_status print_list(lb_store *store, const char *filter)
{
    lb_run_list list = {0};
    lb_status status = lb_store_list(store, filter, &list);
    if (status == LB_OK && json_wanted) lb_cli_print_runs_json(&list);
    if (status == LB_OK && !json_wanted) {
        lb_cli_print_runs(&list);
        if (filter[0] == '\0') status = lb_cli_print_experiments(store);
    }
    lb_run_list_release(&list);
    return status;
}

static int list(lb_store *store, poptContext context)
{
    char filter[FILTER_BYTES];
    if (!take_filter(context, filter)) return too_long();
    const lb_status status = print_list(store, filter);
    return status == LB_OK ? LB_OK : fail(status);
}

/* By id where all of it are few digits and there is such a run, else by the first digits of the hash. */
static lb_status find(lb_store *store, const char *name, lb_run_list *out)
{
    enum { ID_DIGITS = 10 };
    char filter[128];
    const size_t length = strlen(name);
    if (length <= ID_DIGITS && length > 0 && name[strspn(name, "0123456789")] == '\0') {
        (void)snprintf(filter, sizeof filter, "id=%s", name);
        const lb_status status = lb_store_list(store, filter, out);
        if (status != LB_OK || out->n > 0) return status;
    }
    (void)snprintf(filter, sizeof filter, "hash=%.70s", name);
    return lb_store_list(store, filter, out);
}

static int show(lb_store *store, poptContext context)
{
    const char *name = poptGetArg(context);
    if (name == NULL || poptPeekArg(context) != NULL)
        return lb_cli_fail("results", LB_E_ARG, "show: wanted one run, its id or its hash");
    lb_run_list runs = {0};
    lb_status status = find(store, name, &runs);
    if (status != LB_OK) return fail(status);
    int exit_status = LB_OK;
    if (runs.n != 1) {
        exit_status =
            lb_cli_fail("results", LB_E_ARG,
                        runs.n == 0 ? "show: no run '%s' in %s; `lowbit results list` shows all"
                                    : "show: more than one hash begins with '%s' in %s",
                        name, store_path);
    } else {
        status = (json_wanted ? lb_cli_print_run_json : lb_cli_print_run)(store, &runs.runs[0]);
        if (status != LB_OK) exit_status = fail(status);
    }
    lb_run_list_release(&runs);
    return exit_status;
}

/* ---- query ----------------------------------------------------------------------------------- */

static int query(lb_store *store, poptContext context)
{
    const char *sql = poptGetArg(context);
    if (sql == NULL || poptPeekArg(context) != NULL)
        return lb_cli_fail("results", LB_E_ARG, "query: wanted one SQL statement, in quotes");
    lb_cli_table table = {0};
    const lb_status status = lb_store_query(store, sql, lb_cli_table_add, &table);
    int exit_status = LB_OK;
    if (status != LB_OK)
        exit_status = fail(status);
    else if (table.failed)
        exit_status = lb_cli_fail("results", LB_E_NOMEM, "query: out of memory");
    else
        (json_wanted ? lb_cli_table_print_json : lb_cli_table_print)(&table);
    lb_cli_table_release(&table);
    return exit_status;
}

/* ---- export, merge, import, forget ------------------------------------------------------------ */

static bool ends_with(const char *text, const char *end)
{
    const size_t n = strlen(text), m = strlen(end);
    return n >= m && strcmp(text + n - m, end) == 0;
}

static bool choose_format(lb_export_format *out)
{
    static const struct {
        const char *name, *end;
        lb_export_format format;
    } formats[] = {{"csv", ".csv", LB_EXPORT_CSV},
                   {"json", ".json", LB_EXPORT_JSON},
                   {"markdown", ".md", LB_EXPORT_MARKDOWN}};
    *out = LB_EXPORT_CSV;
    for (size_t i = 0; i < sizeof formats / sizeof *formats; i++) {
        const bool chosen = format != NULL
                                ? strcmp(format, formats[i].name) == 0
                                : out_path != NULL && ends_with(out_path, formats[i].end);
        if (!chosen) continue;
        *out = formats[i].format;
        return true;
    }
    return format == NULL;
}

static int export_runs(lb_store *store, poptContext context)
{
    char filter[FILTER_BYTES];
    lb_export_format wanted = LB_EXPORT_CSV;
    if (!choose_format(&wanted))
        return lb_cli_fail("results", LB_E_ARG, "--format '%s': wanted csv, json or markdown",
                           format);
    if (!take_filter(context, filter)) return too_long();
    const lb_status status = lb_store_export(store, filter, wanted, out_path);
    return status == LB_OK ? LB_OK : fail(status);
}

static int merge(lb_store *store, poptContext context)
{
    const char *other = poptGetArg(context);
    if (other == NULL) return lb_cli_fail("results", LB_E_ARG, "merge: which stores?");
    for (; other != NULL; other = poptGetArg(context)) {
        lb_merge_counts counts;
        const lb_status status = lb_store_merge(store, other, &counts);
        if (status != LB_OK) return fail(status);
        (void)printf("%s: %zu runs added, %zu brought up to date, %zu were here\n", other,
                     counts.added, counts.updated, counts.same);
    }
    return LB_OK;
}

static lb_status import_one(lb_store *store, const char *folder)
{
    char filter[64];
    int64_t id = 0;
    lb_run_list list = {0};
    lb_status status = lb_store_import(store, folder, NULL, 0.0, &id);
    (void)snprintf(filter, sizeof filter, "id=%lld", (long long)id);
    if (status == LB_OK) status = lb_store_list(store, filter, &list);
    for (size_t i = 0; status == LB_OK && i < list.n; i++) {
        const lb_run_record *r = &list.runs[i];
        (void)printf("%s: run %lld  %.12s  %s after %zu of %zu epochs, best top-1 %.2f %%\n",
                     folder, (long long)r->id, r->hash, lb_run_state_name(r->state), r->epochs,
                     r->epochs_wanted, r->best_top1);
    }
    lb_run_list_release(&list);
    return status;
}

/* A folder that holds no run does not keep the others out. */
static int import_runs(lb_store *store, poptContext context)
{
    const char *folder = poptGetArg(context);
    int exit_status = LB_OK;
    if (folder == NULL) return lb_cli_fail("results", LB_E_ARG, "import: which folders of runs?");
    for (; folder != NULL; folder = poptGetArg(context)) {
        const lb_status status = import_one(store, folder);
        if (status != LB_OK) exit_status = fail(status);
    }
    return exit_status;
}

static int forget(lb_store *store, poptContext context)
{
    const char *name = poptGetArg(context);
    if (name == NULL) return lb_cli_fail("results", LB_E_ARG, "forget: which experiments?");
    for (; name != NULL; name = poptGetArg(context)) {
        size_t cells = 0;
        const lb_status status = lb_store_forget_experiment(store, name, &cells);
        if (status != LB_OK) return fail(status);
        (void)printf("%s: %zu cell%s forgotten, their runs stay\n", name, cells,
                     cells == 1 ? "" : "s");
    }
    return LB_OK;
}

/* ---- the command ----------------------------------------------------------------------------- */

static int run(poptContext context)
{
    static const struct {
        const char *name;
        lb_store_mode mode;
        int (*run)(lb_store *store, poptContext context);
        bool prints; /* rows, also as JSON */
    } actions[] = {
        {"list", LB_STORE_READ, list, true},        {"show", LB_STORE_READ, show, true},
        {"query", LB_STORE_READ, query, true},      {"export", LB_STORE_READ, export_runs, false},
        {"merge", LB_STORE_WRITE, merge, false},    {"import", LB_STORE_WRITE, import_runs, false},
        {"forget", LB_STORE_CHANGE, forget, false},
    };
    const char *name = poptGetArg(context);
    if (name == NULL)
        return lb_cli_fail(
            "results", LB_E_ARG,
            "nothing to do; wanted list, show, query, export, merge, import or forget");
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++) {
        if (strcmp(name, actions[i].name) != 0) continue;
        if ((format != NULL || out_path != NULL) && actions[i].run != export_runs)
            return lb_cli_fail("results", LB_E_ARG, "--format and --out are for export only");
        if (json_wanted && !actions[i].prints)
            return lb_cli_fail("results", LB_E_ARG, "--json is for list, show and query only");
        lb_store *store = NULL;
        const lb_status status = lb_store_open(store_path, actions[i].mode, &store);
        if (status != LB_OK) return fail(status);
        const int exit_status = actions[i].run(store, context);
        lb_store_close(store);
        return exit_status;
    }
    return lb_cli_fail(
        "results", LB_E_ARG,
        "unknown action '%s'; wanted list, show, query, export, merge, import or forget", name);
}

const lb_command lb_command_results = {
    .name = "results",
    .summary = "list, show, query, export, merge, import and forget results",
    .arguments = "list|show|query|export|merge|import|forget ...",
    .description =
        "Works on a result store, one SQLite file that many processes may write at once. list "
        "[KEY=VALUE[,VALUE...] ...] shows the runs for which all conditions hold: keys are "
        "settings of `lowbit train` and state (running, ok, dnc, failed), experiment, hash (its "
        "first digits) and id. show RUN shows all of one run, named by id or the first digits of "
        "its hash. query SQL runs a statement that reads. export writes the runs that the "
        "conditions leave as CSV, JSON or a Markdown table. merge FILE... takes over other "
        "stores, of a run in both the more complete one. import RUN... takes the folders of runs. "
        "forget EXPERIMENT... drops the cells of experiments whose files have changed, and keeps "
        "their runs. docs/results.md describes the tables.",
    .examples = "lowbit results list method=dorefa,xnor wbits=1 state=ok\n"
                "lowbit results show 5c1e03 --store sweep.sqlite\n"
                "lowbit results query \"SELECT method, max(best_top1) FROM runs GROUP BY method\"\n"
                "lowbit results export seed=1 --out runs.csv\n"
                "lowbit results merge job-*.sqlite --store all.sqlite\n"
                "lowbit results import runs/*\n"
                "lowbit results forget my-experiment\n",
    .options = options,
    .run = run,
};
