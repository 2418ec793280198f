/* Fetching a whole data set. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "data/dataset.h"
#include "data/fetch.h"

enum { PATH_BYTES = 4096 };

static lb_status join(const char *a, const char *b, char *out)
{
    const size_t length = strlen(a);
    const bool has_slash = length > 0 && a[length - 1] == '/';
    const int n = snprintf(out, PATH_BYTES, "%s%s%s", a, has_slash ? "" : "/", b);
    if (n > 0 && n < PATH_BYTES) return LB_OK;
    return lb_fail(LB_E_ARG, "'%s': longer than %d bytes", a, PATH_BYTES);
}

/* The members of an archive, checked when they were unpacked, are all there. */
static bool members_present(const lb_data_file *file, const char *folder)
{
    if (file->members == NULL) return false;
    for (const char *const *m = file->members; *m != NULL; m++) {
        char path[PATH_BYTES];
        struct stat info;
        const int n = snprintf(path, sizeof path, "%s/%s", folder, *m);
        if (n <= 0 || n >= PATH_BYTES || stat(path, &info) != 0) return false;
        const uint64_t bytes = (uint64_t)info.st_size;
        if (bytes < file->min_member_bytes || bytes > file->max_member_bytes) return false;
    }
    return true;
}

static lb_status get_file(const lb_data_file *file, const char *folder,
                          const lb_data_get_options *o)
{
    char url[PATH_BYTES], path[PATH_BYTES];
    if (members_present(file, folder)) return LB_OK;
    LB_TRY(join(o->url_base != NULL ? o->url_base : file->folder_url, file->name, url));
    LB_TRY(join(folder, file->name, path));
    const lb_fetch fetch = {.url = url,
                            .path = path,
                            .bytes = file->bytes,
                            .sha256 = file->sha256,
                            .progress = o->progress,
                            .context = o->context,
                            .name = file->name};
    LB_TRY(lb_fetch_file(&fetch));
    if (file->members == NULL) return LB_OK;
    LB_TRY(lb_unpack_tar_gz(path, file->members, file->min_member_bytes, file->max_member_bytes,
                            folder));
    (void)unlink(path); /* what it held is there now; a left-over archive only takes space */
    return LB_OK;
}

static lb_status get_files(const lb_data_spec *spec, const lb_data_get_options *o)
{
    const lb_data_kind *kind = spec->kind;
    if (kind->files == NULL) {
        return lb_fail(LB_E_ARG, "data set '%s' is %s; there is nothing to fetch", kind->entry.name,
                       kind->entry.synthetic ? "generated" : "your own");
    }
    const char *folder = o->folder != NULL ? o->folder : spec->folder;
    if (folder == NULL) {
        return lb_fail(
            LB_E_ARG,
            "no folder for data set '%s': give --dir DIR, or set LOWBIT_DATA to the folder "
            "that holds the data sets",
            kind->entry.name);
    }
    LB_TRY(lb_make_folders(folder));
    for (const lb_data_file *file = kind->files; file->name != NULL; file++)
        LB_TRY(get_file(file, folder, o));
    return LB_OK;
}

lb_status lb_data_get(const char *name, const lb_data_get_options *options)
{
    const lb_data_get_options none = {0};
    lb_data_spec spec;
    LB_TRY(lb_data_spec_parse(name, &spec));
    const lb_status status = get_files(&spec, options != NULL ? options : &none);
    lb_data_spec_release(&spec);
    return status;
}
