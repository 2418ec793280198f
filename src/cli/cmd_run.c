/* lowbit run FILE IMAGE... | --data SPEC - classify images with a packed network. */
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli.h"
#include "cli/cli_json.h"
#include "lowbit/data.h"
#include "lowbit/deploy.h"
#include "lowbit/runtime.h"

enum { TOP = 5, BATCH = 64 };

static const char *data, *isa;
static int threads, json_wanted;

static const struct poptOption options[] = {
    {"data", '\0', POPT_ARG_STRING, &data, 0,
     "run on all test images of this data set: accuracy and speed", "SPEC"},
    {"isa", '\0', POPT_ARG_STRING, &isa, 0,
     "instruction set: scalar, avx2, avx512 or neon (default: the best here)", "NAME"},
    {"threads", '\0', POPT_ARG_INT, &threads, 0, "0: all processors with --data, else one", "N"},
    {"json", '\0', POPT_ARG_NONE, &json_wanted, 0,
     "print JSON: one object an image, or one for the data set", NULL},
    POPT_TABLEEND,
};

/* ---- a data set ------------------------------------------------------------------------------ */

static int run_data(const char *path)
{
    static char name[] = "run";
    const lb_evaluate_options wanted = {
        .data = data, .threads = threads, .isa = isa, .report = lb_cli_skipped, .context = name};
    lb_evaluation e;
    const lb_status status = lb_evaluate_packed(path, &wanted, &e);
    if (status != LB_OK) return lb_cli_error("run", (int)status);
    const double speed = e.seconds > 0.0 ? (double)e.images / e.seconds : 0.0;
    if (json_wanted) {
        (void)printf("{\"top1\": %.4f, \"top5\": %.4f, \"loss\": %s, \"images\": %zu, "
                     "\"unreadable\": %zu, \"seconds\": %.6f, \"images_per_second\": %.2f}\n",
                     e.top1, e.top5, lb_cli_json_number(e.loss, LB_CLI_JSON_ROOM), e.images,
                     e.unreadable, e.seconds, speed);
    } else {
        (void)printf("top-1 %.2f %%  top-5 %.2f %%  images %zu  %.3f s  %.0f images/s\n", e.top1,
                     e.top5, e.images, e.seconds, speed);
        if (e.unreadable > 0)
            (void)printf("%zu images could not be read and were left out\n", e.unreadable);
    }
    return LB_OK;
}

/* ---- images ---------------------------------------------------------------------------------- */

/* The first places of one image. */
typedef struct guess {
    size_t index[TOP];
    double probability[TOP];
} guess;

/* The network, and all it says before anything is printed: an image that cannot be read leaves no
 * partial output. */
typedef struct session {
    lb_packed *packed;
    lb_packed_info info;
    lb_context *context;
    size_t values, places; /* of an image; of a guess */
    uint8_t *pixels;
    float *logits;
    guess *guesses;
} session;

static const char *class_name(const lb_packed_info *info, size_t index, char number[32])
{
    if (info->class_names != NULL) return info->class_names[index];
    (void)snprintf(number, 32, "%zu", index);
    return number;
}

static void print_json(const session *s, const char *path, const guess *g)
{
    char number[32];
    (void)printf("{\"image\": ");
    lb_cli_json_string(stdout, path);
    (void)printf(", \"top\": [");
    for (size_t k = 0; k < s->places; k++) {
        (void)printf("%s{\"class\": %zu, \"name\": ", k > 0 ? ", " : "", g->index[k]);
        lb_cli_json_string(stdout, class_name(&s->info, g->index[k], number));
        if (isfinite(g->probability[k]))
            (void)printf(", \"probability\": %.6f}", g->probability[k]);
        else
            (void)printf(", \"probability\": null}");
    }
    (void)printf("]}\n");
}

static void print_text(const session *s, const char *path, const guess *g)
{
    char number[32];
    (void)printf("%s\n", path);
    for (size_t k = 0; k < s->places; k++) {
        (void)printf("  %6.2f %%  %s\n", 100.0 * g->probability[k],
                     class_name(&s->info, g->index[k], number));
    }
}

