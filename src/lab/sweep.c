/* Running a sweep: workers are started, listened to, reaped; what they leave is put into the store.
 *
 * The order in which a cell ends: its run's folder is complete, the worker ends, the run goes into the store (one
 * transaction), the cell is marked (another one). Whoever is killed in between, the next sweep goes on from there:
 * a worker on a complete folder ends at once, and a run that is in the store is found by its hash. */
#include <errno.h>
#include <fcntl.h>
#include <omp.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/sweep_state.h"
#include "lab/sweep_worker.h"
#include "lowbit/data.h"

enum { DEATHS_MAX = 5 }; /* of one cell's workers, by signals, within one sweep */

static const double report_every = 0.2;  /* seconds, while workers talk                        */
static const double tick = 1.0;          /* seconds between looks at the clock                 */
static const double save_every = 30.0;   /* seconds: a half-run cell is seen in the store      */
static const double grace = 60.0;        /* seconds for a worker's checkpoint before it is killed */
static const double lock_retry = 0.25;   /* seconds until a folder in use is looked at again   */
static const double lock_patience = 120; /* seconds until that is given up                     */

typedef struct crew {
    lb_sweep_state state;
    lb_worker *workers;
    lb_sweep_worker *shown; /* the same as the caller of the sweep sees them */
    char (*names)[LB_CELL_NAME_BYTES];
    double *seconds_before; /* of the run each works on: earlier workers     */
    struct pollfd *waited;
    size_t n;
    int threads, wake;
    bool stopping;
    double kill_at;
    bool deferred; /* a cell waits for its folder */
} crew;

/* ---- memory ---------------------------------------------------------------------------------- */

static lb_status crew_init(crew *c, const lb_sweep_options *options)
{
    const size_t processors = (size_t)omp_get_num_procs();
    c->n = options->jobs > 0 ? options->jobs : processors;
    if (c->n > c->state.plan.n) c->n = c->state.plan.n;
    const size_t each = processors / c->n;
    c->threads = options->threads > 0 ? options->threads : (int)(each > 0 ? each : 1);
    void *block = NULL;
    LB_TRY(lb_alloc(c->n, sizeof *c->workers, "workers", &block));
    c->workers = block;
    LB_TRY(lb_alloc(c->n, sizeof *c->shown, "workers", &block));
    c->shown = block;
    LB_TRY(lb_alloc(c->n, sizeof *c->names, "workers", &block));
    c->names = block;
    LB_TRY(lb_alloc(c->n, sizeof *c->seconds_before, "workers", &block));
    c->seconds_before = block;
    LB_TRY(lb_alloc(2 * c->n + 1, sizeof *c->waited, "workers", &block));
    c->waited = block;
    c->state.event.workers = c->shown;
    c->state.event.n_workers = c->n;
    return LB_OK;
}

static void crew_release(crew *c)
{
    lb_sweep_state_close(&c->state);
    lb_free(c->workers);
    lb_free(c->shown);
    lb_free(c->names);
    lb_free(c->seconds_before);
    lb_free(c->waited);
}

/* ---- before it begins ------------------------------------------------------------------------ */

static lb_status check_program(const char *program)
{
    if (strchr(program, '/') == NULL || access(program, X_OK) == 0) return LB_OK;
    return lb_fail(LB_E_IO, "%s: cannot be run: %s", program, strerror(errno));
}

/* Data that is missing would make every cell fail. */
static lb_status check_data(const lb_sweep_plan *plan)
{
    for (size_t i = 0; i < plan->rates.n; i++) {
        const char *data = plan->rates.kinds[i].data;
        if (!(plan->rates.kinds[i].open_epochs > 0.0)) continue;
        char folder[4096];
        bool found = false;
        LB_TRY(lb_data_locate(data, folder, sizeof folder, &found));
        if (found) continue;
        if (folder[0] == '\0') {
            return lb_fail(LB_E_IO, "%s: set LOWBIT_DATA to the folder that holds the data sets",
                           data);
        }
        return lb_fail(LB_E_IO, "%s: not all of its files are in %s; see `lowbit data get`", data,
                       folder);
    }
    return LB_OK;
}

