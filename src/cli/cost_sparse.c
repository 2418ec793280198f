/* lowbit cost sparse - sparse ternary networks on an FPGA: the curves of effective throughput against reuse, and
 * the layers of a packed network. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/cost_kinds.h"
#include "cli/network_options.h"
#include "lowbit/hardware.h"
#include "lowbit/status.h"

enum { NUMBERS_MAX = 32, BATCH_MAX = 1 << 20, FLOAT_BITS = 32 };
static const double tera = 1e12;

static const char standard_zeros[] = "50,80,90,92.8,95,97.6", standard_acts[] = "binary";
static const char standard_reuse[] = "1,2,4,8,16,32,64,128,256,512,1024";
static const char *zeros_text = standard_zeros, *acts_text = standard_acts;
static const char *reuse_text = standard_reuse;
static int batch = 1, gnuplot_wanted;
/* Of the FPGA: NAN stands for the KU115's. */
static double luts = NAN, lut_percent = NAN, dsps = NAN, dsp_percent = NAN, clock_mhz = NAN;
static double mac_luts = NAN, mac_dsps = NAN, decoder_luts = NAN;

const struct poptOption lb_cost_sparse_options[] = {
    {"zeros", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &zeros_text, 0,
     "sparse: percent of weights that are zero", "LIST"},
    {"reuse", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &reuse_text, 0,
     "sparse: how often a decoded weight is used", "LIST"},
    {"acts", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &acts_text, 0,
     "sparse: activations: binary, float, or 2 to 8 bits", "KIND"},
    {"batch", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &batch, 0,
     "sparse: images that a FILE's network takes at once", "N"},
    {"gnuplot", '\0', POPT_ARG_NONE, &gnuplot_wanted, 0,
     "sparse: print a script that draws the curves as SVG: ... | gnuplot >FILE.svg", NULL},
    {"luts", '\0', POPT_ARG_DOUBLE, &luts, 0, "sparse: LUTs of the FPGA (default: 663000)", "N"},
    {"lut-percent", '\0', POPT_ARG_DOUBLE, &lut_percent, 0,
     "sparse: percent of them that can be used (default: 70)", "P"},
    {"dsps", '\0', POPT_ARG_DOUBLE, &dsps, 0, "sparse: DSPs of the FPGA (default: 5520)", "N"},
    {"dsp-percent", '\0', POPT_ARG_DOUBLE, &dsp_percent, 0,
     "sparse: percent of them that can be used (default: 100)", "P"},
    {"clock", '\0', POPT_ARG_DOUBLE, &clock_mhz, 0, "sparse: its clock in MHz (default: 250)", "F"},
    {"mac-luts", '\0', POPT_ARG_DOUBLE, &mac_luts, 0,
     "sparse: LUTs of a binary multiply-accumulate (default: 5)", "N"},
    {"mac-dsps", '\0', POPT_ARG_DOUBLE, &mac_dsps, 0,
     "sparse: DSPs of a multiply-accumulate with a float (default: 2)", "N"},
    {"decoder-luts", '\0', POPT_ARG_DOUBLE, &decoder_luts, 0,
     "sparse: LUTs of a decoder (default: 112)", "N"},
    POPT_TABLEEND,
};

static lb_fpga chosen_fpga(void)
{
    lb_fpga fpga = lb_fpga_ku115();
    const struct {
        double given, *to;
    } numbers[] = {{luts, &fpga.luts},           {lut_percent, &fpga.lut_percent},
                   {dsps, &fpga.dsps},           {dsp_percent, &fpga.dsp_percent},
                   {clock_mhz, &fpga.clock_mhz}, {mac_luts, &fpga.mac_luts},
                   {mac_dsps, &fpga.mac_dsps},   {decoder_luts, &fpga.decoder_luts}};
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (!isnan(numbers[i].given)) *numbers[i].to = numbers[i].given;
    return fpga;
}

enum { OF_CURVES = 1, OF_FILE = 2, OF_FPGA = 4 };

