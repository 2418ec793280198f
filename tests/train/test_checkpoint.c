/* Checkpoints: what is written reads back, and whatever does not fit is refused by name. */
#include <string.h>

#include "base/memory.h"
#include "quant/method.h"
#include "support/support.h"
#include "train/checkpoint.h"
#include "train/run.h"

/* conv (TTQ where `learned`) - linear, `width` filters. */
static void build(lb_net *net, size_t width, bool learned)
{
    const lb_weight_choice ttq = {.quantizer = lb_weight_quantizer_find("ttq"),
                                  .setting = {.bits = 2}};
    lb_net_init(net);
    const int in = lb_net_input(net, (lb_shape){.c = 1, .h = 4, .w = 4}, false);
    const int conv = lb_net_conv(net, "conv", in, width, lb_window_square(3, 1, 0), 1, false,
                                 learned ? &ttq : NULL);
    const int norm = lb_net_batch_norm(net, "norm", conv, true, 1e-5f, 0.1f);
    const int flat = lb_net_flatten(net, "flat", norm);
    lb_net_linear(net, "classifier", flat, 3, true, NULL);
    assert_ok(lb_net_finish(net, LB_LOSS_CROSS_ENTROPY));
}

static void fill(lb_net *net, float from)
{
    for (size_t p = 0; p < net->n_params; p++) {
        for (size_t i = 0; i < net->params[p].count; i++) net->params[p].value[i] = from += 0.25f;
    }
}

static const char *write_net(lb_net *net, const lb_optimizer *optimizer)
{
    const char *path = lb_test_path(lb_test_folder(), "net.safetensors");
    const lb_checkpoint c = {.net = net,
                             .optimizer = optimizer,
                             .description = "{}",
                             .state_name = "progress",
                             .state = "{}"};
    assert_ok(lb_checkpoint_write(&c, path));
    return path;
}

static void parameters_and_moments_read_back(void **state)
{
    (void)state;
    lb_net a, b;
    build(&a, 2, true);
    build(&b, 2, true);
    fill(&a, 1.0f);
    const lb_optimizer_options adam = {.kind = LB_OPTIMIZER_ADAM};
    lb_optimizer from, to;
    assert_ok(lb_optimizer_init(&from, &a, &adam));
    assert_ok(lb_optimizer_init(&to, &b, &adam));
    for (size_t p = 0; p < a.n_params; p++) {
        if (from.moments[p].value[1] != NULL) from.moments[p].value[1][0] = (float)p + 0.5f;
    }
    const char *path = write_net(&a, &from);
    lb_safetensors *file = NULL;
    assert_ok(lb_checkpoint_open(path, &file));
    assert_ok(lb_checkpoint_load_net(path, file, LB_LOAD_EXACT, &b));
    assert_ok(lb_checkpoint_load_moments(path, file, &to));
    for (size_t p = 0; p < a.n_params; p++) {
        assert_memory_equal(a.params[p].value, b.params[p].value,
                            a.params[p].count * sizeof(float));
        assert_true((to.moments[p].value[1] != NULL) == (a.params[p].grad != NULL));
        if (to.moments[p].value[1] != NULL)
            assert_true(to.moments[p].value[1][0] == (float)p + 0.5f);
    }
    /* SGD's moments are others */
    lb_optimizer_release(&to);
    const lb_optimizer_options sgd = {.kind = LB_OPTIMIZER_SGD, .momentum = 0.9f};
    assert_ok(lb_optimizer_init(&to, &b, &sgd));
    assert_status(lb_checkpoint_load_moments(path, file, &to), LB_E_FORMAT);
    assert_contains(lb_error(), "optimizer/momentum/conv.weight' is missing");
    lb_safetensors_close(file);
    lb_optimizer_release(&from);
    lb_optimizer_release(&to);
    lb_net_release(&a);
    lb_net_release(&b);
}

static void check_refused(lb_net *written, lb_net *read, lb_load_mode mode, const char *message)
{
    const char *path = write_net(written, NULL);
    const float before = read->params[0].value[0];
    lb_safetensors *file = NULL;
    assert_ok(lb_checkpoint_open(path, &file));
    assert_status(lb_checkpoint_load_net(path, file, mode, read), LB_E_FORMAT);
    assert_contains(lb_error(), message);
    assert_true(read->params[0].value[0] == before); /* all or nothing */
    lb_safetensors_close(file);
}

static void other_networks_are_refused_by_name(void **state)
{
    (void)state;
    lb_net plain, wide, learned;
    build(&plain, 2, false);
    build(&wide, 3, false);
    build(&learned, 2, true);
    fill(&plain, 1.0f);
    check_refused(&plain, &wide, LB_LOAD_EXACT,
                  "tensor 'conv.weight' is 2 x 1 x 3 x 3, the network has 3 x 1 x 3 x 3");
    check_refused(&plain, &wide, LB_LOAD_INIT, "is it of another model or block order?");
    check_refused(&plain, &learned, LB_LOAD_EXACT, "'conv.learned' is missing");
    check_refused(&learned, &plain, LB_LOAD_EXACT, "the network has no 'conv.learned'");
    lb_net_release(&plain);
    lb_net_release(&wide);
    lb_net_release(&learned);
}

