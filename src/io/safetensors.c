/* safetensors: u64 little-endian header length, JSON header, tensors without gaps.
 * https://github.com/huggingface/safetensors#format */
#include "io/safetensors.h"

#include "io/file.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Syncline reads and writes little-endian tensors in place: it needs a little-endian host"
#endif

/* ALIGN: tensors start so in memory, whatever their place in the file. */
enum { MAX_HEADER = 100000000, ALIGN = 64 };

static const char *const dtypes[SYN_TYPES] = {
    [SYN_F64] = "F64", [SYN_F32] = "F32", [SYN_I64] = "I64",
    [SYN_I32] = "I32", [SYN_U8] = "U8",   [SYN_I8] = "I8",
};

typedef struct entry {
    syn_st_tensor t;
    int64_t begin, end;
    int order; /* in the header */
} entry;

struct syn_st {
    json_t *header; /* owns the names */
    syn_st_tensor *tensor;
    int n;
    char *data;
};

/* shape x element size; -1 when it overflows. Empty axes are legal. */
static int64_t tensor_bytes(const syn_shape *shape, syn_type type) {
    int64_t n = (int64_t)syn_type_size(type);
    for (int i = 0; i < shape->rank; i++) {
        if (shape->dim[i] < 0 || (shape->dim[i] && n > INT64_MAX / shape->dim[i])) return -1;
        n *= shape->dim[i];
    }
    return n;
}

static syn_status read_shape(const char *path, const char *name, const json_t *shape,
                             syn_shape *to) {
    if (!json_is_array(shape))
        return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s': shape must be an array", path, name);
    if (json_array_size(shape) > SYN_MAX_RANK)
        return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s' has %zu axes; at most %d are supported",
                        path, name, json_array_size(shape), SYN_MAX_RANK);
    *to = (syn_shape){ .rank = (int)json_array_size(shape) };
    for (int i = 0; i < to->rank; i++) {
        const json_t *v = json_array_get(shape, (size_t)i);
        if (!json_is_integer(v) || json_integer_value(v) < 0)
            return syn_fail(SYN_E_FORMAT,
                            "%s: tensor '%.100s': axis %d of its shape is no whole number "
                            "from 0",
                            path, name, i);
        to->dim[i] = json_integer_value(v);
    }
    return SYN_OK;
}

static syn_status read_entry(const char *path, const char *name, const json_t *json, entry *e) {
    const char *dtype = json_string_value(json_object_get(json, "dtype"));
    const json_t *offsets = json_object_get(json, "data_offsets");
    const json_t *begin = json_array_get(offsets, 0), *end = json_array_get(offsets, 1);
    if (!dtype) return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s' has no dtype", path, name);
    int type = 0;
    while (type < SYN_TYPES && strcmp(dtype, dtypes[type])) type++;
    if (type == SYN_TYPES)
        return syn_fail(SYN_E_FORMAT,
                        "%s: tensor '%.100s' is %.20s; F64, F32, I64, I32, U8 and I8 are "
                        "supported: convert it",
                        path, name, dtype);
    e->t.name = name;
    e->t.type = (syn_type)type;
    SYN_TRY(read_shape(path, name, json_object_get(json, "shape"), &e->t.shape));
    if (json_array_size(offsets) != 2 || !json_is_integer(begin) || !json_is_integer(end))
        return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s': data_offsets must be two whole numbers",
                        path, name);
    e->begin = json_integer_value(begin);
    e->end = json_integer_value(end);
    int64_t bytes = tensor_bytes(&e->t.shape, e->t.type);
    if (bytes < 0)
        return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s': its shape overflows", path, name);
    if (e->begin < 0 || e->end < e->begin || e->end - e->begin != bytes)
        return syn_fail(SYN_E_FORMAT,
                        "%s: tensor '%.100s': its shape takes %lld bytes, its offsets are "
                        "[%lld, %lld)",
                        path, name, (long long)bytes, (long long)e->begin, (long long)e->end);
    e->t.bytes = (size_t)bytes;
    return SYN_OK;
}

static int by_place(const void *a, const void *b) {
    const entry *x = a, *y = b;
    if (x->begin != y->begin) return x->begin < y->begin ? -1 : 1;
    if (x->end != y->end) return x->end < y->end ? -1 : 1;
    return x->order < y->order ? -1 : 1;
}

