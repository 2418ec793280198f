/* lowbit reproduce NAME - run an experiment of the papers and print our results beside theirs. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_duration.h"
#include "cli/cli_json.h"
#include "cli/cli_signals.h"
#include "cli/comparison_report.h"
#include "cli/sweep_report.h"
#include "cli/sweep_run.h"

enum { PATH_BYTES = 4096, COUNT_MAX = 1024 };

static int quick, list, dry_run, compare, jobs, threads, retry_failed, json, csv;
static const char *limit_time, *out, *store = "results.sqlite";

static const struct poptOption options[] = {
    {"quick", '\0', POPT_ARG_NONE, &quick, 0, "the short variant, NAME.quick", NULL},
    {"list", '\0', POPT_ARG_NONE, &list, 0, "list the experiments and stop", NULL},
    {"dry-run", '\0', POPT_ARG_NONE, &dry_run, 0, "list the cells; needs no data", NULL},
    {"compare", '\0', POPT_ARG_NONE, &compare, 0, "run nothing, print what the store has", NULL},
    {"jobs", '\0', POPT_ARG_INT, &jobs, 0, "workers at a time; 0: one a processor", "N"},
    {"threads", '\0', POPT_ARG_INT, &threads, 0, "threads of a worker; 0: processors / jobs", "N"},
    {"store", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &store, 0, "the result store",
     "FILE"},
    {"out", '\0', POPT_ARG_STRING, &out, 0, "holds the runs' folders (default: runs/NAME)",
     "FOLDER"},
    {"retry-failed", '\0', POPT_ARG_NONE, &retry_failed, 0, "run cells that failed again", NULL},
    {"limit-time", '\0', POPT_ARG_STRING, &limit_time, 0,
     "stop after this time, the next call goes on: 90s, 10m, 2h, 1d", "TIME"},
    {"json", '\0', POPT_ARG_NONE, &json, 0, "print one JSON object a line", NULL},
    {"csv", '\0', POPT_ARG_NONE, &csv, 0, "print the comparison alone, as CSV", NULL},
    POPT_TABLEEND,
};

static int fail(lb_status status)
{
    return lb_cli_error("reproduce", (int)status);
}

/* ---- list ------------------------------------------------------------------------------------ */

/* Runs of an experiment, the search's among them. */
static size_t count_runs(const lb_experiment *experiment, const lb_experiment_info *info)
{
    size_t each = info->seeds;
    for (size_t r = 0; r < info->search.rungs; r++)
        each += lb_experiment_rung_trials(experiment, r);
    return info->points * each;
}

static lb_status list_one(const char *folder, const char *name)
{
    char path[PATH_BYTES];
    lb_experiment *experiment = NULL;
    lb_status status = lb_experiment_path(folder, name, false, path, sizeof path);
    if (status == LB_OK) status = lb_experiment_open(path, &experiment);
    if (status != LB_OK) return status;
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    const size_t runs = count_runs(experiment, &info);
    if (json) {
        (void)printf("{\"name\":\"%s\",\"points\":%zu,\"runs\":%zu,\"title\":", name, info.points,
                     runs);
        lb_cli_json_string(stdout, info.title);
        (void)printf("}\n");
    } else {
        (void)printf("%-28s %6zu %6zu  %s\n", name, info.points, runs, info.title);
    }
    lb_experiment_close(experiment);
    return LB_OK;
}

static int list_all(const char *folder)
{
    lb_experiment_names names = {0};
    lb_status status = lb_experiment_names_read(folder, &names);
    if (status == LB_OK && !json) (void)printf("%-28s %6s %6s\n", "experiment", "points", "runs");
    for (size_t i = 0; i < names.n && status == LB_OK; i++)
        status = list_one(folder, names.names[i]);
    lb_experiment_names_release(&names);
    return status == LB_OK ? LB_OK : fail(status);
}

/* ---- run ------------------------------------------------------------------------------------- */

static int check_options(double *limit)
{
    if (jobs < 0 || jobs > COUNT_MAX || threads < 0 || threads > COUNT_MAX) {
        return lb_cli_fail("reproduce", LB_E_ARG,
                           "--jobs %d --threads %d: wanted numbers from 0 to %d", jobs, threads,
                           (int)COUNT_MAX);
    }
    if (limit_time != NULL && !lb_cli_duration_read(limit_time, limit)) {
        return lb_cli_fail("reproduce", LB_E_ARG,
                           "--limit-time '%s': wanted a time such as 90s, 10m, 2h or 1d",
                           limit_time);
    }
    if (json && csv)
        return lb_cli_fail("reproduce", LB_E_ARG, "--json and --csv exclude each other");
    if (dry_run && compare)
        return lb_cli_fail("reproduce", LB_E_ARG, "--dry-run and --compare exclude each other");
    return LB_OK;
}