static void a_start_from_elsewhere_makes_its_own_learned_scales(void **state)
{
    (void)state;
    lb_net plain, learned;
    build(&plain, 2, false);
    build(&learned, 2, true);
    fill(&plain, 1.0f);
    fill(&learned, 100.0f);
    const char *path = write_net(&plain, NULL);
    lb_safetensors *file = NULL;
    assert_ok(lb_checkpoint_open(path, &file));
    assert_ok(lb_checkpoint_load_net(path, file, LB_LOAD_INIT, &learned));
    lb_safetensors_close(file);
    const float *scales = learned.params[lb_net_find_param(&learned, "conv.learned")].value;
    assert_true(scales[0] == 1.0f && scales[1] == 1.0f); /* TTQ starts at 1 */
    /* and the other way round, what is left over is left */
    path = write_net(&learned, NULL);
    assert_ok(lb_checkpoint_open(path, &file));
    assert_ok(lb_checkpoint_load_net(path, file, LB_LOAD_INIT, &plain));
    lb_safetensors_close(file);
    lb_net_release(&plain);
    lb_net_release(&learned);
}

static void files_of_others_are_refused(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "other.safetensors");
    const float one = 1.0f;
    const lb_stored_tensor t = {
        .name = "x", .dtype = LB_F32, .n_dims = 1, .dims = {1}, .data = &one, .bytes = 4};
    assert_ok(lb_safetensors_write(path, &t, 1, NULL, 0));
    lb_safetensors *file = NULL;
    assert_status(lb_checkpoint_open(path, &file), LB_E_FORMAT);
    assert_contains(lb_error(), "not a checkpoint of lowbit");
    lb_run run;
    assert_status(lb_run_open(path, &run), LB_E_FORMAT);
    lb_run_release(&run);
    lb_net net;
    assert_status(lb_run_build_net(lb_test_folder(), &net), LB_E_IO);
    assert_contains(lb_error(), "no checkpoint in this folder");
    lb_net_release(&net);
}

/* Descriptions that are wrong in one place each. */
static void hostile_descriptions_are_refused(void **state)
{
    (void)state;
#define IMAGES                                                                                    \
    "\"images\": {\"training\": 9, \"channels\": 1, \"height\": 28, \"width\": 28, \"classes\": " \
    "10, "
#define MEAN "\"mean\": [0.5], \"std\": [0.5]}}"
    static const struct {
        const char *text, *message;
    } cases[] = {
        {"", "not valid JSON"},
        {"[1]", "'settings' is missing"},
        {"{\"settings\": {}}", "'images' is missing"},
        {"{\"settings\": {\"no-such\": 1}, " IMAGES MEAN, "unknown setting 'no-such'"},
        {"{\"settings\": {\"epochs\": 0}, " IMAGES MEAN, "epochs '0'"},
        {"{\"settings\": {\"epochs\": [1]}, " IMAGES MEAN, "neither text, number nor switch"},
        {"{\"settings\": {}, " IMAGES "\"mean\": [0.5], \"std\": [0]}}", "images.std[0]"},
        {"{\"settings\": {}, " IMAGES "\"mean\": [0.5, 0.5], \"std\": [1]}}", "images.mean"},
        {"{\"settings\": {\"model\": \"no-such\"}, " IMAGES MEAN, "unknown model"},
        {"{\"settings\": {\"model\": \"resnet20\"}, " IMAGES MEAN, "resnet20"},
        {"{\"settings\": {\"model\": \"mlp\", \"widths\": \"65536,65536,65536\"}, " IMAGES MEAN,
         "larger than the file"},
        {"{\"settings\": {}, \"images\": {\"training\": 9, \"channels\": 1, \"height\": 99999, "
         "\"width\": 1, "
         "\"classes\": 10, " MEAN,
         "images.height"},
    };
    const float one = 1.0f;
    const lb_stored_tensor t = {
        .name = "x", .dtype = LB_F32, .n_dims = 1, .dims = {1}, .data = &one, .bytes = 4};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const char *path = lb_test_path(lb_test_folder(), "hostile.safetensors");
        const lb_stored_text metadata[] = {{"format", "lowbit checkpoint 1"},
                                           {"run", cases[i].text}};
        assert_ok(lb_safetensors_write(path, &t, 1, metadata, 2));
        lb_run run;
        assert_status(lb_run_open(path, &run), LB_E_FORMAT);
        assert_contains(lb_error(), cases[i].message);
        lb_run_release(&run);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parameters_and_moments_read_back),
        cmocka_unit_test(other_networks_are_refused_by_name),
        cmocka_unit_test(a_start_from_elsewhere_makes_its_own_learned_scales),
        cmocka_unit_test(files_of_others_are_refused),
        cmocka_unit_test(hostile_descriptions_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
