/* Files, gz or plain, read through zlib; and opening by content. */
#include "data/data.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <zlib.h>

syn_status syn_reader_open(syn_reader *r, const char *path) {
    *r = (syn_reader){ .path = path };
    struct stat st;
    if (stat(path, &st) != 0)
        return syn_fail(SYN_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    if (!S_ISREG(st.st_mode)) return syn_fail(SYN_E_IO, "%s: is not a file", path);
    errno = 0;
    r->gz = gzopen(path, "rbe");
    if (!r->gz)
        return syn_fail(SYN_E_IO, "%s: cannot be opened: %s", path,
                        errno ? strerror(errno) : "out of memory");
    gzbuffer(r->gz, 1 << 17);
    r->packed = !gzdirect(r->gz);
    /* deflate packs at most 1032 bytes into one */
    r->most = st.st_size;
    if (r->packed) r->most = r->most < INT64_MAX / 1100 ? r->most * 1040 + 4096 : INT64_MAX;
    return SYN_OK;
}

void syn_reader_close(syn_reader *r) {
    if (r->gz) gzclose_r(r->gz);
    r->gz = NULL;
}

static syn_status gz_failure(syn_reader *r) {
    int code;
    const char *text = gzerror(r->gz, &code);
    long long at = (long long)r->at;
    if (code == Z_ERRNO)
        return syn_fail(SYN_E_IO, "%s: cannot be read after byte %lld: %s", r->path, at,
                        strerror(errno));
    if (code == Z_MEM_ERROR) return syn_no_memory(1 << 17);
    if (code == Z_BUF_ERROR)
        return syn_fail(SYN_E_FORMAT,
                        "%s: truncated: the compressed data ends after %lld bytes; fetch "
                        "the file again",
                        r->path, at);
    return syn_fail(SYN_E_FORMAT,
                    "%s: the compressed data is corrupt after %lld bytes (%s); fetch the "
                    "file again",
                    r->path, at, text);
}

syn_status syn_read_some(syn_reader *r, void *to, size_t bytes, size_t *got) {
    *got = 0;
    while (*got < bytes) {
        size_t want = bytes - *got < 1 << 30 ? bytes - *got : 1 << 30;
        int n = gzread(r->gz, (char *)to + *got, (unsigned)want);
        if (n < 0) return gz_failure(r);
        *got += (size_t)n;
        r->at += n;
        if ((size_t)n == want) continue;
        int code; /* the end: of the file, or of what is left of it */
        gzerror(r->gz, &code);
        return code == Z_OK || code == Z_STREAM_END ? SYN_OK : gz_failure(r);
    }
    return SYN_OK;
}

syn_status syn_read_all(syn_reader *r, void *to, size_t bytes, const char *what) {
    int64_t from = r->at;
    size_t got;
    SYN_TRY(syn_read_some(r, to, bytes, &got));
    if (got < bytes)
        return syn_fail(SYN_E_FORMAT,
                        "%s: truncated: %s takes %zu bytes from byte %lld, and only %zu "
                        "follow; fetch or write the file again",
                        r->path, what, bytes, (long long)from, got);
    return SYN_OK;
}

syn_status syn_read_end(syn_reader *r) {
    char more;
    size_t got;
    int64_t end = r->at;
    SYN_TRY(syn_read_some(r, &more, 1, &got));
    if (got)
        return syn_fail(SYN_E_FORMAT,
                        "%s: byte %lld: the array ends here, yet more bytes follow; the "
                        "header's sizes do not fit the file",
                        r->path, (long long)end);
    return SYN_OK;
}

syn_status syn_read_elements(syn_reader *r, const syn_shape *shape, size_t stored, size_t size,
                             void **data, int64_t *count) {
    char text[128];
    syn_shape_print(shape, text, sizeof text);
    for (int i = 0; i < shape->rank; i++)
        if (shape->dim[i] == 0)
            return syn_fail(SYN_E_FORMAT,
                            "%s: shape %s: the set is empty; at least one element is "
                            "needed",
                            r->path, text);
    int64_t n = syn_shape_count(shape);
    if (n < 0 || n > (int64_t)(PTRDIFF_MAX / size))
        return syn_fail(SYN_E_FORMAT, "%s: shape %s overflows: the header is corrupt", r->path,
                        text);
    /* A corrupt header may ask for more than the machine has: believe it only if the file can
     * hold that much. */
    if (n * (int64_t)stored > r->most - r->at)
        return syn_fail(SYN_E_FORMAT,
                        "%s: truncated: shape %s takes %lld bytes from byte %lld, and the "
                        "file holds %s%lld in all; fetch or write it again",
                        r->path, text, (long long)n * (long long)stored, (long long)r->at,
                        r->packed ? "less than " : "", (long long)r->most);
    char *block = malloc((size_t)n * size);
    if (!block) return syn_no_memory((size_t)n * size);
    char what[160];
    snprintf(what, sizeof what, "shape %s", text);
    syn_status status =
        syn_read_all(r, block + (size_t)n * (size - stored), (size_t)n * stored, what);
    if (status == SYN_OK) status = syn_read_end(r);
    if (status != SYN_OK) {
        free(block);
        return status;
    }
    *data = block;
    *count = n;
    return SYN_OK;
}

/* Says what a file of another kind seems to be. */
static syn_status unknown(const char *path, const unsigned char *head, size_t n) {
    static const struct {
        const char *magic, *text;
    } known[] = {
        { "PK\3\4", "a zip or .npz archive; save one array with numpy.save, to an .npy" },
        { "\x89HDF", "an HDF5 file; save its arrays with numpy.save" },
        { "\x89PNG", "a PNG image; gather the images in one array and numpy.save that" },
        { "\xff\xd8\xff", "a JPEG image; gather the images in one array and numpy.save that" },
        { "BZh", "packed with bzip2; unpack it first, or use gzip" },
        { "\xfd"
          "7zXZ",
          "packed with xz; unpack it first, or use gzip" },
        { "\x28\xb5\x2f\xfd", "packed with zstd; unpack it first, or use gzip" },
    };
    if (n == 0) return syn_fail(SYN_E_FORMAT, "%s: the file is empty", path);
    for (size_t i = 0; i < SYN_COUNT(known); i++)
        if (n >= strlen(known[i].magic) && !memcmp(head, known[i].magic, strlen(known[i].magic)))
            return syn_fail(SYN_E_FORMAT, "%s: neither IDX nor .npy, but %s", path, known[i].text);
    size_t text = 0;
    while (text < n && ((head[text] >= 32 && head[text] < 127) || strchr("\t\r\n", head[text])) &&
           head[text])
        text++;
    return syn_fail(SYN_E_FORMAT, "%s: byte 0: neither IDX (0, 0, ...) nor .npy (\\x93NUMPY)%s",
                    path, text == n ? "; a table in text is read as format csv" : "");
}

static syn_status read_known(syn_reader *r, syn_array *array) {
    unsigned char head[8];
    size_t n;
    SYN_TRY(syn_read_some(r, head, sizeof head, &n));
    if (gzrewind(r->gz) != 0) return gz_failure(r);
    r->at = 0;
    if (n >= 6 && !memcmp(head, syn_npy_magic, 6)) return syn_npy_read(r, array);
    if (n >= 2 && !head[0] && !head[1]) return syn_idx_read(r, array);
    return unknown(r->path, head, n);
}

/* A gap would come to light in the middle of a run, as a loss that is not finite. */
static syn_status check_finite(const char *path, const syn_array *a) {
    if (a->type != SYN_F32 && a->type != SYN_F64) return SYN_OK;
    int64_t n = syn_shape_count(&a->shape), each = n / a->shape.dim[0];
    for (int64_t i = 0; i < n; i++) {
        double v = a->type == SYN_F32 ? ((const float *)a->data)[i] : ((const double *)a->data)[i];
        if (!isfinite(v))
            return syn_fail(SYN_E_FORMAT, "%s: row %lld, feature %lld is %g (they count from 0); remove the row or "
                                          "fill the gap", path, (long long)(i / each), (long long)(i % each), v);
    }
    return SYN_OK;
}

syn_status syn_read_file(const char *path, syn_array *array) {
    syn_reader r;
    SYN_TRY(syn_reader_open(&r, path));
    syn_status status = read_known(&r, array);
    syn_reader_close(&r);
    SYN_TRY(status);
    status = check_finite(path, array);
    if (status != SYN_OK) free((void *)(uintptr_t)array->data);
    return status;
}

syn_status syn_data_open(syn_data **data, const char *x, const char *y) {
    if (!data || !x) return syn_fail(SYN_E_ARGUMENT, "syn_data_open: data and x are needed");
    const syn_data_field fx = { .path = x }, fy = { .path = y };
    return syn_data_from_fields(data, &fx, 1, &fy, y != NULL, NULL);
}
