#include "base/base.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

double syn_seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static _Thread_local char error_text[2048];

const char *syn_error_text(void) { return error_text[0] ? error_text : "no error"; }

syn_status syn_fail(syn_status status, const char *fmt, ...) {
    char text[sizeof error_text]; /* arguments may point into error_text */
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    memcpy(error_text, text, sizeof text);
    return status;
}

syn_status syn_fail_in(syn_status status, const char *fmt, ...) {
    char where[512], text[sizeof error_text];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(where, sizeof where, fmt, ap);
    va_end(ap);
    size_t n = (size_t)snprintf(text, sizeof text, "%s: ", where);
    if (n < sizeof text) snprintf(text + n, sizeof text - n, "%.*s", 1500, error_text);
    memcpy(error_text, text, sizeof text);
    return status;
}

syn_status syn_no_memory(size_t bytes) {
    return syn_fail(SYN_E_MEMORY, "out of host memory (%zu bytes were asked for)", bytes);
}

const char *syn_status_name(syn_status status) {
    static const char *const name[] = {
        [SYN_OK] = "ok",         [SYN_E_ARGUMENT] = "argument",   [SYN_E_SHAPE] = "shape",
        [SYN_E_FORMAT] = "format", [SYN_E_IO] = "io",             [SYN_E_MEMORY] = "memory",
        [SYN_E_DEVICE] = "device", [SYN_E_BUILD] = "build",       [SYN_E_NONFINITE] = "nonfinite",
        [SYN_E_STOPPED] = "stopped",
    };
    return (size_t)status < SYN_COUNT(name) ? name[status] : "unknown";
}

static const struct {
    const char *name;
    size_t size;
} types[SYN_TYPES] = {
    [SYN_F64] = { "f64", 8 }, [SYN_F32] = { "f32", 4 }, [SYN_I64] = { "i64", 8 },
    [SYN_I32] = { "i32", 4 }, [SYN_U8] = { "u8", 1 },   [SYN_I8] = { "i8", 1 },
};

size_t syn_type_size(syn_type type) { return (unsigned)type < SYN_TYPES ? types[type].size : 0; }
const char *syn_dtype_name(syn_dtype dtype) {
    return dtype == SYN_DOUBLE ? "double" : dtype == SYN_HALF ? "half" : "float";
}

const char *syn_type_name(syn_type type) {
    return (unsigned)type < SYN_TYPES ? types[type].name : "unknown";
}

int64_t syn_shape_count(const syn_shape *shape) {
    int64_t n = 1;
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] <= 0 || n > INT64_MAX / shape->dim[i]) return -1;
        n *= shape->dim[i];
    }
    return n;
}

bool syn_shape_equal(const syn_shape *a, const syn_shape *b) {
    if (a->rank != b->rank) return false;
    for (int i = 0; i < a->rank; i++)
        if (a->dim[i] != b->dim[i]) return false;
    return true;
}

void syn_shape_print(const syn_shape *shape, char *buf, size_t size) {
    size_t n = 0;
    if (size) buf[0] = 0;
    if (shape->rank == 0) snprintf(buf, size, "one value");
    for (int i = 0; i < shape->rank && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, i ? " x %lld" : "%lld", (long long)shape->dim[i]);
}

bool syn_grow(void *p, int *cap, int n, size_t size) {
    if (n <= *cap) return true;
    int want = *cap ? *cap : 8;
    while (want < n) want *= 2;
    void *old, *grown;
    memcpy(&old, p, sizeof old);
    grown = realloc(old, (size_t)want * size);
    if (!grown) return false;
    memset((char *)grown + (size_t)*cap * size, 0, (size_t)(want - *cap) * size);
    memcpy(p, &grown, sizeof grown);
    *cap = want;
    return true;
}
