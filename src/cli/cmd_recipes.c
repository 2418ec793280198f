/* lowbit recipes - the recipes of `lowbit train --recipe`. */
#include <stdio.h>

#include "cli/cli.h"
#include "lowbit/train.h"

static const struct poptOption options[] = {POPT_TABLEEND};

static int run(poptContext context)
{
    const char *extra = poptGetArg(context);
    if (extra != NULL) return lb_cli_fail("recipes", LB_E_ARG, "unexpected argument '%s'", extra);
    size_t n = 0;
    const lb_recipe_info *recipes = lb_recipe_infos(&n);
    for (size_t i = 0; i < n; i++) {
        (void)printf("%s\n    %s\n    %s\n", recipes[i].name, recipes[i].summary,
                     recipes[i].values);
    }
    return LB_OK;
}

const lb_command lb_command_recipes = {
    .name = "recipes",
    .summary = "list the training recipes of the papers",
    .arguments = "",
    .description =
        "Lists the recipes that --recipe of `lowbit train` takes, with all that each of them sets.",
    .examples = "lowbit recipes\n",
    .options = options,
    .run = run,
};
