/* Signals that ask a long command to stop. */
#ifndef LB_CLI_CLI_SIGNALS_H
#define LB_CLI_CLI_SIGNALS_H

/** From now on the first SIGINT, SIGTERM or SIGHUP calls `stop`, which must be safe in a signal handler; a second
 *  one ends the program at once. SIGHUP stays ignored where it is, as under nohup. */
void lb_cli_on_stop(void (*stop)(void));

#endif
