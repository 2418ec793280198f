/* Sorting runs into sections, their settings' values, and the best run of some kind. */
#include "lab/report_data.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Settings in a run's description that do not change what it computes, and the seed, which tells its repetitions
 * apart. */
static const char *const not_of_configuration[] = {"seed", "threads", "backend", "workers"};

/* What a section shows that asks for nothing in particular. */
static const lb_report_item standard_items[] = {
    {.kind = LB_REPORT_TABLE},       {.kind = LB_REPORT_BITS},  {.kind = LB_REPORT_BARS},
    {.kind = LB_REPORT_CONVERGENCE}, {.kind = LB_REPORT_COSTS}, {.kind = LB_REPORT_WEIGHTS},
    {.kind = LB_REPORT_FREEZING},
};
enum { N_STANDARD_ITEMS = sizeof standard_items / sizeof *standard_items };

/* ---- values ---------------------------------------------------------------------------------- */

static const char *json_value(const json_t *value, char text[LB_VALUE_BYTES])
{
    if (json_is_string(value)) return json_string_value(value);
    if (json_is_boolean(value)) return json_is_true(value) ? "yes" : "no";
    text[0] = '\0';
    if (json_is_integer(value)) {
        (void)snprintf(text, LB_VALUE_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_real(value)) {
        (void)snprintf(text, LB_VALUE_BYTES, "%.9g", json_real_value(value));
    }
    return text;
}

static const char *text_or_empty(const char *text)
{
    return text != NULL ? text : "";
}

const char *lb_report_value(const lb_report_run *run, const char *key, char text[LB_VALUE_BYTES])
{
    const lb_run_record *r = run->record;
    const struct {
        const char *key, *value;
    } texts[] = {{"method", r->method},
                 {"model", r->model},
                 {"data", r->data},
                 {"activations", r->activations},
                 {"weights", r->weights}};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        if (strcmp(key, texts[i].key) == 0) return text_or_empty(texts[i].value);
    }
    if (strcmp(key, "wbits") == 0 || strcmp(key, "abits") == 0) {
        (void)snprintf(text, LB_VALUE_BYTES, "%d", key[0] == 'w' ? r->w_bits : r->a_bits);
        return text;
    }
    return json_value(json_object_get(run->settings, key), text);
}

/* ---- selections ------------------------------------------------------------------------------ */

/* Is `value` one of the comma-separated words of `list`, which has that length? */
static bool in_list(const char *value, const char *list, size_t length)
{
    const size_t n = strlen(value);
    for (size_t at = 0; at <= length;) {
        size_t end = at;
        while (end < length && list[end] != ',') end++;
        if (end - at == n && memcmp(list + at, value, n) == 0) return true;
        at = end + 1;
    }
    return false;
}

static bool holds(const lb_report_run *run, const char *only)
{
    for (const char *part = only; part != NULL && *part != '\0';) {
        part += strspn(part, " ");
        const size_t length = strcspn(part, " "), name = strcspn(part, "= ");
        char key[LB_VALUE_BYTES], text[LB_VALUE_BYTES];
        if (name < length && name < sizeof key) {
            memcpy(key, part, name);
            key[name] = '\0';
            const char *value = lb_report_value(run, key, text);
            if (!in_list(value, part + name + 1, length - name - 1)) return false;
        }
        part += length;
    }
    return true;
}

lb_status lb_selection_filter(const lb_selection *all, const char *only, lb_arena *arena,
                              lb_selection *out)
{
    lb_selection kept = *all;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, all->n, sizeof *all->entries, "selection", &block));
    kept.entries = block;
    kept.n = 0;
    for (size_t i = 0; i < all->n; i++) {
        if (holds(all->entries[i].run, only)) kept.entries[kept.n++] = all->entries[i];
    }
    *out = kept;
    return LB_OK;
}

const lb_run_record *lb_selection_best(const lb_selection *selection, size_t series, int w_bits,
                                       int a_bits)
{
    const lb_run_record *best = NULL;
    for (size_t i = 0; i < selection->n; i++) {
        const lb_run_record *r = selection->entries[i].run->record;
        if (selection->entries[i].series != series || r->state != LB_RUN_OK) continue;
        if ((w_bits != 0 && r->w_bits != w_bits) || (a_bits != 0 && r->a_bits != a_bits)) continue;
        if (best == NULL || r->best_top1 > best->best_top1) best = r;
    }
    return best;
}

