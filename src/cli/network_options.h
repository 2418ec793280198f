/* Options that name a network that nobody trained: settings of model and quantization, images, classes. */
#ifndef LB_CLI_NETWORK_OPTIONS_H
#define LB_CLI_NETWORK_OPTIONS_H

#include <popt.h>
#include <stdbool.h>
#include <stddef.h>

#include "cli/settings_options.h"

enum { LB_CLI_NETWORK_OWN = 2, LB_CLI_NETWORK_MAX = LB_CLI_SETTINGS_MAX + LB_CLI_NETWORK_OWN };

/* What the library's functions on settings take. */
typedef struct lb_cli_network {
    lb_settings *settings;          /* lb_settings_destroy */
    size_t channels, height, width; /* 0: the model's */
    size_t classes;                 /* 0: the model's */
} lb_cli_network;

/** Write the options of a command, at most LB_CLI_NETWORK_MAX, and the end of the table behind them;
 *  returns how many. */
size_t lb_cli_network_prepare(struct poptOption *options);
/** Was any of them given, and was that of the setting `key`? */
bool lb_cli_network_any_given(void);
bool lb_cli_network_given(const char *key);
/** Read what was given; the exit status of `command`, with a message where it is not LB_OK. */
int lb_cli_network_read(const char *command, lb_cli_network *out);

#endif
