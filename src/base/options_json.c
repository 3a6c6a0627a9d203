/* Options and specs from JSON and back, with errors that say where in the user's file. */
#include "base/options_json.h"

#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local syn_locate_fn locate_fn;
static _Thread_local void *locate_user;
static _Thread_local bool locate_key;

static const char *const preset_names[] = { "keras", "torch" };

static void *field(const syn_option *o, const void *opts) {
    return (char *)(uintptr_t)opts + o->offset;
}

void syn_options_locate(syn_locate_fn fn, void *user) {
    locate_fn = fn;
    locate_user = user;
}

bool syn_locating_key(void) { return locate_key; }

static syn_status fail_at(const json_t *at, bool key, syn_status status, const char *fmt,
                          va_list ap) {
    char prefix[512] = "";
    if (locate_fn && at) {
        locate_key = key;
        locate_fn(at, locate_user, prefix, sizeof prefix);
        locate_key = false;
    }
    syn_text t = { 0 };
    syn_text_addv(&t, fmt, ap);
    syn_fail(status, "%s%s", prefix, syn_text_str(&t));
    syn_text_free(&t);
    return status;
}

syn_status syn_fail_at(const json_t *at, syn_status status, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fail_at(at, false, status, fmt, ap);
    va_end(ap);
    return status;
}

syn_status syn_fail_at_key(const json_t *at, syn_status status, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    fail_at(at, true, status, fmt, ap);
    va_end(ap);
    return status;
}

const char *syn_json_text(const json_t *value, char *buf, size_t size) {
    char number[SYN_NUMBER_SIZE];
    if (!value || json_is_null(value))
        snprintf(buf, size, "nothing");
    else if (json_is_true(value))
        snprintf(buf, size, "yes");
    else if (json_is_false(value))
        snprintf(buf, size, "no");
    else if (json_is_object(value))
        snprintf(buf, size, "a map");
    else if (json_is_array(value))
        snprintf(buf, size, "a list");
    else if (json_is_string(value))
        snprintf(buf, size, "the text '%.60s'", json_string_value(value));
    else
        snprintf(buf, size, "the number %s", syn_number_text(number, json_number_value(value)));
    return buf;
}

static syn_status expects(const json_t *v, const char *where, const char *name, const char *what) {
    char got[96];
    return syn_fail_at(v, SYN_E_ARGUMENT, "%s: %s expects %s, got %s", where, name, what,
                       syn_json_text(v, got, sizeof got));
}

static syn_status read_real(const syn_option *o, double *out, json_t *v, const char *where) {
    if (o->choices && json_is_string(v) && !strcmp(json_string_value(v), o->choices)) {
        *out = 0;
        return SYN_OK;
    }
    if (!json_is_number(v)) {
        char what[64];
        snprintf(what, sizeof what, o->choices ? "a number, or %s" : "a number", o->choices);
        return expects(v, where, o->name, what);
    }
    double d = json_number_value(v);
    SYN_TRY(syn_option_check(o, d, v, where));
    *out = fabs(d) <= SYN_TINY ? SYN_ZERO : d;
    return SYN_OK;
}

static syn_status read_int(const syn_option *o, int *out, json_t *v, const char *where) {
    double d = json_number_value(v);
    if (o->choices && json_is_string(v) && !strcmp(json_string_value(v), o->choices)) {
        *out = SYN_WORD;
        return SYN_OK;
    }
    if (!json_is_number(v) || d != floor(d)) {
        char what[64];
        snprintf(what, sizeof what, o->choices ? "a whole number, or %s" : "a whole number", o->choices);
        return expects(v, where, o->name, what);
    }
    SYN_TRY(syn_option_check(o, d, v, where));
    if (d > INT_MAX || d <= INT_MIN)
        return expects(v, where, o->name, "a whole number of at most 2147483647");
    *out = d == 0 ? INT_MIN : (int)d;
    return SYN_OK;
}

