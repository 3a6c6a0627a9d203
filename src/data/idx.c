/* IDX, the format of MNIST: 0, 0, type, number of axes, big-endian sizes, big-endian elements. */
#include "data/data.h"

#include <stdlib.h>
#include <string.h>

static const struct {
    uint8_t code, stored; /* bytes per element in the file */
    syn_type type;
} kinds[] = {
    { 0x08, 1, SYN_U8 },  { 0x09, 1, SYN_I8 },  { 0x0B, 2, SYN_I32 },
    { 0x0C, 4, SYN_I32 }, { 0x0D, 4, SYN_F32 }, { 0x0E, 8, SYN_F64 },
};

static uint64_t big_endian(const unsigned char *p, int bytes) {
    uint64_t v = 0;
    for (int i = 0; i < bytes; i++) v = v << 8 | p[i];
    return v;
}

/* From the file's bytes at the end of the block to native elements, in place: element i is read
 * before anything is written over it. */
static void to_native(void *data, int64_t count, int stored, size_t size) {
    const unsigned char *from = (unsigned char *)data + (size_t)count * (size - (size_t)stored);
    char *to = data;
    for (int64_t i = 0; i < count; i++, from += stored, to += size) {
        uint64_t v = big_endian(from, stored);
        if (stored == 8) {
            memcpy(to, &v, 8);
        } else {
            uint32_t w = stored == 2 && v & 0x8000 ? (uint32_t)v | 0xffff0000u : (uint32_t)v;
            memcpy(to, &w, 4);
        }
    }
}

syn_status syn_idx_read(syn_reader *r, syn_array *array) {
    unsigned char head[4], size[4];
    SYN_TRY(syn_read_all(r, head, sizeof head, "the IDX header"));
    if (head[0] || head[1])
        return syn_fail(SYN_E_FORMAT, "%s: byte 0: an IDX file starts with two zero bytes",
                        r->path);
    size_t k = 0;
    while (k < SYN_COUNT(kinds) && kinds[k].code != head[2]) k++;
    if (k == SYN_COUNT(kinds))
        return syn_fail(SYN_E_FORMAT,
                        "%s: byte 2: IDX element type 0x%02x is unknown (0x08 u8, 0x09 "
                        "i8, 0x0B i16, 0x0C i32, 0x0D f32, 0x0E f64)",
                        r->path, head[2]);
    if (head[3] < 1 || head[3] > SYN_MAX_RANK)
        return syn_fail(SYN_E_FORMAT,
                        "%s: byte 3: the IDX array has %d axes; 1 to %d are possible, "
                        "the first counting samples",
                        r->path, head[3], SYN_MAX_RANK);
    syn_shape shape = { .rank = head[3] };
    for (int i = 0; i < shape.rank; i++) {
        SYN_TRY(syn_read_all(r, size, sizeof size, "the sizes in the IDX header"));
        shape.dim[i] = (int64_t)big_endian(size, 4);
    }
    void *data;
    int64_t count;
    int stored = kinds[k].stored;
    size_t bytes = syn_type_size(kinds[k].type);
    SYN_TRY(syn_read_elements(r, &shape, (size_t)stored, bytes, &data, &count));
    if (bytes > 1) to_native(data, count, stored, bytes);
    *array = (syn_array){ .data = data, .type = kinds[k].type, .shape = shape };
    return SYN_OK;
}
