/* Errors of the command: at most three lines on standard error. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "lowbit/deploy.h"
#include "lowbit/status.h"

enum { MESSAGE_BYTES = 1200, LINES_MAX = 3 };

/* End the text after its third line. */
static void cut_lines(char *text)
{
    size_t lines = 1;
    for (char *c = text; *c != '\0'; c++) {
        if (*c != '\n') continue;
        if (lines++ == LINES_MAX || c[1] == '\0') *c = '\0';
        if (*c == '\0') return;
    }
}

int lb_cli_fail(const char *command, int exit_status, const char *fmt, ...)
{
    char text[MESSAGE_BYTES];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    cut_lines(text);
    (void)fflush(stdout); /* what was printed before the error stands before it on a terminal */
    (void)fprintf(stderr, "lowbit%s%s: %s\n", command ? " " : "", command ? command : "", text);
    return exit_status;
}

int lb_cli_error(const char *command, int status)
{
    return lb_cli_fail(command, status, "%s", lb_error());
}

int lb_cli_check_packed(const char *command, const char *path)
{
    if (lb_path_kind_of(path) != LB_PATH_RUN) return LB_OK;
    return lb_cli_fail(command, LB_E_ARG,
                       "%s is a run, not a packed network; `lowbit pack %s -o net.lbm` makes one "
                       "of it",
                       path, path);
}

void lb_cli_skipped(void *command, const char *message)
{
    (void)fflush(stdout);
    (void)fprintf(stderr, "lowbit %s: skipped: %s\n", (const char *)command, message);
}
