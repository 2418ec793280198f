#include "cli/settings_options.h"

#include <string.h>

static bool is_one_of(const char *group, const char *const *groups)
{
    for (size_t i = 0; groups[i] != NULL; i++) {
        if (strcmp(groups[i], group) == 0) return true;
    }
    return false;
}

static struct poptOption option_of(lb_cli_settings *settings, size_t i)
{
    const lb_setting_info *info = settings->infos[i];
    struct poptOption option = {
        .longName = info->key, .descrip = info->help, .argDescrip = info->value_name};
    if (info->is_switch) {
        option.argInfo = POPT_ARG_NONE;
        option.arg = &settings->switches[i];
    } else if (info->repeats) {
        option.argInfo = POPT_ARG_ARGV;
        option.arg = &settings->lists[i];
    } else {
        settings->values[i] = info->standard;
        option.argInfo = POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT;
        option.arg = &settings->values[i];
    }
    return option;
}

size_t lb_cli_settings_prepare(lb_cli_settings *settings, const char *const *groups,
                               struct poptOption *options, size_t room)
{
    size_t n_infos = 0;
    const lb_setting_info *infos = lb_setting_infos(&n_infos);
    settings->n = 0;
    for (size_t i = 0; i < n_infos && settings->n < room && settings->n < LB_CLI_SETTINGS_MAX;
         i++) {
        if (!is_one_of(infos[i].group, groups)) continue;
        settings->infos[settings->n] = &infos[i];
        options[settings->n] = option_of(settings, settings->n);
        settings->n++;
    }
    return settings->n;
}

bool lb_cli_settings_given(const lb_cli_settings *settings, size_t i)
{
    const lb_setting_info *info = settings->infos[i];
    if (info->is_switch) return settings->switches[i] != 0;
    if (info->repeats) return settings->lists[i] != NULL;
    return settings->values[i] != info->standard;
}

static lb_status set_list(lb_settings *out, const char *key, const char **list)
{
    for (size_t k = 0; list[k] != NULL; k++) {
        const lb_status status = lb_settings_set(out, key, list[k]);
        if (status != LB_OK) return status;
    }
    return LB_OK;
}

lb_status lb_cli_settings_collect(const lb_cli_settings *settings, lb_settings *out)
{
    lb_status status = LB_OK;
    for (size_t i = 0; i < settings->n && status == LB_OK; i++) {
        const lb_setting_info *info = settings->infos[i];
        if (!lb_cli_settings_given(settings, i)) continue;
        if (info->repeats) {
            status = set_list(out, info->key, settings->lists[i]);
        } else {
            status = lb_settings_set(out, info->key, info->is_switch ? "yes" : settings->values[i]);
        }
    }
    return status;
}
