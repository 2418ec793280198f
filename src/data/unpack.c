/* Members out of a .tar.gz (POSIX ustar, IEEE Std 1003.1, "pax"; GNU and old archives alike).
 *
 * A member is a header of 512 bytes - name at 0 (100), size at 124 (12, octal), checksum at 148 (8,
 * octal: the sum of all header bytes with the checksum's own counted as blanks), type at 156 - and its
 * content, filled up to 512 bytes. A header of zeros ends the archive. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "base/file.h"
#include "data/fetch.h"

enum { BLOCK = 512, PATH_BYTES = 4096, MAX_MEMBERS = 64, CHUNK = 1 << 16 };

/* An archive being read, and what is wanted of it. */
typedef struct unpacker {
    const char *archive, *folder;
    gzFile file;
    const char *const *members;
    uint64_t min_bytes, max_bytes;
    bool done[MAX_MEMBERS];
} unpacker;

static lb_status take(unpacker *u, void *out, size_t bytes)
{
    const int got = gzread(u->file, out, (unsigned)bytes);
    if (got == (int)bytes) return LB_OK;
    int code = 0;
    const char *why = gzerror(u->file, &code);
    if (code == Z_ERRNO)
        return lb_fail(LB_E_IO, "cannot read '%s': %s", u->archive, strerror(errno));
    return lb_fail(LB_E_FORMAT, "'%s': damaged or truncated archive%s%s", u->archive,
                   code != Z_OK ? ": " : "", code != Z_OK ? why : "");
}

/* A field of octal digits, with blanks or zero bytes around; false where it is none. */
static bool octal(const uint8_t *field, size_t length, uint64_t *out)
{
    uint64_t value = 0;
    size_t i = 0, digits = 0;
    while (i < length && field[i] == ' ') i++;
    for (; i < length && field[i] >= '0' && field[i] <= '7'; i++, digits++) {
        value = value * 8 + (uint64_t)(field[i] - '0'); /* at most 12 digits: 36 bits */
    }
    *out = value;
    return digits > 0 && (i == length || field[i] == ' ' || field[i] == '\0');
}

static lb_status check_header(const unpacker *u, const uint8_t *header, uint64_t *bytes)
{
    uint64_t want = 0, sum = 0;
    for (size_t i = 0; i < BLOCK; i++) sum += i >= 148 && i < 156 ? ' ' : header[i];
    if (!octal(header + 148, 8, &want) || want != sum || !octal(header + 124, 12, bytes)) {
        return lb_fail(LB_E_FORMAT, "'%s': not a tar archive, or damaged", u->archive);
    }
    return LB_OK;
}

/* Which of the members a header is about; -1: none. */
static int find_member(const unpacker *u, const uint8_t *header)
{
    char name[101];
    memcpy(name, header, 100);
    name[100] = '\0';
    const char *slash = strrchr(name, '/');
    const char *last = slash != NULL ? slash + 1 : name;
    const bool is_file = header[156] == '0' || header[156] == '\0';
    for (int m = 0; is_file && u->members[m] != NULL && m < MAX_MEMBERS; m++) {
        if (strcmp(u->members[m], last) == 0) return m;
    }
    return -1;
}

/* Copy `bytes` bytes to a file, or nowhere where fd is -1, and skip the filling after them. */
static lb_status copy(unpacker *u, uint64_t bytes, int fd, const char *path)
{
    uint8_t buffer[CHUNK];
    uint64_t left = (bytes + BLOCK - 1) / BLOCK * BLOCK;
    while (left > 0) {
        const size_t n = left < CHUNK ? (size_t)left : CHUNK;
        LB_TRY(take(u, buffer, n));
        left -= n;
        const size_t wanted = bytes < n ? (size_t)bytes : n;
        bytes -= wanted;
        for (size_t at = 0; fd >= 0 && at < wanted;) {
            const ssize_t step = write(fd, buffer + at, wanted - at);
            if (step < 0 && errno == EINTR) continue;
            if (step <= 0) return lb_fail(LB_E_IO, "cannot write '%s': %s", path, strerror(errno));
            at += (size_t)step;
        }
    }
    return LB_OK;
}

static lb_status unpack_member(unpacker *u, int member, uint64_t bytes)
{
    char path[PATH_BYTES], part[PATH_BYTES];
    const char *name = u->members[member];
    if (bytes < u->min_bytes || bytes > u->max_bytes) {
        return lb_fail(LB_E_FORMAT,
                       "'%s': %s has %" PRIu64 " bytes, wanted %" PRIu64 " to %" PRIu64, u->archive,
                       name, bytes, u->min_bytes, u->max_bytes);
    }
    const int n = snprintf(path, sizeof path, "%s/%s", u->folder, name);
    const int m = snprintf(part, sizeof part, "%s/%s.part", u->folder, name);
    if (n <= 0 || m <= n || m >= PATH_BYTES)
        return lb_fail(LB_E_IO, "'%s': path too long", u->folder);
    const int fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0) return lb_fail(LB_E_IO, "cannot write '%s': %s", part, strerror(errno));
    lb_status status = copy(u, bytes, fd, part);
    if (status == LB_OK && (fsync(fd) != 0 || rename(part, path) != 0)) {
        status = lb_fail(LB_E_IO, "cannot write '%s': %s", path, strerror(errno));
    }
    if (status != LB_OK) (void)unlink(part);
    (void)close(fd);
    u->done[member] = status == LB_OK;
    return status;
}

static bool is_zero(const uint8_t *block)
{
    for (size_t i = 0; i < BLOCK; i++) {
        if (block[i] != 0) return false;
    }
    return true;
}

static lb_status unpack_all(unpacker *u)
{
    for (;;) {
        uint8_t header[BLOCK];
        uint64_t bytes = 0;
        LB_TRY(take(u, header, sizeof header));
        if (is_zero(header)) break;
        LB_TRY(check_header(u, header, &bytes));
        const int member = find_member(u, header);
        if (member >= 0) {
            LB_TRY(unpack_member(u, member, bytes));
        } else {
            LB_TRY(copy(u, bytes, -1, NULL));
        }
    }
    for (size_t m = 0; u->members[m] != NULL && m < MAX_MEMBERS; m++) {
        if (!u->done[m])
            return lb_fail(LB_E_FORMAT, "'%s': no %s in it", u->archive, u->members[m]);
    }
    return LB_OK;
}

lb_status lb_unpack_tar_gz(const char *archive, const char *const *members, uint64_t min_bytes,
                           uint64_t max_bytes, const char *folder)
{
    unpacker u = {.archive = archive,
                  .folder = folder,
                  .members = members,
                  .min_bytes = min_bytes,
                  .max_bytes = max_bytes};
    errno = 0;
    u.file = gzopen(archive, "rb");
    if (u.file == NULL) {
        return lb_fail(LB_E_IO, "cannot open '%s': %s", archive,
                       errno ? strerror(errno) : "out of memory");
    }
    const lb_status status = unpack_all(&u);
    (void)gzclose(u.file);
    return status;
}
