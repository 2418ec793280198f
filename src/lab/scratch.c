/* A folder for files in the making, gone afterwards. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/memory.h"
#include "lab/report_render.h"

lb_status lb_scratch_make(const char *near, char **out)
{
    const char *temporary = getenv("TMPDIR");
    if (temporary == NULL || temporary[0] == '\0') temporary = "/tmp";
    char path[4096];
    const int length = near != NULL ? snprintf(path, sizeof path, "%s.XXXXXX", near)
                                    : snprintf(path, sizeof path, "%s/lowbit.XXXXXX", temporary);
    if (length < 0 || (size_t)length >= sizeof path)
        return lb_fail(LB_E_ARG, "%s: the path is too long", near != NULL ? near : temporary);
    if (mkdtemp(path) == NULL)
        return lb_fail(LB_E_IO, "%s: cannot make a folder %s: %s", near != NULL ? near : temporary,
                       near != NULL ? "beside it" : "in it", strerror(errno));
    return lb_strdup(path, out);
}

void lb_scratch_remove(char *folder)
{
    if (folder == NULL) return;
    DIR *listing = opendir(folder);
    for (const struct dirent *entry = NULL; listing != NULL && (entry = readdir(listing)) != NULL;)
        (void)unlinkat(dirfd(listing), entry->d_name, 0);
    if (listing != NULL) (void)closedir(listing);
    (void)rmdir(folder);
    lb_free(folder);
}
