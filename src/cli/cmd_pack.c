/* lowbit pack RUN -o FILE - freeze a run to a packed integer network. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/packed_report.h"
#include "lowbit/deploy.h"

static const char *out;
static int json_wanted;

static const struct poptOption options[] = {
    {"out", 'o', POPT_ARG_STRING, &out, 0, "file to write; one that is there is replaced", "FILE"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
     "print JSON: one object a layer, then one with the totals", NULL},
    POPT_TABLEEND,
};

static void print_text(const lb_pack_result *r, const lb_packed_inspection *info)
{
    lb_cli_packed_table(info, false);
    (void)printf("\n%s: %zu bytes, %.2fx smaller than the %zu bytes of its float32 parameters\n",
                 out, r->file_bytes, r->compression, r->float_bytes);
    (void)printf("weight codes %.0f bytes, %zu thresholds; %zu of %zu layers with weights add "
                 "integers\n",
                 r->code_bytes, r->thresholds, r->integer_layers, r->layers_with_weights);
}

static void print_json(const lb_pack_result *r, const lb_packed_inspection *info)
{
    lb_cli_packed_layers_json(info);
    (void)printf("{");
    lb_cli_packed_totals_json(info);
    (void)printf(", \"code_bytes\": %.3f, \"float_bytes\": %zu, \"compression\": %.6f, "
                 "\"integer_layers\": %zu, \"layers_with_weights\": %zu}\n",
                 r->code_bytes, r->float_bytes, r->compression, r->integer_layers,
                 r->layers_with_weights);
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context);
    if (path == NULL || poptPeekArg(context) != NULL) {
        return lb_cli_fail("pack", LB_E_ARG,
                           "wanted one RUN: the folder of a run, or a checkpoint of it");
    }
    if (out == NULL || out[0] == '\0') {
        return lb_cli_fail("pack", LB_E_ARG, "where to? give -o FILE, for example -o net.lbm");
    }
    if (lb_path_kind_of(path) == LB_PATH_PACKED)
        return lb_cli_fail("pack", LB_E_ARG, "%s is packed already", path);
    lb_pack_result result;
    lb_packed_inspection *info = NULL;
    lb_status status = lb_pack_run(path, out, &result);
    if (status == LB_OK) status = lb_inspect_packed(out, &info);
    if (status != LB_OK) return lb_cli_error("pack", (int)status);
    (json_wanted ? print_json : print_text)(&result, info);
    lb_packed_inspection_destroy(info);
    return LB_OK;
}

const lb_command lb_command_pack = {
    .name = "pack",
    .summary = "freeze a run to a packed integer network",
    .arguments = "RUN -o FILE",
    .description =
        "Reads the codes off a trained run, turns scales, batch-norm and quantizers into integer "
        "thresholds, and writes one small file that `lowbit run` and the C library liblowbit-rt "
        "run. The packed network computes the very numbers that `lowbit eval` computes for the "
        "run; `lowbit verify` proves it.",
    .examples = "lowbit pack runs/a -o a.lbm\n"
                "lowbit pack runs/a/last.safetensors -o last.lbm --json\n",
    .options = options,
    .run = run,
};
