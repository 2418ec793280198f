/* Iterative mixed precision: measure sensitivities, lower the least sensitive groups by a bit, train on, record; weights
 * first, then activations.
 *
 * An iteration is a run of its own, OUT/iteration-K: it starts from the best checkpoint of the last iteration that was
 * kept, and its widths stand among its settings. A row is added to impq.json when its training has come to an end, so
 * whatever is cut off is done again, from the run's folder where there is one.
 * Source: Gonugondla and Shanbhag, IMPQ, Algorithm 1; the rules that end it are ours. */
#include "lowbit/impq.h"

#include <omp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/mixed_bits.h"
#include "train/checkpoint.h"
#include "train/impq_plan.h"
#include "train/run_folder.h"

enum { NUMBER_BYTES = 32 };

/* A call. */
typedef struct procedure {
    lb_impq_plan plan;
    lb_impq_state state;
    lb_impq_fn *report;
    lb_event_fn *training;
    void *user;
    lb_event result; /* of the training that just ended */
} procedure;

static lb_status folder_of(const procedure *p, size_t iteration, char **out)
{
    char name[NUMBER_BYTES];
    if (iteration == 0) return lb_strdup(p->plan.options->run, out);
    (void)snprintf(name, sizeof name, "iteration-%zu", iteration);
    return lb_path_join(p->plan.out, name, out);
}

static size_t last_kept(const procedure *p)
{
    size_t i = p->state.n_rows - 1;
    while (i > 0 && !p->state.rows[i].kept) i--;
    return i;
}

static void tell(const procedure *p, lb_impq_event event)
{
    if (p->report != NULL) p->report(&event, p->user);
}

/* ---- a training ------------------------------------------------------------------------------ */

/* Settings of the authors' fine-tuning, unless the user says otherwise. */
static lb_status set_standard(lb_settings *s)
{
    static const char *const standard[][2] = {{"epochs", "30"},           {"lr", "0.0002"},
                                              {"optimizer", "sgd"},       {"momentum", "0.9"},
                                              {"weight-decay", "0.0005"}, {"schedule", "cosine"}};
    for (size_t i = 0; i < sizeof standard / sizeof *standard; i++)
        LB_TRY(lb_settings_set_of_run(s, standard[i][0], standard[i][1]));
    lb_free(s->of_run[LB_KEY_FINAL_LR]);
    s->of_run[LB_KEY_FINAL_LR] = NULL;
    return LB_OK;
}

/* The user's settings; a tenth of the epochs warms up. */
static lb_status set_tuning(const lb_settings *tuning, lb_settings *s)
{
    char text[NUMBER_BYTES];
    for (size_t k = 0; tuning != NULL && k < LB_N_KEYS; k++)
        if (tuning->given[k] != NULL)
            LB_TRY(lb_settings_set(s, lb_setting_table[k].key, tuning->given[k]));
    if (tuning != NULL && tuning->given[LB_KEY_WARMUP] != NULL) return LB_OK;
    const size_t epochs = strtoull(lb_settings_value(s, LB_KEY_EPOCHS), NULL, 10);
    (void)snprintf(text, sizeof text, "%zu", epochs / 10);
    return lb_settings_set(s, "warmup", text);
}

/* Settings of an iteration: those of the run it starts from, the tuning's, and where it writes. */
static lb_status make_settings(const procedure *p, const lb_run *from, const char *widths,
                               const char *init, const char *out, lb_settings **settings)
{
    LB_TRY(lb_settings_copy(from->settings, settings));
    lb_settings *s = *settings;
    LB_TRY(set_standard(s));
    LB_TRY(set_tuning(p->plan.options->tuning, s));
    lb_free(s->of_run[LB_KEY_MIXED_BITS]);
    s->of_run[LB_KEY_MIXED_BITS] = NULL;
    LB_TRY(lb_settings_set_of_run(s, "mixed-bits", widths));
    LB_TRY(lb_settings_set(s, "init", init));
    return lb_settings_set(s, "out", out);
}

/* What the training tells passes through; its result is kept. */
static void on_training(const lb_event *event, void *user)
{
    procedure *p = user;
    if (event->kind == LB_EVENT_RESULT) p->result = *event;
    if (p->training != NULL) p->training(event, p->user);
}

