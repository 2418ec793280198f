/* lowbit recipes [NAME] - the recipes of `lowbit train --recipe`. */
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "lowbit/train.h"

static int json_wanted;

static const struct poptOption options[] = {
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0, "print one JSON object a line", NULL},
    POPT_TABLEEND,
};

static void print_text(const lb_recipe_info *r)
{
    (void)printf("%s\n    %s\n    %s\n", r->name, r->summary, r->values);
}

/* The values "model=lenet5 augment=rotate=10,crop=4" as an object of texts. */
static void print_json(const lb_recipe_info *r)
{
    (void)printf("{\"name\":\"%s\",\"summary\":", r->name);
    lb_cli_json_string(stdout, r->summary);
    (void)printf(",\"settings\":{");
    for (const char *at = r->values; *at != '\0'; at += strspn(at, " ")) {
        const size_t key = strcspn(at, "="), all = strcspn(at, " ");
        (void)printf("%s\"%.*s\":\"%.*s\"", at == r->values ? "" : ",", (int)key, at,
                     (int)(all - key - 1), at + key + 1);
        at += all;
    }
    (void)printf("}}\n");
}

static int run(poptContext context)
{
    const char *name = poptGetArg(context), *extra = poptGetArg(context);
    if (extra != NULL) return lb_cli_fail("recipes", LB_E_ARG, "unexpected argument '%s'", extra);
    size_t n = 0, shown = 0;
    const lb_recipe_info *recipes = lb_recipe_infos(&n);
    for (size_t i = 0; i < n; i++) {
        if (name != NULL && strcmp(name, recipes[i].name) != 0) continue;
        (json_wanted ? print_json : print_text)(&recipes[i]);
        shown++;
    }
    if (shown > 0) return LB_OK;
    return lb_cli_fail("recipes", LB_E_ARG, "unknown recipe '%s'; `lowbit recipes` lists them",
                       name);
}

const lb_command lb_command_recipes = {
    .name = "recipes",
    .summary = "list the training recipes of the papers",
    .arguments = "[NAME]",
    .description =
        "Lists the recipes that --recipe of `lowbit train` takes, or the one called NAME, with all "
        "that each of them sets.",
    .examples = "lowbit recipes\n"
                "lowbit recipes redbit-mnist --json\n",
    .options = options,
    .run = run,
};
