/* Learning from a teacher: what alpha does, resuming, images normalized otherwise, refusals. */
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "support/tiny_training.h"
#include "train/teacher.h"

enum { BATCH = 3, VALUES = 28 * 28 };

static void train(const char *name, const char *const *pairs, char path[4096], lb_told *told)
{
    *told = (lb_told){0};
    (void)snprintf(path, 4096, "%s", lb_test_fresh(name));
    assert_ok(lb_test_train(path, told, pairs));
}

/* The networks at the end of two runs. */
static bool same_networks(const char *a, const char *b)
{
    lb_net nets[2];
    char last[4096];
    bool same = true;
    for (size_t i = 0; i < 2; i++) {
        (void)snprintf(last, sizeof last, "%s", lb_test_path(i == 0 ? a : b, "last.safetensors"));
        assert_ok(lb_run_build_net(last, &nets[i]));
    }
    assert_int_equal(nets[0].n_params, nets[1].n_params);
    for (size_t p = 0; p < nets[0].n_params; p++)
        same = same && memcmp(nets[0].params[p].value, nets[1].params[p].value,
                              nets[0].params[p].count * sizeof(float)) == 0;
    for (size_t i = 0; i < 2; i++) lb_net_release(&nets[i]);
    return same;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static void without_alpha_the_teacher_says_nothing(void **state)
{
    (void)state;
    char none[4096], silent[4096], heard[4096];
    lb_told told;
    train("none", PAIRS("epochs", "2"), none, &told);
    train("silent", PAIRS("epochs", "2", "teacher", lb_test_whole_run(), "alpha", "0"), silent,
          &told);
    train("heard", PAIRS("epochs", "2", "teacher", lb_test_whole_run(), "alpha", "0.001"), heard,
          &told);
    assert_true(same_networks(none, silent));
    assert_false(same_networks(none, heard));
    uint8_t *config = NULL;
    size_t bytes = 0;
    lb_test_read(heard, "config.json", &config, &bytes);
    assert_contains((const char *)config, "\"teacher\": \"");
    lb_free(config);
}

/* With alpha 1 the loss is the distance to the teacher: a student that starts as the teacher is nearer than one that
 * does not, and training makes that nearer too. */
static void a_student_comes_nearer(void **state)
{
    (void)state;
    char path[4096], teacher[4096];
    lb_told told, far, learnt;
    train("knows", PAIRS("method", "float", "abits", "32", "lr", "0.01", "epochs", "8"), teacher,
          &told);
    train("near",
          PAIRS("method", "float", "abits", "32", "teacher", teacher, "alpha", "1", "init", teacher,
                "lr", "0", "epochs", "1"),
          path, &told);
    train("far",
          PAIRS("method", "float", "abits", "32", "teacher", teacher, "alpha", "1", "lr", "0",
                "epochs", "1"),
          path, &far);
    train("learnt",
          PAIRS("method", "float", "abits", "32", "teacher", teacher, "alpha", "1", "lr", "0.01",
                "epochs", "6"),
          path, &learnt);
    assert_true(told.epochs[0].train_loss < far.epochs[0].train_loss);
    assert_true(learnt.epochs[5].train_loss < 0.9 * far.epochs[0].train_loss);
}

static void a_run_in_single_steps_is_the_same_run(void **state)
{
    (void)state;
    char whole[4096], steps[4096];
    lb_told told;
    train("whole-taught", PAIRS("epochs", "1", "teacher", lb_test_whole_run(), "backend", "onednn"),
          whole, &told);
    (void)snprintf(steps, sizeof steps, "%s", lb_test_fresh("steps"));
    size_t calls = 0;
    for (size_t done = 0; done < 1; calls++) {
        told = (lb_told){0};
        assert_ok(lb_test_train(steps, &told,
                                PAIRS("epochs", "1", "teacher", lb_test_whole_run(), "backend",
                                      "onednn", "max-seconds", "1e-9", "resume", "yes")));
        done = told.result.epoch;
        assert_true(calls <= 7);
    }
    assert_true(calls > 3);
    lb_test_same_run(steps, whole);
}

/* Every method takes a teacher: also a few bits of float ones, and frozen parts. */
static void a_float_network_teaches_few_bits(void **state)
{
    (void)state;
    char teacher[4096], path[4096];
    lb_told told;
    train("float", PAIRS("method", "float", "abits", "32", "epochs", "1"), teacher, &told);
    train("rpr",
          PAIRS("method", "rpr", "abits", "32", "teacher", teacher, "init", teacher, "temperature",
                "2", "alpha", "0.9", "epochs", "2"),
          path, &told);
    assert_int_equal(told.n_epoch, 2);
    train("8bit", PAIRS("first-last", "8bit", "teacher", teacher, "epochs", "1"), path, &told);
    assert_int_equal(told.n_epoch, 1);
}

/* ---- images ---------------------------------------------------------------------------------- */

/* The same pixels, normalized as the teacher has them and as a run on raw codes has them, give the same logits bit
 * for bit; so do they the other way. */
static void check_translation(const char *run, bool raw)
{
    lb_run own;
    assert_ok(lb_run_open(run, &own));
    const lb_normalization taught = own.facts.normalization;
    assert_true(taught.raw_codes != raw);
    lb_run_facts other = own.facts;
    other.normalization.raw_codes = raw;
    other.normalization.mean[0] = 0.1307f;
    other.normalization.std[0] = 0.3081f;
    const lb_train_config config = {
        .batch = BATCH, .threads = 1, .backend = lb_backend_find("reference")};
    static float images[2][BATCH * VALUES];
    for (size_t i = 0; i < BATCH * VALUES; i++) {
        const double pixel = (double)(i * 37 % 256);
        const lb_normalization *n[] = {&taught, &other.normalization};
        for (size_t k = 0; k < 2; k++)
            images[k][i] = (float)(n[k]->raw_codes ? (pixel - 128.0) / 128.0
                                                   : (pixel / 255.0 - (double)n[k]->mean[0]) /
                                                         (double)n[k]->std[0]);
    }
    static lb_teacher t[2];
    memset(t, 0, sizeof t);
    char sha256[LB_SHA256_TEXT_BYTES];
    assert_ok(lb_teacher_open(run, &config, &own.facts, sha256, &t[0]));
    assert_ok(lb_teacher_open(run, &config, &other, sha256, &t[1]));
    for (size_t k = 0; k < 2; k++) assert_ok(lb_teacher_ask(&t[k], BATCH, images[k]));
    assert_memory_equal(t[0].logits, t[1].logits, BATCH * own.facts.classes * sizeof(float));
    for (size_t k = 0; k < 2; k++) lb_teacher_release(&t[k]);
    lb_run_release(&own);
}

static void images_are_translated_exactly(void **state)
{
    (void)state;
    char raw[4096];
    lb_told told;
    check_translation(lb_test_whole_run(), true);
    train("raw", PAIRS("first-last", "8bit", "epochs", "1"), raw, &told);
    check_translation(raw, false);
}

/* ---- refusals -------------------------------------------------------------------------------- */

static void other_images_and_classes_are_refused(void **state)
{
    (void)state;
    const char *run = lb_test_whole_run();
    const lb_train_config config = {
        .batch = BATCH, .threads = 1, .backend = lb_backend_find("reference")};
    char sha256[LB_SHA256_TEXT_BYTES];
    lb_run own;
    lb_teacher t = {0};
    assert_ok(lb_run_open(run, &own));
    lb_run_facts facts = own.facts;
    facts.classes = 100;
    assert_status(lb_teacher_open(run, &config, &facts, sha256, &t), LB_E_ARG);
    assert_contains(lb_error(), "knows 10 classes, this run has 100");
    lb_teacher_release(&t);
    lb_run_release(&own);
    lb_told told = {0};
    assert_status(lb_test_train(lb_test_fresh("color"), &told,
                                PAIRS("data", "synth-color:120", "model", "mlp", "teacher", run)),
                  LB_E_SHAPE);
    assert_contains(lb_error(), "was trained on images of 1x28x28, this run has 3x32x32");
    assert_status(lb_test_train(lb_test_fresh("nobody"), &told, PAIRS("teacher", "/nowhere")),
                  LB_E_IO);
    assert_status(lb_test_train(lb_test_fresh("alone"), &told, PAIRS("alpha", "0.5")), LB_E_ARG);
    assert_contains(lb_error(), "alpha and temperature have no part without a teacher");
}

static void a_diverged_run_teaches_nothing(void **state)
{
    (void)state;
    char diverged[4096];
    lb_told told;
    train("diverged", PAIRS("optimizer", "sgd", "lr", "1e30", "epochs", "2"), diverged, &told);
    assert_status(lb_test_train(lb_test_fresh("pupil"), &told, PAIRS("teacher", diverged)),
                  LB_E_ARG);
    assert_contains(lb_error(), "has values that are not finite: its training diverged");
    assert_status(lb_test_train(lb_test_fresh("heir"), &told, PAIRS("init", diverged)), LB_E_ARG);
    assert_contains(lb_error(), "has values that are not finite: its training diverged");
}

static void a_resumed_run_keeps_its_teacher(void **state)
{
    (void)state;
    char taught[4096], other[4096], alone[4096];
    lb_told told;
    train("alone-run", PAIRS("epochs", "1"), alone, &told);
    train("other", PAIRS("epochs", "1", "seed", "9"), other, &told);
    train("taught", PAIRS("epochs", "1", "teacher", other), taught, &told);
    assert_status(lb_test_resume(taught, &told), LB_E_ARG);
    assert_contains(lb_error(), "a resumed run names it again: --teacher");
    assert_status(
        lb_test_train(taught, &told, PAIRS("epochs", "2", "teacher", alone, "resume", "yes")),
        LB_E_ARG);
    assert_contains(lb_error(), "was made with another teacher, not with teacher");
    assert_status(
        lb_test_train(alone, &told, PAIRS("epochs", "2", "teacher", other, "resume", "yes")),
        LB_E_ARG);
    assert_contains(lb_error(), "was made with no teacher, not with teacher");
    /* killed before the first checkpoint */
    char bare[4096];
    train("bare", PAIRS("epochs", "1", "teacher", other), bare, &told);
    assert_int_equal(unlink(lb_test_path(bare, "last.safetensors")), 0);
    assert_status(lb_test_resume(bare, &told), LB_E_ARG);
    assert_contains(lb_error(), "a resumed run names it again: --teacher");
    told = (lb_told){0};
    assert_ok(
        lb_test_train(taught, &told, PAIRS("epochs", "2", "teacher", other, "resume", "yes")));
    assert_int_equal(told.result.epoch, 2);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_alpha_the_teacher_says_nothing),
        cmocka_unit_test(a_student_comes_nearer),
        cmocka_unit_test(a_run_in_single_steps_is_the_same_run),
        cmocka_unit_test(a_float_network_teaches_few_bits),
        cmocka_unit_test(images_are_translated_exactly),
        cmocka_unit_test(other_images_and_classes_are_refused),
        cmocka_unit_test(a_diverged_run_teaches_nothing),
        cmocka_unit_test(a_resumed_run_keeps_its_teacher),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
