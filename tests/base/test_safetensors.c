/* The safetensors container: round trips, the exact bytes, hostile headers. */
#include "base/safetensors.h"

#include <stdio.h>
#include <string.h>

#include "base/file.h"
#include "base/memory.h"
#include "support/support.h"

static const float floats[] = {1.0f, -2.5f, 3.25f, 0.0f, 1e-30f, 7.0f};
static const uint8_t bytes3[] = {1, 2, 3};
static const int64_t wide[] = {-1, INT64_MAX};
static const int16_t shorts[] = {-7};

/* In an order that would misalign the floats, were data laid out in it. */
static const lb_stored_tensor stored[] = {
    {"codes", LB_U8, 1, {3}, bytes3, 3},
    {"conv1.weight", LB_F32, 3, {2, 1, 3}, floats, sizeof floats},
    {"empty", LB_F32, 2, {4, 0}, NULL, 0},
    {"scalar", LB_I16, 0, {0}, shorts, sizeof shorts},
    {"odd \"name\" \xc3\xa9", LB_I64, 1, {2}, wide, sizeof wide},
};
static const lb_stored_text texts[] = {
    {"method", "dorefa"}, {"config", "{\"epochs\": 3}\n"}, {"none", ""}};
enum { N_STORED = sizeof stored / sizeof *stored, N_TEXTS = sizeof texts / sizeof *texts };

static void test_round_trip(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    assert_ok(lb_safetensors_write(path, stored, N_STORED, texts, N_TEXTS));
    lb_safetensors *file = NULL;
    assert_ok(lb_safetensors_open(path, &file));
    size_t n = 0;
    const lb_stored_tensor *tensors = lb_safetensors_tensors(file, &n);
    assert_int_equal(n, N_STORED);
    for (size_t i = 0; i < n; i++) {
        const lb_stored_tensor *want = &stored[i], *got = &tensors[i];
        assert_string_equal(got->name, want->name); /* in the given order */
        assert_int_equal(got->dtype, want->dtype);
        assert_int_equal(got->n_dims, want->n_dims);
        for (size_t d = 0; d < want->n_dims; d++) assert_int_equal(got->dims[d], want->dims[d]);
        assert_int_equal(got->bytes, want->bytes);
        if (want->bytes > 0) assert_memory_equal(got->data, want->data, want->bytes);
        assert_int_equal((uintptr_t)got->data % lb_dtype_bytes(got->dtype), 0);
        assert_ptr_equal(lb_safetensors_find(file, want->name), got);
    }
    for (size_t i = 0; i < N_TEXTS; i++) {
        assert_string_equal(lb_safetensors_metadata(file, texts[i].key), texts[i].value);
    }
    assert_null(lb_safetensors_find(file, "conv2.weight"));
    assert_null(lb_safetensors_metadata(file, "other"));
    lb_safetensors_close(file);
    lb_safetensors_close(NULL);
}

static void test_exact_bytes(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    const lb_stored_tensor tensor = {"t", LB_U8, 1, {3}, bytes3, 3};
    const lb_stored_text text = {"k", "v"};
    assert_ok(lb_safetensors_write(path, &tensor, 1, &text, 1));
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 1000, &data, &bytes));
    const char *header = "{\"__metadata__\":{\"k\":\"v\"},"
                         "\"t\":{\"dtype\":\"U8\",\"shape\":[3],\"data_offsets\":[0,3]}}";
    assert_int_equal(bytes, 128 + 3); /* 8 + 82 bytes of header, padded to a multiple of 64 */
    const uint8_t length[8] = {120};
    assert_memory_equal(data, length, 8);
    assert_memory_equal(data + 8, header, strlen(header));
    for (size_t i = 8 + strlen(header); i < 128; i++) assert_int_equal(data[i], ' ');
    assert_memory_equal(data + 128, bytes3, 3);
    lb_free(data);
}

/* Data in the order of the names would put the wide one at byte 3. */
static void test_wide_elements_stand_first(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    const lb_stored_tensor tensors[] = {{"narrow", LB_U8, 1, {3}, bytes3, 3},
                                        {"wide", LB_I64, 1, {2}, wide, sizeof wide}};
    assert_ok(lb_safetensors_write(path, tensors, 2, NULL, 0));
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 1000, &data, &bytes));
    assert_contains((const char *)data + 8, "\"data_offsets\":[16,19]},\"wide\"");
    assert_contains((const char *)data + 8, "\"data_offsets\":[0,16]}}");
    lb_free(data);
}

static void test_empty_file_of_no_tensors(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    assert_ok(lb_safetensors_write(path, NULL, 0, NULL, 0));
    lb_safetensors *file = NULL;
    assert_ok(lb_safetensors_open(path, &file));
    size_t n = 1;
    (void)lb_safetensors_tensors(file, &n);
    assert_int_equal(n, 0);
    lb_safetensors_close(file);
}

