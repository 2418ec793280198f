#include "support/golden.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/support.h"

enum { PATH_BYTES = 4096, MAX_ARRAYS = 4096, MAX_BYTES = 16 << 20 };

/* LOWBIT_SOURCE, else what stands before tests/support/golden.c in the name this file was compiled
 * under. */
static void source_path(const char *path, char out[PATH_BYTES])
{
    const char *root = getenv("LOWBIT_SOURCE");
    if (root) {
        (void)snprintf(out, PATH_BYTES, "%s/%s", root, path);
        return;
    }
    const char *end = strstr(__FILE__, "tests/support/golden.c");
    (void)snprintf(out, PATH_BYTES, "%.*s%s", end ? (int)(end - __FILE__) : 0, __FILE__, path);
}

/* The name and dimensions of an array from its line. */
static bool read_head(char *line, lb_golden_array *array)
{
    char *rest = NULL;
    const char *name = strtok_r(line, " ", &rest);
    if (!name || strlen(name) >= LB_GOLDEN_NAME_BYTES) return false;
    memcpy(array->name, name, strlen(name) + 1);
    array->count = 1;
    for (char *dim = strtok_r(NULL, " ", &rest); dim; dim = strtok_r(NULL, " ", &rest)) {
        char *end = NULL;
        const unsigned long size = strtoul(dim, &end, 10);
        if (*end != '\0' || size == 0 || array->n_dims == LB_GOLDEN_MAX_DIMS) return false;
        array->dims[array->n_dims++] = size;
        array->count *= size;
    }
    return array->count <= MAX_BYTES / sizeof(float);
}

/* `count` numbers from `text` on; where they end, NULL: one is no number. */
static char *read_values(char *text, lb_golden_array *array)
{
    void *block = NULL;
    assert_ok(lb_alloc(array->count, sizeof(float), array->name, &block));
    array->values = block;
    for (size_t i = 0; i < array->count; i++) {
        char *end = NULL;
        array->values[i] = strtof(text, &end);
        if (end == text) return NULL;
        text = end;
    }
    return text;
}

lb_golden lb_golden_read(const char *path)
{
    char full[PATH_BYTES];
    source_path(path, full);
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (lb_file_read(full, MAX_BYTES, &data, &bytes) != LB_OK) fail_msg("%s", lb_error());
    lb_golden golden = {.n = 0};
    void *block = NULL;
    assert_ok(lb_alloc(MAX_ARRAYS, sizeof *golden.arrays, "golden arrays", &block));
    golden.arrays = block;

    for (char *text = (char *)data; *text != '\0';) {
        char *end = strchr(text, '\n');
        if (!end) fail_msg("%s: its last line does not end", full);
        *end = '\0';
        if (*text == '#' || *text == '\0') {
            text = end + 1;
            continue;
        }
        if (golden.n == MAX_ARRAYS) fail_msg("%s: more than %d arrays", full, MAX_ARRAYS);
        lb_golden_array *array = &golden.arrays[golden.n++];
        if (!read_head(text, array)) fail_msg("%s: no head of an array: '%s'", full, text);
        text = read_values(end + 1, array);
        if (!text) fail_msg("%s: array '%s' ends too soon", full, array->name);
        text += strspn(text, " \n");
    }
    lb_free(data);
    return golden;
}

void lb_golden_release(lb_golden *golden)
{
    for (size_t i = 0; i < golden->n; i++) lb_free(golden->arrays[i].values);
    lb_free(golden->arrays);
    *golden = (lb_golden){.n = 0};
}

static const lb_golden_array *find(const lb_golden *golden, const char *format, va_list args,
                                   char name[LB_GOLDEN_NAME_BYTES])
{
    (void)vsnprintf(name, LB_GOLDEN_NAME_BYTES, format, args);
    for (size_t i = 0; i < golden->n; i++) {
        if (strcmp(golden->arrays[i].name, name) != 0) continue;
        golden->arrays[i].used = true;
        return &golden->arrays[i];
    }
    return NULL;
}

const lb_golden_array *lb_golden_find(const lb_golden *golden, const char *format, ...)
{
    char name[LB_GOLDEN_NAME_BYTES];
    va_list args;
    va_start(args, format);
    const lb_golden_array *array = find(golden, format, args, name);
    va_end(args);
    return array;
}

const lb_golden_array *lb_golden_at(const lb_golden *golden, const char *format, ...)
{
    char name[LB_GOLDEN_NAME_BYTES];
    va_list args;
    va_start(args, format);
    const lb_golden_array *array = find(golden, format, args, name);
    va_end(args);
    if (!array) fail_msg("no golden array '%s'", name);
    return array;
}

void lb_golden_compare(const lb_golden_array *wanted, const float *got, size_t count,
                       double relative)
{
    if (count != wanted->count)
        fail_msg("%s: %zu values, wanted %zu", wanted->name, count, wanted->count);
    double largest = 0.0;
    for (size_t i = 0; i < count; i++) largest = fmax(largest, fabs((double)wanted->values[i]));
    for (size_t i = 0; i < count; i++) {
        const double difference = fabs((double)got[i] - (double)wanted->values[i]);
        if (difference <= relative * largest) continue;
        fail_msg("%s[%zu]: got %.9g, wanted %.9g within %.3g (largest value %.3g)", wanted->name, i,
                 (double)got[i], (double)wanted->values[i], relative * largest, largest);
    }
}

void lb_golden_check_all_used(const lb_golden *golden, const char *prefix)
{
    for (size_t i = 0; i < golden->n; i++) {
        const lb_golden_array *array = &golden->arrays[i];
        if (array->used || strncmp(array->name, prefix, strlen(prefix)) != 0) continue;
        fail_msg("golden array '%s' was compared with nothing", array->name);
    }
}
