/* Growing arrays of public records that own their texts: what lb_records_free frees. */
#ifndef LB_LAB_STORE_RECORDS_H
#define LB_LAB_STORE_RECORDS_H

#include "base/memory.h"

typedef struct lb_records {
    void *items; /* lb_records_free; NULL while there is none */
    size_t size; /* of a record                               */
    size_t n, capacity;
} lb_records;

/** Append a zeroed record; *out is valid until the next call. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_records_add(lb_records *records, void **out);
/** Copy a text that lives as long as the records. Requires: there is a record. Errors: LB_E_NOMEM. */
LB_MUST_CHECK lb_status lb_records_text(const lb_records *records, const char *text,
                                        const char **out);

#endif