static syn_status unknown_choice(const syn_option *o, json_t *v, const char *where) {
    char *copy = syn_strdup(o->choices);
    if (!copy) return syn_no_memory(strlen(o->choices));
    const char *names[32];
    size_t n = 0;
    for (char *rest = copy, *c; n < SYN_COUNT(names) && (c = strtok_r(rest, "|", &rest)) != NULL;)
        names[n++] = c;
    syn_text all = { 0 };
    for (size_t i = 0; i < n; i++) syn_text_add(&all, "%s%s", i ? ", " : "", names[i]);
    const char *near = syn_nearest(json_string_value(v), names, n, sizeof *names);
    if (near)
        syn_fail_at(v, SYN_E_ARGUMENT, "%s: %s is '%s', allowed %s; did you mean '%s'?", where,
                    o->name, json_string_value(v), syn_text_str(&all), near);
    else
        syn_fail_at(v, SYN_E_ARGUMENT, "%s: %s is '%s', allowed %s", where, o->name,
                    json_string_value(v), syn_text_str(&all));
    syn_text_free(&all);
    free(copy);
    return SYN_E_ARGUMENT;
}

static syn_status read_choice(const syn_option *o, int *out, json_t *v, const char *where) {
    if (json_is_boolean(v) && syn_choice_is_switch(o)) {
        *out = json_is_true(v) ? 2 : 1;
        return SYN_OK;
    }
    if (json_is_number(v)) { /* a choice may be called 2 */
        char number[SYN_NUMBER_SIZE];
        syn_number_text(number, json_number_value(v));
        *out = syn_choice_find(o, number, strlen(number));
        if (*out) return SYN_OK;
    }
    if (!json_is_string(v)) {
        char what[256];
        snprintf(what, sizeof what, "one of %s", o->choices);
        return expects(v, where, o->name, what);
    }
    *out = syn_choice_find(o, json_string_value(v), json_string_length(v));
    return *out ? SYN_OK : unknown_choice(o, v, where);
}

static syn_status read_init(const syn_option *o, syn_spec *out, json_t *v, const char *where) {
    char *inner = syn_format("%s: %s", where, o->name);
    if (!inner) return syn_no_memory(strlen(where));
    syn_status status = syn_spec_read(o->table(), out, v, inner);
    free(inner);
    return status;
}

/* [50, 120], or a lone number. */
static syn_status read_list(const syn_option *o, syn_numbers *out, json_t *v, const char *where) {
    bool list = json_is_array(v);
    size_t n = list ? json_array_size(v) : 1;
    double *values = malloc((n + 1) * sizeof *values);
    if (!values) return syn_no_memory(n * sizeof *values);
    syn_status status = SYN_OK;
    for (size_t i = 0; i < n && status == SYN_OK; i++) {
        json_t *item = list ? json_array_get(v, i) : v;
        values[i] = json_number_value(item);
        status = json_is_number(item) ? syn_option_check(o, values[i], item, where)
                                      : expects(item, where, o->name, "a list of numbers");
    }
    if (status == SYN_OK) {
        *out = (syn_numbers){ .n = (int)n, .v = n ? syn_intern_bytes(values, n * sizeof *values) : NULL };
        if (n && !out->v) status = SYN_E_MEMORY;
    }
    free(values);
    return status;
}

static syn_status read_specs(const syn_option *o, syn_specs *out, json_t *v, const char *where) {
    char what[96];
    snprintf(what, sizeof what, "a list of %ss", o->table()->kind);
    if (!json_is_array(v)) return expects(v, where, o->name, what);
    size_t n = json_array_size(v);
    syn_spec *specs = calloc(n + 1, sizeof *specs);
    char *inner = syn_format("%s: %s", where, o->name);
    syn_status status = specs && inner ? SYN_OK : syn_no_memory((n + 1) * sizeof *specs);
    for (size_t i = 0; i < n && status == SYN_OK; i++)
        status = syn_spec_read(o->table(), &specs[i], json_array_get(v, i), inner);
    if (status == SYN_OK) {
        *out = (syn_specs){ .n = (int)n, .spec = n ? syn_intern_bytes(specs, n * sizeof *specs) : NULL };
        if (n && !out->spec) status = SYN_E_MEMORY;
    }
    free(specs);
    free(inner);
    return status;
}

