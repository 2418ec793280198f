#include "cli/cli_options.h"

#include <stdio.h>

int lb_cli_help_wanted;

const struct poptOption lb_cli_help_options[] = {
    {"help", 'h', POPT_ARG_VAL, &lb_cli_help_wanted, 1, "show this help", NULL},
    POPT_TABLEEND,
};

static void collect(const struct poptOption *table, lb_cli_options *out)
{
    for (const struct poptOption *o = table; o != NULL; o++) {
        const unsigned type = o->argInfo & POPT_ARG_MASK;
        if (type == POPT_ARG_INCLUDE_TABLE) {
            const size_t first = out->n;
            collect(o->arg, out);
            if (out->n > first) out->heads[first] = o->descrip;
            continue;
        }
        if (o->longName == NULL && o->shortName == '\0') return; /* the end of the table */
        if (o->longName == NULL || (o->argInfo & POPT_ARGFLAG_DOC_HIDDEN)) continue;
        if (out->n == LB_CLI_OPTIONS_MAX) return;
        out->heads[out->n] = NULL;
        out->items[out->n++] = o;
    }
}

void lb_cli_options_collect(const lb_command *command, lb_cli_options *out)
{
    out->n = 0;
    if (command->prepare != NULL) command->prepare();
    collect(command->options, out);
    collect(lb_cli_help_options, out);
}

const char *lb_cli_option_value(const struct poptOption *option)
{
    const unsigned type = option->argInfo & POPT_ARG_MASK;
    if (type == POPT_ARG_NONE || type == POPT_ARG_VAL) return NULL;
    if (option->argDescrip != NULL) return option->argDescrip;
    if (type == POPT_ARG_STRING) return "TEXT";
    return type == POPT_ARG_FLOAT || type == POPT_ARG_DOUBLE ? "X" : "N";
}

bool lb_cli_option_default(const struct poptOption *option, char *text, size_t bytes)
{
    if (!(option->argInfo & POPT_ARGFLAG_SHOW_DEFAULT) || option->arg == NULL) return false;
    switch (option->argInfo & POPT_ARG_MASK) {
    case POPT_ARG_INT: (void)snprintf(text, bytes, "%d", *(const int *)option->arg); return true;
    case POPT_ARG_LONG: (void)snprintf(text, bytes, "%ld", *(const long *)option->arg); return true;
    case POPT_ARG_LONGLONG:
        (void)snprintf(text, bytes, "%lld", *(const long long *)option->arg);
        return true;
    case POPT_ARG_FLOAT:
        (void)snprintf(text, bytes, "%g", (double)*(const float *)option->arg);
        return true;
    case POPT_ARG_DOUBLE:
        (void)snprintf(text, bytes, "%g", *(const double *)option->arg);
        return true;
    case POPT_ARG_STRING: {
        const char *value = *(const char *const *)option->arg;
        if (value == NULL) return false;
        (void)snprintf(text, bytes, "%s", value);
        return true;
    }
    default: return false;
    }
}
