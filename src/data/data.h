/* Private to this room: what a set is made of, and what the file readers share. */
#ifndef SYN_DATA_DATA_H
#define SYN_DATA_DATA_H

#include "base/base.h"

#include <syncline/data.h>

struct syn_data {
    int64_t rows;
    syn_shape x_shape, y_shape; /* of one row */
    syn_type x_type, y_type;
    bool has_labels;
    const void *x, *y;
    void *own_x, *own_y; /* freed with the set; NULL where memory is the caller's */
    const char *const *class_name; /* kept for the life of the process */
    int n_class_names;
};

/* A set over arrays, checked; labels become int32 in memory of its own where they are not yet. The
 * names stand for x and y in errors: a path, or plain "x". */
syn_status syn_data_build(syn_data **data, const syn_array *x, const syn_array *y,
                          const char *x_name, const char *y_name);
/* Hands malloc'd arrays that were built from to the set; y is freed when labels replaced it. */
void syn_data_adopt(syn_data *data, void *x, void *y);

/* A file, gz or plain alike, read from front to back. */
typedef struct syn_reader {
    const char *path;
    void *gz;
    int64_t at;   /* bytes read so far, after decompression */
    int64_t most; /* what the file can hold at the very most, after decompression */
    bool packed;  /* gz */
} syn_reader;
syn_status syn_reader_open(syn_reader *r, const char *path);
void syn_reader_close(syn_reader *r);
/* Up to `bytes`; fewer only at the end of the file. */
syn_status syn_read_some(syn_reader *r, void *to, size_t bytes, size_t *got);
/* All of `bytes`, or SYN_E_FORMAT: `what` is truncated. */
syn_status syn_read_all(syn_reader *r, void *to, size_t bytes, const char *what);
/* Nothing may follow. */
syn_status syn_read_end(syn_reader *r);
/* Elements of `shape`, `stored` bytes each in the file, `size` >= stored in memory: malloc'd with
 * the stored bytes at its end. The size is held against the file's before anything is allocated. */
syn_status syn_read_elements(syn_reader *r, const syn_shape *shape, size_t stored, size_t size,
                             void **data, int64_t *count);

/* Readers of one format, called at the front of the file. array->data is malloc'd. */
syn_status syn_idx_read(syn_reader *r, syn_array *array);
syn_status syn_npy_read(syn_reader *r, syn_array *array);
extern const char syn_npy_magic[6];

#endif
