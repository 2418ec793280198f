/* Programs that are run to their end: what they print, how they fail, what does not exist. */
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>

#include "base/memory.h"
#include "lab/process.h"
#include "support/support.h"

static void output_is_what_was_printed(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "echo one; echo two >&2; cat; printf three", NULL};
    char *output = NULL;
    assert_ok(lb_process_output(argv, &output));
    assert_string_equal(output, "one\nthree");
    lb_free(output);
}

/* More than a pipe holds, on both sides at once. */
static void much_output_blocks_nobody(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "seq 30000 >&2; seq 30000", NULL};
    char *output = NULL;
    assert_ok(lb_process_output(argv, &output));
    assert_int_equal(strlen(output), 9 * 2 + 90 * 3 + 900 * 4 + 9000 * 5 + 20001 * 6);
    lb_free(output);
}

static void a_failure_is_told_by_its_last_line(void **state)
{
    (void)state;
    char *output = NULL;
    const char *const fails[] = {"sh", "-c", "echo first >&2; echo last >&2; exit 3", NULL};
    assert_status(lb_process_output(fails, &output), LB_E_IO);
    assert_string_equal(lb_error(), "sh fails: last");
    const char *const dies[] = {"sh", "-c", "kill -9 $$", NULL};
    assert_status(lb_process_output(dies, &output), LB_E_IO);
    const char *const missing[] = {"no-such-program-here", NULL};
    assert_status(lb_process_output(missing, &output), LB_E_UNSUPPORTED);
    assert_contains(lb_error(), "no-such-program-here");
    assert_null(output);
}

static void the_end_gives_the_status(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "exit 5", NULL};
    lb_process process;
    assert_ok(lb_process_start(argv, &process));
    const int status = lb_process_end(&process);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 5);
    assert_int_equal(process.output, -1);
}

static int signal_at_birth;

static void raise_at_birth(void)
{
    if (signal_at_birth != 0) (void)raise(signal_at_birth);
}

static void swallow(int number)
{
    (void)number;
}

/* A signal between fork and exec: the parent's handler must not take it from the program. */
static void a_signal_at_birth_is_not_lost(void **state)
{
    (void)state;
    const char *const argv[] = {"sh", "-c", "exit 5", NULL};
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    assert_int_equal(pthread_atfork(NULL, NULL, raise_at_birth), 0);
    for (size_t i = 0; i < 2 * sizeof numbers / sizeof *numbers; i++) {
        const bool ignored = i % 2 == 1; /* as nohup asks for */
        lb_process process;
        signal_at_birth = numbers[i / 2];
        (void)signal(signal_at_birth, ignored ? SIG_IGN : swallow);
        assert_ok(lb_process_start(argv, &process));
        const int status = lb_process_end(&process);
        assert_true(ignored ? WIFEXITED(status) : WIFSIGNALED(status));
        assert_int_equal(ignored ? WEXITSTATUS(status) : WTERMSIG(status),
                         ignored ? 5 : signal_at_birth);
        (void)signal(signal_at_birth, SIG_DFL);
    }
    signal_at_birth = 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(output_is_what_was_printed),
        cmocka_unit_test(much_output_blocks_nobody),
        cmocka_unit_test(a_failure_is_told_by_its_last_line),
        cmocka_unit_test(the_end_gives_the_status),
        cmocka_unit_test(a_signal_at_birth_is_not_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
