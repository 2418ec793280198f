/* lowbit eval RUN | FILE - accuracy of a trained run or a packed network on a data set's test images. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "lowbit/deploy.h"

static const char *data, *backend;
static int threads, json_wanted;

static const struct poptOption options[] = {
    {"data", '\0', POPT_ARG_STRING, &data, 0,
     "data set; without it, the one the network was trained on", "SPEC"},
    {"backend", '\0', POPT_ARG_STRING, &backend, 0,
     "of a run: onednn (the default) or reference; both give the same figures", "NAME"},
    {"threads", '\0', POPT_ARG_INT, &threads, 0, "0: all processors", "N"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object", NULL},
    POPT_TABLEEND,
};

static int run(poptContext context)
{
    const char *path = poptGetArg(context);
    if (path == NULL || poptPeekArg(context) != NULL) {
        return lb_cli_fail("eval", LB_E_ARG,
                           "wanted one RUN, the folder of a run or a checkpoint of it, or one "
                           "packed network");
    }
    const bool packed = lb_path_kind_of(path) == LB_PATH_PACKED;
    if (packed && backend != NULL) {
        return lb_cli_fail("eval", LB_E_ARG,
                           "%s is packed: it runs without a back end; leave out --backend", path);
    }
    if (threads < 0) return lb_cli_fail("eval", LB_E_ARG, "threads %d: wanted 0 or more", threads);
    static char name[] = "eval";
    const lb_evaluate_options wanted = {.data = data,
                                        .backend = backend,
                                        .threads = threads,
                                        .report = lb_cli_skipped,
                                        .context = name};
    lb_evaluation e;
    const lb_status status =
        packed ? lb_evaluate_packed(path, &wanted, &e) : lb_evaluate_run(path, &wanted, &e);
    if (status != LB_OK) return lb_cli_error("eval", (int)status);
    if (json_wanted) {
        (void)printf("{\"top1\": %.4f, \"top5\": %.4f, \"loss\": %s, \"images\": %zu, "
                     "\"unreadable\": %zu}\n",
                     e.top1, e.top5, lb_cli_json_number(e.loss, LB_CLI_JSON_ROOM), e.images,
                     e.unreadable);
    } else {
        (void)printf("top-1 %.2f %%  top-5 %.2f %%  loss %.4f  images %zu\n", e.top1, e.top5,
                     e.loss, e.images);
        if (e.unreadable > 0)
            (void)printf("%zu images could not be read and were left out\n", e.unreadable);
    }
    return LB_OK;
}

const lb_command lb_command_eval = {
    .name = "eval",
    .summary = "evaluate a run or a packed network on the test images of a data set",
    .arguments = "RUN | FILE",
    .description = "Evaluates a run's best checkpoint (or a given .safetensors file), by the "
                   "integer path where the network has few-bit weights and activations, or a "
                   "packed network. A run and the network packed from it give the same figures, "
                   "to the digit. LOWBIT_ISA chooses the instruction set, which changes no figure.",
    .examples = "lowbit eval runs/a\n"
                "lowbit eval runs/a/last.safetensors --data mnist:/data/mnist --json\n"
                "lowbit eval a.lbm\n",
    .options = options,
    .run = run,
};
