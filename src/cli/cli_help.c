#include "cli/cli_help.h"

#include <string.h>

#include "base/suggest.h"
#include "cli/cli_options.h"
#include "lowbit/status.h"

enum { WIDTH = 80, OPTION_COLUMN = 28 };

/* Print words from `column` on, wrapped at WIDTH, later lines indented; a newline in the text
 * stays. */
static void print_wrapped(FILE *out, size_t column, size_t indent, const char *text)
{
    size_t at = column;
    while (*text != '\0') {
        if (*text == '\n') {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
            text++;
            continue;
        }
        text += strspn(text, " ");
        const size_t length = strcspn(text, " \n");
        if (length == 0) continue;
        if (at > indent && at + 1 + length > WIDTH) {
            (void)fprintf(out, "\n%*s", (int)indent, "");
            at = indent;
        } else if (at > indent) {
            (void)fputc(' ', out);
            at++;
        }
        (void)fprintf(out, "%.*s", (int)length, text);
        at += length;
        text += length;
    }
    (void)fputc('\n', out);
}

static void print_option(FILE *out, const struct poptOption *option)
{
    char left[256];
    const char *value = lb_cli_option_value(option);
    const bool has_short = option->shortName != '\0';
    (void)snprintf(left, sizeof left, "  %c%c%s--%s%s%s", has_short ? '-' : ' ',
                   has_short ? option->shortName : ' ', has_short ? ", " : "  ", option->longName,
                   value ? " " : "", value ? value : "");
    (void)fprintf(out, "%-*s", OPTION_COLUMN, left);
    if (strlen(left) >= OPTION_COLUMN) (void)fprintf(out, "\n%*s", OPTION_COLUMN, "");

    char text[1024], initial[128];
    const char *describe = option->descrip ? option->descrip : "";
    if (lb_cli_option_default(option, initial, sizeof initial)) {
        (void)snprintf(text, sizeof text, "%s (default: %s)", describe, initial);
    } else {
        (void)snprintf(text, sizeof text, "%s", describe);
    }
    print_wrapped(out, OPTION_COLUMN, OPTION_COLUMN, text);
}

void lb_cli_print_overview(FILE *out)
{
    (void)fprintf(out, "lowbit %s: " LB_CLI_SUMMARY "\n\n", lb_version());
    (void)fprintf(out, "Usage: lowbit COMMAND [OPTION...] [ARGUMENT...]\n\nCommands:\n");
    for (size_t i = 0; lb_commands[i] != NULL; i++) {
        (void)fprintf(out, "  %-13s ", lb_commands[i]->name);
        print_wrapped(out, 16, 16, lb_commands[i]->summary);
    }
    (void)fprintf(
        out, "\n`lowbit COMMAND --help` explains a command and its options.\n\nEnvironment:\n");
#define X(variable, text)                     \
    (void)fprintf(out, "  %-18s ", variable); \
    print_wrapped(out, 21, 21, text);
    LB_CLI_ENVIRONMENT(X)
#undef X
}

void lb_cli_print_command(FILE *out, const lb_command *command)
{
    const char *arguments = command->arguments ? command->arguments : "";
    (void)fprintf(out, "Usage: lowbit %s [OPTION...]%s%s\n\n", command->name, *arguments ? " " : "",
                  arguments);
    print_wrapped(out, 0, 0, command->description ? command->description : command->summary);
    (void)fprintf(out, "\nOptions:\n");
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    for (size_t i = 0; i < options.n; i++) {
        if (options.heads[i] != NULL)
            (void)fprintf(out, "%s  %s:\n", i > 0 ? "\n" : "", options.heads[i]);
        print_option(out, options.items[i]);
    }
    if (command->examples == NULL || *command->examples == '\0') return;
    (void)fprintf(out, "\nExamples:\n");
    for (const char *line = command->examples; *line != '\0';) {
        const size_t length = strcspn(line, "\n");
        (void)fprintf(out, "  %.*s\n", (int)length, line);
        line += length + (line[length] == '\n');
    }
}

int lb_cli_unknown_command(const char *command, const char *name)
{
    enum { COMMANDS_MAX = 64 };
    const char *names[COMMANDS_MAX];
    size_t n = 0;
    while (n < COMMANDS_MAX && lb_commands[n] != NULL) {
        names[n] = lb_commands[n]->name;
        n++;
    }
    const char *near = lb_suggest(name, names, n);
    if (near != NULL) {
        return lb_cli_fail(command, LB_E_ARG, "unknown command '%s'; did you mean '%s'?", name,
                           near);
    }
    return lb_cli_fail(command, LB_E_ARG, "unknown command '%s'; `lowbit --help` lists them", name);
}
