/* lowbit impq - iterative mixed precision from a trained run. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/cli_signals.h"
#include "cli/train_report.h"
#include "lowbit/impq.h"

enum { KEY_BYTES = 64 };

static const char *out, *data, *granularity = "kernel", *groups, *act_groups, *score = "paper";
static const char *epochs, *lr, *threads;
static const char **stops, **sets;
static int iterations, act_iterations, runners_up = 9, json, resume;
static double fraction = 0.05;

static const struct poptOption options[] = {
    {"granularity", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &granularity, 0,
     "weights that share a width: kernel (a filter), layer or network", "WHAT"},
    {"groups", '\0', POPT_ARG_STRING, &groups, 0,
     "how many lose a bit: 400@1,200@4: 400, from iteration 4 on 200", "LIST"},
    {"iterations", '\0', POPT_ARG_INT, &iterations, 0, "at most so many for weights", "N"},
    {"act-groups", '\0', POPT_ARG_STRING, &act_groups, 0,
     "activations that lose a bit, as --groups", "LIST"},
    {"act-iterations", '\0', POPT_ARG_INT, &act_iterations, 0,
     "then at most so many for activations", "N"},
    {"stop", '\0', POPT_ARG_ARGV, &stops, 0,
     "keep 'top1 >= X'; end at 'weight_bits <= X', 'act_bits <= X' or 'bit_operations <= X'; may "
     "be repeated",
     "RULE"},
    {"score", '\0', POPT_ARG_STRING | POPT_ARGFLAG_SHOW_DEFAULT, &score, 0,
     "paper, or code: as the authors' program", "NAME"},
    {"fraction", '\0', POPT_ARG_DOUBLE | POPT_ARGFLAG_SHOW_DEFAULT, &fraction, 0,
     "of the training images that sensitivities are measured on", "X"},
    {"runners-up", '\0', POPT_ARG_INT, &runners_up, 0,
     "classes whose margins are looked at, nearest first (default: 9)", "N"},
    {"epochs", '\0', POPT_ARG_STRING, &epochs, 0, "of each iteration (default: 30)", "N"},
    {"lr", '\0', POPT_ARG_STRING, &lr, 0, "of each iteration (default: 0.0002)", "X"},
    {"set", '\0', POPT_ARG_ARGV, &sets, 0,
     "another option of `lowbit train` for the iterations; may be repeated", "KEY=VALUE"},
    {"data", '\0', POPT_ARG_STRING, &data, 0, "where the run's data set is, NAME:FOLDER", "SPEC"},
    {"threads", '\0', POPT_ARG_STRING, &threads, 0, "0: all processors", "N"},
    {"out", '\0', POPT_ARG_STRING, &out, 0, "holds the iterations (default: RUN-impq)", "FOLDER"},
    {"resume", '\0', POPT_ARG_NONE, &resume, 0,
     "go on with --out; the other options are given again", NULL},
    {"json", '\0', POPT_ARG_NONE, &json, 0, "print one JSON object a line", NULL},
    POPT_TABLEEND,
};

/* What both kinds of events are shown with. */
typedef struct shown {
    lb_cli_report training;
    double last_progress; /* seconds of the pass at its last line */
} shown;

/* ---- events ---------------------------------------------------------------------------------- */

static void print_row(const lb_impq_row *r)
{
    (void)printf("%9zu  %-11s  %6zu  %7.2f  %6.3f  %6.3f  %13.6g  %6.2f  %s\n", r->iteration,
                 r->phase, r->groups, r->top1, r->weight_bits, r->act_bits, r->bit_operations,
                 r->compression, r->kept ? "" : "not kept");
}

static void print_row_json(const char *event, const lb_impq_row *r, const char *run)
{
    (void)printf("{\"event\": \"%s\", \"iteration\": %zu, \"phase\": \"%s\", \"groups\": %zu, "
                 "\"top1\": %.4f, \"weight_bits\": %.6f, \"act_bits\": %.6f, "
                 "\"bit_operations\": %.0f, \"compression\": %.4f, \"kept\": %s",
                 event, r->iteration, r->phase, r->groups, r->top1, r->weight_bits, r->act_bits,
                 r->bit_operations, r->compression, r->kept ? "true" : "false");
    if (run != NULL) {
        (void)printf(", \"run\": ");
        lb_cli_json_string(stdout, run);
    }
    (void)printf("}\n");
}

static void print_pass(const lb_impq_event *e, shown *s)
{
    const bool last = e->done == e->images;
    const double rate = e->seconds > 0.0 ? (double)e->done / e->seconds : 0.0;
    if (!last && e->seconds - s->last_progress < (json ? 10.0 : 2.0)) return;
    s->last_progress = last ? 0.0 : e->seconds;
    if (json) {
        (void)printf("{\"event\": \"sensitivity\", \"iteration\": %zu, \"images\": %zu, \"done\": "
                     "%zu, \"seconds\": %.3f, \"macs\": %.6g}\n",
                     e->iteration, e->images, e->done, e->seconds, e->macs);
        return;
    }
    (void)printf("iteration %zu: sensitivities of %s, %zu of %zu images, %.1f s, %.0f images/s, "
                 "%.3g multiply-accumulates\n",
                 e->iteration, e->phase, e->done, e->images, e->seconds, rate, e->macs);
}

