/* Reading impq.json of procedures, and their tables. */
#include "lab/report_impq.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"

bool lb_is_procedure(const char *folder)
{
    char *path = NULL;
    if (lb_path_join(folder, "impq.json", &path) != LB_OK) return false;
    const bool is = lb_path_exists(path);
    lb_free(path);
    return is;
}

/* ---- layers ---------------------------------------------------------------------------------- */

static lb_layer_bits *find_layer(lb_report_procedure *p, const char *name, size_t length)
{
    for (size_t i = 0; i < p->n_layers; i++) {
        const char *known = p->layers[i].name;
        if (strlen(known) == length && memcmp(known, name, length) == 0) return &p->layers[i];
    }
    return NULL;
}

/* {"conv1": 3.25, "conv2.quantize": 4}: "conv2.quantize" is the map that enters conv2. */
static lb_status list_layers(lb_report_procedure *p, json_t *bits, lb_arena *arena)
{
    static const char ending[] = ".quantize";
    void *block = NULL;
    LB_TRY(lb_arena_alloc(arena, json_object_size(bits), sizeof *p->layers, "layers", &block));
    p->layers = block;
    const char *key = NULL;
    json_t *value = NULL;
    json_object_foreach(bits, key, value)
    {
        size_t length = strlen(key);
        const size_t tail = sizeof ending - 1;
        const bool is_map = length > tail && strcmp(key + length - tail, ending) == 0;
        if (is_map) length -= tail;
        lb_layer_bits *layer = find_layer(p, key, length);
        if (layer == NULL) {
            const char *name = NULL;
            LB_TRY(lb_arena_print(arena, &name, "%.*s", (int)length, key));
            layer = &p->layers[p->n_layers++];
            *layer = (lb_layer_bits){.name = name};
        }
        *(is_map ? &layer->acts : &layer->weights) = json_number_value(value);
    }
    return LB_OK;
}

static lb_status read_layers(lb_report_procedure *p, lb_arena *arena)
{
    json_t *bits = json_loads(p->state.layers[p->result], 0, NULL);
    if (bits == NULL) return lb_fail(LB_E_NOMEM, "out of memory: layers");
    const lb_status status = list_layers(p, bits, arena);
    json_decref(bits);
    return status;
}

/* ---- procedures ------------------------------------------------------------------------------ */

/* The result's run, where it lies beside the figures: the start's folder is not known. */
static lb_status import_result(lb_report_procedure *p, const char *folder, lb_arena *arena,
                               lb_store *store)
{
    const char *run = NULL, *config = NULL;
    LB_TRY(lb_arena_print(arena, &run, "%s/iteration-%zu", folder, p->result));
    LB_TRY(lb_arena_print(arena, &config, "%s/config.json", run));
    return lb_path_exists(config) ? lb_store_import(store, run, NULL, 0.0, &p->run_id) : LB_OK;
}

/* "kernel: a-mixed" of "runs/a-mixed/". */
static lb_status name_procedure(lb_report_procedure *p, const char *folder, lb_arena *arena)
{
    size_t end = strlen(folder);
    while (end > 1 && folder[end - 1] == '/') end--;
    size_t begin = end;
    while (begin > 0 && folder[begin - 1] != '/') begin--;
    return lb_arena_print(arena, &p->name, "%s: %.*s", p->state.granularity, (int)(end - begin),
                          folder + begin);
}

lb_status lb_report_procedures_add(lb_report_procedures *list, const char *folder, lb_store *store)
{
    lb_report_procedure *p = &list->items[list->n++]; /* counted first: what it has is freed too */
    *p = (lb_report_procedure){.name = ""};
    LB_TRY(lb_impq_state_open(folder, &p->state));
    for (size_t i = 0; i < p->state.n_rows; i++) p->result = p->state.rows[i].kept ? i : p->result;
    LB_TRY(name_procedure(p, folder, &list->arena));
    LB_TRY(read_layers(p, &list->arena));
    return import_result(p, folder, &list->arena, store);
}

void lb_report_procedures_release(lb_report_procedures *list)
{
    for (size_t i = 0; i < list->n; i++) lb_impq_state_release(&list->items[i].state);
    lb_arena_release(&list->arena);
    *list = (lb_report_procedures){.n = 0};
}

/* ---- tables ---------------------------------------------------------------------------------- */

lb_status lb_iteration_table(const lb_report_procedure *procedure, lb_arena *arena, lb_table *out)
{
    static const char *const heads[] = {"iteration", "phase",           "groups",
                                        "top-1 %",   "weight bits",     "activation bits",
                                        "16 / bits", "Mbit operations", "kept"};
    lb_table t;
    LB_TRY(lb_table_init(&t, arena, procedure->state.n_rows, sizeof heads / sizeof *heads));
    for (size_t c = 0; c < t.columns; c++) t.heads[c] = heads[c];
    t.is_text[1] = true;
    t.row_headers = 1;
    t.folded = true;
    LB_TRY(lb_arena_print(arena, &t.title, "Iterations of %s", procedure->name));
    for (size_t i = 0; i < t.rows; i++) {
        const lb_impq_row *r = &procedure->state.rows[i];
        LB_TRY(lb_table_print(&t, i, 0, "%zu", r->iteration));
        LB_TRY(lb_table_print(&t, i, 1, "%s", r->phase));
        LB_TRY(lb_table_print(&t, i, 2, "%zu", r->groups));
        LB_TRY(lb_table_print(&t, i, 3, "%.2f", r->top1));
        LB_TRY(lb_table_print(&t, i, 4, "%.3f", r->weight_bits));
        LB_TRY(lb_table_print(&t, i, 5, "%.3f", r->act_bits));
        LB_TRY(lb_table_print(&t, i, 6, "%.2f", r->compression));
        LB_TRY(lb_table_print(&t, i, 7, "%.2f", r->bit_operations * 1e-6));
        LB_TRY(lb_table_print(&t, i, 8, "%s", r->kept ? "yes" : "no"));
    }
    *out = t;
    return LB_OK;
}

static lb_status print_bits(lb_table *t, size_t row, size_t column, double bits)
{
    if (!(bits > 0.0)) return lb_table_print(t, row, column, "-");
    t->cells[row * t->columns + column].bar = bits < 32.0 ? bits / 32.0 : 1.0;
    return lb_table_print(t, row, column, "%.3g", bits);
}

lb_status lb_layer_bits_table(const lb_report_procedure *procedure, lb_arena *arena, lb_table *out)
{
    static const char *const heads[] = {"layer", "weight bits", "activation bits"};
    lb_table t;
    LB_TRY(lb_table_init(&t, arena, procedure->n_layers, sizeof heads / sizeof *heads));
    for (size_t c = 0; c < t.columns; c++) t.heads[c] = heads[c];
    t.is_text[0] = true;
    t.row_headers = 1;
    t.folded = true;
    LB_TRY(lb_arena_print(arena, &t.title, "Bits by layer of %s", procedure->name));
    for (size_t i = 0; i < t.rows; i++) {
        const lb_layer_bits *l = &procedure->layers[i];
        LB_TRY(lb_table_print(&t, i, 0, "%s", l->name));
        LB_TRY(print_bits(&t, i, 1, l->weights));
        LB_TRY(print_bits(&t, i, 2, l->acts));
    }
    *out = t;
    return LB_OK;
}
