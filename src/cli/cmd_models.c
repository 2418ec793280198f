/* lowbit models [NAME] - the network architectures. */
#include <stdio.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "lowbit/models.h"

static int json_wanted;

static const struct poptOption options[] = {
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object a line", NULL},
    POPT_TABLEEND,
};

enum { SHAPE_BYTES = 64 };

static void write_shape(const lb_model_info *m, char text[SHAPE_BYTES])
{
    if (m->channels == 0) {
        (void)snprintf(text, SHAPE_BYTES, "any");
    } else {
        (void)snprintf(text, SHAPE_BYTES, "%zux%zux%zu", m->channels, m->height, m->width);
    }
}

static void print_json(const lb_model_info *m)
{
    (void)printf("{\"name\":\"%s\",\"summary\":", m->name);
    lb_cli_json_string(stdout, m->summary);
    (void)printf(",\"source\":");
    lb_cli_json_string(stdout, m->source);
    (void)printf(",\"channels\":%zu,\"height\":%zu,\"width\":%zu,\"classes\":%zu,"
                 "\"weights\":%zu,\"biases\":%zu,\"shortcuts\":%s,\"widths\":%s}\n",
                 m->channels, m->height, m->width, m->classes, m->weights, m->biases,
                 m->shortcuts ? "true" : "false", m->widths ? "true" : "false");
}

static void print_head(void)
{
    (void)printf("%-20s %-9s %7s %11s %7s\n", "model", "images", "classes", "weights", "biases");
}

static void print_line(const lb_model_info *m)
{
    char shape[SHAPE_BYTES];
    write_shape(m, shape);
    (void)printf("%-20s %-9s %7zu %11zu %7zu  %s\n", m->name, shape, m->classes, m->weights,
                 m->biases, m->summary);
}

static int list(void)
{
    if (!json_wanted) print_head();
    for (size_t i = 0; i < lb_model_count(); i++) {
        lb_model_info m;
        const lb_status status = lb_model_info_at(i, &m);
        if (status != LB_OK) return lb_cli_error("models", (int)status);
        (json_wanted ? print_json : print_line)(&m);
    }
    if (!json_wanted) {
        (void)printf("\nCounted for these classes, without batch-norm. Images are channels x "
                     "height x width.\n"
                     "`lowbit inspect --model NAME` shows the layers.\n");
    }
    return LB_OK;
}

static int show(const char *name)
{
    lb_model_info m;
    char shape[SHAPE_BYTES];
    const lb_status status = lb_model_info_find(name, &m);
    if (status != LB_OK) return lb_cli_error("models", (int)status);
    if (json_wanted) {
        print_json(&m);
        return LB_OK;
    }
    write_shape(&m, shape);
    (void)printf("model %s: %s\n", m.name, m.summary);
    (void)printf("  source   %s\n", m.source);
    (void)printf("  images   %s%s\n", shape, m.channels > 0 ? " (channels x height x width)" : "");
    (void)printf("  weights  %zu, biases %zu (%zu classes, without batch-norm)\n", m.weights,
                 m.biases, m.classes);
    if (m.shortcuts) {
        (void)printf("  choices  --shortcut a|b|none, --block-order conv-bn-act|bn-act-conv\n");
    }
    if (m.widths) (void)printf("  choices  --widths N,N,...\n");
    return LB_OK;
}

static int run(poptContext context)
{
    const char *name = poptGetArg(context), *extra = name != NULL ? poptGetArg(context) : NULL;
    if (extra != NULL)
        return lb_cli_fail("models", LB_E_ARG, "one NAME at most, got also '%s'", extra);
    return name != NULL ? show(name) : list();
}

const lb_command lb_command_models = {
    .name = "models",
    .summary = "list network architectures",
    .arguments = "[NAME]",
    .description =
        "Lists the models with the images they take and their parameters for the classes of the "
        "data set they were published for.",
    .examples = "lowbit models\nlowbit models resnet20\n",
    .options = options,
    .run = run,
};
