/* Which tables and pictures a report has. */
#include <string.h>

#include "lab/report_page.h"

enum { MAX_TABLES_OF_ITEM = 8, MAX_WEIGHT_RUNS = 4, PROCEDURE_TABLES = 2, PROCEDURE_BLOCKS = 2 };

/* Titles of items that have none of their own. */
static const char *title_of(const lb_report_item *item)
{
    if (item->title != NULL && item->title[0] != '\0') return item->title;
    switch (item->kind) {
    case LB_REPORT_TABLE: return "Accuracy";
    case LB_REPORT_BITS: return "Accuracy against bits";
    case LB_REPORT_BARS: return "Accuracy over weight and activation bits";
    case LB_REPORT_CONVERGENCE: return "Convergence";
    case LB_REPORT_COSTS: return "Accuracy against cost";
    case LB_REPORT_WEIGHTS: return "Weights and layers";
    case LB_REPORT_FREEZING: return "Freezing weights part by part";
    }
    return "";
}

static lb_status add_table(lb_report_plan *plan, const lb_table *table, const char *prefix,
                           const char *what)
{
    lb_table *added = &plan->tables[plan->n_tables];
    *added = *table;
    LB_TRY(lb_arena_print(&plan->arena, &added->name, "%s-%s", prefix, what));
    plan->n_tables++;
    return LB_OK;
}

static lb_status plan_table(lb_report_plan *plan, const lb_selection *selection,
                            const lb_report_item *item, const char *prefix)
{
    lb_table table;
    LB_TRY(lb_accuracy_table(selection, item, &plan->arena, &table));
    table.title = title_of(item);
    return add_table(plan, &table, prefix, "table");
}

static lb_status plan_costs(lb_report_plan *plan, const lb_selection *selection, const char *prefix)
{
    LB_TRY(lb_plot_costs(&plan->pictures, selection, prefix));
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&plan->arena, selection->n, sizeof(lb_run_record *), "Pareto front",
                          &block));
    for (int operations = 0; operations < 2; operations++) {
        const size_t n = lb_pareto_front(selection, operations != 0, block);
        if (n == 0) continue;
        lb_table table;
        LB_TRY(lb_front_table(block, n, &plan->arena, &table));
        table.title = operations != 0 ? "Pareto front of accuracy and bit operations"
                                      : "Pareto front of accuracy and size";
        table.folded = true;
        LB_TRY(
            add_table(plan, &table, prefix, operations != 0 ? "operations-front" : "size-front"));
    }
    return LB_OK;
}

/* Histograms and layers of one run. */
static lb_status plan_run(lb_report_plan *plan, const lb_report_input *input, const char *series,
                          const lb_run_record *run, const char *prefix)
{
    char name[2 * LB_VALUE_BYTES], what[32];
    (void)snprintf(name, sizeof name, "%s W%dA%d, run %lld", series, run->w_bits, run->a_bits,
                   (long long)run->id);
    lb_histogram_record *histograms = NULL;
    size_t n = 0;
    LB_TRY(input->histograms(input->user, run->id, &histograms, &n));
    (void)snprintf(what, sizeof what, "weights-run%lld", (long long)run->id);
    lb_status status = lb_plot_weights(&plan->pictures, histograms, n, name, prefix, what);
    lb_records_free(histograms);
    LB_TRY(status);
    lb_layer_record *layers = NULL;
    n = 0;
    LB_TRY(input->layers(input->user, run->id, &layers, &n));
    (void)snprintf(what, sizeof what, "layers-run%lld", (long long)run->id);
    lb_table table;
    if (n > 0) status = lb_layer_table(layers, n, name, &plan->arena, &table);
    if (status == LB_OK && n > 0) status = add_table(plan, &table, prefix, what);
    lb_records_free(layers);
    return status;
}

/* Of up to four series the best run of the fewest weight bits, where quantizing shows most. */
static lb_status plan_weights(lb_report_plan *plan, const lb_report_input *input,
                              const lb_selection *selection, const char *prefix)
{
    size_t n_runs = 0;
    for (size_t k = 0; k < selection->n_series && n_runs < MAX_WEIGHT_RUNS; k++) {
        const lb_run_record *run = NULL;
        for (int bits = 1; bits < LB_BITS_MAX && run == NULL; bits++)
            run = lb_selection_best(selection, k, bits, 0);
        if (run == NULL) continue;
        LB_TRY(plan_run(plan, input, selection->series[k], run, prefix));
        n_runs++;
    }
    return LB_OK;
}

