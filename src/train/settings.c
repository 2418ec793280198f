/* Settings: the table, reading and checking of values, and their precedence (given by the user,
 * then of the run that is resumed, then of the recipe, then the default). */
#include "train/settings.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"

/* The kinds as they stand in settings.inc. */
#define TEXT .kind = LB_VALUE_TEXT
#define NAMES .kind = LB_VALUE_NAMES
#define SWITCH .kind = LB_VALUE_SWITCH
#define YES_NO .kind = LB_VALUE_YES_NO
#define CHOICE(list) .kind = LB_VALUE_CHOICE, .choices = (list)
#define WHOLE(from, to) .kind = LB_VALUE_WHOLE, .low = (from), .high = (to)
#define WHOLES(from, to, count) \
    .kind = LB_VALUE_WHOLES, .low = (from), .high = (to), .most = (count)
#define REAL(from, to) .kind = LB_VALUE_REAL, .low = (from), .high = (to)

const lb_setting_rule lb_setting_rules[LB_N_KEYS] = {
#define LB_SETTING(id, key, value, standard, group, role_, kind_, help) \
    [LB_KEY_##id] = {.role = LB_ROLE_##role_, kind_},
#include "train/settings.inc"
#undef LB_SETTING
};

/* The public half of the table needs of a kind only whether it is a switch or repeats. */
#undef TEXT
#undef NAMES
#undef SWITCH
#undef YES_NO
#undef CHOICE
#undef WHOLE
#undef WHOLES
#undef REAL
#define TEXT false
#define NAMES false, .repeats = true
#define SWITCH true
#define YES_NO false
#define CHOICE(...) false
#define WHOLE(...) false
#define WHOLES(...) false
#define REAL(...) false

const lb_setting_info lb_setting_table[LB_N_KEYS] = {
#define LB_SETTING(id, key_, value, standard_, group_, role, kind, help_) \
    [LB_KEY_##id] = {.key = (key_),                                       \
                     .value_name = (value),                               \
                     .standard = (standard_),                             \
                     .help = (help_),                                     \
                     .group = (group_),                                   \
                     .is_switch = kind},
#include "train/settings.inc"
#undef LB_SETTING
};

const lb_setting_info *lb_setting_infos(size_t *n)
{
    *n = LB_N_KEYS;
    return lb_setting_table;
}

lb_status lb_setting_find(const char *name, lb_key *out)
{
    const char *names[LB_N_KEYS];
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        names[k] = lb_setting_table[k].key;
        if (strcmp(name, names[k]) == 0) {
            *out = (lb_key)k;
            return LB_OK;
        }
    }
    const char *near = lb_suggest(name, names, LB_N_KEYS);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "unknown setting '%s'; did you mean '%s'?", name, near);
    return lb_fail(LB_E_ARG, "unknown setting '%s'; `lowbit train --help` lists them", name);
}

/* ---- values ---------------------------------------------------------------------------------- */

void lb_format_real(double value, char text[32])
{
    if (fabs(value) < 1e15 && value == floor(value)) { /* 60, where %g would write 6e+01 */
        (void)snprintf(text, 32, "%.0f", value);
        return;
    }
    for (int digits = 1; digits <= 17; digits++) {
        (void)snprintf(text, 32, "%.*g", digits, value);
        if (strtod(text, NULL) == value) return;
    }
}

static bool read_whole(const char *text, double low, double high, long long *out)
{
    char *end = NULL;
    errno = 0;
    const long long value = strtoll(text, &end, 10);
    if (errno != 0 || end == text || *end != '\0') return false;
    if ((double)value < low || (double)value > high) return false;
    *out = value;
    return true;
}

