/* JSON strings and numbers, RFC 8259 sections 6 and 7. */
#include "cli/cli_json.h"

#include <math.h>

void lb_cli_json_string(FILE *out, const char *text)
{
    (void)fputc('"', out);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') {
            (void)fprintf(out, "\\%c", *c);
        } else if ((unsigned char)*c < 0x20) {
            (void)fprintf(out, "\\u%04x", (unsigned)(unsigned char)*c);
        } else {
            (void)fputc(*c, out);
        }
    }
    (void)fputc('"', out);
}

const char *lb_cli_json_number(double value, char text[LB_CLI_JSON_NUMBER])
{
    if (isfinite(value))
        (void)snprintf(text, LB_CLI_JSON_NUMBER, "%.9g", value);
    else
        (void)snprintf(text, LB_CLI_JSON_NUMBER, "null");
    return text;
}
