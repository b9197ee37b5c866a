/* Attributes that make the compiler hold our contracts. No code. */
#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

#define MUST_CHECK            __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, arg) __attribute__((format(printf, fmt, arg)))
#define ARRAY_LEN(a)          (sizeof(a) / sizeof((a)[0]))

#endif
