/* Typed access to the JSON of packed files. Every message names the field, what stands there and what was
 * wanted. A NULL value is a field that is not there. */
#ifndef LB_INTNET_JSON_FIELDS_H
#define LB_INTNET_JSON_FIELDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/fail.h"

enum { LB_JSON_SHOWN = 48 };

/** The value as text, shortened. */
const char *lb_json_show(const json_t *value, char text[LB_JSON_SHOWN]);

/** Refuse an object's keys that are not among `keys`, suggesting one. */
LB_MUST_CHECK lb_status lb_json_check_keys(const json_t *object, const char *const *keys,
                                           size_t n_keys);
/** The index of a text among `words`. */
LB_MUST_CHECK lb_status lb_json_word(const char *field, const json_t *value,
                                     const char *const *words, size_t n_words, int *out);
LB_MUST_CHECK lb_status lb_json_whole(const char *field, const json_t *value, int64_t low,
                                      int64_t high, int64_t *out);
LB_MUST_CHECK lb_status lb_json_size(const char *field, const json_t *value, size_t most,
                                     size_t *out);
/** A number that is a finite float32. */
LB_MUST_CHECK lb_status lb_json_float(const char *field, const json_t *value, float *out);
/** A list of exactly n whole numbers from 0 to `most`. */
LB_MUST_CHECK lb_status lb_json_sizes(const char *field, const json_t *value, size_t n, size_t most,
                                      size_t *out);
/** A list of exactly n floats. */
LB_MUST_CHECK lb_status lb_json_floats(const char *field, const json_t *value, size_t n,
                                       float *out);

#endif
