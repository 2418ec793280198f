/* Files and folders. Messages name the path and the system's reason. */
#define _DEFAULT_SOURCE /* realpath; madvise: POSIX's own does nothing on Linux */
#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/memory.h"

/* strerror is not safe in threads, and which strerror_r is declared differs between systems. */
static const char *reason(int error)
{
    static _Thread_local char text[128];
    if (strerror_r(error, text, sizeof text) != 0)
        (void)snprintf(text, sizeof text, "error %d", error);
    return text;
}

/* Open for reading; a folder is refused here, as read() would do it with a worse message. */
static lb_status open_to_read(const char *path, int *fd, size_t *bytes)
{
    const int opened = open(path, O_RDONLY | O_CLOEXEC);
    if (opened < 0) return lb_fail(LB_E_IO, "%s: cannot open: %s", path, reason(errno));
    struct stat info;
    if (fstat(opened, &info) != 0) {
        const int error = errno;
        (void)close(opened);
        return lb_fail(LB_E_IO, "%s: cannot read: %s", path, reason(error));
    }
    if (!S_ISREG(info.st_mode)) {
        (void)close(opened);
        return lb_fail(LB_E_IO, "%s: not a regular file", path);
    }
    *fd = opened;
    *bytes = (size_t)info.st_size;
    return LB_OK;
}

/* Read until `bytes` are there; a file that shrinks meanwhile is an error. */
static lb_status read_all(int fd, const char *path, uint8_t *data, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = read(fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return lb_fail(LB_E_IO, "%s: cannot read: %s", path, reason(errno));
        if (n == 0) return lb_fail(LB_E_IO, "%s: ended at byte %zu of %zu", path, done, bytes);
        done += (size_t)n;
    }
    return LB_OK;
}

lb_status lb_file_read(const char *path, size_t max_bytes, uint8_t **data, size_t *bytes)
{
    int fd = -1;
    size_t size = 0;
    LB_TRY(open_to_read(path, &fd, &size));
    void *block = NULL;
    lb_status status = LB_OK;
    if (size > max_bytes) {
        status =
            lb_fail(LB_E_FORMAT, "%s: %zu bytes, but at most %zu are read", path, size, max_bytes);
    }
    if (status == LB_OK) status = lb_alloc(size + 1, 1, path, &block);
    if (status == LB_OK) status = read_all(fd, path, block, size);
    (void)close(fd);
    if (status != LB_OK) {
        lb_free(block);
        return status;
    }
    *data = block;
    *bytes = size;
    return LB_OK;
}

lb_status lb_file_read_buffer(const char *path, size_t max_bytes, lb_buffer *buffer, size_t *bytes)
{
    int fd = -1;
    size_t size = 0;
    LB_TRY(open_to_read(path, &fd, &size));
    lb_status status = LB_OK;
    if (size > max_bytes) {
        status =
            lb_fail(LB_E_FORMAT, "%s: %zu bytes, but at most %zu are read", path, size, max_bytes);
    }
    if (status == LB_OK) status = lb_buffer_reserve(buffer, size, path);
    if (status == LB_OK) status = read_all(fd, path, buffer->data, size);
    (void)close(fd);
    if (status == LB_OK) *bytes = size;
    return status;
}

