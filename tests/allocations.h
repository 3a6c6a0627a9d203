/* The library's allocations go through the linker's --wrap (tests/meson.build: `wrapped`); the driver's do not. The one
 * test that includes this says what becomes of each in allocation_fails. */
#ifndef SYN_TESTS_ALLOCATIONS_H
#define SYN_TESTS_ALLOCATIONS_H

#include <stdbool.h>
#include <stddef.h>

static bool allocation_fails(void);

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n) { return allocation_fails() ? NULL : __real_malloc(n); }
void *__wrap_calloc(size_t n, size_t size) { return allocation_fails() ? NULL : __real_calloc(n, size); }
void *__wrap_realloc(void *p, size_t n) { return allocation_fails() ? NULL : __real_realloc(p, n); }

#endif