static void test_what_cannot_be_written(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    static const struct {
        lb_stored_tensor tensor;
        const char *message;
    } cases[] = {
        {{"__metadata__", LB_U8, 1, {3}, bytes3, 3}, "reserved"},
        {{"t", LB_U8, 1, {4}, bytes3, 3}, "3 bytes, but its dimensions make 4"},
        {{"t", LB_U8, 6, {3}, bytes3, 3}, "6 dimensions"},
        {{"t", LB_I64, 2, {SIZE_MAX, 2}, bytes3, 3}, "dimensions"},
        {{"\xff", LB_U8, 1, {3}, bytes3, 3}, "not UTF-8"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_status(lb_safetensors_write(path, &cases[i].tensor, 1, NULL, 0), LB_E_ARG);
        assert_contains(lb_error(), cases[i].message);
    }
    const lb_stored_tensor twice[] = {stored[0], stored[0]};
    assert_status(lb_safetensors_write(path, twice, 2, NULL, 0), LB_E_ARG);
    assert_contains(lb_error(), "'codes' is stored twice");
    const lb_stored_text keys_twice[] = {texts[0], texts[0]}, bad_value = {"k", "\xc3"};
    assert_status(lb_safetensors_write(path, NULL, 0, keys_twice, 2), LB_E_ARG);
    assert_status(lb_safetensors_write(path, NULL, 0, &bad_value, 1), LB_E_ARG);
    assert_false(lb_path_exists(path));
}

/* A file of this header, and this many bytes of data after it. */
static void write_raw(const char *path, const char *header, uint64_t claimed_length,
                      size_t data_bytes)
{
    uint8_t content[2048] = {0};
    const size_t length = strlen(header);
    assert_true(8 + length + data_bytes <= sizeof content);
    for (size_t i = 0; i < 8; i++) content[i] = (uint8_t)(claimed_length >> (8 * i));
    memcpy(content + 8, header, length);
    lb_test_write(path, content, 8 + length + data_bytes);
}

static void assert_refused(const char *path, const char *message)
{
    lb_safetensors *file = NULL;
    assert_status(lb_safetensors_open(path, &file), LB_E_FORMAT);
    assert_null(file);
    assert_contains(lb_error(), path);
    assert_contains(lb_error(), message);
}

static void test_hostile_lengths(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    lb_test_write(path, "", 0);
    assert_refused(path, "empty");
    lb_test_write(path, "1234567", 7);
    assert_refused(path, "too few");
    write_raw(path, "{}", 3, 0);
    assert_refused(path, "only 2 bytes follow");
    write_raw(path, "{}", UINT64_MAX, 0);
    assert_refused(path, "more than 100000000");
    write_raw(path, "{}", 100000001, 0);
    assert_refused(path, "more than 100000000");
    write_raw(path, "{}", 0, 0);
    assert_refused(path, "JSON");
    write_raw(path, "{}", 2, 1);
    assert_refused(path, "1 bytes after the last tensor");
}

#define TENSOR(dtype, shape, offsets) \
    "\"dtype\":" dtype ",\"shape\":" shape ",\"data_offsets\":" offsets

static void test_hostile_headers(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data_bytes;
        const char *message;
    } cases[] = {
        {"[]", 0, "not a JSON object"},
        {"{", 0, "not valid JSON"},
        {"{}x", 0, "not valid JSON"},
        {"{\"a\":1}", 0, "entry is not a JSON object"},
        {"{\"a\":{}}", 0, "no 'dtype'"},
        {"{\"a\":{" TENSOR("1", "[1]", "[0,1]") "}}", 1, "no 'dtype'"},
        {"{\"a\":{" TENSOR("\"F8\"", "[1]", "[0,1]") "}}", 1, "dtype 'F8'"},
        {"{\"a\":{" TENSOR("\"U8\"", "1", "[0,1]") "}}", 1, "no 'shape'"},
        {"{\"a\":{" TENSOR("\"U8\"", "[-1]", "[0,1]") "}}", 1, "dimension 0"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1,1.0]", "[0,1]") "}}", 1, "dimension 1"},
        {"{\"a\":{" TENSOR("\"U8\"", "[\"1\"]", "[0,1]") "}}", 1, "dimension 0"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1,1,1,1,1,1]", "[0,1]") "}}", 1, "6 dimensions"},
        {"{\"a\":{" TENSOR("\"U8\"", "[4294967296,4294967296]", "[0,0]") "}}", 0, "too large"},
        {"{\"a\":{" TENSOR("\"I64\"", "[2305843009213693952]", "[0,0]") "}}", 0, "too large"},
        {"{\"a\":{" TENSOR("\"U8\"", "[99999999999999999999]", "[0,1]") "}}", 1, "not valid JSON"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "0") "}}", 1, "data_offsets"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0]") "}}", 1, "data_offsets"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,1,2]") "}}", 1, "data_offsets"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[-1,0]") "}}", 1, "data_offsets"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[1,0]") "}}", 1, "[1, 0]"},
        {"{\"a\":{" TENSOR("\"U8\"", "[2]", "[0,2]") "}}", 1, "truncated?"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,9223372036854775807]") "}}", 1, "truncated?"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,2]") "}}", 2,
         "2 bytes of data, but its shape makes 1"},
        {"{\"a\":{" TENSOR("\"F32\"", "[1]", "[0,1]") "}}", 1,
         "1 bytes of data, but its shape makes 4"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,1]") ",\"x\":1}}", 1, "keys other than"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[1,2]") "}}", 2, "gap"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,1]") "}}", 2, "1 bytes after the last tensor"},
        {"{\"a\":{" TENSOR("\"U8\"", "[2]", "[0,2]") "},\"b\":{" TENSOR("\"U8\"", "[2]",
                                                                        "[1,3]") "}}",
         3, "tensor 'b': its data begins at byte 1, but the one before it ends at byte 2"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,1]") "},\"b\":{" TENSOR("\"U8\"", "[1]",
                                                                        "[0,1]") "}}",
         1, "begins at byte 0"},
        {"{\"a\":{" TENSOR("\"U8\"", "[1]", "[0,1]") "},\"a\":{" TENSOR("\"U8\"", "[1]",
                                                                        "[1,2]") "}}",
         2, "duplicate"},
        {"{\"a\\u0000b\":{" TENSOR("\"U8\"", "[1]", "[0,1]") "}}", 1, "not valid JSON"},
        {"{\"__metadata__\":[]}", 0, "'__metadata__' is not a JSON object"},
        {"{\"__metadata__\":{\"k\":1}}", 0, "metadata 'k' is not a string"},
        {"{\"__metadata__\":{\"k\":\"\",\"k\":\"\"}}", 0, "duplicate"},
    };
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        write_raw(path, cases[i].header, strlen(cases[i].header), cases[i].data_bytes);
        assert_refused(path, cases[i].message);
    }
}

