/* Threads that work together: started once, given work many times, meeting at barriers between.
 *
 * A network's layer takes microseconds, so waiting is done in a loop; who has waited for long gives the
 * processor away at every turn, and who has no work for longer sleeps on a condition variable. */
#ifndef LB_RUNTIME_TEAM_H
#define LB_RUNTIME_TEAM_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "base/fail.h"

/** The work of one of the threads; 0 is the caller's. */
typedef void lb_team_work(void *user, size_t thread);

typedef struct lb_team_member {
    struct lb_team *team;
    size_t index;
    pthread_t thread;
} lb_team_member;

typedef struct lb_team {
    size_t size;             /* threads, the caller's included */
    lb_team_member *members; /* [size]; [0] is not used */
    lb_team_work *work;
    void *user;
    atomic_uint round;     /* number of works given so far */
    atomic_size_t busy;    /* members that have not finished this one */
    atomic_uint phase;     /* number of barriers passed */
    atomic_size_t waiting; /* at this barrier */
    atomic_bool over;
    atomic_size_t asleep;
    pthread_mutex_t mutex;
    pthread_cond_t wake;
} lb_team;

/**
 * Start size - 1 threads.
 *
 * Ownership: the team stays where it is until lb_team_stop; members ([size]) are borrowed.
 * Errors:    LB_E_IO the system starts no more threads; nothing is left then.
 */
LB_MUST_CHECK lb_status lb_team_start(lb_team *team, lb_team_member *members, size_t size);
/** Have every thread call work(user, index); returns when all have. */
void lb_team_run(lb_team *team, lb_team_work *work, void *user);
/** Within a work: wait until every thread has come here. */
void lb_team_meet(lb_team *team);
void lb_team_stop(lb_team *team);

#endif