/* The first option of these parts that has another value than its default; NULL: none. */
static const char *first_given(unsigned parts)
{
    const struct {
        const char *name;
        bool given;
        unsigned part;
    } all[] = {{"zeros", zeros_text != standard_zeros, OF_CURVES},
               {"reuse", reuse_text != standard_reuse, OF_CURVES},
               {"acts", acts_text != standard_acts, OF_CURVES},
               {"gnuplot", gnuplot_wanted != 0, OF_CURVES},
               {"batch", batch != 1, OF_FILE},
               {"luts", !isnan(luts), OF_FPGA},
               {"lut-percent", !isnan(lut_percent), OF_FPGA},
               {"dsps", !isnan(dsps), OF_FPGA},
               {"dsp-percent", !isnan(dsp_percent), OF_FPGA},
               {"clock", !isnan(clock_mhz), OF_FPGA},
               {"mac-luts", !isnan(mac_luts), OF_FPGA},
               {"mac-dsps", !isnan(mac_dsps), OF_FPGA},
               {"decoder-luts", !isnan(decoder_luts), OF_FPGA}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].given && (all[i].part & parts) != 0) return all[i].name;
    return NULL;
}

const char *lb_cost_sparse_given(void)
{
    return first_given(OF_CURVES | OF_FILE | OF_FPGA);
}

/* ---- curves ---------------------------------------------------------------------------------- */

typedef struct numbers {
    double at[NUMBERS_MAX];
    size_t n;
} numbers;

/* What the curves are drawn of. */
typedef struct curves {
    lb_fpga fpga;
    int act_bits;
    numbers zeros, reuse; /* percent; R */
} curves;

static int read_numbers(const char *option, const char *text, double low, double high, numbers *out)
{
    const char *at = text;
    for (out->n = 0; out->n < NUMBERS_MAX; at++) {
        char *end;
        const double value = strtod(at, &end);
        if (end == at || !(value >= low && value <= high) || (*end != ',' && *end != '\0')) break;
        out->at[out->n++] = value;
        at = end;
        if (*end == '\0') return LB_OK;
    }
    return lb_cli_fail("cost", LB_E_ARG, "--%s '%s': wanted at most %d numbers, %g to %g: 50,90",
                       option, text, NUMBERS_MAX, low, high);
}

static int read_acts(const char *text, int *bits)
{
    *bits = strcmp(text, "binary") == 0 ? 1 : strcmp(text, "float") == 0 ? FLOAT_BITS : 0;
    if (*bits == 0 && text[0] >= '2' && text[0] <= '8' && text[1] == '\0') *bits = text[0] - '0';
    if (*bits > 0) return LB_OK;
    return lb_cli_fail("cost", LB_E_ARG, "--acts '%s': wanted binary, float, or 2 to 8", text);
}

static double throughput(const curves *c, double zeros, double reuse)
{
    const double nonzero = 1.0 - zeros / 100.0;
    return lb_effective_throughput(
               &c->fpga, lb_sparse_operation_cost(&c->fpga, c->act_bits, nonzero, reuse)) /
           tera;
}

static double dense_throughput(const curves *c)
{
    return lb_effective_throughput(&c->fpga, lb_dense_operation_cost(&c->fpga, c->act_bits)) / tera;
}

static void print_curves_csv(const curves *c)
{
    (void)printf("reuse,zeros_percent,effective_tops,binary_tops\n");
    for (size_t r = 0; r < c->reuse.n; r++)
        for (size_t z = 0; z < c->zeros.n; z++)
            (void)printf("%g,%g,%.6g,%.6g\n", c->reuse.at[r], c->zeros.at[z],
                         throughput(c, c->zeros.at[z], c->reuse.at[r]), dense_throughput(c));
}

static void print_curves_json(const curves *c)
{
    for (size_t r = 0; r < c->reuse.n; r++)
        for (size_t z = 0; z < c->zeros.n; z++)
            (void)printf("{\"reuse\":%g,\"zeros_percent\":%g,\"effective_tops\":%.6g,"
                         "\"binary_tops\":%.6g}\n",
                         c->reuse.at[r], c->zeros.at[z],
                         throughput(c, c->zeros.at[z], c->reuse.at[r]), dense_throughput(c));
}

