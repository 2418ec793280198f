/* A report on 127.0.0.1 while its store is being written.
 *
 * This thread looks at the store's files once a second and makes the page anew where they have changed;
 * libmicrohttpd's own thread answers from the last page. Requests that name another host than this machine are
 * refused, so that no web page elsewhere can read it by a name that it points here. */
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/clock.h"
#include "lab/report_render.h"
#include "lab/report_stop.h"
#include "lab/report_store.h"

enum { STANDARD_SECONDS = 5, IDLE_SECONDS = 60 };

/* The page, which two threads see. */
typedef struct server {
    pthread_mutex_t lock;
    char *text;
    size_t bytes;
} server;

/* ---- answering ------------------------------------------------------------------------------- */

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned code, char *text,
                                   size_t bytes, enum MHD_ResponseMemoryMode mode, const char *type)
{
    struct MHD_Response *response = MHD_create_response_from_buffer(bytes, text, mode);
    if (response == NULL) {
        if (mode == MHD_RESPMEM_MUST_FREE) free(text);
        return MHD_NO;
    }
    (void)MHD_add_response_header(response, "Content-Type", type);
    (void)MHD_add_response_header(response, "Cache-Control", "no-store");
    (void)MHD_add_response_header(
        response, "Content-Security-Policy",
        "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:");
    const enum MHD_Result result = MHD_queue_response(connection, code, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result refuse(struct MHD_Connection *connection, unsigned code, const char *why)
{
    char *text = (char *)(uintptr_t)why; /* not written to: PERSISTENT */
    return answer_text(connection, code, text, strlen(text), MHD_RESPMEM_PERSISTENT, "text/plain");
}

static bool is_this_machine(const char *host)
{
    static const char *const names[] = {"127.0.0.1", "localhost"};
    for (size_t i = 0; host != NULL && i < 2; i++) {
        const size_t n = strlen(names[i]);
        if (strncmp(host, names[i], n) == 0 && (host[n] == '\0' || host[n] == ':')) return true;
    }
    return false;
}

static enum MHD_Result answer(void *context, struct MHD_Connection *connection, const char *url,
                              const char *method, const char *version, const char *upload,
                              size_t *upload_bytes, void **state)
{
    (void)version;
    (void)upload;
    (void)upload_bytes;
    (void)state;
    if (strcmp(method, "GET") != 0 && strcmp(method, "HEAD") != 0)
        return refuse(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "wanted GET or HEAD\n");
    if (!is_this_machine(MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Host")))
        return refuse(connection, MHD_HTTP_FORBIDDEN, "wanted host 127.0.0.1 or localhost\n");
    if (strcmp(url, "/") != 0) return refuse(connection, MHD_HTTP_NOT_FOUND, "wanted /\n");
    server *s = context;
    (void)pthread_mutex_lock(&s->lock);
    const size_t bytes = s->bytes;
    char *copy = malloc(bytes + 1);
    if (copy != NULL) memcpy(copy, s->text, bytes);
    (void)pthread_mutex_unlock(&s->lock);
    if (copy == NULL) return MHD_NO;
    return answer_text(connection, MHD_HTTP_OK, copy, bytes, MHD_RESPMEM_MUST_FREE,
                       "text/html; charset=utf-8");
}

/* ---- making the page ------------------------------------------------------------------------- */

/* What tells that a store was written: sizes and times of its file and of its write-ahead log. */
typedef struct trace {
    int64_t size[2], seconds[2], nanoseconds[2];
} trace;

static trace trace_of(const char *store)
{
    trace t = {.size = {0}};
    static const char *const endings[] = {"", "-wal"};
    for (size_t i = 0; i < 2; i++) {
        char path[4096];
        struct stat info;
        const int length = snprintf(path, sizeof path, "%s%s", store, endings[i]);
        if (length < 0 || (size_t)length >= sizeof path || stat(path, &info) != 0) continue;
        t.size[i] = info.st_size;
        t.seconds[i] = info.st_mtim.tv_sec;
        t.nanoseconds[i] = info.st_mtim.tv_nsec;
    }
    return t;
}

static lb_status make_page(const lb_serve_options *options, double seconds, server *s)
{
    const lb_page_options page = {.title = options->title != NULL ? options->title : "Results",
                                  .source = options->store,
                                  .problem = "",
                                  .refresh_seconds = (int)seconds + 1};
    char *scratch = NULL;
    lb_store *store = NULL;
    lb_rendered made = {.text = NULL};
    lb_status status = lb_scratch_make(NULL, &scratch);
    if (status == LB_OK) status = lb_store_open(options->store, LB_STORE_READ, &store);
    if (status == LB_OK)
        status = lb_report_render_store(store, NULL, options->filter, &page, scratch, &made);
    lb_store_close(store);
    lb_scratch_remove(scratch);
    if (status != LB_OK) return status;
    (void)pthread_mutex_lock(&s->lock);
    char *old = s->text;
    s->text = made.text;
    s->bytes = made.bytes;
    (void)pthread_mutex_unlock(&s->lock);
    free(old);
    return LB_OK;
}

/* Until it is to stop: look at the store, and make the page anew at most every `seconds`. */
static void watch(const lb_serve_options *options, double seconds, trace seen, server *s)
{
    double made = lb_seconds();
    while (!lb_report_stop_wanted()) {
        const struct timespec pause = {.tv_nsec = 200000000};
        (void)nanosleep(&pause, NULL); /* a signal ends it early */
        if (lb_report_stop_wanted() || lb_seconds() - made < seconds) continue;
        const trace now = trace_of(options->store);
        if (memcmp(&now, &seen, sizeof now) == 0) continue;
        /* one that cannot be read just now (a full disk, a merge) is tried again; the last page stays */
        if (make_page(options, seconds, s) == LB_OK) seen = now;
        made = lb_seconds();
    }
}

static lb_status start(const lb_serve_options *options, server *s, struct MHD_Daemon **out)
{
    const struct sockaddr_in address = {.sin_family = AF_INET,
                                        .sin_port = htons((uint16_t)options->port),
                                        .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
    struct MHD_Daemon *daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD, 0, NULL, NULL, answer, s, MHD_OPTION_SOCK_ADDR, &address,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_SECONDS, MHD_OPTION_END);
    if (daemon == NULL) {
        return lb_fail(LB_E_IO, "cannot listen on 127.0.0.1:%u: %s; another port may be free",
                       options->port, strerror(errno));
    }
    *out = daemon;
    return LB_OK;
}

lb_status lb_report_serve(const lb_serve_options *options)
{
    if (options->port > UINT16_MAX)
        return lb_fail(LB_E_ARG, "port %u: wanted 0 to 65535", options->port);
    const double seconds = options->seconds > 0.0 ? options->seconds : STANDARD_SECONDS;
    server s = {.text = NULL};
    (void)pthread_mutex_init(&s.lock, NULL);
    const trace seen = trace_of(options->store);
    struct MHD_Daemon *daemon = NULL;
    lb_status status = make_page(options, seconds, &s);
    if (status == LB_OK) status = start(options, &s, &daemon);
    if (status == LB_OK) {
        const union MHD_DaemonInfo *info = MHD_get_daemon_info(daemon, MHD_DAEMON_INFO_BIND_PORT);
        char url[64];
        (void)snprintf(url, sizeof url, "http://127.0.0.1:%u/",
                       info != NULL ? (unsigned)info->port : options->port);
        if (options->ready != NULL) options->ready(url, options->user);
        watch(options, seconds, seen, &s);
        MHD_stop_daemon(daemon);
    }
    lb_report_stop_forget();
    (void)pthread_mutex_destroy(&s.lock);
    free(s.text);
    return status;
}
