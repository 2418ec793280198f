/* Writing JSON: the one thing that printf cannot do. */
#ifndef LB_CLI_JSON_H
#define LB_CLI_JSON_H

#include <stdio.h>

/** Write a text as a JSON string, quotes included. Bytes that are no UTF-8 pass as they are. */
void lb_cli_json_string(FILE *out, const char *text);

#endif
