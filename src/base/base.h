/* Private helpers every room uses: failing with a text, growable text, checked allocation. */
#ifndef SYN_BASE_BASE_H
#define SYN_BASE_BASE_H

#include <syncline/base.h>

#include <stdarg.h>

#define SYN_COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define SYN_TRY(call)                                                                              \
    do {                                                                                           \
        syn_status syn_try_ = (call);                                                              \
        if (syn_try_ != SYN_OK) return syn_try_;                                                   \
    } while (0)

/* Set this thread's error text and return status: return syn_fail(SYN_E_SHAPE, "...", ...). */
syn_status syn_fail(syn_status status, const char *fmt, ...) SYN_PRINTF(2, 3);
/* Put "where: " in front of the error text that stands; returns status. */
syn_status syn_fail_in(syn_status status, const char *fmt, ...) SYN_PRINTF(2, 3);
syn_status syn_no_memory(size_t bytes);

/* Growable text. Start from {0}; append never fails loudly: `failed` is set when memory ran out,
 * and syn_text_status reports it. */
typedef struct syn_text {
    char *s; /* NUL-terminated, or NULL while empty */
    size_t len, cap;
    bool failed;
} syn_text;
void syn_text_add(syn_text *t, const char *fmt, ...) SYN_PRINTF(2, 3);
void syn_text_addv(syn_text *t, const char *fmt, va_list ap);
void syn_text_put(syn_text *t, const char *s, size_t len);
/* OpenCL C with every number cast to the type, so that `x > 0 ? 1 : 0` is a vector of reals where x is:
 * OpenCL would make it one of ints. Preprocessor lines stay as they are. */
void syn_text_typed(syn_text *t, const char *code, const char *type);
const char *syn_text_str(const syn_text *t); /* never NULL */
syn_status syn_text_status(const syn_text *t);
void syn_text_free(syn_text *t);

const char *syn_dtype_name(syn_dtype dtype); /* "float", "double", "half" */

double syn_seconds(void); /* monotonic */

char *syn_strdup(const char *s); /* NULL in, NULL out */
char *syn_format(const char *fmt, ...) SYN_PRINTF(1, 2); /* malloc'd, NULL without memory */

/* The entry of names[n] nearest to `name` by edit distance, or NULL when none is near.
 * `stride` is the distance between name pointers in bytes. */
const char *syn_nearest(const char *name, const void *names, size_t n, size_t stride);

/* Elements of a shape; -1 when it overflows or an axis is not positive. */
int64_t syn_shape_count(const syn_shape *shape);
bool syn_shape_equal(const syn_shape *a, const syn_shape *b);
void syn_shape_print(const syn_shape *shape, char *buf, size_t size); /* "28 x 28 x 1" */

/* Growable array: ensures room for n elements of `size` bytes behind *p. */
bool syn_grow(void *p, int *cap, int n, size_t size);

static inline int64_t syn_round_up(int64_t n, int64_t to) { return (n + to - 1) / to * to; }
static inline int64_t syn_ceil_div(int64_t n, int64_t by) { return (n + by - 1) / by; }

#endif
