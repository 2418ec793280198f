/* Inside of lb_settings: three layers of values over the table's defaults. */
#ifndef LB_TRAIN_SETTINGS_H
#define LB_TRAIN_SETTINGS_H

#include "base/fail.h"
#include "lowbit/train.h"

typedef enum lb_key {
#define LB_SETTING(id, ...) LB_KEY_##id,
#include "train/settings.inc"
#undef LB_SETTING
    LB_N_KEYS
} lb_key;

typedef enum lb_setting_role { LB_ROLE_DEFINES, LB_ROLE_FREE, LB_ROLE_CONTROLS } lb_setting_role;

typedef enum lb_value_kind {
    LB_VALUE_TEXT,
    LB_VALUE_NAMES,  /* comma list of NAME=VALUE */
    LB_VALUE_SWITCH, /* "yes" or "no", takes no value on the command line */
    LB_VALUE_YES_NO,
    LB_VALUE_CHOICE,
    LB_VALUE_WHOLE,
    LB_VALUE_WHOLES, /* comma list */
    LB_VALUE_REAL
} lb_value_kind;

/* What the library knows of a key beyond lb_setting_info. */
typedef struct lb_setting_rule {
    lb_setting_role role;
    lb_value_kind kind;
    double low, high;    /* WHOLE, WHOLES, REAL                   */
    size_t most;         /* WHOLES: values at most                */
    const char *choices; /* CHOICE: "a|b|c"                       */
} lb_setting_rule;

extern const lb_setting_info lb_setting_table[LB_N_KEYS];
extern const lb_setting_rule lb_setting_rules[LB_N_KEYS];

/* Values by precedence: given by the user, read from the run that is resumed, set by the recipe. */
struct lb_settings {
    char *given[LB_N_KEYS];
    char *of_run[LB_N_KEYS];
    char *of_recipe[LB_N_KEYS];
};

/**
 * Write a value in its one canonical form: whole numbers without signs and zeros in front, reals
 * as the shortest text that reads back the same, lists without blanks.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_ARG the value is not of the key's kind or outside its range; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_setting_canonical(lb_key key, const char *value, char **out);

/** Shortest decimal text that reads back as `value`, which is finite. */
void lb_format_real(double value, char text[32]);

/** The key's index, or a failure with a suggestion. Errors: LB_E_ARG. */
LB_MUST_CHECK lb_status lb_setting_find(const char *name, lb_key *out);

/** The value in force, canonical; NULL: none. */
const char *lb_settings_value(const lb_settings *settings, lb_key key);

/** A copy, lb_settings_destroy. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_settings_copy(const lb_settings *settings, lb_settings **out);

/** Set a value of the run that is resumed: below what the user gave, above recipe and default.
 *  Errors: as lb_settings_set. */
LB_MUST_CHECK lb_status lb_settings_set_of_run(lb_settings *settings, const char *key,
                                               const char *value);

/* One recipe: what it sets, ended by a NULL key. */
typedef struct lb_recipe_value {
    const char *key, *value;
} lb_recipe_value;

/**
 * Call `visit` with every "key=value" of a recipe.
 *
 * Errors: LB_E_ARG unknown recipe (with a suggestion); what visit returns.
 */
LB_MUST_CHECK lb_status lb_recipe_apply(const char *name, lb_settings *settings);

#endif
