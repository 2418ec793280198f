/* lowbit data - list, inspect, fetch and generate data sets. */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "cli/data_images.h"
#include "lowbit/data.h"

enum { PATH_BYTES = 4096, SHEET_COLUMNS = 20, STANDARD_COUNT = 10000 };

static struct {
    const char *dir, *url, *out, *sheet;
    int count, color, json, edge, quality, jobs;
} given = {.count = STANDARD_COUNT};

static const struct poptOption options[] = {
    {"dir", '\0', POPT_ARG_STRING, &given.dir, 0, "get: folder for the files", "DIR"},
    {"url", '\0', POPT_ARG_STRING, &given.url, 0, "get: fetch from here, not from the publisher",
     "BASE"},
    {"out", 'o', POPT_ARG_STRING, &given.out, 0, "synth, cache: write into this folder", "FOLDER"},
    {"short-edge", '\0', POPT_ARG_INT, &given.edge, 0,
     "cache: resize to this (default: 256; imagenet-square: both edges)", "PIXELS"},
    {"quality", '\0', POPT_ARG_INT, &given.quality, 0,
     "cache: as JPEG of this quality, 1 to 100 (default: raw pixels)", "Q"},
    {"jobs", '\0', POPT_ARG_INT, &given.jobs, 0, "cache: threads (default: all processors)", "N"},
    {"count", '\0', POPT_ARG_INT | POPT_ARGFLAG_SHOW_DEFAULT, &given.count, 0,
     "synth: training images (test: a fifth of it)", "N"},
    {"color", '\0', POPT_ARG_NONE, &given.color, 0, "synth: 32x32x3 in colour, not 28x28x1", NULL},
    {"sheet", '\0', POPT_ARG_STRING, &given.sheet, 0, "synth, info: draw a contact sheet",
     "FILE.png"},
    {"json", '\0', POPT_ARG_NONE, &given.json, 0,
     "list, info, check, cache: print JSON, one object a line", NULL},
    POPT_TABLEEND,
};

static int fail(lb_status status)
{
    return lb_cli_error("data", (int)status);
}

static int usage(const char *message)
{
    return lb_cli_fail("data", LB_E_ARG, "%s", message);
}

static void list_json(const lb_data_entry *entry, const char *folder, bool found)
{
    (void)printf("{\"name\":\"%s\",\"summary\":", entry->name);
    lb_cli_json_string(stdout, entry->summary);
    (void)printf(",\"synthetic\":%s,\"found\":%s,\"folder\":", entry->synthetic ? "true" : "false",
                 found ? "true" : "false");
    if (folder[0] != '\0') {
        lb_cli_json_string(stdout, folder);
    } else {
        (void)printf("null");
    }
    (void)printf(",\"download_bytes\":%" PRIu64 "}\n", entry->download_bytes);
}

static void list_line(const lb_data_entry *entry, const char *folder, bool found)
{
    (void)printf("%-16s %-11s %s\n", entry->name,
                 entry->synthetic ? "built in"
                 : found          ? "found"
                                  : "not found",
                 entry->summary);
    if (!entry->synthetic && folder[0] != '\0') (void)printf("%28s %s\n", "", folder);
}

static int list(void)
{
    bool any_folder = false;
    for (size_t i = 0; lb_data_entry_at(i) != NULL; i++) {
        const lb_data_entry *entry = lb_data_entry_at(i);
        char folder[PATH_BYTES] = "";
        bool found = false;
        const lb_status status = lb_data_locate(entry->name, folder, sizeof folder, &found);
        if (status != LB_OK) return fail(status);
        any_folder = any_folder || folder[0] != '\0';
        if (given.json) {
            list_json(entry, folder, found);
        } else {
            list_line(entry, folder, found);
        }
    }
    if (!any_folder && !given.json) {
        (void)printf(
            "\nLOWBIT_DATA is not set: give NAME:DIR, or set it to the folder that holds the data "
            "sets.\n");
    }
    return LB_OK;
}

/* Both splits of a data set and what is told of them. */
typedef struct facts {
    lb_dataset *splits[2];
    lb_dataset_info info[2];
    size_t *counts[2];
    double mean[LB_IMAGE_MAX_CHANNELS], std[LB_IMAGE_MAX_CHANNELS];
    char folder[PATH_BYTES];
} facts;

static void print_figures(const char *name, const double *values, size_t n, bool json)
{
    (void)printf(json ? "\"%s\":[" : "%-10s ", name);
    for (size_t c = 0; c < n; c++)
        (void)printf("%s%.4f", c == 0 ? "" : json ? "," : ", ", values[c]);
    (void)printf(json ? "]," : "\n");
}

