/* Archives of networks replayed on every instruction set of this machine, and damaged ones refused.
 * `test_network_archive make FILE COUNT [FIRST]` makes an archive to be replayed on another machine. */
#include <stdlib.h>
#include <string.h>

#include "support/network_archive.h"
#include "support/runtime_check.h"
#include "support/support.h"

static void make(const char *path, uint64_t first, uint64_t count)
{
    char scratch[1024];
    FILE *archive = fopen(path, "wb");
    if (!archive) {
        perror(path);
        exit(1);
    }
    (void)snprintf(scratch, sizeof scratch, "%s.lbm", path);
    for (uint64_t i = first; i < first + count; i++) lb_archive_add(archive, scratch, i);
    if (fclose(archive) != 0 || remove(scratch) != 0) exit(1);
}

static void test_replay(void **state)
{
    (void)state;
    enum { NETWORKS = 60 };
    const char *path = lb_test_path(lb_test_folder(), "networks");
    const char *scratch = lb_test_path(lb_test_folder(), "one.lbm");
    make(path, 100, NETWORKS);
    for (const char *const *isa = lb_test_isas(); *isa; isa++) {
        lb_replay replay;
        assert_true(lb_archive_replay(path, scratch, *isa, &replay));
        assert_string_equal(replay.first, "");
        assert_int_equal(replay.networks, NETWORKS);
        assert_true(replay.maps > 3 * NETWORKS);
    }
}

/* The replay can fail: another image gives other maps, a cut archive is no archive. */
static void test_differences_are_seen(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "damaged");
    const char *scratch = lb_test_path(lb_test_folder(), "one.lbm");
    make(path, 7, 1);
    FILE *archive = fopen(path, "r+b");
    assert_non_null(archive);
    uint64_t head[2];
    float pixel = 0.0f;
    assert_int_equal(fread(head, sizeof *head, 2, archive), 2); /* number, bytes */
    const long image = (long)(3 * sizeof *head + head[1]);
    assert_int_equal(fseek(archive, image, SEEK_SET), 0);
    assert_int_equal(fread(&pixel, sizeof pixel, 1, archive), 1);
    pixel = pixel > 0.0f ? -1.0f : 0.9921875f; /* a raw pixel's value too */
    assert_int_equal(fseek(archive, image, SEEK_SET), 0);
    assert_int_equal(fwrite(&pixel, sizeof pixel, 1, archive), 1);
    assert_int_equal(fclose(archive), 0);
    lb_replay replay;
    assert_true(lb_archive_replay(path, scratch, "scalar", &replay));
    assert_true(replay.differences > 0);
    assert_contains(replay.first, "network 7: layer 0 ");

    lb_test_write(path, head, sizeof *head + 3);
    assert_false(lb_archive_replay(path, scratch, "scalar", &replay));
    assert_contains(replay.first, "cut off at network 7");
    assert_false(lb_archive_replay("/no/such/archive", scratch, "scalar", &replay));
    assert_contains(replay.first, "cannot open");
}

int main(int argc, char **argv)
{
    if (argc >= 4 && strcmp(argv[1], "make") == 0) {
        make(argv[2], argc > 4 ? strtoull(argv[4], NULL, 10) : 0, strtoull(argv[3], NULL, 10));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_differences_are_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
