/* Experiment files: everything that an opened one can be asked. */
#include "input_file.h"
#include "lowbit/experiment.h"

/* Of many points or trials some are enough; each is made in the same way. */
enum { SOME = 50 };

static void make_settings(const lb_experiment *experiment, size_t point, int trial, size_t rungs)
{
    lb_settings *settings = NULL;
    if (lb_experiment_run_settings(experiment, point, trial, 0, &settings) == LB_OK)
        lb_settings_destroy(settings);
    for (size_t rung = 0; rung < rungs; rung++) {
        if (lb_experiment_trial_settings(experiment, point, trial, rung, &settings) == LB_OK)
            lb_settings_destroy(settings);
    }
}

static void ask(const lb_experiment *experiment)
{
    lb_experiment_info info;
    lb_report_item item;
    lb_experiment_get_info(experiment, &info);
    for (size_t i = 0; lb_experiment_report_item(experiment, i, &item); i++) continue;
    for (size_t r = 0; r < info.search.rungs; r++) (void)lb_experiment_rung_trials(experiment, r);
    for (size_t p = 0; p < info.points && p < SOME; p++) {
        for (size_t a = 0; a < info.axes; a++) (void)lb_experiment_value(experiment, p, a);
        if (info.search.trials == 0) make_settings(experiment, p, LB_NO_TRIAL, 0);
        for (size_t t = 0; t < info.search.trials && t < SOME; t++)
            make_settings(experiment, p, (int)t, info.search.rungs);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lb_experiment *experiment = NULL;
    if (lb_experiment_open(lb_fuzz_path(data, size), &experiment) == LB_OK) {
        ask(experiment);
        lb_experiment_close(experiment);
    }
    return 0;
}
