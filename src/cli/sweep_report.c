#include "cli/sweep_report.h"

#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "cli/cli_duration.h"
#include "cli/cli_json.h"

enum { LINE_BYTES = 640, FAILURES_SHOWN = 20 };

static const double plain_progress_every = 60.0; /* seconds: a line a cell comes anyway */

/* ---- terminal -------------------------------------------------------------------------------- */

static void clear_lines(lb_cli_sweep_report *r)
{
    for (; r->lines_open > 0; r->lines_open--) (void)fputs("\033[A\r\033[K", stdout);
}

/* Columns and rows; the standard ones where the terminal does not tell. */
static struct winsize terminal_size(void)
{
    struct winsize size = {0};
    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = (struct winsize){0};
    if (size.ws_col < 2) size.ws_col = 80;
    if (size.ws_row < 3) size.ws_row = 24;
    return size;
}

/* Lines that update themselves are cut at the terminal's width, and there are no more of them than it has rows: what
 * wraps or scrolls away could not be cleared. */
static void put_line(lb_cli_sweep_report *r, const char *line)
{
    const struct winsize size = terminal_size();
    if (r->lines_open + 2 > size.ws_row) return;
    (void)printf("%.*s\n", size.ws_col - 1, line);
    r->lines_open++;
}

/* ---- lines ----------------------------------------------------------------------------------- */

static void format_whole(const lb_sweep_event *e, char line[LINE_BYTES])
{
    char since[LB_CLI_DURATION_BYTES], left[LB_CLI_DURATION_BYTES] = "unknown", queue[48] = "";
    lb_cli_duration_format(e->seconds, since);
    if (e->seconds_left >= 0.0) lb_cli_duration_format(e->seconds_left, left);
    if (e->waiting > 0) (void)snprintf(queue, sizeof queue, "  %zu tasks in the queue", e->waiting);
    (void)snprintf(line, LINE_BYTES,
                   "%zu/%zu cells  %zu dnc  %zu failed  %zu reused%s  %s so far, left %s", e->done,
                   e->cells, e->dnc, e->failed, e->reused, queue, since, left);
}

static void format_worker(const lb_sweep_worker *w, size_t number, char line[LINE_BYTES])
{
    if (!w->busy) {
        (void)snprintf(line, LINE_BYTES, "  %zu  -", number);
        return;
    }
    char left[LB_CLI_DURATION_BYTES] = "unknown";
    if (w->seconds_left >= 0.0) lb_cli_duration_format(w->seconds_left, left);
    (void)snprintf(line, LINE_BYTES, "  %zu  epoch %zu/%zu  %.2f %%  left %s  %s", number, w->epoch,
                   w->epochs, w->top1, left, w->cell);
}

static void show_progress(lb_cli_sweep_report *r, const lb_sweep_event *e)
{
    char line[LINE_BYTES];
    format_whole(e, line);
    if (!r->terminal) {
        if (e->seconds - r->last_progress < plain_progress_every) return;
        r->last_progress = e->seconds;
        (void)printf("%s\n", line);
        return;
    }
    clear_lines(r);
    put_line(r, line);
    for (size_t i = 0; i < e->n_workers; i++) {
        format_worker(&e->workers[i], i + 1, line);
        put_line(r, line);
    }
}

static void show_cell(const lb_sweep_event *e)
{
    const lb_run_record *run = e->run;
    (void)printf("%zu/%zu  %s  %s  ", e->done, e->cells, e->cell, lb_run_state_name(run->state));
    if (run->state == LB_RUN_FAILED)
        (void)printf("%s\n", run->message);
    else
        (void)printf("%s %.2f %%  %.1f s\n", run->split, run->best_top1, run->seconds);
}

static void show_start(const lb_sweep_event *e)
{
    (void)printf("%zu cells: %zu of the search, %zu full runs; %zu are done", e->cells, e->search,
                 e->cells - e->search, e->done);
    char left[LB_CLI_DURATION_BYTES];
    if (e->seconds_left >= 0.0) lb_cli_duration_format(e->seconds_left, left);
    if (e->done < e->cells)
        (void)printf("; time for the rest: %s", e->seconds_left >= 0.0 ? left : "not known yet");
    (void)putchar('\n');
}

