/* Runs a fuzz target on files instead of the fuzzer's inputs: replay_NAME FOLDER. */
#define _XOPEN_SOURCE 700 /* nftw */
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "input_file.h"

static size_t n_replayed;

static int replay(const char *path, const struct stat *info, int type, struct FTW *walk)
{
    (void)info;
    (void)walk;
    if (type != FTW_F) return 0;
    uint8_t *data = NULL;
    size_t bytes = 0;
    if (lb_file_read(path, (size_t)1 << 30, &data, &bytes) != LB_OK) {
        (void)fprintf(stderr, "%s\n", lb_error());
        return 1;
    }
    void *exact = NULL; /* without the zero byte behind the data, so that overreads are seen */
    if (lb_alloc(bytes, 1, path, &exact) != LB_OK) return 1;
    for (size_t i = 0; i < bytes; i++) ((uint8_t *)exact)[i] = data[i];
    (void)LLVMFuzzerTestOneInput(exact, bytes);
    lb_free(exact);
    lb_free(data);
    n_replayed++;
    return 0;
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        (void)fprintf(stderr, "usage: %s CORPUS_FOLDER\n", argv[0]);
        return 2;
    }
    if (nftw(argv[1], replay, 16, FTW_PHYS) != 0) {
        (void)fprintf(stderr, "%s: cannot read the corpus\n", argv[1]);
        return 1;
    }
    (void)printf("%zu inputs replayed\n", n_replayed);
    return n_replayed > 0 ? 0 : 1;
}
