/* A report as files: everything is made in a folder of its own first, then moved into place, the page last. A wish to
 * stop leaves nothing behind. */
#include "lowbit/report.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "lab/report_render.h"
#include "lab/report_stop.h"
#include "lab/report_store.h"

enum { FOLDER_MODE = 0755 };

/* Where the files go, and how the page names that place. */
typedef struct places {
    char *folder;
    char link[4096];
} places;

/* Does a path lead up? Then what it comes down from has a name that it does not tell. */
static bool leads_up(const char *path)
{
    return strncmp(path, "../", 3) == 0 || strstr(path, "/../") != NULL;
}

/* Does a folder's name end before that slash of a path? Not "." or nothing. */
static bool ends_folder(const char *path, size_t slash)
{
    if (path[slash] != '/' || slash == 0 || path[slash - 1] == '/') return false;
    return path[slash - 1] != '.' || (slash > 1 && path[slash - 2] != '/');
}

/* The folder as seen from the page: what is left of it where the page's folder holds it, else the whole path, by
 * way of "../" where both are relative. */
static lb_status find_link(const char *page, places *at)
{
    const char *slash = strrchr(page, '/'), *folder = at->folder;
    const size_t base = slash != NULL ? (size_t)(slash + 1 - page) : 0, room = sizeof at->link;
    size_t n = 0;
    at->link[0] = '\0';
    if (strncmp(folder, page, base) == 0) {
        folder += base;
    } else if (folder[0] != '/' && (page[0] == '/' || leads_up(page))) {
        if (getcwd(at->link, room - 1) == NULL)
            return lb_fail(LB_E_IO, "cannot tell the current folder: %s", strerror(errno));
        n = strlen(at->link);
        at->link[n++] = '/';
    } else if (folder[0] != '/') {
        for (size_t i = 0; i < base && n + 3 < room; i++) {
            if (!ends_folder(page, i)) continue;
            memcpy(at->link + n, "../", 3);
            n += 3;
        }
    }
    if (n + strlen(folder) >= room) return lb_fail(LB_E_ARG, "%s: the path is too long", folder);
    memcpy(at->link + n, folder, strlen(folder) + 1);
    return LB_OK;
}

static lb_status find_places(const lb_report_options *options, places *out)
{
    if (options->folder != NULL) {
        LB_TRY(lb_strdup(options->folder, &out->folder));
        char *end = out->folder + strlen(out->folder);
        while (end > out->folder + 1 && end[-1] == '/') *--end = '\0';
        return find_link(options->out, out);
    }
    size_t length = strlen(options->out);
    if (length > 5 && strcmp(options->out + length - 5, ".html") == 0) length -= 5;
    void *block = NULL;
    LB_TRY(lb_alloc(length + sizeof "_files", 1, "path", &block));
    out->folder = block;
    memcpy(out->folder, options->out, length);
    memcpy(out->folder + length, "_files", sizeof "_files");
    return find_link(options->out, out);
}

static lb_status move_file(const char *from_folder, const char *to_folder, const char *name)
{
    char *from = NULL, *to = NULL;
    lb_status status = lb_path_join(from_folder, name, &from);
    if (status == LB_OK) status = lb_path_join(to_folder, name, &to);
    if (status == LB_OK && rename(from, to) != 0)
        status = lb_fail(LB_E_IO, "%s: cannot write: %s", to, strerror(errno));
    lb_free(from);
    lb_free(to);
    return status;
}

static bool ends_in(const char *name, const char *ending)
{
    const size_t n = strlen(name), m = strlen(ending);
    return n > m && strcmp(name + n - m, ending) == 0;
}

/* Move pictures and tables out of the scratch folder. */
static lb_status move_files(const char *scratch, const char *folder)
{
    DIR *listing = opendir(scratch);
    if (listing == NULL) return lb_fail(LB_E_IO, "%s: cannot read: %s", scratch, strerror(errno));
    lb_status status = LB_OK;
    const struct dirent *entry = NULL;
    while (status == LB_OK && (entry = readdir(listing)) != NULL) {
        const char *name = entry->d_name;
        if (ends_in(name, ".svg") || ends_in(name, ".png") || ends_in(name, ".md") ||
            ends_in(name, ".csv"))
            status = move_file(scratch, folder, name);
    }
    (void)closedir(listing);
    return status;
}

static const char *title_of(const char *given)
{
    return given != NULL ? given : "Results";
}

/* "FIRST" or "FIRST and N more". */
static void name_sources(const lb_report_options *options, char *text, size_t bytes)
{
    if (options->n_sources == 1) {
        (void)snprintf(text, bytes, "%s", options->sources[0]);
    } else {
        (void)snprintf(text, bytes, "%s and %zu more", options->sources[0], options->n_sources - 1);
    }
}

static lb_status render(const lb_report_options *options, const places *at, const char *scratch,
                        lb_rendered *out)
{
    lb_store *store = NULL;
    lb_report_procedures procedures;
    lb_status status =
        lb_report_open_sources(options->sources, options->n_sources, scratch, &store, &procedures);
    char source[1024];
    name_sources(options, source, sizeof source);
    const lb_page_options page = {
        .title = title_of(options->title), .source = source, .folder = at->link, .problem = ""};
    if (status == LB_OK)
        status = lb_report_render_store(store, &procedures, options->filter, &page, scratch, out);
    lb_store_close(store);
    lb_report_procedures_release(&procedures);
    return status;
}

lb_status lb_report_write(const lb_report_options *options, lb_report_summary *out)
{
    const bool nowhere = options->folder != NULL && options->folder[0] == '\0';
    if (options->out[0] == '\0' || nowhere)
        return lb_fail(LB_E_ARG, "the name of the %s is empty",
                       nowhere ? "pictures' folder" : "page");
    if (lb_path_is_folder(options->out))
        return lb_fail(LB_E_ARG, "%s is a folder; wanted a file for the page", options->out);
    places at = {.folder = NULL};
    char *scratch = NULL;
    lb_rendered made = {.text = NULL};
    lb_status status = find_places(options, &at);
    if (status == LB_OK) status = lb_scratch_make(at.folder, &scratch);
    if (status == LB_OK) status = render(options, &at, scratch, &made);
    if (status == LB_OK && lb_report_stop_wanted())
        status = lb_fail(LB_E_INTERRUPTED, "%s: stopped before it was written", options->out);
    if (status == LB_OK && mkdir(at.folder, FOLDER_MODE) != 0 && !lb_path_is_folder(at.folder))
        status = lb_fail(LB_E_IO, "%s: cannot make the folder: %s", at.folder, strerror(errno));
    if (status == LB_OK) status = move_files(scratch, at.folder);
    if (status == LB_OK) {
        const lb_file_part part = {made.text, made.bytes};
        status = lb_file_write_atomic(options->out, &part, 1);
    }
    if (status == LB_OK && out != NULL) *out = made.summary;
    free(made.text);
    lb_scratch_remove(scratch);
    lb_free(at.folder);
    lb_report_stop_forget();
    return status;
}
