/* Element types of safetensors files: one table. */
#include "base/safetensors_common.h"

#include <string.h>

#include "base/memory.h"

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
    [LB_F32] = {"F32", 4}, [LB_I8] = {"I8", 1},   [LB_U8] = {"U8", 1},   [LB_I16] = {"I16", 2},
    [LB_I32] = {"I32", 4}, [LB_I64] = {"I64", 8}, [LB_U64] = {"U64", 8},
};

enum { N_DTYPES = sizeof dtypes / sizeof *dtypes };

size_t lb_dtype_bytes(lb_dtype dtype)
{
    lb_assert((size_t)dtype < N_DTYPES);
    return dtypes[dtype].bytes;
}

const char *lb_dtype_name(lb_dtype dtype)
{
    lb_assert((size_t)dtype < N_DTYPES);
    return dtypes[dtype].name;
}

bool lb_dtype_find(const char *name, lb_dtype *out)
{
    for (size_t i = 0; i < N_DTYPES; i++) {
        if (strcmp(name, dtypes[i].name) != 0) continue;
        *out = (lb_dtype)i;
        return true;
    }
    return false;
}

bool lb_dtype_tensor_bytes(lb_dtype dtype, const size_t *dims, size_t n_dims, size_t *out)
{
    size_t bytes = lb_dtype_bytes(dtype);
    for (size_t i = 0; i < n_dims; i++) {
        if (!lb_size_mul(bytes, dims[i], &bytes)) return false;
    }
    *out = bytes;
    return true;
}
