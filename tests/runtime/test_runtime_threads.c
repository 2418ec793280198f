/* Contexts of several threads over one packed network, each with threads of its own, all running at the
 * same time. ctest: label tsan */
#include <pthread.h>
#include <string.h>
#include <time.h>

#include "runtime/packed.h"
#include "runtime/team.h"
#include "support/random_intnet.h"
#include "support/support.h"

enum { USERS = 3, ROUNDS = 20, IMAGES = 4, LARGEST_IMAGE = 4 * 9 * 9, CLASSES_MAX = 8 };

/* What one user does: runs its images again and again, alone and together, and compares. */
typedef struct user {
    pthread_t thread;
    const lb_packed *packed;
    const float *images, *wanted;
    size_t image_values, classes;
    int threads;
    size_t wrong;
} user;

static void *run_user(void *argument)
{
    user *u = argument;
    const lb_context_options options = {.threads = u->threads};
    lb_context *context = NULL;
    float logits[IMAGES * CLASSES_MAX];
    if (lb_context_create(u->packed, &options, &context) != LB_OK) {
        u->wrong = 1;
        return NULL;
    }
    for (size_t round = 0; round < ROUNDS; round++) {
        const size_t first = round % IMAGES, n = round % 2 ? 1 : IMAGES - first;
        lb_context_run(context, u->images + first * u->image_values, n, logits);
        u->wrong +=
            memcmp(logits, u->wanted + first * u->classes, n * u->classes * sizeof *logits) != 0;
    }
    lb_context_destroy(context);
    return NULL;
}

static void test_contexts_share_a_network(void **state)
{
    (void)state;
    static float images[IMAGES * LARGEST_IMAGE];
    for (uint64_t seed = 40; seed < 50; seed++) {
        lb_intnet net;
        lb_packed *packed = NULL;
        lb_context *context = NULL;
        float wanted[IMAGES * CLASSES_MAX];
        user users[USERS];
        lb_random_intnet(seed, &net);
        const lb_shape s = net.layers[0].map.shape;
        const size_t values = s.c * s.h * s.w;
        for (size_t i = 0; i < IMAGES; i++)
            lb_random_intnet_image(i, &net, images + i * values, NULL);
        assert_ok(lb_packed_create(&net, NULL, &packed));
        for (size_t i = 0; i < net.n_layers; i++)
            packed->layers[i].cost_ns = 1e9; /* threads share every layer */
        assert_ok(lb_context_create(packed, NULL, &context));
        lb_context_run(context, images, IMAGES, wanted);
        lb_context_destroy(context);
        for (int i = 0; i < USERS; i++) {
            users[i] = (user){.packed = packed, .images = images, .wanted = wanted};
            users[i].image_values = values;
            users[i].classes = net.classes;
            users[i].threads = i + 1;
            assert_int_equal(pthread_create(&users[i].thread, NULL, run_user, &users[i]), 0);
        }
        for (int i = 0; i < USERS; i++) {
            assert_int_equal(pthread_join(users[i].thread, NULL), 0);
            assert_int_equal(users[i].wrong, 0);
        }
        lb_packed_close(packed);
        lb_intnet_release(&net);
    }
}

/* ---- the team itself ---- */

enum { TEAM = 4, MEETINGS = 50 };

typedef struct board {
    lb_team team;
    size_t written[TEAM]; /* plain memory: barriers must order it */
    size_t wrong;
} board;

static void meet_often(void *argument, size_t thread)
{
    board *b = argument;
    for (size_t round = 1; round <= MEETINGS; round++) {
        b->written[thread] = round;
        lb_team_meet(&b->team);
        for (size_t i = 0; i < TEAM && thread == 0; i++) b->wrong += b->written[i] != round;
        lb_team_meet(&b->team);
    }
}

static void add_one(void *argument, size_t thread)
{
    ((board *)argument)->written[thread]++;
}

static void test_team(void **state)
{
    (void)state;
    static board b;
    lb_team_member members[TEAM];
    assert_ok(lb_team_start(&b.team, members, TEAM));
    lb_team_run(&b.team, meet_often, &b);
    assert_int_equal(b.wrong, 0);
    const struct timespec pause = {.tv_nsec = 20 * 1000 * 1000};
    for (size_t round = 1; round <= 6; round++) {
        if (round % 2 == 0) (void)nanosleep(&pause, NULL); /* the others fall asleep meanwhile */
        lb_team_run(&b.team, add_one, &b);
        for (size_t i = 0; i < TEAM; i++) assert_int_equal(b.written[i], MEETINGS + round);
    }
    lb_team_stop(&b.team);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_contexts_share_a_network),
        cmocka_unit_test(test_team),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
