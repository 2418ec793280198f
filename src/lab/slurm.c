/* Running a sweep on a cluster: rounds of array jobs. A round has all cells that are open, so at first those of the
 * search; what they decide opens the next round's. A task writes only into its cell's own store, which is merged when
 * the queue has no such task any more: no lock of a shared file system is trusted. */
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/slurm_job.h"
#include "lab/sweep_state.h"

enum { ROUNDS_MAX = 5, FAILURES_MAX = 10 }; /* of one cell without a result; of squeue in a row */

static const double standard_poll = 10.0; /* seconds */

typedef struct task {
    size_t cell;
    bool collected;
} task;

typedef struct cluster {
    lb_sweep_state state;
    lb_slurm_job job;
    task *tasks; /* of the round */
    size_t n;
    unsigned long long id;
    size_t failures; /* of squeue in a row */
    int wake;
    bool cancelled;
} cluster;

/* ---- results --------------------------------------------------------------------------------- */

static void remove_part(const char *path)
{
    static const char *const ends[] = {"", "-wal", "-shm"};
    for (size_t i = 0; i < sizeof ends / sizeof *ends; i++) {
        char name[4200];
        (void)snprintf(name, sizeof name, "%s%s", path, ends[i]);
        (void)unlink(name); /* one that stays is merged again, which changes nothing */
    }
}

/* How the run stands in a store; RUNNING also where it has none. */
static lb_status read_state(lb_store *store, const char *hash, lb_run_state *out)
{
    bool found = false;
    lb_run_record run;
    LB_TRY(lb_store_find(store, hash, &found, &run));
    *out = found ? run.state : LB_RUN_RUNNING;
    return LB_OK;
}

/* Is a run that is in the store at its end over? Not one that failed before and is half-run now. */
static lb_status is_over(const lb_sweep_state *state, const char *part, const char *hash, bool *out)
{
    lb_run_state here = LB_RUN_RUNNING;
    LB_TRY(read_state(state->store, hash, &here));
    *out = here != LB_RUN_RUNNING;
    if (here != LB_RUN_FAILED || !state->options->retry_failed) return LB_OK;
    lb_store *store = NULL;
    LB_TRY(lb_store_open(part, LB_STORE_READ, &store));
    const lb_status status = read_state(store, hash, &here);
    lb_store_close(store);
    *out = here != LB_RUN_RUNNING;
    return status;
}

/* Merge a cell's store. One that is damaged, or is of the experiment's text before it was changed and its cells
 * forgotten, counts as none: its task is run again, from the run's checkpoint. */
static lb_status merge(cluster *c, size_t cell, bool *ended)
{
    lb_sweep_state *state = &c->state;
    char *path = NULL;
    LB_TRY(lb_slurm_job_part(&c->job, cell, &path));
    lb_status status = LB_OK;
    *ended = false;
    if (lb_path_exists(path)) {
        lb_merge_counts counts;
        status = lb_store_merge(state->store, path, &counts);
        if (status == LB_OK)
            status = is_over(state, path, state->plan.cells[cell].record.hash, ended);
        const bool useless = status == LB_E_FORMAT || status == LB_E_ARG;
        if (*ended || useless) remove_part(path);
        if (useless) status = LB_OK;
    }
    lb_free(path);
    return status;
}

/* A cell without a result is open again, until it was tried often enough. */
static lb_status collect(cluster *c, size_t number)
{
    task *t = &c->tasks[number];
    lb_sweep_state *state = &c->state;
    lb_plan_cell *cell = &state->plan.cells[t->cell];
    t->collected = true;
    if (cell->standing != LB_STANDING_RUNS) return LB_OK; /* it came with another's run */
    cell->standing = LB_STANDING_OPEN;
    if (t->cell < state->first) state->first = t->cell;
    bool ended = false;
    LB_TRY(merge(c, t->cell, &ended));
    if (ended) return lb_sweep_state_end(state, t->cell);
    if (c->cancelled || ++cell->deaths < ROUNDS_MAX) return LB_OK;
    char message[512];
    (void)snprintf(message, sizeof message,
                   "its tasks, the last of them %llu_%zu, left no result; see %.300s", c->id,
                   number + 1, c->job.logs);
    return lb_sweep_state_fail(state, t->cell, message);
}

/* ---- the queue ------------------------------------------------------------------------------- */

/* Is "ID_TASK" a line of the queue? */
static bool is_queued(const char *queue, unsigned long long id, size_t number)
{
    char line[64];
    const size_t length = (size_t)snprintf(line, sizeof line, "%llu_%zu\n", id, number + 1);
    for (const char *at = queue; at != NULL && *at != '\0'; at++) {
        if (strncmp(at, line, length) == 0) return true;
        at = strchr(at, '\n');
        if (at == NULL) break;
    }
    return false;
}

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (const char *c = text; *c != '\0'; c++) n += *c == '\n';
    return n;
}

/* Look at the queue, and collect the tasks that are not in it. A scheduler that does not answer is asked again. */
static lb_status look_at_queue(cluster *c)
{
    char *queue = NULL;
    lb_status status = lb_slurm_job_queue(&c->job, &queue);
    if (status == LB_E_IO && ++c->failures < FAILURES_MAX) return LB_OK;
    LB_TRY(status);
    c->failures = 0;
    c->state.event.waiting = count_lines(queue);
    for (size_t i = 0; status == LB_OK && i < c->n; i++) {
        if (!c->tasks[i].collected && !is_queued(queue, c->id, i)) status = collect(c, i);
    }
    lb_free(queue);
    if (status == LB_OK) lb_sweep_state_report(&c->state, LB_SWEEP_PROGRESS);
    return status;
}