/* Thousands of brackets must not exhaust the stack. */
static void test_deep_nesting(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    static uint8_t content[8 + 1000000];
    memset(content + 8, '[', sizeof content - 8);
    for (size_t i = 0; i < 8; i++) content[i] = (uint8_t)((sizeof content - 8) >> (8 * i));
    lb_test_write(path, content, sizeof content);
    assert_refused(path, "not valid JSON");
}

static void test_every_truncation_is_refused(void **state)
{
    (void)state;
    const char *folder = lb_test_folder(), *path = lb_test_path(folder, "a.safetensors");
    assert_ok(lb_safetensors_write(path, stored, N_STORED, texts, N_TEXTS));
    uint8_t *data = NULL;
    size_t bytes = 0;
    assert_ok(lb_file_read(path, 10000, &data, &bytes));
    const char *cut = lb_test_path(folder, "cut.safetensors");
    for (size_t kept = 0; kept < bytes; kept++) {
        lb_test_write(cut, data, kept);
        lb_safetensors *file = NULL;
        assert_status(lb_safetensors_open(cut, &file), LB_E_FORMAT);
    }
    lb_free(data);
}

/* Other writers do not pad their headers: floats at odd addresses must still be readable as
 * floats. */
static void test_misaligned_data_of_others(void **state)
{
    (void)state;
    const char *path = lb_test_path(lb_test_folder(), "a.safetensors");
    static const char header[] = "{\"c\":{" TENSOR(
        "\"U8\"", "[1]", "[0,1]") "},"
                                  "\"f\":{" TENSOR("\"F32\"", "[2]", "[1,9]") "}}";
    uint8_t content[512] = {(uint8_t)(sizeof header - 1)};
    memcpy(content + 8, header, sizeof header - 1);
    memcpy(content + 8 + sizeof header - 1 + 1, floats, 8);
    lb_test_write(path, content, 8 + sizeof header - 1 + 9);
    lb_safetensors *file = NULL;
    assert_ok(lb_safetensors_open(path, &file));
    const lb_stored_tensor *tensor = lb_safetensors_find(file, "f");
    assert_int_equal((uintptr_t)tensor->data % 4, 0);
    assert_memory_equal(tensor->data, floats, 8);
    lb_safetensors_close(file);
}

static lb_status write_and_open(void *context)
{
    const char *path = context;
    LB_TRY(lb_safetensors_write(path, stored, N_STORED, texts, N_TEXTS));
    lb_safetensors *file = NULL;
    LB_TRY(lb_safetensors_open(path, &file));
    lb_safetensors_close(file);
    return LB_OK;
}

static void test_every_allocation_failure(void **state)
{
    (void)state;
    char path[4096];
    (void)snprintf(path, sizeof path, "%s", lb_test_path(lb_test_folder(), "a.safetensors"));
    lb_test_every_allocation_failure(write_and_open, path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_exact_bytes),
        cmocka_unit_test(test_wide_elements_stand_first),
        cmocka_unit_test(test_empty_file_of_no_tensors),
        cmocka_unit_test(test_what_cannot_be_written),
        cmocka_unit_test(test_hostile_lengths),
        cmocka_unit_test(test_hostile_headers),
        cmocka_unit_test(test_deep_nesting),
        cmocka_unit_test(test_every_truncation_is_refused),
        cmocka_unit_test(test_misaligned_data_of_others),
        cmocka_unit_test(test_every_allocation_failure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
