/* For fuzz targets of functions that open a path: the fuzzer's bytes as a file in memory. */
#ifndef LB_FUZZ_INPUT_FILE_H
#define LB_FUZZ_INPUT_FILE_H

#include <stddef.h>
#include <stdint.h>

/* What libFuzzer and replay.c call with each input. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/** A path under which these bytes can be opened, till the next call. Borrowed. */
const char *lb_fuzz_path(const uint8_t *data, size_t size);

#endif
