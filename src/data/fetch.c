/* One file from the web, with libcurl. */
#include "data/fetch.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "data/sha256.h"

enum {
    CONNECT_SECONDS = 30,
    STALL_SECONDS = 30, /* less than a byte a second for so long counts as a dead server */
    MAX_REDIRECTS = 5,
    MAX_ATTEMPTS = 100 /* an attempt that brought nothing new is the last one anyway */
};

/* A download under way. */
typedef struct transfer {
    const lb_fetch *fetch;
    int part;      /* PATH.part, positioned at its end */
    uint64_t done; /* bytes in it */
    bool too_long;
    int disk_error; /* errno of a write that failed, 0: none did */
    char message[CURL_ERROR_SIZE];
} transfer;

static size_t on_data(char *data, size_t size, size_t n, void *context)
{
    transfer *t = context;
    const size_t bytes = size * n;
    if (t->done + bytes > t->fetch->bytes) {
        t->too_long = true;
        return 0;
    }
    for (size_t written = 0; written < bytes;) {
        const ssize_t step = write(t->part, data + written, bytes - written);
        if (step < 0 && errno == EINTR) continue;
        if (step <= 0) {
            t->disk_error = step < 0 ? errno : ENOSPC;
            return 0;
        }
        written += (size_t)step;
        t->done += (uint64_t)step;
    }
    if (t->fetch->progress)
        t->fetch->progress(t->fetch->context, t->fetch->name, t->done, t->fetch->bytes);
    return bytes;
}

static lb_status restart(transfer *t)
{
    t->done = 0;
    if (ftruncate(t->part, 0) == 0 && lseek(t->part, 0, SEEK_SET) == 0) return LB_OK;
    return lb_fail(LB_E_IO, "cannot write '%s.part': %s", t->fetch->path, strerror(errno));
}

/* One request for what is not there yet. */
static CURLcode request(transfer *t, long *http)
{
    CURL *curl = curl_easy_init();
    if (curl == NULL) return CURLE_OUT_OF_MEMORY;
    t->message[0] = '\0';
    curl_easy_setopt(curl, CURLOPT_URL, t->fetch->url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_REDIR_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_FOLLOWLOCATION, 1L);
    curl_easy_setopt(curl, CURLOPT_MAXREDIRS, (long)MAX_REDIRECTS);
    curl_easy_setopt(curl, CURLOPT_FAILONERROR, 1L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
    curl_easy_setopt(curl, CURLOPT_LOW_SPEED_TIME, (long)STALL_SECONDS);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, t->message);
    curl_easy_setopt(curl, CURLOPT_USERAGENT, "lowbit");
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(curl, CURLOPT_RESUME_FROM_LARGE, (curl_off_t)t->done);
    const CURLcode code = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, http);
    if (t->message[0] == '\0')
        snprintf(t->message, sizeof t->message, "%s", curl_easy_strerror(code));
    curl_easy_cleanup(curl);
    return code;
}

/* What to tell when an attempt has failed and another one is of no use. */
static lb_status transfer_failed(const transfer *t, CURLcode code, long http)
{
    const lb_fetch *f = t->fetch;
    if (t->disk_error != 0)
        return lb_fail(LB_E_IO, "cannot write '%s.part': %s", f->path, strerror(t->disk_error));
    if (t->too_long) {
        return lb_fail(LB_E_FORMAT,
                       "%s: more than the published %" PRIu64 " bytes: not the published file",
                       f->url, f->bytes);
    }
    if (code == CURLE_OUT_OF_MEMORY) return lb_fail(LB_E_NOMEM, "%s: out of memory", f->url);
    if (code == CURLE_HTTP_RETURNED_ERROR) {
        return lb_fail(
            LB_E_IO,
            "%s: the server answers with HTTP status %ld; another place can be given with "
            "--url",
            f->url, http);
    }
    return lb_fail(
        LB_E_IO, "%s: %s; %" PRIu64 " of %" PRIu64 " bytes have arrived: the same command resumes",
        f->url, t->message, t->done, f->bytes);
}

