/* Recipes: named sets of settings, kept as text and put into the settings' recipe layer. */
#include <string.h>

#include "base/memory.h"
#include "base/suggest.h"
#include "train/settings.h"

static const lb_recipe_info recipes[] = {
#define LB_RECIPE(...) {__VA_ARGS__},
#include "train/recipes.inc"
#undef LB_RECIPE
};
enum { N_RECIPES = sizeof recipes / sizeof *recipes };

const lb_recipe_info *lb_recipe_infos(size_t *n)
{
    *n = N_RECIPES;
    return recipes;
}

static lb_status find(const char *name, const lb_recipe_info **out)
{
    const char *names[N_RECIPES];
    for (size_t i = 0; i < N_RECIPES; i++) {
        names[i] = recipes[i].name;
        if (strcmp(name, names[i]) == 0) {
            *out = &recipes[i];
            return LB_OK;
        }
    }
    const char *near = lb_suggest(name, names, N_RECIPES);
    if (near != NULL)
        return lb_fail(LB_E_ARG, "unknown recipe '%s'; did you mean '%s'?", name, near);
    return lb_fail(LB_E_ARG, "unknown recipe '%s'; `lowbit recipes` lists them", name);
}

/* One "key=value", cut in place. */
static lb_status apply_pair(char *pair, char **values)
{
    char *equals = strchr(pair, '=');
    lb_assert(equals != NULL);
    *equals = '\0';
    lb_key key = LB_N_KEYS;
    LB_TRY(lb_setting_find(pair, &key));
    lb_free(values[key]);
    values[key] = NULL;
    return lb_setting_canonical(key, equals + 1, &values[key]);
}

lb_status lb_recipe_apply(const char *name, lb_settings *settings)
{
    const lb_recipe_info *recipe = NULL;
    LB_TRY(find(name, &recipe));
    char *text = NULL;
    LB_TRY(lb_strdup(recipe->values, &text));
    char *values[LB_N_KEYS] = {NULL};
    lb_status status = LB_OK;
    char *rest = NULL;
    for (char *pair = strtok_r(text, " ", &rest); status == LB_OK && pair != NULL;
         pair = strtok_r(NULL, " ", &rest)) {
        status = apply_pair(pair, values);
    }
    for (size_t k = 0; k < LB_N_KEYS; k++) {
        char *unused = values[k];
        if (status == LB_OK) { /* all of them or none */
            unused = settings->of_recipe[k];
            settings->of_recipe[k] = values[k];
        }
        lb_free(unused);
    }
    lb_free(text);
    return status;
}
