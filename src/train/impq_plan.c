/* Options of the IMPQ procedure. */
#include "train/impq_plan.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/sensitivity.h"
#include "train/run_folder.h"

const char *const lb_impq_phase_names[LB_IMPQ_PHASES] = {"weights", "activations"};
const char *const lb_impq_figure_names[LB_IMPQ_FIGURES] = {"top1", "weight_bits", "act_bits",
                                                           "bit_operations"};

static const double standard_fraction = 0.05;
enum { STANDARD_RUNNERS_UP = 9, MOST = 1000000000 };

/* ---- words and lists ------------------------------------------------------------------------- */

static lb_status read_word(const char *option, const char *value, const char *const *words,
                           size_t n, int *out)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(value, words[i]) != 0) continue;
        *out = (int)i;
        return LB_OK;
    }
    return lb_fail(LB_E_ARG, "%s '%s': wanted %s%s%s or %s", option, value, words[0],
                   n > 2 ? ", " : "", n > 2 ? words[1] : "", words[n - 1]);
}

/* A whole number from 1 on; *end behind it. */
static bool read_count(const char *text, const char **end, size_t *out)
{
    char *after = NULL;
    if (!isdigit((unsigned char)*text)) return false;
    const unsigned long long value = strtoull(text, &after, 10);
    *end = after;
    *out = (size_t)value;
    return value >= 1 && value <= MOST;
}

static lb_status read_schedule(const char *option, const char *text, lb_impq_schedule *out)
{
    const char *at = text;
    *out = (lb_impq_schedule){0};
    for (bool more = true; more;) {
        size_t groups = 0, from = 0;
        const bool good = out->n < LB_IMPQ_STEPS_MAX && read_count(at, &at, &groups) &&
                          *at == '@' && read_count(at + 1, &at, &from) &&
                          (*at == '\0' || *at == ',');
        const bool ascends = out->n == 0 ? from == 1 : from > out->from[out->n - 1];
        if (!good || !ascends) {
            return lb_fail(LB_E_ARG,
                           "%s '%s': wanted GROUPS@ITERATION,... from iteration 1 on, ascending, "
                           "such as 400@1,200@4",
                           option, text);
        }
        out->groups[out->n] = groups;
        out->from[out->n++] = from;
        more = *at == ',';
        at += more;
    }
    return LB_OK;
}

/* "top1 >= 91.5" */
static lb_status read_rule(const char *text, lb_impq_rule *out)
{
    const size_t name = strcspn(text, " <>=");
    for (int f = 0; f < LB_IMPQ_FIGURES; f++) {
        if (strlen(lb_impq_figure_names[f]) != name ||
            strncmp(text, lb_impq_figure_names[f], name) != 0)
            continue;
        const char *at = text + name + strspn(text + name, " ");
        const char *sign = f == LB_IMPQ_TOP1 ? ">=" : "<=";
        char *end = NULL;
        if (strncmp(at, sign, 2) != 0) break;
        *out = (lb_impq_rule){(lb_impq_figure)f, strtod(at + 2, &end)};
        if (end == at + 2 || *end != '\0' || !isfinite(out->value)) break;
        return LB_OK;
    }
    return lb_fail(LB_E_ARG,
                   "stop '%s': wanted 'top1 >= X', 'weight_bits <= X', 'act_bits <= X' or "
                   "'bit_operations <= X'",
                   text);
}

/* ---- all of them ----------------------------------------------------------------------------- */

static lb_status read_rules(lb_impq_plan *p)
{
    const char *const *stops = p->options->stops;
    for (size_t i = 0; stops != NULL && stops[i] != NULL; i++) {
        if (p->n_rules == LB_IMPQ_RULES_MAX)
            return lb_fail(LB_E_ARG, "stop: more than %d rules", LB_IMPQ_RULES_MAX);
        LB_TRY(read_rule(stops[i], &p->rules[p->n_rules++]));
    }
    return LB_OK;
}

