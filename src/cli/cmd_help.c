/* lowbit help [COMMAND] - help, and the man page made of it. */
#include <stddef.h>

#include "cli/cli_help.h"
#include "lowbit/status.h"

static int manual_wanted;

static const struct poptOption options[] = {
    {"man", '\0', POPT_ARG_VAL, &manual_wanted, 1, "print the man page, as roff", NULL},
    POPT_TABLEEND,
};

static int run(poptContext context)
{
    if (manual_wanted) {
        lb_cli_print_manual(stdout);
        return LB_OK;
    }
    const char *name = poptGetArg(context);
    if (name == NULL) {
        lb_cli_print_overview(stdout);
        return LB_OK;
    }
    const lb_command *command = lb_command_find(name);
    if (command == NULL) return lb_cli_unknown_command("help", name);
    lb_cli_print_command(stdout, command);
    return LB_OK;
}

const lb_command lb_command_help = {
    .name = "help",
    .summary = "explain a command",
    .arguments = "[COMMAND]",
    .description = "Explains a command and its options; without one, lists the commands.",
    .examples = "lowbit help completion\nlowbit help --man | man -l -\n",
    .options = options,
    .run = run,
};