static lb_status bad_value(lb_key key, const char *value)
{
    const lb_setting_rule *rule = &lb_setting_rules[key];
    const char *name = lb_setting_table[key].key;
    char low[32] = "", high[32] = "";
    lb_format_real(rule->low, low);
    lb_format_real(rule->high, high);
    if (rule->kind == LB_VALUE_WHOLE || rule->kind == LB_VALUE_WHOLES) {
        (void)snprintf(low, sizeof low, "%.0f", rule->low);
        (void)snprintf(high, sizeof high, "%.0f", rule->high);
    }
    switch (rule->kind) {
    case LB_VALUE_WHOLE:
        return lb_fail(LB_E_ARG, "%s '%s': wanted a whole number from %s to %s", name, value, low,
                       high);
    case LB_VALUE_WHOLES:
        return lb_fail(LB_E_ARG,
                       "%s '%s': wanted up to %zu whole numbers from %s to %s, with commas between",
                       name, value, rule->most, low, high);
    case LB_VALUE_REAL:
        return lb_fail(LB_E_ARG, "%s '%s': wanted a number from %s to %s", name, value, low, high);
    case LB_VALUE_CHOICE:
        return lb_fail(LB_E_ARG, "%s '%s': wanted one of %s", name, value, rule->choices);
    case LB_VALUE_NAMES: return lb_fail(LB_E_ARG, "%s '%s': wanted NAME=VALUE", name, value);
    case LB_VALUE_SWITCH:
    case LB_VALUE_YES_NO: return lb_fail(LB_E_ARG, "%s '%s': wanted yes or no", name, value);
    case LB_VALUE_TEXT: break;
    }
    return lb_fail(LB_E_ARG, "%s: wanted a text that is not empty, without control characters",
                   name);
}

static lb_status canonical_whole(lb_key key, const char *value, char **out)
{
    const lb_setting_rule *rule = &lb_setting_rules[key];
    long long number = 0;
    if (!read_whole(value, rule->low, rule->high, &number)) return bad_value(key, value);
    char text[32];
    (void)snprintf(text, sizeof text, "%lld", number);
    return lb_strdup(text, out);
}

static lb_status canonical_real(lb_key key, const char *value, char **out)
{
    const lb_setting_rule *rule = &lb_setting_rules[key];
    char *end = NULL;
    const double number = strtod(value, &end);
    /* written so that NaN is refused too; strtod would take 0x10 for 16 */
    if (end == value || *end != '\0' || strpbrk(value, "xX") != NULL ||
        !(number >= rule->low && number <= rule->high)) {
        return bad_value(key, value);
    }
    char text[32];
    lb_format_real(number == 0.0 ? 0.0 : number, text); /* -0 is 0 */
    return lb_strdup(text, out);
}

/* One number of a list, appended to the text at *at; false: not of the kind. */
static bool append_whole(const lb_setting_rule *rule, const char *piece, char *text, size_t *at)
{
    long long number = 0;
    if (!read_whole(piece, rule->low, rule->high, &number)) return false;
    *at += (size_t)snprintf(text + *at, 32, "%s%lld", *at > 0 ? "," : "", number);
    return true;
}

static lb_status canonical_wholes(lb_key key, const char *value, char **out)
{
    const lb_setting_rule *rule = &lb_setting_rules[key];
    char *copy = NULL;
    LB_TRY(lb_strdup(value, &copy));
    char text[32 * 32] = "";
    lb_assert(rule->most <= 32);
    size_t n = 0, at = 0;
    bool good = true;
    /* cut by hand: strtok would let empty pieces pass */
    for (char *piece = copy; good && piece != NULL; n++) {
        char *comma = strchr(piece, ',');
        if (comma != NULL) *comma = '\0';
        good = n < rule->most && append_whole(rule, piece, text, &at);
        piece = comma != NULL ? comma + 1 : NULL;
    }
    lb_free(copy);
    return good ? lb_strdup(text, out) : bad_value(key, value);
}

static bool is_choice(const char *choices, const char *value)
{
    const size_t length = strlen(value);
    if (length == 0 || strchr(value, '|') != NULL) return false;
    for (const char *at = choices; at != NULL; at = strchr(at, '|')) {
        if (*at == '|') at++;
        if (strncmp(at, value, length) == 0 && (at[length] == '|' || at[length] == '\0'))
            return true;
    }
    return false;
}

static bool is_plain_text(const char *value)
{
    for (const unsigned char *c = (const unsigned char *)value; *c != '\0'; c++) {
        if (*c < 0x20 || *c == 0x7f) return false;
    }
    return value[0] != '\0';
}

static lb_status canonical_switch(lb_key key, const char *value, char **out)
{
    static const char *const yes[] = {"yes", "true", "on", "1"}, *const no[] = {"no", "false",
                                                                                "off", "0"};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++) {
        if (strcmp(value, yes[i]) == 0) return lb_strdup("yes", out);
        if (strcmp(value, no[i]) == 0) return lb_strdup("no", out);
    }
    return bad_value(key, value);
}

