/* The data section: opening, splitting, and writing it as resolved. */
#include "cli/experiment.h"

#include "base/options_json.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static json_t *data_key(const cli_experiment *e, const char *key) {
    return json_object_get(json_object_get(e->root, "data"), key);
}

static void resolve_key(cli_experiment *e, const char *key, json_t *value) {
    json_object_set_new(json_object_get(e->resolved, "data"), key, value);
}

char *cli_absolute(const cli_experiment *e, const char *path) {
    char here[4096];
    if (path[0] == '/') return syn_strdup(path);
    if (e->folder[0] == '/') return syn_format("%s/%s", e->folder, path);
    if (!getcwd(here, sizeof here)) return syn_format("%s/%s", e->folder, path);
    if (!strcmp(e->folder, ".")) return syn_format("%s/%s", here, path);
    return syn_format("%s/%s/%s", here, e->folder, path);
}

/* The fields of one kind: a file, or a map of names to files, into field. Written as resolved. */
static syn_status read_fields(cli_experiment *e, const char *where, json_t *v,
                              syn_data_field *field, int *n, json_t **resolved) {
    char got[96];
    const char *name;
    json_t *file;
    *n = 0;
    *resolved = NULL;
    if (json_is_string(v)) {
        char *path = cli_absolute(e, json_string_value(v));
        if (!path) return syn_no_memory(4096);
        field[*n] = (syn_data_field){ .path = syn_intern(path) };
        *resolved = json_string(path);
        free(path);
        return field[(*n)++].path ? SYN_OK : SYN_E_MEMORY;
    }
    if (!json_is_object(v) || !json_object_size(v))
        return syn_fail_at(v, SYN_E_ARGUMENT,
                           "data: %s expects a file name, or names and files, got %s", where,
                           syn_json_text(v, got, sizeof got));
    if (json_object_size(v) > SYN_MAX_ENDS)
        return syn_fail_at(v, SYN_E_ARGUMENT, "data: %s has %d files, allowed 1 to %d", where,
                           (int)json_object_size(v), SYN_MAX_ENDS);
    *resolved = json_object();
    json_object_foreach(v, name, file) {
        if (!json_is_string(file))
            return syn_fail_at(file, SYN_E_ARGUMENT, "data: %s: %s expects a file name, got %s",
                               where, name, syn_json_text(file, got, sizeof got));
        char *path = cli_absolute(e, json_string_value(file));
        if (!path) return syn_no_memory(4096);
        field[*n] = (syn_data_field){ .name = syn_intern(name), .path = syn_intern(path) };
        json_object_set_new(*resolved, name, json_string(path));
        free(path);
        if (!field[*n].name || !field[*n].path) return SYN_E_MEMORY;
        ++*n;
    }
    return SYN_OK;
}

/* [x, y], [x, y, weights], or { x: ..., y: ..., weights: ... }: the three parts. */
static syn_status parts_of(const char *key, json_t *v, json_t *part[3]) {
    static const char *const name[] = { "x", "y", "weights" };
    char got[96];
    const char *given;
    json_t *item;
    size_t n = json_array_size(v);
    for (int i = 0; i < 3; i++)
        part[i] = json_is_object(v) ? json_object_get(v, name[i]) : json_array_get(v, (size_t)i);
    json_object_foreach(v, given, item) {
        if (strcmp(given, "x") && strcmp(given, "y") && strcmp(given, "weights"))
            return syn_fail_at_key(item, SYN_E_ARGUMENT,
                                   "data: %s: unknown key '%s'; there are: x, y, weights", key,
                                   given);
    }
    if (part[0] && part[1] && (json_is_object(v) || n == 2 || n == 3)) return SYN_OK;
    return syn_fail_at(v, SYN_E_ARGUMENT,
                       "data: %s expects [x, y], two file names, and weights as a third, or "
                       "{ x: ..., y: ..., weights: ... }, got %s",
                       key, syn_json_text(v, got, sizeof got));
}

