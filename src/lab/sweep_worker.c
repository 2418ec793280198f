#include "lab/sweep_worker.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/memory.h"
#include "train/settings.h"

/* ---- start ----------------------------------------------------------------------------------- */

typedef struct arguments {
    const char *list[LB_N_KEYS + 8];
    size_t n;
    lb_arena texts;
} arguments;

/* "--key=value", or "--key" where the value is NULL. */
static lb_status add(arguments *a, const char *key, const char *value)
{
    const size_t bytes = strlen(key) + (value != NULL ? strlen(value) : 0) + sizeof "--=";
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&a->texts, bytes, 1, "arguments", &block));
    (void)snprintf(block, bytes, value != NULL ? "--%s=%s" : "--%s", key, value);
    a->list[a->n++] = block;
    return LB_OK;
}

/* All that is given but what the sweep itself decides. */
static lb_status add_settings(arguments *a, const lb_settings *settings)
{
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        const char *value = settings->given[k];
        const bool ours = k == LB_KEY_OUT || k == LB_KEY_RESUME || k == LB_KEY_OVERWRITE ||
                          k == LB_KEY_THREADS || k == LB_KEY_MAX_SECONDS;
        if (value == NULL || ours) continue;
        const lb_setting_info *info = &lb_setting_table[k];
        if (!info->is_switch || strcmp(value, "yes") == 0)
            LB_TRY(add(a, info->key, info->is_switch ? NULL : value));
    }
    return LB_OK;
}

static lb_status collect(arguments *a, const lb_worker_task *task)
{
    a->list[a->n++] = task->program;
    a->list[a->n++] = "train";
    a->list[a->n++] = "--json";
    a->list[a->n++] = task->overwrite ? "--overwrite" : "--resume";
    LB_TRY(add(a, "out", task->folder));
    char threads[16];
    (void)snprintf(threads, sizeof threads, "%d", task->threads);
    LB_TRY(add(a, "threads", threads));
    return add_settings(a, task->settings);
}

lb_status lb_worker_start(lb_worker *worker, size_t cell, const lb_worker_task *task)
{
    arguments a = {0};
    lb_worker started = {.busy = true, .cell = cell, .started = lb_seconds()};
    started.told = started.saved = started.started;
    started.epochs = (size_t)strtoull(lb_settings_get(task->settings, "epochs"), NULL, 10);
    lb_status status = collect(&a, task);
    if (status == LB_OK) status = lb_process_start(a.list, &started.process);
    lb_arena_release(&a.texts);
    if (status == LB_OK) *worker = started;
    return status;
}

/* ---- what it tells --------------------------------------------------------------------------- */

static bool note_event(lb_worker *worker, const char *line)
{
    json_t *event = json_loads(line, 0, NULL);
    const char *kind = json_string_value(json_object_get(event, "event"));
    const bool is_epoch = kind != NULL && strcmp(kind, "epoch") == 0;
    if (is_epoch) {
        const double now = lb_seconds();
        worker->epoch = (size_t)json_integer_value(json_object_get(event, "epoch"));
        worker->top1 = json_number_value(json_object_get(event, "val_top1"));
        worker->epoch_seconds = json_number_value(json_object_get(event, "seconds"));
        worker->told = now;
    }
    json_decref(event);
    return is_epoch;
}

/* A line of the command's own stands, whatever libraries print after it. */
static void note_error(lb_worker *worker, const char *line)
{
    static const char mark[] = "lowbit train: ";
    const bool own = strncmp(line, mark, sizeof mark - 1) == 0;
    if (line[0] == '\0' || (!own && worker->message[0] != '\0')) return;
    (void)snprintf(worker->message, sizeof worker->message, "%s",
                   own ? line + sizeof mark - 1 : line);
}

/* Take one piece of text apart into lines; *told: one of them was an epoch. */
static void take(lb_worker *worker, lb_line *line, const char *piece, size_t n, bool *told)
{
    for (size_t i = 0; i < n; i++) {
        if (piece[i] != '\n') {
            if (line->length + 1 < sizeof line->text) line->text[line->length++] = piece[i];
            continue;
        }
        line->text[line->length] = '\0';
        line->length = 0;
        if (line == &worker->errors)
            note_error(worker, line->text);
        else if (note_event(worker, line->text))
            *told = true;
    }
}

static void read_pipe(lb_worker *worker, int *pipe_end, lb_line *line, bool *told)
{
    char piece[4096];
    while (*pipe_end >= 0) {
        const ssize_t n = read(*pipe_end, piece, sizeof piece);
        if (n > 0) {
            take(worker, line, piece, (size_t)n, told);
        } else if (n == 0 || (errno != EAGAIN && errno != EINTR)) {
            take(worker, line, "\n", 1, told); /* a last line without an end */
            (void)close(*pipe_end);
            *pipe_end = -1;
        } else if (errno == EAGAIN) {
            return;
        }
    }
}

bool lb_worker_read(lb_worker *worker, bool *told)
{
    *told = false;
    read_pipe(worker, &worker->process.output, &worker->output, told);
    read_pipe(worker, &worker->process.errors, &worker->errors, told);
    return worker->process.output >= 0 || worker->process.errors >= 0;
}

double lb_worker_seconds_left(const lb_worker *worker)
{
    if (worker->epoch_seconds <= 0.0 || worker->epochs < worker->epoch) return -1.0;
    const double whole = worker->epoch_seconds * (double)(worker->epochs - worker->epoch);
    const double left = whole - (lb_seconds() - worker->told);
    return left > 0.0 ? left : 0.0;
}

/* ---- end ------------------------------------------------------------------------------------- */

lb_worker_end_kind lb_worker_end(lb_worker *worker)
{
    const int status = lb_process_end(&worker->process);
    worker->busy = false;
    if (WIFEXITED(status) && WEXITSTATUS(status) == LB_OK) return LB_WORKER_DONE;
    if (WIFEXITED(status) && WEXITSTATUS(status) == LB_E_INTERRUPTED) return LB_WORKER_KILLED;
    if (WIFEXITED(status) && WEXITSTATUS(status) == LB_E_BUSY) return LB_WORKER_BUSY;
    char said[LB_WORKER_LINE_BYTES / 2];
    (void)snprintf(said, sizeof said, "%.*s", (int)sizeof said - 1, worker->message);
    if (WIFSIGNALED(status)) {
        (void)snprintf(worker->message, sizeof worker->message, "ended by signal %d (%s)%s%s",
                       WTERMSIG(status), strsignal(WTERMSIG(status)), said[0] ? ": " : "", said);
        return LB_WORKER_KILLED;
    }
    if (worker->message[0] == '\0') {
        (void)snprintf(worker->message, sizeof worker->message, "ended with exit status %d",
                       WEXITSTATUS(status));
    }
    return LB_WORKER_FAILED;
}
