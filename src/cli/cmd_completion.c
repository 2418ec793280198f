/* lowbit completion SHELL - completion scripts, made from the table of commands. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_options.h"
#include "lowbit/status.h"

/* A value that is a choice, "a|b|c", is completed; false where it is not one. */
static bool is_choice(const char *value)
{
    return value != NULL && strchr(value, '|') != NULL && strpbrk(value, " :[]()'") == NULL;
}

/* "a|b|c" as "a b c". */
static void put_choice(const char *value)
{
    for (const char *c = value; *c != '\0'; c++) (void)putchar(*c == '|' ? ' ' : *c);
}

/* Text inside single quotes; `special` characters get a backslash. */
static void put_quoted(const char *text, const char *special)
{
    for (const char *c = text; *c != '\0'; c++) {
        if (strchr(special, *c) != NULL) (void)putchar('\\');
        if (*c == '\'') {
            (void)fputs("'\\''", stdout); /* end the quotes, a quote, begin them again */
        } else {
            (void)putchar(*c == '\n' ? ' ' : *c);
        }
    }
}

static void bash_command(const lb_command *command)
{
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    (void)printf("        *,%s)\n            case $previous in\n", command->name);
    for (size_t i = 0; i < options.n; i++) {
        const char *value = lb_cli_option_value(options.items[i]);
        if (value == NULL) continue;
        (void)printf("                --%s) words='", options.items[i]->longName);
        if (is_choice(value)) put_choice(value);
        (void)printf("' ;;\n");
    }
    (void)printf("                *) words='");
    if (is_choice(command->arguments)) put_choice(command->arguments);
    for (size_t i = 0; i < options.n; i++) (void)printf(" --%s", options.items[i]->longName);
    (void)printf("' ;;\n            esac ;;\n");
}

static void print_bash(void)
{
    (void)printf(
        "# bash completion of lowbit\n_lowbit()\n{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
        "    case $COMP_CWORD,${COMP_WORDS[1]} in\n        1,*) words='--help --version");
    for (size_t i = 0; lb_commands[i] != NULL; i++) (void)printf(" %s", lb_commands[i]->name);
    (void)printf("' ;;\n");
    for (size_t i = 0; lb_commands[i] != NULL; i++) bash_command(lb_commands[i]);
    (void)printf("    esac\n    COMPREPLY=($(compgen -W \"$words\" -- \"$current\"))\n}\n"
                 "complete -o default -F _lowbit lowbit\n");
}

static void zsh_command(const lb_command *command)
{
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    (void)printf("        %s) _arguments", command->name);
    for (size_t i = 0; i < options.n; i++) {
        const struct poptOption *o = options.items[i];
        const char *value = lb_cli_option_value(o);
        (void)printf(" \\\n            '--%s%s[", o->longName, value ? "=" : "");
        put_quoted(o->descrip ? o->descrip : "", "[]\\");
        (void)putchar(']');
        if (value != NULL) {
            (void)putchar(':');
            put_quoted(value, ":\\");
            (void)putchar(':');
            if (is_choice(value)) {
                (void)putchar('(');
                put_choice(value);
                (void)putchar(')');
            } else {
                (void)fputs("_files", stdout);
            }
        }
        (void)putchar('\'');
    }
    (void)printf(" \\\n            '*:argument:");
    if (is_choice(command->arguments)) {
        (void)putchar('(');
        put_choice(command->arguments);
        (void)putchar(')');
    } else {
        (void)fputs("_files", stdout);
    }
    (void)printf("' ;;\n");
}

static void print_zsh(void)
{
    (void)printf("#compdef lowbit\n_lowbit()\n{\n    local -a commands\n    commands=(\n");
    for (size_t i = 0; lb_commands[i] != NULL; i++) {
        (void)printf("        '%s:", lb_commands[i]->name);
        put_quoted(lb_commands[i]->summary, ":\\");
        (void)printf("'\n");
    }
    (void)printf("    )\n    if (( CURRENT == 2 )); then\n        _describe command commands\n     "
                 "   return\n"
                 "    fi\n    shift words\n    (( CURRENT-- ))\n    case $words[1] in\n");
    for (size_t i = 0; lb_commands[i] != NULL; i++) zsh_command(lb_commands[i]);
    (void)printf("    esac\n}\nif [ \"$funcstack[1]\" = \"_lowbit\" ]; then _lowbit \"$@\"; "
                 "else compdef _lowbit lowbit; fi\n");
}

static void fish_command(const lb_command *command)
{
    (void)printf("complete -c lowbit -n __fish_use_subcommand -f -a %s -d '", command->name);
    put_quoted(command->summary, "");
    (void)printf("'\n");
    lb_cli_options options;
    lb_cli_options_collect(command, &options);
    for (size_t i = 0; i < options.n; i++) {
        const struct poptOption *o = options.items[i];
        const char *value = lb_cli_option_value(o);
        (void)printf("complete -c lowbit -n '__fish_seen_subcommand_from %s' -l %s%s",
                     command->name, o->longName, value ? " -r" : "");
        if (is_choice(value)) {
            (void)printf(" -f -a '");
            put_choice(value);
            (void)putchar('\'');
        }
        (void)printf(" -d '");
        put_quoted(o->descrip ? o->descrip : "", "");
        (void)printf("'\n");
    }
    if (!is_choice(command->arguments)) return;
    (void)printf("complete -c lowbit -n '__fish_seen_subcommand_from %s' -f -a '", command->name);
    put_choice(command->arguments);
    (void)printf("'\n");
}

static void print_fish(void)
{
    (void)printf("# fish completion of lowbit\n");
    for (size_t i = 0; lb_commands[i] != NULL; i++) fish_command(lb_commands[i]);
}

static int run(poptContext context)
{
    static const struct {
        const char *name;
        void (*print)(void);
    } shells[] = {{"bash", print_bash}, {"zsh", print_zsh}, {"fish", print_fish}};
    const char *name = poptGetArg(context);
    if (name == NULL)
        return lb_cli_fail("completion", LB_E_ARG, "no shell named; wanted bash, zsh or fish");
    for (size_t i = 0; i < sizeof shells / sizeof *shells; i++) {
        if (strcmp(name, shells[i].name) != 0) continue;
        shells[i].print();
        return LB_OK;
    }
    return lb_cli_fail("completion", LB_E_ARG, "unknown shell '%s'; wanted bash, zsh or fish",
                       name);
}

static const struct poptOption options[] = {POPT_TABLEEND};

const lb_command lb_command_completion = {
    .name = "completion",
    .summary = "print a completion script for a shell",
    .arguments = "bash|zsh|fish",
    .description =
        "Prints a script that makes the shell complete commands, options and choices of lowbit.",
    .examples = "lowbit completion bash > ~/.local/share/bash-completion/completions/lowbit\n"
                "lowbit completion fish > ~/.config/fish/completions/lowbit.fish\n",
    .options = options,
    .run = run,
};
