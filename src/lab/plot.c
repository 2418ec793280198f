/* Scripts for gnuplot, and gnuplot as a process: script on standard input, a time limit, its complaints kept. */
#include "lab/plot.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/file.h"
#include "lab/report_stop.h"

enum { MAX_SECONDS = 120, NOT_INSTALLED = 127 };

/* Okabe and Ito's colours, which colour-blind people tell apart; report.css has the same for dark pages. Their
 * yellow is left out, as it is invisible on white. */
static const char *const colors[LB_PLOT_COLORS] = {"#0072b2", "#d55e00", "#009e73", "#cc79a7",
                                                   "#e69f00", "#56b4e9", "#000000"};
/* markers of gnuplot: filled circle, square, triangles, diamond, pentagon, cross */
static const int markers[LB_PLOT_COLORS] = {7, 5, 9, 11, 13, 15, 2};

/* ---- scripts --------------------------------------------------------------------------------- */

lb_status lb_picture_begin(lb_pictures *pictures, FILE **script)
{
    lb_assert(pictures->file == NULL);
    pictures->file = open_memstream(&pictures->text, &pictures->bytes);
    if (pictures->file == NULL) return lb_fail(LB_E_NOMEM, "out of memory: picture");
    *script = pictures->file;
    return LB_OK;
}

static lb_status grow(lb_pictures *pictures)
{
    if (pictures->n < pictures->room) return LB_OK;
    const size_t room = pictures->room > 0 ? 2 * pictures->room : 32;
    void *block = NULL;
    LB_TRY(lb_arena_alloc(&pictures->arena, room, sizeof(lb_picture), "pictures", &block));
    if (pictures->n > 0) memcpy(block, pictures->items, pictures->n * sizeof(lb_picture));
    pictures->items = block;
    pictures->room = room;
    return LB_OK;
}

static lb_status keep_picture(lb_pictures *pictures, const char *prefix, const char *what,
                              const char *caption, const char *alt, int height)
{
    LB_TRY(grow(pictures));
    char *texts[4], name[2 * LB_VALUE_BYTES];
    (void)snprintf(name, sizeof name, "%s-%s", prefix, what);
    const char *const from[4] = {name, caption, alt, pictures->text};
    for (size_t i = 0; i < 4; i++) LB_TRY(lb_arena_strdup(&pictures->arena, from[i], &texts[i]));
    pictures->items[pictures->n++] = (lb_picture){.name = texts[0],
                                                  .caption = texts[1],
                                                  .alt = texts[2],
                                                  .script = texts[3],
                                                  .height = height};
    return LB_OK;
}

lb_status lb_picture_end(lb_pictures *pictures, const char *prefix, const char *what,
                         const char *caption, const char *alt, int height)
{
    const bool failed = ferror(pictures->file) != 0, closed = fclose(pictures->file) == 0;
    pictures->file = NULL;
    lb_status status = failed || !closed ? lb_fail(LB_E_NOMEM, "out of memory: picture") : LB_OK;
    if (status == LB_OK) status = keep_picture(pictures, prefix, what, caption, alt, height);
    free(pictures->text);
    pictures->text = NULL;
    return status;
}

void lb_pictures_release(lb_pictures *pictures)
{
    if (pictures->file != NULL) {
        (void)fclose(pictures->file);
        free(pictures->text);
    }
    for (size_t i = 0; i < pictures->n; i++) free(pictures->items[i].svg);
    lb_arena_release(&pictures->arena);
    *pictures = (lb_pictures){0};
}

void lb_plot_quote(FILE *script, const char *text)
{
    /* between single quotes gnuplot leaves all alone but these; a backquote would start a program elsewhere */
    (void)fputc('\'', script);
    for (const char *c = text; *c != '\0'; c++) {
        const bool control = (unsigned char)*c < ' ' || *c == 127;
        if (*c == '\'') (void)fputc('\'', script);
        (void)fputc(control ? ' ' : *c == '`' ? '\"' : *c, script);
    }
    (void)fputc('\'', script);
}

void lb_plot_color(FILE *script, size_t index)
{
    (void)fprintf(script, " lc rgb '%s'", colors[index % LB_PLOT_COLORS]);
}

void lb_plot_style(FILE *script, size_t index)
{
    lb_plot_color(script, index);
    (void)fprintf(script, " dt %zu pt %d", 1 + index / LB_PLOT_COLORS % 4,
                  markers[index % LB_PLOT_COLORS]);
}

void lb_plot_axes(FILE *script, const char *x, const char *y)
{
    /* the line below the name of x keeps the legend away from it */
    (void)fprintf(script,
                  "set border 3 lc rgb '#808080'\nset tics nomirror textcolor rgb '#000000'\n"
                  "set grid ytics lt 1 lc rgb '#c0c0c0'\nset yrange [*:*<100]\nset autoscale xfix\n"
                  "set offsets graph 0.03, graph 0.03, 0, graph 0.02\n"
                  "set key below horizontal Left reverse samplen 2.5\n"
                  "set xlabel \"%s\\n \"\nset ylabel '%s'\n",
                  x, y);
}

/* ---- the process ----------------------------------------------------------------------------- */

/* A gnuplot at work. */
typedef struct drawing {
    FILE *script, *complaints;
    pid_t process;
} drawing;

