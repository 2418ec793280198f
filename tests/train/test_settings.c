/* Settings: kinds, ranges, canonical forms, precedence and recipes. */
#include <string.h>

#include "support/support.h"
#include "train/config.h"
#include "train/settings.h"

static lb_settings *make(void)
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    return s;
}

static void bad_values_are_refused_with_what_is_wanted(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *message;
    } cases[] = {
        {"epochs", "0", "epochs '0': wanted a whole number from 1 to 1000000"},
        {"epochs", "ten", "wanted a whole number"},
        {"epochs", "3x", "wanted a whole number"},
        {"epochs", "", "wanted a whole number"},
        {"epochs", "99999999999999999999", "wanted a whole number"},
        {"lr", "-1", "lr '-1': wanted a number from 0 to 1e+30"},
        {"lr", "nan", "wanted a number"},
        {"lr", "inf", "wanted a number"},
        {"lr", "1e-3 ", "wanted a number"},
        {"optimizer", "adamw", "wanted one of adam|sgd"},
        {"optimizer", "", "wanted one of"},
        {"optimizer", "adam|sgd", "wanted one of"},
        {"milestones", "1,,2", "wanted up to 32 whole numbers"},
        {"milestones", "1,2,", "wanted up to 32 whole numbers"},
        {"milestones", "0", "wanted up to 32 whole numbers from 1"},
        {"widths", "1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1,1", "wanted up to 16"},
        {"nesterov", "maybe", "wanted yes or no"},
        {"option", "clip", "wanted NAME=VALUE"},
        {"data", "", "wanted a text"},
        {"data", "mnist\n", "control characters"},
        {"epoch", "1", "unknown setting 'epoch'; did you mean 'epochs'?"},
        {"zzzzzzzz", "1", "unknown setting 'zzzzzzzz'"},
        {"recipe", "redbit-mnst", "did you mean 'redbit-mnist'?"},
    };
    lb_settings *s = make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(lb_settings_set(s, cases[i].key, cases[i].value), LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
    }
    assert_string_equal(lb_settings_get(s, "epochs"), "10"); /* as before */
    assert_null(lb_settings_get(s, "no-such-key"));
    lb_settings_destroy(s);
}

static void values_have_one_form(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value, *wanted;
    } cases[] = {
        {"epochs", "+007", "7"},
        {"lr", "1e-3", "0.001"},
        {"lr", "0.10", "0.1"},
        {"lr", "-0", "0"},
        {"lr", "1e30", "1e+30"},
        {"milestones", "010,20", "10,20"},
        {"nesterov", "true", "yes"},
        {"nesterov", "0", "no"},
        {"seed", "9007199254740991", "9007199254740991"},
        {"weight-decay", "1e-4", "0.0001"},
    };
    lb_settings *s = make();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_ok(lb_settings_set(s, cases[i].key, cases[i].value));
        assert_string_equal(lb_settings_get(s, cases[i].key), cases[i].wanted);
    }
    lb_settings_destroy(s);
}

static void the_given_goes_before_the_run_before_the_recipe_before_the_default(void **state)
{
    (void)state;
    lb_settings *s = make();
    assert_string_equal(lb_settings_get(s, "epochs"), "10");
    assert_ok(lb_settings_set(s, "lr", "0.5"));
    assert_ok(lb_settings_set(s, "recipe", "redbit-mnist"));
    assert_string_equal(lb_settings_get(s, "epochs"), "100");
    assert_string_equal(lb_settings_get(s, "milestones"), "20,40,60,80");
    assert_string_equal(lb_settings_get(s, "lr"), "0.5");
    assert_ok(lb_settings_set_of_run(s, "epochs", "7"));
    assert_string_equal(lb_settings_get(s, "epochs"), "7");
    assert_ok(lb_settings_set(s, "epochs", "8"));
    assert_string_equal(lb_settings_get(s, "epochs"), "8");
    /* another recipe takes away what the first one set */
    assert_ok(lb_settings_set(s, "recipe", "kutukcu-lenet5"));
    assert_null(lb_settings_get(s, "milestones"));
    lb_settings_destroy(s);
}

