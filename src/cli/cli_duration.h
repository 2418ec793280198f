/* Lengths of time as people write them. */
#ifndef LB_CLI_CLI_DURATION_H
#define LB_CLI_CLI_DURATION_H

#include <stdbool.h>

enum { LB_CLI_DURATION_BYTES = 32 };

/** "1:05" or "2:03:45". */
void lb_cli_duration_format(double seconds, char text[LB_CLI_DURATION_BYTES]);

/** Read "90", "90s", "10m", "2h", "1.5d"; false where it is none of these, or not above 0. */
bool lb_cli_duration_read(const char *text, double *seconds);

#endif
