/* What OUT/impq.json keeps of an IMPQ procedure: the options that it was made with, and a row an iteration. The same
 * rows, for people, are OUT/impq.csv. */
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "nn/mixed_bits.h"
#include "train/impq_plan.h"

enum { STATE_MAX_BYTES = 1 << 28 };
static const char format[] = "lowbit impq 1";

void lb_impq_state_release(lb_impq_state *state)
{
    lb_free(state->rows);
    lb_free(state->layers);
    lb_arena_release(&state->arena);
}

static lb_status no_memory(void)
{
    return lb_fail(LB_E_NOMEM, "out of memory: impq.json");
}

/* ---- rows ------------------------------------------------------------------------------------ */

static lb_status add(lb_impq_state *s, const lb_impq_row *row, const char *layers)
{
    if (s->n_rows == s->capacity) {
        const size_t capacity = s->capacity > 0 ? 2 * s->capacity : 16;
        void *rows = NULL, *texts = NULL;
        LB_TRY(lb_alloc(capacity, sizeof *s->rows, "iterations", &rows));
        const lb_status status = lb_alloc(capacity, sizeof *s->layers, "iterations", &texts);
        if (status != LB_OK) {
            lb_free(rows);
            return status;
        }
        if (s->n_rows > 0) {
            memcpy(rows, s->rows, s->n_rows * sizeof *s->rows);
            memcpy(texts, s->layers, s->n_rows * sizeof *s->layers);
        }
        lb_free(s->rows);
        lb_free(s->layers);
        s->rows = rows;
        s->layers = texts;
        s->capacity = capacity;
    }
    char *copy = NULL;
    LB_TRY(lb_arena_strdup(&s->arena, layers, &copy));
    s->rows[s->n_rows] = *row;
    s->layers[s->n_rows++] = copy;
    return LB_OK;
}

/* {"conv1": 3.25, "conv2.quantize": 4, ...} */
static json_t *bits_by_layer(const lb_net *net)
{
    json_t *object = json_object();
    for (size_t i = 0; i < net->n_nodes; i++) {
        const lb_node *node = &net->nodes[i];
        const bool layer = node->op == LB_OP_CONV || node->op == LB_OP_LINEAR;
        double bits = 0.0;
        if (node->op == LB_OP_QUANTIZE) bits = node->as.quantize.setting.bits;
        if (layer && node->as.conv.quantizer) bits = lb_conv_mean_bits(&node->as.conv);
        if (bits > 0.0) (void)json_object_set_new(object, node->name, json_real(bits));
    }
    return object;
}

