/* The description of a run as JSON. Written by hand, so that numbers stand as the settings have
 * them; read with jansson. */
#include "train/description.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/dataset.h"
#include "lowbit/version.h"

bool lb_setting_is_kept(lb_key key)
{
    return lb_setting_rules[key].role != LB_ROLE_CONTROLS;
}

lb_status lb_data_identity(const char *spec, char **out)
{
    lb_data_spec parsed;
    LB_TRY(lb_data_spec_parse(spec, &parsed));
    const lb_data_entry *entry = &parsed.kind->entry;
    lb_data_spec_release(&parsed);
    return lb_strdup(entry->synthetic ? spec : entry->name, out);
}

/* ---- writing --------------------------------------------------------------------------------- */

static void write_text(FILE *file, const char *text)
{
    (void)fputc('"', file);
    for (const char *c = text; *c != '\0'; c++) {
        if (*c == '"' || *c == '\\') (void)fputc('\\', file);
        (void)fputc(*c, file);
    }
    (void)fputc('"', file);
}

/* Numbers as numbers, switches as true and false, the rest as text. */
static void write_value(FILE *file, lb_key key, const char *value)
{
    switch (lb_setting_rules[key].kind) {
    case LB_VALUE_WHOLE:
    case LB_VALUE_REAL: (void)fputs(value, file); return;
    case LB_VALUE_SWITCH:
    case LB_VALUE_YES_NO: (void)fputs(strcmp(value, "yes") == 0 ? "true" : "false", file); return;
    case LB_VALUE_TEXT:
    case LB_VALUE_NAMES:
    case LB_VALUE_CHOICE:
    case LB_VALUE_WHOLES: break;
    }
    write_text(file, value);
}

static void write_settings(FILE *file, const lb_settings *settings, const lb_train_config *config,
                           const char *data, const char *indent)
{
    char threads[16], epochs[32];
    (void)snprintf(threads, sizeof threads, "%d", config->threads);
    (void)snprintf(epochs, sizeof epochs, "%zu", config->epochs);
    const char *separator = "";
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        const char *value = lb_settings_value(settings, (lb_key)k);
        if (k == LB_KEY_DATA) value = data;
        if (k == LB_KEY_THREADS) value = threads;
        if (k == LB_KEY_EPOCHS) value = epochs;
        if (k == LB_KEY_BACKEND) value = config->backend->name;
        if (value == NULL || !lb_setting_is_kept((lb_key)k)) continue;
        (void)fprintf(file, "%s%s\"%s\": ", separator, indent, lb_setting_table[k].key);
        write_value(file, (lb_key)k, value);
        separator = ",";
    }
}

static void write_reals(FILE *file, const char *name, const float *values, size_t n)
{
    (void)fprintf(file, "\"%s\": [", name);
    for (size_t i = 0; i < n; i++) {
        char text[32]; /* the shortest that reads back as this float */
        int digits = 1;
        do (void)snprintf(text, sizeof text, "%.*g", digits, (double)values[i]);
        while (strtof(text, NULL) != values[i] && ++digits <= 9);
        (void)fprintf(file, "%s%s", i > 0 ? ", " : "", text);
    }
    (void)fputs("]", file);
}

static void write_facts(FILE *file, const lb_run_facts *f)
{
    (void)fprintf(
        file,
        "\"images\": {\"training\": %zu, \"channels\": %zu, \"height\": %zu, \"width\": %zu, ",
        f->images, f->shape.channels, f->shape.height, f->shape.width);
    (void)fprintf(file, "\"classes\": %zu, ", f->classes);
    if (f->normalization.raw_codes) (void)fputs("\"raw\": true, ", file);
    write_reals(file, "mean", f->normalization.mean, f->shape.channels);
    (void)fputs(", ", file);
    write_reals(file, "std", f->normalization.std, f->shape.channels);
    (void)fprintf(
        file,
        "},\n  \"network\": {\"parameters\": %zu, \"weight_bits\": %d, \"activation_bits\": %d}",
        f->parameters, f->w_bits, f->a_bits);
}

static lb_status out_of_memory(void)
{
    return lb_fail(LB_E_NOMEM, "out of memory: run description");
}

/* A text file in memory became `text`; the stream's failures are all for want of memory. */
static lb_status finish(FILE *file, char **text, char **out)
{
    const bool failed = ferror(file) != 0;
    lb_status status = LB_OK;
    if (fclose(file) != 0 || failed) status = out_of_memory();
    if (status == LB_OK) status = lb_strdup(*text, out);
    free(*text);
    return status;
}

lb_status lb_settings_describe(const lb_settings *settings, const lb_train_config *config,
                               const char *indent, char **out)
{
    char *data = NULL, *text = NULL;
    LB_TRY(lb_data_identity(lb_settings_value(settings, LB_KEY_DATA), &data));
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    lb_status status = file != NULL ? LB_OK : out_of_memory();
    if (status == LB_OK) {
        (void)fputc('{', file);
        write_settings(file, settings, config, data, indent);
        (void)fputs(indent[0] == '\n' ? "\n  }" : "}", file);
        status = finish(file, &text, out);
    }
    lb_free(data);
    return status;
}

