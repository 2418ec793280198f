#include "cli/cli_numbers.h"

bool lb_cli_take_number(const char **at, size_t *out)
{
    enum { DIGITS = 5 };
    const char *c = *at;
    size_t value = 0;
    while (*c >= '0' && *c <= '9' && c - *at < DIGITS) value = 10 * value + (size_t)(*c++ - '0');
    const bool any = c > *at;
    *at = c;
    *out = value;
    return any;
}

bool lb_cli_take_sign(const char **at, char sign)
{
    if (**at != sign) return false;
    (*at)++;
    return true;
}
