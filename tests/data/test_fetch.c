/* Downloading and unpacking, against a small server on loopback that can misbehave. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/fetch.h"
#include "data/sha256.h"
#include "support/support.h"

enum { CONTENT = 100000 };

/* What the server does with requests; changed only while none is under way. */
static struct {
    int listener;
    unsigned port;
    bool ranges;      /* honours Range */
    int status;       /* other than 200: answers that */
    size_t cut_after; /* closes the connection after so many bytes of each answer; 0: never */
    size_t length;    /* of the content, at most CONTENT */
    atomic_int n_requests, n_ranged;
} server;

static uint8_t content[CONTENT];

static void send_all(int to, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    while (bytes > 0) {
        const ssize_t n = send(to, at, bytes, MSG_NOSIGNAL);
        if (n <= 0) return;
        at += n;
        bytes -= (size_t)n;
    }
}

static void answer(int to)
{
    char request[4096], head[256];
    size_t got = 0, first = 0;
    while (got < sizeof request - 1) {
        const ssize_t n = recv(to, request + got, sizeof request - 1 - got, 0);
        if (n <= 0) return;
        got += (size_t)n;
        request[got] = '\0';
        if (strstr(request, "\r\n\r\n") != NULL) break;
    }
    server.n_requests++;
    const char *range = strstr(request, "Range: bytes=");
    int status = server.status;
    if (range != NULL) server.n_ranged++;
    if (range != NULL && server.ranges && status == 200) {
        first = strtoul(range + 13, NULL, 10);
        status = first < server.length ? 206 : 416;
    }
    if (status > 206) {
        snprintf(head, sizeof head,
                 "HTTP/1.1 %d x\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", status);
        send_all(to, head, strlen(head));
        return;
    }
    size_t bytes = server.length - first;
    char content_range[96] = "";
    if (status == 206) {
        snprintf(content_range, sizeof content_range, "Content-Range: bytes %zu-%zu/%zu\r\n", first,
                 server.length - 1, server.length);
    }
    snprintf(head, sizeof head,
             "HTTP/1.1 %d x\r\nContent-Length: %zu\r\n%sConnection: close\r\n\r\n", status, bytes,
             content_range);
    send_all(to, head, strlen(head));
    if (server.cut_after != 0 && bytes > server.cut_after) bytes = server.cut_after;
    send_all(to, content + first, bytes);
}

static void *serve(void *context)
{
    (void)context;
    for (;;) {
        const int to = accept(server.listener, NULL, NULL);
        if (to < 0) return NULL;
        answer(to);
        (void)shutdown(to, SHUT_RDWR);
        (void)close(to);
    }
}

static int start_server(void **state)
{
    (void)state;
    static pthread_t thread;
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    socklen_t length = sizeof address;
    (void)unsetenv("http_proxy");
    (void)setenv("no_proxy", "127.0.0.1", 1);
    for (size_t i = 0; i < CONTENT; i++) content[i] = (uint8_t)(i * i / 7 + i);
    server.listener = socket(AF_INET, SOCK_STREAM, 0);
    if (server.listener < 0 ||
        bind(server.listener, (struct sockaddr *)&address, sizeof address) != 0 ||
        listen(server.listener, 8) != 0 ||
        getsockname(server.listener, (struct sockaddr *)&address, &length) != 0) {
        return -1;
    }
    server.port = ntohs(address.sin_port);
    return pthread_create(&thread, NULL, serve, NULL);
}

static void behave(void)
{
    server.ranges = true;
    server.status = 200;
    server.cut_after = 0;
    server.length = CONTENT;
    server.n_requests = server.n_ranged = 0;
}

static char url[128], digest[LB_SHA256_TEXT_BYTES];

static lb_fetch fetch_to(const char *path)
{
    lb_sha256 h;
    snprintf(url, sizeof url, "http://127.0.0.1:%u/file", server.port);
    lb_sha256_init(&h);
    lb_sha256_update(&h, content, CONTENT);
    lb_sha256_finish(&h, digest);
    return (lb_fetch){.url = url, .path = path, .bytes = CONTENT, .sha256 = digest, .name = "file"};
}

static const char *part_of(const char *path)
{
    static char part[512];
    snprintf(part, sizeof part, "%s.part", path);
    return part;
}

static void expect_file(const char *path)
{
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, CONTENT + 1, &data, &bytes));
    assert_int_equal(bytes, CONTENT);
    assert_memory_equal(data, content, CONTENT);
    lb_free(data);
    assert_false(lb_path_exists(part_of(path)));
}

