/* compare_convolutions - few-bit convolutions beside oneDNN's (and XNNPACK's) in float32 and int8.
 *
 *     compare_convolutions [--isa avx2] [--threads N] [--rounds N] [--json]
 *
 * All contenders run in this process, in turn, round after round, on the same threads, batch 1: ours from packed
 * codes to packed codes, peers from their own layout to their own. A figure is the median over the rounds of a
 * round's median; a ratio the median of the rounds' ratios. Of a peer's layouts and algorithms the fastest counts.
 * --isa avx2 holds everybody to AVX2 (XNNPACK cannot be held, and is left out). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <dnnl.h>

#include "peer.h"
#include "lowbit/bench.h"

enum { MAX_ROUNDS = 99, MAX_PEERS = 4, MAX_RUNS = 4096 };
static const double turn_seconds = 0.08;

static const layer layers[] = {{128, 128, 3, 32}, {256, 256, 3, 16}, {512, 512, 3, 8}};
enum { N_LAYERS = sizeof layers / sizeof *layers };

typedef struct widths {
    const char *name;
    int w, a;
    double bars[2]; /* wanted times oneDNN's float32, int8 */
} widths;

static const widths all_widths[] = {
    {"W1A1", 1, 1, {7.0, 3.0}},
    {"W1A2", 1, 2, {5.5, 2.4}},
    {"W1A4", 1, 4, {3.0, 1.3}},
    {"ternary A1", LB_BENCH_TERNARY, 1, {3.0, 1.3}},
    {"ternary A2", LB_BENCH_TERNARY, 2, {3.0, 1.3}},
    {"W2A2", 2, 2, {3.0, 1.3}},
    {"W1A8", 1, 8, {2.4, 1.1}},
    {"W4A4", 4, 4, {2.0, 1.0}},
    {"W8A8", 8, 8, {0.0, 0.75}},
};
enum { N_WIDTHS = sizeof all_widths / sizeof *all_widths };

_Noreturn void give_up(const char *message)
{
    (void)fprintf(stderr, "compare_convolutions: %s\n", message);
    exit(1);
}

void *filled(size_t n)
{
    void *block = aligned_alloc(64, (n + 63) / 64 * 64);
    if (!block) give_up("out of memory");
    memset(block, 0x3c, n); /* floats of 0.0115: none that underflow, which would slow a peer down */
    return block;
}