lb_status lb_impq_state_add(lb_impq_state *s, const lb_impq_row *row, const lb_net *net)
{
    json_t *layers = bits_by_layer(net);
    char *text = json_dumps(layers, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(layers);
    if (text == NULL) return no_memory();
    const lb_status status = add(s, row, text);
    free(text);
    return status;
}

/* ---- options --------------------------------------------------------------------------------- */

static void set_text(json_t *object, const char *key, const char *value)
{
    if (value != NULL) (void)json_object_set_new(object, key, json_string(value));
}

/* What cannot change when a procedure is gone on with. */
static json_t *options_json(const lb_impq_plan *plan)
{
    const lb_impq_options *o = plan->options;
    json_t *object = json_object(), *tuning = json_object();
    set_text(object, "start", plan->start);
    set_text(object, "teacher", plan->teacher[0] != '\0' ? plan->teacher : NULL);
    set_text(object, "granularity", o->granularity != NULL ? o->granularity : "kernel");
    set_text(object, "groups", o->groups);
    set_text(object, "act-groups", o->act_groups);
    set_text(object, "score", plan->score_of_code ? "code" : "paper");
    (void)json_object_set_new(object, "fraction", json_real(plan->fraction));
    (void)json_object_set_new(object, "runners-up", json_integer((json_int_t)plan->runners_up));
    for (size_t k = 0; o->tuning != NULL && k < LB_N_KEYS; k++)
        if (lb_setting_rules[k].role != LB_ROLE_CONTROLS && k != LB_KEY_DATA &&
            k != LB_KEY_THREADS && k != LB_KEY_BACKEND)
            set_text(tuning, lb_setting_table[k].key, o->tuning->given[k]);
    (void)json_object_set_new(object, "tuning", tuning);
    return object;
}

static const char *show(const json_t *value, char text[64])
{
    char *dump = value != NULL ? json_dumps(value, JSON_ENCODE_ANY | JSON_REAL_PRECISION(9)) : NULL;
    (void)snprintf(text, 64, "%s", dump != NULL ? dump : "nothing");
    free(dump);
    return text;
}

static lb_status compare_options(const char *path, const json_t *made, const json_t *now)
{
    enum { N_FILES = 2 }; /* the first keys: hashes */
    static const char *const keys[] = {"start", "teacher",  "granularity", "groups", "act-groups",
                                       "score", "fraction", "runners-up",  "tuning"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        const json_t *a = json_object_get(made, keys[i]), *b = json_object_get(now, keys[i]);
        char text_a[64], text_b[64];
        if ((a == NULL && b == NULL) || json_equal(a, b)) continue;
        if (i < N_FILES && a != NULL && b != NULL)
            return lb_fail(
                LB_E_ARG,
                "%s was made with another %s than this call names (by the SHA-256 of its "
                "checkpoint); going on, name the same",
                path, keys[i]);
        return lb_fail(LB_E_ARG,
                       "%s was made with %s %s, not %s; going on, only iterations and stops may "
                       "change",
                       path, keys[i], show(a, text_a), show(b, text_b));
    }
    return LB_OK;
}

/* ---- reading --------------------------------------------------------------------------------- */

/* An object with nothing but numbers in it. */
static bool are_numbers(json_t *object)
{
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(object, key, value)
    {
        if (!json_is_number(value)) return false;
    }
    return json_is_object(object);
}

static bool read_row(const json_t *object, size_t index, lb_impq_row *out)
{
    static const char *const phases[] = {"start", "weights", "activations"};
    const char *phase = json_string_value(json_object_get(object, "phase"));
    const json_t *kept = json_object_get(object, "kept");
    const struct {
        const char *key;
        double *to;
    } reals[] = {{"top1", &out->top1},
                 {"weight_bits", &out->weight_bits},
                 {"act_bits", &out->act_bits},
                 {"bit_operations", &out->bit_operations},
                 {"compression", &out->compression}};
    *out = (lb_impq_row){.iteration = index};
    for (size_t i = 0; phase != NULL && i < 3; i++)
        if (strcmp(phase, phases[i]) == 0) out->phase = phases[i];
    for (size_t i = 0; i < sizeof reals / sizeof *reals; i++) {
        const json_t *value = json_object_get(object, reals[i].key);
        if (!json_is_number(value)) return false;
        *reals[i].to = json_number_value(value);
    }
    const json_t *groups = json_object_get(object, "groups");
    const json_t *epoch = json_object_get(object, "best_epoch");
    out->groups = (size_t)json_integer_value(groups);
    out->best_epoch = (size_t)json_integer_value(epoch);
    out->kept = json_is_true(kept);
    return out->phase != NULL && json_is_boolean(kept) && json_is_integer(groups) &&
           json_is_integer(epoch) && (index == 0) == (out->phase == phases[0]) &&
           are_numbers(json_object_get(object, "bits"));
}

static lb_status read_rows(const char *path, const json_t *root, lb_impq_state *s)
{
    const json_t *list = json_object_get(root, "iterations");
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *object = json_array_get(list, i);
        lb_impq_row row;
        if (!read_row(object, i, &row))
            return lb_fail(LB_E_FORMAT, "%s: iteration %zu is damaged", path, i);
        char *text =
            json_dumps(json_object_get(object, "bits"), JSON_COMPACT | JSON_REAL_PRECISION(9));
        if (text == NULL) return no_memory();
        const lb_status status = add(s, &row, text);
        free(text);
        LB_TRY(status);
    }
    return LB_OK;
}

/* What a report tells of the options. */
static lb_status read_options(const char *path, const json_t *options, lb_impq_state *s)
{
    const struct {
        const char *key, **to;
    } texts[] = {{"granularity", &s->granularity}, {"start", &s->start}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        const char *value = json_string_value(json_object_get(options, texts[i].key));
        char *copy = NULL;
        if (value == NULL)
            return lb_fail(LB_E_FORMAT, "%s: option '%s' is not a text", path, texts[i].key);
        LB_TRY(lb_arena_strdup(&s->arena, value, &copy));
        *texts[i].to = copy;
    }
    return LB_OK;
}