static lb_status classify(session *s, const char **paths, size_t n)
{
    lb_status status = LB_OK;
    for (size_t first = 0; first < n && status == LB_OK; first += BATCH) {
        const size_t left = n - first, count = left < BATCH ? left : BATCH;
        for (size_t i = 0; i < count && status == LB_OK; i++) {
            status = lb_image_read(paths[first + i], s->info.channels, s->info.height,
                                   s->info.width, s->pixels + i * s->values);
        }
        if (status != LB_OK) break;
        lb_context_run_pixels(s->context, s->pixels, count, s->logits);
        for (size_t i = 0; i < count; i++) {
            guess *g = &s->guesses[first + i];
            lb_top_classes(s->logits + i * s->info.classes, s->info.classes, s->places, g->index,
                           g->probability);
        }
    }
    return status;
}

/* Returns the exit status; what was opened is closed by close_session. */
static int open_session(const char *path, size_t n, session *s)
{
    const lb_packed_options opening = {.isa = isa};
    const lb_context_options running = {.threads = threads};
    lb_status status = lb_packed_open(path, &opening, &s->packed);
    if (status == LB_OK) status = lb_context_create(s->packed, &running, &s->context);
    if (status != LB_OK) return lb_cli_error("run", (int)status);
    lb_packed_get_info(s->packed, &s->info);
    s->values = s->info.channels * s->info.height * s->info.width;
    s->places = s->info.classes < TOP ? s->info.classes : TOP;
    s->pixels = malloc(BATCH * s->values);
    s->logits = malloc(BATCH * s->info.classes * sizeof *s->logits);
    s->guesses = calloc(n, sizeof *s->guesses);
    const bool done = s->pixels != NULL && s->logits != NULL && s->guesses != NULL;
    return done ? LB_OK : lb_cli_fail("run", LB_E_NOMEM, "out of memory");
}

static void close_session(session *s)
{
    free(s->pixels);
    free(s->logits);
    free(s->guesses);
    lb_context_destroy(s->context);
    lb_packed_close(s->packed);
}

static int run_images(const char *path, const char **images)
{
    size_t n = 0;
    while (images[n] != NULL) n++;
    session s = {.packed = NULL};
    int exit_status = open_session(path, n, &s);
    if (exit_status == LB_OK) {
        const lb_status status = classify(&s, images, n);
        if (status != LB_OK) exit_status = lb_cli_error("run", (int)status);
    }
    for (size_t i = 0; exit_status == LB_OK && i < n; i++) {
        (json_wanted ? print_json : print_text)(&s, images[i], &s.guesses[i]);
    }
    close_session(&s);
    return exit_status;
}

static int run(poptContext context)
{
    const char *path = poptGetArg(context);
    const char **images = poptGetArgs(context);
    const bool any = images != NULL && images[0] != NULL;
    if (path == NULL) {
        return lb_cli_fail("run", LB_E_ARG,
                           "which network? give a FILE that `lowbit pack` made, then images or "
                           "--data");
    }
    if (threads < 0) return lb_cli_fail("run", LB_E_ARG, "threads %d: wanted 0 or more", threads);
    if (any && data != NULL) {
        return lb_cli_fail("run", LB_E_ARG, "give images or --data, not both; got '%s' and '%s'",
                           images[0], data);
    }
    if (!any && data == NULL) {
        return lb_cli_fail("run", LB_E_ARG,
                           "on what? give PNG or JPEG images, or --data with a data set");
    }
    const int exit_status = lb_cli_check_packed("run", path);
    if (exit_status != LB_OK) return exit_status;
    return any ? run_images(path, images) : run_data(path);
}

const lb_command lb_command_run = {
    .name = "run",
    .summary = "classify images with a packed network",
    .arguments = "FILE IMAGE... | FILE --data SPEC",
    .description =
        "Runs a packed network. For PNG and JPEG images it prints the five most probable classes "
        "of each (softmax of the logits); an image of another size is scaled, its sides in "
        "proportion, until it covers the size that the network takes, and cropped at its centre; "
        "colour becomes grey, or grey colour, as the network wants. For a data set it prints the "
        "accuracy on the test images and the speed, reading data left out.",
    .examples = "lowbit run a.lbm cat.jpg dog.png\n"
                "lowbit run a.lbm --data cifar10 --threads 1\n"
                "lowbit run a.lbm --data mnist --isa scalar --json\n",
    .options = options,
    .run = run,
};
