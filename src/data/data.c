/* Data sets: building, checking, slicing, moments. The readers of files are beside. */
#include "data/data.h"

#include "base/options.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Element i of integer labels. */
static int64_t label_at(const void *data, syn_type type, int64_t i) {
    switch (type) {
    case SYN_I64: return ((const int64_t *)data)[i];
    case SYN_I32: return ((const int32_t *)data)[i];
    case SYN_U8: return ((const uint8_t *)data)[i];
    default: return ((const int8_t *)data)[i];
    }
}

static syn_status build_labels(syn_data *d, const syn_array *y, const char *name) {
    int32_t *to = NULL;
    if (y->type != SYN_I32) {
        d->own_y = to = malloc((size_t)d->rows * sizeof *to);
        if (!to) return syn_no_memory((size_t)d->rows * sizeof *to);
    }
    for (int64_t i = 0; i < d->rows; i++) {
        int64_t v = label_at(y->data, y->type, i);
        if (v < 0 || v > INT32_MAX)
            return syn_fail(SYN_E_ARGUMENT,
                            "%s: row %lld: label %lld is %s; labels are class "
                            "numbers from 0",
                            name, (long long)i, (long long)v, v < 0 ? "negative" : "too large");
        if (to) to[i] = (int32_t)v;
    }
    d->y = to ? (const void *)to : y->data;
    d->y_type = SYN_I32;
    d->has_labels = true;
    return SYN_OK;
}

/* Splits the shape of an array into its rows and the shape of one. */
static syn_status split(const syn_array *a, const char *name, int64_t *rows, syn_shape *row) {
    if (!a->data) return syn_fail(SYN_E_ARGUMENT, "%s: the array has no data (NULL)", name);
    if ((unsigned)a->type >= SYN_TYPES)
        return syn_fail(SYN_E_ARGUMENT, "%s: %d is no element type", name, (int)a->type);
    if (a->shape.rank < 1 || a->shape.rank > SYN_MAX_RANK)
        return syn_fail(SYN_E_SHAPE,
                        "%s: rank %d; an array of samples has 1 to %d axes, the first "
                        "counting samples",
                        name, a->shape.rank, SYN_MAX_RANK);
    char text[128];
    syn_shape_print(&a->shape, text, sizeof text);
    if (a->shape.dim[0] == 0)
        return syn_fail(SYN_E_SHAPE, "%s: shape %s: the set is empty; at least one row is needed",
                        name, text);
    int64_t n = syn_shape_count(&a->shape);
    if (n < 0 || n > PTRDIFF_MAX / 8)
        return syn_fail(SYN_E_SHAPE,
                        "%s: shape %s: every axis must be positive and the array fit "
                        "in memory",
                        name, text);
    if (a->shape.dim[0] > INT32_MAX)
        return syn_fail(SYN_E_SHAPE, "%s: shape %s: at most %ld rows; use a part of the set", name,
                        text, (long)INT32_MAX);
    *rows = a->shape.dim[0];
    *row = (syn_shape){ .rank = a->shape.rank - 1 };
    for (int i = 0; i < row->rank; i++) row->dim[i] = a->shape.dim[i + 1];
    if (row->rank == 0) *row = SYN_SHAPE(1);
    return SYN_OK;
}

static syn_status fill(syn_data *d, const syn_array *x, const syn_array *y, const char *x_name,
                       const char *y_name) {
    SYN_TRY(split(x, x_name, &d->rows, &d->x_shape));
    d->x = x->data;
    d->x_type = x->type;
    if (!y || !y->data) return SYN_OK;
    int64_t rows = 0;
    syn_shape row;
    SYN_TRY(split(y, y_name, &rows, &row));
    if (rows != d->rows)
        return syn_fail(SYN_E_SHAPE,
                        "%s has %lld rows and %s has %lld; every row of x needs its "
                        "row of y",
                        x_name, (long long)d->rows, y_name, (long long)rows);
    bool whole = y->type != SYN_F64 && y->type != SYN_F32;
    if (whole && y->shape.rank <= 2 && syn_shape_count(&row) == 1)
        return build_labels(d, y, y_name);
    d->y = y->data;
    d->y_type = y->type;
    d->y_shape = row;
    return SYN_OK;
}