static double now(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int ascending(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t n)
{
    qsort(values, n, sizeof *values, ascending);
    return n % 2 ? values[n / 2] : 0.5 * (values[n / 2 - 1] + values[n / 2]);
}

/* ---- one turn of a peer: milliseconds of a run ---- */

static double peer_turn(const peer *c, void *state)
{
    static double times[MAX_RUNS];
    size_t n = 0;
    for (int i = 0; i < 3; i++) c->run(state);
    for (const double end = now() + turn_seconds; n < MAX_RUNS && (n < 5 || now() < end); n++) {
        const double start = now();
        c->run(state);
        times[n] = 1e3 * (now() - start);
    }
    return median(times, n);
}

static double own_turn(const layer *l, const widths *w, int threads, char kernel[LB_KERNEL_NAME_BYTES])
{
    const lb_bench_layer wanted = {.out = l->out, .in = l->in, .kh = l->kernel, .kw = l->kernel, .height = l->size,
                                   .width = l->size, .weight_bits = w->w, .act_bits = w->a};
    const lb_bench_options options = {.threads = threads, .seconds = turn_seconds};
    lb_bench_result result;
    if (lb_bench_run_layer(&wanted, &options, &result) != LB_OK) give_up(lb_error());
    memcpy(kernel, result.kernel, LB_KERNEL_NAME_BYTES);
    return result.median_ms;
}

/* The fastest candidate of a peer, or NULL. */
static void *best_candidate(const peer *c, const layer *l, int threads)
{
    void *best = NULL;
    double best_ms = INFINITY;
    bool exists = true;
    for (int i = 0; exists; i++) {
        void *state = c->create(l, threads, i, &exists);
        if (!state) continue;
        const double ms = peer_turn(c, state);
        void *worse = ms < best_ms ? best : state;
        if (ms < best_ms) {
            best = state;
            best_ms = ms;
        }
        if (worse) c->destroy(worse);
    }
    return best;
}

/* ---- a layer ---- */

typedef struct options {
    int threads, rounds;
    bool json, held;
} options;

static void print_row(const options *o, const layer *l, const widths *w, const char *kernel, double own,
                      const double *peer_ms, const double *ratios)
{
    const double operations = 2.0 * (double)(l->out * l->in * l->kernel * l->kernel * l->size * l->size);
    const double gops = 1e-6 * operations / own;
    if (o->json) {
        (void)printf("{\"layer\": \"%zux%zux%zux%zu@%zux%zu\", \"widths\": \"%s\", \"threads\": %d, "
                     "\"kernel\": \"%s\", \"median_ms\": %.5f, \"gops\": %.1f, \"float32_ms\": %.5f, "
                     "\"int8_ms\": %.5f, "
                     "\"times_float32\": %.3f, \"times_int8\": %.3f}\n",
                     l->out, l->in, l->kernel, l->kernel, l->size, l->size, w->name, o->threads, kernel, own, gops,
                     peer_ms[0], peer_ms[1], ratios[0], ratios[1]);
    } else {
        (void)printf("| %zu -> %zu @ %zux%zu | %d | %s | %.3f | %.0f | %s | %.2f (%.1f) | %.2f (%.2f) |\n", l->in,
                     l->out, l->size, l->size, o->threads, w->name, own, gops, kernel, ratios[0], w->bars[0],
                     ratios[1], w->bars[1]);
    }
    (void)fflush(stdout);
}

static void compare_layer(const options *o, const layer *l)
{
    const peer *peers[MAX_PEERS] = {&onednn_float, &onednn_int8};
    int n_peers = 2;
#ifdef HAVE_XNNPACK
    if (!o->held) {
        peers[n_peers++] = &xnnpack_float;
        peers[n_peers++] = &xnnpack_int8;
    }
#endif
    static double peer_ms[MAX_PEERS][MAX_ROUNDS], own_ms[N_WIDTHS][MAX_ROUNDS];
    char kernels[N_WIDTHS][LB_KERNEL_NAME_BYTES];
    void *states[MAX_PEERS];
    for (int p = 0; p < n_peers; p++) states[p] = best_candidate(peers[p], l, o->threads);
    for (int r = 0; r < o->rounds; r++) {
        for (int p = 0; p < n_peers; p++) peer_ms[p][r] = states[p] ? peer_turn(peers[p], states[p]) : NAN;
        for (int w = 0; w < N_WIDTHS; w++) own_ms[w][r] = own_turn(l, &all_widths[w], o->threads, kernels[w]);
    }
    double ratios[N_WIDTHS][2], peer_medians[MAX_PEERS];
    for (int w = 0; w < N_WIDTHS; w++)
        for (int p = 0; p < 2; p++) {
            double of_round[MAX_ROUNDS];
            for (int r = 0; r < o->rounds; r++) of_round[r] = peer_ms[p][r] / own_ms[w][r];
            ratios[w][p] = median(of_round, (size_t)o->rounds);
        }
    for (int p = 0; p < n_peers; p++) peer_medians[p] = median(peer_ms[p], (size_t)o->rounds);
    for (int w = 0; w < N_WIDTHS; w++)
        print_row(o, l, &all_widths[w], kernels[w], median(own_ms[w], (size_t)o->rounds), peer_medians, ratios[w]);
    for (int p = 0; p < n_peers; p++) {
        if (!states[p]) continue;
        const double operations = 2.0 * (double)(l->out * l->in * l->kernel * l->kernel * l->size * l->size);
        if (!o->json)
            (void)printf("| %zu -> %zu @ %zux%zu | %d | %s | %.3f | %.0f | | | |\n", l->in, l->out, l->size, l->size,
                         o->threads, peers[p]->name, peer_medians[p], 1e-6 * operations / peer_medians[p]);
        peers[p]->destroy(states[p]);
    }
}

/* OpenMP's threads spin for long after a peer's turn, on the cores that the next turn needs. How long is read
 * when the program is loaded: so it is loaded again. */
static void shorten_spinning(char **argv)
{
    if (getenv("GOMP_SPINCOUNT")) return;
    if (setenv("GOMP_SPINCOUNT", "20000", 1) != 0 || unsetenv("OMP_WAIT_POLICY") != 0) give_up("out of memory");
    (void)execv("/proc/self/exe", argv);
    give_up("cannot start anew with GOMP_SPINCOUNT=20000");
}

int main(int argc, char **argv)
{
    shorten_spinning(argv);
    options o = {.threads = 1, .rounds = 5};
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0) {
            o.json = true;
        } else if (strcmp(argv[i], "--threads") == 0 && i + 1 < argc) {
            o.threads = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc) {
            o.rounds = (int)strtol(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--isa") == 0 && i + 1 < argc && strcmp(argv[i + 1], "avx2") == 0) {
            i++;
            o.held = true;
        } else {
            give_up("usage: compare_convolutions [--isa avx2] [--threads N] [--rounds N] [--json]");
        }
    }
    if (o.rounds < 1 || o.rounds > MAX_ROUNDS || o.threads < 1) give_up("rounds 1..99, threads 1 or more");
    if (o.held && (dnnl_set_max_cpu_isa(dnnl_cpu_isa_avx2) != dnnl_success || setenv("LOWBIT_ISA", "avx2", 1) != 0))
        give_up("cannot hold oneDNN to AVX2");
    if (!o.json)
        (void)printf("| layer | threads | what | median ms | Gop/s | kernel | x oneDNN float32 (bar) | x int8 (bar) |\n"
                     "|---|---|---|---|---|---|---|---|\n");
    for (int i = 0; i < N_LAYERS; i++) compare_layer(&o, &layers[i]);
    return 0;
}
