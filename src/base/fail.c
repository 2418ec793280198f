/* Error messages: one buffer a thread, written by the failing function, read by lb_error(). */
#include "base/fail.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lowbit/version.h"

#undef lb_fail /* see fail.h */
#undef lb_fail_in

/* Long enough for a path and a sentence; longer messages are cut. */
enum { MESSAGE_BYTES = 1024 };

static _Thread_local char message[MESSAGE_BYTES];

/* A message is one line, whatever names and values it repeats. */
static void keep(const char text[MESSAGE_BYTES])
{
    size_t i = 0;
    for (; text[i] != '\0'; i++)
        message[i] = (unsigned char)text[i] < ' ' || text[i] == 127 ? '?' : text[i];
    message[i] = '\0';
}

lb_status lb_fail(lb_status status, const char *fmt, ...)
{
    char text[MESSAGE_BYTES]; /* not `message`: an argument may be lb_error() itself */
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    keep(text);
    return status;
}

lb_status lb_fail_in(lb_status status, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    const int written = vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    const size_t used = written >= 0 ? (size_t)written : 0;
    if (used + 2 < sizeof text) {
        const size_t room = sizeof text - used - 3; /* after ": " and the zero byte */
        const size_t length = strlen(message);
        const size_t kept = length < room ? length : room;
        memcpy(text + used, ": ", 2);
        memcpy(text + used + 2, message, kept);
        text[used + 2 + kept] = '\0';
    }
    keep(text);
    return status;
}

const char *lb_error(void)
{
    return message[0] != '\0' ? message : "no failure recorded";
}

const char *lb_status_text(lb_status status)
{
    switch (status) {
#define X(name, code, text) \
    case name: return text;
        LB_STATUS_LIST(X)
#undef X
    }
    return "unknown status";
}

const char *lb_version(void)
{
    return LOWBIT_VERSION;
}

void lb_assert_failed(const char *condition, const char *file, int line)
{
    (void)fprintf(stderr, "lowbit: internal error: %s:%d: %s does not hold\n", file, line,
                  condition);
    abort();
}
