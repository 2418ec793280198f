/* lowbit pack RUN -o FILE - freeze a run to a packed integer network. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/packed_report.h"
#include "lowbit/deploy.h"

static const char *out;
static const char *encode;
static int json_wanted;

static const struct poptOption options[] = {
    {"out", 'o', POPT_ARG_STRING, &out, 0, "file to write; one that is there is replaced", "FILE"},
    {"encode", '\0', POPT_ARG_STRING, &encode, 0,
     "ternary weights as planes of bits, or as gaps between those that are not zero: planes (the "
     "default), rle or huffman",
     "HOW"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
     "print JSON: one object a layer, then one with the totals", NULL},
    POPT_TABLEEND,
};

static void print_sparse(const lb_sparse_sizes *s)
{
    if (s->weights == 0) return;
    (void)printf("ternary weights %zu, %.2f %% of them 0: planes %zu, run-length %zu, Huffman %zu "
                 "bytes; %.3f bits a gap, entropy %.3f\n",
                 s->weights, 100.0 * (double)s->zeros / (double)s->weights, s->planes_bytes,
                 s->run_length_bytes, s->huffman_bytes, s->huffman_bits, s->gap_entropy);
}

static void print_text(const lb_pack_result *r, const lb_packed_inspection *info)
{
    lb_cli_packed_table(info, false);
    (void)printf("\n%s: %zu bytes, %.2fx smaller than the %zu bytes of its float32 parameters\n",
                 out, r->file_bytes, r->compression, r->float_bytes);
    (void)printf("weight codes %.0f bytes, %zu thresholds; %zu of %zu layers with weights add "
                 "integers\n",
                 r->code_bytes, r->thresholds, r->integer_layers, r->layers_with_weights);
    print_sparse(&r->sparse);
}

static void print_json(const lb_pack_result *r, const lb_packed_inspection *info)
{
    lb_cli_packed_layers_json(info);
    (void)printf("{");
    lb_cli_packed_totals_json(info);
    (void)printf(", \"code_bytes\": %.3f, \"float_bytes\": %zu, \"compression\": %.6f, "
                 "\"integer_layers\": %zu, \"layers_with_weights\": %zu",
                 r->code_bytes, r->float_bytes, r->compression, r->integer_layers,
                 r->layers_with_weights);
    const lb_sparse_sizes *s = &r->sparse;
    if (s->weights > 0) {
        (void)printf(", \"ternary\": {\"weights\": %zu, \"zeros\": %zu, \"planes_bytes\": %zu, "
                     "\"run_length_bytes\": %zu, \"huffman_bytes\": %zu, \"gap_entropy\": %.6f, "
                     "\"huffman_bits\": %.6f}",
                     s->weights, s->zeros, s->planes_bytes, s->run_length_bytes, s->huffman_bytes,
                     s->gap_entropy, s->huffman_bits);
    }
    (void)printf("}\n");
}

/* The encoding of that name, by lb_pack_encoding; -1: there is none. */
static int find_encoding(const char *name)
{
    static const char *const names[] = {"planes", "rle", "huffman"};
    for (int i = 0; i < 3; i++)
        if (strcmp(names[i], name) == 0) return i;
    return -1;
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
    if (lb_path_kind_of(out) == LB_PATH_RUN) {
        return lb_cli_fail("pack", LB_E_ARG,
                           "%s is a folder, or a checkpoint, which would be lost; give a FILE of "
                           "its own",
                           out);
    }
    const int encoding = encode ? find_encoding(encode) : LB_PACK_PLANES;
    if (encoding < 0) {
        return lb_cli_fail("pack", LB_E_ARG, "encode: '%s', wanted planes, rle or huffman", encode);
    }
    lb_pack_result result;
    lb_packed_inspection *info = NULL;
    lb_status status = lb_pack_run(path, (lb_pack_encoding)encoding, out, &result);
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
                "lowbit pack runs/a/last.safetensors -o last.lbm --json\n"
                "lowbit pack runs/sparse -o sparse.lbm --encode huffman\n",
    .options = options,
    .run = run,
};
