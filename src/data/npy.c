/* .npy, NumPy's file of one array: magic, version, a header written as a Python dictionary,
 * elements. https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "Syncline reads and writes little-endian arrays in place: it needs a little-endian host"
#endif

const char syn_npy_magic[6] = "\x93NUMPY";

/* NumPy writes about 120 bytes; structured types, which nothing here reads, write more. */
enum { MAX_HEADER = 65535 };

static const struct {
    const char *name; /* without the byte order */
    syn_type type;
} kinds[] = {
    { "f4", SYN_F32 }, { "f8", SYN_F64 }, { "u1", SYN_U8 },  { "b1", SYN_U8 },
    { "i1", SYN_I8 },  { "i4", SYN_I32 }, { "i8", SYN_I64 },
};

typedef struct header {
    const char *path, *text;
    size_t at, len, origin; /* origin: of the text in the file */
    char descr[16];
    bool structured, fortran;
    syn_shape shape;
} header;

static syn_status expected(const header *h, const char *what) {
    return syn_fail(SYN_E_FORMAT,
                    "%s: byte %zu: the npy header is malformed: %s expected; save the "
                    "array again with numpy.save",
                    h->path, h->origin + h->at, what);
}

static char peek(header *h) {
    while (h->at < h->len && strchr(" \t\r\n", h->text[h->at]) && h->text[h->at]) h->at++;
    return h->at < h->len ? h->text[h->at] : 0;
}

static bool take(header *h, char c) {
    if (peek(h) != c || h->at >= h->len) return false;
    h->at++;
    return true;
}

static bool take_word(header *h, const char *word) {
    size_t n = strlen(word);
    if (peek(h) != word[0] || h->len - h->at < n || memcmp(h->text + h->at, word, n)) return false;
    h->at += n;
    return true;
}

/* A quoted word of at most size-1 bytes; escapes do not occur in what we know. */
static syn_status quoted(header *h, char *to, size_t size) {
    char quote = peek(h);
    if (quote != '\'' && quote != '"') return expected(h, "a quoted word");
    size_t from = ++h->at;
    while (h->at < h->len && h->text[h->at] != quote) h->at++;
    if (h->at == h->len) return expected(h, "a closing quote");
    size_t n = h->at++ - from;
    if (n >= size) n = size - 1; /* no known word is that long */
    memcpy(to, h->text + from, n);
    to[n] = 0;
    return SYN_OK;
}

static syn_status read_shape(header *h) {
    if (!take(h, '(')) return expected(h, "the shape, (n, ...),");
    h->shape = (syn_shape){ 0 };
    while (!take(h, ')')) {
        char c = peek(h);
        if (c < '0' || c > '9') return expected(h, "a size");
        int64_t v = 0;
        for (; h->at < h->len && (c = h->text[h->at]) >= '0' && c <= '9'; h->at++) {
            if (v > (INT64_MAX - 9) / 10)
                return syn_fail(SYN_E_FORMAT, "%s: byte %zu: an axis of the npy shape overflows",
                                h->path, h->origin + h->at);
            v = v * 10 + (c - '0');
        }
        take(h, 'L'); /* Python 2 wrote long integers so */
        if (h->shape.rank == SYN_MAX_RANK)
            return syn_fail(SYN_E_FORMAT,
                            "%s: the array has more than %d axes, the most there can be; "
                            "reshape it",
                            h->path, SYN_MAX_RANK);
        h->shape.dim[h->shape.rank++] = v;
        if (!take(h, ',') && peek(h) != ')') return expected(h, "',' or ')'");
    }
    return SYN_OK;
}

static syn_status read_value(header *h, const char *key, unsigned *seen) {
    static const char *const keys[] = { "descr", "fortran_order", "shape" };
    unsigned k = 0;
    while (k < SYN_COUNT(keys) && strcmp(key, keys[k])) k++;
    if (k == SYN_COUNT(keys) || *seen >> k & 1)
        return expected(h, "one each of 'descr', 'fortran_order' and 'shape'");
    *seen |= 1u << k;
    if (k == 2) return read_shape(h);
    if (k == 0) {
        h->structured = peek(h) == '[' || peek(h) == '(';
        return h->structured ? SYN_OK : quoted(h, h->descr, sizeof h->descr);
    }
    h->fortran = take_word(h, "True");
    return h->fortran || take_word(h, "False") ? SYN_OK : expected(h, "True or False");
}

