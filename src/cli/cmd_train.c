/* lowbit train - train a network; its options are the library's table of settings. */
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/train_report.h"

enum { SETTINGS_MAX = 96, OWN = 2 };

static int json_wanted, strict_wanted;
static struct poptOption options[SETTINGS_MAX + OWN + 1];
static const char *values[SETTINGS_MAX]; /* as given; the default's own address where not given */
static const char **lists[SETTINGS_MAX]; /* of options that repeat */
static int switches[SETTINGS_MAX];

static void prepare_setting(const lb_setting_info *info, size_t i)
{
    struct poptOption *option = &options[i];
    *option = (struct poptOption){.longName = info->key, .descrip = info->help, .argDescrip = info->value_name};
    if (info->is_switch) {
        option->argInfo = POPT_ARG_NONE;
        option->arg = &switches[i];
    } else if (info->repeats) {
        option->argInfo = POPT_ARG_ARGV;
        option->arg = &lists[i];
    } else {
        values[i] = info->standard;
        option->argInfo = POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT;
        option->arg = &values[i];
    }
}

static void prepare(void)
{
    static const struct poptOption own[OWN] = {
        {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object a line: epochs, then the result", NULL},
        {"strict", '\0', POPT_ARG_NONE, &strict_wanted, 0, "exit with status 7 where training does not converge",
         NULL},
    };
    static bool done;
    if (done) return;
    done = true;
    size_t n = 0;
    const lb_setting_info *infos = lb_setting_infos(&n);
    if (n > SETTINGS_MAX) n = SETTINGS_MAX; /* a test holds that this does not happen */
    for (size_t i = 0; i < n; i++) prepare_setting(&infos[i], i);
    memcpy(options + n, own, sizeof own);
}

static lb_status set_list(lb_settings *settings, const lb_setting_info *info, const char **list)
{
    for (size_t k = 0; list != NULL && list[k] != NULL; k++) {
        const lb_status status = lb_settings_set(settings, info->key, list[k]);
        if (status != LB_OK) return status;
    }
    return LB_OK;
}

/* What was given on the command line goes into the settings; nothing else, so that recipes keep their say. */
static lb_status collect(lb_settings *settings)
{
    size_t n = 0;
    const lb_setting_info *infos = lb_setting_infos(&n);
    lb_status status = LB_OK;
    for (size_t i = 0; status == LB_OK && i < n; i++) {
        if (infos[i].is_switch) {
            if (switches[i]) status = lb_settings_set(settings, infos[i].key, "yes");
        } else if (infos[i].repeats) {
            status = set_list(settings, &infos[i], lists[i]);
        } else if (values[i] != infos[i].standard) {
            status = lb_settings_set(settings, infos[i].key, values[i]);
        }
    }
    return status;
}

static void on_signal(int number)
{
    (void)number;
    lb_train_stop();
}

/* The first signal ends the run after its step, a second one at once. */
static void catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        struct sigaction action = {.sa_handler = on_signal, .sa_flags = (int)SA_RESETHAND};
        (void)sigemptyset(&action.sa_mask);
        (void)sigaction(numbers[i], &action, NULL);
    }
}

static int run(poptContext context)
{
    const char *extra = poptGetArg(context);
    if (extra != NULL) {
        return lb_cli_fail("train", LB_E_ARG, "unexpected argument '%s'; settings are given as options", extra);
    }
    lb_settings *settings = NULL;
    lb_status status = lb_settings_create(&settings);
    if (status == LB_OK) status = collect(settings);
    lb_cli_report report = {.json = json_wanted != 0, .terminal = isatty(STDOUT_FILENO) == 1};
    if (status == LB_OK) {
        catch_signals();
        status = lb_train(settings, lb_cli_report_event, &report);
    }
    lb_cli_report_end(&report);
    lb_settings_destroy(settings);
    if (status != LB_OK) return lb_cli_error("train", (int)status);
    return report.diverged && strict_wanted ? LB_E_DIVERGED : LB_OK;
}

const lb_command lb_command_train = {
    .name = "train",
    .summary = "train a network with few-bit weights and activations",
    .arguments = "",
    .description =
        "Trains a network and leaves the run in a folder: config.json, metrics.csv, best.safetensors (by accuracy on the "
        "validation split, or on the test images where there is none) and last.safetensors, from which --resume goes "
        "on. Ctrl-C ends it after the current step. A flag goes before a recipe's value, and that before the default.",
    .examples =
        "lowbit train --data mnist --model lenet5 --method dorefa --wbits 1 --abits 2 --epochs 10 --out runs/a\n"
        "lowbit train --out runs/a --resume\n"
        "lowbit train --data cifar10 --recipe redbit-cifar10 --method xnor --abits 1 --max-seconds 3600 --json\n",
    .options = options,
    .prepare = prepare,
    .run = run,
};
