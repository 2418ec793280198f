/* The page: head, contents, sections, all runs. Style and script stand in it; nothing is fetched. */
#include "lab/report_page.h"

#include <string.h>
#include <time.h>

static const char style[] = {
#include "report_css.inc"
    , '\0'};
static const char script[] = {
#include "report_js.inc"
    , '\0'};

/* ---- head ------------------------------------------------------------------------------------ */

/* Write the different values of a text of all runs, with commas; at most some of them. */
static void list_values(const lb_report_data *data, bool machines, FILE *file)
{
    enum { MAX_VALUES = 8 };
    const char *seen[MAX_VALUES];
    size_t n = 0, more = 0;
    for (size_t i = 0; i < data->n_runs; i++) {
        const lb_run_record *r = data->runs[i].record;
        const char *value = machines ? r->machine : r->version;
        if (value == NULL || value[0] == '\0') continue;
        size_t k = 0;
        while (k < n && strcmp(seen[k], value) != 0) k++;
        if (k < n) continue;
        if (n < MAX_VALUES) {
            seen[n++] = value;
        } else {
            more++;
        }
    }
    for (size_t k = 0; k < n; k++) {
        (void)fputs(k > 0 ? "; " : "", file);
        lb_html_text(file, seen[k]);
    }
    if (more > 0) (void)fprintf(file, "; and more");
    if (n == 0) (void)fputs("unknown", file);
}

static void write_states(const lb_report_data *data, FILE *file)
{
    size_t n[LB_RUN_FAILED + 1] = {0};
    for (size_t i = 0; i < data->n_runs; i++) n[data->runs[i].record->state]++;
    (void)fprintf(file, "%zu", data->n_runs);
    const char *before = ": ";
    for (int state = LB_RUN_RUNNING; state <= LB_RUN_FAILED; state++) {
        if (n[state] == 0) continue;
        (void)fprintf(file, "%s%zu %s", before, n[state], lb_run_state_name((lb_run_state)state));
        before = ", ";
    }
}

static void write_facts(const lb_report_data *data, const lb_page_options *options, FILE *file)
{
    char date[32] = "";
    const time_t now = time(NULL);
    struct tm parts;
    if (gmtime_r(&now, &parts) != NULL) (void)strftime(date, sizeof date, "%Y-%m-%d %H:%M", &parts);
    (void)fputs("<header><h1>", file);
    lb_html_text(file, options->title);
    (void)fprintf(file, "</h1>\n<dl><dt>Made</dt><dd>%s UTC by lowbit %s</dd>\n<dt>From</dt><dd>",
                  date, lb_version());
    lb_html_text(file, options->source);
    (void)fputs("</dd>\n<dt>Runs</dt><dd>", file);
    write_states(data, file);
    (void)fputs("</dd>\n<dt>Trained by lowbit</dt><dd>", file);
    list_values(data, false, file);
    (void)fputs("</dd>\n<dt>On</dt><dd>", file);
    list_values(data, true, file);
    (void)fputs("</dd></dl></header>\n", file);
    if (options->problem[0] == '\0') return;
    (void)fputs("<p class=problem role=alert>There are no pictures: ", file);
    lb_html_text(file, options->problem);
    (void)fputs("</p>\n", file);
}

static void write_head(const lb_page_options *options, FILE *file)
{
    (void)fputs("<!DOCTYPE html>\n<html lang=en>\n<head>\n<meta charset=utf-8>\n"
                "<meta name=viewport content=\"width=device-width,initial-scale=1\">\n"
                "<meta name=color-scheme content=\"light dark\">\n"
                "<link rel=icon href=\"data:,\">\n",
                file);
    if (options->refresh_seconds > 0) {
        (void)fprintf(file, "<meta http-equiv=refresh content=%d>\n", options->refresh_seconds);
    }
    (void)fputs("<title>", file);
    lb_html_text(file, options->title);
    (void)fprintf(file, "</title>\n<style>\n%s</style>\n</head>\n<body>\n", style);
}

/* ---- body ------------------------------------------------------------------------------------ */

/* Does the section have anything to show? */
static bool is_shown(const lb_report_plan *plan, size_t section)
{
    for (size_t b = 0; b < plan->n_blocks; b++) {
        if (plan->blocks[b].section == section) return true;
    }
    return false;
}

static void write_contents(const lb_report_data *data, const lb_report_plan *plan, FILE *file)
{
    (void)fputs("<nav aria-label=Contents><h2>Contents</h2>\n<ol>\n", file);
    for (size_t s = 0; s < data->n_sections; s++) {
        if (!is_shown(plan, s)) continue;
        (void)fprintf(file, "<li><a href=\"#s%zu\">", s + 1);
        lb_html_text(file, data->sections[s].title);
        (void)fputs("</a>\n", file);
    }
    (void)fputs("<li><a href=\"#runs\">All runs</a>\n</ol></nav>\n", file);
}

static void write_picture(const lb_picture *picture, const char *folder, FILE *file)
{
    if (picture->svg == NULL) return;
    (void)fprintf(file, "<figure class=picture>\n%s", picture->svg);
    (void)fputs("<figcaption>", file);
    lb_html_text(file, picture->caption);
    (void)fputs("</figcaption>\n", file);
    static const char *const endings[] = {".svg", ".png"}, *const labels[] = {"SVG", "PNG"};
    lb_html_links(folder, picture->name, endings, labels, file);
    (void)fputs("</figure>\n", file);
}

static void write_block(const lb_report_plan *plan, const lb_report_block *block,
                        const lb_page_options *options, FILE *file)
{
    const bool drawn = options->problem[0] == '\0' && block->n_pictures > 0;
    if (!drawn && block->n_tables == 0) return;
    (void)fputs("<h3>", file);
    lb_html_text(file, block->title);
    (void)fputs("</h3>\n", file);
    if (drawn) {
        (void)fputs("<div class=pictures>\n", file);
        for (size_t i = 0; i < block->n_pictures; i++) {
            write_picture(&plan->pictures.items[block->first_picture + i], options->folder, file);
        }
        (void)fputs("</div>\n", file);
    }
    for (size_t i = 0; i < block->n_tables; i++)
        lb_table_html(&plan->tables[block->first_table + i], options->folder, file);
}

void lb_report_page(const lb_report_data *data, const lb_report_plan *plan,
                    const lb_page_options *options, FILE *file)
{
    write_head(options, file);
    lb_svg_definitions(file);
    write_facts(data, options, file);
    write_contents(data, plan, file);
    (void)fputs("<main>\n", file);
    for (size_t s = 0; s < data->n_sections; s++) {
        if (!is_shown(plan, s)) continue;
        (void)fprintf(file, "<section id=s%zu>\n<h2>", s + 1);
        lb_html_text(file, data->sections[s].title);
        (void)fputs("</h2>\n", file);
        for (size_t b = 0; b < plan->n_blocks; b++) {
            if (plan->blocks[b].section == s) write_block(plan, &plan->blocks[b], options, file);
        }
        (void)fputs("</section>\n", file);
    }
    (void)fputs("<section id=runs>\n<h2>All runs</h2>\n", file);
    lb_table_html(&plan->tables[plan->n_tables - 1], options->folder, file);
    (void)fprintf(file, "</section>\n</main>\n<script>\n%s</script>\n</body>\n</html>\n", script);
}
