#include "runtime/team.h"

#include <sched.h>
#include <string.h>

#include "base/compiler.h"

enum {
    SPINS = 2000,      /* turns of waiting before the processor is given away: some 50 us */
    IDLE_TURNS = 4000, /* turns without work before a thread sleeps: a few milliseconds */
};

/* One turn of waiting. */
static void wait_a_turn(size_t turn)
{
    if (turn < SPINS)
        LB_PAUSE();
    else
        (void)sched_yield();
}

/* Wait for a round after `seen`; false: the team is over. */
static bool wait_for_work(lb_team *team, unsigned seen)
{
    for (size_t turn = 0; turn < IDLE_TURNS; turn++) {
        if (atomic_load(&team->round) != seen) return !atomic_load(&team->over);
        wait_a_turn(turn);
    }
    (void)pthread_mutex_lock(&team->mutex);
    /* Counted before looking again: who gives work looks at the count after it. */
    atomic_fetch_add(&team->asleep, 1);
    while (atomic_load(&team->round) == seen) (void)pthread_cond_wait(&team->wake, &team->mutex);
    atomic_fetch_sub(&team->asleep, 1);
    (void)pthread_mutex_unlock(&team->mutex);
    return !atomic_load(&team->over);
}

static void *member_main(void *argument)
{
    lb_team_member *member = argument;
    lb_team *team = member->team;
    for (unsigned seen = 0; wait_for_work(team, seen); seen++) {
        team->work(team->user, member->index);
        atomic_fetch_sub(&team->busy, 1);
    }
    return NULL;
}

/* Begin a new round and wake who sleeps. */
static void begin_round(lb_team *team)
{
    atomic_fetch_add(&team->round, 1);
    if (atomic_load(&team->asleep) == 0) return;
    (void)pthread_mutex_lock(&team->mutex);
    (void)pthread_cond_broadcast(&team->wake);
    (void)pthread_mutex_unlock(&team->mutex);
}

static void stop_members(lb_team *team, size_t started)
{
    atomic_store(&team->over, true);
    begin_round(team);
    for (size_t i = 1; i < started; i++) (void)pthread_join(team->members[i].thread, NULL);
    (void)pthread_cond_destroy(&team->wake);
    (void)pthread_mutex_destroy(&team->mutex);
}

lb_status lb_team_start(lb_team *team, lb_team_member *members, size_t size)
{
    *team = (lb_team){.size = size, .members = members};
    atomic_init(&team->round, 0);
    atomic_init(&team->busy, 0);
    atomic_init(&team->phase, 0);
    atomic_init(&team->waiting, 0);
    atomic_init(&team->over, false);
    atomic_init(&team->asleep, 0);
    (void)pthread_mutex_init(&team->mutex, NULL);
    (void)pthread_cond_init(&team->wake, NULL);
    for (size_t i = 1; i < size; i++) {
        members[i] = (lb_team_member){.team = team, .index = i};
        const int error = pthread_create(&members[i].thread, NULL, member_main, &members[i]);
        if (error == 0) continue;
        stop_members(team, i);
        return lb_fail(LB_E_IO, "cannot start thread %zu of %zu: error %d", i + 1, size, error);
    }
    return LB_OK;
}

void lb_team_run(lb_team *team, lb_team_work *work, void *user)
{
    team->work = work;
    team->user = user;
    atomic_store(&team->busy, team->size - 1);
    begin_round(team);
    work(user, 0);
    for (size_t turn = 0; atomic_load(&team->busy) > 0; turn++) wait_a_turn(turn);
}

void lb_team_meet(lb_team *team)
{
    const unsigned phase = atomic_load(&team->phase);
    if (atomic_fetch_add(&team->waiting, 1) + 1 == team->size) {
        atomic_store(&team->waiting, 0);
        atomic_fetch_add(&team->phase, 1);
        return;
    }
    for (size_t turn = 0; atomic_load(&team->phase) == phase; turn++) wait_a_turn(turn);
}

void lb_team_stop(lb_team *team)
{
    stop_members(team, team->size);
}