/* ---- starting workers ------------------------------------------------------------------------ */

/* Does somebody train in this folder? A worker of a sweep that was killed may still be at its last checkpoint. */
static bool is_in_use(const char *folder)
{
    const int fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    const bool in_use = flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK;
    (void)close(fd);
    return in_use;
}

/* Two cells may want one run: the second waits for the first one's result. */
static bool is_running(const crew *c, const char *hash)
{
    for (size_t i = 0; i < c->n; i++) {
        const lb_worker *w = &c->workers[i];
        if (w->busy && strcmp(c->state.plan.cells[w->cell].record.hash, hash) == 0) return true;
    }
    return false;
}

static lb_status defer(crew *c, size_t index)
{
    lb_plan_cell *cell = &c->state.plan.cells[index];
    const double now = lb_seconds();
    if (cell->locked_since <= 0.0) cell->locked_since = now;
    if (now - cell->locked_since > lock_patience)
        return lb_sweep_state_fail(&c->state, index,
                                   "another training is writing this run's folder");
    cell->not_before = now + lock_retry;
    c->deferred = true;
    return LB_OK;
}

static lb_status start(crew *c, size_t slot, size_t index, const char *folder)
{
    lb_sweep_state *state = &c->state;
    lb_plan_cell *cell = &state->plan.cells[index];
    const lb_sweep_options *o = state->options;
    bool found = false;
    lb_run_record run;
    LB_TRY(lb_store_find(state->store, cell->record.hash, &found, &run));
    c->seconds_before[slot] = found && run.state == LB_RUN_RUNNING ? run.seconds : 0.0;
    cell->record.attempts++;
    LB_TRY(lb_sweep_state_put(state, index));
    lb_settings *settings = NULL;
    LB_TRY(lb_sweep_plan_settings(&state->plan, cell, &settings));
    const lb_worker_task task = {.program = o->program,
                                 .folder = folder,
                                 .settings = settings,
                                 .threads = c->threads,
                                 .overwrite = o->again && !cell->begun};
    const lb_status status = lb_worker_start(&c->workers[slot], index, &task);
    lb_settings_destroy(settings);
    if (status != LB_OK) return status;
    cell->standing = LB_STANDING_RUNS;
    lb_sweep_plan_name(&state->plan, cell, c->names[slot]);
    return LB_OK;
}

/* Give a free slot the next cell, if there is one. */
static lb_status fill_slot(crew *c, size_t slot)
{
    lb_sweep_state *state = &c->state;
    const double now = lb_seconds();
    for (size_t i = state->first; i < state->plan.n; i++) {
        const lb_plan_cell *cell = &state->plan.cells[i];
        if (cell->standing != LB_STANDING_OPEN || is_running(c, cell->record.hash)) continue;
        if (cell->not_before > now) {
            c->deferred = true;
            continue;
        }
        bool ended = false;
        LB_TRY(lb_sweep_state_look(state, i, &ended));
        if (ended) continue;
        char *folder = NULL;
        LB_TRY(lb_sweep_state_folder(state, cell->record.hash, &folder));
        const bool in_use = is_in_use(folder);
        const lb_status status = in_use ? defer(c, i) : start(c, slot, i, folder);
        lb_free(folder);
        if (status != LB_OK || !in_use) return status;
    }
    return LB_OK;
}

static lb_status fill(crew *c)
{
    c->deferred = false;
    if (!lb_sweep_state_has_open(&c->state)) return LB_OK;
    for (size_t slot = 0; slot < c->n; slot++) {
        if (!c->workers[slot].busy) LB_TRY(fill_slot(c, slot));
    }
    return LB_OK;
}

/* ---- ends of workers ------------------------------------------------------------------------- */

