#include "cli/network_options.h"

#include <limits.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_numbers.h"

enum { NOT_GIVEN = INT_MIN, CLASSES_MAX = 65535 };

static const char *shape_text;
static int classes = NOT_GIVEN;
static lb_cli_settings settings;

size_t lb_cli_network_prepare(struct poptOption *options)
{
    static const char *const groups[] = {"Model", "Quantization", NULL};
    static const struct poptOption own[LB_CLI_NETWORK_OWN] = {
        {"images", '\0', POPT_ARG_STRING, &shape_text, 0,
         "images of this size (default: as the model takes them)", "CxHxW"},
        {"classes", '\0', POPT_ARG_INT, &classes, 0,
         "classes told apart (default: as many as the model was published for)", "N"},
    };
    const size_t n = lb_cli_settings_prepare(&settings, groups, options, LB_CLI_SETTINGS_MAX);
    memcpy(options + n, own, sizeof own);
    options[n + LB_CLI_NETWORK_OWN] = (struct poptOption)POPT_TABLEEND;
    return n + LB_CLI_NETWORK_OWN;
}

bool lb_cli_network_any_given(void)
{
    for (size_t i = 0; i < settings.n; i++) {
        if (lb_cli_settings_given(&settings, i)) return true;
    }
    return shape_text != NULL || classes != NOT_GIVEN;
}

bool lb_cli_network_given(const char *key)
{
    for (size_t i = 0; i < settings.n; i++) {
        if (strcmp(settings.infos[i]->key, key) == 0) return lb_cli_settings_given(&settings, i);
    }
    return false;
}

static bool read_shape(const char *at, lb_cli_network *out)
{
    return lb_cli_take_number(&at, &out->channels) && lb_cli_take_sign(&at, 'x') &&
           lb_cli_take_number(&at, &out->height) && lb_cli_take_sign(&at, 'x') &&
           lb_cli_take_number(&at, &out->width) && *at == '\0' && out->channels > 0 &&
           out->height > 0 && out->width > 0;
}

int lb_cli_network_read(const char *command, lb_cli_network *out)
{
    *out = (lb_cli_network){0};
    if (shape_text != NULL && !read_shape(shape_text, out)) {
        return lb_cli_fail(command, LB_E_ARG,
                           "--images '%s' is not CHANNELSxHEIGHTxWIDTH, e.g. 3x32x32", shape_text);
    }
    if (classes != NOT_GIVEN && (classes < 1 || classes > CLASSES_MAX)) {
        return lb_cli_fail(command, LB_E_ARG, "--classes %d: wanted 1 to %d", classes, CLASSES_MAX);
    }
    if (classes != NOT_GIVEN) out->classes = (size_t)classes;
    lb_status status = lb_settings_create(&out->settings);
    if (status == LB_OK) status = lb_cli_settings_collect(&settings, out->settings);
    if (status == LB_OK) return LB_OK;
    lb_settings_destroy(out->settings);
    return lb_cli_error(command, (int)status);
}