size_t lb_selection_bits(const lb_selection *selection, bool weights, int out[LB_BITS_MAX])
{
    bool seen[LB_BITS_MAX + 1] = {false};
    for (size_t i = 0; i < selection->n; i++) {
        const lb_run_record *r = selection->entries[i].run->record;
        const int bits = weights ? r->w_bits : r->a_bits;
        if (r->state == LB_RUN_OK && bits >= 1 && bits <= LB_BITS_MAX) seen[bits] = true;
    }
    size_t n = 0;
    for (int bits = 1; bits <= LB_BITS_MAX; bits++) {
        if (seen[bits]) out[n++] = bits;
    }
    return n;
}

/* ---- series ---------------------------------------------------------------------------------- */

/* Name of the series: the method, quantizers put in place of its own, data set and model where the section has
 * several. */
static lb_status series_name(const lb_report_run *run, bool with_data, bool with_model,
                             lb_arena *arena, char **out)
{
    const lb_run_record *r = run->record;
    char w[LB_VALUE_BYTES], a[LB_VALUE_BYTES]; /* the record has the method's own too */
    const char *weights = json_value(json_object_get(run->settings, "weights"), w);
    const char *acts = json_value(json_object_get(run->settings, "activations"), a);
    char text[4 * LB_VALUE_BYTES];
    (void)snprintf(text, sizeof text, "%s%s%s%s%s%s%s%s%s", with_data ? r->data : "",
                   with_data ? " " : "", with_model ? r->model : "", with_model ? " " : "",
                   r->method, weights[0] != '\0' ? " w:" : "", weights,
                   acts[0] != '\0' ? " a:" : "", acts);
    return lb_arena_strdup(arena, text, out);
}

static lb_status find_series(lb_selection *selection, lb_arena *arena)
{
    bool with_data = false, with_model = false;
    for (size_t i = 1; i < selection->n; i++) {
        const lb_run_record *a = selection->entries[0].run->record;
        const lb_run_record *b = selection->entries[i].run->record;
        with_data = with_data || strcmp(a->data, b->data) != 0;
        with_model = with_model || strcmp(a->model, b->model) != 0;
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, selection->n + 1, sizeof *selection->series, "series", &block));
    selection->series = block;
    selection->n_series = 0;
    for (size_t i = 0; i < selection->n; i++) {
        char *name = NULL;
        LB_TRY(series_name(selection->entries[i].run, with_data, with_model, arena, &name));
        size_t k = 0;
        while (k < selection->n_series && strcmp(selection->series[k], name) != 0) k++;
        if (k == selection->n_series) selection->series[selection->n_series++] = name;
        selection->entries[i].series = k;
    }
    return LB_OK;
}

/* ---- sections -------------------------------------------------------------------------------- */

/* A name for files: letters and digits of the title, '-' for the rest. */
static void file_name_of(char *text)
{
    char *to = text;
    for (const char *c = text; *c != '\0'; c++) {
        const bool plain = (*c >= 'a' && *c <= 'z') || (*c >= '0' && *c <= '9') || *c == '.';
        const bool upper = *c >= 'A' && *c <= 'Z';
        if (plain || upper) {
            *to++ = upper ? (char)(*c - 'A' + 'a') : *c;
        } else if (to > text && to[-1] != '-') {
            *to++ = '-';
        }
        if (to - text == 40) break;
    }
    while (to > text && to[-1] == '-') to--;
    *to = '\0';
}

static lb_status grow_sections(lb_report_data *data)
{
    if (data->n_sections < data->section_room) return LB_OK;
    const size_t room = data->section_room > 0 ? 2 * data->section_room : 16;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&data->arena, room, sizeof *data->sections, "sections", &block));
    if (data->n_sections > 0)
        memcpy(block, data->sections, data->n_sections * sizeof *data->sections);
    data->sections = block;
    data->section_room = room;
    return LB_OK;
}

