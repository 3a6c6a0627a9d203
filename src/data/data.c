/* Data sets: building, checking, slicing, moments. The readers of files are beside. */
#include "data/data.h"

#include "base/options.h"

#include <math.h>
#include <stdio.h>
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

static syn_status build_labels(syn_field *f, int64_t rows, const syn_array *y, const char *name) {
    int32_t *to = NULL;
    if (y->type != SYN_I32) {
        to = malloc((size_t)rows * sizeof *to);
        if (!to) return syn_no_memory((size_t)rows * sizeof *to);
    }
    for (int64_t i = 0; i < rows; i++) {
        int64_t v = label_at(y->data, y->type, i);
        if (v < 0 || v > INT32_MAX) {
            free(to);
            return syn_fail(SYN_E_ARGUMENT,
                            "%s: row %lld: label %lld is %s; labels are class "
                            "numbers from 0",
                            name, (long long)i, (long long)v, v < 0 ? "negative" : "too large");
        }
        if (to) to[i] = (int32_t)v;
    }
    if (to) {
        free(f->own);
        f->data = f->own = to;
    }
    f->type = SYN_I32;
    f->shape = (syn_shape){ 0 };
    f->labels = true;
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

/* The next field of a list; NULL with an error when it is full. */
static syn_field *next_field(syn_field *list, int *n, const char *what) {
    if (*n < SYN_MAX_ENDS) return &list[(*n)++];
    syn_fail(SYN_E_ARGUMENT, "a data set of more than %d %s; %d are possible", SYN_MAX_ENDS, what, SYN_MAX_ENDS);
    return NULL;
}

/* Checks the array and puts it into the field, its rows those of the set. */
static syn_status fill(syn_data *d, syn_field *f, const syn_array *a, const char *name, const char *where,
                       bool own) {
    *f = (syn_field){ .name = name ? syn_intern(name) : NULL, .type = a->type, .data = a->data };
    if (own) f->own = (void *)(uintptr_t)a->data;
    if (name && !f->name) return SYN_E_MEMORY;
    int64_t rows = 0;
    SYN_TRY(split(a, where, &rows, &f->shape));
    if (f == &d->x[0]) d->rows = rows;
    if (rows == d->rows) return SYN_OK;
    return syn_fail(SYN_E_SHAPE, "%s has %lld rows and the first input has %lld; every row of one needs its row "
                                 "of the other", where, (long long)rows, (long long)d->rows);
}

syn_status syn_data_add_input(syn_data *d, const syn_array *a, const char *name, const char *where, bool own) {
    syn_field *f = next_field(d->x, &d->n_x, "inputs");
    if (f) return fill(d, f, a, name, where, own);
    if (own) free((void *)(uintptr_t)a->data);
    return SYN_E_ARGUMENT;
}

syn_status syn_data_add_target(syn_data *d, const syn_array *a, const char *name, const char *where, bool own) {
    syn_field *f = next_field(d->y, &d->n_y, "targets");
    if (!f) {
        if (own) free((void *)(uintptr_t)a->data);
        return SYN_E_ARGUMENT;
    }
    SYN_TRY(fill(d, f, a, name, where, own));
    bool whole = a->type != SYN_F64 && a->type != SYN_F32;
    if (whole && a->shape.rank <= 2 && syn_shape_count(&f->shape) == 1)
        return build_labels(f, d->rows, a, where);
    return SYN_OK;
}

static void shifted(const void *row, syn_type type, const double *origin, double *to, int64_t n);

syn_status syn_data_add_weights(syn_data *d, const syn_array *a, const char *where, bool own) {
    d->has_weights = true;
    SYN_TRY(fill(d, &d->weights, a, NULL, where, own));
    if (syn_shape_count(&d->weights.shape) != 1)
        return syn_fail(SYN_E_SHAPE, "%s: weights of the samples are one number a row, got %lld", where,
                        (long long)syn_shape_count(&d->weights.shape));
    for (int64_t i = 0; i < d->rows; i++) {
        double v;
        shifted((const char *)a->data + (size_t)i * syn_type_size(a->type), a->type, NULL, &v, 1);
        if (!isfinite(v))
            return syn_fail(SYN_E_ARGUMENT, "%s: row %lld: the weight is %g; give it a finite one, 0 to leave the "
                                            "sample out", where, (long long)i, v);
    }
    return SYN_OK;
}

/* The field's array: the caller's, or read from its file. */
static syn_status take(const syn_data_field *f, syn_array *a, bool *own) {
    *a = f->array;
    *own = f->path != NULL;
    return *own ? syn_read_file(f->path, a) : SYN_OK;
}

static syn_status add_fields(syn_data *d, const syn_data_field *f, int n, const char *what,
                             syn_status (*add)(syn_data *, const syn_array *, const char *, const char *, bool)) {
    for (int i = 0; i < n; i++) {
        char place[32];
        syn_array a;
        bool own;
        snprintf(place, sizeof place, n > 1 ? "%s %d" : "%s", what, i + 1);
        SYN_TRY(take(&f[i], &a, &own));
        SYN_TRY(add(d, &a, f[i].name, f[i].path ? f[i].path : f[i].name ? f[i].name : place, own));
    }
    return SYN_OK;
}

static syn_status build(syn_data *d, const syn_data_field *x, int n_x, const syn_data_field *y, int n_y,
                        const syn_data_field *weights) {
    SYN_TRY(add_fields(d, x, n_x, "x", syn_data_add_input));
    SYN_TRY(add_fields(d, y, n_y, "y", syn_data_add_target));
    if (!weights) return SYN_OK;
    syn_array a;
    bool own;
    SYN_TRY(take(weights, &a, &own));
    return syn_data_add_weights(d, &a, weights->path ? weights->path : "weights", own);
}

syn_status syn_data_from_fields(syn_data **data, const syn_data_field *inputs, int n_inputs,
                                const syn_data_field *targets, int n_targets,
                                const syn_data_field *weights) {
    if (!data || !inputs || n_inputs < 1 || n_targets < 0 || (n_targets && !targets))
        return syn_fail(SYN_E_ARGUMENT, "syn_data_from_fields: data and at least one input are needed");
    *data = NULL;
    syn_data *d = calloc(1, sizeof *d);
    if (!d) return syn_no_memory(sizeof *d);
    syn_status status = build(d, inputs, n_inputs, targets, n_targets, weights);
    if (status == SYN_OK) *data = d;
    else syn_data_destroy(d);
    return status;
}

syn_status syn_data_from_arrays(syn_data **data, const syn_array *x, const syn_array *y) {
    if (!data || !x) return syn_fail(SYN_E_ARGUMENT, "syn_data_from_arrays: data and x are needed");
    const syn_data_field fx = { .array = *x }, fy = { .array = y ? *y : (syn_array){ 0 } };
    return syn_data_from_fields(data, &fx, 1, &fy, y && y->data, NULL);
}

/* The field from row `first` on, its memory another's. */
static void cut(syn_field *f, int64_t first) {
    size_t row = (size_t)(f->labels ? 1 : syn_shape_count(&f->shape)) * syn_type_size(f->type);
    if (f->data) f->data = (const char *)f->data + (size_t)first * row;
    f->own = NULL;
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
    d->rows = count;
    for (int i = 0; i < d->n_x; i++) cut(&d->x[i], first);
    for (int i = 0; i < d->n_y; i++) cut(&d->y[i], first);
    cut(&d->weights, first);
    *part = d;
    return SYN_OK;
}

void syn_data_destroy(syn_data *data) {
    if (!data) return;
    for (int i = 0; i < data->n_x; i++) free(data->x[i].own);
    for (int i = 0; i < data->n_y; i++) free(data->y[i].own);
    free(data->weights.own);
    free(data);
}

static bool info_of(const syn_field *f, bool there, syn_field_info *info) {
    *info = (syn_field_info){ .type = SYN_I32 };
    if (there)
        *info = (syn_field_info){ .name = f->name, .shape = f->shape, .type = f->type, .labels = f->labels,
                                  .data = f->data };
    return there;
}

int64_t syn_data_rows(const syn_data *data) { return data->rows; }
int syn_data_inputs(const syn_data *data) { return data->n_x; }
int syn_data_targets(const syn_data *data) { return data->n_y; }
bool syn_data_input(const syn_data *data, int k, syn_field_info *info) {
    return info_of(&data->x[k < 0 ? 0 : k % SYN_MAX_ENDS], k >= 0 && k < data->n_x, info);
}
bool syn_data_target(const syn_data *data, int k, syn_field_info *info) {
    return info_of(&data->y[k < 0 ? 0 : k % SYN_MAX_ENDS], k >= 0 && k < data->n_y, info);
}
bool syn_data_weights(const syn_data *data, syn_field_info *info) {
    return info_of(&data->weights, data->has_weights, info);
}
syn_shape syn_data_x_shape(const syn_data *data) { return data->x[0].shape; }
syn_shape syn_data_y_shape(const syn_data *data) { return data->y[0].shape; }
syn_type syn_data_x_type(const syn_data *data) { return data->x[0].type; }
syn_type syn_data_y_type(const syn_data *data) { return data->n_y ? data->y[0].type : SYN_I32; }
bool syn_data_has_y(const syn_data *data) { return data->n_y > 0; }
bool syn_data_has_labels(const syn_data *data) { return data->y[0].labels; }
const void *syn_data_x(const syn_data *data) { return data->x[0].data; }
const void *syn_data_y(const syn_data *data) { return data->y[0].data; }

syn_status syn_data_name_classes(syn_data *data, int target, const char *const *names, int n) {
    if (!data || (n && !names) || n < 0)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_name_classes: data and names are needed");
    if (target < 0 || target >= data->n_y)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_name_classes: target %d; the set has %d", target, data->n_y);
    const char **kept = malloc(((size_t)n + 1) * sizeof *kept);
    if (!kept) return syn_no_memory((size_t)n * sizeof *kept);
    bool whole = true;
    for (int i = 0; i < n; i++) {
        kept[i] = syn_intern(names[i]);
        whole &= kept[i] || !names[i];
    }
    syn_field *f = &data->y[target];
    f->class_name = whole ? syn_intern_bytes(kept, (size_t)n * sizeof *kept) : NULL;
    f->n_class_names = f->class_name ? n : 0;
    free(kept);
    return f->class_name ? SYN_OK : syn_no_memory((size_t)n * sizeof *kept);
}

const char *syn_data_class_name(const syn_data *data, int target, int64_t label) {
    if (target < 0 || target >= data->n_y) return NULL;
    const syn_field *f = &data->y[target];
    return label >= 0 && label < f->n_class_names ? f->class_name[label] : NULL;
}

int64_t syn_data_features(const syn_data *data) {
    int64_t n = 0;
    for (int k = 0; k < data->n_x; k++) n += syn_shape_count(&data->x[k].shape);
    return n;
}

syn_status syn_data_check_labels(const syn_data *data, int64_t classes) {
    return syn_data_check_target(data, 0, classes);
}

syn_status syn_data_check_target(const syn_data *data, int target, int64_t classes) {
    syn_field_info y = { 0 };
    if (data) (void)syn_data_target(data, target, &y);
    return syn_labels_check(&y, data ? data->rows : 0, classes, -1);
}

syn_status syn_labels_check(const syn_field_info *labels, int64_t rows, int64_t classes, int64_t ignored) {
    const int32_t *y = labels->data;
    char of[96] = "";
    if (labels->name) snprintf(of, sizeof of, " for %s", labels->name);
    if (!labels->labels)
        return syn_fail(SYN_E_ARGUMENT, "the set has no labels%s: y must be whole class numbers, one per row", of);
    for (int64_t i = 0; i < rows; i++) {
        if ((y[i] >= 0 && y[i] < classes) || (ignored >= 0 && y[i] == ignored)) continue;
        char left_out[48] = "";
        if (ignored >= 0) snprintf(left_out, sizeof left_out, ", and %lld is left out", (long long)ignored);
        return syn_fail(SYN_E_ARGUMENT, "row %lld has label %ld%s, but there are %lld classes: labels run from 0 to "
                                        "%lld%s; give the last layer more units or correct the label", (long long)i,
                        (long)y[i], of, (long long)classes, (long long)classes - 1, left_out);
    }
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
static syn_status not_finite(const syn_field *f, int64_t rows, double *row, int64_t n, int64_t j) {
    size_t step = (size_t)n * syn_type_size(f->type);
    for (int64_t i = 0; i < rows; i++) {
        shifted((const char *)f->data + (size_t)i * step, f->type, NULL, row, n);
        if (!isfinite(row[j]))
            return syn_fail(SYN_E_NONFINITE,
                            "row %lld, feature %lld of %s is %g: remove the row or "
                            "fill the gap",
                            (long long)i, (long long)j, f->name ? f->name : "x", row[j]);
    }
    return syn_fail(SYN_E_NONFINITE,
                    "feature %lld of %s: values are too large for a variance in double; "
                    "scale them",
                    (long long)j, f->name ? f->name : "x");
}

/* Two passes over rows less the first row: a feature that never changes has deviation exactly 0,
 * and a large common offset costs no digits. */
static syn_status moments(const syn_field *f, int64_t n_rows, double *mean, double *inv_dev) {
    int64_t n = syn_shape_count(&f->shape);
    size_t step = (size_t)n * syn_type_size(f->type);
    double *origin = malloc(2 * (size_t)n * sizeof *origin);
    if (!origin) return syn_no_memory(2 * (size_t)n * sizeof *origin);
    double *row = origin + n, rows = (double)n_rows;
    shifted(f->data, f->type, NULL, origin, n);
    for (int64_t j = 0; j < n; j++) mean[j] = inv_dev[j] = 0;
    const char *x = f->data;
    for (int64_t i = 0; i < n_rows; i++) {
        shifted(x + (size_t)i * step, f->type, origin, row, n);
        for (int64_t j = 0; j < n; j++) mean[j] += row[j];
    }
    for (int64_t j = 0; j < n; j++) mean[j] /= rows;
    for (int64_t i = 0; i < n_rows; i++) {
        shifted(x + (size_t)i * step, f->type, origin, row, n);
        for (int64_t j = 0; j < n; j++) inv_dev[j] += (row[j] - mean[j]) * (row[j] - mean[j]);
    }
    syn_status status = SYN_OK;
    for (int64_t j = 0; j < n && status == SYN_OK; j++) {
        double dev = sqrt(inv_dev[j] / rows);
        mean[j] += origin[j];
        inv_dev[j] = dev > 0 ? 1 / dev : 1;
        if (!isfinite(mean[j]) || !isfinite(dev))
            status = not_finite(f, n_rows, row, n, j);
        else if (!isfinite(inv_dev[j]))
            inv_dev[j] = 1; /* a subnormal deviation */
    }
    free(origin);
    return status;
}

syn_status syn_data_moments(const syn_data *data, double *mean, double *inv_dev) {
    if (!data || !mean || !inv_dev)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_moments: data, mean and inv_dev are needed");
    int64_t at = 0;
    for (int k = 0; k < data->n_x; at += syn_shape_count(&data->x[k++].shape))
        SYN_TRY(moments(&data->x[k], data->rows, mean + at, inv_dev + at));
    return SYN_OK;
}