static lb_status read_numbers(lb_impq_plan *p)
{
    const lb_impq_options *o = p->options;
    p->iterations[LB_IMPQ_WEIGHTS] = o->iterations;
    p->iterations[LB_IMPQ_ACTS] = o->act_iterations;
    p->fraction = o->fraction != 0.0 ? o->fraction : standard_fraction;
    p->runners_up = o->runners_up > 0 ? o->runners_up : STANDARD_RUNNERS_UP;
    if (o->iterations == 0 && o->act_iterations == 0)
        return lb_fail(
            LB_E_ARG,
            "no iterations: wanted iterations with groups, or act-iterations with act-groups");
    if (!(p->fraction > 0.0 && p->fraction <= 1.0))
        return lb_fail(LB_E_ARG, "fraction %g: wanted more than 0, at most 1", p->fraction);
    if (p->runners_up > LB_SENSITIVITY_CLASSES)
        return lb_fail(LB_E_ARG, "runners-up %zu: wanted at most %d", p->runners_up,
                       LB_SENSITIVITY_CLASSES);
    if (o->iterations > 0 && o->groups == NULL)
        return lb_fail(LB_E_ARG, "groups: wanted with iterations, such as 400@1,200@4");
    if (o->act_iterations > 0 && o->act_groups == NULL)
        return lb_fail(LB_E_ARG, "act-groups: wanted with act-iterations, such as 12@1,8@2");
    if (o->iterations == 0 && o->groups != NULL)
        return lb_fail(LB_E_ARG, "groups '%s' have no part without iterations", o->groups);
    if (o->act_iterations == 0 && o->act_groups != NULL)
        return lb_fail(LB_E_ARG, "act-groups '%s' have no part without act-iterations",
                       o->act_groups);
    if (o->groups != NULL)
        LB_TRY(read_schedule("groups", o->groups, &p->schedule[LB_IMPQ_WEIGHTS]));
    if (o->act_groups != NULL)
        LB_TRY(read_schedule("act-groups", o->act_groups, &p->schedule[LB_IMPQ_ACTS]));
    return read_rules(p);
}

static lb_status name_folder(lb_impq_plan *p)
{
    const char *run = p->options->run;
    if (p->options->out != NULL) {
        p->out = p->options->out;
        return LB_OK;
    }
    size_t length = strlen(run);
    while (length > 1 && run[length - 1] == '/') length--;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&p->arena, length + sizeof "-impq", 1, "the folder's name", &block));
    memcpy(block, run, length);
    memcpy((char *)block + length, "-impq", sizeof "-impq");
    p->out = block;
    return LB_OK;
}

/* The folders of its runs are settings of theirs: what no setting can be is refused before anything runs. */
static lb_status check_folder(const char *out)
{
    lb_settings *settings = NULL;
    LB_TRY(lb_settings_create(&settings));
    const lb_status status = lb_settings_set(settings, "out", out);
    lb_settings_destroy(settings);
    return status;
}

lb_status lb_impq_plan_read(const lb_impq_options *options, lb_impq_plan *out)
{
    static const char *const granularities[] = {"kernel", "layer", "network"};
    static const char *const scores[] = {"paper", "code"};
    int word = 0;
    *out = (lb_impq_plan){.options = options};
    if (options->granularity != NULL)
        LB_TRY(read_word("granularity", options->granularity, granularities, 3, &word));
    out->granularity = (lb_impq_granularity)word;
    word = 0;
    if (options->score != NULL) LB_TRY(read_word("score", options->score, scores, 2, &word));
    out->score_of_code = word == 1;
    LB_TRY(read_numbers(out));
    LB_TRY(name_folder(out));
    LB_TRY(check_folder(out->out));
    const char *teacher = options->tuning != NULL ? options->tuning->given[LB_KEY_TEACHER] : NULL;
    if (teacher != NULL) LB_TRY(lb_run_checkpoint_hash(teacher, out->teacher));
    return lb_run_checkpoint_hash(options->run, out->start);
}

void lb_impq_plan_release(lb_impq_plan *plan)
{
    lb_arena_release(&plan->arena);
}

size_t lb_impq_schedule_at(const lb_impq_schedule *schedule, size_t iteration)
{
    size_t groups = 0;
    for (size_t i = 0; i < schedule->n && schedule->from[i] <= iteration; i++)
        groups = schedule->groups[i];
    return groups;
}

/* ---- rules ----------------------------------------------------------------------------------- */

double lb_impq_figure_of(const lb_impq_row *row, lb_impq_figure figure)
{
    switch (figure) {
    case LB_IMPQ_TOP1: return row->top1;
    case LB_IMPQ_WEIGHT_BITS: return row->weight_bits;
    case LB_IMPQ_ACT_BITS: return row->act_bits;
    case LB_IMPQ_BIT_OPERATIONS: return row->bit_operations;
    case LB_IMPQ_FIGURES: break;
    }
    return 0.0;
}

bool lb_impq_is_kept(const lb_impq_plan *plan, const lb_impq_row *row)
{
    for (size_t r = 0; r < plan->n_rules; r++)
        if (plan->rules[r].figure == LB_IMPQ_TOP1 && !(row->top1 >= plan->rules[r].value))
            return false;
    return true;
}

const lb_impq_rule *lb_impq_unmet(const lb_impq_plan *plan, const lb_impq_row *row)
{
    for (size_t r = 0; r < plan->n_rules; r++) {
        const lb_impq_rule *rule = &plan->rules[r];
        if (rule->figure != LB_IMPQ_TOP1 && lb_impq_figure_of(row, rule->figure) > rule->value)
            return rule;
    }
    return NULL;
}