/* Put what a worker left into the store. *ended: it is a whole run. */
static lb_status import(crew *c, size_t slot, bool *ended)
{
    const lb_worker *w = &c->workers[slot];
    const char *hash = c->state.plan.cells[w->cell].record.hash;
    const double seconds = c->seconds_before[slot] + lb_seconds() - w->started;
    char *folder = NULL;
    LB_TRY(lb_sweep_state_folder(&c->state, hash, &folder));
    int64_t id = 0;
    lb_status status = lb_store_import(c->state.store, folder, hash, seconds, &id);
    lb_free(folder);
    bool found = false;
    lb_run_record run;
    if (status == LB_OK) status = lb_store_find(c->state.store, hash, &found, &run);
    *ended = status == LB_OK && found && (run.state == LB_RUN_OK || run.state == LB_RUN_DNC);
    return status;
}

/* A half-run cell in the store is for those who look at it; where it cannot be put there, or is too young to be a
 * run, nothing is lost. A run that replaces one in the store is not shown before its end. */
static void save_half(crew *c, size_t slot)
{
    bool ended = false;
    if (!c->state.options->again && import(c, slot, &ended) != LB_OK) return;
    c->workers[slot].saved = lb_seconds();
}

static lb_plan_cell *open_again(crew *c, size_t index)
{
    lb_plan_cell *cell = &c->state.plan.cells[index];
    cell->standing = LB_STANDING_OPEN;
    if (index < c->state.first) c->state.first = index;
    return cell;
}

static lb_status reopen(crew *c, size_t slot, const char *message)
{
    const size_t index = c->workers[slot].cell;
    lb_plan_cell *cell = open_again(c, index);
    cell->begun = cell->begun || c->workers[slot].epoch > 0;
    save_half(c, slot);
    if (c->stopping || ++cell->deaths < DEATHS_MAX) return LB_OK;
    char text[LB_WORKER_LINE_BYTES + 64];
    (void)snprintf(text, sizeof text, "given up after %d tries: %s", DEATHS_MAX, message);
    return lb_sweep_state_fail(&c->state, index, text);
}

static lb_status end_worker(crew *c, size_t slot)
{
    lb_worker *w = &c->workers[slot];
    const size_t index = w->cell;
    const lb_worker_end_kind kind = lb_worker_end(w);
    if (kind == LB_WORKER_KILLED) return reopen(c, slot, w->message);
    if (kind == LB_WORKER_BUSY) { /* a killed sweep's worker, so young that its lock was not seen */
        (void)open_again(c, index);
        return defer(c, index);
    }
    if (kind == LB_WORKER_FAILED) return lb_sweep_state_fail(&c->state, index, w->message);
    bool ended = false;
    const lb_status status = import(c, slot, &ended);
    if (status == LB_E_FORMAT) return lb_sweep_state_fail(&c->state, index, lb_error());
    LB_TRY(status);
    if (!ended) return reopen(c, slot, "the worker ended before its last epoch");
    return lb_sweep_state_end(&c->state, index);
}

static void signal_all(crew *c, int number)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->workers[i].busy) (void)kill(c->workers[i].process.id, number);
    }
}

static void begin_stop(crew *c)
{
    if (c->stopping) return;
    c->stopping = true;
    c->kill_at = lb_seconds() + grace;
    signal_all(c, SIGTERM);
}

/* ---- the loop -------------------------------------------------------------------------------- */

static bool is_anyone_busy(const crew *c)
{
    for (size_t i = 0; i < c->n; i++) {
        if (c->workers[i].busy) return true;
    }
    return false;
}

/* Sleep until a worker tells something, somebody wants to stop, or it is time to look at the clock. */
static void wait_for_news(crew *c)
{
    const double limit = c->state.options->limit_seconds;
    double seconds = c->deferred ? lock_retry : tick;
    if (limit > 0.0 && !c->stopping) {
        const double left = c->state.started + limit - lb_seconds();
        if (left < seconds) seconds = left > 0.0 ? left : 0.0;
    }
    for (size_t i = 0; i < c->n; i++) {
        const lb_worker *w = &c->workers[i];
        c->waited[2 * i] =
            (struct pollfd){.fd = w->busy ? w->process.output : -1, .events = POLLIN};
        c->waited[2 * i + 1] =
            (struct pollfd){.fd = w->busy ? w->process.errors : -1, .events = POLLIN};
    }
    c->waited[2 * c->n] = (struct pollfd){.fd = c->stopping ? -1 : c->wake, .events = POLLIN};
    (void)poll(c->waited, (nfds_t)(2 * c->n + 1), (int)(1000.0 * seconds) + 1);
}

