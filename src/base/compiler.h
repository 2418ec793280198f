/* Everything that is not plain C11: attributes and built-ins, in one place. */
#ifndef LB_BASE_COMPILER_H
#define LB_BASE_COMPILER_H

#if defined(__GNUC__)
#define LB_MUST_CHECK __attribute__((warn_unused_result))
#define LB_PRINTF(format_index, first_arg) __attribute__((format(printf, format_index, first_arg)))
#else
#define LB_MUST_CHECK
#define LB_PRINTF(format_index, first_arg)
#endif

#if defined(__SANITIZE_ADDRESS__)
#define LB_ADDRESS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define LB_ADDRESS_SANITIZER 1
#endif
#endif

#if defined(__x86_64__)
#define LB_ARCH_X86_64 1
#elif defined(__aarch64__)
#define LB_ARCH_AARCH64 1
#endif

/* Before a function of plain loops over arrays: compiled for AVX-512, for AVX2 and for the base architecture,
 * the fastest that the machine has chosen at load. The loops' results do not depend on register width, as no
 * sum is reordered and no multiply-add is fused. Sanitizers cannot follow the choice at load. */
#if defined(LB_ARCH_X86_64) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define LB_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define LB_VECTORIZED
#endif

#endif
