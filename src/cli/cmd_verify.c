/* lowbit verify RUN - training evaluation and packed network side by side. */
#include <signal.h>
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/cli_progress.h"
#include "cli/cli_signals.h"
#include "lowbit/deploy.h"

enum { DIFFERENT = 1 }; /* exit status */

static const char *data, *packed, *isa;
static int images, threads, json_wanted;

static const struct poptOption options[] = {
    {"data", '\0', POPT_ARG_STRING, &data, 0,
     "data set; without it, the one the run was trained on", "SPEC"},
    {"packed", '\0', POPT_ARG_STRING, &packed, 0,
     "packed network to check; without it, the run is packed afresh", "FILE"},
    {"images", '\0', POPT_ARG_INT, &images, 0,
     "the first N test images; 0: all of them (of imagenet: 1,000)", "N"},
    {"isa", '\0', POPT_ARG_STRING, &isa, 0,
     "instruction sets to run on, one after the other: scalar,avx2,... (default: the best here)",
     "LIST"},
    {"threads", '\0', POPT_ARG_INT, &threads, 0, "0: all processors", "N"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object", NULL},
    POPT_TABLEEND,
};

static volatile sig_atomic_t stop_wanted;

static void stop(void)
{
    stop_wanted = 1;
}

static bool show(size_t done, size_t total, void *user)
{
    lb_cli_progress_show(user, done, total);
    return stop_wanted == 0;
}

static void skipped(void *user, const char *message)
{
    static char name[] = "verify";
    lb_cli_progress_end(user);
    lb_cli_skipped(name, message);
}

static void print_json(const lb_verify_result *r)
{
    const lb_verify_difference *d = &r->first;
    (void)printf("{\"images\": %zu, \"unreadable\": %zu, \"layers\": %zu, \"compared\": %zu, "
                 "\"mismatches\": %zu, "
                 "\"first\": ",
                 r->images, r->unreadable, r->layers, r->compared, r->mismatches);
    if (r->mismatches == 0) {
        (void)printf("null}\n");
        return;
    }
    (void)printf("{\"layer\": ");
    lb_cli_json_string(stdout, d->layer);
    (void)printf(", \"isa\": ");
    lb_cli_json_string(stdout, d->isa);
    (void)printf(", \"image\": %zu, \"channel\": %zu, \"row\": %zu, \"column\": %zu, "
                 "\"training\": %s, \"packed\": %s}}\n",
                 d->image, d->channel, d->row, d->column,
                 lb_cli_json_number((double)d->training, LB_CLI_JSON_ROOM),
                 lb_cli_json_number((double)d->packed, LB_CLI_JSON_ROOM));
}

static void print_text(const lb_verify_result *r)
{
    const lb_verify_difference *d = &r->first;
    (void)printf("images %zu  layers %zu  compared %zu values  mismatches %zu\n", r->images,
                 r->layers, r->compared, r->mismatches);
    if (r->unreadable > 0)
        (void)printf("%zu images could not be read and were left out\n", r->unreadable);
    if (r->mismatches == 0) return;
    (void)printf("first difference: image %zu, layer %s (%s), channel %zu, row %zu, column %zu: "
                 "training %.9g, packed %.9g\n",
                 d->image, d->layer, d->isa, d->channel, d->row, d->column, (double)d->training,
                 (double)d->packed);
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context);
    if (path == NULL || poptPeekArg(context) != NULL) {
        return lb_cli_fail("verify", LB_E_ARG,
                           "wanted one RUN: the folder of a run, or a checkpoint of it");
    }
    if (threads < 0)
        return lb_cli_fail("verify", LB_E_ARG, "threads %d: wanted 0 or more", threads);
    if (images < 0) return lb_cli_fail("verify", LB_E_ARG, "images %d: wanted 0 or more", images);
    if (lb_path_kind_of(path) == LB_PATH_PACKED) {
        return lb_cli_fail("verify", LB_E_ARG,
                           "%s is packed; give the run it comes from, and --packed %s", path, path);
    }
    lb_cli_progress progress = {.what = "images"};
    const lb_verify_options wanted = {.data = data,
                                      .packed = packed,
                                      .isa = isa,
                                      .images = (size_t)images,
                                      .threads = threads,
                                      .progress = show,
                                      .report = skipped,
                                      .user = &progress};
    lb_verify_result result;
    lb_cli_on_stop(stop);
    const lb_status status = lb_verify_run(path, &wanted, &result);
    lb_cli_progress_end(&progress);
    if (status != LB_OK) return lb_cli_error("verify", (int)status);
    (json_wanted ? print_json : print_text)(&result);
    return result.mismatches > 0 ? DIFFERENT : LB_OK;
}

const lb_command lb_command_verify = {
    .name = "verify",
    .summary = "compare a run with its packed network, layer by layer, bit by bit",
    .arguments = "RUN",
    .description =
        "Evaluates the training graph and the packed network side by side and compares the map of "
        "every layer for every test image. Prints how many values were compared, how many differ, "
        "and where the first difference is: the lowest image, there the earliest layer, there the "
        "first value. Exit status 1 where anything differs.",
    .examples = "lowbit verify runs/a\n"
                "lowbit verify runs/a --packed a.lbm --isa scalar,avx2\n"
                "lowbit verify runs/a --data mnist:/data/mnist --images 1000 --json\n",
    .options = options,
    .run = run,
};