/* Throughput against reuse, both logarithmic, a curve a share of zeros; binary weights dashed. */
static void print_curves_gnuplot(const curves *c)
{
    (void)printf("set terminal svg size 520,360\nset logscale xy\nset autoscale xfix\nset key "
                 "below\nset grid\n"
                 "set xlabel \"reuse of a decoded weight\"\nset ylabel \"effective TOPs\"\n"
                 "$curves << END\n");
    for (size_t r = 0; r < c->reuse.n; r++) {
        (void)printf("%g %.6g", c->reuse.at[r], dense_throughput(c));
        for (size_t z = 0; z < c->zeros.n; z++)
            (void)printf(" %.6g", throughput(c, c->zeros.at[z], c->reuse.at[r]));
        (void)printf("\n");
    }
    (void)printf("END\nplot $curves using 1:2 with lines dashtype 2 title \"binary\"");
    for (size_t z = 0; z < c->zeros.n; z++)
        (void)printf(", \\\n  '' using 1:%zu with linespoints title \"%g %% zeros\"", z + 3,
                     c->zeros.at[z]);
    (void)printf("\n");
}

/* The reuse from which on sparse weights are ahead: gamma (C_op + C_d / R) = C_op. */
static double even_reuse(const curves *c, double zeros)
{
    const double nonzero = 1.0 - zeros / 100.0, reuse = 1.0;
    const double dense = lb_dense_operation_cost(&c->fpga, c->act_bits);
    const double decoder =
        lb_sparse_operation_cost(&c->fpga, c->act_bits, nonzero, reuse) - nonzero * dense;
    return decoder / (dense - nonzero * dense);
}

static void print_curves(const curves *c)
{
    (void)printf("effective throughput in TOPs, and of binary weights\n%8s %8s", "reuse", "binary");
    for (size_t z = 0; z < c->zeros.n; z++) (void)printf(" %7g%%", c->zeros.at[z]);
    (void)printf("\n");
    for (size_t r = 0; r < c->reuse.n; r++) {
        (void)printf("%8g %8.2f", c->reuse.at[r], dense_throughput(c));
        for (size_t z = 0; z < c->zeros.n; z++)
            (void)printf(" %8.2f", throughput(c, c->zeros.at[z], c->reuse.at[r]));
        (void)printf("\n");
    }
    (void)printf("%-17s", "ahead from reuse");
    for (size_t z = 0; z < c->zeros.n; z++) {
        if (c->zeros.at[z] > 0.0)
            (void)printf(" %8.2f", fmax(1.0, even_reuse(c, c->zeros.at[z])));
        else
            (void)printf(" %8s", "never");
    }
    (void)printf("\n");
}

static int show_curves(const lb_cost_form *form)
{
    const double most_reuse = 1e9, most_zeros = 99.999;
    curves c = {.fpga = chosen_fpga()};
    int exit_status = read_numbers("zeros", zeros_text, 0.0, most_zeros, &c.zeros);
    if (exit_status == LB_OK)
        exit_status = read_numbers("reuse", reuse_text, 1.0, most_reuse, &c.reuse);
    if (exit_status == LB_OK) exit_status = read_acts(acts_text, &c.act_bits);
    if (exit_status != LB_OK) return exit_status;
    const lb_status status = lb_fpga_check(&c.fpga);
    if (status != LB_OK) return lb_cli_error("cost", (int)status);
    if (gnuplot_wanted)
        print_curves_gnuplot(&c);
    else
        (form->json ? print_curves_json : form->csv ? print_curves_csv : print_curves)(&c);
    return LB_OK;
}

/* ---- packed networks ------------------------------------------------------------------------- */

static double zeros_of(size_t weights, size_t nonzero)
{
    return 100.0 * (1.0 - (double)nonzero / (double)weights);
}

static void print_network_csv(const lb_sparse_costs *costs)
{
    (void)printf("layer,act_bits,weights,nonzero,macs,reuse,effective_tops,binary_tops\n");
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_sparse_layer *l = &costs->layers[i];
        (void)printf("%s,%d,%zu,%zu,%zu,%zu,%.6g,%.6g\n", l->name, l->act_bits, l->weights,
                     l->nonzero, l->macs, l->reuse, l->throughput / tera, l->dense / tera);
    }
}