lb_status lb_run_describe(const lb_settings *settings, const lb_train_config *config,
                          const lb_run_facts *facts, char **out)
{
    char *values = NULL, *text = NULL;
    LB_TRY(lb_settings_describe(settings, config, "\n    ", &values));
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    lb_status status = file != NULL ? LB_OK : out_of_memory();
    if (status == LB_OK) {
        (void)fprintf(file, "{\n  \"lowbit\": \"%s\",\n  \"settings\": %s,\n  ", LOWBIT_VERSION,
                      values);
        write_facts(file, facts);
        if (facts->init[0] != '\0') (void)fprintf(file, ",\n  \"init\": \"%s\"", facts->init);
        if (facts->teacher[0] != '\0')
            (void)fprintf(file, ",\n  \"teacher\": \"%s\"", facts->teacher);
        (void)fputs("\n}\n", file);
        status = finish(file, &text, out);
    }
    lb_free(values);
    return status;
}

/* ---- reading --------------------------------------------------------------------------------- */

static lb_status read_setting(const char *where, const char *key, const json_t *value,
                              lb_settings *settings)
{
    char number[64];
    const char *text = json_string_value(value);
    if (json_is_integer(value)) {
        (void)snprintf(number, sizeof number, "%lld", (long long)json_integer_value(value));
        text = number;
    } else if (json_is_real(value)) {
        lb_format_real(json_real_value(value), number);
        text = number;
    } else if (json_is_boolean(value)) {
        text = json_is_true(value) ? "yes" : "no";
    }
    if (text == NULL)
        return lb_fail(LB_E_FORMAT, "%s: setting '%s' is neither text, number nor switch", where,
                       key);
    const lb_status status = lb_settings_set_of_run(settings, key, text);
    if (status == LB_E_ARG) return lb_fail_in(LB_E_FORMAT, "%s", where);
    return status;
}

/* A whole number of an object, in [1, most]. */
static lb_status read_size(const char *where, const json_t *object, const char *key, size_t most,
                           size_t *out)
{
    const json_t *value = json_object_get(object, key);
    const json_int_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < 1 || (uint64_t)number > most) {
        return lb_fail(LB_E_FORMAT, "%s: images.%s is not a whole number from 1 to %zu", where, key,
                       most);
    }
    *out = (size_t)number;
    return LB_OK;
}

static lb_status read_reals(const char *where, const json_t *object, const char *key, double least,
                            size_t n, float *out)
{
    const json_t *list = json_object_get(object, key);
    if (!json_is_array(list) || json_array_size(list) != n) {
        return lb_fail(LB_E_FORMAT, "%s: images.%s is not a list of %zu numbers", where, key, n);
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *item = json_array_get(list, i);
        const double value = json_number_value(item);
        if (!json_is_number(item) || !(value >= least && value <= 1e6)) {
            return lb_fail(LB_E_FORMAT, "%s: images.%s[%zu] is not a number from %g to 1e6", where,
                           key, i, least);
        }
        out[i] = (float)value;
    }
    return LB_OK;
}

/* The hash of another run's file. */
static lb_status read_hash(const char *where, const json_t *root, const char *key,
                           char out[LB_SHA256_TEXT_BYTES])
{
    const json_t *value = json_object_get(root, key);
    if (value == NULL) return LB_OK;
    const char *text = json_string_value(value);
    const size_t digits = LB_SHA256_TEXT_BYTES - 1;
    if (text == NULL || strlen(text) != digits || strspn(text, "0123456789abcdef") != digits) {
        return lb_fail(LB_E_FORMAT, "%s: '%s' is not a SHA-256 of %zu hexadecimal digits", where,
                       key, digits);
    }
    memcpy(out, text, LB_SHA256_TEXT_BYTES);
    return LB_OK;
}

static lb_status read_facts(const char *where, const json_t *root, lb_run_facts *out)
{
    const json_t *images = json_object_get(root, "images");
    if (!json_is_object(images)) return lb_fail(LB_E_FORMAT, "%s: 'images' is missing", where);
    lb_run_facts f = {0};
    LB_TRY(read_size(where, images, "training", LB_DATA_MAX_COUNT, &f.images));
    LB_TRY(read_size(where, images, "channels", LB_IMAGE_MAX_CHANNELS, &f.shape.channels));
    LB_TRY(read_size(where, images, "height", LB_IMAGE_MAX_SIDE, &f.shape.height));
    LB_TRY(read_size(where, images, "width", LB_IMAGE_MAX_SIDE, &f.shape.width));
    LB_TRY(read_size(where, images, "classes", UINT16_MAX, &f.classes));
    f.normalization.raw_codes = json_is_true(json_object_get(images, "raw"));
    LB_TRY(read_reals(where, images, "mean", -1e6, f.shape.channels, f.normalization.mean));
    LB_TRY(read_reals(where, images, "std", 1e-6, f.shape.channels, f.normalization.std));
    const json_t *network = json_object_get(root, "network");
    f.parameters = (size_t)json_integer_value(json_object_get(network, "parameters"));
    f.w_bits = (int)json_integer_value(json_object_get(network, "weight_bits"));
    f.a_bits = (int)json_integer_value(json_object_get(network, "activation_bits"));
    LB_TRY(read_hash(where, root, "init", f.init));
    LB_TRY(read_hash(where, root, "teacher", f.teacher));
    *out = f;
    return LB_OK;
}

lb_status lb_run_description_read(const char *where, const char *text, lb_settings *settings,
                                  lb_run_facts *facts)
{
    json_error_t error;
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL) {
        return lb_fail(LB_E_FORMAT, "%s: not valid JSON: line %d: %s", where, error.line,
                       error.text);
    }
    lb_status status = LB_OK;
    json_t *values = json_object_get(root, "settings");
    if (!json_is_object(values)) status = lb_fail(LB_E_FORMAT, "%s: 'settings' is missing", where);
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(values, key, value)
    {
        if (status == LB_OK) status = read_setting(where, key, value, settings);
    }
    if (status == LB_OK) status = read_facts(where, root, facts);
    json_decref(root);
    return status;
}
