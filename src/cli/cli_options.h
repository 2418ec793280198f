/* Options of a command as one flat list, and what main, help, man page and completion read off
 * them. */
#ifndef LB_CLI_OPTIONS_H
#define LB_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "cli/cli.h"

enum { LB_CLI_OPTIONS_MAX = 128 };

typedef struct lb_cli_options {
    const struct poptOption *items[LB_CLI_OPTIONS_MAX];
    const char
        *heads[LB_CLI_OPTIONS_MAX]; /* of the group that begins with this option; NULL: none does */
    size_t n;
} lb_cli_options;

/** All options of the command, tables it includes and --help among them; hidden ones are left
 *  out. */
void lb_cli_options_collect(const lb_command *command, lb_cli_options *out);

/** The option every command has; sets *wanted to 1. */
extern int lb_cli_help_wanted;
extern const struct poptOption lb_cli_help_options[];

/** What stands for the option's value in help: "SPEC", "N"; NULL for a switch. Borrowed. */
const char *lb_cli_option_value(const struct poptOption *option);
/** The default as text, where the option asks for it to be shown; false where there is none. */
bool lb_cli_option_default(const struct poptOption *option, char *text, size_t bytes);

#endif
