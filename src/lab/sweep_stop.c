/* The wish to stop a sweep. A signal may come between a look at a flag and the wait that follows; the byte in the pipe
 * ends that wait too. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "lab/sweep_state.h"

static volatile sig_atomic_t stop_wanted;
static int stop_pipe[2] = {-1, -1}; /* read, write */

void lb_sweep_stop(void)
{
    const int error = errno;
    stop_wanted = 1;
    /* a full pipe wakes as well as one with a byte more */
    if (stop_pipe[1] >= 0 && write(stop_pipe[1], "", 1) < 0) errno = error;
    errno = error;
}

bool lb_sweep_stop_wanted(void)
{
    return stop_wanted != 0;
}

lb_status lb_sweep_stop_open(int *wake)
{
    if (pipe(stop_pipe) != 0) return lb_fail(LB_E_IO, "cannot make a pipe: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        (void)fcntl(stop_pipe[i], F_SETFD, FD_CLOEXEC);
        (void)fcntl(stop_pipe[i], F_SETFL, O_NONBLOCK);
    }
    *wake = stop_pipe[0];
    return LB_OK;
}

void lb_sweep_stop_close(void)
{
    const int read_end = stop_pipe[0], write_end = stop_pipe[1];
    stop_pipe[0] = stop_pipe[1] = -1;
    if (read_end >= 0) (void)close(read_end);
    if (write_end >= 0) (void)close(write_end);
    stop_wanted = 0;
}
