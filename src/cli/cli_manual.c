/* The man page, made from the table of commands. */
#include <string.h>

#include "cli/cli_help.h"
#include "cli/cli_options.h"
#include "lowbit/status.h"

/* Text as roff: hyphens that stay hyphens, backslashes, and no line that looks like a request. */
static void put_text(FILE *out, const char *text)
{
    bool line_start = true;
    for (const char *c = text; *c != '\0'; c++) {
        if (line_start && (*c == '.' || *c == '\'')) (void)fputs("\\&", out);
        line_start = *c == '\n';
        if (*c == '\\') {
            (void)fputs("\\e", out);
        } else if (*c == '-') {
            (void)fputs("\\-", out);
        } else {
            (void)fputc(*c, out);
        }
    }
}

static void put_option(FILE *out, const struct poptOption *option)
{
    (void)fputs(".TP\n\\fB", out);
    if (option->shortName != '\0') (void)fprintf(out, "\\-%c\\fR, \\fB", option->shortName);
    (void)fputs("\\-\\-", out);
    put_text(out, option->longName);
    (void)fputs("\\fR", out);
    const char *value = lb_cli_option_value(option);
    if (value != NULL) {
        (void)fputs(" \\fI", out);
        put_text(out, value);
        (void)fputs("\\fR", out);
    }
    (void)fputc('\n', out);
    put_text(out, option->descrip ? option->descrip : "");
    char initial[128];
    if (lb_cli_option_default(option, initial, sizeof initial)) {
        (void)fputs(" (default: ", out);
        put_text(out, initial);
        (void)fputc(')', out);
    }
    (void)fputc('\n', out);
}

static void put_command(FILE *out, const lb_command *command)
{
    (void)fprintf(out, ".SS lowbit %s [OPTION...] ", command->name);
    put_text(out, command->arguments ? command->arguments : "");
    (void)fputc('\n', out);
    put_text(out, command->description ? command->description : command->summary);
    (void)fputc('\n', out);
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    for (size_t i = 0; i < options.n; i++) {
        if (options.heads[i] != NULL) (void)fprintf(out, ".PP\n%s:\n", options.heads[i]);
        put_option(out, options.items[i]);
    }
    if (command->examples == NULL || *command->examples == '\0') return;
    (void)fputs(".PP\nExamples:\n.PP\n.nf\n.RS\n", out);
    put_text(out, command->examples);
    if (command->examples[strlen(command->examples) - 1] != '\n') (void)fputc('\n', out);
    (void)fputs(".RE\n.fi\n", out);
}

void lb_cli_print_manual(FILE *out)
{
    (void)fprintf(out, ".TH LOWBIT 1 \"\" \"lowbit %s\" \"User Commands\"\n", lb_version());
    (void)fputs(".SH NAME\nlowbit \\- ", out);
    put_text(out, LB_CLI_SUMMARY);
    (void)fputs(
        "\n.SH SYNOPSIS\n.B lowbit\n.I COMMAND\n[\\fIOPTION\\fR...] [\\fIARGUMENT\\fR...]\n", out);
    (void)fputs(".SH COMMANDS\n", out);
    for (size_t i = 0; lb_commands[i] != NULL; i++) put_command(out, lb_commands[i]);

    (void)fputs(".SH ENVIRONMENT\n", out);
#define X(variable, text)                         \
    (void)fprintf(out, ".TP\n.B %s\n", variable); \
    put_text(out, text);                          \
    (void)fputc('\n', out);
    LB_CLI_ENVIRONMENT(X)
#undef X
    (void)fputs(".SH EXIT STATUS\n.TP\n.B 1\nlowbit verify: the packed network differs; "
                "lowbit sweep, lowbit reproduce: cells failed\n",
                out);
#define X(name, code, text)                     \
    (void)fprintf(out, ".TP\n.B %d\n", (code)); \
    put_text(out, text);                        \
    (void)fputc('\n', out);
    LB_STATUS_LIST(X)
#undef X
}
