/* The hash of a run: what changes it, and what does not. */
#include <stdio.h>
#include <string.h>

#include "lab/run_hash.h"
#include "support/tiny_training.h"

static void hash_of(const char *const *pairs, char out[LB_RUN_HASH_BYTES])
{
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    for (size_t i = 0; pairs[i] != NULL; i += 2)
        assert_ok(lb_settings_set(s, pairs[i], pairs[i + 1]));
    assert_ok(lb_run_hash(s, out));
    lb_settings_destroy(s);
}

static void compare(const char *const *a, const char *const *b, bool same)
{
    char first[LB_RUN_HASH_BYTES], second[LB_RUN_HASH_BYTES];
    hash_of(a, first);
    hash_of(b, second);
    if ((strcmp(first, second) == 0) != same)
        fail_msg("%s %s and %s %s: %s", a[0], a[1], b[0], b[1], same ? "differ" : "are the same");
}

#define SAME(a, b) compare(a, b, true)
#define DIFFERENT(a, b) compare(a, b, false)

static void what_does_not_define_a_run_does_not_count(void **state)
{
    (void)state;
    const char *const *plain = PAIRS("method", "dorefa", "abits", "2");
    SAME(plain, PAIRS("method", "dorefa", "abits", "2", "threads", "7"));
    SAME(plain, PAIRS("method", "dorefa", "abits", "2", "backend", "reference"));
    SAME(plain, PAIRS("method", "dorefa", "abits", "2", "out", "somewhere", "overwrite", "yes"));
    SAME(plain, PAIRS("method", "dorefa", "abits", "2", "checkpoint-seconds", "5", "tensorboard",
                      "yes", "workers", "2"));
}

static void defaults_and_recipes_are_resolved(void **state)
{
    (void)state;
    SAME(PAIRS("method", "dorefa"), PAIRS("method", "dorefa", "wbits", "1", "abits", "32"));
    SAME(PAIRS("method", "twn"), PAIRS("wbits", "02", "method", "twn", "lr", "1e-3"));
    SAME(PAIRS("epochs", "10"), PAIRS("epochs", "10", "batch", "128"));
    SAME(PAIRS("data", "mnist:/a"), PAIRS("data", "mnist:/b/c"));
    SAME(PAIRS("method", "dorefa", "first-last", "8bit"),
         PAIRS("method", "dorefa", "first-layer", "8bit", "last-layer", "8bit"));
    SAME(PAIRS("recipe", "redbit-mnist"), PAIRS("recipe", "redbit-mnist", "model", "lenet5"));
    DIFFERENT(PAIRS("recipe", "redbit-mnist"), PAIRS("model", "lenet5"));
}

static void what_defines_a_run_counts(void **state)
{
    (void)state;
    static const char *const changes[][2] = {
        {"method", "qnn"},       {"wbits", "2"},       {"abits", "4"},
        {"seed", "2"},           {"epochs", "11"},     {"batch", "64"},
        {"lr", "0.002"},         {"model", "mlp"},     {"optimizer", "sgd"},
        {"val-split", "9"},      {"data", "mnist"},    {"data", "synth-digits:90"},
        {"first-layer", "8bit"}, {"schedule", "step"}, {"weight-decay", "1e-4"}};
    enum { N = sizeof changes / sizeof *changes };
    char hashes[N + 1][LB_RUN_HASH_BYTES];
    hash_of(PAIRS("method", "dorefa", "abits", "2"), hashes[N]);
    for (size_t i = 0; i < N; i++)
        hash_of(PAIRS("method", "dorefa", "abits", "2", changes[i][0], changes[i][1]), hashes[i]);
    for (size_t i = 0; i <= N; i++) {
        assert_int_equal(strlen(hashes[i]), LB_RUN_HASH_BYTES - 1);
        for (size_t k = 0; k < i; k++) {
            if (strcmp(hashes[i], hashes[k]) == 0) fail_msg("cases %zu and %zu are the same", i, k);
        }
    }
}

/* By hand: printf 'lowbit run 1\ndata=synth-digits\n...' | sha256sum. A store must find its runs again with every
 * later version, so this text never changes: what has its default is left out, as new settings will. */
static void the_text_that_is_hashed_is_fixed(void **state)
{
    (void)state;
    static const char text[] =
        "lowbit run 1\ndata=synth-digits:500\nmethod=dorefa\nwbits=1\nabits=2\nlr=0.01\nseed=2\n";
    char got[LB_RUN_HASH_BYTES], wanted[LB_RUN_HASH_BYTES];
    lb_sha256 h;
    lb_sha256_init(&h);
    lb_sha256_update(&h, text, strlen(text));
    lb_sha256_finish(&h, wanted);
    hash_of(PAIRS("data", "synth-digits:500", "method", "dorefa", "abits", "2", "lr", "1e-2",
                  "seed", "2", "batch", "128"),
            got);
    assert_string_equal(got, wanted);
}

