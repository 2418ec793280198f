/* The `lowbit` command: finds the subcommand, parses its options with popt, runs it. */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/suggest.h"
#include "cli/cli_help.h"
#include "cli/cli_options.h"
#include "lowbit/status.h"

/* Report an option that the command does not have, with the nearest one. */
static int unknown_option(const lb_command *command, const char *given)
{
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

/* One line for an option that popt did not take. */
static int option_error(const lb_command *command, poptContext context, int error,
                        const char **argv)
{
    const char *given = poptBadOption(context, POPT_BADOPTION_NOALIAS);
    if (given == NULL) given = "?";
    if (error == POPT_ERROR_BADOPT) return unknown_option(command, given);
    if (error == POPT_ERROR_NOARG) {
        return lb_cli_fail(command->name, LB_E_ARG, "option '%s' needs a value", given);
    }
    /* for `--epochs many` popt names the value: the option stands before it */
    const char *option = "", *space = "";
    for (size_t i = 1; argv[i] != NULL; i++) {
        if (strcmp(argv[i], given) != 0 || argv[i - 1][0] != '-') continue;
        option = argv[i - 1];
        space = " ";
        break;
    }
    return lb_cli_fail(command->name, LB_E_ARG, "option '%s%s%s': %s", option, space, given,
                       poptStrerror(error));
}

/* Whether the word of `length` letters is the name of an option that takes a number. */
static bool takes_number(const lb_cli_options *options, const char *name, size_t length)
{
    for (size_t i = 0; i < options->n; i++) {
        const struct poptOption *o = options->items[i];
        if (strlen(o->longName) != length || strncmp(o->longName, name, length) != 0) continue;
        const unsigned type = o->argInfo & POPT_ARG_MASK;
        return type == POPT_ARG_INT || type == POPT_ARG_DOUBLE;
    }
    return false;
}

/* "010" and "0x10" are 8 and 16 to popt, "nan" and "inf" are numbers: none is what was meant. */
static bool is_decimal(const char *text)
{
    const char *digits = text + strspn(text, "+-");
    const bool octal = digits[0] == '0' && digits[1] >= '0' && digits[1] <= '9';
    return !octal && text[strspn(text, "+-.0123456789eE")] == '\0';
}

/* Refuse numbers that popt would take for others: an empty one, as in `--epochs=` or `--epochs ""`, for 0. */
static int check_numbers(const lb_command *command, const char **argv)
{
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    for (size_t i = 1; argv[i] != NULL && strcmp(argv[i], "--") != 0; i++) {
        const char *name = argv[i] + 2;
        if (strncmp(argv[i], "--", 2) != 0) continue;
        const size_t length = strcspn(name, "=");
        if (!takes_number(&options, name, length)) continue;
        const bool joined = name[length] == '=';
        const char *value = joined ? name + length + 1 : argv[i + 1];
        if (value == NULL) continue; /* popt says that it is missing */
        if (*value == '\0') {
            return lb_cli_fail(command->name, LB_E_ARG, "option '--%.*s' needs a number",
                               (int)length, name);
        }
        if (!is_decimal(value)) {
            return lb_cli_fail(
                command->name, LB_E_ARG,
                "option '--%.*s%s%s': invalid numeric value; wanted a decimal number", (int)length,
                name, joined ? "=" : " ", value);
        }
    }
    return LB_OK;
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
    const int wrong = check_numbers(command, argv);
    if (wrong != LB_OK) return wrong;
    poptContext context = poptGetContext("lowbit", argc, argv, options, 0);
    if (context == NULL) return lb_cli_fail(command->name, LB_E_NOMEM, "out of memory");
    int error = 0;
    do error = poptGetNextOpt(context);
    while (error >= 0);

    int exit_status = LB_OK;
    if (error < -1) {
        exit_status = option_error(command, context, error, argv);
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
    const bool lost = fflush(stdout) != 0 || ferror(stdout);
    if (lost && exit_status != LB_E_IO) { /* else a command that writes whole files has said it */
        const int failed =
            lb_cli_fail(NULL, LB_E_IO, "cannot write to standard output: %s", strerror(errno));
        return exit_status != LB_OK ? exit_status : failed;
    }
    return exit_status;
}
