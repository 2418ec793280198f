/* A worker of a sweep: a `lowbit train` process that trains one cell, and what it tells. */
#ifndef LB_LAB_SWEEP_WORKER_H
#define LB_LAB_SWEEP_WORKER_H

#include <poll.h>
#include <stdbool.h>

#include "lab/process.h"
#include "lowbit/train.h"

enum { LB_WORKER_LINE_BYTES = 2048 };

/* Lines that come in pieces. */
typedef struct lb_line {
    char text[LB_WORKER_LINE_BYTES]; /* what does not fit is dropped */
    size_t length;
} lb_line;

typedef struct lb_worker {
    bool busy;
    size_t cell; /* that it trains: index in the plan */
    lb_process process;
    double started;
    size_t epoch, epochs; /* epochs that are done, and all */
    double top1;          /* the last epoch's              */
    double epoch_seconds; /* that the last one took        */
    double told;          /* when the last one ended       */
    double saved;         /* when it was last put into the store */
    lb_line output, errors;
    char message[LB_WORKER_LINE_BYTES]; /* the last line on standard error */
} lb_worker;

/* How to run it. */
typedef struct lb_worker_task {
    const char *program, *folder;
    const lb_settings *settings;
    int threads;
    bool overwrite; /* begin anew; else go on with what is there */
} lb_worker_task;

/** Start the process. Errors: LB_E_IO, LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_worker_start(lb_worker *worker, size_t cell, const lb_worker_task *task);

/** Read what there is; *told: an epoch came to its end. False when it has said all: lb_worker_end is next. */
bool lb_worker_read(lb_worker *worker, bool *told);

/** Seconds that it still takes; negative: unknown. */
double lb_worker_seconds_left(const lb_worker *worker);

typedef enum lb_worker_end_kind {
    LB_WORKER_DONE,   /* exit status 0                                   */
    LB_WORKER_KILLED, /* by a signal, or it stopped because of one       */
    LB_WORKER_BUSY,   /* somebody else trains in its folder              */
    LB_WORKER_FAILED  /* another exit status; `message` says why         */
} lb_worker_end_kind;

/** Wait for its end; `message` of the worker says what happened unless it is done. */
lb_worker_end_kind lb_worker_end(lb_worker *worker);

#endif
