/* lowbit bench FILE | --layer ... - how fast a packed network or one layer is here. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/layer_options.h"
#include "lowbit/deploy.h"

static const char *isa;
static int threads = 1, batch = 1, json_wanted;
static double seconds = 1.0;

static const struct poptOption options[] = {
    {NULL, '\0', POPT_ARG_INCLUDE_TABLE, (void *)lb_cli_layer_options, 0, NULL, NULL},
    {"threads", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &threads, 0,
     "one image is shared by the threads; of several each thread takes some", "N"},
    {"batch", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &batch, 0, "images a run", "N"},
    {"isa", '\0', POPT_ARG_STRING, &isa, 0,
     "instruction set: scalar, avx2, avx512 or neon (default: the best here)", "NAME"},
    {"seconds", '\0', POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &seconds, 0,
     "time at least so long, and at least ten runs", "S"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object", NULL},
    POPT_TABLEEND,
};

static void print_json(const lb_bench_result *r)
{
    (void)printf("{\"median_ms\": %.6g, \"min_ms\": %.6g, \"max_ms\": %.6g, \"runs\": %zu, "
                 "\"batch\": %d, \"threads\": %d, \"images_per_second\": %.6g, "
                 "\"operations\": %.12g, \"gops\": %.6g, \"kernel\": ",
                 r->median_ms, r->min_ms, r->max_ms, r->runs, batch, threads,
                 1000.0 * batch / r->median_ms, r->operations, r->gops);
    lb_cli_json_string(stdout, r->kernel);
    (void)printf("}\n");
}

static void print_text(const lb_bench_result *r)
{
    (void)printf("median %.4f ms  min %.4f  max %.4f  runs %zu  threads %d  batch %d\n",
                 r->median_ms, r->min_ms, r->max_ms, r->runs, threads, batch);
    (void)printf("%.0f images/s  %.4g operations a run  %.1f Gop/s  kernel %s\n",
                 1000.0 * batch / r->median_ms, r->operations, r->gops, r->kernel);
}

static int check(const char *path, const char *extra)
{
    const bool layer = lb_cli_layer_given.layer != NULL;
    if (extra != NULL)
        return lb_cli_fail("bench", LB_E_ARG, "one FILE at most, got also '%s'", extra);
    if (path != NULL && (layer || lb_cli_layer_given.bits != NULL)) {
        return lb_cli_fail("bench", LB_E_ARG, "give a packed FILE or --layer and --bits, not both");
    }
    if (path == NULL && !layer) {
        return lb_cli_fail("bench", LB_E_ARG,
                           "what? give a packed FILE, or --layer 128x128x3x3@32x32 --bits 1,1");
    }
    const int exit_status = path != NULL ? lb_cli_check_packed("bench", path) : LB_OK;
    if (exit_status != LB_OK) return exit_status;
    if (threads < 1) return lb_cli_fail("bench", LB_E_ARG, "threads %d: wanted 1 or more", threads);
    if (batch < 1) return lb_cli_fail("bench", LB_E_ARG, "batch %d: wanted 1 or more", batch);
    if (!(seconds > 0.0 && seconds <= 3600.0)) {
        return lb_cli_fail("bench", LB_E_ARG, "seconds %g: wanted more than 0, at most 3600",
                           seconds);
    }
    return LB_OK;
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context), *extra = path != NULL ? poptGetArg(context) : NULL;
    int exit_status = check(path, extra);
    if (exit_status != LB_OK) return exit_status;
    const lb_bench_options wanted = {
        .isa = isa, .threads = threads, .batch = (size_t)batch, .seconds = seconds};
    lb_bench_result result;
    lb_status status;
    if (path != NULL) {
        status = lb_bench_run_packed(path, &wanted, &result);
    } else {
        lb_bench_layer layer;
        exit_status = lb_cli_layer_read("bench", &layer);
        if (exit_status != LB_OK) return exit_status;
        status = lb_bench_run_layer(&layer, &wanted, &result);
    }
    if (status != LB_OK) return lb_cli_error("bench", (int)status);
    (json_wanted ? print_json : print_text)(&result);
    return LB_OK;
}

const lb_command lb_command_bench = {
    .name = "bench",
    .summary = "time a packed network, or one convolution",
    .arguments = "FILE | --layer OxIxKHxKW@HxW --bits W,A",
    .description =
        "Times a packed network from 8-bit pixels to logits, or one convolution from packed codes "
        "to packed codes, tables and thresholds included. Prints median, least and largest time of "
        "a run; an operation is a multiplication or an addition, so two a multiply-accumulate.",
    .examples = "lowbit bench a.lbm\n"
                "lowbit bench a.lbm --batch 64 --threads 2 --json\n"
                "lowbit bench --layer 128x128x3x3@32x32 --bits 1,1\n"
                "lowbit bench --layer 256x256x3x3@16x16 --bits t,2 --isa avx2 --threads 2\n",
    .options = options,
    .run = run,
};
