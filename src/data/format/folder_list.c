/* What lies in a folder of images by class. */
#include "data/format/folder_list.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/file.h"
#include "base/memory.h"

enum { FIRST_ROOM = 16 };

void lb_name_list_release(lb_name_list *list)
{
    for (size_t i = 0; i < list->n; i++) lb_free(list->names[i]);
    lb_free(list->names);
    *list = (lb_name_list){0};
}

lb_status lb_name_list_add(lb_name_list *list, const char *name)
{
    if (list->n == list->room) {
        const size_t room = list->room > 0 ? 2 * list->room : FIRST_ROOM;
        void *names = NULL;
        LB_TRY(lb_alloc(room, sizeof *list->names, "file list", &names));
        if (list->n > 0) memcpy(names, list->names, list->n * sizeof *list->names);
        lb_free(list->names);
        list->names = names;
        list->room = room;
    }
    LB_TRY(lb_strdup(name, &list->names[list->n]));
    list->n++;
    return LB_OK;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

size_t lb_name_list_find(const lb_name_list *list, const char *name)
{
    if (list->n == 0) return 0;
    char *const *found = bsearch(&name, list->names, list->n, sizeof *list->names, compare_names);
    return found != NULL ? (size_t)(found - list->names) : list->n;
}

static bool is_image_name(const char *name)
{
    const char *dot = strrchr(name, '.');
    return dot != NULL && (strcasecmp(dot, ".png") == 0 || strcasecmp(dot, ".jpg") == 0 ||
                           strcasecmp(dot, ".jpeg") == 0);
}

lb_status lb_folder_path(const char *folder, const char *name, char *path)
{
    const int n = snprintf(path, LB_PATH_BYTES, "%s/%s", folder, name);
    if (n > 0 && n < LB_PATH_BYTES) return LB_OK;
    return lb_fail(LB_E_IO, "'%s/...': path too long", folder);
}

lb_status lb_folder_list(const char *folder, bool folders, lb_name_list *out)
{
    DIR *stream = opendir(folder);
    if (stream == NULL)
        return lb_fail(LB_E_IO, "cannot open folder '%s': %s", folder, strerror(errno));
    lb_status status = LB_OK;
    while (status == LB_OK) {
        char path[LB_PATH_BYTES];
        errno = 0;
        const struct dirent *e = readdir(stream);
        if (e == NULL && errno != 0) /* a list cut off must not pass for all there is */
            status = lb_fail(LB_E_IO, "cannot read folder '%s': %s", folder, strerror(errno));
        if (e == NULL) break;
        if (e->d_name[0] == '.') continue;
        status = lb_folder_path(folder, e->d_name, path);
        if (status != LB_OK) break;
        if (folders ? lb_path_is_folder(path) : is_image_name(e->d_name)) {
            status = lb_name_list_add(out, e->d_name);
        }
    }
    closedir(stream);
    if (out->n > 0) qsort(out->names, out->n, sizeof *out->names, compare_names);
    return status;
}

bool lb_folder_either(const char *folder, const char *one, const char *other, char *path)
{
    const char *const names[2] = {one, other};
    for (size_t i = 0; i < 2; i++) {
        const int n = snprintf(path, LB_PATH_BYTES, "%s/%s", folder, names[i]);
        if (n > 0 && n < LB_PATH_BYTES && lb_path_is_folder(path)) return true;
    }
    return false;
}