/* Weights to start from count by what is in the file, wherever it lies. */
static void initial_weights_count_by_content(void **state)
{
    (void)state;
    char run[4096], file[4200];
    (void)snprintf(run, sizeof run, "%s", lb_test_whole_run());
    (void)snprintf(file, sizeof file, "%s/best.safetensors", run);
    SAME(PAIRS("init", run), PAIRS("init", file));
    DIFFERENT(PAIRS("init", run), PAIRS("seed", "1"));
    (void)snprintf(file, sizeof file, "%s/last.safetensors", run);
    DIFFERENT(PAIRS("init", run), PAIRS("init", file));
    DIFFERENT(PAIRS("teacher", run), PAIRS("init", run));
    DIFFERENT(PAIRS("teacher", run), PAIRS("teacher", file));
    DIFFERENT(PAIRS("teacher", run, "init", file), PAIRS("teacher", file, "init", run));
    (void)snprintf(file, sizeof file, "%s/best.safetensors", run);
    SAME(PAIRS("teacher", run), PAIRS("teacher", file));
    DIFFERENT(PAIRS("teacher", run), PAIRS("teacher", run, "temperature", "2"));
}

/* Levels are widths, and the length of a freezing schedule is a number of epochs. */
static void what_a_method_chooses_counts_as_given(void **state)
{
    (void)state;
    SAME(PAIRS("method", "rpr", "levels", "ternary"), PAIRS("method", "rpr", "wbits", "2"));
    SAME(PAIRS("method", "rpr", "levels", "binary"), PAIRS("method", "rpr"));
    SAME(PAIRS("method", "rpr", "epochs", "112"), PAIRS("method", "rpr"));
    DIFFERENT(PAIRS("method", "rpr", "epochs", "10"), PAIRS("method", "rpr"));
    DIFFERENT(PAIRS("method", "rpr", "freezing", "0.5:100,1:12"), PAIRS("method", "rpr"));
    SAME(PAIRS("method", "dorefa", "epochs", "10"), PAIRS("method", "dorefa"));
}

static void settings_that_make_no_run_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *key, *value;
        lb_status wanted;
        const char *message;
    } cases[] = {
        {"method", "nothing", LB_E_ARG, "nothing"},
        {"init", "/nowhere", LB_E_IO, "/nowhere"},
        {"init", "/etc/passwd", LB_E_FORMAT, "/etc/passwd"},
        {"teacher", "/nowhere", LB_E_IO, "/nowhere"},
        {"data", "nowhere", LB_E_ARG, "nowhere"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char hash[LB_RUN_HASH_BYTES] = "untouched";
        lb_settings *s = NULL;
        assert_ok(lb_settings_create(&s));
        assert_ok(lb_settings_set(s, cases[i].key, cases[i].value));
        assert_status(lb_run_hash(s, hash), cases[i].wanted);
        assert_contains(lb_error(), cases[i].message);
        assert_string_equal(hash, "untouched");
        lb_settings_destroy(s);
    }
}

static lb_status hash_with_init(void *context)
{
    char hash[LB_RUN_HASH_BYTES];
    return lb_run_hash(context, hash);
}

static void no_memory_is_an_error(void **state)
{
    (void)state;
    lb_settings *s = NULL;
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "init", lb_test_whole_run()));
    assert_ok(lb_settings_set(s, "option", "none=1"));
    assert_status(hash_with_init(s), LB_E_ARG);
    lb_settings_destroy(s);
    assert_ok(lb_settings_create(&s));
    assert_ok(lb_settings_set(s, "init", lb_test_whole_run()));
    assert_ok(lb_settings_set(s, "method", "dorefa"));
    assert_ok(lb_settings_set(s, "first-last", "8bit"));
    lb_test_every_allocation_failure(hash_with_init, s);
    lb_settings_destroy(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_does_not_define_a_run_does_not_count),
        cmocka_unit_test(defaults_and_recipes_are_resolved),
        cmocka_unit_test(what_defines_a_run_counts),
        cmocka_unit_test(the_text_that_is_hashed_is_fixed),
        cmocka_unit_test(initial_weights_count_by_content),
        cmocka_unit_test(what_a_method_chooses_counts_as_given),
        cmocka_unit_test(settings_that_make_no_run_are_refused),
        cmocka_unit_test(no_memory_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