/* Keep a block that anything was added to since it was begun. */
static void end_block(lb_report_plan *plan, lb_report_block block)
{
    block.n_tables = plan->n_tables - block.first_table;
    block.n_pictures = plan->pictures.n - block.first_picture;
    if (block.n_tables + block.n_pictures > 0) plan->blocks[plan->n_blocks++] = block;
}

static lb_status plan_item(lb_report_plan *plan, const lb_report_data *data, size_t section,
                           size_t item_index)
{
    const lb_report_section *s = &data->sections[section];
    const lb_report_item *item = &s->items[item_index];
    lb_report_block block = {.section = section,
                             .title = title_of(item),
                             .first_table = plan->n_tables,
                             .first_picture = plan->pictures.n};
    lb_selection selection;
    LB_TRY(lb_selection_filter(&s->all, item->only, &plan->arena, &selection));
    if (selection.n == 0) return LB_OK;
    const char *prefix = NULL;
    LB_TRY(lb_arena_print(&plan->arena, &prefix, "%s-%zu", s->file_prefix, item_index + 1));
    lb_status status = LB_OK;
    switch (item->kind) {
    case LB_REPORT_TABLE: status = plan_table(plan, &selection, item, prefix); break;
    case LB_REPORT_BITS: status = lb_plot_bits(&plan->pictures, &selection, prefix); break;
    case LB_REPORT_BARS: status = lb_plot_bars(&plan->pictures, &selection, prefix); break;
    case LB_REPORT_CONVERGENCE:
        status = lb_plot_convergence(&plan->pictures, data->input, &selection, prefix);
        break;
    case LB_REPORT_COSTS: status = plan_costs(plan, &selection, prefix); break;
    case LB_REPORT_WEIGHTS: status = plan_weights(plan, data->input, &selection, prefix); break;
    case LB_REPORT_FREEZING:
        status = lb_plot_freezing(&plan->pictures, data->input, &selection, prefix);
        break;
    }
    LB_TRY(status);
    end_block(plan, block);
    return LB_OK;
}

/* Curves of all procedures of a section and their iterations; then the layers of each result. */
static lb_status plan_procedures(lb_report_plan *plan, const lb_report_data *data, size_t section)
{
    const lb_report_section *s = &data->sections[section];
    if (s->n_procedures == 0) return LB_OK;
    char what[LB_VALUE_BYTES];
    for (int layers = 0; layers < PROCEDURE_BLOCKS; layers++) {
        const lb_report_block block = {.section = section,
                                       .title = layers != 0 ? "Bits by layer"
                                                            : "Accuracy against effective bits",
                                       .first_table = plan->n_tables,
                                       .first_picture = plan->pictures.n};
        if (layers == 0) LB_TRY(lb_plot_procedures(&plan->pictures, s));
        for (size_t k = 0; k < s->n_procedures; k++) {
            const lb_report_procedure *p = s->procedures[k];
            (void)snprintf(what, sizeof what, "impq-%s-%zu", layers != 0 ? "layers" : "iterations",
                           k + 1);
            lb_table table;
            if (layers != 0) LB_TRY(lb_plot_layer_bits(&plan->pictures, p, s->file_prefix, what));
            LB_TRY(layers != 0 ? lb_layer_bits_table(p, &plan->arena, &table)
                               : lb_iteration_table(p, &plan->arena, &table));
            LB_TRY(add_table(plan, &table, s->file_prefix, what));
        }
        end_block(plan, block);
    }
    return LB_OK;
}

lb_status lb_report_plan_init(const lb_report_data *data, lb_report_plan *out)
{
    *out = (lb_report_plan){.blocks = NULL};
    size_t items = 0, procedures = 0;
    for (size_t s = 0; s < data->n_sections; s++) {
        items += data->sections[s].n_items;
        procedures += data->sections[s].n_procedures;
    }
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&out->arena, items + PROCEDURE_BLOCKS * procedures, sizeof *out->blocks,
                          "blocks of a report", &block));
    out->blocks = block;
    LB_TRY(lb_arena_alloc(&out->arena,
                          items * MAX_TABLES_OF_ITEM + PROCEDURE_TABLES * procedures + 1,
                          sizeof *out->tables, "tables of a report", &block));
    out->tables = block;
    for (size_t s = 0; s < data->n_sections; s++) {
        for (size_t i = 0; i < data->sections[s].n_items; i++) LB_TRY(plan_item(out, data, s, i));
        LB_TRY(plan_procedures(out, data, s));
    }
    LB_TRY(lb_run_table(data, &out->arena, &out->tables[out->n_tables]));
    out->n_tables++;
    return LB_OK;
}

void lb_report_plan_release(lb_report_plan *plan)
{
    lb_pictures_release(&plan->pictures);
    lb_arena_release(&plan->arena);
    *plan = (lb_report_plan){0};
}
