/* lowbit sweep - run an experiment file's cells in worker processes. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_duration.h"
#include "cli/cli_signals.h"
#include "cli/sweep_report.h"
#include "cli/sweep_run.h"

enum { PATH_BYTES = 4096, SLURM_OPTIONS_MAX = 64 };

static int jobs, threads, dry_run, resume, retry_failed, again, json, slurm, cell, trial;
static const char *limit_time, *out, *store = "results.sqlite";
static const char **slurm_options;
static double slurm_poll;

static const struct poptOption options[] = {
    {"jobs", '\0', POPT_ARG_INT, &jobs, 0,
     "workers at a time; 0: one a processor (--slurm: as many as the cluster gives)", "N"},
    {"threads", '\0', POPT_ARG_INT, &threads, 0,
     "threads of a worker; 0: processors / jobs (--slurm: 1)", "N"},
    {"store", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &store, 0, "the result store",
     "FILE"},
    {"out", '\0', POPT_ARG_STRING, &out, 0, "holds the runs' folders (default: runs/NAME)",
     "FOLDER"},
    {"dry-run", '\0', POPT_ARG_NONE, &dry_run, 0, "list the cells and write nothing", NULL},
    {"resume", '\0', POPT_ARG_NONE, &resume, 0, "go on with the cells that are in the store", NULL},
    {"retry-failed", '\0', POPT_ARG_NONE, &retry_failed, 0,
     "go on, and run cells that failed again", NULL},
    {"again", '\0', POPT_ARG_NONE, &again, 0, "run all cells again, also those that are done",
     NULL},
    {"limit-time", '\0', POPT_ARG_STRING, &limit_time, 0,
     "stop after this time, ready to be resumed: 90s, 10m, 2h, 1d", "TIME"},
    {"json", '\0', POPT_ARG_NONE, &json, 0, "print one JSON object a line", NULL},
    {"slurm", '\0', POPT_ARG_NONE, &slurm, 0, "run the cells as array jobs of a Slurm cluster",
     NULL},
    {"slurm-option", '\0', POPT_ARG_ARGV, &slurm_options, 0,
     "give sbatch this too, e.g. partition=long; may be repeated", "OPTION"},
    {"slurm-poll", '\0', POPT_ARG_DOUBLE, &slurm_poll, 0,
     "seconds between two looks at the queue; 0: 10", "N"},
    {"cell", '\0', POPT_ARG_INT, &cell, 0, "run this cell alone, as --dry-run counts them", "N"},
    {"trial", '\0', POPT_ARG_INT, &trial, 0, "with --cell: the trial that is run with it, from 1",
     "N"},
    POPT_TABLEEND,
};

static int check_options(double *limit)
{
    static const struct {
        const char *name;
        const int *value;
        int most;
    } counts[] = {{"jobs", &jobs, 1000000},
                  {"threads", &threads, 1024}, /* as `lowbit train` takes */
                  {"cell", &cell, 1000000},
                  {"trial", &trial, 1000000}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (*counts[i].value >= 0 && *counts[i].value <= counts[i].most) continue;
        return lb_cli_fail("sweep", LB_E_ARG, "--%s %d: wanted a number from 0 to %d",
                           counts[i].name, *counts[i].value, counts[i].most);
    }
    if (limit_time != NULL && !lb_cli_duration_read(limit_time, limit))
        return lb_cli_fail("sweep", LB_E_ARG,
                           "--limit-time '%s': wanted a time such as 90s, 10m, 2h or 1d",
                           limit_time);
    if (slurm && again)
        return lb_cli_fail("sweep", LB_E_ARG, "--again and --slurm do not go together");
    if (slurm && cell > 0)
        return lb_cli_fail("sweep", LB_E_ARG, "--cell and --slurm do not go together");
    if (dry_run && cell > 0)
        return lb_cli_fail("sweep", LB_E_ARG, "--cell and --dry-run do not go together");
    if (!slurm && slurm_options != NULL)
        return lb_cli_fail("sweep", LB_E_ARG, "--slurm-option is for --slurm only");
    if (!(slurm_poll >= 0.0 && slurm_poll <= 86400.0) || (!slurm && slurm_poll > 0.0))
        return lb_cli_fail("sweep", LB_E_ARG,
                           "--slurm-poll %g: wanted seconds from 0 to 86400, and --slurm",
                           slurm_poll);
    if (trial > 0 && cell == 0) return lb_cli_fail("sweep", LB_E_ARG, "--trial is for --cell only");
    return LB_OK;
}

/* A store that knows this experiment is gone on with only where that is wanted. */
static int check_resume(const lb_experiment_info *info)
{
    if (resume || retry_failed || again || access(store, F_OK) != 0) return LB_OK;
    lb_store *opened = NULL;
    lb_experiment_record *records = NULL;
    size_t n = 0, cells = 0, done = 0;
    lb_status status = lb_store_open(store, LB_STORE_READ, &opened);
    if (status == LB_OK) status = lb_store_experiments(opened, &records, &n);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(records[i].name, info->name) != 0) continue;
        cells = records[i].cells;
        done = records[i].done;
    }
    lb_records_free(records);
    lb_store_close(opened);
    if (status != LB_OK) return lb_cli_error("sweep", (int)status);
    if (cells == 0) return LB_OK;
    return lb_cli_fail("sweep", LB_E_ARG,
                       "%s has %zu cells of %s, %zu of them done; --resume goes on with them",
                       store, cells, info->name, done);
}

