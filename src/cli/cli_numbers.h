/* Texts made of numbers and signs: "3x32x32", "128x128x3x3@32x32". */
#ifndef LB_CLI_CLI_NUMBERS_H
#define LB_CLI_CLI_NUMBERS_H

#include <stdbool.h>
#include <stddef.h>

/** Read a whole number of at most five digits at *at, which moves behind it; false where there is
 *  none. */
bool lb_cli_take_number(const char **at, size_t *out);
/** Move *at behind the sign, if it stands there. */
bool lb_cli_take_sign(const char **at, char sign);

#endif