static void show_end(const lb_sweep_event *e)
{
    char since[LB_CLI_DURATION_BYTES];
    lb_cli_duration_format(e->seconds, since);
    (void)printf("%zu of %zu cells done in %s: %zu ok, %zu dnc, %zu failed; %zu were there\n",
                 e->done, e->cells, since, e->done - e->dnc - e->failed, e->dnc, e->failed,
                 e->reused);
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void print_json_cell(const lb_sweep_event *e)
{
    const lb_run_record *run = e->run;
    (void)fputs(", \"name\": ", stdout);
    lb_cli_json_string(stdout, e->cell);
    (void)printf(", \"hash\": \"%s\", \"state\": \"%s\"", run->hash, lb_run_state_name(run->state));
    if (run->state == LB_RUN_FAILED) {
        (void)fputs(", \"message\": ", stdout);
        lb_cli_json_string(stdout, run->message);
    } else {
        (void)printf(
            ", \"best_top1\": %.4f, \"split\": \"%s\", \"epochs\": %zu, \"run_seconds\": %.3f",
            run->best_top1, run->split, run->epochs, run->seconds);
    }
}

static void print_json(const lb_sweep_event *e)
{
    static const char *const names[] = {"start", "progress", "cell", "end"};
    (void)printf(
        "{\"event\": \"%s\", \"cells\": %zu, \"search\": %zu, \"done\": %zu, \"dnc\": %zu, "
        "\"failed\": %zu, \"reused\": %zu, \"seconds\": %.3f",
        names[e->kind], e->cells, e->search, e->done, e->dnc, e->failed, e->reused, e->seconds);
    if (e->seconds_left >= 0.0) (void)printf(", \"seconds_left\": %.1f", e->seconds_left);
    if (e->kind == LB_SWEEP_CELL) print_json_cell(e);
    (void)fputs("}\n", stdout);
}

void lb_cli_sweep_event(const lb_sweep_event *e, void *user)
{
    lb_cli_sweep_report *r = user;
    r->done = e->done;
    r->cells = e->cells;
    r->failed = e->failed;
    if (r->json) {
        if (e->kind != LB_SWEEP_PROGRESS) print_json(e);
    } else if (e->kind == LB_SWEEP_PROGRESS) {
        show_progress(r, e);
    } else {
        clear_lines(r);
        if (e->kind == LB_SWEEP_START) show_start(e);
        if (e->kind == LB_SWEEP_CELL) show_cell(e);
        if (e->kind == LB_SWEEP_END) show_end(e);
    }
    (void)fflush(stdout);
}

/* ---- listing --------------------------------------------------------------------------------- */

typedef struct listing {
    bool json;
    size_t n, n_search, n_known;
    double seconds; /* negative: unknown */
} listing;

static const char *standing_of(const lb_sweep_cell *cell)
{
    if (cell->known) return lb_run_state_name(cell->state);
    return cell->record.hash[0] != '\0' ? "open" : "waits"; /* for the search */
}

static void list_json(const lb_sweep_cell *cell)
{
    const lb_cell_record *record = &cell->record;
    (void)printf("{\"cell\": %zu, \"stage\": \"%s\", \"state\": \"%s\", ", record->position + 1,
                 record->stage == LB_CELL_SEARCH ? "search" : "full", standing_of(cell));
    if (record->hash[0] != '\0') (void)printf("\"hash\": \"%s\", ", record->hash);
    if (cell->seconds >= 0.0) (void)printf("\"seconds\": %.1f, ", cell->seconds);
    (void)fputs("\"name\": ", stdout);
    lb_cli_json_string(stdout, cell->name);
    (void)fputs("}\n", stdout);
}

static void list_cell(const lb_sweep_cell *cell, void *user)
{
    listing *l = user;
    const bool search = cell->record.stage == LB_CELL_SEARCH;
    if (!l->json && l->n == 0)
        (void)printf("%6s  %-6s  %-6s  %s\n", "cell", "stage", "state", "name");
    l->n++;
    l->n_search += search;
    l->n_known += cell->known;
    l->seconds = l->seconds < 0.0 || cell->seconds < 0.0 ? -1.0 : l->seconds + cell->seconds;
    if (l->json) {
        list_json(cell);
        return;
    }
    (void)printf("%6zu  %-6s  %-6s  %s\n", cell->record.position + 1, search ? "search" : "full",
                 standing_of(cell), cell->name);
}

lb_status lb_cli_sweep_list(const lb_experiment *experiment, const lb_sweep_options *options,
                            bool json)
{
    listing l = {.json = json};
    const lb_status status = lb_sweep_list(experiment, options, list_cell, &l);
    if (status != LB_OK || json) return status;
    char left[LB_CLI_DURATION_BYTES];
    size_t jobs = options->jobs > 0 ? options->jobs : (size_t)sysconf(_SC_NPROCESSORS_ONLN);
    if (jobs > l.n) jobs = l.n;
    lb_cli_duration_format(l.seconds / (double)jobs, left);
    (void)printf("%zu cells: %zu of the search, %zu full runs; %zu are done", l.n, l.n_search,
                 l.n - l.n_search, l.n_known);
    if (l.n_known < l.n)
        (void)printf("; time for the rest: %s", l.seconds >= 0.0 ? left : "not known yet");
    (void)putchar('\n');
    return LB_OK;
}

typedef struct failures {
    lb_store *store;
    size_t n;
} failures;

static void list_failure(const lb_sweep_cell *cell, void *user)
{
    failures *f = user;
    if (!cell->known || cell->state != LB_RUN_FAILED) return;
    bool found = false;
    lb_run_record run;
    if (f->n++ >= FAILURES_SHOWN || lb_store_find(f->store, cell->record.hash, &found, &run) != 0)
        return;
    (void)printf("failed: %s: %s\n", cell->name, found ? run.message : "");
}

lb_status lb_cli_sweep_failures(const lb_experiment *experiment, const char *store)
{
    failures f = {0};
    lb_status status = lb_store_open(store, LB_STORE_READ, &f.store);
    const lb_sweep_options options = {.store = store};
    if (status == LB_OK) status = lb_sweep_list(experiment, &options, list_failure, &f);
    lb_store_close(f.store);
    if (f.n > FAILURES_SHOWN)
        (void)printf("and %zu more; see `lowbit results list`\n", f.n - FAILURES_SHOWN);
    return status;
}