static syn_status read_dictionary(header *h) {
    unsigned seen = 0;
    if (!take(h, '{')) return expected(h, "'{'");
    while (!take(h, '}')) {
        char key[24];
        SYN_TRY(quoted(h, key, sizeof key));
        if (!take(h, ':')) return expected(h, "':'");
        SYN_TRY(read_value(h, key, &seen));
        if (h->structured) return SYN_OK; /* refused by its type, whatever else it says */
        if (!take(h, ',') && peek(h) != '}') return expected(h, "',' or '}'");
    }
    if (seen != 7) return expected(h, "all of 'descr', 'fortran_order' and 'shape'");
    peek(h);
    return h->at == h->len ? SYN_OK : expected(h, "nothing more after '}'");
}

/* What the header says, held against what can be read here. */
static syn_status check(const header *h, syn_type *type) {
    const char *d = h->descr;
    size_t k = 0;
    if (!h->structured && d[0])
        while (k < SYN_COUNT(kinds) && strcmp(d + 1, kinds[k].name)) k++;
    else
        k = SYN_COUNT(kinds);
    if (k == SYN_COUNT(kinds) || !strchr("<>|", d[0]))
        return syn_fail(SYN_E_FORMAT,
                        "%s: dtype '%s' is not supported (f4, f8, u1, i1, i4, i8 and bool "
                        "are); convert it, for instance with a.astype('<f4')",
                        h->path, h->structured ? "structured" : d);
    *type = kinds[k].type;
    if (d[0] == '>' && syn_type_size(*type) > 1)
        return syn_fail(SYN_E_FORMAT, "%s: dtype '%s' is big-endian; save a.astype('<%s')", h->path,
                        d, d + 1);
    if (d[0] == '|' && syn_type_size(*type) > 1)
        return syn_fail(SYN_E_FORMAT, "%s: dtype '%s' names no byte order; save a.astype('<%s')",
                        h->path, d, d + 1);
    if (h->fortran)
        return syn_fail(SYN_E_FORMAT,
                        "%s: the array is in Fortran order; save "
                        "numpy.ascontiguousarray(a)",
                        h->path);
    if (h->shape.rank < 1)
        return syn_fail(SYN_E_FORMAT,
                        "%s: the array is a single value; it needs a first axis that "
                        "counts samples",
                        h->path);
    return SYN_OK;
}

static syn_status read_header(syn_reader *r, header *h, char **text) {
    unsigned char head[8], len[4] = { 0 };
    SYN_TRY(syn_read_all(r, head, sizeof head, "the npy header"));
    if (memcmp(head, syn_npy_magic, sizeof syn_npy_magic))
        return syn_fail(SYN_E_FORMAT, "%s: byte 0: a .npy file starts with \\x93NUMPY", r->path);
    if (head[6] < 1 || head[6] > 2)
        return syn_fail(SYN_E_FORMAT, "%s: byte 6: npy version %d.%d; 1 and 2 are supported",
                        r->path, head[6], head[7]);
    SYN_TRY(syn_read_all(r, len, head[6] == 1 ? 2 : 4, "the length of the npy header"));
    h->len = (size_t)len[0] | (size_t)len[1] << 8 | (size_t)len[2] << 16 | (size_t)len[3] << 24;
    if (h->len > MAX_HEADER)
        return syn_fail(SYN_E_FORMAT, "%s: byte 8: an npy header of %zu bytes; at most %d", r->path,
                        h->len, MAX_HEADER);
    h->origin = (size_t)r->at;
    *text = malloc(h->len + 1);
    if (!*text) return syn_no_memory(h->len + 1);
    h->text = *text;
    SYN_TRY(syn_read_all(r, *text, h->len, "the npy header"));
    return read_dictionary(h);
}

syn_status syn_npy_read(syn_reader *r, syn_array *array) {
    header h = { .path = r->path };
    char *text = NULL;
    syn_status status = read_header(r, &h, &text);
    free(text);
    SYN_TRY(status);
    syn_type type = SYN_F32;
    SYN_TRY(check(&h, &type));
    void *data;
    int64_t count;
    SYN_TRY(
        syn_read_elements(r, &h.shape, syn_type_size(type), syn_type_size(type), &data, &count));
    *array = (syn_array){ .data = data, .type = type, .shape = h.shape };
    return SYN_OK;
}
