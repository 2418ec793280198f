/* What a subcommand is. Each src/cli/cmd_NAME.c defines one `const lb_command lb_command_NAME`;
 * the build finds the files and makes the table, from which help, completion and man page come. */
#ifndef LB_CLI_CLI_H
#define LB_CLI_CLI_H

#include <popt.h>

typedef struct lb_command {
    const char *name;
    const char *summary;              /* one line, for `lowbit --help` and the man page          */
    const char *arguments;            /* what stands after the options: "RUN --data SPEC"        */
    const char *description;          /* a paragraph for `--help` and the man page               */
    const char *examples;             /* one example a line, each a full command                 */
    const struct poptOption *options; /* without --help, which every command has                 */
    /** Fills `options` where they come from a table of the library; NULL: nothing to do. May be
     *  called again. */
    void (*prepare)(void);
    /** Run with argv[0] = the command's name; options land where `options` points.
     *  Returns the exit status. */
    int (*run)(poptContext context);
} lb_command;

/** The command of that name, or NULL. */
const lb_command *lb_command_find(const char *name);
/** NULL-terminated table of all commands. */
extern const lb_command *const lb_commands[];

/** Print "lowbit NAME: message" (at most three lines) on standard error; returns `exit_status`. */
int lb_cli_fail(const char *command, int exit_status, const char *fmt, ...);
/** Print lb_error() as lb_cli_fail does and return the exit status of `status`. */
int lb_cli_error(const char *command, int status);
/** LB_OK, or, where `path` is a run, the exit status of lb_cli_fail: it is to be packed first. */
int lb_cli_check_packed(const char *command, const char *path);
/** Print "lowbit NAME: skipped: message" on standard error, of an image that cannot be read. `command`: the
 *  name, a const char *. */
void lb_cli_skipped(void *command, const char *message);

#endif