lb_status lb_setting_canonical(lb_key key, const char *value, char **out)
{
    const lb_setting_rule *rule = &lb_setting_rules[key];
    switch (rule->kind) {
    case LB_VALUE_WHOLE: return canonical_whole(key, value, out);
    case LB_VALUE_WHOLES: return canonical_wholes(key, value, out);
    case LB_VALUE_REAL: return canonical_real(key, value, out);
    case LB_VALUE_SWITCH:
    case LB_VALUE_YES_NO: return canonical_switch(key, value, out);
    case LB_VALUE_CHOICE:
        return is_choice(rule->choices, value) ? lb_strdup(value, out) : bad_value(key, value);
    case LB_VALUE_NAMES:
        if (!is_plain_text(value) || strchr(value, '=') == NULL) return bad_value(key, value);
        return lb_strdup(value, out);
    case LB_VALUE_TEXT: break;
    }
    return is_plain_text(value) ? lb_strdup(value, out) : bad_value(key, value);
}

/* ---- the map --------------------------------------------------------------------------------- */

lb_status lb_settings_create(lb_settings **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof **out, "settings", &block));
    *out = block;
    return LB_OK;
}

void lb_settings_destroy(lb_settings *settings)
{
    if (settings == NULL) return;
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        lb_free(settings->given[k]);
        lb_free(settings->of_run[k]);
        lb_free(settings->of_recipe[k]);
    }
    lb_free(settings);
}

/* "a,b" of two lists. */
static lb_status join(const char *first, const char *second, char **out)
{
    const size_t bytes = strlen(first) + strlen(second) + 2;
    void *block = NULL;
    LB_TRY(lb_alloc(bytes, 1, "setting", &block));
    (void)snprintf(block, bytes, "%s,%s", first, second);
    *out = block;
    return LB_OK;
}

lb_status lb_settings_set(lb_settings *settings, const char *name, const char *value)
{
    lb_key key = LB_N_KEYS;
    LB_TRY(lb_setting_find(name, &key));
    char *text = NULL;
    LB_TRY(lb_setting_canonical(key, value, &text));
    lb_status status = LB_OK;
    if (key == LB_KEY_RECIPE) status = lb_recipe_apply(text, settings);
    if (status == LB_OK && lb_setting_table[key].repeats && settings->given[key] != NULL) {
        char *both = NULL;
        status = join(settings->given[key], text, &both);
        lb_free(text);
        text = both;
    }
    if (status != LB_OK) {
        lb_free(text);
        return status;
    }
    lb_free(settings->given[key]);
    settings->given[key] = text;
    return LB_OK;
}

lb_status lb_settings_set_of_run(lb_settings *settings, const char *name, const char *value)
{
    lb_key key = LB_N_KEYS;
    LB_TRY(lb_setting_find(name, &key));
    char *text = NULL;
    LB_TRY(lb_setting_canonical(key, value, &text));
    lb_free(settings->of_run[key]);
    settings->of_run[key] = text;
    return LB_OK;
}

const char *lb_settings_value(const lb_settings *settings, lb_key key)
{
    if (settings->given[key] != NULL) return settings->given[key];
    if (settings->of_run[key] != NULL) return settings->of_run[key];
    if (settings->of_recipe[key] != NULL) return settings->of_recipe[key];
    return lb_setting_table[key].standard;
}

const char *lb_settings_get(const lb_settings *settings, const char *name)
{
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        if (strcmp(name, lb_setting_table[k].key) == 0)
            return lb_settings_value(settings, (lb_key)k);
    }
    return NULL;
}

static lb_status copy_layer(char *const *from, char **to)
{
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        if (from[k] != NULL) LB_TRY(lb_strdup(from[k], &to[k]));
    }
    return LB_OK;
}

lb_status lb_settings_copy(const lb_settings *settings, lb_settings **out)
{
    lb_settings *copy = NULL;
    LB_TRY(lb_settings_create(&copy));
    lb_status status = copy_layer(settings->given, copy->given);
    if (status == LB_OK) status = copy_layer(settings->of_run, copy->of_run);
    if (status == LB_OK) status = copy_layer(settings->of_recipe, copy->of_recipe);
    if (status != LB_OK) {
        lb_settings_destroy(copy);
        return status;
    }
    *out = copy;
    return LB_OK;
}