static void options_add_up_and_copies_are_complete(void **state)
{
    (void)state;
    lb_settings *s = make(), *copy = NULL;
    assert_ok(lb_settings_set(s, "option", "a=1"));
    assert_ok(lb_settings_set(s, "option", "b=2"));
    assert_ok(lb_settings_set(s, "recipe", "kutukcu-vgg7"));
    assert_ok(lb_settings_copy(s, &copy));
    lb_settings_destroy(s);
    assert_string_equal(lb_settings_get(copy, "option"), "a=1,b=2");
    assert_string_equal(lb_settings_get(copy, "model"), "vgg7");
    lb_settings_destroy(copy);
}

static void every_row_of_the_table_is_sound(void **state)
{
    (void)state;
    size_t n = 0;
    const lb_setting_info *infos = lb_setting_infos(&n);
    assert_int_equal(n, LB_N_KEYS);
    for (size_t i = 0; i < n; i++) {
        assert_true(strlen(infos[i].help) > 0 && strlen(infos[i].group) > 0);
        assert_true(infos[i].is_switch == (infos[i].value_name == NULL));
        for (size_t k = 0; k < i; k++) assert_string_not_equal(infos[i].key, infos[k].key);
        if (infos[i].standard == NULL) continue;
        char *text = NULL; /* a default is canonical */
        assert_ok(lb_setting_canonical((lb_key)i, infos[i].standard, &text));
        assert_string_equal(text, infos[i].standard);
        lb_free(text);
    }
}

static void every_recipe_sets_what_can_be_trained(void **state)
{
    (void)state;
    size_t n = 0;
    const lb_recipe_info *recipes = lb_recipe_infos(&n);
    assert_true(n >= 4);
    for (size_t i = 0; i < n; i++) {
        lb_settings *s = make();
        lb_train_config config;
        assert_ok(lb_settings_set(s, "recipe", recipes[i].name));
        assert_ok(lb_train_config_read(s, &config));
        lb_train_config_release(&config);
        lb_settings_destroy(s);
    }
}

static lb_status read_config(const char *const *pairs, lb_train_config *config, lb_settings **out)
{
    lb_settings *s = make();
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_ok(lb_settings_set(s, pairs[i], pairs[i + 1]));
    *out = s;
    return lb_train_config_read(s, config);
}

