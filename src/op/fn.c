/* The table of element-wise functions and its registration. */
#include "op/map.h"
#include "op/ops.h"

#include "base/options.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static void constant(syn_text *t, const char *type, const char *name, double value) {
    syn_text_add(t, " const %s %s = (%s)(%.17g);", type, name, type, value);
}

/* Dropout: keep when 32 random bits reach rate * 2^32. */
static void threshold(syn_text *t, double rate) {
    syn_text_add(t, "const uint thr = %lluu;", (unsigned long long)(rate * 4294967296.0));
}

/* Kept elements grow by 1/(1 - rate), unless the test pass shrinks all. */
static void mask_constants(const double *attr, const char *type, syn_text *t) {
    threshold(t, attr[0]);
    constant(t, type, "scale", attr[1] != 0 ? 1 : 1 / (1 - attr[0]));
}

static void mask_channels_constants(const double *attr, const char *type, syn_text *t) {
    threshold(t, attr[0]);
    constant(t, type, "scale", 1 / (1 - attr[0]));
}

/* Alpha dropout (Klambauer et al. 2017): dropped elements take selu's limit, then an affine map restores
 * mean 0 and variance 1. */
static void alpha_constants(const double *attr, const char *type, syn_text *t) {
    const double p = attr[0], limit = -1.7580993408473766;
    const double a = 1 / sqrt((1 - p) * (1 + p * limit * limit)), b = -a * limit * p;
    threshold(t, p);
    constant(t, type, "scale", a);
    constant(t, type, "shift", b);
    constant(t, type, "dropped", a * limit + b);
}

static void gaussian_constants(const double *attr, const char *type, syn_text *t) {
    constant(t, type, "deviation", sqrt(attr[0] / (1 - attr[0])));
}

static const syn_fn builtin[] = {
#include "op/maps.inc"
};

enum { MAX_REGISTERED = 256 };
static syn_fn *registered[MAX_REGISTERED];
static int n_registered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int syn_fn_count(void) {
    pthread_mutex_lock(&lock);
    int n = (int)SYN_COUNT(builtin) + n_registered;
    pthread_mutex_unlock(&lock);
    return n;
}

const syn_fn *syn_fn_at(int i) {
    return i < (int)SYN_COUNT(builtin) ? &builtin[i] : registered[i - (int)SYN_COUNT(builtin)];
}

int syn_map_count(void) {
    int n = 0;
    for (int i = 0; i < syn_fn_count(); i++) n += !syn_fn_at(i)->hidden;
    return n;
}

const syn_map_row *syn_map_at(int i) {
    for (int k = 0; k < syn_fn_count(); k++)
        if (!syn_fn_at(k)->hidden && i-- == 0) return &syn_fn_at(k)->row;
    return NULL;
}

static const syn_fn *lookup(const char *name) {
    for (int i = 0; i < syn_fn_count(); i++)
        if (strcmp(syn_fn_at(i)->row.name, name) == 0) return syn_fn_at(i);
    return NULL;
}

const syn_fn *syn_fn_find(const char *name) {
    const syn_fn *fn = lookup(name);
    if (fn) return fn;
    const char *known[64];
    int n = 0;
    for (int i = 0; i < syn_map_count() && n < (int)SYN_COUNT(known); i++)
        known[n++] = syn_map_at(i)->name;
    const char *near = syn_nearest(name, known, (size_t)n, sizeof *known);
    if (near)
        syn_fail(SYN_E_ARGUMENT, "unknown activation '%s'; did you mean '%s'?", name, near);
    else
        syn_fail(SYN_E_ARGUMENT, "unknown activation '%s'; `syncline help activations` lists them",
                 name);
    return NULL;
}

const syn_map_row *syn_map_find(const char *name) {
    const syn_fn *fn = syn_fn_find(name);
    return fn && !fn->hidden ? &fn->row : NULL;
}

int syn_fn_attrs(const syn_fn *fn) {
    int n = 0;
    while (n < SYN_MAX_ATTRS && fn->row.attr[n].name) n++;
    return n;
}

int64_t syn_fn_places(const syn_ins *ins) {
    return ins->fn->shared_by ? (int64_t)ins->attr[ins->fn->shared_by] : 1;
}

const char *syn_fn_text(const syn_fn *fn, int form, const double *attr) {
    if (form == 0) return fn->row.forward;
    if (form > 1) return fn->derivative_b;
    return fn->by_y && attr[0] >= 0 ? fn->by_y : fn->row.derivative;
}

syn_status syn_fn_attributes(const syn_fn *fn, const double *given, int n_given, syn_preset preset,
                             double *attr, const char *where) {
    int n = syn_fn_attrs(fn);
    if (n_given > n)
        return syn_fail(SYN_E_ARGUMENT, "%s: %s takes %d attributes, got %d", where, fn->row.name, n,
                        n_given);
    for (int i = 0; i < n; i++) {
        const syn_map_attr *a = &fn->row.attr[i];
        attr[i] = i < n_given && !isnan(given[i]) ? given[i]
                  : preset == SYN_TORCH            ? a->torch
                                                   : a->keras;
        if (!(attr[i] >= a->lo && attr[i] <= a->hi))
            return syn_fail(SYN_E_ARGUMENT, "%s: %s of %s is %g, allowed %g to %g", where, a->name,
                            fn->row.name, attr[i], a->lo, a->hi);
    }
    return SYN_OK;
}

syn_status syn_register_map(const syn_map_row *row) {
    if (!row || !row->name || !row->forward || !row->derivative)
        return syn_fail(SYN_E_ARGUMENT, "syn_register_map: name, forward and derivative must be given");
    if (lookup(row->name))
        return syn_fail(SYN_E_ARGUMENT, "syn_register_map: '%s' is there already", row->name);
    syn_fn *fn = calloc(1, sizeof *fn);
    if (!fn) return syn_no_memory(sizeof *fn);
    fn->row = (syn_map_row){ .name = syn_intern(row->name), .forward = syn_intern(row->forward),
                             .derivative = syn_intern(row->derivative),
                             .doc = syn_intern(row->doc ? row->doc : "registered by the caller") };
    for (int i = 0; i < SYN_MAX_ATTRS && row->attr[i].name; i++) {
        fn->row.attr[i] = row->attr[i];
        fn->row.attr[i].name = syn_intern(row->attr[i].name);
        fn->row.attr[i].doc = syn_intern(row->attr[i].doc ? row->attr[i].doc : "");
        if (row->attr[i].lo == 0 && row->attr[i].hi == 0) {
            fn->row.attr[i].lo = -INFINITY;
            fn->row.attr[i].hi = INFINITY;
        }
    }
    pthread_mutex_lock(&lock);
    bool full = n_registered == MAX_REGISTERED;
    if (!full) registered[n_registered++] = fn; /* lives as long as the process */
    pthread_mutex_unlock(&lock);
    if (full) free(fn);
    return full ? syn_fail(SYN_E_ARGUMENT, "syn_register_map: %d functions is the limit",
                           MAX_REGISTERED)
                : SYN_OK;
}
