/* What lies in a folder of images by class. */
#ifndef LB_DATA_FORMAT_FOLDER_LIST_H
#define LB_DATA_FORMAT_FOLDER_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/fail.h"

enum { LB_PATH_BYTES = 4096 };

/* A list of names. Initialize with {0}. */
typedef struct lb_name_list {
    size_t n, room;
    char **names;
} lb_name_list;

LB_MUST_CHECK lb_status lb_name_list_add(lb_name_list *list, const char *name);
void lb_name_list_release(lb_name_list *list);
/** The place of a name in a sorted list, or list->n. */
size_t lb_name_list_find(const lb_name_list *list, const char *name);

/**
 * Names in a folder in byte order: subfolders, or images by their endings. Names that start with a dot
 * are left out.
 *
 * Ownership: lb_name_list_release(out), also after a failure.
 * Errors:    LB_E_IO, LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_folder_list(const char *folder, bool folders, lb_name_list *out);

/** path = "FOLDER/NAME", at most LB_PATH_BYTES. Errors: LB_E_IO too long. */
LB_MUST_CHECK lb_status lb_folder_path(const char *folder, const char *name, char *path);

/** path = the first of two subfolders that is there; false: neither. */
bool lb_folder_either(const char *folder, const char *one, const char *other, char *path);

#endif
