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

/* A helper of an inner loop, whose arguments (register width, number of bits) are constants where it is used. */
#if defined(__GNUC__)
#define LB_ALWAYS_INLINE static inline __attribute__((always_inline))
#else
#define LB_ALWAYS_INLINE static inline
#endif

/* A function that is little beside the loops that call it, of which there are many. */
#if defined(__GNUC__)
#define LB_NEVER_INLINE __attribute__((noinline))
#else
#define LB_NEVER_INLINE
#endif

/* A number as its little-endian bytes, or the other way round: nothing to do on most machines. */
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
#define LB_LITTLE_16(x) __builtin_bswap16(x)
#define LB_LITTLE_32(x) __builtin_bswap32(x)
#define LB_LITTLE_64(x) __builtin_bswap64(x)
#else
#define LB_LITTLE_16(x) (x)
#define LB_LITTLE_32(x) (x)
#define LB_LITTLE_64(x) (x)
#endif

/* Before a function of plain loops over arrays: compiled for AVX-512, for AVX2 and for the base architecture,
 * the fastest that the machine has chosen at load. The loops' results do not depend on register width, as no
 * sum is reordered and no multiply-add is fused. Sanitizers cannot follow the choice at load. */
#if defined(LB_ARCH_X86_64) && defined(__GNUC__) && !defined(__clang__) && \
    !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined( \
    LB_SMALL) /* the runtime library: a third of the code is worth more than the last few percent */
#define LB_VECTORIZED __attribute__((target_clones("arch=x86-64-v3", "default")))
#else
#define LB_VECTORIZED __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#endif
#else
#define LB_VECTORIZED
#endif

/* In a loop that waits for another thread: lets the processor's other hardware thread go first. */
#if defined(LB_ARCH_X86_64) && defined(__GNUC__)
#define LB_PAUSE() __builtin_ia32_pause()
#elif defined(LB_ARCH_AARCH64) && defined(__GNUC__)
#define LB_PAUSE() __asm__ volatile("yield")
#else
#define LB_PAUSE() ((void)0)
#endif

/* Before a loop whose passes do not depend on each other (an array may be overwritten in place), where the
 * compiler cannot see that. */
#if defined(__clang__)
#if __has_feature(undefined_behavior_sanitizer)
#define LB_INDEPENDENT /* its checks keep loops scalar, and clang would warn of each */
#else
#define LB_INDEPENDENT _Pragma("clang loop vectorize(assume_safety)")
#endif
#elif defined(__GNUC__)
#define LB_INDEPENDENT _Pragma("GCC ivdep")
#else
#define LB_INDEPENDENT
#endif

#endif