static void on_event(const lb_impq_event *e, void *user)
{
    static const char *const names[] = {
        [LB_IMPQ_START] = "start", [LB_IMPQ_ITERATION] = "iteration", [LB_IMPQ_RESULT] = "result"};
    shown *s = user;
    lb_cli_report_end(&s->training);
    if (e->kind == LB_IMPQ_SENSITIVITY) {
        print_pass(e, s);
    } else if (json) {
        print_row_json(names[e->kind], e->row, e->run);
    } else {
        if (e->kind == LB_IMPQ_RESULT) (void)printf("\n%s: %s\n", e->run, e->why);
        (void)printf("iteration  phase        groups    top-1  w bits  a bits       bit-ops   "
                     "16/w\n");
        print_row(e->row);
    }
    (void)fflush(stdout);
}

static void on_training(const lb_event *event, void *user)
{
    shown *s = user;
    lb_cli_report_event(event, &s->training);
}

/* ---- options --------------------------------------------------------------------------------- */

static lb_status set_pair(lb_settings *tuning, const char *pair)
{
    char key[KEY_BYTES];
    const size_t length = strcspn(pair, "=");
    if (length >= sizeof key || pair[length] != '=')
        return (lb_status)lb_cli_fail("impq", LB_E_ARG, "--set %s: wanted KEY=VALUE", pair);
    memcpy(key, pair, length);
    key[length] = '\0';
    const lb_status status = lb_settings_set(tuning, key, pair + length + 1);
    return status == LB_OK ? LB_OK : (lb_status)lb_cli_error("impq", (int)status);
}

static lb_status collect(lb_settings *tuning)
{
    const struct {
        const char *key, *value;
    } own[] = {{"data", data}, {"epochs", epochs}, {"lr", lr}, {"threads", threads}};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++) {
        if (own[i].value == NULL) continue;
        const lb_status status = lb_settings_set(tuning, own[i].key, own[i].value);
        if (status != LB_OK) return (lb_status)lb_cli_error("impq", (int)status);
    }
    for (size_t i = 0; sets != NULL && sets[i] != NULL; i++) {
        const lb_status status = set_pair(tuning, sets[i]);
        if (status != LB_OK) return status;
    }
    return LB_OK;
}

static int check_counts(void)
{
    const struct {
        const char *name;
        int value, least;
    } counts[] = {{"iterations", iterations, 0},
                  {"act-iterations", act_iterations, 0},
                  {"runners-up", runners_up, 1}};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        if (counts[i].value >= counts[i].least && counts[i].value <= 100000) continue;
        return lb_cli_fail("impq", LB_E_ARG, "--%s %d: wanted a number from %d to 100000",
                           counts[i].name, counts[i].value, counts[i].least);
    }
    if (fraction > 0.0) return LB_OK; /* 0 means the default to the library */
    return lb_cli_fail("impq", LB_E_ARG, "--fraction %g: wanted more than 0, at most 1", fraction);
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context);
    if (path == NULL || poptPeekArg(context) != NULL)
        return lb_cli_fail("impq", LB_E_ARG, "wanted one RUN: the folder of a run to start from");
    const int bad = check_counts();
    if (bad != LB_OK) return bad;
    lb_settings *tuning = NULL;
    lb_status status = lb_settings_create(&tuning);
    if (status != LB_OK) return lb_cli_error("impq", (int)status);
    status = collect(tuning);
    const lb_impq_options o = {.run = path,
                               .out = out,
                               .granularity = granularity,
                               .groups = groups,
                               .act_groups = act_groups,
                               .iterations = (size_t)iterations,
                               .act_iterations = (size_t)act_iterations,
                               .stops = stops,
                               .score = score,
                               .fraction = fraction,
                               .runners_up = (size_t)runners_up,
                               .tuning = tuning,
                               .resume = resume != 0};
    if (status == LB_OK) {
        shown s = {.training = {.json = json != 0, .terminal = isatty(STDOUT_FILENO) == 1}};
        lb_cli_on_stop(lb_train_stop);
        status = lb_impq(&o, on_event, on_training, &s);
        lb_cli_report_end(&s.training);
        if (status != LB_OK) status = (lb_status)lb_cli_error("impq", (int)status);
    }
    lb_settings_destroy(tuning);
    return (int)status;
}

const lb_command lb_command_impq = {
    .name = "impq",
    .summary = "lower bit widths where it matters least, step by step",
    .arguments = "RUN",
    .description =
        "Iterative mixed-precision quantization: from a run with quantized weights, each iteration "
        "measures how much every filter (or layer) moves the margins between classes, takes a bit "
        "from the least sensitive ones and trains on; then the same for activations. Every "
        "iteration is a run in OUT/iteration-N; OUT/impq.csv and OUT/impq.json hold the figures.",
    .examples = "lowbit impq runs/a --groups 400@1,200@4,150@5 --iterations 6 --stop \"top1 >= "
                "91.5\"\n"
                "lowbit impq runs/a --granularity layer --groups 4@1 --iterations 10 --stop "
                "\"weight_bits <= 2\"\n"
                "lowbit impq runs/a --groups 400@1 --iterations 6 --resume\n",
    .options = options,
    .run = run,
};
