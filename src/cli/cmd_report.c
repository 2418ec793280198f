/* lowbit report STORE|RUN... - one HTML page with the tables and pictures of many runs. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_signals.h"
#include "lowbit/report.h"

enum { STANDARD_PORT = 8765 };

static struct {
    const char *out, *pictures, *title, *filter;
    int live, port;
} given = {.port = -1};

static const struct poptOption options[] = {
    {"out", 'o', POPT_ARG_STRING, &given.out, 0, "the page (default: report.html)", "FILE"},
    {"pictures", '\0', POPT_ARG_STRING, &given.pictures, 0,
     "folder for each picture as SVG and PNG and each table as Markdown and CSV (default: beside "
     "the page)",
     "FOLDER"},
    {"title", '\0', POPT_ARG_STRING, &given.title, 0, "title of the page", "TEXT"},
    {"filter", '\0', POPT_ARG_STRING, &given.filter, 0,
     "runs to show, e.g. \"method=dorefa,qnn wbits=1\"; default: all", "WHAT"},
    {"live", '\0', POPT_ARG_NONE, &given.live, 0,
     "serve the page of one STORE to this machine, and keep it up to date", NULL},
    {"port", '\0', POPT_ARG_INT, &given.port, 0,
     "live: of 127.0.0.1 (default: 8765); 0: any free one", "N"},
    POPT_TABLEEND,
};

static void print_address(const char *url, void *user)
{
    (void)user;
    (void)printf("%s\n", url);
    (void)fflush(stdout);
}

static int serve(const char *const *sources, size_t n)
{
    if (n != 1) return lb_cli_fail("report", LB_E_ARG, "--live: wanted one STORE");
    if (given.out != NULL || given.pictures != NULL)
        return lb_cli_fail("report", LB_E_ARG,
                           "--live writes no files: not with --out, --pictures");
    if (given.port < -1 || given.port > 65535)
        return lb_cli_fail("report", LB_E_ARG, "port %d: wanted 0 to 65535", given.port);
    const lb_serve_options wanted = {.store = sources[0],
                                     .title = given.title,
                                     .filter = given.filter,
                                     .port =
                                         (unsigned)(given.port < 0 ? STANDARD_PORT : given.port),
                                     .ready = print_address};
    const lb_status status = lb_report_serve(&wanted);
    return status != LB_OK ? lb_cli_error("report", (int)status) : LB_OK;
}

static int run(poptContext context)
{
    const char **sources = poptGetArgs(context);
    size_t n = 0;
    while (sources != NULL && sources[n] != NULL) n++;
    if (n == 0) return lb_cli_fail("report", LB_E_ARG, "wanted a result store, or folders of runs");
    lb_cli_on_stop(lb_report_stop);
    if (given.live) return serve(sources, n);
    if (given.port != -1) return lb_cli_fail("report", LB_E_ARG, "--port is for --live only");
    const char *page = given.out != NULL ? given.out : "report.html";
    const lb_report_options wanted = {.sources = sources,
                                      .n_sources = n,
                                      .title = given.title,
                                      .filter = given.filter,
                                      .out = page,
                                      .folder = given.pictures};
    lb_report_summary made;
    const lb_status status = lb_report_write(&wanted, &made);
    if (status != LB_OK) return lb_cli_error("report", (int)status);
    (void)printf("%s: %zu run%s, %zu tables, %zu pictures, %.1f KiB\n", page, made.runs,
                 made.runs == 1 ? "" : "s", made.tables, made.pictures,
                 (double)made.bytes / 1024.0);
    if (made.problem[0] != '\0')
        (void)fprintf(stderr, "lowbit report: no pictures: %s\n", made.problem);
    return LB_OK;
}

const lb_command lb_command_report = {
    .name = "report",
    .summary = "one HTML page with the tables and pictures of many runs",
    .arguments = "STORE|RUN...",
    .description =
        "Writes tables in the papers' layout, accuracy against bits and costs, convergence, "
        "weights and layers of all runs of a result store (or of folders of runs and of lowbit "
        "impq) into one "
        "file that needs nothing else, and each picture and table as a file of its own "
        "beside it. With --live the page is served on 127.0.0.1 while a sweep runs. gnuplot "
        "draws the pictures.",
    .examples = "lowbit report results.sqlite -o report.html\n"
                "lowbit report runs/a runs/b\n"
                "lowbit report a-kernel a-layer a-network\n"
                "lowbit report results.sqlite --live --port 8765\n",
    .options = options,
    .run = run,
};