/* Ask until everything is there. An attempt that brought something is followed by another one. */
static lb_status transfer_all(transfer *t)
{
    bool restarted = false;
    for (int attempt = 0; t->done < t->fetch->bytes; attempt++) {
        const uint64_t before = t->done;
        long http = 0;
        const CURLcode code = request(t, &http);
        if (code == CURLE_OK && t->done == t->fetch->bytes) break;
        if (code == CURLE_OK) {
            return lb_fail(LB_E_FORMAT,
                           "%s: ends after %" PRIu64 " of the published %" PRIu64
                           " bytes: not the published "
                           "file",
                           t->fetch->url, t->done, t->fetch->bytes);
        }
        /* A server that cannot continue in the middle, or says that there is nothing more. */
        const bool no_ranges =
            code == CURLE_RANGE_ERROR || (code == CURLE_HTTP_RETURNED_ERROR && http == 416);
        if (no_ranges && before > 0 && !restarted) {
            restarted = true;
            LB_TRY(restart(t));
            continue;
        }
        const bool final = t->too_long || t->disk_error != 0 || code == CURLE_HTTP_RETURNED_ERROR;
        if (final || t->done == before || attempt >= MAX_ATTEMPTS)
            return transfer_failed(t, code, http);
    }
    return LB_OK;
}

static lb_status check_digest(const lb_fetch *f, const char *path)
{
    char digest[LB_SHA256_TEXT_BYTES];
    LB_TRY(lb_sha256_file(path, digest));
    if (strcmp(digest, f->sha256) == 0) return LB_OK;
    return lb_fail(LB_E_FORMAT, "'%s' has SHA-256 %s, published is %s", path, digest, f->sha256);
}

/* Only one process may write a .part; the lock goes with the descriptor. */
static lb_status open_part(transfer *t, const char *path)
{
    t->part = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    if (t->part < 0) return lb_fail(LB_E_IO, "cannot write '%s': %s", path, strerror(errno));
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
    if (fcntl(t->part, F_SETLK, &lock) != 0) {
        return lb_fail(LB_E_IO, "'%s' is being written by another process", path);
    }
    const off_t end = lseek(t->part, 0, SEEK_END);
    if (end < 0) return lb_fail(LB_E_IO, "cannot read '%s': %s", path, strerror(errno));
    t->done = (uint64_t)end;
    return t->done > t->fetch->bytes ? restart(t) : LB_OK;
}

/* Give the checked file its name, so that it survives a loss of power. */
static lb_status publish(const transfer *t, const char *part_path)
{
    if (fsync(t->part) == 0 && rename(part_path, t->fetch->path) == 0) return LB_OK;
    return lb_fail(LB_E_IO, "cannot rename '%s': %s", part_path, strerror(errno));
}

static lb_status download(const lb_fetch *f, const char *part_path)
{
    transfer t = {.fetch = f, .part = -1};
    lb_status status = open_part(&t, part_path);
    if (status == LB_OK) {
        status = transfer_all(&t);
        if (status == LB_OK) status = check_digest(f, part_path);
        if (status == LB_OK) status = publish(&t, part_path);
        /* A wrong file must not be resumed, an empty one is of no use. */
        if (status == LB_E_FORMAT || (status != LB_OK && t.done == 0)) (void)unlink(part_path);
    }
    if (t.part >= 0) (void)close(t.part);
    return status;
}

/* What stands under the name already is kept if it is the published file, and never replaced. */
static lb_status check_existing(const lb_fetch *f)
{
    struct stat info;
    if (stat(f->path, &info) != 0)
        return lb_fail(LB_E_IO, "cannot read '%s': %s", f->path, strerror(errno));
    lb_status status = LB_OK;
    if ((uint64_t)info.st_size != f->bytes) {
        status = lb_fail(LB_E_FORMAT, "'%s' has %jd bytes, published are %" PRIu64, f->path,
                         (intmax_t)info.st_size, f->bytes);
    } else {
        status = check_digest(f, f->path);
    }
    if (status != LB_E_FORMAT) return status;
    return lb_fail(LB_E_FORMAT, "%s; remove it, or fetch into another folder with --dir",
                   lb_error());
}

lb_status lb_fetch_file(const lb_fetch *f)
{
    if (lb_path_exists(f->path)) return check_existing(f);
    void *block = NULL;
    const size_t length = strlen(f->path) + sizeof ".part";
    LB_TRY(lb_alloc(length, 1, "path", &block));
    char *part_path = block;
    snprintf(part_path, length, "%s.part", f->path);
    lb_status status = LB_OK;
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != 0) {
        status = lb_fail(LB_E_NOMEM, "cannot start libcurl");
    } else {
        status = download(f, part_path);
        curl_global_cleanup();
    }
    lb_free(part_path);
    return status;
}
