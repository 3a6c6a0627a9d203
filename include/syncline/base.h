/* Syncline: status, errors, shapes and the small types every other header uses.
 *
 * Threads. A syn_ctx may be shared between threads. A net, state, plan or data set belongs to one
 * thread at a time. Error text is kept per thread.
 */
#ifndef SYNCLINE_BASE_H
#define SYNCLINE_BASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define SYN_API __attribute__((visibility("default")))
#define SYN_PRINTF(fmt, first) __attribute__((format(printf, fmt, first)))
#else
#define SYN_API
#define SYN_PRINTF(fmt, first)
#endif

#ifdef __cplusplus
extern "C" {
#endif

#define SYN_VERSION "0.1.0"

/* What every fallible function returns. Text for the last failure: syn_error_text(). */
typedef enum syn_status {
    SYN_OK = 0,
    SYN_E_ARGUMENT,  /* a value out of range, an unknown name, a NULL where none may be */
    SYN_E_SHAPE,     /* shapes that do not fit together */
    SYN_E_FORMAT,    /* a file that is truncated, corrupt or of another kind */
    SYN_E_IO,        /* a file that cannot be opened, read or written */
    SYN_E_MEMORY,    /* host or device memory is not enough */
    SYN_E_DEVICE,    /* no device, or the driver failed */
    SYN_E_BUILD,     /* a kernel does not compile on this device */
    SYN_E_NONFINITE, /* loss or gradient is NaN or infinite */
    SYN_E_STOPPED    /* stopped by the caller: a callback or an interrupt */
} syn_status;

/* The last failure of this thread: what, where, and what to do. Never NULL. */
SYN_API const char *syn_error_text(void);

/* "argument", "shape", ... */
SYN_API const char *syn_status_name(syn_status status);

/* SYN_ZERO in an option whose zero differs from its default says "really zero". */
#define SYN_ZERO (1e-300)

/* Which framework's definitions fill the defaults; 0: the net's own preset, keras unless set. */
typedef enum syn_preset { SYN_PRESET_DEFAULT = 0, SYN_KERAS, SYN_TORCH } syn_preset;

/* Arithmetic and storage type of a plan. SYN_HALF: arithmetic in float; activations and the weights that
 * products read are kept in 16 bits, weights of the optimizer, its slots, gradients of weights, losses and
 * statistics in 32. */
typedef enum syn_dtype { SYN_FLOAT = 0, SYN_DOUBLE = 1, SYN_HALF = 2 } syn_dtype;

/* A shape without its batch axis; row major, channels last. */
#define SYN_MAX_RANK 5
typedef struct syn_shape {
    int rank;
    int64_t dim[SYN_MAX_RANK];
} syn_shape;

/* Inputs a net may have, losses a plan may sum. */
#define SYN_MAX_ENDS 8

/* SYN_SHAPE(28, 28, 1) */
#define SYN_SHAPE(...)                                                                             \
    ((syn_shape){ .rank = (int)(sizeof((int64_t[]){ __VA_ARGS__ }) / sizeof(int64_t)),             \
                  .dim = { __VA_ARGS__ } })

/* Element types of arrays and files. */
typedef enum syn_type {
    SYN_F64 = 0,
    SYN_F32,
    SYN_I64,
    SYN_I32,
    SYN_U8,
    SYN_I8,
    SYN_TYPES
} syn_type;
SYN_API size_t syn_type_size(syn_type type);
SYN_API const char *syn_type_name(syn_type type); /* "f64", "f32", ... */

/* An array in the caller's memory, row major; the first axis counts samples where there are any. */
typedef struct syn_array {
    const void *data;
    syn_type type;
    syn_shape shape;
} syn_array;

/* Log lines (warnings, what was chosen) go here; NULL silences. */
typedef enum syn_log_level { SYN_LOG_ERROR, SYN_LOG_WARN, SYN_LOG_INFO, SYN_LOG_TRACE } syn_log_level;
typedef void (*syn_log_fn)(syn_log_level level, const char *line, void *user);

#ifdef __cplusplus
}
#endif
#endif