/* The entries of the header in order of place, which must cover `size` bytes exactly. */
static syn_status read_entries(const char *path, json_t *header, int64_t size, entry *e, int *n) {
    const char *name;
    json_t *json;
    *n = 0;
    json_object_foreach(header, name, json) {
        if (strcmp(name, "__metadata__")) {
            if (!json_is_object(json))
                return syn_fail(SYN_E_FORMAT, "%s: tensor '%.100s' is not described by an object",
                                path, name);
            e[*n].order = *n;
            SYN_TRY(read_entry(path, name, json, &e[(*n)++]));
            continue;
        }
        const char *key;
        json_t *value;
        if (!json_is_object(json))
            return syn_fail(SYN_E_FORMAT, "%s: __metadata__ must be an object of strings", path);
        json_object_foreach(json, key, value) if (!json_is_string(value)) return syn_fail(
            SYN_E_FORMAT, "%s: __metadata__: '%.100s' is not a string", path, key);
    }
    qsort(e, (size_t)*n, sizeof *e, by_place);
    int64_t at = 0;
    for (int i = 0; i < *n; at = e[i++].end)
        if (e[i].begin != at)
            return syn_fail(SYN_E_FORMAT,
                            "%s: tensor '%.100s' begins at data byte %lld, %s byte %lld, "
                            "the end of what stands before it",
                            path, e[i].t.name, (long long)e[i].begin,
                            e[i].begin < at ? "overlapping" : "leaving a hole after",
                            (long long)at);
    if (at != size)
        return syn_fail(SYN_E_FORMAT,
                        "%s: %s: the header describes %lld bytes of data, and %lld follow "
                        "it",
                        path, at > size ? "truncated" : "too long", (long long)at, (long long)size);
    return SYN_OK;
}

/* Places every tensor in one block, aligned, and reads it there. */
static syn_status read_data(syn_st *s, const char *path, FILE *f, const entry *e, int n) {
    size_t total = ALIGN;
    for (int i = 0; i < n; i++) total += (e[i].t.bytes + ALIGN - 1) / ALIGN * ALIGN;
    s->tensor = malloc((size_t)n * sizeof *s->tensor + 1);
    if (!s->tensor) return syn_no_memory((size_t)n * sizeof *s->tensor);
    s->data = aligned_alloc(ALIGN, total);
    if (!s->data) return syn_no_memory(total);
    char *to = s->data;
    s->n = n;
    for (int i = 0; i < n; i++) {
        s->tensor[i] = e[i].t;
        s->tensor[i].data = to;
        if (fread(to, 1, e[i].t.bytes, f) != e[i].t.bytes)
            return syn_fail(SYN_E_IO, "%s: tensor '%.100s' cannot be read: %s", path, e[i].t.name,
                            ferror(f) ? strerror(errno) : "the file became shorter");
        to += (e[i].t.bytes + ALIGN - 1) / ALIGN * ALIGN;
    }
    return SYN_OK;
}

static syn_status read_header(syn_st *s, const char *path, FILE *f, int64_t size, int64_t *length) {
    unsigned char head[8];
    if (size < 8 || fread(head, 1, 8, f) != 8)
        return syn_fail(SYN_E_FORMAT,
                        "%s: truncated: %lld bytes are too few for a safetensors file", path,
                        (long long)size);
    uint64_t len = 0;
    for (int i = 7; i >= 0; i--) len = len << 8 | head[i];
    if (len > MAX_HEADER)
        return syn_fail(SYN_E_FORMAT,
                        "%s: the header would be %llu bytes, more than %d: no safetensors "
                        "file, or a corrupt one",
                        path, (unsigned long long)len, MAX_HEADER);
    if ((int64_t)len > size - 8)
        return syn_fail(SYN_E_FORMAT, "%s: truncated: a header of %llu bytes in a file of %lld",
                        path, (unsigned long long)len, (long long)size);
    char *text = malloc((size_t)len + 1);
    if (!text) return syn_no_memory((size_t)len + 1);
    syn_status status = SYN_OK;
    json_error_t error;
    if (fread(text, 1, (size_t)len, f) != len)
        status = syn_fail(SYN_E_IO, "%s: the header cannot be read: %s", path, strerror(errno));
    else if (len == 0 || text[0] != '{')
        status = syn_fail(SYN_E_FORMAT, "%s: byte 8: the header must begin with '{'", path);
    else if (!(s->header = json_loadb(text, (size_t)len, JSON_REJECT_DUPLICATES, &error)))
        status = syn_fail(SYN_E_FORMAT, "%s: byte %lld: the header is no valid JSON: %s", path,
                          8 + (long long)error.position, error.text);
    free(text);
    *length = (int64_t)len;
    return status;
}

static syn_status read_file(syn_st *s, const char *path, FILE *f) {
    struct stat st;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        return syn_fail(SYN_E_IO, "%s: is not a file", path);
    int64_t length = 0;
    SYN_TRY(read_header(s, path, f, st.st_size, &length));
    entry *e = malloc((json_object_size(s->header) + 1) * sizeof *e);
    if (!e) return syn_no_memory(json_object_size(s->header) * sizeof *e);
    int n;
    syn_status status = read_entries(path, s->header, st.st_size - 8 - length, e, &n);
    if (status == SYN_OK) status = read_data(s, path, f, e, n);
    free(e);
    return status;
}

syn_status syn_st_open(syn_st **file, const char *path) {
    *file = NULL;
    FILE *f = fopen(path, "rbe");
    if (!f) return syn_fail(SYN_E_IO, "%s: cannot be opened: %s", path, strerror(errno));
    syn_st *s = calloc(1, sizeof *s);
    syn_status status = s ? read_file(s, path, f) : syn_no_memory(sizeof *s);
    fclose(f);
    if (status == SYN_OK)
        *file = s;
    else
        syn_st_close(s);
    return status;
}