static void print_network_json(const lb_sparse_costs *costs)
{
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_sparse_layer *l = &costs->layers[i];
        (void)printf("{\"layer\":");
        lb_cli_json_string(stdout, l->name);
        (void)printf(",\"ternary\":%s,\"act_bits\":%d,\"weights\":%zu,\"nonzero\":%zu,\"macs\":%zu,"
                     "\"reuse\":%zu,\"effective_tops\":%.6g,\"binary_tops\":%.6g}\n",
                     l->ternary ? "true" : "false", l->act_bits, l->weights, l->nonzero, l->macs,
                     l->reuse, l->throughput / tera, l->dense / tera);
    }
    (void)printf("{\"weights\":%zu,\"nonzero\":%zu,\"macs\":%zu,\"other_macs\":%zu,"
                 "\"effective_tops\":%.6g,\"binary_tops\":%.6g,\"images_per_s\":%.6g,"
                 "\"binary_images_per_s\":%.6g}\n",
                 costs->weights, costs->nonzero, costs->macs, costs->other_macs,
                 costs->throughput / tera, costs->dense / tera, costs->images_per_s,
                 costs->dense_images);
}

static void print_network(const lb_sparse_costs *costs)
{
    int width = (int)strlen("layer");
    for (size_t i = 0; i < costs->n_layers; i++) {
        const int length = (int)strlen(costs->layers[i].name);
        if (length > width) width = length;
    }
    (void)printf("%-*s %6s %10s %7s %12s %8s %10s %10s\n", width, "layer", "a bits", "weights",
                 "zeros", "MACs", "reuse", "TOPs", "if binary");
    for (size_t i = 0; i < costs->n_layers; i++) {
        const lb_sparse_layer *l = &costs->layers[i];
        (void)printf("%-*s %6d %10zu %6.1f%% %12zu %8zu %10.2f %10.2f\n", width, l->name,
                     l->act_bits, l->weights, zeros_of(l->weights, l->nonzero), l->macs, l->reuse,
                     l->throughput / tera, l->dense / tera);
    }
    (void)printf("%-*s %6s %10zu %6.1f%% %12zu %8s %10.2f %10.2f\n", width, "all", "",
                 costs->weights, zeros_of(costs->weights, costs->nonzero), costs->macs, "",
                 costs->throughput / tera, costs->dense / tera);
    (void)printf("\nimages/s at most   %.0f, with binary weights %.0f\n", costs->images_per_s,
                 costs->dense_images);
    if (costs->other_macs > 0)
        (void)printf("not counted        %zu MACs of layers whose weights are neither binary nor "
                     "ternary\n",
                     costs->other_macs);
}

static int show_network(const char *path, const lb_cost_form *form)
{
    const lb_fpga fpga = chosen_fpga();
    lb_sparse_costs *costs = NULL;
    if (batch < 1 || batch > BATCH_MAX)
        return lb_cli_fail("cost", LB_E_ARG, "--batch %d: wanted 1 to %d", batch, BATCH_MAX);
    const int exit_status = lb_cli_check_packed("cost", path);
    if (exit_status != LB_OK) return exit_status;
    const lb_status status = lb_cost_sparse(path, &fpga, (size_t)batch, &costs);
    if (status != LB_OK) return lb_cli_error("cost", (int)status);
    (form->json ? print_network_json : form->csv ? print_network_csv : print_network)(costs);
    lb_sparse_costs_destroy(costs);
    return LB_OK;
}

static int run(poptContext context, const lb_cost_form *form)
{
    const char *path = poptGetArg(context), *extra = path != NULL ? poptGetArg(context) : NULL;
    if (extra != NULL)
        return lb_cli_fail("cost", LB_E_ARG, "one FILE at most, got also '%s'", extra);
    if (gnuplot_wanted && (path != NULL || form->json || form->csv))
        return lb_cli_fail("cost", LB_E_ARG,
                           "--gnuplot draws the curves: no FILE, --json or --csv");
    const char *unused = first_given(path != NULL ? OF_CURVES : OF_FILE);
    if (unused != NULL)
        return lb_cli_fail("cost", LB_E_ARG,
                           path != NULL ? "--%s is of the curves: no FILE"
                                        : "--%s is of a FILE's network: which?",
                           unused);
    if (lb_cli_network_any_given())
        return lb_cli_fail("cost", LB_E_ARG,
                           "sparse takes a packed FILE: options of a model are of syq");
    return path != NULL ? show_network(path, form) : show_curves(form);
}

const lb_cost_kind lb_cost_kind_sparse = {
    .name = "sparse",
    .summary = "sparse ternary networks on an FPGA",
    .run = run,
};