/* Settings of this call alone, for a run that is there already. */
static lb_status resume_settings(const procedure *p, const char *init, const char *out,
                                 lb_settings **settings)
{
    static const lb_key free_keys[] = {LB_KEY_DATA, LB_KEY_THREADS, LB_KEY_BACKEND, LB_KEY_WORKERS,
                                       LB_KEY_CHECKPOINT_SECONDS};
    const lb_settings *tuning = p->plan.options->tuning;
    LB_TRY(lb_settings_create(settings));
    for (size_t i = 0; tuning != NULL && i < sizeof free_keys / sizeof *free_keys; i++) {
        const char *value = tuning->given[free_keys[i]];
        if (value != NULL)
            LB_TRY(lb_settings_set(*settings, lb_setting_table[free_keys[i]].key, value));
    }
    LB_TRY(lb_settings_set(*settings, "init", init));
    LB_TRY(lb_settings_set(*settings, "out", out));
    return lb_settings_set(*settings, "resume", "yes");
}

static lb_status check_result(const procedure *p, size_t iteration)
{
    if (p->result.best_epoch > 0) return LB_OK;
    return lb_fail(LB_E_DIVERGED, "%s: the loss of iteration %zu is not finite; a smaller lr?",
                   p->plan.out, iteration);
}

/* ---- an iteration ---------------------------------------------------------------------------- */

/* The widths of an iteration, from its run folder or by a pass. *settings is to be destroyed. */
static lb_status decide(procedure *p, lb_impq_phase phase, size_t groups_wanted, const char *init,
                        const char *out, lb_settings **settings)
{
    const size_t iteration = p->state.n_rows;
    const lb_settings *tuning = p->plan.options->tuning;
    const char *given = tuning != NULL ? tuning->given[LB_KEY_THREADS] : NULL;
    const int asked = given != NULL ? atoi(given) : 0;
    const int threads = asked > 0 ? asked : omp_get_max_threads();
    lb_run from = {0};
    lb_impq_groups groups = {0};
    char *widths = NULL;
    size_t lowered = 0;
    lb_status status = lb_run_open(init, &from);
    if (status == LB_OK)
        status = lb_impq_groups_list(&from.net, phase, p->plan.granularity, &groups);
    if (status == LB_OK) {
        const lb_impq_event event = {
            .iteration = iteration, .phase = lb_impq_phase_names[phase], .run = out};
        status = lb_impq_measure(&p->plan, &from, threads, &groups, event, p->report, p->user);
    }
    if (status == LB_OK) {
        lb_impq_groups_score(&groups, p->plan.score_of_code);
        status = lb_impq_groups_lower(&groups, groups_wanted, &lowered);
    }
    if (status == LB_OK) status = lb_impq_groups_apply(&groups, &from.net);
    if (status == LB_OK) status = lb_net_write_bits(&from.net, &widths);
    if (status == LB_OK) status = make_settings(p, &from, widths, init, out, settings);
    lb_free(widths);
    lb_impq_groups_release(&groups);
    lb_run_release(&from);
    return status;
}

/* Widths that fell, from the start of the iteration to its run: in groups of the plan. */
static size_t count_lowered(const lb_impq_groups *before, const lb_impq_groups *after)
{
    size_t n = 0;
    for (size_t g = 0; g < before->n_groups; g++) {
        bool fell = false;
        for (size_t c = before->groups[g].first; c < before->groups[g].first + before->groups[g].n;
             c++)
            fell = fell || after->cells[c].bits < before->cells[c].bits;
        n += fell;
    }
    return n;
}

static lb_status record(procedure *p, lb_impq_phase phase, const char *init, const char *out)
{
    lb_impq_row row = {.iteration = p->state.n_rows,
                       .phase = lb_impq_phase_names[phase],
                       .top1 = p->result.best_top1,
                       .best_epoch = p->result.best_epoch};
    lb_run from = {0}, run = {0};
    lb_impq_groups before = {0}, after = {0};
    lb_status status = lb_run_open(init, &from);
    if (status == LB_OK) status = lb_run_open(out, &run);
    if (status == LB_OK)
        status = lb_impq_groups_list(&from.net, phase, p->plan.granularity, &before);
    /* an iteration may have taken the last bit */
    if (status == LB_OK) {
        status = lb_impq_groups_list(&run.net, phase, p->plan.granularity, &after);
        if (status == LB_E_ARG) status = LB_OK;
    }
    if (status == LB_OK) status = lb_impq_figures(&run.net, &row);
    if (status == LB_OK) {
        row.groups = count_lowered(&before, &after);
        row.kept = lb_impq_is_kept(&p->plan, &row);
        status = lb_impq_state_add(&p->state, &row, &run.net);
    }
    if (status == LB_OK) status = lb_impq_state_write(&p->plan, &p->state);
    if (status == LB_OK)
        tell(p, (lb_impq_event){.kind = LB_IMPQ_ITERATION,
                                .iteration = row.iteration,
                                .phase = row.phase,
                                .run = out,
                                .row = &row});
    lb_impq_groups_release(&before);
    lb_impq_groups_release(&after);
    lb_run_release(&from);
    lb_run_release(&run);
    return status;
}

