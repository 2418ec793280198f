/* Iterative mixed precision: measure sensitivities, lower the least sensitive groups by a bit, train on, record;
 * weights first, then activations.
 *
 * An iteration is a run of its own, OUT/iteration-K: it starts from the best checkpoint of the last iteration that was
 * kept, and its widths stand among its settings. A row is added to impq.json when its training has come to an end, so
 * whatever is cut off is done again, from the run's folder where there is one.
 * Source: Gonugondla and Shanbhag, IMPQ, Algorithm 1; the rules that end it are ours. */
#include "lowbit/impq.h"

#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "train/checkpoint.h"
#include "train/description.h"
#include "train/impq_iteration.h"
#include "train/procedure.h"
#include "train/run_folder.h"

/* ---- phases ---------------------------------------------------------------------------------- */

/* Rules that a phase works for are met, and there are some. */
static bool reached(const lb_impq_call *p, lb_impq_phase phase)
{
    const lb_impq_row *row = &p->state.rows[lb_impq_last_kept(p)];
    const lb_impq_figure own = phase == LB_IMPQ_WEIGHTS ? LB_IMPQ_WEIGHT_BITS : LB_IMPQ_ACT_BITS;
    bool some = false;
    for (size_t r = 0; r < p->plan.n_rules; r++) {
        const lb_impq_rule *rule = &p->plan.rules[r];
        if (rule->figure != own && rule->figure != LB_IMPQ_BIT_OPERATIONS) continue;
        some = true;
        if (lb_impq_figure_of(row, rule->figure) > rule->value) return false;
    }
    return some;
}

/* Is any bit left to lose? */
static lb_status is_open(const lb_impq_call *p, lb_impq_phase phase, bool *out)
{
    char *folder = NULL;
    lb_run run = {0};
    lb_impq_groups groups = {0};
    LB_TRY(lb_impq_folder(p, lb_impq_last_kept(p), &folder));
    lb_status status = lb_run_open(folder, &run);
    if (status == LB_OK) {
        const lb_status listed = lb_impq_groups_list(&run.net, phase, p->plan.granularity, &groups);
        *out = listed == LB_OK;
        if (listed != LB_OK && listed != LB_E_ARG) status = listed;
    }
    lb_impq_groups_release(&groups);
    lb_run_release(&run);
    lb_free(folder);
    return status;
}

static lb_status run_phase(lb_impq_call *p, lb_impq_phase phase)
{
    size_t done = 0;
    bool lost = false, open = true;
    for (size_t i = 1; i < p->state.n_rows; i++) {
        if (strcmp(p->state.rows[i].phase, lb_impq_phase_names[phase]) != 0) continue;
        done++;
        lost = lost || !p->state.rows[i].kept;
    }
    while (!lost && done < p->plan.iterations[phase] && !reached(p, phase)) {
        LB_TRY(is_open(p, phase, &open));
        if (!open) break;
        LB_TRY(lb_impq_iterate(p, phase, lb_impq_schedule_at(&p->plan.schedule[phase], done + 1)));
        done++;
        lost = !p->state.rows[p->state.n_rows - 1].kept;
    }
    return LB_OK;
}

/* ---- start and end --------------------------------------------------------------------------- */

/* Top-1 of the best epoch of the run that all starts from. */
static lb_status read_top1(const char *run, double *top1, size_t *epoch)
{
    char *path = NULL;
    lb_safetensors *file = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    lb_status status = lb_checkpoint_open(path, &file);
    if (status == LB_OK) {
        const char *text = lb_safetensors_metadata(file, "best");
        const char *at = text != NULL ? strstr(text, "\"top1\": ") : NULL;
        const char *of = text != NULL ? strstr(text, "\"epoch\": ") : NULL;
        if (at == NULL || of == NULL)
            status = lb_fail(LB_E_ARG,
                             "%s: no epoch of it was evaluated; wanted a run's folder or "
                             "its best.safetensors",
                             path);
        if (status == LB_OK) {
            *top1 = strtod(at + strlen("\"top1\": "), NULL);
            *epoch = strtoull(of + strlen("\"epoch\": "), NULL, 10);
        }
    }
    lb_safetensors_close(file);
    lb_free(path);
    return status;
}