static void show(crew *c)
{
    double left = lb_rates_open_seconds(&c->state.plan.rates);
    for (size_t i = 0; i < c->n; i++) {
        const lb_worker *w = &c->workers[i];
        lb_sweep_worker *s = &c->shown[i];
        *s = (lb_sweep_worker){.busy = w->busy, .cell = c->names[i]};
        if (!w->busy) continue;
        s->epoch = w->epoch;
        s->epochs = w->epochs;
        s->top1 = w->top1;
        s->seconds_left = lb_worker_seconds_left(w);
        const size_t kind = c->state.plan.cells[w->cell].kind;
        const double known = lb_rates_seconds(&c->state.plan.rates, kind, (double)w->epochs);
        /* the plan counts the whole run as open */
        if (left >= 0.0 && s->seconds_left >= 0.0) left += s->seconds_left - known;
    }
    c->state.event.seconds_left = left < 0.0 ? -1.0 : left / (double)c->n;
}

/* Hear every worker, and see to those that ended. */
static lb_status hear(crew *c)
{
    bool news = false;
    for (size_t i = 0; i < c->n; i++) {
        lb_worker *w = &c->workers[i];
        if (!w->busy || (c->waited[2 * i].revents == 0 && c->waited[2 * i + 1].revents == 0))
            continue;
        bool told = false;
        if (!lb_worker_read(w, &told)) LB_TRY(end_worker(c, i));
        if (w->busy && told && lb_seconds() - w->saved >= save_every) save_half(c, i);
        news = true;
    }
    const double since = lb_seconds() - c->state.reported;
    if (since < (news ? report_every : tick)) return LB_OK;
    show(c);
    lb_sweep_state_report(&c->state, LB_SWEEP_PROGRESS);
    return LB_OK;
}

static lb_status step(crew *c)
{
    const double limit = c->state.options->limit_seconds, now = lb_seconds();
    if (lb_sweep_stop_wanted() || (limit > 0.0 && now - c->state.started >= limit)) begin_stop(c);
    if (c->stopping && now >= c->kill_at) signal_all(c, SIGKILL);
    if (!c->stopping) LB_TRY(fill(c));
    if (!is_anyone_busy(c) && !c->deferred) return LB_OK;
    wait_for_news(c);
    return hear(c);
}

/* Until nothing runs and nothing more is to be run. After a failure of the sweep itself, most likely a store that
 * cannot be written, workers write their checkpoints and end. */
static lb_status work(crew *c)
{
    lb_status status = LB_OK;
    char message[1024] = "";
    for (;;) {
        const lb_status now = step(c);
        if (now != LB_OK && status == LB_OK) {
            status = now;
            (void)snprintf(message, sizeof message, "%s", lb_error());
            begin_stop(c);
        }
        if (c->stopping) c->deferred = false;
        const bool more = !c->stopping && lb_sweep_state_has_open(&c->state);
        if (!more && !is_anyone_busy(c)) break;
    }
    if (status != LB_OK) return lb_fail(status, "%s", message);
    return lb_sweep_state_stopped(&c->state);
}

lb_status lb_sweep(const lb_experiment *experiment, const lb_sweep_options *options,
                   lb_sweep_fn *report, void *user)
{
    crew c = {.wake = -1};
    lb_status status = lb_sweep_state_open(experiment, options, report, user, &c.state);
    if (status == LB_OK) status = check_program(options->program);
    if (status == LB_OK) status = check_data(&c.state.plan);
    if (status == LB_OK) status = crew_init(&c, options);
    if (status == LB_OK) status = lb_sweep_stop_open(&c.wake);
    if (status == LB_OK) status = lb_sweep_state_begin(&c.state);
    if (status == LB_OK) {
        show(&c);
        lb_sweep_state_report(&c.state, LB_SWEEP_START);
        status = work(&c);
        show(&c);
        lb_sweep_state_report(&c.state, LB_SWEEP_END);
    }
    lb_sweep_stop_close();
    crew_release(&c);
    return status;
}