static lb_status iterate(procedure *p, lb_impq_phase phase, size_t groups)
{
    char *init = NULL, *out = NULL, *config = NULL;
    lb_settings *settings = NULL;
    lb_status status = folder_of(p, last_kept(p), &init);
    if (status == LB_OK) status = folder_of(p, p->state.n_rows, &out);
    if (status == LB_OK) status = lb_path_join(out, "config.json", &config);
    if (status == LB_OK) {
        status = lb_path_exists(config) ? resume_settings(p, init, out, &settings)
                                        : decide(p, phase, groups, init, out, &settings);
    }
    /* a folder without its configuration is begun again */
    if (status == LB_OK) status = lb_settings_set(settings, "resume", "yes");
    p->result = (lb_event){0};
    if (status == LB_OK) status = lb_train(settings, on_training, p);
    if (status == LB_OK) status = check_result(p, p->state.n_rows);
    if (status == LB_OK) status = record(p, phase, init, out);
    lb_settings_destroy(settings);
    lb_free(config);
    lb_free(out);
    lb_free(init);
    return status;
}

/* ---- phases ---------------------------------------------------------------------------------- */

/* Rules that a phase works for are met, and there are some. */
static bool reached(const procedure *p, lb_impq_phase phase)
{
    const lb_impq_row *row = &p->state.rows[last_kept(p)];
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
static lb_status is_open(const procedure *p, lb_impq_phase phase, bool *out)
{
    char *folder = NULL;
    lb_run run = {0};
    lb_impq_groups groups = {0};
    LB_TRY(folder_of(p, last_kept(p), &folder));
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

static lb_status run_phase(procedure *p, lb_impq_phase phase)
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
        LB_TRY(iterate(p, phase, lb_impq_schedule_at(&p->plan.schedule[phase], done + 1)));
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

static lb_status check_start(const procedure *p, const lb_run *run, const lb_impq_row *row)
{
    for (int phase = 0; phase < LB_IMPQ_PHASES; phase++) {
        lb_impq_groups groups = {0};
        if (p->plan.iterations[phase] == 0) continue;
        lb_status status =
            lb_impq_groups_list(&run->net, (lb_impq_phase)phase, p->plan.granularity, &groups);
        if (status == LB_E_ARG) status = lb_fail_in(status, "%s", p->plan.options->run);
        if (status == LB_OK)
            status = lb_impq_check_reach(&p->plan, (lb_impq_phase)phase, row, &groups);
        lb_impq_groups_release(&groups);
        LB_TRY(status);
    }
    if (row->kept) return LB_OK;
    return lb_fail(LB_E_ARG, "%s: its top1 of %.2f breaks the rule of top1 already",
                   p->plan.options->run, row->top1);
}

/* The row of the starting run, and whether all can be done from there. */
static lb_status start(procedure *p)
{
    lb_run run = {0};
    lb_impq_row row = {.phase = "start"};
    LB_TRY(read_top1(p->plan.options->run, &row.top1, &row.best_epoch));
    lb_status status = lb_run_open(p->plan.options->run, &run);
    if (status == LB_OK) status = lb_impq_figures(&run.net, &row);
    row.kept = lb_impq_is_kept(&p->plan, &row);
    if (status == LB_OK) status = check_start(p, &run, &row);
    if (status == LB_OK && p->state.n_rows == 0) {
        status = lb_impq_state_add(&p->state, &row, &run.net);
        if (status == LB_OK) status = lb_make_folders(p->plan.out);
        if (status == LB_OK) status = lb_impq_state_write(&p->plan, &p->state);
    }
    lb_run_release(&run);
    if (status == LB_OK)
        tell(p, (lb_impq_event){.kind = LB_IMPQ_START, .phase = "start", .row = &p->state.rows[0]});
    return status;
}

static lb_status finish(procedure *p)
{
    const size_t kept = last_kept(p);
    const lb_impq_row *row = &p->state.rows[kept];
    const lb_impq_rule *unmet = lb_impq_unmet(&p->plan, row);
    char *folder = NULL;
    LB_TRY(folder_of(p, kept, &folder));
    tell(p, (lb_impq_event){.kind = LB_IMPQ_RESULT,
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

static lb_status check_folder(const procedure *p)
{
    const char *out = p->plan.out;
    if (!lb_path_exists(out) || p->plan.options->resume) return LB_OK;
    return lb_fail(LB_E_ARG, "%s: exists; --resume goes on with it, or give --out another name",
                   out);
}

lb_status lb_impq(const lb_impq_options *options, lb_impq_fn *report, lb_event_fn *training,
                  void *user)
{
    procedure p = {.report = report, .training = training, .user = user};
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
