/* What gnuplot's SVG becomes inside a page.
 *
 * Gnuplot writes a head, a title, a white background, definitions with fixed ids, then groups, one tag a line.
 * Definitions would be there once for every picture, so the page has them once. Colours are written as
 * rgb(r,g,b) with and without blanks; those of curves, axes and texts become the page's variables, so that one
 * picture fits a light and a dark page. Groups without content are left out. */
#include <stdlib.h>
#include <string.h>

#include "lab/plot.h"
#include "lab/table.h"

/* Colours that follow the page. */
static const struct {
    unsigned rgb;
    const char *value;
} page_colors[] = {
    {0x0072b2, "var(--s0)"},    {0xd55e00, "var(--s1)"},   {0x009e73, "var(--s2)"},
    {0xcc79a7, "var(--s3)"},    {0xe69f00, "var(--s4)"},   {0x56b4e9, "var(--s5)"},
    {0x000000, "currentColor"}, {0x808080, "var(--axis)"}, {0xc0c0c0, "var(--grid)"},
};

static void write_color(unsigned rgb, FILE *file)
{
    for (size_t i = 0; i < sizeof page_colors / sizeof *page_colors; i++) {
        if (page_colors[i].rgb == rgb) {
            (void)fputs(page_colors[i].value, file);
            return;
        }
    }
    (void)fprintf(file, "#%06x", rgb);
}

/* Copy a line; true where the next one continues it. */
static void write_line(const char *line, size_t length, FILE *file)
{
    static const struct {
        const char *from, *to;
    } changes[] = {{"xlink:href", "href"},
                   {" color=\"black\"", ""},
                   {" color='black'", ""},
                   {"fill=\"black\"", "fill=\"currentColor\""},
                   {" font-family=\"sans-serif\"", ""},
                   {" class=\"gridline\"", ""},
                   {" id=\"gnuplot_canvas\"", ""}};
    for (size_t at = 0; at < length;) {
        unsigned r = 0, g = 0, b = 0;
        int used = 0;
        if (strncmp(line + at, "rgb(", 4) == 0 &&
            sscanf(line + at, "rgb(%u ,%u ,%u )%n", &r, &g, &b, &used) == 3 && used > 0) {
            write_color((r & 255) << 16 | (g & 255) << 8 | (b & 255), file);
            at += (size_t)used;
            continue;
        }
        size_t i = 0;
        const size_t n = sizeof changes / sizeof *changes;
        while (i < n && strncmp(line + at, changes[i].from, strlen(changes[i].from)) != 0) i++;
        if (i < n) {
            (void)fputs(changes[i].to, file);
            at += strlen(changes[i].from);
        } else {
            (void)fputc(line[at++], file);
        }
    }
}

/* Write the lines from `text` on, without ids and groups that hold nothing. */
static void write_body(const char *text, FILE *file)
{
    const char *group = NULL; /* an opened group that nothing was written of yet */
    size_t group_length = 0;
    for (const char *line = text; *line != '\0';) {
        const size_t whole = strcspn(line, "\n");
        const char *next = line + whole + (line[whole] == '\n');
        while (*line == '\t' || *line == ' ') line++;
        const size_t length = (size_t)(next - line) - (next > line && next[-1] == '\n');
        const bool opens = strncmp(line, "<g fill=\"none\"", 14) == 0 && line[length - 1] == '>';
        if (length == 4 && memcmp(line, "</g>", 4) == 0 && group != NULL) {
            group = NULL;
        } else if (length > 0) {
            if (group != NULL) write_line(group, group_length, file);
            group = opens ? line : NULL;
            group_length = length;
            const bool named = strncmp(line, "<g id=", 6) == 0;
            if (named) (void)fputs("<g>", file);
            const char *tail = named ? memchr(line, '>', length) : NULL;
            if (named && tail != NULL)
                write_line(tail + 1, length - (size_t)(tail + 1 - line), file);
            if (!named && !opens) write_line(line, length, file);
            if (!opens) (void)fputc('\n', file);
        }
        line = next;
    }
}

lb_status lb_svg_inline(const char *svg, const char *alt, char **out)
{
    const char *box = strstr(svg, "viewBox=\""), *body = strstr(svg, "</defs>");
    const char *box_end = box != NULL ? strchr(box + 9, '"') : NULL;
    if (box_end == NULL || body == NULL)
        return lb_fail(LB_E_FORMAT, "gnuplot wrote an SVG of another form than expected");
    char *text = NULL;
    size_t bytes = 0;
    FILE *file = open_memstream(&text, &bytes);
    if (file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: picture");
    (void)fprintf(file, "<svg role=img viewBox=\"%.*s\" aria-label=\"", (int)(box_end - box - 9),
                  box + 9);
    lb_html_text(file, alt);
    (void)fputs("\">", file);
    (void)fputs("<g>", file); /* gnuplot closes its canvas */
    write_body(body + strlen("</defs>"), file);
    const bool failed = ferror(file) != 0;
    if (fclose(file) != 0 || failed) {
        free(text);
        return lb_fail(LB_E_NOMEM, "out of memory: picture");
    }
    *out = text;
    return LB_OK;
}

void lb_svg_definitions(FILE *file)
{
    /* markers of gnuplot that lb_plot_style and the fronts use, about 2 units wide */
    (void)fputs(
        "<svg width=0 height=0 class=definitions aria-hidden=true><defs>"
        "<g id=gpPt1><path stroke=currentColor stroke-width=.3 d=\"M-1-1 1 1M1-1-1 1\"/></g>"
        "<rect id=gpPt4 fill=currentColor x=-1 y=-1 width=2 height=2 />"
        "<circle id=gpPt6 fill=currentColor r=1 />"
        "<circle id=gpPt5 fill=none stroke=currentColor stroke-width=.2 r=1 />"
        "<path id=gpPt8 fill=currentColor d=\"M0-1.33-1.33.67 1.33.67z\"/>"
        "<path id=gpPt10 fill=currentColor d=\"M0 1.33-1.33-.67 1.33-.67z\"/>"
        "<path id=gpPt12 fill=currentColor d=\"M0-1.41 1.41 0 0 1.41-1.41 0z\"/>"
        "<path id=gpPt14 fill=currentColor "
        "d=\"M0-1.33-1.265-.411-.782 1.067.782 1.076 1.265-.411z\"/>"
        "</defs></svg>\n",
        file);
}
