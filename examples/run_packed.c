/* Runs a packed network on an image of raw pixels, channel after channel; without one, on a black image. */
#include <lowbit/runtime.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
    lb_packed *net = NULL;
    lb_context *context = NULL;
    lb_packed_info info;
    if (lb_packed_open(argc > 1 ? argv[1] : "net.lbm", NULL, &net) != LB_OK ||
        lb_context_create(net, NULL, &context) != LB_OK) {
        fprintf(stderr, "run_packed: %s\n", lb_error());
        return 1;
    }
    lb_packed_get_info(net, &info);
    const size_t bytes = info.channels * info.height * info.width;
    unsigned char *pixels = calloc(bytes, 1);
    float *logits = calloc(info.classes, sizeof *logits);
    FILE *image = argc > 2 ? fopen(argv[2], "rb") : NULL;
    size_t best = 0;
    if (image != NULL && fread(pixels, 1, bytes, image) < bytes)
        fprintf(stderr, "run_packed: %s: fewer than %zu pixels\n", argv[2], bytes);
    lb_context_run_pixels(context, pixels, 1, logits);
    lb_top_classes(logits, info.classes, 1, &best, NULL);
    printf("%s: class %zu, logit %g\n", info.title, best, logits[best]);
    if (image != NULL) fclose(image);
    free(logits);
    free(pixels);
    lb_context_destroy(context);
    lb_packed_close(net);
    return 0;
}
