/* Writing JSON: what printf cannot do. */
#ifndef LB_CLI_JSON_H
#define LB_CLI_JSON_H

#include <stdio.h>

/** Write a text as a JSON string, quotes included. Bytes that are no UTF-8 pass as they are. */
void lb_cli_json_string(FILE *out, const char *text);

enum { LB_CLI_JSON_NUMBER = 32 };
/* Room for the text of a number, where it is asked for. */
#define LB_CLI_JSON_ROOM ((char[LB_CLI_JSON_NUMBER]){0})
/** A number as JSON, of 9 digits; null where it is infinite or no number, of which JSON has none. Returns `text`. */
const char *lb_cli_json_number(double value, char text[LB_CLI_JSON_NUMBER]);

#endif