static void write_script(const lb_pictures *pictures, const char *ending, FILE *script)
{
    const bool png = strcmp(ending, "png") == 0;
    const int scale = png ? 2 : 1; /* a PNG is as sharp as a phone's screen */
    for (size_t i = 0; i < pictures->n; i++) {
        const lb_picture *p = &pictures->items[i];
        (void)fprintf(
            script,
            "reset session\nset encoding utf8\nset term %s size %d,%d noenhanced font '%s' %s "
            "background '#ffffff'\nset output '%s.%s'\n",
            png ? "pngcairo" : "svg", scale * LB_PICTURE_WIDTH, scale * p->height,
            png ? "sans,11" : "sans-serif,14",
            png ? "fontscale 2 linewidth 2 pointscale 2" : "dynamic", p->name, ending);
        (void)fputs(p->script, script);
        (void)fputs("\nset output\n", script);
    }
}

static void become_gnuplot(const drawing *d, const char *folder)
{
    const int nowhere = open("/dev/null", O_WRONLY);
    if (chdir(folder) != 0 || nowhere < 0 || dup2(fileno(d->script), STDIN_FILENO) < 0 ||
        dup2(nowhere, STDOUT_FILENO) < 0 || dup2(fileno(d->complaints), STDERR_FILENO) < 0) {
        _exit(1);
    }
    (void)signal(SIGPIPE, SIG_DFL);
    (void)execlp("gnuplot", "gnuplot", "-d", "-", (char *)NULL); /* -d: no settings of the user's */
    _exit(errno == ENOENT ? NOT_INSTALLED : 1);
}

static lb_status start(const lb_pictures *pictures, const char *folder, const char *ending,
                       drawing *d)
{
    d->script = tmpfile();
    d->complaints = tmpfile();
    if (d->script == NULL || d->complaints == NULL)
        return lb_fail(LB_E_IO, "cannot make a temporary file: %s", strerror(errno));
    write_script(pictures, ending, d->script);
    if (fflush(d->script) != 0 || fseek(d->script, 0, SEEK_SET) != 0)
        return lb_fail(LB_E_IO, "cannot write a temporary file: %s", strerror(errno));
    d->process = fork();
    if (d->process < 0) return lb_fail(LB_E_IO, "cannot start gnuplot: %s", strerror(errno));
    if (d->process == 0) become_gnuplot(d, folder);
    return LB_OK;
}

/* Wait for the process, until `deadline` or a wish to stop; then end it. */
static lb_status finish(drawing *d, double deadline)
{
    int state = 0;
    while (waitpid(d->process, &state, WNOHANG) == 0) {
        const struct timespec pause = {.tv_nsec = 2000000};
        (void)nanosleep(&pause, NULL);
        const bool stopped = lb_report_stop_wanted();
        if (!stopped && lb_seconds() < deadline) continue;
        (void)kill(d->process, SIGKILL);
        (void)waitpid(d->process, &state, 0);
        if (stopped) return lb_fail(LB_E_INTERRUPTED, "stopped while gnuplot drew");
        return lb_fail(LB_E_IO, "gnuplot took more than %d seconds", MAX_SECONDS);
    }
    if (WIFEXITED(state) && WEXITSTATUS(state) == 0) return LB_OK;
    if (WIFEXITED(state) && WEXITSTATUS(state) == NOT_INSTALLED)
        return lb_fail(LB_E_UNSUPPORTED, "gnuplot is not installed (Debian: gnuplot-nox)");
    char line[256] = "";
    (void)fseek(d->complaints, 0, SEEK_SET);
    /* the complaint itself stands behind a caret below the line it is about */
    while (fgets(line, sizeof line, d->complaints) != NULL && strstr(line, "line ") == NULL) {
    }
    line[strcspn(line, "\n")] = '\0';
    return lb_fail(LB_E_IO, "gnuplot failed: %s", line[0] != '\0' ? line : "it says nothing");
}

static void end_drawing(drawing *d)
{
    if (d->script != NULL) (void)fclose(d->script);
    if (d->complaints != NULL) (void)fclose(d->complaints);
}

static lb_status take_in(lb_picture *picture, const char *folder)
{
    char name[2 * LB_VALUE_BYTES + 8], *path = NULL;
    (void)snprintf(name, sizeof name, "%s.svg", picture->name);
    LB_TRY(lb_path_join(folder, name, &path));
    uint8_t *text = NULL;
    size_t bytes = 0;
    lb_status status = lb_file_read(path, (size_t)1 << 24, &text, &bytes);
    if (status == LB_OK) status = lb_svg_inline((const char *)text, picture->alt, &picture->svg);
    lb_free(text);
    lb_free(path);
    return status;
}

lb_status lb_pictures_draw(lb_pictures *pictures, const char *folder, bool png)
{
    if (pictures->n == 0) return LB_OK;
    static const char *const endings[] = {"svg", "png"};
    drawing drawings[2] = {{.script = NULL}, {.script = NULL}};
    const size_t n = png ? 2 : 1;
    const double deadline = lb_seconds() + MAX_SECONDS;
    lb_status status = LB_OK;
    size_t started = 0;
    for (; status == LB_OK && started < n; started++)
        status = start(pictures, folder, endings[started], &drawings[started]);
    for (size_t i = 0; i < started; i++) {
        if (drawings[i].process > 0) {
            const lb_status ended = finish(&drawings[i], deadline);
            if (status == LB_OK) status = ended;
        }
        end_drawing(&drawings[i]);
    }
    for (size_t i = 0; status == LB_OK && i < pictures->n; i++)
        status = take_in(&pictures->items[i], folder);
    return status;
}