static syn_status open_arrays(cli_experiment *e, const char *key, json_t *v, syn_data **data) {
    static const char *const name[] = { "x", "y", "weights" };
    json_t *part[3], *resolved[3] = { NULL };
    syn_data_field field[3][SYN_MAX_ENDS];
    int n[3] = { 0 };
    SYN_TRY(parts_of(key, v, part));
    syn_status status = SYN_OK;
    for (int i = 0; i < 3 && status == SYN_OK; i++) {
        char where[64];
        snprintf(where, sizeof where, "%s: %s", key, name[i]);
        if (!part[i]) continue;
        if (i == 2 && !json_is_string(part[i]))
            status = syn_fail_at(part[i], SYN_E_ARGUMENT, "data: %s expects a file name", where);
        else
            status = read_fields(e, where, part[i], field[i], &n[i], &resolved[i]);
    }
    if (status == SYN_OK && syn_data_from_fields(data, field[0], n[0], field[1], n[1],
                                                 n[2] ? field[2] : NULL) != SYN_OK)
        status = cli_fail_again(v, "data");
    if (status == SYN_OK && json_is_array(v)) {
        json_t *list = json_array();
        for (int i = 0; i < 3; i++)
            if (resolved[i]) json_array_append(list, resolved[i]);
        resolve_key(e, key, list);
    } else if (status == SYN_OK) {
        json_t *map = json_object();
        for (int i = 0; i < 3; i++)
            if (resolved[i]) json_object_set(map, name[i], resolved[i]);
        resolve_key(e, key, map);
    }
    for (int i = 0; i < 3; i++) json_decref(resolved[i]);
    return status;
}

static syn_status open_csv(cli_experiment *e, const char *key, json_t *v, syn_data **data) {
    json_t *file = json_is_array(v) && json_array_size(v) == 1 ? json_array_get(v, 0) : v;
    char got[96];
    if (!json_is_string(file))
        return syn_fail_at(v, SYN_E_ARGUMENT, "data: %s expects a file name, got %s", key,
                           syn_json_text(v, got, sizeof got));
    char *path = cli_absolute(e, json_string_value(file));
    if (!path) return syn_no_memory(4096);
    syn_status status =
        syn_data_open_csv_weighted(data, path, e->data.target, e->data.labels, e->data.weights);
    if (status != SYN_OK)
        cli_fail_again(v, "data");
    else
        resolve_key(e, key, json_string(path));
    free(path);
    return status;
}

/* The files under `key`. */
static syn_status open_files(cli_experiment *e, const char *key, json_t *v, syn_data **data) {
    return e->data.format == CLI_CSV ? open_csv(e, key, v, data) : open_arrays(e, key, v, data);
}

bool cli_experiment_weighted(const cli_experiment *e) {
    const syn_data *const set[] = { e->set, e->val_set, e->test_set };
    syn_field_info weights;
    for (size_t i = 0; i < SYN_COUNT(set); i++)
        if (set[i] && syn_data_weights(set[i], &weights)) return true;
    return false;
}

static syn_status open_format(cli_experiment *e) {
    json_t *data = json_object_get(e->root, "data"), *test = data_key(e, "test");
    json_t *train = data_key(e, "train");
    if (e->data.name)
        return syn_fail_at(data, SYN_E_ARGUMENT,
                           "data: name and format are both given; name is "
                           "for sets that a package installs");
    if (!train)
        return syn_fail_at(data, SYN_E_ARGUMENT,
                           "data: train is missing: the files to "
                           "train on");
    static const char *const columns[] = { "target", "weights", "labels" };
    for (size_t i = 0; i < SYN_COUNT(columns) && e->data.format != CLI_CSV; i++)
        if (data_key(e, columns[i]))
            return syn_fail_at_key(data_key(e, columns[i]), SYN_E_ARGUMENT,
                                   "data: %s is for format csv; %s", columns[i],
                                   strcmp(columns[i], "weights") ? "whole numbers in y are labels, others targets"
                                                                 : "give the file as a third, [x, y, weights]");
    SYN_TRY(open_files(e, "train", train, &e->set));
    return test ? open_files(e, "test", test, &e->test_set) : SYN_OK;
}