static void info_json(const facts *f)
{
    const lb_dataset_info *a = &f->info[0];
    (void)printf("{\"name\":\"%s\",\"folder\":", a->name);
    if (f->folder[0] != '\0') {
        lb_cli_json_string(stdout, f->folder);
    } else {
        (void)printf("null");
    }
    (void)printf(",\"train\":%zu,\"test\":%zu,\"channels\":%zu,\"height\":%zu,\"width\":%zu,",
                 a->count, f->info[1].count, a->channels, a->height, a->width);
    print_figures("mean", f->mean, a->channels, true);
    print_figures("std", f->std, a->channels, true);
    (void)printf("\"classes\":[");
    for (size_t c = 0; c < a->classes; c++) {
        (void)printf("%s{\"name\":", c == 0 ? "" : ",");
        lb_cli_json_string(stdout, lb_dataset_class_name(f->splits[0], c));
        (void)printf(",\"train\":%zu,\"test\":%zu}", f->counts[0][c], f->counts[1][c]);
    }
    (void)printf("]}\n");
}

static void info_text(const facts *f)
{
    const lb_dataset_info *a = &f->info[0];
    (void)printf("data set   %s\n", a->name);
    (void)printf("folder     %s\n", f->folder[0] != '\0' ? f->folder : "(generated)");
    (void)printf("images     %zu training, %zu test%s\n", a->count, f->info[1].count,
                 a->is_stream ? ", decoded as they are used" : "");
    (void)printf("shape      %zux%zux%zu (channels, height, width)\n", a->channels, a->height,
                 a->width);
    print_figures("mean", f->mean, a->channels, false);
    print_figures("std", f->std, a->channels, false);
    (void)printf("\n%5s  %-24s %9s %9s\n", "class", "name", "training", "test");
    for (size_t c = 0; c < a->classes; c++) {
        (void)printf("%5zu  %-24s %9zu %9zu\n", c, lb_dataset_class_name(f->splits[0], c),
                     f->counts[0][c], f->counts[1][c]);
    }
}

static lb_status gather(const char *spec, facts *f)
{
    bool found = false;
    lb_status status = lb_data_locate(spec, f->folder, sizeof f->folder, &found);
    for (int s = LB_SPLIT_TRAIN; s <= LB_SPLIT_TEST && status == LB_OK; s++) {
        status = lb_dataset_open(spec, (lb_split)s, &f->splits[s]);
        if (status != LB_OK) break;
        lb_dataset_get_info(f->splits[s], &f->info[s]);
        f->counts[s] = calloc(f->info[s].classes, sizeof(size_t));
        if (f->counts[s] == NULL) return LB_E_NOMEM;
        lb_dataset_class_counts(f->splits[s], f->counts[s]);
    }
    if (status == LB_OK) status = lb_dataset_statistics(f->splits[LB_SPLIT_TRAIN], f->mean, f->std);
    if (status == LB_OK && given.sheet != NULL) {
        status = lb_dataset_write_sheet(f->splits[LB_SPLIT_TRAIN], SHEET_COLUMNS, given.sheet);
    }
    return status;
}

static int info(const char *spec)
{
    if (spec == NULL) return usage("info: which data set? `lowbit data list` shows the names");
    facts f = {.folder = ""};
    const lb_status status = gather(spec, &f);
    int exit_status = LB_OK;
    if (status != LB_OK) {
        exit_status = fail(status);
    } else if (given.json) {
        info_json(&f);
    } else {
        info_text(&f);
    }
    for (int s = 0; s < 2; s++) {
        lb_dataset_close(f.splits[s]);
        free(f.counts[s]);
    }
    return exit_status;
}

/* One line a file that changes on a terminal; otherwise one line once it has arrived. */
static void show_progress(void *context, const char *file, uint64_t done, uint64_t total)
{
    uint64_t *shown = context;
    const uint64_t step = 1u << 20;
    const bool terminal = isatty(STDERR_FILENO) != 0, last = done == total;
    if (!last && (!terminal || (done >= *shown && done < *shown + step))) return;
    *shown = done;
    (void)fprintf(stderr, "%s%-28s %8.1f of %.1f MB%s", terminal ? "\r" : "", file,
                  (double)done * 1e-6, (double)total * 1e-6, last ? "\n" : "");
}

static int get(const char *name)
{
    if (name == NULL) return usage("get: which data set? `lowbit data list` shows the names");
    char folder[PATH_BYTES] = "";
    bool found = false;
    uint64_t shown = 0;
    const lb_data_get_options get_options = {
        .folder = given.dir, .url_base = given.url, .progress = show_progress, .context = &shown};
    if (strchr(name, ':') != NULL)
        return usage("get: a name without a folder; --dir gives the folder");
    lb_status status = lb_data_get(name, &get_options);
    if (status == LB_OK) status = lb_data_locate(name, folder, sizeof folder, &found);
    if (status != LB_OK) return fail(status);
    (void)printf("%s: complete in %s, checked\n", name, given.dir != NULL ? given.dir : folder);
    return LB_OK;
}

