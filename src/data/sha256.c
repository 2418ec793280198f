/* SHA-256, FIPS 180-4 sections 5 and 6.2; names as there. */
#include "data/sha256.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate_right(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

static void compress(uint32_t state[8], const uint8_t *block)
{
    uint32_t w[64], v[8];
    for (size_t t = 0; t < 16; t++) {
        w[t] = (uint32_t)block[4 * t] << 24 | (uint32_t)block[4 * t + 1] << 16 |
               (uint32_t)block[4 * t + 2] << 8 | block[4 * t + 3];
    }
    for (size_t t = 16; t < 64; t++) {
        const uint32_t a = w[t - 15], b = w[t - 2];
        w[t] = w[t - 16] + w[t - 7] + (rotate_right(a, 7) ^ rotate_right(a, 18) ^ a >> 3) +
               (rotate_right(b, 17) ^ rotate_right(b, 19) ^ b >> 10);
    }
    memcpy(v, state, sizeof v);
    for (size_t t = 0; t < 64; t++) {
        const uint32_t a = v[0], e = v[4];
        const uint32_t sum1 = rotate_right(e, 6) ^ rotate_right(e, 11) ^ rotate_right(e, 25);
        const uint32_t t1 = v[7] + sum1 + ((e & v[5]) ^ (~e & v[6])) + K[t] + w[t];
        const uint32_t sum0 = rotate_right(a, 2) ^ rotate_right(a, 13) ^ rotate_right(a, 22);
        const uint32_t t2 = sum0 + ((a & v[1]) ^ (a & v[2]) ^ (v[1] & v[2]));
        memmove(v + 1, v, 7 * sizeof *v);
        v[4] += t1;
        v[0] = t1 + t2;
    }
    for (size_t i = 0; i < 8; i++) state[i] += v[i];
}

void lb_sha256_init(lb_sha256 *h)
{
    *h = (lb_sha256){.state = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f,
                               0x9b05688c, 0x1f83d9ab, 0x5be0cd19}};
}

void lb_sha256_update(lb_sha256 *h, const void *data, size_t bytes)
{
    const uint8_t *in = data;
    while (bytes > 0) {
        const size_t used = h->bytes % 64;
        if (used == 0 && bytes >= 64) { /* straight from the input */
            compress(h->state, in);
            h->bytes += 64;
            in += 64;
            bytes -= 64;
            continue;
        }
        const size_t n = bytes < 64 - used ? bytes : 64 - used;
        memcpy(h->block + used, in, n);
        h->bytes += n;
        in += n;
        bytes -= n;
        if (h->bytes % 64 == 0) compress(h->state, h->block);
    }
}

void lb_sha256_finish(lb_sha256 *h, char text[LB_SHA256_TEXT_BYTES])
{
    static const uint8_t padding[64] = {0x80};
    const uint64_t bits = h->bytes * 8;
    const size_t used = h->bytes % 64;
    uint8_t length[8];
    for (size_t i = 0; i < 8; i++) length[i] = (uint8_t)(bits >> (56 - 8 * i));
    lb_sha256_update(h, padding, used < 56 ? 56 - used : 120 - used);
    lb_sha256_update(h, length, sizeof length);
    for (size_t i = 0; i < 8; i++) snprintf(text + 8 * i, 9, "%08lx", (unsigned long)h->state[i]);
}

lb_status lb_sha256_file(const char *path, char text[LB_SHA256_TEXT_BYTES])
{
    FILE *file = fopen(path, "rb");
    if (file == NULL) return lb_fail(LB_E_IO, "cannot open '%s': %s", path, strerror(errno));
    lb_sha256 h;
    uint8_t buffer[1 << 16];
    size_t n = 0;
    lb_sha256_init(&h);
    while ((n = fread(buffer, 1, sizeof buffer, file)) > 0) lb_sha256_update(&h, buffer, n);
    const bool failed = ferror(file) != 0;
    fclose(file);
    if (failed) return lb_fail(LB_E_IO, "cannot read '%s'", path);
    lb_sha256_finish(&h, text);
    return LB_OK;
}