/* A run in stages, or with weights frozen by parts, would go through them again in each iteration. */
static lb_status check_procedure(const lb_impq_call *p, const lb_run *run)
{
    lb_train_config config;
    lb_status status = lb_train_config_read(run->settings, &config);
    if (status == LB_OK && lb_procedure_of(&config) != &lb_procedure_plain)
        status = lb_fail(LB_E_ARG,
                         "%s: its training has stages (rpr, prune-rounds), which iterations would "
                         "begin anew; wanted a run without",
                         p->plan.options->run);
    lb_train_config_release(&config);
    return status;
}

/* The data set may be said to lie elsewhere; it is the one of the run. */
static lb_status check_data(const lb_impq_call *p, const lb_run *run)
{
    const lb_settings *tuning = p->plan.options->tuning;
    const char *given = tuning != NULL ? tuning->given[LB_KEY_DATA] : NULL;
    const char *before = lb_settings_value(run->settings, LB_KEY_DATA);
    char *now = NULL;
    if (given == NULL) return LB_OK;
    LB_TRY(lb_data_identity(given, &now));
    lb_status status = LB_OK;
    if (strcmp(now, before) != 0)
        status = lb_fail(LB_E_ARG, "data %s: %s was trained on %s; wanted where that is", now,
                         p->plan.options->run, before);
    lb_free(now);
    return status;
}

/* Do the settings of the iterations fit together? */
static lb_status check_settings(const lb_impq_call *p, const lb_run *run)
{
    lb_train_config config = {0};
    lb_settings *settings = NULL;
    lb_status status = lb_impq_tune(&p->plan, run, &settings);
    if (status == LB_OK) status = lb_train_config_read(settings, &config);
    lb_train_config_release(&config);
    lb_settings_destroy(settings);
    return status;
}

/* A rule that all bits together cannot meet. */
static lb_status check_floor(const lb_impq_plan *plan, const lb_net *net)
{
    lb_impq_row row = {0};
    LB_TRY(lb_impq_figures(net, &row));
    const lb_impq_rule *unmet = lb_impq_unmet(plan, &row);
    if (unmet == NULL) return LB_OK;
    return lb_fail(LB_E_ARG, "%s <= %g cannot be met: without any bit to lose it is %.6g",
                   lb_impq_figure_names[unmet->figure], unmet->value,
                   lb_impq_figure_of(&row, unmet->figure));
}

/* Is there all to go on from here? The run's network is used up. */
static lb_status check_start(const lb_impq_call *p, lb_run *run, const lb_impq_row *row)
{
    LB_TRY(check_procedure(p, run));
    LB_TRY(check_data(p, run));
    LB_TRY(check_settings(p, run));
    for (int phase = 0; phase < LB_IMPQ_PHASES; phase++) {
        lb_impq_groups groups = {0};
        if (p->plan.iterations[phase] == 0) continue;
        lb_status status =
            lb_impq_groups_list(&run->net, (lb_impq_phase)phase, p->plan.granularity, &groups);
        if (status == LB_E_ARG) status = lb_fail_in(status, "%s", p->plan.options->run);
        if (status == LB_OK && phase == LB_IMPQ_WEIGHTS)
            status = lb_impq_check_reach(&p->plan, row, &groups, &run->net);
        if (status == LB_OK) status = lb_impq_groups_exhaust(&groups, &run->net);
        lb_impq_groups_release(&groups);
        LB_TRY(status);
    }
    LB_TRY(check_floor(&p->plan, &run->net));
    if (row->kept) return LB_OK;
    return lb_fail(LB_E_ARG, "%s: its top1 of %.2f breaks the rule of top1 already",
                   p->plan.options->run, row->top1);
}

/* The last iteration was not kept: rules that were loosened since may keep it. Do they? */
static bool look_again(lb_impq_call *p)
{
    lb_impq_row *last = p->state.n_rows > 0 ? &p->state.rows[p->state.n_rows - 1] : NULL;
    if (last == NULL || last->kept) return false;
    last->kept = lb_impq_is_kept(&p->plan, last);
    return last->kept;
}

