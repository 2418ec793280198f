/* The tables of a store, each as a list of its columns: X(column, kind). Columns are named after the fields of the
 * public records. From the lists come CREATE TABLE, INSERT and SELECT, and what binds and reads the fields
 * (lab/store_fields.h). docs/results.md describes every column. */
#ifndef LB_LAB_STORE_SCHEMA_H
#define LB_LAB_STORE_SCHEMA_H

#include "lab/store.h"

/* Behind `id` */
#define LB_RUN_COLUMNS(X)     \
    X(hash, key)              \
    X(state, state)           \
    X(message, text)          \
    X(settings, text)         \
    X(data, text)             \
    X(model, text)            \
    X(method, text)           \
    X(weights, text)          \
    X(activations, text)      \
    X(w_bits, whole)          \
    X(a_bits, whole)          \
    X(ternary, flag)          \
    X(seed, seed)             \
    X(folder, text)           \
    X(split, text)            \
    X(epochs, size)           \
    X(epochs_wanted, size)    \
    X(best_top1, real)        \
    X(last_top1, real)        \
    X(best_top5, real)        \
    X(best_epoch, size)       \
    X(seconds, real)          \
    X(parameters, size)       \
    X(macs, size)             \
    X(stored_bytes, real)     \
    X(float_bytes, real)      \
    X(bit_operations, real)   \
    X(effective_w_bits, real) \
    X(effective_a_bits, real) \
    X(machine, text)          \
    X(version, text)          \
    X(started, text)          \
    X(finished, text)

/* Behind `run`: those of version 1, and those that version 2 has added */
#define LB_PLAIN_EPOCH_COLUMNS(X) \
    X(epoch, size)                \
    X(lr, real)                   \
    X(train_loss, real)           \
    X(train_top1, real)           \
    X(val_loss, real)             \
    X(val_top1, real)             \
    X(val_top5, real)
#define LB_MIXED_EPOCH_COLUMNS(X) \
    X(frozen, optional)           \
    X(mixed_loss, optional)       \
    X(mixed_top1, optional)
#define LB_EPOCH_COLUMNS(X) LB_PLAIN_EPOCH_COLUMNS(X) LB_MIXED_EPOCH_COLUMNS(X)

/* Behind `run`, `position` */
#define LB_LAYER_COLUMNS(X) \
    X(name, text)           \
    X(w_bits, whole)        \
    X(a_bits, whole)        \
    X(weights, size)        \
    X(macs, size)           \
    X(stored_bytes, real)   \
    X(sparsity, real)

/* Behind `run`, `position` */
#define LB_HISTOGRAM_COLUMNS(X) \
    X(layer, text)              \
    X(low, real)                \
    X(high, real)               \
    X(masters, bins)            \
    X(quantized, bins)

/* Behind `experiment` */
#define LB_CELL_COLUMNS(X) \
    X(position, size)      \
    X(stage, stage)        \
    X(point, size)         \
    X(rung, size)          \
    X(seed_index, size)    \
    X(trial, whole)        \
    X(hash, hash)          \
    X(done, flag)          \
    X(run_id, reference)   \
    X(attempts, size)

/* Pieces of statements, for columns behind a first one that is written out. */
#define LB_SQL_NAME(column, kind) ", " #column
#define LB_SQL_MARK(column, kind) ", ?"
#define LB_SQL_NULL(column, kind) ", NULL"
#define LB_SQL_UPDATE(column, kind) ", " #column " = excluded." #column

/** Make the tables of an empty database, inside a transaction. */
LB_MUST_CHECK lb_status lb_schema_create(lb_store *store);
/** Make the tables of an earlier version those of LB_STORE_VERSION, inside a transaction. */
LB_MUST_CHECK lb_status lb_schema_migrate(lb_store *store);
/** What a file is, and store->version: *is_store false: an empty database. Errors: LB_E_FORMAT neither, damaged, or a
 *  newer version. */
LB_MUST_CHECK lb_status lb_schema_check(lb_store *store, bool *is_store);

#endif
