/* A run's folder. Two trainings never write one folder: whoever writes holds a lock on the folder
 * itself, which the system drops when the process ends, however it ends. */
#include "train/run_folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "base/file.h"

static lb_status join(lb_run_folder *folder, const char *name, const char **out)
{
    char *joined = NULL, *kept = NULL;
    LB_TRY(lb_path_join(folder->path, name, &joined));
    const lb_status status = lb_arena_strdup(&folder->arena, joined, &kept);
    lb_free(joined);
    if (status == LB_OK) *out = kept;
    return status;
}

static lb_status lock(lb_run_folder *folder)
{
    if (folder->lock >= 0) return LB_OK;
    const int fd = open(folder->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return lb_fail(LB_E_IO, "%s: cannot open the folder: %s", folder->path, strerror(errno));
    folder->lock = fd;
    /* file systems without locks report something else, and go without */
    if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
        return lb_fail(
            LB_E_BUSY,
            "%s: another training is writing this run; wait for it or take another --out",
            folder->path);
    }
    return LB_OK;
}

lb_status lb_run_folder_open(const char *path, bool resume, bool overwrite, lb_run_folder *out)
{
    *out = (lb_run_folder){.lock = -1};
    char *kept = NULL;
    LB_TRY(lb_arena_strdup(&out->arena, path, &kept));
    out->path = kept;
    LB_TRY(join(out, "config.json", &out->config));
    LB_TRY(join(out, "metrics.csv", &out->metrics));
    LB_TRY(join(out, "best.safetensors", &out->best));
    LB_TRY(join(out, "last.safetensors", &out->last));
    LB_TRY(join(out, "tensorboard", &out->tensorboard));
    if (!lb_path_exists(path)) return LB_OK;
    if (!lb_path_is_folder(path))
        return lb_fail(LB_E_ARG, "%s: not a folder; give --out another name", path);
    if (!resume && !overwrite) {
        return lb_fail(LB_E_ARG, "%s: exists; --resume goes on with it, --overwrite replaces it",
                       path);
    }
    LB_TRY(lock(out));
    out->has_last = resume && lb_path_exists(out->last);
    return LB_OK;
}

static lb_status remove_file(const char *path)
{
    if (unlink(path) == 0 || errno == ENOENT) return LB_OK;
    return lb_fail(LB_E_IO, "%s: cannot remove: %s", path, strerror(errno));
}

/* Event files, and nothing else that may lie there. */
static lb_status remove_events(const char *folder)
{
    DIR *entries = opendir(folder);
    if (entries == NULL) return LB_OK;
    lb_status status = LB_OK;
    for (struct dirent *entry = readdir(entries); status == LB_OK && entry != NULL;
         entry = readdir(entries)) {
        if (strncmp(entry->d_name, "events.out.", strlen("events.out.")) != 0) continue;
        char *path = NULL;
        status = lb_path_join(folder, entry->d_name, &path);
        if (status == LB_OK) status = remove_file(path);
        lb_free(path);
    }
    (void)closedir(entries);
    return status;
}

lb_status lb_run_folder_begin(lb_run_folder *folder)
{
    LB_TRY(lb_make_folders(folder->path));
    LB_TRY(lock(folder));
    if (folder->has_last) return LB_OK;
    /* the checkpoint first: without it the rest is no run any more */
    LB_TRY(remove_file(folder->last));
    LB_TRY(remove_file(folder->best));
    LB_TRY(remove_file(folder->metrics));
    LB_TRY(remove_file(folder->config));
    return remove_events(folder->tensorboard);
}

void lb_run_folder_close(lb_run_folder *folder)
{
    if (folder->lock >= 0) (void)close(folder->lock);
    lb_arena_release(&folder->arena);
    *folder = (lb_run_folder){.lock = -1};
}

lb_status lb_run_checkpoint(const char *run, char **out)
{
    if (!lb_path_is_folder(run)) {
        if (!lb_path_exists(run)) return lb_fail(LB_E_IO, "%s: there is no such run or file", run);
        return lb_strdup(run, out);
    }
    static const char *const names[] = {"best.safetensors", "last.safetensors"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *path = NULL;
        LB_TRY(lb_path_join(run, names[i], &path));
        if (lb_path_exists(path)) {
            *out = path;
            return LB_OK;
        }
        lb_free(path);
    }
    return lb_fail(LB_E_IO,
                   "%s: no checkpoint in this folder (best.safetensors or last.safetensors)", run);
}

lb_status lb_run_checkpoint_hash(const char *run, char sha256[LB_SHA256_TEXT_BYTES])
{
    char *path = NULL;
    LB_TRY(lb_run_checkpoint(run, &path));
    const lb_status status = lb_sha256_file(path, sha256);
    lb_free(path);
    return status;
}