static void settings_that_do_not_fit_together_are_refused_by_name(void **state)
{
    (void)state;
    static const struct {
        const char *pairs[7], *message;
    } cases[] = {
        {{"model", "lenet", NULL}, "did you mean 'lenet5'?"},
        {{"method", "dorefaa", NULL}, "did you mean 'dorefa'?"},
        {{"method", "ttq", "wbits", "3", NULL}, "ttq"},
        {{"method", "float", "wbits", "2", NULL}, "float"},
        {{"method", "dorefa", "wbits", "9", NULL}, "9"},
        {{"backend", "cuda", NULL}, "unknown backend 'cuda'; there are:"},
        {{"warmup", "10", NULL}, "warmup of 10 epochs"},
        {{"schedule", "one-cycle", "warmup", "1", NULL}, "one-cycle"},
        {{"nesterov", "yes", NULL}, "nesterov wants optimizer sgd"},
        {{"momentum", "0.5", NULL}, "momentum has no part in optimizer 'adam': it is of 'sgd'"},
        {{"milestones", "3,6", NULL},
         "milestones has no part in schedule 'cosine': it is of 'step'"},
        {{"lr-factor", "0.2", "schedule", "constant", NULL},
         "lr-factor has no part in schedule 'constant'"},
        {{"final-lr", "0", "schedule", "step", NULL},
         "final-lr has no part in schedule 'step': it is of 'exponential' and 'cosine'"},
        {{"recipe", "kutukcu-vgg7", "schedule", "cosine", "lr-factor", "0.2", NULL},
         "lr-factor has no part"},
        {{"resume", "yes", "overwrite", "yes", NULL}, "resume and overwrite"},
        {{"method", "dorefa", "option", "no-such=1", NULL}, "no-such"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_train_config config;
        lb_settings *s = NULL;
        assert_status(read_config(cases[i].pairs, &config, &s), LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
        lb_train_config_release(&config);
        lb_settings_destroy(s);
    }
}

/* What a recipe or the run that is resumed says to another choice waits, and harms nothing. */
static void values_of_a_choice_are_accepted_with_it(void **state)
{
    (void)state;
    static const char *const cases[][7] = {
        {"optimizer", "sgd", "momentum", "0.5", NULL},
        {"schedule", "step", "milestones", "3,6", "lr-factor", "0.2", NULL},
        {"final-lr", "1e-5", NULL},
        {"schedule", "exponential", "final-lr", "1e-5", NULL},
        {"recipe", "redbit-cifar10", "milestones", "3,6", "momentum", "0.5", NULL},
        {"recipe", "redbit-cifar10", "schedule", "one-cycle", "optimizer", "adam", NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_train_config config;
        lb_settings *s = NULL;
        assert_ok(read_config(cases[i], &config, &s));
        lb_train_config_release(&config);
        lb_settings_destroy(s);
    }
}

static void values_arrive_where_they_belong(void **state)
{
    (void)state;
    static const char *const pairs[] = {
        "model",    "mlp",     "widths", "30,20",      "method",   "dorefa",      "gbits",
        "6",        "abits",   "2",      "first-last", "8bit",     "last-layer",  "quantized",
        "shortcut", "none",    "epochs", "8",          "schedule", "exponential", "lr",
        "0.5",      "threads", "3",      NULL};
    lb_train_config config;
    lb_settings *s = NULL;
    assert_ok(read_config(pairs, &config, &s));
    assert_int_equal(config.n_widths, 2);
    assert_int_equal(config.widths[1], 20);
    assert_int_equal(config.method.w_bits, -1);
    assert_int_equal(config.method.a_bits, 2);
    assert_int_equal(config.gradient_bits, 6);
    assert_int_equal(config.method.first, LB_END_8BIT);
    assert_int_equal(config.method.last, LB_END_QUANTIZED);
    assert_int_equal(config.shortcut, LB_SHORTCUT_NONE);
    assert_int_equal(config.schedule.kind, LB_SCHEDULE_EXPONENTIAL);
    assert_true(config.schedule.final_lr == 0.05);
    assert_int_equal(config.schedule.milestones[0], 4);
    assert_int_equal(config.schedule.milestones[1], 6);
    assert_int_equal(config.threads, 3);
    assert_string_equal(config.out, "runs/synth-digits-mlp-dorefa-a2g6-seed1");
    lb_train_config_release(&config);
    lb_settings_destroy(s);
}

static lb_status set_and_copy(void *context)
{
    (void)context;
    lb_settings *s = NULL, *copy = NULL;
    lb_train_config config = {0};
    lb_status status = lb_settings_create(&s);
    if (status == LB_OK) status = lb_settings_set(s, "recipe", "redbit-mnist");
    if (status == LB_OK) status = lb_settings_set(s, "method", "dorefa");
    if (status == LB_OK) status = lb_settings_set(s, "milestones", "1,2,3");
    if (status == LB_OK) status = lb_settings_copy(s, &copy);
    if (status == LB_OK) status = lb_train_config_read(copy, &config);
    lb_train_config_release(&config);
    lb_settings_destroy(copy);
    lb_settings_destroy(s);
    return status;
}

static void lack_of_memory_is_an_error(void **state)
{
    (void)state;
    lb_test_every_allocation_failure(set_and_copy, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bad_values_are_refused_with_what_is_wanted),
        cmocka_unit_test(values_have_one_form),
        cmocka_unit_test(the_given_goes_before_the_run_before_the_recipe_before_the_default),
        cmocka_unit_test(options_add_up_and_copies_are_complete),
        cmocka_unit_test(every_row_of_the_table_is_sound),
        cmocka_unit_test(every_recipe_sets_what_can_be_trained),
        cmocka_unit_test(settings_that_do_not_fit_together_are_refused_by_name),
        cmocka_unit_test(values_of_a_choice_are_accepted_with_it),
        cmocka_unit_test(values_arrive_where_they_belong),
        cmocka_unit_test(lack_of_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