void syn_st_close(syn_st *s) {
    if (!s) return;
    json_decref(s->header);
    free(s->tensor);
    free(s->data);
    free(s);
}

int syn_st_count(const syn_st *s) { return s->n; }

const syn_st_tensor *syn_st_at(const syn_st *s, int i) {
    return i >= 0 && i < s->n ? &s->tensor[i] : NULL;
}

const syn_st_tensor *syn_st_find(const syn_st *s, const char *name) {
    for (int i = 0; i < s->n; i++)
        if (!strcmp(s->tensor[i].name, name)) return &s->tensor[i];
    return NULL;
}

const char *syn_st_get_meta(const syn_st *s, const char *key) {
    return json_string_value(json_object_get(json_object_get(s->header, "__metadata__"), key));
}

double syn_st_value(const syn_st_tensor *t, int64_t i) {
    switch (t->type) {
    case SYN_F64: return ((const double *)t->data)[i];
    case SYN_F32: return ((const float *)t->data)[i];
    case SYN_I64: return (double)((const int64_t *)t->data)[i];
    case SYN_I32: return ((const int32_t *)t->data)[i];
    case SYN_U8: return ((const uint8_t *)t->data)[i];
    default: return ((const int8_t *)t->data)[i];
    }
}

static syn_status describe(json_t *header, const char *path, const syn_st_tensor *t, int64_t *at) {
    if (!t->name || !strcmp(t->name, "__metadata__") || (unsigned)t->type >= SYN_TYPES ||
        t->shape.rank < 0 || t->shape.rank > SYN_MAX_RANK || (t->bytes && !t->data) ||
        tensor_bytes(&t->shape, t->type) != (int64_t)t->bytes)
        return syn_fail(SYN_E_ARGUMENT,
                        "%s: tensor '%.100s': name, type, shape, data and size do not "
                        "make a tensor",
                        path, t->name ? t->name : "(no name)");
    if (json_object_get(header, t->name))
        return syn_fail(SYN_E_ARGUMENT, "%s: two tensors are named '%.100s'", path, t->name);
    json_t *shape = json_array();
    for (int i = 0; i < t->shape.rank; i++)
        json_array_append_new(shape, json_integer(t->shape.dim[i]));
    int64_t begin = *at;
    *at += (int64_t)t->bytes;
    json_t *e = json_pack("{s:s, s:o, s:[I, I]}", "dtype", dtypes[t->type], "shape", shape,
                          "data_offsets", (json_int_t)begin, (json_int_t)*at);
    if (!e) return syn_no_memory(256);
    if (json_object_set_new(header, t->name, e) != 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: tensor '%.100s': the name is not UTF-8", path,
                        t->name);
    return SYN_OK;
}

static syn_status describe_all(json_t *header, const char *path, const syn_st_tensor *tensor, int n,
                               const syn_st_meta *meta, int n_meta) {
    json_t *strings = n_meta > 0 ? json_object() : NULL;
    if (strings && json_object_set_new(header, "__metadata__", strings) != 0)
        return syn_no_memory(256);
    for (int i = 0; i < n_meta; i++)
        if (json_object_set_new(strings, meta[i].key, json_string(meta[i].value)) != 0)
            return syn_fail(SYN_E_ARGUMENT, "%s: metadata '%.100s': key and value must be UTF-8",
                            path, meta[i].key ? meta[i].key : "(no key)");
    int64_t at = 0;
    for (int i = 0; i < n; i++) SYN_TRY(describe(header, path, &tensor[i], &at));
    return SYN_OK;
}

syn_status syn_st_write(const char *path, const syn_st_tensor *tensor, int n,
                        const syn_st_meta *meta, int n_meta) {
    json_t *header = json_object();
    syn_piece *piece = malloc(((size_t)n + 3) * sizeof *piece);
    char *text = NULL;
    syn_status status = header && piece ? SYN_OK : syn_no_memory(((size_t)n + 3) * sizeof *piece);
    if (status == SYN_OK) status = describe_all(header, path, tensor, n, meta, n_meta);
    if (status == SYN_OK && !(text = json_dumps(header, JSON_COMPACT)))
        status = syn_no_memory(1024);
    if (status == SYN_OK && strlen(text) > MAX_HEADER - 8)
        status =
            syn_fail(SYN_E_ARGUMENT, "%s: the header takes %zu bytes, more than the %d allowed",
                     path, strlen(text), MAX_HEADER);
    if (status == SYN_OK) {
        /* The data starts at a multiple of 8. */
        size_t len = strlen(text), padded = (len + 7) / 8 * 8;
        unsigned char head[8];
        for (int i = 0; i < 8; i++) head[i] = (unsigned char)((uint64_t)padded >> 8 * i);
        piece[0] = (syn_piece){ head, sizeof head };
        piece[1] = (syn_piece){ text, len };
        piece[2] = (syn_piece){ "        ", padded - len };
        for (int i = 0; i < n; i++) piece[i + 3] = (syn_piece){ tensor[i].data, tensor[i].bytes };
        status = syn_file_replace_pieces(path, piece, n + 3);
    }
    free(text);
    free(piece);
    json_decref(header);
    return status;
}