/* Add a section of these runs. */
static lb_status add_section(lb_report_data *data, const char *title, lb_report_run *const *runs,
                             size_t n, const lb_report_item *items, size_t n_items)
{
    lb_report_section s = {.items = items, .n_items = n_items, .all = {.n = n}};
    char *text = NULL, prefix[LB_VALUE_BYTES];
    LB_TRY(grow_sections(data));
    LB_TRY(lb_arena_strdup(&data->arena, title, &text));
    s.title = text;
    (void)snprintf(prefix, sizeof prefix, "%s", title);
    file_name_of(prefix);
    const size_t length = strlen(prefix);
    (void)snprintf(prefix + length, sizeof prefix - length, "%s%zu", length > 0 ? "-" : "",
                   data->n_sections + 1);
    LB_TRY(lb_arena_strdup(&data->arena, prefix, &text));
    s.file_prefix = text;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&data->arena, n, sizeof *s.all.entries, "runs of a section", &block));
    s.all.entries = block;
    for (size_t i = 0; i < n; i++) s.all.entries[i].run = runs[i];
    data->sections[data->n_sections++] = s;
    return LB_OK;
}

static bool is_alike(const lb_report_run *a, const lb_report_run *b)
{
    return strcmp(a->record->data, b->record->data) == 0 &&
           strcmp(a->record->model, b->record->model) == 0;
}

/* Move the runs that are of the first one's data set and model to the front; returns how many. Order is kept. */
static size_t take_alike(lb_report_run **runs, size_t n, lb_report_run **others)
{
    const lb_report_run *first = runs[0];
    size_t taken = 0, left = 0;
    for (size_t i = 0; i < n; i++) {
        if (is_alike(runs[i], first))
            runs[taken++] = runs[i];
        else
            others[left++] = runs[i];
    }
    if (left > 0) memcpy(runs + taken, others, left * sizeof(*runs));
    return taken;
}

/* A section for each data set and model. */
static lb_status group_runs(lb_report_data *data, lb_report_run **runs, size_t n, const char *title)
{
    void *others = NULL;
    LB_TRY(lb_arena_alloc(&data->arena, n, sizeof(*runs), "runs of a section", &others));
    while (n > 0) {
        char text[4 * LB_VALUE_BYTES];
        const lb_run_record *first = runs[0]->record;
        const size_t taken = take_alike(runs, n, others);
        (void)snprintf(text, sizeof text, "%s%s%s on %s", title, title[0] != '\0' ? ": " : "",
                       first->model, first->data);
        LB_TRY(add_section(data, text, runs, taken, standard_items, N_STANDARD_ITEMS));
        runs += taken;
        n -= taken;
    }
    return LB_OK;
}

static int by_hash(const void *a, const void *b)
{
    return strcmp((*(lb_report_run *const *)a)->record->hash,
                  (*(lb_report_run *const *)b)->record->hash);
}

/* The run that a cell wants, also one that is not at its end, which the cell does not know the number of. */
static lb_report_run *find_run(lb_report_run **sorted, size_t n, const lb_cell_record *cell)
{
    lb_run_record wanted = {.id = 0};
    const lb_report_run key = {.record = &wanted}, *pointer = &key;
    memcpy(wanted.hash, cell->hash, sizeof wanted.hash);
    lb_report_run **found = bsearch(&pointer, sorted, n, sizeof(*sorted), by_hash);
    return found != NULL ? *found : NULL;
}

/* Note which runs belong to the experiment and make its sections. */
static lb_status add_experiment(lb_report_data *data, size_t index, lb_report_run **sorted)
{
    const lb_report_experiment *experiment = &data->input->experiments[index];
    const char *title = experiment->title[0] != '\0' ? experiment->title : experiment->name;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&data->arena, experiment->n_cells, sizeof(lb_report_run *),
                          "runs of an experiment", &block));
    lb_report_run **listed = block;
    size_t n = 0;
    for (size_t i = 0; i < experiment->n_cells; i++) {
        const lb_cell_record *cell = &experiment->cells[i];
        lb_report_run *run = find_run(sorted, data->n_runs, cell);
        if (run == NULL) continue;
        if (cell->stage == LB_CELL_SEARCH) {
            if (run->experiment[0] != '\0') continue; /* it is a full run of another one, say */
            run->search = true;
            run->experiment = experiment->name;
            continue;
        }
        run->search = false;
        run->experiment = experiment->name;
        if (run->listed_by == index + 1) continue;
        run->listed_by = index + 1;
        listed[n++] = run;
    }
    return experiment->n_items > 0
               ? add_section(data, title, listed, n, experiment->items, experiment->n_items)
               : group_runs(data, listed, n, title);
}