static void test_sha256_of_the_standard(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } cases[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char got[LB_SHA256_TEXT_BYTES];
    lb_sha256 h;
    for (size_t i = 0; i < 3; i++) {
        lb_sha256_init(&h);
        lb_sha256_update(&h, cases[i].text, strlen(cases[i].text));
        lb_sha256_finish(&h, got);
        assert_string_equal(got, cases[i].want);
    }
    lb_sha256_init(&h); /* a million times 'a', in uneven pieces */
    static uint8_t as[977];
    memset(as, 'a', sizeof as);
    for (size_t left = 1000000; left > 0;) {
        const size_t n = left < sizeof as ? left : left % sizeof as + 1;
        const size_t step = n < left ? n : left;
        lb_sha256_update(&h, as, step);
        left -= step;
    }
    lb_sha256_finish(&h, got);
    assert_string_equal(got, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

static void test_a_plain_download(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "plain");
    const lb_fetch fetch = fetch_to(path);
    behave();
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
    assert_int_equal(server.n_requests, 1);
    assert_ok(lb_fetch_file(&fetch)); /* there already: checked, not fetched */
    assert_int_equal(server.n_requests, 1);
}

static void test_a_server_that_dies_again_and_again(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "dying");
    const lb_fetch fetch = fetch_to(path);
    behave();
    server.cut_after = 30000;
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
    assert_int_equal(server.n_requests, 4);
    assert_int_equal(server.n_ranged, 3);
}

static void test_resuming_a_part(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "resumed");
    const lb_fetch fetch = fetch_to(path);
    behave();
    lb_test_write(part_of(path), content, 60000);
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
    assert_int_equal(server.n_ranged, 1);
    /* all bytes there, only the name is missing: no request at all */
    assert_int_equal(unlink(path), 0);
    behave();
    lb_test_write(part_of(path), content, CONTENT);
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
    assert_int_equal(server.n_requests, 0);
    /* more than there can be: from the start */
    assert_int_equal(unlink(path), 0);
    static const uint8_t junk[CONTENT + 5];
    lb_test_write(part_of(path), junk, sizeof junk);
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
}

static void test_a_server_without_ranges(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "no_ranges");
    const lb_fetch fetch = fetch_to(path);
    behave();
    server.ranges = false;
    lb_test_write(part_of(path), content, 1000);
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
    assert_int_equal(server.n_requests, 2);
}

static void test_wrong_content_never_gets_the_name(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "wrong");
    lb_fetch fetch = fetch_to(path);
    behave();
    content[777] ^= 1;
    assert_status(lb_fetch_file(&fetch), LB_E_FORMAT);
    content[777] ^= 1;
    assert_contains(lb_error(), "SHA-256");
    assert_false(lb_path_exists(path));
    assert_false(lb_path_exists(part_of(path)));
    /* a damaged part is found out too, and the next try starts afresh */
    static const uint8_t junk[500];
    lb_test_write(part_of(path), junk, sizeof junk);
    assert_status(lb_fetch_file(&fetch), LB_E_FORMAT);
    assert_false(lb_path_exists(part_of(path)));
    fetch.bytes = CONTENT - 1; /* more comes than was published */
    assert_status(lb_fetch_file(&fetch), LB_E_FORMAT);
    assert_contains(lb_error(), "more than the published 99999 bytes");
    fetch.bytes = CONTENT + 1; /* less */
    assert_status(lb_fetch_file(&fetch), LB_E_FORMAT);
    assert_contains(lb_error(), "ends after 100000 of the published 100001");
    assert_false(lb_path_exists(path));
    fetch.bytes = CONTENT;
    assert_ok(lb_fetch_file(&fetch));
    expect_file(path);
}

static void test_a_file_of_the_user_is_not_touched(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "own");
    const lb_fetch fetch = fetch_to(path);
    behave();
    lb_test_write(path, "mine", 4);
    assert_status(lb_fetch_file(&fetch), LB_E_FORMAT);
    assert_contains(lb_error(), "has 4 bytes, published are 100000; remove it");
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 10, &data, &bytes));
    assert_memory_equal(data, "mine", 4);
    lb_free(data);
    assert_int_equal(server.n_requests, 0);
}

static void test_errors_of_server_and_disk(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "errors");
    lb_fetch fetch = fetch_to(path);
    behave();
    server.status = 404;
    assert_status(lb_fetch_file(&fetch), LB_E_IO);
    assert_contains(lb_error(), "HTTP status 404");
    assert_false(lb_path_exists(part_of(path)));
    server.status = 500;
    lb_test_write(part_of(path), content, 100);
    assert_status(lb_fetch_file(&fetch), LB_E_IO);
    assert_true(lb_path_exists(part_of(path))); /* what is there stays for the next time */
    fetch.path = "/nonexistent/folder/file";
    assert_status(lb_fetch_file(&fetch), LB_E_IO);
    assert_contains(lb_error(), "/nonexistent/folder/file.part");
    fetch = fetch_to(path);
    fetch.url = "ftp://127.0.0.1/file";
    assert_status(lb_fetch_file(&fetch), LB_E_IO);
    fetch.url = "http://127.0.0.1:1/file"; /* nobody listens there */
    assert_status(lb_fetch_file(&fetch), LB_E_IO);
    assert_contains(lb_error(), "100 of 100000 bytes have arrived: the same command resumes");
}

