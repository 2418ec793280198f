/* The identity of a run:
 *
 *   hash = SHA-256("lowbit run 1\n"  KEY=VALUE\n ...  init=SHA-256 of the file\n  teacher=SHA-256 of the file\n)
 *
 * one line for every setting that DEFINES a run and has a value other than its default, in the table's order, and
 * for epochs; values in their canonical form. Defaults are left out so that a setting which a later version adds
 * does not make other runs of those there are. recipe, first-last, levels and data are resolved: the recipe's values,
 * both ends and the width stand there in their place, of the data set its identity. wbits, abits and epochs are what
 * the method chose where they were left open. */
#include "lab/run_hash.h"

#include <stdio.h>
#include <string.h>

#include "train/checkpoint.h"
#include "train/config.h"
#include "train/description.h"
#include "train/procedure.h"
#include "train/run_folder.h"

/* ---- resolving ------------------------------------------------------------------------------- */

static lb_status set_number(lb_settings *settings, lb_key key, int value)
{
    char text[16];
    (void)snprintf(text, sizeof text, "%d", value);
    lb_free(settings->given[key]);
    settings->given[key] = NULL;
    return lb_strdup(text, &settings->given[key]);
}

static lb_status set_data(lb_settings *settings)
{
    char *identity = NULL;
    LB_TRY(lb_data_identity(lb_settings_value(settings, LB_KEY_DATA), &identity));
    lb_free(settings->given[LB_KEY_DATA]);
    settings->given[LB_KEY_DATA] = identity;
    return LB_OK;
}

/* An end that is not given takes what was given for both. */
static lb_status set_end(lb_settings *settings, lb_key end)
{
    const char *both = lb_settings_value(settings, LB_KEY_FIRST_LAST);
    if (both == NULL || lb_settings_value(settings, end) != NULL) return LB_OK;
    return lb_strdup(both, &settings->given[end]);
}

static void set_stages(const lb_train_config *config, const lb_progress *progress,
                       lb_resolved_run *out)
{
    const lb_procedure *procedure = lb_procedure_of(config);
    out->epochs = procedure->epochs(config, progress);
    out->counts_from = procedure->counts_from(config, progress);
}

static lb_status fill_in(const lb_train_config *config, lb_resolved_run *out)
{
    LB_TRY(lb_method_resolve(&config->method, &out->quant));
    const lb_quant_config *q = &out->quant;
    lb_settings *s = out->settings;
    LB_TRY(set_number(s, LB_KEY_W_BITS, q->weights ? q->weight_setting.bits : LB_FLOAT_BITS));
    LB_TRY(set_number(s, LB_KEY_A_BITS, q->acts ? q->act_setting.bits : LB_FLOAT_BITS));
    LB_TRY(set_number(s, LB_KEY_EPOCHS, (int)config->epochs));
    LB_TRY(set_end(s, LB_KEY_FIRST_LAYER));
    LB_TRY(set_end(s, LB_KEY_LAST_LAYER));
    LB_TRY(set_data(s));
    set_stages(config, &(lb_progress){0}, out);
    out->seed = config->seed;
    return lb_settings_describe(s, config, "", &out->json);
}

lb_status lb_resolve_run(const lb_settings *settings, lb_resolved_run *out)
{
    *out = (lb_resolved_run){0};
    lb_train_config config = {0};
    LB_TRY(lb_settings_copy(settings, &out->settings));
    lb_status status = lb_train_config_read(settings, &config);
    if (status == LB_OK) status = fill_in(&config, out);
    lb_train_config_release(&config);
    return status;
}

lb_status lb_resolve_stages(const lb_settings *settings, const lb_progress *progress,
                            lb_resolved_run *out)
{
    lb_train_config config = {0};
    const lb_status status = lb_train_config_read(settings, &config);
    if (status == LB_OK) set_stages(&config, progress, out);
    lb_train_config_release(&config);
    return status;
}

void lb_resolved_run_release(lb_resolved_run *run)
{
    lb_settings_destroy(run->settings);
    lb_free(run->json);
    *run = (lb_resolved_run){0};
}

const char *lb_resolved_weights(const lb_resolved_run *run)
{
    return run->quant.weights != NULL ? run->quant.weights->name : "float";
}

const char *lb_resolved_activations(const lb_resolved_run *run)
{
    return run->quant.acts != NULL ? run->quant.acts->name : "float";
}

/* ---- the hash -------------------------------------------------------------------------------- */

static bool is_hashed(lb_key key)
{
    if (key == LB_KEY_EPOCHS) return true;
    if (key == LB_KEY_RECIPE || key == LB_KEY_FIRST_LAST || key == LB_KEY_LEVELS)
        return false; /* resolved */
    return lb_setting_rules[key].role == LB_ROLE_DEFINES;
}

static void add_line(lb_sha256 *h, const char *key, const char *value)
{
    lb_sha256_update(h, key, strlen(key));
    lb_sha256_update(h, "=", 1);
    lb_sha256_update(h, value, strlen(value));
    lb_sha256_update(h, "\n", 1);
}

void lb_resolved_run_hash(const lb_resolved_run *run, const char *init, const char *teacher,
                          char out[LB_RUN_HASH_BYTES])
{
    static const char head[] = "lowbit run 1\n";
    lb_sha256 h;
    lb_sha256_init(&h);
    lb_sha256_update(&h, head, strlen(head));
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        const char *value = lb_settings_value(run->settings, (lb_key)k);
        const char *standard = lb_setting_table[k].standard;
        const bool is_standard = value != NULL && standard != NULL && strcmp(value, standard) == 0;
        if (value != NULL && !is_standard && is_hashed((lb_key)k))
            add_line(&h, lb_setting_table[k].key, value);
    }
    if (init[0] != '\0') add_line(&h, "init", init);
    if (teacher[0] != '\0') add_line(&h, "teacher", teacher);
    lb_sha256_finish(&h, out);
}

/* SHA-256 of the checkpoint of a run that a setting names; "" where it is not set. */
static lb_status hash_checkpoint(const lb_settings *settings, lb_key key,
                                 char out[LB_SHA256_TEXT_BYTES])
{
    const char *run = lb_settings_value(settings, key);
    out[0] = '\0';
    if (run == NULL) return LB_OK;
    char *path = NULL;
    lb_safetensors *file = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    lb_status status = lb_checkpoint_open(path, &file);
    lb_safetensors_close(file);
    if (status == LB_OK) status = lb_sha256_file(path, out);
    lb_free(path);
    return status;
}

lb_status lb_run_hash(const lb_settings *settings, char out[LB_RUN_HASH_BYTES])
{
    char init[LB_SHA256_TEXT_BYTES], teacher[LB_SHA256_TEXT_BYTES];
    lb_resolved_run run;
    lb_status status = lb_resolve_run(settings, &run);
    if (status == LB_OK) status = hash_checkpoint(settings, LB_KEY_INIT, init);
    if (status == LB_OK) status = hash_checkpoint(settings, LB_KEY_TEACHER, teacher);
    if (status == LB_OK) lb_resolved_run_hash(&run, init, teacher, out);
    lb_resolved_run_release(&run);
    return status;
}