/* Where a procedure's result is among the runs, its model and data set name the section. */
static lb_status name_procedures(lb_report_data *data, const lb_report_procedure *first,
                                 const char **out)
{
    for (size_t i = 0; i < data->n_runs; i++) {
        const lb_run_record *r = data->runs[i].record;
        if (first->run_id != 0 && r->id == first->run_id)
            return lb_arena_print(&data->arena, out, "Mixed precision: %s on %s", r->model,
                                  r->data);
    }
    *out = "Mixed precision";
    return LB_OK;
}

/* Sections of procedures, by the network that they began at, in the order in which they were given. */
static lb_status group_procedures(lb_report_data *data)
{
    const lb_report_procedure *all = data->input->procedures;
    const size_t n = data->input->n_procedures;
    for (size_t i = 0; i < n; i++) {
        size_t earlier = 0;
        while (strcmp(all[earlier].state.start, all[i].state.start) != 0) earlier++;
        if (earlier < i) continue;
        const char *title = NULL;
        void *block = NULL;
        LB_TRY(name_procedures(data, &all[i], &title));
        LB_TRY(add_section(data, title, NULL, 0, NULL, 0));
        lb_report_section *section = &data->sections[data->n_sections - 1];
        LB_TRY(lb_arena_alloc(&data->arena, n - i, sizeof(*section->procedures), "procedures",
                              &block));
        section->procedures = block;
        for (size_t k = i; k < n; k++) {
            if (strcmp(all[k].state.start, all[i].state.start) == 0)
                section->procedures[section->n_procedures++] = &all[k];
        }
    }
    return LB_OK;
}

static lb_status make_sections(lb_report_data *data)
{
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&data->arena, data->n_runs, sizeof(lb_report_run *), "runs by hash",
                          &block));
    lb_report_run **runs = block;
    for (size_t i = 0; i < data->n_runs; i++) runs[i] = &data->runs[i];
    if (data->n_runs > 0) qsort(runs, data->n_runs, sizeof(*runs), by_hash);
    for (size_t i = 0; i < data->input->n_experiments; i++) LB_TRY(add_experiment(data, i, runs));
    size_t n = 0; /* of no experiment, in the order of the input */
    for (size_t i = 0; i < data->n_runs; i++)
        if (data->runs[i].experiment[0] == '\0') runs[n++] = &data->runs[i];
    LB_TRY(group_runs(data, runs, n, ""));
    LB_TRY(group_procedures(data));
    for (size_t i = 0; i < data->n_sections; i++)
        LB_TRY(find_series(&data->sections[i].all, &data->arena));
    return LB_OK;
}

/* ---- runs ------------------------------------------------------------------------------------ */

static lb_status read_run(const lb_run_record *record, lb_arena *arena, lb_report_run *out)
{
    *out = (lb_report_run){.record = record, .configuration = "", .experiment = ""};
    out->settings = json_loads(text_or_empty(record->settings), 0, NULL);
    json_t *rest = json_copy(out->settings);
    if (rest == NULL) return LB_OK;
    for (size_t i = 0; i < sizeof not_of_configuration / sizeof *not_of_configuration; i++)
        (void)json_object_del(rest, not_of_configuration[i]);
    char *text = json_dumps(rest, JSON_SORT_KEYS | JSON_COMPACT), *kept = NULL;
    json_decref(rest);
    if (text == NULL) return lb_fail(LB_E_NOMEM, "out of memory: settings of a run");
    const lb_status status = lb_arena_strdup(arena, text, &kept);
    free(text);
    if (status == LB_OK) out->configuration = kept;
    return status;
}

lb_status lb_report_data_init(const lb_report_input *input, lb_report_data *out)
{
    *out = (lb_report_data){.input = input};
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, input->n_runs, sizeof *out->runs, "runs", &block));
    out->runs = block;
    while (out->n_runs < input->n_runs) {
        const size_t i = out->n_runs++; /* counted first: what a run that fails has is freed too */
        LB_TRY(read_run(&input->runs[i], &out->arena, &out->runs[i]));
    }
    return make_sections(out);
}

void lb_report_data_release(lb_report_data *data)
{
    for (size_t i = 0; i < data->n_runs; i++) json_decref(data->runs[i].settings);
    lb_arena_release(&data->arena);
    *data = (lb_report_data){0};
}
