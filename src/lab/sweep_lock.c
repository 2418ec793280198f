#include "lab/sweep_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

static lb_status lock_path(const char *store, const char *name, char **out)
{
    const size_t bytes = strlen(store) + strlen(name) + sizeof "-.lock";
    void *block = NULL;
    LB_TRY(lb_alloc(bytes, 1, "path", &block));
    (void)snprintf(block, bytes, "%s-%s.lock", store, name);
    *out = block;
    return LB_OK;
}

/* Is the file that was opened still the one of that name? Its last holder may have removed it meanwhile. */
static bool is_current(int fd, const char *path)
{
    struct stat opened, named;
    return fstat(fd, &opened) == 0 && stat(path, &named) == 0 && opened.st_ino == named.st_ino &&
           opened.st_dev == named.st_dev;
}

/* "(process 1234) " of whoever holds the lock, as far as it is known. */
static void name_holder(int fd, char text[48])
{
    char number[16] = "";
    text[0] = '\0';
    const ssize_t n = pread(fd, number, sizeof number - 1, 0);
    if (n <= 0) return;
    number[strspn(number, "0123456789")] = '\0';
    if (number[0] != '\0') (void)snprintf(text, 48, "(process %s) ", number);
}

static void write_holder(int fd)
{
    char number[16];
    const int n = snprintf(number, sizeof number, "%ld\n", (long)getpid());
    /* only for the message of others: a full disk is no reason to stop here */
    if (ftruncate(fd, 0) == 0 && pwrite(fd, number, (size_t)n, 0) != n) return;
}

lb_status lb_sweep_lock_take(const char *store, const char *name, lb_sweep_lock *out)
{
    char *path = NULL;
    LB_TRY(lock_path(store, name, &path));
    lb_status status = LB_OK;
    int fd = -1;
    while (status == LB_OK && fd < 0) {
        fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
        if (fd < 0) {
            status = lb_fail(LB_E_IO, "%s: cannot create: %s", path, strerror(errno));
        } else if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
            char holder[48];
            name_holder(fd, holder);
            status = lb_fail(LB_E_ARG,
                             "%s: a sweep %sof %s is writing this store; wait for it or "
                             "stop it",
                             store, holder, name);
        } else if (!is_current(fd, path)) {
            (void)close(fd);
            fd = -1;
        }
    }
    if (status != LB_OK) {
        if (fd >= 0) (void)close(fd);
        lb_free(path);
        return status;
    }
    write_holder(fd);
    *out = (lb_sweep_lock){.fd = fd, .path = path};
    return LB_OK;
}

void lb_sweep_lock_release(lb_sweep_lock *lock)
{
    if (lock->fd < 0) return;
    (void)unlink(lock->path); /* before it is dropped, so that nobody's new file goes */
    (void)close(lock->fd);
    lb_free(lock->path);
    *lock = (lb_sweep_lock){.fd = -1};
}
