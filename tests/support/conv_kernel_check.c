/* The check of all convolution kernels: every kernel on random examples, in every way it may be called. */
#include "support/conv_kernel_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cpu.h"
#include "support/conv_example.h"

enum { MESSAGES_MAX = 20, CASE_KERNELS_MAX = 64 };

/* The state of a run: prepared rows of the whole map, the outputs. */
typedef struct run {
    const lb_conv_example *e;
    const lb_conv_kernel *kernel;
    void *packed;
    void **prepared; /* one a row that windows cover: padding, the map, padding */
    int32_t *sums;
    uint8_t *codes;
    lb_random random;
    size_t failures, *messages;
} run;

static void say(run *r, size_t y, size_t x, size_t f, int64_t got, int64_t wanted, const char *of)
{
    const lb_int_conv *c = &r->e->conv;
    r->failures++;
    if ((*r->messages)++ >= MESSAGES_MAX) return;
    printf("%s: case %zu: %zux%zux%zu@%zux%zu to %zux%zu, %zu groups, %zu terms, stride %zu, "
           "padding %zu,%zu, acts %d bits from %d by %d, weights class %d %d bits: "
           "pixel %zu,%zu filter %zu: %s %lld, wanted %lld\n",
           r->kernel->name, r->e->number, c->filters, c->in_c, c->kh, c->in_h, c->in_w, c->out_h,
           c->out_w, c->groups, c->terms, c->stride, c->pad_top, c->pad_left, c->acts.bits,
           c->acts.offset, c->acts.step, (int)c->weights, c->weight_bits, y, x, f, of,
           (long long)got, (long long)wanted);
}

static void prepare_rows(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t rows = (c->out_h - 1) * c->stride + c->kh;
    const size_t row = c->in_w * lb_map_pixel_bytes(c->acts.bits, c->in_c);
    r->prepared = lb_test_block(rows * sizeof *r->prepared);
    for (size_t i = 0; i < rows; i++) {
        const bool inside = i >= c->pad_top && i - c->pad_top < c->in_h;
        const size_t bytes = r->kernel->row_bytes(c);
        r->prepared[i] = lb_test_block(bytes);
        memset(r->prepared[i], 0xa5, bytes);
        /* a row of its own, unaligned but for words, and exact: the first byte past it is seen */
        uint8_t *block = malloc(row + 4), *packed = block + 4;
        if (!block) abort();
        if (inside) memcpy(packed, r->e->map + (i - c->pad_top) * row, row);
        r->kernel->prepare_row(c, inside ? packed : NULL, r->prepared[i]);
        free(block);
    }
}

/* Filters [begin, end) of output pixels [x, x + n) of row y and of `more` rows below. */
static void run_alike(run *r, bool codes, size_t y, size_t more, size_t x, size_t n, size_t begin,
                      size_t end)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t first = y * c->out_w + x;
    const size_t pixel_bytes = codes ? lb_map_pixel_bytes(r->e->t.bits, c->filters) : 0;
    const lb_conv_span span = {
        .rows = (const void *const *)r->prepared + y * c->stride,
        .first = x,
        .pixels = n,
        .more_rows = more,
        .filter_begin = begin,
        .filter_end = end,
        .start = r->kernel->start_by_pixel ? NULL : r->e->starts[x],
        .starts = r->kernel->start_by_pixel ? r->e->starts + x : NULL,
        .out = {.sums = codes ? NULL : r->sums + first * c->filters,
                .thresholds = codes ? &r->e->t : NULL,
                .codes = codes ? r->codes + first * pixel_bytes : NULL},
    };
    r->kernel->run_row(c, r->packed, &span);
}

/* The same, cut where starts change unless the kernel takes them pixel by pixel. */
static void run_span(run *r, bool codes, size_t y, size_t more, size_t x, size_t n, size_t begin,
                     size_t end)
{
    const int32_t *const *starts = r->e->starts;
    for (size_t first = x, same; first < x + n; first += same) {
        same = 1;
        while (first + same < x + n &&
               (r->kernel->start_by_pixel || starts[first + same] == starts[first]))
            same++;
        run_alike(r, codes, y, more, first, same, begin, end);
    }
}

/* Output row y and `more` below it in random pieces: stretches of pixels from left to right; a block of filters
 * and the rest in either order, so that what one writes into the other's place is seen. */
static void run_rows_in_pieces(run *r, size_t y, size_t more, bool codes)
{
    const lb_int_conv *c = &r->e->conv;
    const bool split = lb_random_below(&r->random, 2);
    const size_t blocks = lb_conv_padded_filters(c) / LB_CONV_BLOCK;
    for (size_t x = 0, n = 0; x < c->out_w; x += n) {
        n = split ? lb_test_between(&r->random, 1, c->out_w - x) : c->out_w;
        const size_t middle = split ? lb_random_below(&r->random, blocks) * LB_CONV_BLOCK : 0;
        const bool last_first = lb_random_below(&r->random, 2);
        if (middle > 0 && !last_first) run_span(r, codes, y, more, x, n, 0, middle);
        run_span(r, codes, y, more, x, n, middle, c->filters);
        if (middle > 0 && last_first) run_span(r, codes, y, more, x, n, 0, middle);
    }
}