/* The row of the starting run, and whether all can be done from there. */
static lb_status start(lb_impq_call *p)
{
    const bool begins = p->state.n_rows == 0, changed = look_again(p);
    lb_run run = {0};
    lb_impq_row row = {.phase = "start"};
    LB_TRY(read_top1(p->plan.options->run, &row.top1, &row.best_epoch));
    lb_status status = lb_run_open(p->plan.options->run, &run);
    if (status == LB_OK) status = lb_impq_figures(&run.net, &row);
    row.kept = lb_impq_is_kept(&p->plan, &row);
    if (status == LB_OK && begins) status = lb_impq_state_add(&p->state, &row, &run.net);
    if (status == LB_OK) status = check_start(p, &run, &row);
    if (status == LB_OK && begins) status = lb_make_folders(p->plan.out);
    if (status == LB_OK && (begins || changed)) status = lb_impq_state_write(&p->plan, &p->state);
    lb_run_release(&run);
    if (status == LB_OK)
        lb_impq_tell(
            p, (lb_impq_event){.kind = LB_IMPQ_START, .phase = "start", .row = &p->state.rows[0]});
    return status;
}

static lb_status finish(lb_impq_call *p)
{
    const size_t kept = lb_impq_last_kept(p);
    const lb_impq_row *row = &p->state.rows[kept];
    const lb_impq_rule *unmet = lb_impq_unmet(&p->plan, row);
    char *folder = NULL;
    LB_TRY(lb_impq_folder(p, kept, &folder));
    lb_impq_tell(p, (lb_impq_event){.kind = LB_IMPQ_RESULT,
                                    .iteration = kept,
                                    .phase = row->phase,
                                    .run = folder,
                                    .row = row,
                                    .why = unmet == NULL ? "done" : "a rule is not met"});
    lb_free(folder);
    if (unmet == NULL) return LB_OK;
    return lb_fail(LB_E_ARG,
                   "%s: after %zu iterations %s is %.6g, wanted <= %g; --resume with more "
                   "iterations goes on",
                   p->plan.out, p->state.n_rows - 1, lb_impq_figure_names[unmet->figure],
                   lb_impq_figure_of(row, unmet->figure), unmet->value);
}

/* Settings of the training that are the procedure's own, or the network's. */
static lb_status check_tuning(const lb_settings *tuning)
{
    static const lb_key own[] = {LB_KEY_RECIPE,       LB_KEY_INIT,      LB_KEY_OUT,
                                 LB_KEY_RESUME,       LB_KEY_OVERWRITE, LB_KEY_MAX_SECONDS,
                                 LB_KEY_PRUNE_ROUNDS, LB_KEY_SEED,      LB_KEY_VAL_SPLIT};
    for (size_t k = 0; tuning != NULL && k < LB_N_KEYS; k++) {
        const char *group = lb_setting_table[k].group;
        bool refused = strcmp(group, "Model") == 0 || strcmp(group, "Quantization") == 0;
        for (size_t i = 0; i < sizeof own / sizeof *own; i++) refused = refused || own[i] == k;
        if (!refused || tuning->given[k] == NULL) continue;
        return lb_fail(LB_E_ARG, "set %s: iterations keep the run's own", lb_setting_table[k].key);
    }
    return LB_OK;
}

static lb_status check_folder(const lb_impq_call *p)
{
    const char *out = p->plan.out;
    char *config = NULL;
    if (!lb_path_exists(out)) return LB_OK;
    LB_TRY(lb_path_join(out, "config.json", &config));
    const bool is_run = lb_path_exists(config);
    lb_free(config);
    if (is_run) return lb_fail(LB_E_ARG, "%s: the folder of a run; give --out another name", out);
    if (p->plan.options->resume) return LB_OK;
    return lb_fail(LB_E_ARG, "%s: exists; --resume goes on with it, or give --out another name",
                   out);
}

lb_status lb_impq(const lb_impq_options *options, lb_impq_fn *report, lb_event_fn *training,
                  void *user)
{
    lb_impq_call p = {.report = report, .training = training, .user = user};
    lb_status status = check_tuning(options->tuning);
    if (status == LB_OK) status = lb_impq_plan_read(options, &p.plan);
    if (status == LB_OK) status = check_folder(&p);
    if (status == LB_OK) status = lb_impq_state_read(&p.plan, &p.state);
    if (status == LB_OK) status = start(&p);
    for (int phase = 0; status == LB_OK && phase < LB_IMPQ_PHASES; phase++)
        status = run_phase(&p, (lb_impq_phase)phase);
    if (status == LB_OK) status = finish(&p);
    lb_impq_state_release(&p.state);
    lb_impq_plan_release(&p.plan);
    return status;
}
