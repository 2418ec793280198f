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

#endif
