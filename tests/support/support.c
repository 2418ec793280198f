#define _XOPEN_SOURCE 700 /* nftw */
#include "support/support.h"

#include <errno.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

enum { PATH_BYTES = 4096, N_PATHS = 16, N_FOLDERS = 256 };

const char *lb_test_data(const char *name)
{
    static char path[PATH_BYTES];
    const char *root = getenv("LOWBIT_DATA");
    struct stat info;
    if (root != NULL) {
        (void)snprintf(path, sizeof path, "%s/%s", root, name);
        if (stat(path, &info) == 0) return path;
    }
    const char *ci = getenv("CI");
    if (ci != NULL && strcmp(ci, "true") == 0) {
        fail_msg("data set '%s' is not in LOWBIT_DATA=%s, and CI=true wants it", name,
                 root ? root : "(unset)");
    }
    print_message("data set '%s' is not in LOWBIT_DATA=%s\n", name, root ? root : "(unset)");
    skip();
    return NULL;
}

static char folders[N_FOLDERS][PATH_BYTES];
static size_t n_folders;

static int remove_entry(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)type;
    (void)walk;
    return remove(path);
}

/* A folder that was made read-only lets nothing go. */
static int make_writable(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)walk;
    if (type == FTW_D && (info->st_mode & S_IRWXU) != S_IRWXU) return chmod(path, S_IRWXU);
    return 0;
}

static void remove_folders(void)
{
    for (size_t i = 0; i < n_folders; i++) {
        (void)nftw(folders[i], make_writable, 16, FTW_PHYS);
        (void)nftw(folders[i], remove_entry, 16, FTW_DEPTH | FTW_PHYS);
    }
}

const char *lb_test_folder(void)
{
    assert_true(n_folders < N_FOLDERS);
    if (n_folders == 0) assert_int_equal(atexit(remove_folders), 0);
    const char *parent = getenv("TMPDIR");
    char *path = folders[n_folders];
    (void)snprintf(path, PATH_BYTES, "%s/lowbit-test-XXXXXX", parent ? parent : "/tmp");
    if (mkdtemp(path) == NULL) fail_msg("cannot make %s: %s", path, strerror(errno));
    n_folders++;
    return path;
}

const char *lb_test_path(const char *folder, const char *name)
{
    static char paths[N_PATHS][PATH_BYTES];
    static size_t next;
    char *path = paths[next++ % N_PATHS];
    (void)snprintf(path, PATH_BYTES, "%s/%s", folder, name);
    return path;
}

void lb_test_write(const char *path, const void *data, size_t bytes)
{
    FILE *file = fopen(path, "wb");
    if (file == NULL) fail_msg("cannot write %s: %s", path, strerror(errno));
    const size_t written = bytes > 0 ? fwrite(data, 1, bytes, file) : 0;
    assert_int_equal(fclose(file), 0);
    assert_int_equal(written, bytes);
}

void lb_test_status(lb_status got, lb_status wanted, const char *expression, const char *file,
                    int line)
{
    if (got == wanted) return;
    print_error("%s: got '%s' (%s), wanted '%s'\n", expression, lb_status_text(got), lb_error(),
                lb_status_text(wanted));
    _fail(file, line);
}

void lb_test_contains(const char *text, const char *piece, const char *file, int line)
{
    if (strstr(text, piece) != NULL) return;
    print_error("got \"%s\", wanted it to contain \"%s\"\n", text, piece);
    _fail(file, line);
}

void lb_test_every_allocation_failure(lb_status (*body)(void *context), void *context)
{
    enum { LIMIT = 100000 }; /* no test of ours allocates so often: more means a loop */
    for (size_t k = 1; k < LIMIT; k++) {
        lb_alloc_fail_at(k);
        const lb_status status = body(context);
        const bool met = lb_alloc_fail_pending() == 0;
        lb_alloc_fail_at(0);
        if (!met) {
            assert_ok(status);
            return;
        }
        if (status != LB_E_NOMEM) {
            fail_msg("allocation %zu failed and the call returned '%s'", k, lb_status_text(status));
        }
    }
    fail_msg("more than %d allocations", LIMIT);
}

void lb_test_measure(const char *program, const char *argument, char line[128])
{
    char command[1024];
    (void)snprintf(command, sizeof command, "'%s' measure '%s'", program, argument);
    FILE *pipe = popen(command, "r");
    assert_non_null(pipe);
    assert_non_null(fgets(line, 128, pipe));
    assert_int_equal(pclose(pipe), 0);
}