static lb_status cancel_if_wanted(cluster *c)
{
    const double limit = c->state.options->limit_seconds;
    const bool late = limit > 0.0 && lb_seconds() - c->state.started >= limit;
    if (c->cancelled || !(lb_sweep_stop_wanted() || late)) return LB_OK;
    c->cancelled = true;
    return lb_slurm_job_cancel(&c->job);
}

/* Until no task of ours is in the queue. */
static lb_status wait_for_queue(cluster *c)
{
    const double seconds =
        c->job.slurm->poll_seconds > 0.0 ? c->job.slurm->poll_seconds : standard_poll;
    for (;;) {
        LB_TRY(cancel_if_wanted(c));
        LB_TRY(look_at_queue(c));
        if (c->failures == 0 && c->state.event.waiting == 0) return LB_OK;
        struct pollfd wake = {.fd = c->cancelled ? -1 : c->wake, .events = POLLIN};
        (void)poll(&wake, 1, (int)(1000.0 * seconds));
    }
}

/* ---- rounds ---------------------------------------------------------------------------------- */

static bool is_in_round(const cluster *c, const char *hash)
{
    for (size_t i = 0; i < c->n; i++) {
        if (strcmp(c->state.plan.cells[c->tasks[i].cell].record.hash, hash) == 0) return true;
    }
    return false;
}

static lb_status submit(cluster *c)
{
    lb_sweep_plan *plan = &c->state.plan;
    void *block = NULL;
    LB_TRY(lb_alloc(LB_SLURM_TASKS_MAX, sizeof(lb_cell_record), "tasks", &block));
    lb_cell_record *records = block;
    c->n = 0;
    lb_status status = LB_OK;
    for (size_t i = c->state.first; status == LB_OK && i < plan->n && c->n < LB_SLURM_TASKS_MAX;
         i++) {
        lb_plan_cell *cell = &plan->cells[i];
        if (cell->standing != LB_STANDING_OPEN || is_in_round(c, cell->record.hash)) continue;
        bool ended = false;
        status = lb_sweep_state_look(&c->state, i, &ended);
        if (status != LB_OK || ended) continue;
        cell->record.attempts++;
        records[c->n] = cell->record;
        c->tasks[c->n++] = (task){.cell = i};
        status = lb_sweep_state_put(&c->state, i);
    }
    if (status == LB_OK && c->n > 0) status = lb_slurm_job_submit(&c->job, records, c->n, &c->id);
    for (size_t i = 0; status == LB_OK && i < c->n; i++)
        plan->cells[c->tasks[i].cell].standing = LB_STANDING_RUNS;
    lb_free(block);
    return status;
}

/* Nobody got anywhere: the tasks cannot run at all. */
static lb_status check_round(const cluster *c)
{
    for (size_t i = 0; i < c->n; i++) {
        char *part = NULL;
        const lb_plan_cell *cell = &c->state.plan.cells[c->tasks[i].cell];
        if (cell->standing == LB_STANDING_ENDED) return LB_OK;
        LB_TRY(lb_slurm_job_part(&c->job, c->tasks[i].cell, &part));
        const bool began = lb_path_exists(part);
        lb_free(part);
        if (began) return LB_OK;
    }
    return lb_fail(LB_E_IO, "no task of job %llu left a result; see %s/%llu_1.txt", c->id,
                   c->job.logs, c->id);
}

/* Tasks of a sweep that was killed, and what they left. */
static lb_status take_over(cluster *c)
{
    LB_TRY(wait_for_queue(c));
    for (size_t i = 0; i < c->state.plan.n; i++) {
        bool ended = false;
        if (c->state.plan.cells[i].standing != LB_STANDING_OPEN) continue;
        LB_TRY(merge(c, i, &ended));
        if (ended) LB_TRY(lb_sweep_state_end(&c->state, i));
    }
    return LB_OK;
}

static lb_status work(cluster *c)
{
    LB_TRY(take_over(c));
    while (!c->cancelled && lb_sweep_state_has_open(&c->state)) {
        LB_TRY(submit(c));
        if (c->n == 0) continue; /* other sweeps had run all that was open */
        LB_TRY(wait_for_queue(c));
        if (!c->cancelled) LB_TRY(check_round(c));
    }
    return lb_sweep_state_stopped(&c->state);
}

lb_status lb_sweep_slurm(const lb_experiment *experiment, const lb_sweep_options *options,
                         const lb_slurm_options *slurm, lb_sweep_fn *report, void *user)
{
    if (options->again) return lb_fail(LB_E_ARG, "finished cells cannot be run again on a cluster");
    cluster c = {.wake = -1};
    lb_status status = lb_sweep_state_open(experiment, options, report, user, &c.state);
    if (status == LB_OK) status = lb_slurm_job_init(&c.state.plan.info, options, slurm, &c.job);
    void *block = NULL;
    if (status == LB_OK) status = lb_alloc(LB_SLURM_TASKS_MAX, sizeof *c.tasks, "tasks", &block);
    c.tasks = block;
    if (status == LB_OK) status = lb_sweep_stop_open(&c.wake);
    if (status == LB_OK) status = lb_sweep_state_begin(&c.state);
    if (status == LB_OK) {
        lb_sweep_state_report(&c.state, LB_SWEEP_START);
        status = work(&c);
        lb_sweep_state_report(&c.state, LB_SWEEP_END);
    }
    lb_sweep_stop_close();
    lb_slurm_job_release(&c.job);
    lb_sweep_state_close(&c.state);
    lb_free(block);
    return status;
}
