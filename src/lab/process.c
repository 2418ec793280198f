/* Programs that are started, listened to and waited for. */
#include "lab/process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/memory.h"

enum { READ = 0, WRITE = 1, OUTPUT_MAX_BYTES = 1 << 20 };

/* Both ends are closed by programs that are started later, so that a pipe ends with its own program. */
static lb_status open_pipe(int ends[2])
{
    if (pipe(ends) != 0) return lb_fail(LB_E_IO, "cannot make a pipe: %s", strerror(errno));
    (void)fcntl(ends[READ], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[WRITE], F_SETFD, FD_CLOEXEC);
    (void)fcntl(ends[READ], F_SETFL, O_NONBLOCK);
    return LB_OK;
}

/* What is ignored stays so, also in the program: nohup's way. */
static void forget_handler(int number)
{
    struct sigaction action;
    if (sigaction(number, NULL, &action) != 0 || action.sa_handler == SIG_IGN) return;
    (void)signal(number, SIG_DFL);
}

/* The child's side: only what may be called between fork and exec. Signals are blocked: one that comes before the
 * program runs ends the child, where the parent's handler would swallow it. */
_Noreturn static void become(const char *const *argv, pid_t parent, const int out[2],
                             const int err[2])
{
    static const int numbers[] = {SIGHUP, SIGINT, SIGTERM};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) forget_handler(numbers[i]);
    (void)prctl(PR_SET_PDEATHSIG, SIGTERM);
    if (getppid() != parent) _exit(LB_PROGRAM_MISSING); /* it ended before the line above */
    sigset_t none;
    (void)sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    const int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);
    (void)dup2(nothing, STDIN_FILENO);
    (void)dup2(out[WRITE], STDOUT_FILENO);
    (void)dup2(err[WRITE], STDERR_FILENO);
    (void)execvp(argv[0], (char *const *)(uintptr_t)argv);
    _exit(LB_PROGRAM_MISSING);
}

lb_status lb_process_start(const char *const *argv, lb_process *out)
{
    int output[2], errors[2];
    LB_TRY(open_pipe(output));
    lb_status status = open_pipe(errors);
    if (status != LB_OK) {
        (void)close(output[READ]);
        (void)close(output[WRITE]);
        return status;
    }
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)sigprocmask(SIG_SETMASK, &all, &before);
    const pid_t parent = getpid(), id = fork();
    if (id == 0) become(argv, parent, output, errors);
    const int error = errno;
    (void)sigprocmask(SIG_SETMASK, &before, NULL);
    (void)close(output[WRITE]);
    (void)close(errors[WRITE]);
    if (id < 0) {
        (void)close(output[READ]);
        (void)close(errors[READ]);
        return lb_fail(LB_E_IO, "cannot start %s: %s", argv[0], strerror(error));
    }
    *out = (lb_process){.id = id, .output = output[READ], .errors = errors[READ]};
    return LB_OK;
}

int lb_process_end(lb_process *process)
{
    if (process->output >= 0) (void)close(process->output);
    if (process->errors >= 0) (void)close(process->errors);
    process->output = process->errors = -1;
    int status = 0;
    while (waitpid(process->id, &status, 0) < 0 && errno == EINTR) continue;
    return status;
}

/* Append what there is to read to the text; closes and forgets a pipe that is at its end. What does not fit into
 * the text is dropped. */
static void drain(int *pipe_end, char *text, size_t *length, size_t room)
{
    char piece[4096];
    const ssize_t n = read(*pipe_end, piece, sizeof piece);
    if (n < 0 && (errno == EINTR || errno == EAGAIN)) return;
    if (n <= 0) {
        (void)close(*pipe_end);
        *pipe_end = -1;
        return;
    }
    size_t kept = (size_t)n;
    if (kept > room - *length) kept = room - *length;
    memcpy(text + *length, piece, kept);
    *length += kept;
}

/* The last line of a text, which is cut there. */
static const char *last_line(char *text)
{
    size_t end = strlen(text);
    while (end > 0 && text[end - 1] == '\n') text[--end] = '\0';
    const char *line = strrchr(text, '\n');
    return line != NULL ? line + 1 : text;
}

lb_status lb_process_output(const char *const *argv, char **output)
{
    void *block = NULL;
    LB_TRY(lb_alloc(OUTPUT_MAX_BYTES + 1, 1, argv[0], &block));
    char *text = block, errors[1024] = "";
    size_t length = 0, errors_length = 0;
    lb_process process;
    lb_status status = lb_process_start(argv, &process);
    while (status == LB_OK && (process.output >= 0 || process.errors >= 0)) {
        struct pollfd waited[2] = {{.fd = process.output, .events = POLLIN},
                                   {.fd = process.errors, .events = POLLIN}};
        if (poll(waited, 2, -1) < 0) continue;
        if (waited[0].revents != 0) drain(&process.output, text, &length, OUTPUT_MAX_BYTES);
        if (waited[1].revents != 0)
            drain(&process.errors, errors, &errors_length, sizeof errors - 1);
    }
    if (status == LB_OK) {
        const int ended = lb_process_end(&process);
        errors[errors_length] = '\0';
        if (WIFEXITED(ended) && WEXITSTATUS(ended) == LB_PROGRAM_MISSING)
            status = lb_fail(LB_E_UNSUPPORTED, "there is no program '%s' here", argv[0]);
        else if (!WIFEXITED(ended) || WEXITSTATUS(ended) != 0)
            status = lb_fail(LB_E_IO, "%s fails: %s", argv[0], last_line(errors));
    }
    if (status != LB_OK) {
        lb_free(block);
        return status;
    }
    *output = text; /* zeroed when it was allocated */
    return LB_OK;
}