/* Append one member, or the end of the archive where name is NULL. */
static size_t put_member(uint8_t *tar, size_t at, const char *name, char type, size_t bytes)
{
    uint8_t *h = tar + at;
    memset(h, 0, 1024);
    if (name == NULL) return at + 1024;
    unsigned sum = 0;
    snprintf((char *)h, 100, "%s", name);
    snprintf((char *)h + 124, 12, "%011zo", bytes);
    h[156] = (uint8_t)type;
    memcpy(h + 257, "ustar\00000", 8);
    memset(h + 148, ' ', 8);
    for (int i = 0; i < 512; i++) sum += h[i];
    snprintf((char *)h + 148, 8, "%06o", sum);
    for (size_t i = 0; i < bytes; i++) h[512 + i] = (uint8_t)(i + (size_t)name[0]);
    return at + 512 + (bytes + 511) / 512 * 512;
}

static size_t gzip_to(const char *path, const uint8_t *data, size_t bytes)
{
    static uint8_t packed[1 << 16];
    z_stream z = {.next_in = (z_const Bytef *)(uintptr_t)data, .avail_in = (uInt)bytes};
    z.next_out = packed;
    z.avail_out = sizeof packed;
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    assert_int_equal(deflateEnd(&z), Z_OK);
    lb_test_write(path, packed, sizeof packed - z.avail_out);
    return sizeof packed - z.avail_out;
}

static void test_unpacking(void **state)
{
    (void)state;
    static uint8_t tar[1 << 16];
    static const char *const members[] = {"one.bin", "two.bin", NULL}, *const more[] = {"three.bin",
                                                                                        NULL};
    const char *folder = lb_test_path(lb_test_folder(), "unpacked");
    const char *archive = lb_test_path(lb_test_folder(), "a.tar.gz");
    assert_ok(lb_make_folders(folder));
    size_t n = put_member(tar, 0, "top/", '5', 0);
    n = put_member(tar, n, "top/readme", '0', 600);
    n = put_member(tar, n, "../../one.bin", '0', 700); /* only the last part of a name counts */
    n = put_member(tar, n, "top/two.bin", '\0', 512);
    const size_t content_end = n;
    n = put_member(tar, n, NULL, 0, 0);
    const size_t packed = gzip_to(archive, tar, n);
    assert_ok(lb_unpack_tar_gz(archive, members, 512, 700, folder));
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(lb_test_path(folder, "one.bin"), 1000, &data, &bytes));
    assert_int_equal(bytes, 700);
    for (size_t i = 0; i < bytes; i++) assert_int_equal(data[i], (uint8_t)(i + '.'));
    lb_free(data);
    assert_false(lb_path_exists(lb_test_path(folder, "readme")));

    assert_status(lb_unpack_tar_gz(archive, more, 1, 1000, folder), LB_E_FORMAT);
    assert_contains(lb_error(), "no three.bin");
    assert_status(lb_unpack_tar_gz(archive, members, 512, 699, folder), LB_E_FORMAT);
    assert_contains(lb_error(), "one.bin has 700 bytes");
    /* every truncation of the compressed file up to its checksum, and a damaged header */
    uint8_t *file = NULL;
    assert_ok(lb_file_read(archive, 1 << 16, &file, &bytes));
    assert_int_equal(bytes, packed);
    const char *damaged = lb_test_path(lb_test_folder(), "damaged.tar.gz");
    for (size_t k = 0; k + 16 < packed; k += 3) {
        lb_test_write(damaged, file, k);
        assert_status(lb_unpack_tar_gz(damaged, members, 1, 1000, folder), LB_E_FORMAT);
    }
    lb_free(file);
    tar[130] ^= 1;
    (void)gzip_to(damaged, tar, n);
    assert_status(lb_unpack_tar_gz(damaged, members, 1, 1000, folder), LB_E_FORMAT);
    tar[130] ^= 1;
    (void)gzip_to(damaged, tar, content_end - 100); /* ends inside a member */
    assert_status(lb_unpack_tar_gz(damaged, members, 1, 1000, folder), LB_E_FORMAT);
    assert_status(lb_unpack_tar_gz("/nonexistent.tar.gz", members, 1, 9, folder), LB_E_IO);
    assert_false(lb_path_exists(lb_test_path(folder, "two.bin.part")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256_of_the_standard),
        cmocka_unit_test(test_a_plain_download),
        cmocka_unit_test(test_a_server_that_dies_again_and_again),
        cmocka_unit_test(test_resuming_a_part),
        cmocka_unit_test(test_a_server_without_ranges),
        cmocka_unit_test(test_wrong_content_never_gets_the_name),
        cmocka_unit_test(test_a_file_of_the_user_is_not_touched),
        cmocka_unit_test(test_errors_of_server_and_disk),
        cmocka_unit_test(test_unpacking),
    };
    return cmocka_run_group_tests(tests, start_server, NULL);
}