/* All rows of outputs, as many at once as the kernel takes or fewer. */
static void run_all_rows(run *r, bool codes)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t most = r->kernel->rows_at_once ? r->kernel->rows_at_once(c) : 1;
    const bool split = lb_random_below(&r->random, 2);
    for (size_t y = 0, n; y < c->out_h; y += n) {
        n = split ? lb_test_between(&r->random, 1, most) : most;
        if (n > c->out_h - y) n = c->out_h - y;
        run_rows_in_pieces(r, y, n - 1, codes);
    }
}

static void check_sums(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t n = c->out_h * c->out_w * c->filters;
    r->sums = lb_test_block(n * sizeof *r->sums);
    memset(r->sums, 0x5a, n * sizeof *r->sums);
    run_all_rows(r, false);
    for (size_t i = 0; i < n; i++) {
        if (r->sums[i] == r->e->wanted[i]) continue;
        const size_t pixel = i / c->filters;
        say(r, pixel / c->out_w, pixel % c->out_w, i % c->filters, r->sums[i], r->e->wanted[i],
            "sum");
    }
    free(r->sums);
}

static void check_codes(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t pixel_bytes = lb_map_pixel_bytes(r->e->t.bits, c->filters);
    const size_t plane = pixel_bytes / (size_t)r->e->t.bits, n = c->out_h * c->out_w * pixel_bytes;
    uint8_t *block = malloc(n + 4); /* aligned to words only */
    if (!block) abort();
    r->codes = block + 4;
    memset(r->codes, 0x5a, n);
    run_all_rows(r, true);
    for (size_t i = 0; i < n; i++) {
        if (r->codes[i] == r->e->wanted_codes[i]) continue;
        const size_t pixel = i / pixel_bytes;
        say(r, pixel / c->out_w, pixel % c->out_w, i % plane * 8, r->codes[i],
            r->e->wanted_codes[i], "byte of codes from there on");
    }
    free(block);
}

/* Are blocks of filters packed one by one what packing all of them gives? */
static void check_packing_by_blocks(run *r)
{
    const lb_int_conv *c = &r->e->conv;
    const size_t filter = c->kh * c->kw * c->in_c;
    const size_t step = r->kernel->block_filters > 0 ? r->kernel->block_filters : LB_CONV_BLOCK;
    const uint8_t *wanted = r->packed;
    lb_int_conv block = *c;
    for (size_t f = 0; f < c->filters; f += step) {
        block.filters = c->filters - f < step ? c->filters - f : step;
        const int16_t *codes = r->e->weights + f * filter;
        block.nonzero = lb_conv_example_nonzero(&block, codes);
        const size_t bytes = r->kernel->weight_bytes(&block);
        uint8_t *packed = lb_test_block(bytes);
        memset(packed, 0xa5, bytes);
        r->kernel->pack(&block, codes, packed);
        for (size_t i = 0; i < bytes; i++) {
            if (packed[i] == wanted[i]) continue;
            say(r, 0, 0, f, packed[i], wanted[i], "byte of a block packed by itself");
            break;
        }
        wanted += bytes;
        free(packed);
    }
}

static size_t check_kernel(const lb_conv_example *e, const lb_conv_kernel *kernel, size_t *messages)
{
    const lb_int_conv *c = &e->conv;
    run r = {.e = e, .kernel = kernel, .messages = messages};
    r.random = lb_random_at(1, LB_RANDOM_TEST, e->number, 1);
    r.packed = lb_test_block(kernel->weight_bytes(c));
    memset(r.packed, 0x5a, kernel->weight_bytes(c));
    kernel->pack(c, e->weights, r.packed);
    if (kernel->by_blocks && c->groups == 1 && c->terms == 1) check_packing_by_blocks(&r);
    prepare_rows(&r);
    check_sums(&r);
    if (c->terms == 1) check_codes(&r);
    for (size_t i = 0; i < (c->out_h - 1) * c->stride + c->kh; i++) free(r.prepared[i]);
    free(r.prepared);
    free(r.packed);
    return r.failures;
}

lb_conv_check lb_check_conv_kernels(size_t cases, uint64_t seed)
{
    lb_conv_check check = {0};
    size_t messages = 0, runs_of[CASE_KERNELS_MAX] = {0};
    for (size_t i = 0; i < cases; i++) {
        lb_conv_example e = lb_conv_example_create(i, seed);
        for (size_t k = 0; lb_conv_kernels[k]; k++) {
            const lb_conv_kernel *kernel = lb_conv_kernels[k];
            const char *why = NULL;
            if ((kernel->isa & lb_cpu_isa()) != kernel->isa || !kernel->supports(&e.conv, &why))
                continue;
            check.failures += check_kernel(&e, kernel, &messages);
            check.runs++;
            runs_of[k]++;
        }
        lb_conv_example_release(&e);
    }
    for (size_t k = 0; lb_conv_kernels[k]; k++) {
        const lb_conv_kernel *kernel = lb_conv_kernels[k];
        if ((kernel->isa & lb_cpu_isa()) != kernel->isa) {
            printf("SKIP %s: this machine has no such instructions\n", kernel->name);
            check.skipped++;
        } else {
            printf("%s: %zu of %zu convolutions\n", kernel->name, runs_of[k], cases);
            check.unused += runs_of[k] == 0;
        }
    }
    return check;
}
