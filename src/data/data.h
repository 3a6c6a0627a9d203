/* Private to this room: what a set is made of, and what the file readers share. */
#ifndef SYN_DATA_DATA_H
#define SYN_DATA_DATA_H

#include "base/base.h"

#include <syncline/data.h>

typedef struct syn_field {
    const char *name; /* kept for the life of the process; NULL: none */
    syn_shape shape;  /* of one row; labels: rank 0 */
    syn_type type;
    bool labels;
    const void *data;
    void *own; /* freed with the set; NULL where memory is the caller's */
    const char *const *class_name; /* kept for the life of the process */
    int n_class_names;
} syn_field;

struct syn_data {
    int64_t rows;
    syn_field x[SYN_MAX_ENDS], y[SYN_MAX_ENDS], weights;
    int n_x, n_y;
    bool has_weights;
};

/* Adds an array to a set that starts from zeros and one input. It is checked, held against the rows of the first,
 * and labels become int32 in memory of their own where they are not yet. `where` stands for it in errors: a
 * path, or plain "x". `own`: its memory is malloc'd and the set's from now on, also when this fails. */
syn_status syn_data_add_input(syn_data *d, const syn_array *a, const char *name, const char *where, bool own);
syn_status syn_data_add_target(syn_data *d, const syn_array *a, const char *name, const char *where, bool own);
syn_status syn_data_add_weights(syn_data *d, const syn_array *a, const char *where, bool own);
/* IDX or .npy, whichever it is; array->data is malloc'd. */
syn_status syn_read_file(const char *path, syn_array *array);

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
