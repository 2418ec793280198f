/* lowbit methods [NAME] - the quantization methods, their quantizers and the knobs of these. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "lowbit/methods.h"

static int json_wanted;

static const struct poptOption options[] = {
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object a line", NULL},
    POPT_TABLEEND,
};

enum { BITS_BYTES = 24, FLOAT_BITS = 32 };

/* "1", "1-8", "1-8, 32", "32" */
static void write_bits(int min, int max, bool also_float, char text[BITS_BYTES])
{
    int used = 0;
    if (min == max) {
        used = snprintf(text, BITS_BYTES, "%d", min);
    } else {
        used = snprintf(text, BITS_BYTES, "%d-%d", min, max);
    }
    if (also_float && min != FLOAT_BITS)
        (void)snprintf(text + used, BITS_BYTES - (size_t)used, ", 32");
}

/* ---- text ------------------------------------------------------------------------------------ */

static void print_table(void)
{
    lb_method_info m;
    lb_quantizer_info q;
    char w[BITS_BYTES], a[BITS_BYTES];
    (void)printf("%-14s %-12s %-12s %-10s %s\n", "method", "weight bits", "act. bits", "ends", "");
    for (size_t i = 0; lb_method_info_at(i, &m); i++) {
        write_bits(m.w_bits_min, m.w_bits_max, m.w_float, w);
        write_bits(m.a_bits_min, m.a_bits_max, m.a_float, a);
        (void)printf("%-14s %-12s %-12s %-10s %s\n", m.name, w, a, m.ends, m.summary);
    }
    (void)printf("\n%-14s %-5s %-14s\n", "weights", "bits", "a scale each");
    for (size_t i = 0; lb_weight_quantizer_info_at(i, &q); i++) {
        write_bits(q.bits_min, q.bits_max, false, w);
        (void)printf("%-14s %-5s %-14s %s\n", q.name, w, q.scales, q.summary);
    }
    (void)printf("\n%-14s %-5s\n", "activations", "bits");
    for (size_t i = 0; lb_act_quantizer_info_at(i, &q); i++) {
        write_bits(q.bits_min, q.bits_max, false, w);
        (void)printf("%-14s %-5s %-14s %s\n", q.name, w, "", q.summary);
    }
    (void)printf(
        "\nAny weight quantizer goes with any activation quantizer: --method M --weights W "
        "--activations A.\n`lowbit methods NAME` shows sources and options.\n");
}

static void print_method(const lb_method_info *m)
{
    char w[BITS_BYTES], a[BITS_BYTES];
    write_bits(m->w_bits_min, m->w_bits_max, m->w_float, w);
    write_bits(m->a_bits_min, m->a_bits_max, m->a_float, a);
    (void)printf("method %s: %s\n", m->name, m->summary);
    (void)printf("  source       %s\n", m->source);
    (void)printf("  described    %s\n", m->papers);
    (void)printf("  weights      %s, bits %s\n", m->weights ? m->weights : "float", w);
    (void)printf("  activations  %s, bits %s\n", m->activations ? m->activations : "float", a);
    (void)printf("  ends         first and last layer %s", m->ends);
    if (strcmp(m->ends, m->resnet_ends) != 0) (void)printf(", in ResNets %s", m->resnet_ends);
    (void)printf("\n  block order  %s\n", m->block_order);
}

static void print_quantizer(const char *kind, const lb_quantizer_info *q)
{
    char bits[BITS_BYTES];
    write_bits(q->bits_min, q->bits_max, false, bits);
    (void)printf("%s quantizer %s: %s\n", kind, q->name, q->summary);
    (void)printf("  source       %s\n", q->source);
    const char *ternary = q->bits_min < 2 ? ", ternary at 2" : ", ternary";
    (void)printf("  bits         %s%s\n", bits, q->ternary ? ternary : "");
    const char *more = strchr(q->scales, ',') != NULL ? " (the first is the default)" : "";
    (void)printf("  scale for a  %s%s\n", q->scales, more);
    for (size_t i = 0; i < q->n_options; i++) {
        const lb_option_info *o = &q->options[i];
        (void)printf("  option       %s=%g (%g to %g): %s\n", o->name, (double)o->standard,
                     (double)o->min, (double)o->max, o->help);
    }
}

/* ---- JSON ------------------------------------------------------------------------------------ */

static void json_text(const char *key, const char *value)
{
    (void)printf(",\"%s\":", key);
    if (value == NULL) {
        (void)printf("null");
    } else {
        lb_cli_json_string(stdout, value);
    }
}