static syn_status open_named(cli_experiment *e) {
    json_t *data = json_object_get(e->root, "data");
    if (!e->data.name)
        return syn_fail_at(data, SYN_E_ARGUMENT,
                           "data: give name, a known set, or format and train, your own files");
    static const char *const own[] = { "train", "test", "target", "weights", "labels" };
    for (size_t i = 0; i < SYN_COUNT(own); i++)
        if (data_key(e, own[i]))
            return syn_fail_at_key(data_key(e, own[i]), SYN_E_ARGUMENT,
                                   "data: %s is for your own files; give format instead of name",
                                   own[i]);
    if (syn_data_named(&e->set, &e->test_set, e->data.name) != SYN_OK)
        return cli_fail_again(data_key(e, "name"), "data");
    return SYN_OK;
}

/* validation: rows from the end, a share below 1, or files. */
static syn_status split(cli_experiment *e) {
    json_t *v = data_key(e, "validation");
    int64_t rows = syn_data_rows(e->set), kept = rows;
    if (json_is_number(v)) {
        double d = json_number_value(v);
        char got[SYN_NUMBER_SIZE], most[SYN_NUMBER_SIZE];
        if (!(d >= 0) || d >= (double)rows || (d >= 1 && d != floor(d)))
            return syn_fail_at(v, SYN_E_ARGUMENT,
                               "data: validation is %s, allowed 0 to %s rows, or a share below 1",
                               syn_number_text(got, d), syn_number_text(most, (double)rows - 1));
        kept = rows - (int64_t)(d < 1 ? floor(d * (double)rows) : d);
        if (kept < rows) resolve_key(e, "validation", json_integer(rows - kept));
    } else if (v && e->data.format) {
        SYN_TRY(open_files(e, "validation", v, &e->val_file));
        e->val_set = e->val_file;
    } else if (v) {
        char got[96];
        return syn_fail_at(v, SYN_E_ARGUMENT,
                           "data: validation expects a number of rows or a "
                           "share below 1, got %s",
                           syn_json_text(v, got, sizeof got));
    }
    e->train_set = e->set;
    if (kept == rows) return SYN_OK;
    SYN_TRY(syn_data_slice(&e->train_set, e->set, 0, kept));
    return syn_data_slice(&e->val_set, e->set, kept, rows - kept);
}

/* The same inputs as the training data. */
static syn_status same_shape(const cli_experiment *e, syn_data *other, const char *name) {
    syn_field_info a, b;
    char at[64], bt[64];
    if (!other) return SYN_OK;
    if (syn_data_inputs(other) != syn_data_inputs(e->set))
        return syn_fail_at(data_key(e, name), SYN_E_SHAPE, "data: %s has %d inputs, train has %d",
                           name, syn_data_inputs(other), syn_data_inputs(e->set));
    for (int k = 0; syn_data_input(e->set, k, &a); k++) {
        syn_data_input(other, k, &b);
        if (a.name && b.name && strcmp(a.name, b.name)) continue; /* by name: the plan looks */
        if (syn_shape_equal(&a.shape, &b.shape)) continue;
        syn_shape_print(&a.shape, at, sizeof at);
        syn_shape_print(&b.shape, bt, sizeof bt);
        return syn_fail_at(data_key(e, name), SYN_E_SHAPE,
                           "data: a sample of %s has shape %s, one of train has %s", name, bt, at);
    }
    return SYN_OK;
}