static syn_status read_option(const syn_option *o, void *opts, json_t *v, const char *where) {
    void *to = field(o, opts);
    switch (o->kind) {
    case SYN_OPTION_REAL: return read_real(o, to, v, where);
    case SYN_OPTION_INT: return read_int(o, to, v, where);
    case SYN_OPTION_CHOICE: return read_choice(o, to, v, where);
    case SYN_OPTION_INIT: return read_init(o, to, v, where);
    case SYN_OPTION_LIST: return read_list(o, to, v, where);
    case SYN_OPTION_SPECS: return read_specs(o, to, v, where);
    case SYN_OPTION_FLAG:
        if (!json_is_boolean(v)) return expects(v, where, o->name, "yes or no");
        *(bool *)to = json_is_true(v);
        return SYN_OK;
    case SYN_OPTION_TEXT:
        if (!json_is_string(v)) return expects(v, where, o->name, "a text");
        *(const char **)to = syn_intern(json_string_value(v));
        return *(const char **)to ? SYN_OK : SYN_E_MEMORY;
    }
    return SYN_OK;
}

static syn_status read_preset(syn_preset *out, json_t *v, const char *where) {
    for (int i = 0; i < 2; i++)
        if (json_is_string(v) && !strcmp(json_string_value(v), preset_names[i])) {
            *out = (syn_preset)(i + 1);
            return SYN_OK;
        }
    return expects(v, where, "preset", "keras or torch");
}

static bool listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (!strcmp(*names, name)) return true;
    return false;
}

static syn_status unknown_key(const syn_def *def, const char *const *also, const char *key,
                              const json_t *v, const char *where) {
    size_t n = 0, n_also = 0;
    while (also && also[n_also]) n_also++;
    const char **names = malloc(sizeof *names * ((size_t)def->n_options + n_also + 1));
    if (!names) return syn_no_memory(sizeof *names * (size_t)def->n_options);
    for (int i = 0; i < def->n_options; i++) names[n++] = def->option[i].name;
    for (size_t i = 0; i < n_also; i++) names[n++] = also[i];
    names[n++] = "preset";
    const char *near = syn_nearest(key, names, n, sizeof *names);
    if (near) {
        syn_fail_at_key(v, SYN_E_ARGUMENT, "%s: unknown key '%s'; did you mean '%s'?", where, key,
                        near);
    } else {
        syn_text all = { 0 };
        for (size_t i = 0; i < n; i++) syn_text_add(&all, "%s%s", i ? ", " : "", names[i]);
        syn_fail_at_key(v, SYN_E_ARGUMENT, "%s: unknown key '%s'; there are: %s", where, key,
                        syn_text_str(&all));
        syn_text_free(&all);
    }
    free(names);
    return SYN_E_ARGUMENT;
}

syn_status syn_options_read(const syn_def *def, void *opts, json_t *object, const char *where,
                            const char *const *also) {
    if (!where) where = def->name;
    if (!object || json_is_true(object) || json_is_null(object)) return SYN_OK;
    if (!json_is_object(object)) {
        char got[96];
        return syn_fail_at(object, SYN_E_ARGUMENT, "%s: expects options as { key: value }, got %s",
                           where, syn_json_text(object, got, sizeof got));
    }
    const char *key;
    json_t *v;
    json_object_foreach(object, key, v) {
        if (listed(also, key)) continue;
        const syn_option *o = NULL;
        for (int i = 0; i < def->n_options && !o; i++)
            if (!strcmp(def->option[i].name, key)) o = &def->option[i];
        if (o)
            SYN_TRY(read_option(o, opts, v, where));
        else if (!strcmp(key, "preset"))
            SYN_TRY(read_preset(opts, v, where));
        else
            return unknown_key(def, also, key, v, where);
    }
    return SYN_OK;
}

