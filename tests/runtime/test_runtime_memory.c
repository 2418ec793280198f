/* What running takes: the plan of networks without shortcuts is little more than their weights and two
 * largest maps, and a process that runs VGG-7 takes what the plan says.
 * `test_runtime_memory measure FILE` runs a packed network once and prints the most memory it had. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "freeze/freeze.h"
#include "models/model.h"
#include "runtime/packed.h"
#include "support/model_check.h"
#include "support/support.h"
#include "support/tiny_intnet.h"

static const char *program;

/* ---- the plan ---- */

static void freeze_model(const char *model, const char *method, int w_bits, int a_bits,
                         lb_intnet *frozen)
{
    lb_model_request request = lb_test_model_request(model, lb_test_quant(method, w_bits, a_bits));
    request.quant.first = request.quant.last = LB_END_8BIT;
    lb_net net;
    assert_ok(lb_model_build(&request, &net));
    lb_net_initialize(&net, LB_INIT_FAN_IN, 1);
    assert_ok(lb_freeze(&net, frozen));
    lb_net_release(&net);
}

static size_t two_largest_maps(const lb_intnet *net)
{
    size_t first = 0, second = 0;
    for (size_t i = 0; i < net->n_layers; i++) {
        const size_t bytes = lb_map_bytes_of(&net->layers[i].map);
        if (bytes >= first) {
            second = first;
            first = bytes;
        } else if (bytes > second) {
            second = bytes;
        }
    }
    return first + second;
}

static void test_plan_is_weights_and_two_maps(void **state)
{
    (void)state;
    static const struct {
        const char *model, *method;
        int w_bits, a_bits;
    } cases[] = {
        {"vgg7", "qnn", 1, 1},      {"vgg7", "dorefa", 1, 2}, {"vgg7", "xnor", 1, 1},
        {"vgg7", "twn", 2, 2},      {"lenet5", "qnn", 1, 1},  {"lenet5", "qnn", 1, 2},
        {"lenet5", "dorefa", 1, 2}, {"lenet5", "xnor", 1, 1},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        lb_intnet net;
        lb_packed *packed = NULL;
        lb_packed_info info;
        freeze_model(cases[i].model, cases[i].method, cases[i].w_bits, cases[i].a_bits, &net);
        assert_ok(lb_packed_create(&net, NULL, &packed));
        lb_packed_get_info(packed, &info);
        const size_t plan = info.weight_bytes + info.context_bytes;
        const size_t least = info.weight_bytes + two_largest_maps(&net);
        print_message("%s %s W%dA%d: weights %zu, context %zu; plan %.3f of weights and two maps\n",
                      cases[i].model, cases[i].method, cases[i].w_bits, cases[i].a_bits,
                      info.weight_bytes, info.context_bytes, (double)plan / (double)least);
        assert_true((double)plan <= 1.1 * (double)least);
        lb_packed_close(packed);
        lb_intnet_release(&net);
    }
}

/* ---- the process ---- */

/* The most memory that the process has had, in bytes. */
static long peak_bytes(void)
{
    char line[256];
    long kilobytes = 0;
    FILE *file = fopen("/proc/self/status", "r");
    while (file && fgets(line, sizeof line, file))
        if (strncmp(line, "VmHWM:", 6) == 0) kilobytes = strtol(line + 6, NULL, 10);
    if (file) (void)fclose(file);
    return kilobytes * 1024;
}

/* Read every page of the program and its libraries: otherwise it is chance how much of them the system has
 * in memory. */
static void touch_program(void)
{
    char line[512];
    FILE *file = fopen("/proc/self/maps", "r");
    while (file && fgets(line, sizeof line, file)) {
        char *end = NULL;
        const uintptr_t first = strtoull(line, &end, 16), last = strtoull(end + 1, &end, 16);
        if (end[1] != 'r' || !strchr(line, '/')) continue;
        for (uintptr_t page = first; page < last; page += 4096) (void)*(const volatile char *)page;
    }
    if (file) (void)fclose(file);
}

static int measure(const char *path)
{
    touch_program();
    lb_packed *packed = NULL;
    lb_context *context = NULL;
    lb_packed_info info;
    if (lb_packed_open(path, NULL, &packed) != LB_OK) return 1;
    if (lb_context_create(packed, NULL, &context) != LB_OK) return 1;
    lb_packed_get_info(packed, &info);
    static uint8_t pixels[3 * 32 * 32];
    float logits[16];
    if (info.channels * info.height * info.width > sizeof pixels || info.classes > 16) return 1;
    lb_context_run_pixels(context, pixels, 1, logits);
    printf("%ld %zu\n", peak_bytes(), info.weight_bytes + info.context_bytes);
    lb_context_destroy(context);
    lb_packed_close(packed);
    return 0;
}

/* What `program measure path` prints. */
static void run_measure(const char *path, long *peak, long *plan)
{
    char line[128];
    lb_test_measure(program, path, line);
    char *end = NULL;
    *peak = strtol(line, &end, 10);
    *plan = strtol(end, NULL, 10);
    assert_true(*peak > 0 && *plan > 0);
}

/* Against a network so small that its process is all code: 10 % either way. */
static void test_process_takes_what_the_plan_says(void **state)
{
    (void)state;
    const char *sanitizer = getenv("LOWBIT_SANITIZE");
    if (sanitizer && sanitizer[0] != '\0') skip(); /* they have memory of their own */
    lb_intnet net;
    long small_peak, small_plan, peak, plan;
    const char *small = lb_test_path(lb_test_folder(), "tiny.lbm");
    const char *large = lb_test_path(lb_test_folder(), "vgg7.lbm");
    lb_test_tiny_intnet(true, &net);
    assert_ok(lb_intnet_write(&net, small));
    lb_intnet_release(&net);
    freeze_model("vgg7", "qnn", 1, 1, &net);
    assert_ok(lb_intnet_write(&net, large));
    lb_intnet_release(&net);
    run_measure(small, &small_peak, &small_plan);
    run_measure(large, &peak, &plan);
    const double measured = (double)(peak - small_peak), planned = (double)(plan - small_plan);
    print_message("VGG-7: planned %.0f bytes, measured %.0f: %.3f\n", planned, measured,
                  measured / planned);
    assert_true(measured <= 1.1 * planned);
    assert_true(measured >= 0.85 * planned); /* a plan that promises too much is wrong too */
}

int main(int argc, char **argv)
{
    program = argv[0];
    if (argc == 3 && strcmp(argv[1], "measure") == 0) return measure(argv[2]);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plan_is_weights_and_two_maps),
        cmocka_unit_test(test_process_takes_what_the_plan_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