/* With --csv nothing but the comparison goes to standard output. */
static void count_event(const lb_sweep_event *event, void *user)
{
    lb_cli_sweep_report *report = user;
    report->failed = event->failed;
    report->cells = event->cells;
}

static int sweep(const lb_experiment *experiment, const char *name, double limit, size_t *failed)
{
    char folder[PATH_BYTES], program[LB_CLI_PROGRAM_BYTES];
    (void)snprintf(folder, sizeof folder, "runs/%s", name);
    const int error = lb_cli_sweep_program("reproduce", program);
    if (error != LB_OK) return error;
    const lb_sweep_options wanted = {.store = store,
                                     .folder = out != NULL ? out : folder,
                                     .program = program,
                                     .jobs = (size_t)jobs,
                                     .threads = threads,
                                     .limit_seconds = limit,
                                     .retry_failed = retry_failed != 0};
    lb_cli_sweep_report report = {.json = json != 0, .terminal = isatty(STDOUT_FILENO) == 1};
    lb_cli_on_stop(lb_sweep_stop); /* workers end after their step */
    const lb_status status =
        lb_sweep(experiment, &wanted, csv ? count_event : lb_cli_sweep_event, &report);
    *failed = report.failed;
    return status == LB_OK ? LB_OK : fail(status);
}

static int print_comparison(const lb_experiment *experiment, const char *folder)
{
    char figures[PATH_BYTES + sizeof "/papers.csv"];
    (void)snprintf(figures, sizeof figures, "%s/papers.csv", folder);
    lb_comparison comparison = {0};
    lb_status status = lb_comparison_make(experiment, figures, store, &comparison);
    if (status != LB_OK) return fail(status);
    if (csv) {
        lb_cli_comparison_csv(&comparison);
    } else if (json) {
        lb_cli_comparison_json(experiment, &comparison);
    } else {
        (void)printf("\n");
        status = lb_cli_comparison_table(experiment, &comparison);
    }
    lb_comparison_release(&comparison);
    return status == LB_OK ? LB_OK : lb_cli_fail("reproduce", LB_E_NOMEM, "out of memory");
}

static int reproduce(const lb_experiment *experiment, const char *folder, double limit)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    if (!json && !csv) (void)printf("%s: %s\n", info.name, info.title);
    if (dry_run) {
        const lb_sweep_options wanted = {
            .store = store, .jobs = (size_t)jobs, .retry_failed = retry_failed != 0};
        const lb_status status = lb_cli_sweep_list(experiment, &wanted, json != 0);
        return status == LB_OK ? LB_OK : fail(status);
    }
    size_t failed = 0;
    int exit_status = compare ? LB_OK : sweep(experiment, info.name, limit, &failed);
    if (exit_status == LB_OK) exit_status = print_comparison(experiment, folder);
    if (exit_status != LB_OK || failed == 0) return exit_status;
    return lb_cli_fail("reproduce", LB_CLI_CELLS_FAILED,
                       "%zu cells failed; `lowbit results list state=failed` says why, "
                       "--retry-failed runs them again",
                       failed);
}

static int run(poptContext context)
{
    char folder[PATH_BYTES], path[PATH_BYTES];
    double limit = 0.0;
    const char *name = poptGetArg(context);
    const int wrong = check_options(&limit);
    if (wrong != LB_OK) return wrong;
    lb_status status = lb_experiments_folder(folder, sizeof folder);
    if (status != LB_OK) return fail(status);
    if (list && name == NULL) return list_all(folder);
    if (name == NULL || list || poptPeekArg(context) != NULL)
        return lb_cli_fail("reproduce", LB_E_ARG, "wanted one NAME, or --list, which shows them");
    lb_experiment *experiment = NULL;
    status = lb_experiment_path(folder, name, quick != 0, path, sizeof path);
    if (status == LB_OK) status = lb_experiment_open(path, &experiment);
    if (status != LB_OK) return fail(status);
    const int exit_status = reproduce(experiment, folder, limit);
    lb_experiment_close(experiment);
    return exit_status;
}

const lb_command lb_command_reproduce = {
    .name = "reproduce",
    .summary = "run a table of the papers and print ours beside theirs",
    .arguments = "NAME",
    .description =
        "Runs what the result store lacks of an experiment of the papers, as `lowbit sweep` does, "
        "and "
        "prints our accuracies and sizes beside the paper's with the difference, in the paper's "
        "layout. A stopped call goes on where it was. Experiments and figures are looked for in "
        "LOWBIT_EXPERIMENTS, the installed tree and ./experiments. Exit status 1: cells failed.",
    .examples = "lowbit reproduce --list\n"
                "lowbit reproduce P0-table6 --quick --dry-run\n"
                "lowbit reproduce P0-table6 --quick --limit-time 2h\n"
                "lowbit reproduce P0-table6 --quick --compare --csv\n",
    .options = options,
    .run = run,
};