/* sbatch's options, with the dashes that may be left out here. */
static int collect_slurm_options(const char *list[SLURM_OPTIONS_MAX + 1],
                                 char texts[SLURM_OPTIONS_MAX][PATH_BYTES])
{
    size_t n = 0;
    for (; slurm_options != NULL && slurm_options[n] != NULL; n++) {
        if (n == SLURM_OPTIONS_MAX)
            return lb_cli_fail("sweep", LB_E_ARG, "more than %d --slurm-option", SLURM_OPTIONS_MAX);
        const char *given = slurm_options[n];
        (void)snprintf(texts[n], PATH_BYTES, "%s%s", given[0] == '-' ? "" : "--", given);
        list[n] = texts[n];
    }
    list[n] = NULL;
    return LB_OK;
}

static int run_on_slurm(const lb_experiment *experiment, const lb_sweep_options *o,
                        lb_cli_sweep_report *report, lb_status *status)
{
    static char texts[SLURM_OPTIONS_MAX][PATH_BYTES];
    const char *list[SLURM_OPTIONS_MAX + 1];
    const int error = collect_slurm_options(list, texts);
    if (error != LB_OK) return error;
    const lb_slurm_options cluster = {.sbatch = list, .poll_seconds = slurm_poll};
    *status = lb_sweep_slurm(experiment, o, &cluster, lb_cli_sweep_event, report);
    return LB_OK;
}

static int run_sweep(const lb_experiment *experiment, lb_sweep_options *o)
{
    lb_cli_sweep_report report = {.json = json != 0, .terminal = isatty(STDOUT_FILENO) == 1};
    lb_status status = LB_OK;
    lb_cli_on_stop(lb_sweep_stop); /* workers end after their step */
    if (slurm) {
        const int error = run_on_slurm(experiment, o, &report, &status);
        if (error != LB_OK) return error;
    } else {
        status = lb_sweep(experiment, o, lb_cli_sweep_event, &report);
    }
    if (status != LB_OK) return lb_cli_error("sweep", (int)status);
    if (report.failed > 0) {
        if (!json && lb_cli_sweep_failures(experiment, store) != LB_OK)
            return lb_cli_error("sweep", LB_E_IO);
        return lb_cli_fail("sweep", LB_CLI_CELLS_FAILED,
                           "%zu of %zu cells failed; --retry-failed runs them again", report.failed,
                           report.cells);
    }
    if (report.done < report.cells && !json)
        (void)printf("%zu of %zu cells are done; --resume goes on\n", report.done, report.cells);
    return LB_OK;
}

static int run_experiment(const lb_experiment *experiment, double limit)
{
    lb_experiment_info info;
    lb_experiment_get_info(experiment, &info);
    char folder[PATH_BYTES], program[LB_CLI_PROGRAM_BYTES];
    (void)snprintf(folder, sizeof folder, "runs/%s", info.name);
    lb_sweep_options o = {.store = store,
                          .folder = out != NULL ? out : folder,
                          .program = program,
                          .jobs = (size_t)jobs,
                          .threads = threads,
                          .limit_seconds = limit,
                          .retry_failed = retry_failed != 0,
                          .again = again != 0,
                          .cell = (size_t)cell,
                          .trial = trial - 1};
    if (dry_run) {
        const lb_status status = lb_cli_sweep_list(experiment, &o, json != 0);
        return status == LB_OK ? LB_OK : lb_cli_error("sweep", (int)status);
    }
    int error = check_resume(&info);
    if (error == LB_OK) error = lb_cli_sweep_program("sweep", program);
    return error == LB_OK ? run_sweep(experiment, &o) : error;
}

static int run(poptContext context)
{
    const char *file = poptGetArg(context);
    if (file == NULL || poptPeekArg(context) != NULL)
        return lb_cli_fail("sweep", LB_E_ARG, "wanted one experiment FILE");
    double limit = 0.0;
    int exit_status = check_options(&limit);
    if (exit_status != LB_OK) return exit_status;
    lb_experiment *experiment = NULL;
    const lb_status status = lb_experiment_open(file, &experiment);
    if (status != LB_OK) return lb_cli_error("sweep", (int)status);
    exit_status = run_experiment(experiment, limit);
    lb_experiment_close(experiment);
    return exit_status;
}

const lb_command lb_command_sweep = {
    .name = "sweep",
    .summary = "run all cells of an experiment file, resumably",
    .arguments = "FILE",
    .description = "Runs what the result store lacks of an experiment, in worker processes: first "
                   "the short runs of its "
                   "search, then every point in full. A run that is in the store is not run again. "
                   "Whatever is killed, "
                   "sweep or worker, --resume goes on, half-run cells from their checkpoints; "
                   "Ctrl-C stops after the "
                   "current steps. Exit status 1: cells failed.",
    .examples = "lowbit sweep experiment.yaml --dry-run\n"
                "lowbit sweep experiment.yaml --jobs 4 --limit-time 2h\n"
                "lowbit sweep experiment.yaml --resume --retry-failed\n"
                "lowbit sweep experiment.yaml --slurm --slurm-option partition=long\n",
    .options = options,
    .run = run,
};
