/* The library's table of settings as options of a command. */
#ifndef LB_CLI_SETTINGS_OPTIONS_H
#define LB_CLI_SETTINGS_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "lowbit/train.h"

enum { LB_CLI_SETTINGS_MAX = 96 };

/* Options of some settings, and where popt puts their values. */
typedef struct lb_cli_settings {
    const lb_setting_info *infos[LB_CLI_SETTINGS_MAX];
    const char
        *values[LB_CLI_SETTINGS_MAX]; /* as given; the default's own address where not given */
    const char **lists[LB_CLI_SETTINGS_MAX]; /* of options that repeat */
    int switches[LB_CLI_SETTINGS_MAX];
    size_t n;
} lb_cli_settings;

/** Write an option for every setting of these groups (ended by NULL), at most `room`; returns how
 * many. */
size_t lb_cli_settings_prepare(lb_cli_settings *settings, const char *const *groups,
                               struct poptOption *options, size_t room);
/** Was the setting given on the command line? */
bool lb_cli_settings_given(const lb_cli_settings *settings, size_t index);
/** Put what was given into `out`, and nothing else. Errors: those of lb_settings_set. */
lb_status lb_cli_settings_collect(const lb_cli_settings *settings, lb_settings *out);

#endif