lb_status lb_file_map_open(const char *path, lb_file_map *out)
{
    int fd = -1;
    size_t size = 0;
    LB_TRY(open_to_read(path, &fd, &size));
    if (size == 0) {
        (void)close(fd);
        return lb_fail(LB_E_FORMAT, "%s: the file is empty", path);
    }
    const void *data = mmap(NULL, size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (data == MAP_FAILED) {
        const int error = errno;
        (void)close(fd);
        return lb_fail(LB_E_IO, "%s: cannot map: %s", path, reason(error));
    }
    *out = (lb_file_map){.data = data, .bytes = size, .fd = fd};
    return LB_OK;
}

void lb_file_map_close(lb_file_map *map)
{
    if (map->data != NULL) {
        (void)munmap((void *)(uintptr_t)map->data, map->bytes);
        if (map->fd >= 0) (void)close(map->fd);
    }
    *map = (lb_file_map){0};
}

void lb_file_map_close_file(lb_file_map *map)
{
    (void)close(map->fd);
    map->fd = -1;
}

void lb_file_map_copy(const lb_file_map *map, const void *from, size_t bytes, void *to)
{
    const uintptr_t begin = (uintptr_t)map->data, at = (uintptr_t)from;
    const bool inside = at >= begin && bytes <= map->bytes && at - begin <= map->bytes - bytes;
    if (inside && pread(map->fd, to, bytes, (off_t)(at - begin)) == (ssize_t)bytes) return;
    memcpy(to, from, bytes);
}

void lb_file_map_forget(const lb_file_map *map)
{
    (void)madvise((void *)(uintptr_t)map->data, map->bytes, MADV_DONTNEED);
}

static lb_status write_all(int fd, const char *path, const uint8_t *data, size_t bytes)
{
    size_t done = 0;
    while (done < bytes) {
        const ssize_t n = write(fd, data + done, bytes - done);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return lb_fail(LB_E_IO, "%s: cannot write: %s", path, reason(errno));
        done += (size_t)n;
    }
    return LB_OK;
}

/* Make a rename in the folder of `path` survive a power cut. */
static lb_status sync_folder(const char *path)
{
    char *folder = NULL;
    LB_TRY(lb_strdup(path, &folder));
    char *slash = strrchr(folder, '/');
    const char *name = ".";
    if (slash == folder) name = "/";
    if (slash != NULL && slash != folder) {
        *slash = '\0';
        name = folder;
    }
    lb_status status = LB_OK;
    const int fd = open(name, O_RDONLY | O_CLOEXEC);
    /* some file systems cannot sync a folder (EINVAL): then there is nothing more to be had */
    if (fd < 0 || (fsync(fd) != 0 && errno != EINVAL)) {
        status = lb_fail(LB_E_IO, "%s: cannot sync the folder: %s", name, reason(errno));
    }
    if (fd >= 0) (void)close(fd);
    lb_free(folder);
    return status;
}

/* Where a file of that name is to be written: links are followed, as for every program that opens it.
 * What is no file, such as /dev/null or a folder, must not be replaced by one. */
static lb_status find_target(const char *path, char **out)
{
    struct stat info;
    if (path[0] == '\0') return lb_fail(LB_E_IO, "cannot write: the file's name is empty");
    if (stat(path, &info) != 0) return lb_strdup(path, out);
    if (!S_ISREG(info.st_mode))
        return lb_fail(LB_E_IO, "%s: not a regular file; only such a one is replaced", path);
    if (lstat(path, &info) != 0 || !S_ISLNK(info.st_mode)) return lb_strdup(path, out);
    char target[PATH_MAX];
    if (realpath(path, target) == NULL)
        return lb_fail(LB_E_IO, "%s: cannot follow the link: %s", path, reason(errno));
    return lb_strdup(target, out);
}

lb_status lb_file_writer_open(const char *name, lb_file_writer *out)
{
    lb_file_writer writer = {.fd = -1};
    LB_TRY(find_target(name, &writer.path));
    const char *path = writer.path;
    const size_t length = strlen(path);
    void *block = NULL;
    lb_status status = lb_alloc(length + sizeof ".tmp", 1, "path", &block);
    writer.temporary = block;
    if (status == LB_OK) {
        memcpy(writer.temporary, path, length);
        memcpy(writer.temporary + length, ".tmp", sizeof ".tmp");
        writer.fd = open(writer.temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (writer.fd < 0)
            status = lb_fail(LB_E_IO, "%s: cannot create: %s", writer.temporary, reason(errno));
    }
    if (status != LB_OK) {
        lb_free(writer.path);
        lb_free(writer.temporary);
        return status;
    }
    *out = writer;
    return LB_OK;
}

lb_status lb_file_writer_add(lb_file_writer *writer, const void *data, size_t bytes)
{
    return write_all(writer->fd, writer->temporary, data, bytes);
}

void lb_file_writer_abandon(lb_file_writer *writer)
{
    if (writer->fd >= 0) (void)close(writer->fd);
    (void)unlink(writer->temporary);
    lb_free(writer->path);
    lb_free(writer->temporary);
}

lb_status lb_file_writer_finish(lb_file_writer *writer, const void *head, size_t head_bytes)
{
    const char *path = writer->path, *temporary = writer->temporary;
    lb_status status = LB_OK;
    if (head_bytes > 0 && lseek(writer->fd, 0, SEEK_SET) != 0)
        status = lb_fail(LB_E_IO, "%s: cannot go to its start: %s", temporary, reason(errno));
    if (status == LB_OK) status = write_all(writer->fd, temporary, head, head_bytes);
    if (status == LB_OK && fsync(writer->fd) != 0)
        status = lb_fail(LB_E_IO, "%s: cannot sync: %s", temporary, reason(errno));
    /* network file systems report a full disk as late as here */
    if (close(writer->fd) != 0 && status == LB_OK)
        status = lb_fail(LB_E_IO, "%s: cannot write: %s", temporary, reason(errno));
    writer->fd = -1;
    if (status == LB_OK && rename(temporary, path) != 0)
        status = lb_fail(LB_E_IO, "%s: cannot rename %s to it: %s", path, temporary, reason(errno));
    if (status == LB_OK) {
        status = sync_folder(path);
        lb_free(writer->path);
        lb_free(writer->temporary);
    } else {
        lb_file_writer_abandon(writer);
    }
    return status;
}

lb_status lb_file_write_atomic(const char *path, const lb_file_part *parts, size_t n_parts)
{
    lb_file_writer writer;
    LB_TRY(lb_file_writer_open(path, &writer));
    lb_status status = LB_OK;
    for (size_t i = 0; status == LB_OK && i < n_parts; i++)
        status = lb_file_writer_add(&writer, parts[i].data, parts[i].bytes);
    if (status == LB_OK) return lb_file_writer_finish(&writer, NULL, 0);
    lb_file_writer_abandon(&writer);
    return status;
}

lb_status lb_make_folders(const char *path)
{
    char *partial = NULL;
    LB_TRY(lb_strdup(path, &partial));
    lb_status status = LB_OK;
    const size_t length = strlen(partial);
    for (size_t i = 1; status == LB_OK && i <= length; i++) {
        if (partial[i] != '/' && partial[i] != '\0') continue;
        const char separator = partial[i];
        partial[i] = '\0';
        const int error = mkdir(partial, 0777) != 0 ? errno : 0;
        /* whatever mkdir says of it, a folder that is there will do */
        if (error != 0 && !lb_path_is_folder(partial)) {
            status = lb_fail(LB_E_IO, "%s: cannot make the folder: %s", partial, reason(error));
        }
        partial[i] = separator;
    }
    lb_free(partial);
    return status;
}

bool lb_path_exists(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0;
}

bool lb_path_is_folder(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

lb_status lb_path_join(const char *folder, const char *name, char **out)
{
    const size_t n_folder = strlen(folder), n_name = strlen(name);
    const bool slash = n_folder > 0 && folder[n_folder - 1] != '/';
    void *block = NULL;
    LB_TRY(lb_alloc(n_folder + slash + n_name + 1, 1, "path", &block));
    char *path = block;
    memcpy(path, folder, n_folder);
    if (slash) path[n_folder] = '/';
    memcpy(path + n_folder + slash, name, n_name + 1);
    *out = path;
    return LB_OK;
}
