#include "cli/cli_duration.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lb_cli_duration_format(double seconds, char text[LB_CLI_DURATION_BYTES])
{
    const unsigned long long s = seconds > 0.0 ? (unsigned long long)(seconds + 0.5) : 0;
    if (s >= 3600) {
        (void)snprintf(text, LB_CLI_DURATION_BYTES, "%llu:%02llu:%02llu", s / 3600, s / 60 % 60,
                       s % 60);
    } else {
        (void)snprintf(text, LB_CLI_DURATION_BYTES, "%llu:%02llu", s / 60, s % 60);
    }
}

bool lb_cli_duration_read(const char *text, double *seconds)
{
    static const char units[] = "smhd";
    static const double lengths[] = {1.0, 60.0, 3600.0, 86400.0};
    /* digits and a point only: strtod would take "inf", "0x1" and signs too */
    const size_t digits = strspn(text, "0123456789.");
    char *end = NULL;
    const double number = strtod(text, &end);
    if (digits == 0 || end != text + digits || !(number > 0.0) || !isfinite(number)) return false;
    const char *unit = *end != '\0' ? strchr(units, *end) : units;
    if (unit == NULL || (*end != '\0' && end[1] != '\0')) return false;
    *seconds = number * lengths[unit - units];
    return true;
}
