/* Where the papers' experiments lie, and which there are. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/memory.h"
#include "base/suggest.h"
#include "lowbit/reproduce.h"

enum { PATH_BYTES = 4096 };

static const char extension[] = ".yaml", quick_ending[] = ".quick";

/* ---- the folder ------------------------------------------------------------------------------ */

/* PREFIX/share/lowbit/experiments where the program is PREFIX/bin/NAME: a tree may be moved. */
static bool installed_folder(char path[PATH_BYTES])
{
    char program[PATH_BYTES];
    const ssize_t length = readlink("/proc/self/exe", program, sizeof program - 1);
    if (length <= 0) return false;
    program[length] = '\0';
    for (int parents = 0; parents < 2; parents++) {
        char *slash = strrchr(program, '/');
        if (slash == NULL) return false;
        *slash = '\0';
    }
    const int written = snprintf(path, PATH_BYTES, "%s/share/lowbit/experiments", program);
    return written > 0 && written < PATH_BYTES && lb_path_is_folder(path);
}

static lb_status hand_over(const char *found, char *path, size_t bytes)
{
    const int written = snprintf(path, bytes, "%s", found);
    if (written >= 0 && (size_t)written < bytes) return LB_OK;
    return lb_fail(LB_E_ARG, "%s: longer than %zu bytes", found, bytes - 1);
}

lb_status lb_experiments_folder(char *path, size_t bytes)
{
    char installed[PATH_BYTES];
    const char *wanted = getenv("LOWBIT_EXPERIMENTS");
    if (wanted != NULL && wanted[0] != '\0') {
        if (lb_path_is_folder(wanted)) return hand_over(wanted, path, bytes);
        return lb_fail(LB_E_IO, "LOWBIT_EXPERIMENTS: %s is no folder", wanted);
    }
    if (installed_folder(installed)) return hand_over(installed, path, bytes);
    if (lb_path_is_folder("experiments")) return hand_over("experiments", path, bytes);
    return lb_fail(LB_E_IO, "no folder of experiments; set LOWBIT_EXPERIMENTS to the one that "
                            "holds P0-table6.yaml");
}

/* ---- names ----------------------------------------------------------------------------------- */

static bool ends_with(const char *text, const char *ending)
{
    const size_t length = strlen(text), wanted = strlen(ending);
    return length > wanted && strcmp(text + length - wanted, ending) == 0;
}

/* Names with numbers in their numbers' order: table6 before table10. */
static int by_name(const void *left, const void *right)
{
    const char *a = *(const char *const *)left, *b = *(const char *const *)right;
    while (*a != '\0' && *a == *b) {
        a++;
        b++;
    }
    const size_t digits_a = strspn(a, "0123456789"), digits_b = strspn(b, "0123456789");
    if (digits_a != digits_b) return digits_a < digits_b ? -1 : 1;
    return strcmp(a, b);
}

/* The names of the files in the arena, in any order; with out NULL they are only counted. */
static lb_status list(DIR *folder, lb_arena *arena, const char **out, size_t room, size_t *n)
{
    *n = 0;
    rewinddir(folder);
    for (struct dirent *entry = readdir(folder); entry != NULL; entry = readdir(folder)) {
        if (entry->d_name[0] == '.' || !ends_with(entry->d_name, extension)) continue;
        if (out != NULL) {
            if (*n == room) break; /* a file that came in between */
            char *name = NULL;
            LB_TRY(lb_arena_strdup(arena, entry->d_name, &name));
            name[strlen(name) - strlen(extension)] = '\0';
            out[*n] = name;
        }
        (*n)++;
    }
    return LB_OK;
}

lb_status lb_experiment_names_read(const char *folder, lb_experiment_names *out)
{
    DIR *open = opendir(folder);
    if (open == NULL) return lb_fail(LB_E_IO, "cannot open %s: %s", folder, strerror(errno));
    lb_arena arena = {0};
    void *names = NULL;
    size_t room = 0, n = 0;
    lb_status status = list(open, &arena, NULL, 0, &room);
    if (status == LB_OK)
        status = lb_arena_alloc(&arena, room + 1, sizeof(char *), "names of experiments", &names);
    if (status == LB_OK) status = list(open, &arena, names, room, &n);
    (void)closedir(open);
    if (status != LB_OK) {
        lb_arena_release(&arena);
        return status;
    }
    if (n > 0) qsort(names, n, sizeof(char *), by_name);
    *out = (lb_experiment_names){.names = names, .n = n, .memory = arena.last};
    return LB_OK;
}

void lb_experiment_names_release(lb_experiment_names *names)
{
    lb_arena arena = {.last = names->memory};
    lb_arena_release(&arena);
    *names = (lb_experiment_names){0};
}

static lb_status unknown(const char *folder, const char *name)
{
    lb_experiment_names names = {0};
    LB_TRY(lb_experiment_names_read(folder, &names));
    size_t n = 0; /* without the quick variants, which are asked for otherwise */
    for (size_t i = 0; i < names.n; i++) {
        if (!ends_with(names.names[i], quick_ending)) names.names[n++] = names.names[i];
    }
    const char *near = lb_suggest(name, names.names, n);
    const lb_status status =
        near != NULL
            ? lb_fail(LB_E_ARG, "unknown experiment '%s'; did you mean '%s'?", name, near)
            : lb_fail(LB_E_ARG, "no experiment '%s' in %s; --list shows them", name, folder);
    lb_experiment_names_release(&names);
    return status;
}

lb_status lb_experiment_path(const char *folder, const char *name, bool quick, char *path,
                             size_t bytes)
{
    char found[PATH_BYTES];
    const int written = snprintf(found, sizeof found, "%s/%s%s%s", folder, name,
                                 quick ? quick_ending : "", extension);
    if (written < 0 || (size_t)written >= sizeof found)
        return lb_fail(LB_E_ARG, "%s: the path is too long", name);
    if (strchr(name, '/') == NULL && lb_path_exists(found)) return hand_over(found, path, bytes);
    (void)snprintf(found, sizeof found, "%s/%s%s", folder, name, extension);
    if (quick && strchr(name, '/') == NULL && lb_path_exists(found))
        return lb_fail(LB_E_ARG, "experiment '%s' has no quick variant", name);
    return unknown(folder, name);
}
