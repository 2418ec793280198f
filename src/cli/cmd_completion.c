/* lowbit completion SHELL - completion scripts, made from the table of commands. */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli_options.h"
#include "lowbit/status.h"

static const char lower[] = "abcdefghijklmnopqrstuvwxyz0123456789-";

/* Print the words that are typed as they stand, of "a|b|c" all, of "list|info SPEC" the first of each
 * part; words in capitals stand for others, but for YES and NO. Returns their number; `print` false:
 * only counts. */
static size_t put_words(const char *value, bool print)
{
    if (value == NULL || strchr(value, '|') == NULL) return 0;
    if (strcmp(value, "YES|NO") == 0) value = "yes|no";
    size_t n = 0;
    for (const char *part = value; part != NULL; part = strchr(part, '|')) {
        part += strspn(part, "| ");
        const size_t length = strspn(part, lower);
        if (length == 0 || *part == '-' || strchr(" |", part[length]) == NULL) continue;
        if (print) (void)printf("%s%.*s", n > 0 ? " " : "", (int)length, part);
        n++;
    }
    return n;
}

/* Words alone, with nothing that the shell could complete besides. */
static bool is_choice(const char *value)
{
    return put_words(value, false) > 0 && strchr(value, ' ') == NULL;
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
        const char letter = options.items[i]->shortName;
        (void)printf("                --%s", options.items[i]->longName);
        if (letter != '\0') (void)printf("|-%c", letter);
        (void)printf(") words='");
        (void)put_words(value, true);
        (void)printf("' ;;\n");
    }
    (void)printf("                *) words='");
    (void)put_words(command->arguments, true);
    for (size_t i = 0; i < options.n; i++) (void)printf(" --%s", options.items[i]->longName);
    (void)printf("' ;;\n            esac ;;\n");
}

static void print_bash(void)
{
    (void)printf(
        "# bash completion of lowbit\n_lowbit()\n{\n"
        "    local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]} words=\n"
        /* bash takes "--bias=y" for three words */
        "    if [[ $current = = ]]; then current=; elif [[ $previous = = ]]; then "
        "previous=${COMP_WORDS[COMP_CWORD-2]}; fi\n"
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
                (void)put_words(value, true);
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
        (void)put_words(command->arguments, true);
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
        if (o->shortName != '\0') (void)printf(" -s %c", o->shortName);
        if (is_choice(value)) {
            (void)printf(" -f -a '");
            (void)put_words(value, true);
            (void)putchar('\'');
        }
        (void)printf(" -d '");
        put_quoted(o->descrip ? o->descrip : "", "");
        (void)printf("'\n");
    }
    if (put_words(command->arguments, false) == 0) return;
    (void)printf("complete -c lowbit -n '__fish_seen_subcommand_from %s'%s -a '", command->name,
                 is_choice(command->arguments) ? " -f" : "");
    (void)put_words(command->arguments, true);
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
