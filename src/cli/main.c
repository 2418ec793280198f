/* The `lowbit` command: finds the subcommand, parses its options with popt, runs it. */
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli_help.h"
#include "cli/cli_options.h"
#include "lowbit/status.h"

/* One line for an option that popt did not take. */
static int option_error(const lb_command *command, poptContext context, int error)
{
    const char *given = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (given == NULL) given = "?";
    if (error == POPT_ERROR_NOARG) {
        return lb_cli_fail(command->name, LB_E_ARG, "option '%s' needs a value", given);
    }
    if (error != POPT_ERROR_BADOPT) {
        return lb_cli_fail(command->name, LB_E_ARG, "option '%s': %s", given, poptStrerror(error));
    }
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    const char *names[LB_CLI_OPTIONS_MAX];
    for (size_t i = 0; i < options.n; i++) names[i] = options.items[i]->longName;

    char word[64]; /* "--epoch=3" as "epoch" */
    const char *start = given + strspn(given, "-");
    (void)snprintf(word, sizeof word, "%.*s", (int)strcspn(start, "="), start);
    const char *near = lb_suggest(word, names, options.n);
    if (near != NULL) {
        return lb_cli_fail(command->name, LB_E_ARG, "unknown option '%s'; did you mean '--%s'?",
                           given, near);
    }
    return lb_cli_fail(command->name, LB_E_ARG,
                       "unknown option '%s'; `lowbit %s --help` lists them", given, command->name);
}

/* popt's tables are not const, though it does not write to them. */
static void *table_argument(const struct poptOption *table)
{
    return (void *)(uintptr_t)table;
}

static int run_command(const lb_command *command, int argc, const char **argv)
{
    static const struct poptOption none[] = {POPT_TABLEEND};
    if (command->prepare != NULL) command->prepare();
    const struct poptOption *own = command->options != NULL ? command->options : none;
    const struct poptOption options[] = {
        {NULL, '\0', POPT_ARG_INCLUDE_TABLE, table_argument(own), 0, NULL, NULL},
        {NULL, '\0', POPT_ARG_INCLUDE_TABLE, table_argument(lb_cli_help_options), 0, NULL, NULL},
        POPT_TABLEEND,
    };
    poptContext context = poptGetContext("lowbit", argc, argv, options, 0);
    if (context == NULL) return lb_cli_fail(command->name, LB_E_NOMEM, "out of memory");
    int error = 0;
    do error = poptGetNextOpt(context);
    while (error >= 0);

    int exit_status = LB_OK;
    if (error < -1) {
        exit_status = option_error(command, context, error);
    } else if (lb_cli_help_wanted) {
        lb_cli_print_command(stdout, command);
    } else {
        exit_status = command->run(context);
    }
    (void)poptFreeContext(context);
    return exit_status;
}

static int run_main(int argc, char **argv)
{
    if (argc < 2)
        return lb_cli_fail(NULL, LB_E_ARG, "no command given; `lowbit --help` lists them");
    const char *name = argv[1];
    if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
        lb_cli_print_overview(stdout);
        return LB_OK;
    }
    if (strcmp(name, "--version") == 0) {
        (void)printf("lowbit %s\n", lb_version());
        return LB_OK;
    }
    if (name[0] == '-') {
        return lb_cli_fail(NULL, LB_E_ARG,
                           "unknown option '%s'; wanted a command, --help or --version", name);
    }
    const lb_command *command = lb_command_find(name);
    if (command == NULL) return lb_cli_unknown_command(NULL, name);
    return run_command(command, argc - 1, (const char **)(uintptr_t)(argv + 1));
}

int main(int argc, char **argv)
{
    /* A reader that goes away (`lowbit methods | head`) ends the command quietly, whatever the
     * parent process made of SIGPIPE; a file size limit is an error of write(), not a signal. */
    (void)signal(SIGPIPE, SIG_DFL);
    (void)signal(SIGXFSZ, SIG_IGN);

    const int exit_status = run_main(argc, argv);
    /* what was printed may still be in a buffer, and the disk behind it full */
    if (fflush(stdout) != 0 || ferror(stdout)) {
        const int failed =
            lb_cli_fail(NULL, LB_E_IO, "cannot write to standard output: %s", strerror(errno));
        return exit_status != LB_OK ? exit_status : failed;
    }
    return exit_status;
}
