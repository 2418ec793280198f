/* TensorBoard's event files: read back record by record with a parser of the test's own. */
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/support.h"
#include "train/tensorboard.h"

static uint64_t little_endian(const uint8_t *p, size_t n)
{
    uint64_t value = 0;
    for (size_t i = 0; i < n; i++) value |= (uint64_t)p[i] << (8 * i);
    return value;
}

static uint32_t masked(const uint8_t *p, size_t n)
{
    const uint32_t crc = lb_crc32c(p, n);
    return ((crc >> 15) | (crc << 17)) + 0xa282ead8u;
}

/* RFC 3720, B.4 */
static void crc_agrees_with_the_published_values(void **state)
{
    (void)state;
    uint8_t bytes[32] = {0};
    assert_int_equal(lb_crc32c(bytes, 32), 0x8a9136aa);
    memset(bytes, 0xff, 32);
    assert_int_equal(lb_crc32c(bytes, 32), 0x62a8ab43);
    for (size_t i = 0; i < 32; i++) bytes[i] = (uint8_t)i;
    assert_int_equal(lb_crc32c(bytes, 32), 0x46dd794e);
    assert_int_equal(lb_crc32c("123456789", 9), 0xe3069283);
}

/* A message being read. */
typedef struct reader {
    const uint8_t *at, *end;
} reader;

static uint64_t varint(reader *r)
{
    uint64_t value = 0;
    for (unsigned shift = 0;; shift += 7) {
        assert_true(r->at < r->end && shift < 64);
        value |= (uint64_t)(*r->at & 0x7f) << shift;
        if ((*r->at++ & 0x80) == 0) return value;
    }
}

/* Bytes of a field that has a length. */
static reader field_bytes(reader *r)
{
    const uint64_t n = varint(r);
    assert_true(n <= (uint64_t)(r->end - r->at));
    const reader inner = {r->at, r->at + n};
    r->at += n;
    return inner;
}

/* One record's message; checks both sums. */
static reader next_record(const uint8_t **at, const uint8_t *end)
{
    assert_true(end - *at >= 16);
    const uint64_t n = little_endian(*at, 8);
    assert_int_equal(little_endian(*at + 8, 4), masked(*at, 8));
    assert_true(n <= (uint64_t)(end - *at) - 16);
    const uint8_t *body = *at + 12;
    assert_int_equal(little_endian(body + n, 4), masked(body, n));
    *at = body + n + 4;
    return (reader){body, body + n};
}

typedef struct scalars {
    uint64_t step;
    size_t n;
    char tags[9][32];
    float values[9];
} scalars;

static void read_value(reader value, scalars *out)
{
    assert_int_equal(varint(&value), 1 << 3 | 2);
    const reader tag = field_bytes(&value);
    memcpy(out->tags[out->n], tag.at, (size_t)(tag.end - tag.at));
    assert_int_equal(varint(&value), 2 << 3 | 5);
    assert_true(value.end - value.at == 4);
    const uint32_t bits = (uint32_t)little_endian(value.at, 4);
    memcpy(&out->values[out->n++], &bits, sizeof bits);
}

static void read_event(reader event, scalars *out)
{
    *out = (scalars){0};
    assert_int_equal(varint(&event), 1 << 3 | 1); /* wall time */
    event.at += 8;
    assert_int_equal(varint(&event), 2 << 3 | 0);
    out->step = varint(&event);
    assert_int_equal(varint(&event), 5 << 3 | 2);
    reader summary = field_bytes(&event);
    assert_ptr_equal(event.at, event.end);
    while (summary.at < summary.end) {
        assert_int_equal(varint(&summary), 1 << 3 | 2);
        read_value(field_bytes(&summary), out);
    }
}

static void check_row(reader event, uint64_t step, const lb_epoch_row *row)
{
    static const char *const tags[] = {"lr",
                                       "loss/train",
                                       "top1/train",
                                       "loss/validation",
                                       "top1/validation",
                                       "top5/validation",
                                       "frozen",
                                       "loss/mixed",
                                       "top1/mixed"};
    const double wanted[] = {row->lr,       row->train_loss, row->train_top1,
                             row->val_loss, row->val_top1,   row->val_top5,
                             row->frozen,   row->mixed_loss, row->mixed_top1};
    scalars got;
    read_event(event, &got);
    assert_int_equal(got.step, step);
    assert_int_equal(got.n, row->frozen > 0.0 ? 9 : 6);
    for (size_t i = 0; i < got.n; i++) {
        assert_string_equal(got.tags[i], tags[i]);
        assert_true(got.values[i] == (float)wanted[i]);
    }
}

static void event_files_hold_every_epoch(void **state)
{
    (void)state;
    enum { EPOCHS = 200 }; /* steps above 127 take two bytes */
    const char *folder = lb_test_path(lb_test_folder(), "tensorboard");
    lb_progress p = {0};
    lb_tensorboard *t = NULL;
    for (size_t i = 0; i < EPOCHS; i++) {
        const double x = (double)i;
        const lb_epoch_row row = {.lr = 1.0 / (x + 1.0),
                                  .train_loss = x,
                                  .train_top1 = 2.0 * x,
                                  .val_loss = x / 3.0,
                                  .val_top1 = 99.0,
                                  .val_top5 = 100.0,
                                  .frozen = i % 2 == 0 ? 0.5 : 0.0,
                                  .mixed_loss = x / 5.0,
                                  .mixed_top1 = 98.0};
        assert_ok(lb_progress_add(&p, &row));
        if (i == 9)
            assert_ok(lb_tensorboard_open(folder, "validation", &p, &t)); /* as upon --resume */
        if (i > 9) assert_ok(lb_tensorboard_add(t, &p));
    }
    lb_tensorboard_close(t);
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(
        lb_file_read(lb_test_path(folder, "events.out.tfevents.0.lowbit"), 1 << 20, &data, &bytes));
    const uint8_t *at = data, *end = data + bytes;
    reader version = next_record(&at, end);
    assert_int_equal(varint(&version), 1 << 3 | 1);
    version.at += 8;
    assert_int_equal(varint(&version), 3 << 3 | 2);
    assert_memory_equal(field_bytes(&version).at, "brain.Event:2", 13);
    for (size_t i = 0; i < EPOCHS; i++) check_row(next_record(&at, end), i + 1, &p.rows[i]);
    assert_ptr_equal(at, end);
    lb_free(data);
    lb_progress_release(&p);
}

static void a_folder_that_cannot_be_made_is_an_error(void **state)
{
    (void)state;
    const char *file = lb_test_path(lb_test_folder(), "file");
    lb_test_write(file, "x", 1);
    const lb_progress p = {0};
    lb_tensorboard *t = NULL;
    assert_status(lb_tensorboard_open(lb_test_path(file, "tensorboard"), "test", &p, &t), LB_E_IO);
    assert_null(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(crc_agrees_with_the_published_values),
        cmocka_unit_test(event_files_hold_every_epoch),
        cmocka_unit_test(a_folder_that_cannot_be_made_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
