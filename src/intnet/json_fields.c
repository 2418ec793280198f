/* Typed access to JSON. */
#include "intnet/json_fields.h"

#include <inttypes.h>
#include <string.h>

#include "base/suggest.h"

const char *lb_json_show(const json_t *value, char text[LB_JSON_SHOWN])
{
    if (!value) return "nothing";
    const size_t flags =
        JSON_COMPACT | JSON_ENCODE_ANY | JSON_ENSURE_ASCII | JSON_REAL_PRECISION(9);
    const size_t length = json_dumpb(value, text, LB_JSON_SHOWN - 1, flags);
    if (length < LB_JSON_SHOWN) {
        text[length] = '\0';
    } else {
        memcpy(text + LB_JSON_SHOWN - 4, "...", 4);
    }
    return text;
}

lb_status lb_json_check_keys(const json_t *object, const char *const *keys, size_t n_keys)
{
    for (void *i = json_object_iter((json_t *)(uintptr_t)object); i != NULL;
         i = json_object_iter_next((json_t *)(uintptr_t)object, i)) {
        const char *key = json_object_iter_key(i);
        bool known = false;
        for (size_t k = 0; k < n_keys && !known; k++) known = strcmp(key, keys[k]) == 0;
        if (known) continue;
        const char *near = lb_suggest(key, keys, n_keys);
        return lb_fail(LB_E_FORMAT, "unknown key '%.40s'%s%s%s", key,
                       near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
    }
    return LB_OK;
}

lb_status lb_json_word(const char *field, const json_t *value, const char *const *words,
                       size_t n_words, int *out)
{
    char text[LB_JSON_SHOWN];
    const char *word = json_string_value(value);
    for (size_t k = 0; word && k < n_words; k++) {
        if (strcmp(word, words[k]) != 0) continue;
        *out = (int)k;
        return LB_OK;
    }
    const char *near = word ? lb_suggest(word, words, n_words) : NULL;
    return lb_fail(LB_E_FORMAT, "%s: got %s, wanted '%s'%s", field, lb_json_show(value, text),
                   near ? near : words[0], near || n_words == 1 ? "" : " or another of its kind");
}

lb_status lb_json_whole(const char *field, const json_t *value, int64_t low, int64_t high,
                        int64_t *out)
{
    char text[LB_JSON_SHOWN];
    const int64_t number = json_integer_value(value);
    if (!json_is_integer(value) || number < low || number > high) {
        return lb_fail(LB_E_FORMAT,
                       "%s: got %s, wanted a whole number from %" PRId64 " to %" PRId64, field,
                       lb_json_show(value, text), low, high);
    }
    *out = number;
    return LB_OK;
}

lb_status lb_json_size(const char *field, const json_t *value, size_t most, size_t *out)
{
    int64_t number = 0;
    LB_TRY(lb_json_whole(field, value, 0, (int64_t)most, &number));
    *out = (size_t)number;
    return LB_OK;
}

lb_status lb_json_float(const char *field, const json_t *value, float *out)
{
    char text[LB_JSON_SHOWN];
    const double beyond = 0x1.ffffffp127; /* from here on float32 rounds to infinity */
    const double number = json_number_value(value);
    if (!json_is_number(value) || !(number > -beyond && number < beyond)) {
        return lb_fail(LB_E_FORMAT, "%s: got %s, wanted a number that float32 can hold", field,
                       lb_json_show(value, text));
    }
    *out = (float)number;
    return LB_OK;
}

static lb_status check_list(const char *field, const json_t *value, size_t n)
{
    char text[LB_JSON_SHOWN];
    if (json_is_array(value) && json_array_size(value) == n) return LB_OK;
    return lb_fail(LB_E_FORMAT, "%s: got %s, wanted a list of %zu numbers", field,
                   lb_json_show(value, text), n);
}

lb_status lb_json_sizes(const char *field, const json_t *value, size_t n, size_t most, size_t *out)
{
    LB_TRY(check_list(field, value, n));
    for (size_t i = 0; i < n; i++)
        LB_TRY(lb_json_size(field, json_array_get(value, i), most, &out[i]));
    return LB_OK;
}

lb_status lb_json_floats(const char *field, const json_t *value, size_t n, float *out)
{
    LB_TRY(check_list(field, value, n));
    for (size_t i = 0; i < n; i++) LB_TRY(lb_json_float(field, json_array_get(value, i), &out[i]));
    return LB_OK;
}
