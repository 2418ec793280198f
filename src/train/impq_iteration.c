/* An IMPQ iteration: its widths, from a sensitivity pass or from its run's folder, its training, its row. */
#include "train/impq_iteration.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/thread_count.h"
#include "nn/mixed_bits.h"
#include "train/description.h"
#include "train/run_folder.h"

enum { NUMBER_BYTES = 32, CONFIG_MAX_BYTES = 1 << 20 };

lb_status lb_impq_folder(const lb_impq_call *p, size_t iteration, char **out)
{
    char name[NUMBER_BYTES];
    if (iteration == 0) return lb_strdup(p->plan.options->run, out);
    (void)snprintf(name, sizeof name, "iteration-%zu", iteration);
    return lb_path_join(p->plan.out, name, out);
}

size_t lb_impq_last_kept(const lb_impq_call *p)
{
    size_t i = p->state.n_rows - 1;
    while (i > 0 && !p->state.rows[i].kept) i--;
    return i;
}

void lb_impq_tell(const lb_impq_call *p, lb_impq_event event)
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

/* The user's settings; a tenth of the epochs warms up, but of one-cycle, which has a warm-up of its own. */
static lb_status set_tuning(const lb_settings *tuning, lb_settings *s)
{
    char text[NUMBER_BYTES];
    for (size_t k = 0; tuning != NULL && k < LB_N_KEYS; k++)
        if (tuning->given[k] != NULL)
            LB_TRY(lb_settings_set(s, lb_setting_table[k].key, tuning->given[k]));
    if (tuning != NULL && tuning->given[LB_KEY_WARMUP] != NULL) return LB_OK;
    const bool own = strcmp(lb_settings_value(s, LB_KEY_SCHEDULE), "one-cycle") == 0;
    const size_t epochs = strtoull(lb_settings_value(s, LB_KEY_EPOCHS), NULL, 10);
    (void)snprintf(text, sizeof text, "%zu", own ? 0 : epochs / 10);
    return lb_settings_set(s, "warmup", text);
}

lb_status lb_impq_tune(const lb_impq_plan *plan, const lb_run *from, lb_settings **out)
{
    LB_TRY(lb_settings_copy(from->settings, out));
    LB_TRY(set_standard(*out));
    return set_tuning(plan->options->tuning, *out);
}

/* Settings of an iteration: its training's, its widths, and where it reads and writes. */
static lb_status make_settings(const lb_impq_call *p, const lb_run *from, const char *widths,
                               const char *init, const char *out, lb_settings **settings)
{
    LB_TRY(lb_impq_tune(&p->plan, from, settings));
    lb_settings *s = *settings;
    lb_free(s->of_run[LB_KEY_MIXED_BITS]);
    s->of_run[LB_KEY_MIXED_BITS] = NULL;
    LB_TRY(lb_settings_set_of_run(s, "mixed-bits", widths));
    LB_TRY(lb_settings_set(s, "init", init));
    return lb_settings_set(s, "out", out);
}

/* What the training tells passes through; its result is kept. */
static void on_training(const lb_event *event, void *user)
{
    lb_impq_call *p = user;
    if (event->kind == LB_EVENT_RESULT) p->result = *event;
    if (p->training != NULL) p->training(event, p->user);
}

/* Settings of this call alone, for a run that is there already. */
static lb_status resume_settings(const lb_impq_call *p, const char *init, const char *out,
                                 lb_settings **settings)
{
    static const lb_key free_keys[] = {LB_KEY_DATA,        LB_KEY_THREADS,
                                       LB_KEY_BACKEND,     LB_KEY_WORKERS,
                                       LB_KEY_TENSORBOARD, LB_KEY_CHECKPOINT_SECONDS,
                                       LB_KEY_TEACHER};
    const lb_settings *tuning = p->plan.options->tuning;
    LB_TRY(lb_settings_create(settings));
    for (size_t i = 0; tuning != NULL && i < sizeof free_keys / sizeof *free_keys; i++) {
        const char *value = tuning->given[free_keys[i]];
        if (value != NULL)
            LB_TRY(lb_settings_set(*settings, lb_setting_table[free_keys[i]].key, value));
    }
    LB_TRY(lb_settings_set(*settings, "init", init));
    return lb_settings_set(*settings, "out", out);
}

/* The run that a configuration describes: its settings, and the hash of what it began with. */
static lb_status read_config(const char *path, lb_settings **settings, lb_run_facts *facts)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    LB_TRY(lb_settings_create(settings));
    LB_TRY(lb_file_read(path, CONFIG_MAX_BYTES, &text, &bytes));
    const lb_status status = lb_run_description_read(path, (const char *)text, *settings, facts);
    lb_free(text);
    return status;
}