syn_status syn_data_build(syn_data **data, const syn_array *x, const syn_array *y,
                          const char *x_name, const char *y_name) {
    syn_data *d = calloc(1, sizeof *d);
    if (!d) return syn_no_memory(sizeof *d);
    d->y_type = SYN_I32;
    syn_status status = fill(d, x, y, x_name, y_name);
    if (status != SYN_OK) {
        syn_data_destroy(d);
        return status;
    }
    *data = d;
    return SYN_OK;
}

void syn_data_adopt(syn_data *d, void *x, void *y) {
    d->own_x = x;
    if (d->y == y)
        d->own_y = y;
    else
        free(y);
}

syn_status syn_data_from_arrays(syn_data **data, const syn_array *x, const syn_array *y) {
    if (!data || !x) return syn_fail(SYN_E_ARGUMENT, "syn_data_from_arrays: data and x are needed");
    *data = NULL;
    return syn_data_build(data, x, y, "x", "y");
}

syn_status syn_data_slice(syn_data **part, syn_data *data, int64_t first, int64_t count) {
    if (!part || !data) return syn_fail(SYN_E_ARGUMENT, "syn_data_slice: part and data are needed");
    *part = NULL;
    if (first < 0 || count < 1 || first >= data->rows || count > data->rows - first)
        return syn_fail(SYN_E_ARGUMENT,
                        "slice: %lld rows from row %lld of a set of %lld; first is 0 "
                        "or more, count 1 or more, and the end within the set",
                        (long long)count, (long long)first, (long long)data->rows);
    syn_data *d = malloc(sizeof *d);
    if (!d) return syn_no_memory(sizeof *d);
    *d = *data;
    d->own_x = d->own_y = NULL;
    d->rows = count;
    size_t x_row = (size_t)syn_shape_count(&d->x_shape) * syn_type_size(d->x_type);
    size_t y_row = (size_t)syn_shape_count(&d->y_shape) * syn_type_size(d->y_type);
    d->x = (const char *)data->x + (size_t)first * x_row;
    if (data->y) d->y = (const char *)data->y + (size_t)first * y_row;
    *part = d;
    return SYN_OK;
}

void syn_data_destroy(syn_data *data) {
    if (!data) return;
    free(data->own_x);
    free(data->own_y);
    free(data);
}

int64_t syn_data_rows(const syn_data *data) { return data->rows; }
syn_shape syn_data_x_shape(const syn_data *data) { return data->x_shape; }
syn_shape syn_data_y_shape(const syn_data *data) { return data->y_shape; }
syn_type syn_data_x_type(const syn_data *data) { return data->x_type; }
syn_type syn_data_y_type(const syn_data *data) { return data->y_type; }
bool syn_data_has_y(const syn_data *data) { return data->y != NULL; }
bool syn_data_has_labels(const syn_data *data) { return data->has_labels; }
const void *syn_data_x(const syn_data *data) { return data->x; }
const void *syn_data_y(const syn_data *data) { return data->y; }

syn_status syn_data_name_classes(syn_data *data, const char *const *names, int n) {
    if (!data || (n && !names) || n < 0)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_name_classes: data and names are needed");
    const char **kept = malloc(((size_t)n + 1) * sizeof *kept);
    if (!kept) return syn_no_memory((size_t)n * sizeof *kept);
    for (int i = 0; i < n; i++) kept[i] = syn_intern(names[i]);
    data->class_name = syn_intern_bytes(kept, (size_t)n * sizeof *kept);
    data->n_class_names = data->class_name ? n : 0;
    free(kept);
    return data->class_name || !n ? SYN_OK : syn_no_memory((size_t)n * sizeof *kept);
}

const char *syn_data_class_name(const syn_data *data, int64_t label) {
    return label >= 0 && label < data->n_class_names ? data->class_name[label] : NULL;
}

