/* Files: whole reads, maps, atomic writes under full disks and read-only folders. */
#include "base/file.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/support.h"

static void assert_holds(const char *path, const char *wanted)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 1 << 20, &data, &bytes));
    assert_int_equal(bytes, strlen(wanted));
    assert_string_equal((const char *)data, wanted); /* a zero byte stands after the last */
    lb_free(data);
}

static lb_status write_text(const char *path, const char *text)
{
    const size_t half = strlen(text) / 2;
    const lb_file_part parts[] = {{text, half}, {NULL, 0}, {text + half, strlen(text) - half}};
    return lb_file_write_atomic(path, parts, 3);
}

static void test_write_and_read_back(void **state)
{
    (void)state;
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "file");
    assert_ok(write_text(path, "first"));
    assert_holds(path, "first");
    assert_ok(write_text(path, "a longer second"));
    assert_holds(path, "a longer second");
    assert_ok(write_text(path, ""));
    assert_holds(path, "");
    assert_false(lb_path_exists(lb_test_path(folder, "file.tmp")));
}

static void test_write_in_the_working_folder(void **state)
{
    (void)state;
    const char *folder = lb_test_folder();
    char before[4096];
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(folder), 0);
    assert_ok(write_text("plain", "text"));
    assert_holds("plain", "text");
    assert_int_equal(chdir(before), 0);
}

static void test_reading_what_is_not_there(void **state)
{
    (void)state;
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "missing");
    uint8_t *data = NULL;
    size_t bytes = 7;
    lb_file_map map = {0};
    assert_status(lb_file_read(path, 100, &data, &bytes), LB_E_IO);
    assert_contains(lb_error(), path);
    assert_contains(lb_error(), "No such file");
    assert_status(lb_file_map_open(path, &map), LB_E_IO);
    assert_status(lb_file_read(folder, 100, &data, &bytes), LB_E_IO);
    assert_contains(lb_error(), "not a regular file");
    assert_status(lb_file_map_open(folder, &map), LB_E_IO);
    assert_null(data);
    assert_int_equal(bytes, 7);
    assert_null(map.data);
}

static void test_size_limit_of_a_read(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "file");
    lb_test_write(path, "12345", 5);
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_status(lb_file_read(path, 4, &data, &bytes), LB_E_FORMAT);
    assert_contains(lb_error(), path);
    assert_ok(lb_file_read(path, 5, &data, &bytes));
    lb_free(data);
}

static void test_map(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "file");
    lb_file_map map = {0};
    lb_test_write(path, "", 0);
    assert_status(lb_file_map_open(path, &map), LB_E_FORMAT);
    lb_test_write(path, "mapped", 6);
    assert_ok(lb_file_map_open(path, &map));
    assert_int_equal(map.bytes, 6);
    assert_memory_equal(map.data, "mapped", 6);
    lb_file_map_close(&map);
    assert_null(map.data);
    lb_file_map_close(&map); /* again, on a closed one */
}

/* A limit on the size of files behaves as a full disk does: write() stops short, then fails. */
static void test_full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "file");
    assert_ok(write_text(path, "old"));
    static char large[100000];
    memset(large, 'x', sizeof large);
    const lb_file_part part = {large, sizeof large};

    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    const struct rlimit small = {.rlim_cur = 4096, .rlim_max = before.rlim_max};
    void (*const handler)(int) = signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    const lb_status status = lb_file_write_atomic(path, &part, 1);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    (void)signal(SIGXFSZ, handler);

    assert_status(status, LB_E_IO);
    assert_contains(lb_error(), path);
    assert_contains(lb_error(), "File too large");
    assert_holds(path, "old");
    assert_false(lb_path_exists(lb_test_path(folder, "file.tmp")));
}

/* Root may write anywhere, so it becomes somebody else for this. */
static void test_read_only_folder(void **state)
{
    (void)state;
    const uid_t nobody = 65534, user = geteuid();
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "file");
    assert_int_equal(chmod(folder, S_IRUSR | S_IXUSR | S_IROTH | S_IXOTH), 0);
    if (user == 0) assert_int_equal(seteuid(nobody), 0);
    const lb_status written = write_text(path, "text");
    char message[1024];
    (void)snprintf(message, sizeof message, "%s", lb_error());
    const lb_status made = lb_make_folders(lb_test_path(folder, "a/b"));
    if (user == 0) assert_int_equal(seteuid(user), 0);
    assert_status(written, LB_E_IO);
    assert_contains(message, path);
    assert_contains(message, "Permission denied");
    assert_status(made, LB_E_IO);
}

