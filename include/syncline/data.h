/* Data sets: stored rows of inputs x and targets y. Nothing here needs a device; a plan puts a set
 * on the device as stored when it fits, and streams it otherwise. */
#ifndef SYNCLINE_DATA_H
#define SYNCLINE_DATA_H

#include <syncline/base.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct syn_data syn_data;

/* From arrays in memory, first axis samples. y is labels (any integer type, shape n or n x 1) or real targets
 * (n x ...); y.data NULL: no targets. Not copied: the memory must outlive the set. */
SYN_API syn_status syn_data_from_arrays(syn_data **data, const syn_array *x, const syn_array *y);

/* Several inputs, several targets, weights of the samples: each an array in memory, which must outlive the set,
 * or a file (path, as syn_data_open's). All have the same rows. A net takes an input by the name of its input
 * layer, and a target by the name of its loss; unnamed ones by their order. weights: one number a row, of any
 * sign, by which the row's loss is multiplied; see sample_weights in plan.h. NULL: none. */
typedef struct syn_data_field {
    const char *name; /* copied; NULL: none */
    syn_array array;
    const char *path; /* NULL: array is used */
} syn_data_field;
SYN_API syn_status syn_data_from_fields(syn_data **data, const syn_data_field *inputs, int n_inputs,
                                        const syn_data_field *targets, int n_targets,
                                        const syn_data_field *weights);

/* Files: IDX (.gz or not), .npy (v1, v2; C order, little endian f4 f8 u1 i1 i4 i8), chosen by content. y NULL: no
 * targets. Values that are NaN or infinite are an error, which names the first. */
SYN_API syn_status syn_data_open(syn_data **data, const char *x, const char *y);

/* CSV with a header line. target: name of the column(s) holding y, comma separated, NULL: the last column.
 * labels: y is whole class numbers from 0. */
SYN_API syn_status syn_data_open_csv(syn_data **data, const char *path, const char *target,
                                     bool labels);
/* The same, with a column that holds weights of the samples; weights NULL: none. */
SYN_API syn_status syn_data_open_csv_weighted(syn_data **data, const char *path, const char *target,
                                              bool labels, const char *weights);

/* A named set where its package put it: "fashion-mnist", "mnist". SYNCLINE_DATA_DIR is searched first. */
SYN_API syn_status syn_data_named(syn_data **train, syn_data **test, const char *name);

/* Rows [first, first + count) as a set of their own (shares memory with, and must not outlive, data). */
SYN_API syn_status syn_data_slice(syn_data **part, syn_data *data, int64_t first, int64_t count);

SYN_API void syn_data_destroy(syn_data *data);

SYN_API int64_t syn_data_rows(const syn_data *data);

/* What a set holds. false: there is no k-th. */
typedef struct syn_field_info {
    const char *name; /* NULL: none */
    syn_shape shape;  /* of one sample, rank >= 1; rank 0: labels */
    syn_type type;    /* of labels: SYN_I32 */
    bool labels;
    const void *data; /* stored rows, row major */
} syn_field_info;
SYN_API int syn_data_inputs(const syn_data *data);
SYN_API int syn_data_targets(const syn_data *data);
SYN_API bool syn_data_input(const syn_data *data, int k, syn_field_info *info);
SYN_API bool syn_data_target(const syn_data *data, int k, syn_field_info *info);
SYN_API bool syn_data_weights(const syn_data *data, syn_field_info *info);
SYN_API int64_t syn_data_features(const syn_data *data); /* elements of a sample, of all inputs */
/* Of the first input and the first target: */
SYN_API syn_shape syn_data_x_shape(const syn_data *data); /* of one sample; rank >= 1 */
SYN_API syn_shape syn_data_y_shape(const syn_data *data); /* rank 0: labels, or no targets */
SYN_API syn_type syn_data_x_type(const syn_data *data);
SYN_API syn_type syn_data_y_type(const syn_data *data);
SYN_API bool syn_data_has_y(const syn_data *data);
SYN_API bool syn_data_has_labels(const syn_data *data);
SYN_API const void *syn_data_x(const syn_data *data); /* stored rows, row major */
SYN_API const void *syn_data_y(const syn_data *data);

/* What the labels of a target stand for: n strings, copied, in the order of the class numbers. Named sets bring
 * theirs. A slice has those of its set. syn_data_class_name is NULL where there is none. */
SYN_API syn_status syn_data_name_classes(syn_data *data, int target, const char *const *names, int n);
SYN_API const char *syn_data_class_name(const syn_data *data, int target, int64_t label);

/* Checks the first target's labels against [0, classes): SYN_E_ARGUMENT names the first bad row. */
SYN_API syn_status syn_data_check_labels(const syn_data *data, int64_t classes);
SYN_API syn_status syn_data_check_target(const syn_data *data, int target, int64_t classes);
/* The same of one field, by its name where it has one; ignored: a label that is allowed besides, -1: none. */
SYN_API syn_status syn_labels_check(const syn_field_info *labels, int64_t rows, int64_t classes, int64_t ignored);

/* Per-feature mean and 1/deviation over the set, in double, in row order; features of zero
 * deviation get 1. syn_data_features of each: those of all inputs, one behind the other. */
SYN_API syn_status syn_data_moments(const syn_data *data, double *mean, double *inv_dev);

#ifdef __cplusplus
}
#endif
#endif