lb_status lb_impq_state_parse(const lb_impq_plan *plan, const char *path, const char *text,
                              lb_impq_state *s)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        return lb_fail(LB_E_FORMAT, "%s: not valid JSON: line %d: %s", path, error.line,
                       error.text);
    const json_t *options = json_object_get(root, "options");
    json_t *now = plan != NULL ? options_json(plan) : NULL;
    const char *found = json_string_value(json_object_get(root, "format"));
    lb_status status = LB_OK;
    if (found == NULL || strcmp(found, format) != 0)
        status = lb_fail(LB_E_FORMAT, "%s: its format is '%.40s', wanted '%s'", path,
                         found != NULL ? found : "not told", format);
    if (status == LB_OK && plan != NULL) status = compare_options(path, options, now);
    if (status == LB_OK) status = read_options(path, options, s);
    if (status == LB_OK) status = read_rows(path, root, s);
    json_decref(now);
    json_decref(root);
    return status;
}

static lb_status read_file(const lb_impq_plan *plan, const char *path, lb_impq_state *s)
{
    uint8_t *text = NULL;
    size_t bytes = 0;
    LB_TRY(lb_file_read(path, STATE_MAX_BYTES, &text, &bytes));
    const lb_status status = lb_impq_state_parse(plan, path, (const char *)text, s);
    lb_free(text);
    return status;
}

lb_status lb_impq_state_read(const lb_impq_plan *plan, lb_impq_state *s)
{
    char *path = NULL;
    LB_TRY(lb_path_join(plan->out, "impq.json", &path));
    const lb_status status = lb_path_exists(path) ? read_file(plan, path, s) : LB_OK;
    lb_free(path);
    return status;
}

lb_status lb_impq_state_open(const char *folder, lb_impq_state *s)
{
    char *path = NULL;
    *s = (lb_impq_state){.n_rows = 0};
    LB_TRY(lb_path_join(folder, "impq.json", &path));
    lb_status status = read_file(NULL, path, s);
    if (status == LB_OK && s->n_rows == 0)
        status = lb_fail(LB_E_FORMAT, "%s: there are no iterations in it", path);
    lb_free(path);
    return status;
}

/* ---- writing --------------------------------------------------------------------------------- */

static json_t *row_json(const lb_impq_row *row, const char *layers)
{
    return json_pack("{s:s, s:I, s:I, s:f, s:f, s:f, s:f, s:f, s:b, s:o}", "phase", row->phase,
                     "groups", (json_int_t)row->groups, "best_epoch", (json_int_t)row->best_epoch,
                     "top1", row->top1, "weight_bits", row->weight_bits, "act_bits", row->act_bits,
                     "bit_operations", row->bit_operations, "compression", row->compression, "kept",
                     (int)row->kept, "bits", json_loads(layers, 0, NULL));
}

static lb_status write_text(const lb_impq_plan *plan, const char *name, const char *text)
{
    char *path = NULL;
    LB_TRY(lb_path_join(plan->out, name, &path));
    const lb_file_part part = {.data = text, .bytes = strlen(text)};
    const lb_status status = lb_file_write_atomic(path, &part, 1);
    lb_free(path);
    return status;
}

static lb_status write_json(const lb_impq_plan *plan, const lb_impq_state *s)
{
    json_t *rows = json_array();
    for (size_t i = 0; i < s->n_rows; i++)
        (void)json_array_append_new(rows, row_json(&s->rows[i], s->layers[i]));
    const bool whole = json_array_size(rows) == s->n_rows;
    json_t *root = json_pack("{s:s, s:o, s:o}", "format", format, "options", options_json(plan),
                             "iterations", rows);
    char *text = whole ? json_dumps(root, JSON_INDENT(1) | JSON_REAL_PRECISION(17)) : NULL;
    json_decref(root);
    if (text == NULL) return no_memory();
    const lb_status status = write_text(plan, "impq.json", text);
    free(text);
    return status;
}

static lb_status write_csv(const lb_impq_plan *plan, const lb_impq_state *s)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return no_memory();
    (void)fputs("iteration,phase,groups,top1,best_epoch,weight_bits,act_bits,bit_operations,"
                "compression,kept\n",
                file);
    for (size_t i = 0; i < s->n_rows; i++) {
        const lb_impq_row *r = &s->rows[i];
        (void)fprintf(file, "%zu,%s,%zu,%.4f,%zu,%.6f,%.6f,%.0f,%.4f,%s\n", r->iteration, r->phase,
                      r->groups, r->top1, r->best_epoch, r->weight_bits, r->act_bits,
                      r->bit_operations, r->compression, r->kept ? "yes" : "no");
    }
    const bool failed = fclose(file) != 0;
    const lb_status status = failed ? no_memory() : write_text(plan, "impq.csv", text);
    free(text);
    return status;
}

lb_status lb_impq_state_write(const lb_impq_plan *plan, const lb_impq_state *s)
{
    LB_TRY(write_json(plan, s));
    return write_csv(plan, s);
}