/* What cannot be written even by root: under a file, onto a folder, in a folder that is not
 * there. */
static void test_places_that_cannot_be_written(void **state)
{
    (void)state;
    const char *folder = lb_test_folder();
    lb_test_write(lb_test_path(folder, "file"), "x", 1);
    assert_ok(lb_make_folders(lb_test_path(folder, "target/inside")));
    assert_status(write_text(lb_test_path(folder, "file/below"), "text"), LB_E_IO);
    assert_contains(lb_error(), "Not a directory");
    assert_status(write_text(lb_test_path(folder, "missing/file"), "text"), LB_E_IO);
    assert_contains(lb_error(), "No such file");
    assert_status(write_text(lb_test_path(folder, "target"), "text"), LB_E_IO);
    assert_contains(lb_error(), "not a regular file");
    assert_false(lb_path_exists(lb_test_path(folder, "target.tmp")));
    assert_holds(lb_test_path(folder, "file"), "x");
}

/* A program run by root must not put a file in the place of a device or a pipe; a link stays one. */
static void test_what_is_no_file(void **state)
{
    (void)state;
    const char *folder = lb_test_folder();
    const char *pipe_name = lb_test_path(folder, "pipe");
    assert_int_equal(mkfifo(pipe_name, 0600), 0);
    assert_status(write_text(pipe_name, "text"), LB_E_IO);
    assert_contains(lb_error(), "not a regular file");
    struct stat info;
    assert_int_equal(stat(pipe_name, &info), 0);
    assert_true(S_ISFIFO(info.st_mode));
    assert_int_equal(symlink("pipe", lb_test_path(folder, "to-pipe")), 0);
    assert_status(write_text(lb_test_path(folder, "to-pipe"), "text"), LB_E_IO);

    const char *link_name = lb_test_path(folder, "link");
    assert_int_equal(symlink("behind", link_name), 0);
    lb_test_write(lb_test_path(folder, "behind"), "old", 3);
    assert_ok(write_text(link_name, "new"));
    assert_holds(lb_test_path(folder, "behind"), "new");
    assert_int_equal(lstat(link_name, &info), 0);
    assert_true(S_ISLNK(info.st_mode));
}

static void test_make_folders(void **state)
{
    (void)state;
    const char *folder = lb_test_folder(), *deep = lb_test_path(folder, "a//b/c/");
    assert_ok(lb_make_folders(deep));
    assert_true(lb_path_is_folder(deep));
    assert_ok(lb_make_folders(deep)); /* it is there */
    lb_test_write(lb_test_path(folder, "file"), "x", 1);
    assert_status(lb_make_folders(lb_test_path(folder, "file")), LB_E_IO);
    assert_status(lb_make_folders(lb_test_path(folder, "file/below")), LB_E_IO);
    assert_contains(lb_error(), "file");
    assert_true(lb_path_exists(lb_test_path(folder, "file")));
    assert_false(lb_path_is_folder(lb_test_path(folder, "file")));
}

static void test_join(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *name, *wanted;
    } cases[] = {{"a", "b", "a/b"}, {"a/", "b", "a/b"}, {"", "b", "b"}, {"/", "b", "/b"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *path = NULL;
        assert_ok(lb_path_join(cases[i].folder, cases[i].name, &path));
        assert_string_equal(path, cases[i].wanted);
        lb_free(path);
    }
}

static lb_status use_files(void *context)
{
    const char *path = context;
    uint8_t *data = NULL;
    char *joined = NULL;
    size_t bytes = 0;
    lb_status status = write_text(path, "text");
    if (status == LB_OK) status = lb_file_read(path, 100, &data, &bytes);
    if (status == LB_OK) status = lb_path_join("a", "b", &joined);
    lb_free(data);
    lb_free(joined);
    return status;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "file"));
    lb_test_every_allocation_failure(use_files, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_write_and_read_back),
        cmocka_unit_test(test_write_in_the_working_folder),
        cmocka_unit_test(test_reading_what_is_not_there),
        cmocka_unit_test(test_size_limit_of_a_read),
        cmocka_unit_test(test_map),
        cmocka_unit_test(test_full_disk_leaves_the_old_file),
        cmocka_unit_test(test_read_only_folder),
        cmocka_unit_test(test_places_that_cannot_be_written),
        cmocka_unit_test(test_what_is_no_file),
        cmocka_unit_test(test_make_folders),
        cmocka_unit_test(test_join),
        cmocka_unit_test(test_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
