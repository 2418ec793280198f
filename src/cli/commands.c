/* The table of commands, made from the file names cmd_*.c. */
#include <string.h>

#include "cli/cli.h"

#define LB_COMMAND(id) extern const lb_command lb_command_##id;
#include "commands.inc"
#undef LB_COMMAND

const lb_command *const lb_commands[] = {
#define LB_COMMAND(id) &lb_command_##id,
#include "commands.inc"
#undef LB_COMMAND
    NULL,
};

const lb_command *lb_command_find(const char *name)
{
    for (size_t i = 0; lb_commands[i] != NULL; i++) {
        if (strcmp(lb_commands[i]->name, name) == 0) return lb_commands[i];
    }
    return NULL;
}