/* Do these widths, given to the network of `init`, leave a phase's own as they are? */
static lb_status keeps_widths(const char *init, const char *widths, lb_impq_phase phase, bool *out)
{
    lb_run before = {0}, after = {0};
    lb_impq_groups a = {0}, b = {0};
    lb_status status = lb_run_open(init, &before);
    if (status == LB_OK) status = lb_run_open(init, &after);
    if (status == LB_OK) status = lb_net_set_bits(&after.net, widths);
    if (status == LB_OK) status = lb_impq_groups_list(&before.net, phase, LB_IMPQ_LAYER, &a);
    if (status == LB_OK || status == LB_E_ARG) /* no bit to lose: that they have all the same */
        status = lb_impq_groups_list(&after.net, phase, LB_IMPQ_LAYER, &b);
    *out = (status == LB_OK || status == LB_E_ARG) && a.n_cells == b.n_cells;
    for (size_t c = 0; *out && c < a.n_cells; c++) *out = a.cells[c].bits == b.cells[c].bits;
    lb_impq_groups_release(&a);
    lb_impq_groups_release(&b);
    lb_run_release(&before);
    lb_run_release(&after);
    return status == LB_E_ARG ? LB_OK : status;
}

/* Is the run in the iteration's folder, which was cut off, of this phase and this start? With other rules or numbers of
 * iterations than then another phase may be next, or begin elsewhere. */
static lb_status goes_on(const char *config, lb_impq_phase phase, const char *init, bool *out)
{
    char sha256[LB_SHA256_TEXT_BYTES];
    lb_settings *settings = NULL;
    lb_run_facts facts = {0};
    *out = lb_path_exists(config);
    if (!*out) return LB_OK;
    lb_status status = lb_run_checkpoint_hash(init, sha256);
    if (status == LB_OK) status = read_config(config, &settings, &facts);
    const char *widths = status == LB_OK ? lb_settings_value(settings, LB_KEY_MIXED_BITS) : NULL;
    const lb_impq_phase other = phase == LB_IMPQ_WEIGHTS ? LB_IMPQ_ACTS : LB_IMPQ_WEIGHTS;
    *out = widths != NULL && strcmp(facts.init, sha256) == 0;
    if (*out) status = keeps_widths(init, widths, other, out);
    lb_settings_destroy(settings);
    return status;
}

static lb_status check_result(const lb_impq_call *p, size_t iteration)
{
    if (p->result.best_epoch > 0) return LB_OK;
    return lb_fail(LB_E_DIVERGED, "%s: the loss of iteration %zu is not finite; a smaller lr?",
                   p->plan.out, iteration);
}

/* ---- an iteration ---------------------------------------------------------------------------- */

/* The widths of an iteration, from its run folder or by a pass. *settings is to be destroyed. */
static lb_status decide(lb_impq_call *p, lb_impq_phase phase, size_t groups_wanted,
                        const char *init, const char *out, lb_settings **settings)
{
    const size_t iteration = p->state.n_rows;
    const lb_settings *tuning = p->plan.options->tuning;
    const char *given = tuning != NULL ? tuning->given[LB_KEY_THREADS] : NULL;
    const int asked = given != NULL ? (int)strtol(given, NULL, 10) : 0;
    const int threads = asked > 0 ? asked : lb_threads_available();
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

static lb_status record(lb_impq_call *p, lb_impq_phase phase, const char *init, const char *out)
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
        lb_impq_tell(p, (lb_impq_event){.kind = LB_IMPQ_ITERATION,
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

lb_status lb_impq_iterate(lb_impq_call *p, lb_impq_phase phase, size_t groups)
{
    char *init = NULL, *out = NULL, *config = NULL;
    lb_settings *settings = NULL;
    lb_status status = lb_impq_folder(p, lb_impq_last_kept(p), &init);
    if (status == LB_OK) status = lb_impq_folder(p, p->state.n_rows, &out);
    if (status == LB_OK) status = lb_path_join(out, "config.json", &config);
    bool resumes = false;
    if (status == LB_OK) status = goes_on(config, phase, init, &resumes);
    if (status == LB_OK)
        status = resumes ? resume_settings(p, init, out, &settings)
                         : decide(p, phase, groups, init, out, &settings);
    if (status == LB_OK)
        status = lb_settings_set(settings, resumes ? "resume" : "overwrite", "yes");
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
