/* The check of all convolution kernels as a program of its own, for machines that have no cmocka.
 * usage: conv_kernels [cases [seed]]; exit status 1 where a kernel fails or takes no convolution. */
#include <stdio.h>
#include <stdlib.h>

#include "support/conv_kernel_check.h"

int main(int argc, char **argv)
{
    const size_t cases = argc > 1 ? strtoull(argv[1], NULL, 10) : 500;
    const uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
    const lb_conv_check check = lb_check_conv_kernels(cases, seed);
    printf("%zu runs, %zu failures, %zu kernels skipped, %zu of no use\n", check.runs,
           check.failures, check.skipped, check.unused);
    return check.failures > 0 || check.unused > 0 || check.runs == 0;
}