/* classes: [shirt, shoe, bag] */
static syn_status name_classes(cli_experiment *e) {
    json_t *v = data_key(e, "classes");
    size_t n = json_array_size(v);
    char got[96];
    if (!v) return SYN_OK;
    const char **name = calloc(n + 1, sizeof *name);
    if (!name) return syn_no_memory(n * sizeof *name);
    bool texts = n > 0;
    for (size_t i = 0; i < n; i++) {
        json_t *item = json_array_get(v, i);
        name[i] = syn_intern(json_is_string(item) ? json_string_value(item)
                                                  : syn_json_text(item, got, sizeof got));
        texts &= json_is_string(item) || json_is_number(item);
    }
    syn_data *const set[] = { e->set, e->train_set, e->val_set, e->test_set };
    syn_status status = SYN_OK;
    if (!texts)
        status = syn_fail_at(v, SYN_E_ARGUMENT, "data: classes expects a list of names, got %s",
                             syn_json_text(v, got, sizeof got));
    for (size_t i = 0; i < n && status == SYN_OK; i++)
        if (!name[i]) status = SYN_E_MEMORY;
    for (size_t i = 0; i < SYN_COUNT(set) && status == SYN_OK; i++)
        if (set[i]) status = syn_data_name_classes(set[i], 0, name, (int)n);
    free(name);
    if (status == SYN_OK) resolve_key(e, "classes", json_incref(v));
    return status;
}

int64_t cli_epoch_steps(const cli_experiment *e) {
    return syn_ceil_div(syn_ceil_div(syn_data_rows(e->train_set), e->train.batch), e->train.accumulate);
}

/* batch: all, in the parts of accumulate; those are equal, or their mean would not be that of all rows. */
static syn_status whole_batch(cli_experiment *e) {
    int64_t rows = syn_data_rows(e->train_set), parts = e->train.accumulate;
    json_t *train = json_object_get(e->root, "train");
    if (rows % parts) {
        int64_t less = parts, more = parts;
        while (rows % less) less--;
        while (more < rows && rows % more) more++;
        if (more > rows) more = less - 1 > 0 ? less - 1 : 1; /* more parts than rows: another below */
        while (rows % more) more--;
        return syn_fail_at(json_object_get(train, "accumulate"), SYN_E_ARGUMENT,
                           "train: accumulate is %lld, and %lld rows do not make as many equal parts; "
                           "%lld or %lld parts are possible",
                           (long long)parts, (long long)rows, (long long)less, (long long)more);
    }
    if (rows / parts > INT32_MAX)
        return syn_fail_at(json_object_get(train, "batch"), SYN_E_SHAPE,
                           "train: batch: all: %lld rows are too many for one batch; give accumulate",
                           (long long)rows);
    e->train.batch = (int)(rows / parts);
    return SYN_OK;
}

/* Before a device is opened or a folder made; syn_fit would refuse it, too. */
static syn_status check_search(const cli_experiment *e) {
    const cli_train_opts *t = &e->train;
    const json_t *train = json_object_get(e->root, "train"), *at = json_object_get(train, "batch");
    int64_t rows = syn_data_rows(e->train_set), step = (int64_t)t->batch * t->accumulate;
    if (!syn_optim_impl_of(t->optimizer.def)->search || step == rows || (t->accumulate == 1 && step > rows))
        return SYN_OK;
    return syn_fail_at(at ? at : json_object_get(train, "optimizer"), SYN_E_ARGUMENT,
                       "train: batch: %s takes the whole training set in every step: there are %lld rows, and a "
                       "step has %lld; give batch: all (with accumulate: k, in k equal parts)",
                       t->optimizer.def->name, (long long)rows, (long long)step);
}

static syn_status finish_train(cli_experiment *e) {
    cli_train_opts *t = &e->train;
    if (t->batch == SYN_WORD) SYN_TRY(whole_batch(e));
    SYN_TRY(check_search(e));
    if (t->epochs) return SYN_OK;
    t->epochs = 1;
    if (t->steps) {
        t->epochs = (int)syn_ceil_div(t->steps, cli_epoch_steps(e));
        return SYN_OK;
    }
    return json_object_set_new(json_object_get(e->resolved, "train"), "epochs", json_integer(1))
               ? syn_no_memory(64)
               : SYN_OK;
}

syn_status cli_experiment_data(cli_experiment *e) {
    SYN_TRY(e->data.format ? open_format(e) : open_named(e));
    SYN_TRY(split(e));
    SYN_TRY(name_classes(e));
    SYN_TRY(finish_train(e));
    SYN_TRY(same_shape(e, e->val_set, "validation"));
    return same_shape(e, e->test_set, "test");
}