static void json_head(const char *kind, const char *name)
{
    (void)printf("{\"kind\":\"%s\"", kind);
    json_text("name", name);
}

/* "w_bits":[1,2,...,32] */
static void json_bits(const char *key, int min, int max, bool also_float)
{
    (void)printf(",\"%s\":[", key);
    for (int bits = min; bits <= max; bits++) (void)printf("%s%d", bits > min ? "," : "", bits);
    if (also_float && min != FLOAT_BITS) (void)printf(",%d", FLOAT_BITS);
    (void)printf("]");
}

static void json_method(const lb_method_info *m)
{
    json_head("method", m->name);
    json_text("summary", m->summary);
    json_text("source", m->source);
    json_text("papers", m->papers);
    json_text("weights", m->weights);
    json_text("activations", m->activations);
    json_bits("w_bits", m->w_bits_min, m->w_bits_max, m->w_float);
    json_bits("a_bits", m->a_bits_min, m->a_bits_max, m->a_float);
    json_text("ends", m->ends);
    json_text("resnet_ends", m->resnet_ends);
    json_text("block_order", m->block_order);
    (void)printf("}\n");
}

static void json_quantizer(const char *kind, const lb_quantizer_info *q)
{
    json_head(kind, q->name);
    json_text("summary", q->summary);
    json_text("source", q->source);
    json_bits("bits", q->bits_min, q->bits_max, false);
    (void)printf(",\"ternary\":%s", q->ternary ? "true" : "false");
    json_text("scales", q->scales);
    (void)printf(",\"options\":[");
    for (size_t i = 0; i < q->n_options; i++) {
        const lb_option_info *o = &q->options[i];
        (void)printf("%s{\"name\":\"%s\",\"default\":%.9g,\"min\":%.9g,\"max\":%.9g",
                     i > 0 ? "," : "", o->name, (double)o->standard, (double)o->min,
                     (double)o->max);
        json_text("help", o->help);
        (void)printf("}");
    }
    (void)printf("]}\n");
}

static void print_json(void)
{
    lb_method_info m;
    lb_quantizer_info q;
    for (size_t i = 0; lb_method_info_at(i, &m); i++) json_method(&m);
    for (size_t i = 0; lb_weight_quantizer_info_at(i, &q); i++) json_quantizer("weights", &q);
    for (size_t i = 0; lb_act_quantizer_info_at(i, &q); i++) json_quantizer("activations", &q);
}

/* ---- the command ----------------------------------------------------------------------------- */

/* A method's own quantizers come with it, whatever their names. */
static void add_quantizers_of(const lb_method_info *m, lb_quantizer_info *weights,
                              lb_quantizer_info *acts)
{
    lb_method_info method;
    lb_quantizer_info w, a;
    if (m->weights != NULL && lb_method_info_find(m->weights, &method, &w, &a) == LB_OK)
        *weights = w;
    if (m->activations != NULL && lb_method_info_find(m->activations, &method, &w, &a) == LB_OK)
        *acts = a;
}

static int show(const char *name)
{
    lb_method_info m;
    lb_quantizer_info weights, acts;
    const lb_status status = lb_method_info_find(name, &m, &weights, &acts);
    if (status != LB_OK) return lb_cli_error("methods", (int)status);
    if (m.name != NULL) {
        add_quantizers_of(&m, &weights, &acts);
        (json_wanted ? json_method : print_method)(&m);
    }
    if (weights.name != NULL) {
        if (json_wanted) {
            json_quantizer("weights", &weights);
        } else {
            print_quantizer("weight", &weights);
        }
    }
    if (acts.name != NULL) {
        if (json_wanted) {
            json_quantizer("activations", &acts);
        } else {
            print_quantizer("activation", &acts);
        }
    }
    return LB_OK;
}

static int run(poptContext context)
{
    const char *name = poptGetArg(context), *extra = name != NULL ? poptGetArg(context) : NULL;
    if (extra != NULL)
        return lb_cli_fail("methods", LB_E_ARG, "one NAME at most, got also '%s'", extra);
    if (name != NULL) return show(name);
    (json_wanted ? print_json : print_table)();
    return LB_OK;
}

const lb_command lb_command_methods = {
    .name = "methods",
    .summary = "list quantization methods, their quantizers and papers",
    .arguments = "[NAME]",
    .description =
        "Lists the quantization methods with the bit widths they take, and the weight and "
        "activation "
        "quantizers they are made of. With a NAME: the sources and options of all that has it. "
        "\"Ends\" are the first and last layer.",
    .examples = "lowbit methods\nlowbit methods dorefa\nlowbit methods --json\n",
    .options = options,
    .run = run,
};
