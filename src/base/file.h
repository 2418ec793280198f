/* Files: read whole, map, write atomically (temporary name, sync, rename), paths and folders. */
#ifndef LB_BASE_FILE_H
#define LB_BASE_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/fail.h"

/**
 * Read a whole file; a zero byte stands after the last one.
 *
 * Ownership: *data is yours, lb_free.
 * Errors:    LB_E_IO cannot open or read; LB_E_FORMAT larger than max_bytes; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_file_read(const char *path, size_t max_bytes, uint8_t **data,
                                     size_t *bytes);

/** As lb_file_read, into a buffer that is used again. */
LB_MUST_CHECK lb_status lb_file_read_buffer(const char *path, size_t max_bytes, lb_buffer *buffer,
                                            size_t *bytes);

/* A file mapped for reading. */
typedef struct lb_file_map {
    const uint8_t *data;
    size_t bytes;
    int fd;
} lb_file_map;
/** Map a file; an empty file is LB_E_FORMAT. */
LB_MUST_CHECK lb_status lb_file_map_open(const char *path, lb_file_map *out);
void lb_file_map_close(lb_file_map *map);
/** Keep the map without its open file. */
void lb_file_map_close_file(lb_file_map *map);
/** Copy bytes of the map without taking memory for its pages; `from` may also lie elsewhere. */
void lb_file_map_copy(const lb_file_map *map, const void *from, size_t bytes, void *to);
/** Give the memory of the map's pages back; they are read again when they are touched. */
void lb_file_map_forget(const lb_file_map *map);

/* One piece of a file to be written. */
typedef struct lb_file_part {
    const void *data;
    size_t bytes;
} lb_file_part;
/**
 * Write a file so that at every instant either the old or the whole new content stands under
 * `path`: to PATH.tmp in the same folder, synced, renamed, folder synced. On failure the old
 * file is untouched and the temporary one removed. Of a link the file it leads to is written; devices
 * and pipes are refused.
 */
LB_MUST_CHECK lb_status lb_file_write_atomic(const char *path, const lb_file_part *parts,
                                             size_t n_parts);

/* A file that is written piece by piece under the name PATH.tmp. */
typedef struct lb_file_writer {
    int fd;
    char *path, *temporary;
} lb_file_writer;
/** Begin. Ownership: ended by _finish or _abandon. Errors: LB_E_IO also where something else than a regular file has
 *  that name; LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_file_writer_open(const char *path, lb_file_writer *out);
/** Errors: LB_E_IO. */
LB_MUST_CHECK lb_status lb_file_writer_add(lb_file_writer *writer, const void *data, size_t bytes);
/** Write `head` over the first bytes (0: none), sync, and give the file its name, as lb_file_write_atomic
 *  does; on failure it is gone. */
LB_MUST_CHECK lb_status lb_file_writer_finish(lb_file_writer *writer, const void *head,
                                              size_t head_bytes);
/** Give up: the temporary file is removed. */
void lb_file_writer_abandon(lb_file_writer *writer);

/** Make a folder and its parents. */
LB_MUST_CHECK lb_status lb_make_folders(const char *path);
bool lb_path_exists(const char *path);
bool lb_path_is_folder(const char *path);
/** "folder/name" in a block of its own (lb_free). */
LB_MUST_CHECK lb_status lb_path_join(const char *folder, const char *name, char **out);

#endif
