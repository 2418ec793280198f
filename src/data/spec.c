/* Taking a SPEC apart, and the questions that need no data: which kinds there are, where they lie. */
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/suggest.h"
#include "data/dataset.h"

enum {
    DEFAULT_SYNTHETIC_COUNT = 10000,
    MIN_SYNTHETIC_COUNT = 10,
    MAX_SYNTHETIC_COUNT = 10000000,
    MAX_KINDS = 32
};

const lb_data_entry *lb_data_entry_at(size_t index)
{
    for (size_t i = 0; lb_data_kinds[i].entry.name != NULL; i++) {
        if (i == index) return &lb_data_kinds[i].entry;
    }
    return NULL;
}

static lb_status unknown_kind(const char *name, size_t length)
{
    const char *names[MAX_KINDS];
    char list[512] = "", word[64];
    size_t n = 0;
    for (; lb_data_kinds[n].entry.name != NULL && n < MAX_KINDS; n++) {
        names[n] = lb_data_kinds[n].entry.name;
        const size_t used = strlen(list);
        snprintf(list + used, sizeof list - used, "%s%s", n ? ", " : "", names[n]);
    }
    snprintf(word, sizeof word, "%.*s", (int)(length < sizeof word ? length : sizeof word - 1),
             name);
    const char *near = lb_suggest(word, names, n);
    if (near != NULL) {
        return lb_fail(LB_E_ARG, "no data set '%s'; did you mean '%s'? There are: %s", word, near,
                       list);
    }
    return lb_fail(LB_E_ARG, "no data set '%s'; there are: %s", word, list);
}

/* $LOWBIT_DATA/NAME with hyphens as underscores; NULL where the variable is not set. */
static lb_status default_folder(const char *name, char **out)
{
    const char *root = getenv("LOWBIT_DATA");
    char folder[64];
    if (root == NULL || root[0] == '\0') {
        *out = NULL;
        return LB_OK;
    }
    snprintf(folder, sizeof folder, "%s", name);
    for (char *c = folder; *c != '\0'; c++) *c = *c == '-' ? '_' : *c;
    return lb_path_join(root, folder, out);
}

static lb_status parse_count(const char *name, const char *text, size_t *out)
{
    char *end = NULL;
    const unsigned long long count = isdigit((unsigned char)text[0]) ? strtoull(text, &end, 10) : 0;
    if (end == NULL || *end != '\0' || count < MIN_SYNTHETIC_COUNT || count > MAX_SYNTHETIC_COUNT) {
        return lb_fail(LB_E_ARG, "%s:%s: wanted the number of training images, %d to %d", name,
                       text, MIN_SYNTHETIC_COUNT, MAX_SYNTHETIC_COUNT);
    }
    *out = (size_t)count;
    return LB_OK;
}

lb_status lb_data_spec_parse(const char *spec, lb_data_spec *out)
{
    const char *colon = strchr(spec, ':');
    const size_t length = colon != NULL ? (size_t)(colon - spec) : strlen(spec);
    const lb_data_kind *kind = lb_data_kinds;
    while (kind->entry.name != NULL &&
           (strlen(kind->entry.name) != length || strncmp(kind->entry.name, spec, length) != 0)) {
        kind++;
    }
    if (kind->entry.name == NULL) return unknown_kind(spec, length);
    const char *argument = colon != NULL ? colon + 1 : NULL;
    lb_data_spec parsed = {.kind = kind, .training_count = DEFAULT_SYNTHETIC_COUNT};
    if (argument != NULL && argument[0] == '\0') {
        return lb_fail(LB_E_ARG, "'%s': nothing after the colon; wanted %s:%s", spec,
                       kind->entry.name, kind->entry.synthetic ? "COUNT" : "DIR");
    }
    if (kind->entry.synthetic) {
        if (argument != NULL)
            LB_TRY(parse_count(kind->entry.name, argument, &parsed.training_count));
    } else if (argument != NULL) {
        LB_TRY(lb_strdup(argument, &parsed.folder));
    } else {
        LB_TRY(default_folder(kind->entry.name, &parsed.folder));
    }
    *out = parsed;
    return LB_OK;
}

void lb_data_spec_release(lb_data_spec *spec)
{
    lb_free(spec->folder);
    *spec = (lb_data_spec){0};
}

lb_status lb_data_locate(const char *text, char *folder, size_t folder_bytes, bool *found)
{
    lb_data_spec spec;
    LB_TRY(lb_data_spec_parse(text, &spec));
    lb_status status = LB_OK;
    const char *place = spec.folder != NULL ? spec.folder : "";
    if (strlen(place) >= folder_bytes) {
        status = lb_fail(LB_E_ARG, "the path of '%s' is longer than %zu bytes", text, folder_bytes);
    } else {
        snprintf(folder, folder_bytes, "%s", place);
        *found = spec.kind->entry.synthetic;
        if (!*found && spec.folder != NULL) {
            *found = true;
            for (int split = LB_SPLIT_TRAIN; split <= LB_SPLIT_TEST; split++) {
                if (spec.kind->format->missing(spec.folder, (lb_split)split)) *found = false;
            }
        }
    }
    lb_data_spec_release(&spec);
    return status;
}
