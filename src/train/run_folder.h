/* A run's folder: its files, who may write it, and what --resume and --overwrite mean for it. */
#ifndef LB_TRAIN_RUN_FOLDER_H
#define LB_TRAIN_RUN_FOLDER_H

#include <stdbool.h>

#include "base/memory.h"
#include "data/sha256.h"

typedef struct lb_run_folder {
    const char *path, *config, *metrics, *best, *last, *tensorboard;
    int lock;      /* open and locked; -1: not */
    bool has_last; /* there is a checkpoint to go on from */
    lb_arena arena;
} lb_run_folder;

/**
 * Look at the folder, before anything is written: an existing one is refused unless it is resumed
 * or overwritten, and locked if it is.
 *
 * Ownership: *out is yours, lb_run_folder_close, also after a failure.
 * Errors:    LB_E_ARG exists, or is not a folder; LB_E_BUSY another training writes it; LB_E_IO; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_run_folder_open(const char *path, bool resume, bool overwrite,
                                           lb_run_folder *out);

/**
 * Make and lock the folder, and remove the files of an earlier run unless it is resumed.
 *
 * Errors: LB_E_IO cannot make or write it; LB_E_BUSY another training writes it.
 */
LB_MUST_CHECK lb_status lb_run_folder_begin(lb_run_folder *folder);

/** Unlock and free. */
void lb_run_folder_close(lb_run_folder *folder);

/**
 * The checkpoint of a run: best.safetensors of a folder, else its last.safetensors; a file is
 * itself.
 *
 * Ownership: *out is yours, lb_free.
 * Errors:    LB_E_IO there is none; LB_E_NOMEM.
 */
LB_MUST_CHECK lb_status lb_run_checkpoint(const char *run, char **out);

/** SHA-256 of that file. Errors: as lb_run_checkpoint. */
LB_MUST_CHECK lb_status lb_run_checkpoint_hash(const char *run, char sha256[LB_SHA256_TEXT_BYTES]);

#endif