static int synth(void)
{
    if (given.out == NULL && given.sheet == NULL) {
        return usage("synth: nothing to do; give --out FOLDER, --sheet FILE.png, or both");
    }
    char spec[64];
    const char *name = given.color ? "synth-color" : "synth-digits";
    (void)snprintf(spec, sizeof spec, "%s:%d", name, given.count);
    for (int s = LB_SPLIT_TRAIN; s <= LB_SPLIT_TEST; s++) {
        lb_dataset *dataset = NULL;
        lb_status status = lb_dataset_open(spec, (lb_split)s, &dataset);
        if (status == LB_OK && given.out != NULL) status = lb_dataset_write_idx(dataset, given.out);
        if (status == LB_OK && given.sheet != NULL && s == LB_SPLIT_TRAIN) {
            status = lb_dataset_write_sheet(dataset, SHEET_COLUMNS, given.sheet);
        }
        lb_dataset_close(dataset);
        if (status != LB_OK) return fail(status);
    }
    if (given.out != NULL) (void)printf("wrote %s; use it as idx:%s\n", name, given.out);
    if (given.sheet != NULL) (void)printf("drew %s\n", given.sheet);
    return LB_OK;
}

static int images(const char *action, const char *spec)
{
    const lb_cli_images_options wanted = {given.out, given.edge, given.quality, given.jobs,
                                          given.json};
    if (spec == NULL) {
        return lb_cli_fail("data", LB_E_ARG,
                           "%s: which data set? `lowbit data list` shows the names", action);
    }
    return strcmp(action, "check") == 0 ? lb_cli_data_check(spec, &wanted)
                                        : lb_cli_data_cache(spec, &wanted);
}

/* An option of another action is a mistake: `get NAME --out FOLDER` would fetch to somewhere else. */
static int check_options(const char *action)
{
    const struct {
        const char *name, *actions;
        bool given;
    } all[] = {
        {"dir", "get", given.dir != NULL},
        {"url", "get", given.url != NULL},
        {"out", "synth and cache", given.out != NULL},
        {"short-edge", "cache", given.edge != 0},
        {"quality", "cache", given.quality != 0},
        {"jobs", "cache", given.jobs != 0},
        {"count", "synth", given.count != STANDARD_COUNT},
        {"color", "synth", given.color != 0},
        {"sheet", "synth and info", given.sheet != NULL},
        {"json", "list, info, check and cache", given.json != 0},
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        if (!all[i].given || strstr(all[i].actions, action) != NULL) continue;
        return lb_cli_fail("data", LB_E_ARG, "%s: --%s is for %s", action, all[i].name,
                           all[i].actions);
    }
    return LB_OK;
}

static int act(const char *action, const char *argument)
{
    if (strcmp(action, "info") == 0) return info(argument);
    if (strcmp(action, "get") == 0) return get(argument);
    if (strcmp(action, "check") == 0 || strcmp(action, "cache") == 0)
        return images(action, argument);
    if (argument != NULL)
        return lb_cli_fail("data", LB_E_ARG, "one argument too many: '%s'", argument);
    return strcmp(action, "list") == 0 ? list() : synth();
}

static int run(poptContext context)
{
    static const char *const actions[] = {"list", "info", "get", "synth", "check", "cache"};
    const char *action = poptGetArg(context),
               *argument = action != NULL ? poptGetArg(context) : NULL;
    const char *extra = argument != NULL ? poptGetArg(context) : NULL;
    if (action == NULL)
        return usage(
            "nothing to do; wanted list, info SPEC, get NAME, synth, check SPEC or cache SPEC");
    if (extra != NULL) return lb_cli_fail("data", LB_E_ARG, "one argument too many: '%s'", extra);
    bool known = false;
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        known = known || strcmp(action, actions[i]) == 0;
    if (!known) {
        return lb_cli_fail("data", LB_E_ARG,
                           "unknown action '%s'; wanted list, info, get, synth, check or cache",
                           action);
    }
    const int exit_status = check_options(action);
    return exit_status == LB_OK ? act(action, argument) : exit_status;
}

const lb_command lb_command_data = {
    .name = "data",
    .summary = "list, inspect, fetch, check, cache and generate data sets",
    .arguments = "list|info SPEC|get NAME|synth|check SPEC|cache SPEC",
    .description =
        "list shows the data sets and where they lie; info opens one and counts its images; get "
        "downloads "
        "one, resumes a download that was cut off, and checks size and SHA-256; synth writes the "
        "built-in "
        "synthetic digits as IDX files; check reads every image of imagenet's folders and names "
        "those "
        "that cannot be read; cache writes their images, resized, into a folder that the same SPEC "
        "opens, and goes on where it was cut off. A SPEC is NAME, looked for in $LOWBIT_DATA/NAME "
        "(hyphens "
        "as "
        "underscores), NAME:DIR, or synth-digits or synth-color with an optional :COUNT.",
    .examples = "lowbit data list\n"
                "lowbit data get mnist --dir data/mnist\n"
                "lowbit data info mnist:data/mnist\n"
                "lowbit data check imagenet:/data/imagenet\n"
                "lowbit data cache imagenet:/data/imagenet --out /data/imagenet-256 --quality 95\n"
                "lowbit data synth --out data/synth --count 20000 --sheet digits.png\n",
    .options = options,
    .run = run,
};