syn_status syn_data_check_labels(const syn_data *data, int64_t classes) {
    if (!data || !data->has_labels)
        return syn_fail(SYN_E_ARGUMENT, "the set has no labels: y must be whole class numbers, one "
                                        "per row");
    const int32_t *y = data->y;
    for (int64_t i = 0; i < data->rows; i++)
        if (y[i] < 0 || y[i] >= classes)
            return syn_fail(
                SYN_E_ARGUMENT,
                "row %lld has label %ld, but there are %lld classes: labels "
                "run from 0 to %lld; give the last layer more units or correct the label",
                (long long)i, (long)y[i], (long long)classes, (long long)classes - 1);
    return SYN_OK;
}

/* to = row - origin, element by element (origin NULL: none), in double. */
static void shifted(const void *row, syn_type type, const double *origin, double *to, int64_t n) {
    switch (type) {
    case SYN_F64:
        for (int64_t i = 0; i < n; i++) to[i] = ((const double *)row)[i];
        break;
    case SYN_F32:
        for (int64_t i = 0; i < n; i++) to[i] = ((const float *)row)[i];
        break;
    case SYN_I64:
        for (int64_t i = 0; i < n; i++) to[i] = (double)((const int64_t *)row)[i];
        break;
    case SYN_I32:
        for (int64_t i = 0; i < n; i++) to[i] = ((const int32_t *)row)[i];
        break;
    case SYN_U8:
        for (int64_t i = 0; i < n; i++) to[i] = ((const uint8_t *)row)[i];
        break;
    default:
        for (int64_t i = 0; i < n; i++) to[i] = ((const int8_t *)row)[i];
        break;
    }
    if (origin)
        for (int64_t i = 0; i < n; i++) to[i] -= origin[i];
}

/* Which element spoils the moments of feature j. */
static syn_status not_finite(const syn_data *d, double *row, int64_t n, int64_t j) {
    size_t step = (size_t)n * syn_type_size(d->x_type);
    for (int64_t i = 0; i < d->rows; i++) {
        shifted((const char *)d->x + (size_t)i * step, d->x_type, NULL, row, n);
        if (!isfinite(row[j]))
            return syn_fail(SYN_E_NONFINITE,
                            "row %lld, feature %lld of x is %g: remove the row or "
                            "fill the gap",
                            (long long)i, (long long)j, row[j]);
    }
    return syn_fail(SYN_E_NONFINITE,
                    "feature %lld of x: values are too large for a variance in double; "
                    "scale them",
                    (long long)j);
}

/* Two passes over rows less the first row: a feature that never changes has deviation exactly 0,
 * and a large common offset costs no digits. */
syn_status syn_data_moments(const syn_data *data, double *mean, double *inv_dev) {
    if (!data || !mean || !inv_dev)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_moments: data, mean and inv_dev are needed");
    int64_t n = syn_shape_count(&data->x_shape);
    size_t step = (size_t)n * syn_type_size(data->x_type);
    double *origin = malloc(2 * (size_t)n * sizeof *origin);
    if (!origin) return syn_no_memory(2 * (size_t)n * sizeof *origin);
    double *row = origin + n, rows = (double)data->rows;
    shifted(data->x, data->x_type, NULL, origin, n);
    for (int64_t j = 0; j < n; j++) mean[j] = inv_dev[j] = 0;
    const char *x = data->x;
    for (int64_t i = 0; i < data->rows; i++) {
        shifted(x + (size_t)i * step, data->x_type, origin, row, n);
        for (int64_t j = 0; j < n; j++) mean[j] += row[j];
    }
    for (int64_t j = 0; j < n; j++) mean[j] /= rows;
    for (int64_t i = 0; i < data->rows; i++) {
        shifted(x + (size_t)i * step, data->x_type, origin, row, n);
        for (int64_t j = 0; j < n; j++) inv_dev[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
    }
    syn_status status = SYN_OK;
    for (int64_t j = 0; j < n && status == SYN_OK; j++) {
        double dev = sqrt(inv_dev[j] / rows);
        mean[j] += origin[j];
        inv_dev[j] = dev > 0 ? 1 / dev : 1;
        if (!isfinite(mean[j]) || !isfinite(dev))
            status = not_finite(data, row, n, j);
        else if (!isfinite(inv_dev[j]))
            inv_dev[j] = 1; /* a subnormal deviation */
    }
    free(origin);
    return status;
}
