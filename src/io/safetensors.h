/* safetensors files: u64 header length, JSON header, contiguous tensors. Reading checks every rule of
 * the format; writing goes to a temporary name in the same folder, is flushed to disk, and renamed. */
#ifndef SYN_IO_SAFETENSORS_H
#define SYN_IO_SAFETENSORS_H

#include "base/base.h"

typedef struct syn_st_tensor {
    const char *name;
    syn_type type;
    syn_shape shape; /* rank 0: one element */
    const void *data;
    size_t bytes;
} syn_st_tensor;

typedef struct syn_st_meta {
    const char *key, *value;
} syn_st_meta;

typedef struct syn_st syn_st;
syn_status syn_st_open(syn_st **file, const char *path);
void syn_st_close(syn_st *file);
int syn_st_count(const syn_st *file);
const syn_st_tensor *syn_st_at(const syn_st *file, int i);
const syn_st_tensor *syn_st_find(const syn_st *file, const char *name); /* NULL: not there */
const char *syn_st_get_meta(const syn_st *file, const char *key);       /* NULL: not there */

/* Element i of a tensor as double. */
double syn_st_value(const syn_st_tensor *t, int64_t i);

syn_status syn_st_write(const char *path, const syn_st_tensor *tensor, int n,
                        const syn_st_meta *meta, int n_meta);

/* Any file, whole, by the same temporary-name-and-rename; creates no folders. */
syn_status syn_file_replace(const char *path, const void *data, size_t bytes);
/* A whole file, malloc'd, NUL behind its end. */
syn_status syn_file_read(const char *path, char **data, size_t *bytes);

#endif
