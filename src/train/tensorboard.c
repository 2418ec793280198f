/* Event files for TensorBoard.
 *
 * A file is a row of TFRecords: u64 length, u32 masked CRC-32C of it, the bytes, u32 masked
 * CRC-32C of them; all little-endian, masked(c) = rotate_right(c, 15) + 0xa282ead8. Each holds one
 * Event message of protocol buffers: wall_time (field 1, double), step (2, int64), file_version
 * (3, string) or summary (5), which holds values (1): tag (1, string) and simple_value (2, float).
 * wall_time is the epoch's number, so that the file, too, is a function of the run alone;
 * TensorBoard's axis "step" is the one to read.
 * https://github.com/tensorflow/tensorboard/blob/master/tensorboard/compat/proto/event.proto */
#include "train/tensorboard.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"

enum { EVENT_BYTES = 1024, TAG_BYTES = 64 };

struct lb_tensorboard {
    FILE *file;
    char *path;
    const char *split;
};

uint32_t lb_crc32c(const void *data, size_t n)
{
    const uint8_t *bytes = data;
    uint32_t crc = ~(uint32_t)0;
    for (size_t i = 0; i < n; i++) {
        crc ^= bytes[i];
        for (int bit = 0; bit < 8; bit++) crc = (crc >> 1) ^ (0x82f63b78u & (0u - (crc & 1u)));
    }
    return ~crc;
}

/* ---- protocol buffers ------------------------------------------------------------------------ */

/* A message being made; the largest of ours is far below its size. */
typedef struct message {
    uint8_t bytes[EVENT_BYTES];
    size_t n;
} message;

static void put(message *m, const void *data, size_t n)
{
    lb_assert(m->n + n <= sizeof m->bytes);
    memcpy(m->bytes + m->n, data, n);
    m->n += n;
}

static void put_little_endian(message *m, uint64_t value, size_t n)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < n; i++) bytes[i] = (uint8_t)(value >> (8 * i));
    put(m, bytes, n);
}

static void put_varint(message *m, uint64_t value)
{
    while (value >= 0x80) {
        put_little_endian(m, (value & 0x7f) | 0x80, 1);
        value >>= 7;
    }
    put_little_endian(m, value, 1);
}

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

static void put_tag(message *m, unsigned field, unsigned wire)
{
    put_varint(m, field << 3 | wire);
}

static void put_bytes(message *m, unsigned field, const void *data, size_t n)
{
    put_tag(m, field, WIRE_BYTES);
    put_varint(m, n);
    put(m, data, n);
}

static void put_double(message *m, unsigned field, double value)
{
    uint64_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_tag(m, field, WIRE_64);
    put_little_endian(m, bits, 8);
}

static void put_float(message *m, unsigned field, float value)
{
    uint32_t bits = 0;
    memcpy(&bits, &value, sizeof bits);
    put_tag(m, field, WIRE_32);
    put_little_endian(m, bits, 4);
}

/* ---- records --------------------------------------------------------------------------------- */

static uint32_t masked_crc(const void *data, size_t n)
{
    const uint32_t crc = lb_crc32c(data, n);
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

static lb_status write_record(lb_tensorboard *t, const message *event)
{
    message head = {.n = 0}, tail = {.n = 0};
    put_little_endian(&head, event->n, 8);
    put_little_endian(&head, masked_crc(head.bytes, 8), 4);
    put_little_endian(&tail, masked_crc(event->bytes, event->n), 4);
    const bool written = fwrite(head.bytes, head.n, 1, t->file) == 1 &&
                         fwrite(event->bytes, event->n, 1, t->file) == 1 &&
                         fwrite(tail.bytes, tail.n, 1, t->file) == 1;
    if (!written) return lb_fail(LB_E_IO, "%s: cannot write: %s", t->path, strerror(errno));
    return LB_OK;
}

static lb_status write_version(lb_tensorboard *t)
{
    static const char version[] = "brain.Event:2";
    message event = {.n = 0};
    put_double(&event, 1, 0.0);
    put_bytes(&event, 3, version, sizeof version - 1);
    return write_record(t, &event);
}

static void put_scalar(message *summary, const char *tag, double value)
{
    message scalar = {.n = 0};
    put_bytes(&scalar, 1, tag, strlen(tag));
    put_float(&scalar, 2, (float)value);
    put_bytes(summary, 1, scalar.bytes, scalar.n);
}

static lb_status write_row(lb_tensorboard *t, size_t epoch, const lb_epoch_row *row)
{
    message summary = {.n = 0}, event = {.n = 0};
    char loss[TAG_BYTES], top1[TAG_BYTES], top5[TAG_BYTES];
    (void)snprintf(loss, sizeof loss, "loss/%s", t->split);
    (void)snprintf(top1, sizeof top1, "top1/%s", t->split);
    (void)snprintf(top5, sizeof top5, "top5/%s", t->split);
    put_scalar(&summary, "lr", row->lr);
    put_scalar(&summary, "loss/train", row->train_loss);
    put_scalar(&summary, "top1/train", row->train_top1);
    put_scalar(&summary, loss, row->val_loss);
    put_scalar(&summary, top1, row->val_top1);
    put_scalar(&summary, top5, row->val_top5);
    if (row->frozen > 0.0) {
        put_scalar(&summary, "frozen", row->frozen);
        put_scalar(&summary, "loss/mixed", row->mixed_loss);
        put_scalar(&summary, "top1/mixed", row->mixed_top1);
    }
    put_double(&event, 1, (double)epoch);
    put_tag(&event, 2, WIRE_VARINT);
    put_varint(&event, epoch);
    put_bytes(&event, 5, summary.bytes, summary.n);
    return write_record(t, &event);
}

static lb_status flush(lb_tensorboard *t)
{
    if (fflush(t->file) == 0) return LB_OK;
    return lb_fail(LB_E_IO, "%s: cannot write: %s", t->path, strerror(errno));
}

static lb_status start(lb_tensorboard *t, const char *folder, const lb_progress *progress)
{
    LB_TRY(lb_make_folders(folder));
    LB_TRY(lb_path_join(folder, "events.out.tfevents.0.lowbit", &t->path));
    t->file = fopen(t->path, "wb");
    if (t->file == NULL) return lb_fail(LB_E_IO, "%s: cannot create: %s", t->path, strerror(errno));
    LB_TRY(write_version(t));
    for (size_t i = 0; i < progress->n_rows; i++) LB_TRY(write_row(t, i + 1, &progress->rows[i]));
    return flush(t);
}

lb_status lb_tensorboard_open(const char *folder, const char *split, const lb_progress *progress,
                              lb_tensorboard **out)
{
    void *block = NULL;
    LB_TRY(lb_alloc(1, sizeof(lb_tensorboard), "TensorBoard file", &block));
    lb_tensorboard *t = block;
    t->split = split;
    const lb_status status = start(t, folder, progress);
    if (status != LB_OK) {
        lb_tensorboard_close(t);
        return status;
    }
    *out = t;
    return LB_OK;
}

lb_status lb_tensorboard_add(lb_tensorboard *t, const lb_progress *progress)
{
    LB_TRY(write_row(t, progress->n_rows, &progress->rows[progress->n_rows - 1]));
    return flush(t);
}

void lb_tensorboard_close(lb_tensorboard *t)
{
    if (t == NULL) return;
    if (t->file != NULL) (void)fclose(t->file);
    lb_free(t->path);
    lb_free(t);
}