/* NULL: not set, nothing to write. */
static json_t *write_option(const syn_option *o, const void *opts) {
    const void *from = field(o, opts);
    switch (o->kind) {
    case SYN_OPTION_REAL: {
        double v = *(const double *)from;
        if (!syn_real_is_set(v)) return NULL;
        return json_real(fabs(v) <= SYN_TINY ? 0.0 : v);
    }
    case SYN_OPTION_INT: {
        int v = *(const int *)from;
        if (o->choices && v == SYN_WORD) return json_string(o->choices);
        return v ? json_integer(v == INT_MIN ? 0 : v) : NULL;
    }
    case SYN_OPTION_CHOICE: {
        int len = 0, v = *(const int *)from;
        const char *name = syn_choice_name(o, v, &len);
        if (!name) return NULL;
        return syn_choice_is_switch(o) ? json_boolean(v == 2) : json_stringn(name, (size_t)len);
    }
    case SYN_OPTION_FLAG: return *(const bool *)from ? json_true() : NULL;
    case SYN_OPTION_TEXT: {
        const char *v = *(const char *const *)from;
        return v ? json_string(v) : NULL;
    }
    case SYN_OPTION_INIT: {
        const syn_spec *v = from;
        return v->def ? syn_spec_write(v) : NULL;
    }
    case SYN_OPTION_LIST: {
        const syn_numbers *v = from;
        json_t *list = v->n > 0 ? json_array() : NULL;
        for (int i = 0; i < v->n; i++) json_array_append_new(list, json_real(v->v[i]));
        return list;
    }
    case SYN_OPTION_SPECS: {
        const syn_specs *v = from;
        json_t *list = v->n > 0 ? json_array() : NULL;
        for (int i = 0; i < v->n; i++) json_array_append_new(list, syn_spec_write(&v->spec[i]));
        return list;
    }
    }
    return NULL;
}

json_t *syn_options_write(const syn_def *def, const void *opts) {
    json_t *object = json_object();
    syn_preset preset = *(const syn_preset *)opts;
    if (preset == SYN_KERAS || preset == SYN_TORCH)
        json_object_set_new(object, "preset", json_string(preset_names[preset - 1]));
    for (int i = 0; i < def->n_options; i++) {
        json_t *v = write_option(&def->option[i], opts);
        if (v) json_object_set_new(object, def->option[i].name, v);
    }
    return object;
}

syn_status syn_spec_read(const syn_table *t, syn_spec *spec, json_t *json, const char *where) {
    const char *name = json_string_value(json), *sep = where ? ": " : "";
    json_t *options = NULL;
    if (!where) where = "";
    if (json_is_object(json) && json_object_size(json) == 1) {
        void *it = json_object_iter(json);
        name = json_object_iter_key(it);
        options = json_object_iter_value(it);
    }
    if (!name) {
        char got[96];
        const char *what =
            json_is_object(json) ? "a map of several keys" : syn_json_text(json, got, sizeof got);
        return syn_fail_at(json, SYN_E_ARGUMENT,
                           "%s%sexpects one %s, as NAME or { NAME: { ... } }, got %s", where, sep,
                           t->kind, what);
    }
    const syn_def *def = syn_table_find(t, name);
    if (!def) {
        char *text = syn_strdup(syn_error_text());
        (options ? syn_fail_at_key : syn_fail_at)(options ? options : json, SYN_E_ARGUMENT,
                                                  "%s%s%s", where, sep,
                                                  text ? text : "unknown name");
        free(text);
        return SYN_E_ARGUMENT;
    }
    if (def->size > sizeof spec->u.opts)
        return syn_fail(SYN_E_ARGUMENT, "%s%s%s: %zu bytes of options; SYN_SPEC_BYTES is %d", where,
                        sep, name, def->size, SYN_SPEC_BYTES);
    syn_spec_set(spec, def, NULL);
    char *inner = syn_format("%s%s%s", where, sep, name);
    if (!inner) return syn_no_memory(strlen(where));
    syn_status status = syn_options_read(def, spec->u.opts, options, inner, NULL);
    free(inner);
    return status;
}

json_t *syn_spec_write(const syn_spec *spec) {
    if (!spec->def) return json_null();
    json_t *options = syn_options_write(spec->def, spec->u.opts);
    if (json_object_size(options) == 0) {
        json_decref(options);
        return json_string(spec->def->name);
    }
    json_t *object = json_object();
    json_object_set_new(object, spec->def->name, options);
    return object;
}
