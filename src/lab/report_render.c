/* Making a page: sorting, planning, drawing, writing. */
#include "lab/report_render.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "lab/report_store.h"

/* ---- tables as files ------------------------------------------------------------------------- */

static lb_status write_table(const lb_table *table, bool markdown, const char *folder)
{
    char name[3 * LB_VALUE_BYTES], *path = NULL;
    (void)snprintf(name, sizeof name, "%s.%s", table->name, markdown ? "md" : "csv");
    LB_TRY(lb_path_join(folder, name, &path));
    lb_status status = LB_OK;
    FILE *file = fopen(path, "w");
    if (file == NULL) {
        status = lb_fail(LB_E_IO, "%s: cannot create: %s", path, strerror(errno));
    } else {
        if (markdown) {
            lb_table_markdown(table, file);
        } else {
            lb_table_csv(table, file);
        }
        const bool failed = ferror(file) != 0;
        if (fclose(file) != 0 || failed)
            status = lb_fail(LB_E_IO, "%s: cannot write: %s", path, strerror(errno));
    }
    lb_free(path);
    return status;
}

static lb_status write_tables(const lb_report_plan *plan, const char *folder)
{
    for (size_t i = 0; i < 2 * plan->n_tables; i++)
        LB_TRY(write_table(&plan->tables[i / 2], i % 2 == 0, folder));
    return LB_OK;
}

/* ---- the page -------------------------------------------------------------------------------- */

static lb_status write_page(const lb_report_data *data, const lb_report_plan *plan,
                            const lb_page_options *page, lb_rendered *out)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: report");
    lb_report_page(data, plan, page, file);
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        free(text);
        return lb_fail(LB_E_NOMEM, "out of memory: report");
    }
    out->text = text;
    out->bytes = out->summary.bytes = bytes;
    return LB_OK;
}

/* Draw, and note why it could not be done, which the page says. */
static lb_status draw(lb_report_plan *plan, const lb_page_options *page, const char *scratch_folder,
                      lb_report_summary *summary)
{
    const lb_status status =
        lb_pictures_draw(&plan->pictures, scratch_folder, page->folder != NULL);
    if (status == LB_E_NOMEM) return status;
    if (status != LB_OK)
        (void)snprintf(summary->problem, sizeof summary->problem, "%s", lb_error());
    return LB_OK;
}

lb_status lb_report_render(const lb_report_input *input, const lb_page_options *page,
                           const char *scratch_folder, lb_rendered *out)
{
    lb_rendered made = {.summary = {.runs = input->n_runs}};
    lb_report_data data;
    lb_report_plan plan = {.blocks = NULL};
    lb_status status = lb_report_data_init(input, &data);
    if (status == LB_OK) status = lb_report_plan_init(&data, &plan);
    if (status == LB_OK && page->folder != NULL) status = write_tables(&plan, scratch_folder);
    if (status == LB_OK) status = draw(&plan, page, scratch_folder, &made.summary);
    if (status == LB_OK) {
        lb_page_options with_problem = *page;
        with_problem.problem = made.summary.problem;
        made.summary.tables = plan.n_tables;
        made.summary.pictures = made.summary.problem[0] == '\0' ? plan.pictures.n : 0;
        status = write_page(&data, &plan, &with_problem, &made);
    }
    lb_report_plan_release(&plan);
    lb_report_data_release(&data);
    if (status == LB_OK) *out = made;
    return status;
}

lb_status lb_report_render_store(lb_store *store, const lb_report_procedures *procedures,
                                 const char *filter, const lb_page_options *page,
                                 const char *scratch_folder, lb_rendered *out)
{
    lb_report_records records;
    lb_status status = lb_report_records_init(store, filter, scratch_folder, &records);
    if (procedures != NULL) {
        records.input.procedures = procedures->items;
        records.input.n_procedures = procedures->n;
    }
    if (status == LB_OK) status = lb_report_render(&records.input, page, scratch_folder, out);
    lb_report_records_release(&records);
    return status;
}
