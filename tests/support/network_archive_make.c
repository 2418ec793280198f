#include <math.h>
#include <stdlib.h>

#include "base/file.h"
#include "base/memory.h"
#include "freeze/freeze.h"
#include "support/network_archive.h"
#include "support/plain_intnet.h"
#include "support/random_intnet.h"
#include "support/random_net.h"

enum { LARGEST_IMAGE = 4 * 9 * 9, LARGEST_FILE = 1 << 24 };

static void must(bool condition, uint64_t number)
{
    if (condition) return;
    (void)fprintf(stderr, "network %llu: %s\n", (unsigned long long)number, lb_error());
    abort();
}

static void put(FILE *archive, const void *data, size_t size, size_t n)
{
    if (fwrite(data, size, n, archive) == n) return;
    perror("archive");
    abort();
}

static void put_array(FILE *archive, const void *data, size_t size, size_t n)
{
    const uint64_t count = n;
    put(archive, &count, sizeof count, 1);
    put(archive, data, size, n);
}

static size_t count_of(lb_shape s)
{
    return s.c * s.h * s.w;
}

static void make_network(uint64_t number, lb_intnet *net, float *image)
{
    if (number % 2 == 0) {
        lb_random_intnet(number, net);
        lb_random_intnet_image(number, net, image, NULL);
        return;
    }
    lb_net training;
    lb_random_net(number, &training);
    lb_random_net_images(number, &training, 1, image);
    must(lb_freeze(&training, net) == LB_OK, number);
    lb_net_release(&training);
}

/* Checksums of the maps up to the first that is not finite: what follows it is undefined. */
static size_t checksums_of(const lb_intnet *net, const float *image, uint64_t *checksums)
{
    lb_plain_maps maps;
    size_t layer = 0;
    lb_plain_run(net, image, &maps);
    for (bool finite = true; layer < net->n_layers; layer++) {
        const size_t n = count_of(net->layers[layer].map.shape);
        for (size_t i = 0; i < n && finite; i++) finite = isfinite(maps.value[layer][i]);
        if (!finite) break;
        checksums[layer] = lb_archive_checksum(maps.value[layer], n);
    }
    lb_plain_release(&maps);
    return layer;
}

void lb_archive_add(FILE *archive, const char *scratch, uint64_t number)
{
    static float image[LARGEST_IMAGE];
    lb_intnet net;
    uint8_t *file = NULL;
    uint64_t *checksums = NULL;
    size_t bytes = 0;
    make_network(number, &net, image);
    must(count_of(net.layers[0].map.shape) <= LARGEST_IMAGE, number);
    must(lb_intnet_write(&net, scratch) == LB_OK, number);
    must(lb_file_read(scratch, LARGEST_FILE, &file, &bytes) == LB_OK, number);
    must(lb_alloc(net.n_layers, sizeof *checksums, "test", (void **)&checksums) == LB_OK, number);
    const size_t maps = checksums_of(&net, image, checksums);
    put(archive, &number, sizeof number, 1);
    put_array(archive, file, 1, bytes);
    put_array(archive, image, sizeof *image, count_of(net.layers[0].map.shape));
    put_array(archive, checksums, sizeof *checksums, maps);
    lb_free(checksums);
    lb_free(file);
    lb_intnet_release(&net);
}
