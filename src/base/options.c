/* Option rows at run time: resolving defaults, ranges, specs, tables, interned text.
 *
 * In a raw struct a REAL of +0 is "not given" and SYN_ZERO is "really zero". A resolved struct
 * holds -0.0 for the latter: equal to zero in every use, yet still told from "not given", so that
 * resolving twice, or writing, reading and resolving again, changes nothing. An INT has no such
 * value: rows whose INT default is not 0 must not allow 0 (tests/test_options.c checks the tables).
 */
#include "base/options_json.h"

#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *field(const syn_option *o, const void *opts) {
    return (char *)(uintptr_t)opts + o->offset;
}

const char *syn_number_text(char *buf, double value) {
    if (value == 0) value = 0; /* no "-0" */
    if (value == floor(value) && fabs(value) < 1e10) {
        snprintf(buf, SYN_NUMBER_SIZE, "%.0f", value);
        return buf;
    }
    for (int digits = 1; digits <= 17; digits++) {
        snprintf(buf, SYN_NUMBER_SIZE, "%.*g", digits, value);
        if (strtod(buf, NULL) == value) break;
    }
    char *e = strchr(buf, 'e'); /* 1e+06 -> 1e6, 1e-07 -> 1e-7 */
    if (e) {
        char *from = e + 1, *to = e + 1;
        if (*from == '-')
            *to++ = *from++;
        else if (*from == '+')
            from++;
        while (*from == '0' && from[1]) from++;
        memmove(to, from, strlen(from) + 1);
    }
    return buf;
}

const char *syn_range_text(char *buf, size_t size, const syn_option *o, bool whole) {
    char lo[SYN_NUMBER_SIZE], hi[SYN_NUMBER_SIZE];
    syn_number_text(lo, o->lo);
    if (!whole && o->kind == SYN_OPTION_INT && o->hi >= 2e9)
        snprintf(buf, size, "%s and up", lo);
    else
        snprintf(buf, size, "%s to %s", lo, syn_number_text(hi, o->hi));
    return buf;
}

int syn_choice_count(const syn_option *o) {
    int n = o->choices ? 1 : 0;
    for (const char *c = o->choices; c && *c; c++) n += *c == '|';
    return n;
}

const char *syn_choice_name(const syn_option *o, int number, int *len) {
    const char *c = o->choices;
    for (int i = 1; c; i++) {
        size_t n = strcspn(c, "|");
        if (i == number) {
            *len = (int)n;
            return c;
        }
        c = c[n] ? c + n + 1 : NULL;
    }
    return NULL;
}

int syn_choice_find(const syn_option *o, const char *name, size_t len) {
    int n;
    const char *c;
    for (int i = 1; (c = syn_choice_name(o, i, &n)) != NULL; i++)
        if ((size_t)n == len && !memcmp(c, name, len)) return i;
    return 0;
}

bool syn_choice_is_switch(const syn_option *o) {
    return o->kind == SYN_OPTION_CHOICE && o->choices && !strcmp(o->choices, "no|yes");
}

bool syn_real_is_set(double value) { return value != 0 || signbit(value); }

syn_status syn_option_check(const syn_option *o, double value, const json_t *at,
                            const char *where) {
    char v[SYN_NUMBER_SIZE], range[80];
    if (o->kind == SYN_OPTION_CHOICE) {
        if (value >= 1 && value <= syn_choice_count(o)) return SYN_OK;
        return syn_fail_at(at, SYN_E_ARGUMENT, "%s: %s is %s, allowed 1 to %d (%s)", where, o->name,
                           syn_number_text(v, value), syn_choice_count(o), o->choices);
    }
    if (value >= o->lo && value <= o->hi) return SYN_OK;
    return syn_fail_at(at, SYN_E_ARGUMENT, "%s: %s is %s, allowed %s", where, o->name,
                       syn_number_text(v, value),
                       syn_range_text(range, sizeof range, o, value > o->hi));
}

static syn_status resolve_real(const syn_option *o, double *v, int preset, const char *where) {
    if (!syn_real_is_set(*v)) {
        *v = o->def[preset];
        return SYN_OK;
    }
    if (fabs(*v) <= SYN_TINY) *v = -0.0;
    return syn_option_check(o, *v, NULL, where);
}

static syn_status resolve_int(const syn_option *o, int *v, int preset, const char *where) {
    if (*v == 0) {
        *v = (int)o->def[preset];
        return SYN_OK;
    }
    if (o->kind == SYN_OPTION_INT && o->choices && *v == SYN_WORD) return SYN_OK;
    if (o->kind == SYN_OPTION_INT && *v == INT_MIN) *v = 0;
    return syn_option_check(o, *v, NULL, where);
}

static syn_status resolve_init(const syn_option *o, syn_spec *v, int preset, const char *where) {
    if (!v->def) {
        if (!o->text_def[preset]) return SYN_OK;
        const syn_def *def = syn_table_find(o->table(), o->text_def[preset]);
        if (!def) return SYN_E_ARGUMENT;
        syn_spec_set(v, def, NULL);
    }
    char *inner = syn_format("%s: %s: %s", where, o->name, v->def->name);
    if (!inner) return syn_no_memory(strlen(where));
    syn_status status = syn_options_resolve(v->def, v->u.opts, (syn_preset)(preset + 1), inner);
    free(inner);
    return status;
}

static syn_status resolve_list(const syn_option *o, const syn_numbers *v, const char *where) {
    if (v->n < 0) return syn_no_memory(sizeof *v->v); /* syn_spec_set found none */
    for (int i = 0; i < v->n; i++) SYN_TRY(syn_option_check(o, v->v[i], NULL, where));
    return SYN_OK;
}

/* The list may be shared with other specs: a copy is resolved. */
static syn_status resolve_specs(const syn_option *o, syn_specs *v, int preset, const char *where) {
    if (v->n == 0) return SYN_OK;
    if (v->n < 0) return syn_no_memory(sizeof *v->spec);
    syn_spec *copy = malloc((size_t)v->n * sizeof *copy);
    if (!copy) return syn_no_memory((size_t)v->n * sizeof *copy);
    memcpy(copy, v->spec, (size_t)v->n * sizeof *copy);
    syn_status status = SYN_OK;
    for (int i = 0; i < v->n && status == SYN_OK; i++) {
        const syn_def *def = copy[i].def;
        if (!def) {
            status = syn_fail(SYN_E_ARGUMENT, "%s: %s: part %d is empty", where, o->name, i + 1);
            break;
        }
        char *inner = syn_format("%s: %s: %s", where, o->name, def->name);
        status = inner ? syn_options_resolve(def, copy[i].u.opts, (syn_preset)(preset + 1), inner)
                       : syn_no_memory(strlen(where));
        free(inner);
    }
    if (status == SYN_OK) {
        v->spec = syn_intern_bytes(copy, (size_t)v->n * sizeof *copy);
        if (!v->spec) status = SYN_E_MEMORY;
    }
    free(copy);
    return status;
}

static syn_status resolve_option(const syn_option *o, void *opts, int preset, const char *where) {
    void *v = field(o, opts);
    switch (o->kind) {
    case SYN_OPTION_REAL: return resolve_real(o, v, preset, where);
    case SYN_OPTION_INT:
    case SYN_OPTION_CHOICE: return resolve_int(o, v, preset, where);
    case SYN_OPTION_INIT: return resolve_init(o, v, preset, where);
    case SYN_OPTION_LIST: return resolve_list(o, v, where);
    case SYN_OPTION_SPECS: return resolve_specs(o, v, preset, where);
    case SYN_OPTION_FLAG:
    case SYN_OPTION_TEXT: return SYN_OK;
    }
    return SYN_OK;
}

syn_status syn_options_resolve(const syn_def *def, void *opts, syn_preset preset,
                               const char *where) {
    if (!where) where = def->name;
    syn_preset *own = opts;
    if (*own == SYN_PRESET_DEFAULT) *own = preset == SYN_PRESET_DEFAULT ? SYN_KERAS : preset;
    if (*own != SYN_KERAS && *own != SYN_TORCH)
        return syn_fail(SYN_E_ARGUMENT, "%s: preset is %d, allowed SYN_KERAS (1) or SYN_TORCH (2)",
                        where, (int)*own);
    for (int i = 0; i < def->n_options; i++)
        SYN_TRY(resolve_option(&def->option[i], opts, *own == SYN_TORCH, where));
    return SYN_OK;
}

/* ---- tables and specs ---- */

const syn_def *syn_table_find(const syn_table *t, const char *name) {
    for (int i = 0; i < t->n; i++)
        if (!strcmp(t->row[i]->name, name)) return t->row[i];
    const char **names = malloc(sizeof *names * (size_t)(t->n + 1));
    if (!names) {
        syn_no_memory(sizeof *names * (size_t)t->n);
        return NULL;
    }
    for (int i = 0; i < t->n; i++) names[i] = t->row[i]->name;
    const char *near = syn_nearest(name, names, (size_t)t->n, sizeof *names);
    if (near) {
        syn_fail(SYN_E_ARGUMENT, "no %s '%s'; did you mean '%s'?", t->kind, name, near);
    } else {
        syn_text all = { 0 };
        for (int i = 0; i < t->n; i++) syn_text_add(&all, "%s%s", i ? ", " : "", names[i]);
        syn_fail(SYN_E_ARGUMENT, "no %s '%s'; there are: %s", t->kind, name, syn_text_str(&all));
        syn_text_free(&all);
    }
    free(names);
    return NULL;
}

void syn_spec_set(syn_spec *spec, const syn_def *def, const void *opts) {
    memset(spec, 0, sizeof *spec);
    spec->def = def;
    if (!opts) return;
    size_t size = def->size < sizeof spec->u.opts ? def->size : sizeof spec->u.opts;
    memcpy(spec->u.opts, opts, size);
    for (int i = 0; i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        if (o->kind == SYN_OPTION_LIST) {
            syn_numbers *v = field(o, spec->u.opts);
            if (v->n > 0) v->v = syn_intern_bytes(v->v, (size_t)v->n * sizeof *v->v);
            if (v->n > 0 && !v->v) v->n = -1; /* resolving reports it */
        } else if (o->kind == SYN_OPTION_SPECS) {
            syn_specs *v = field(o, spec->u.opts);
            if (v->n > 0) v->spec = syn_intern_bytes(v->spec, (size_t)v->n * sizeof *v->spec);
            if (v->n > 0 && !v->spec) v->n = -1;
        }
    }
}

/* ---- interned text and lists ---- */

typedef struct entry {
    struct entry *next;
    size_t size;
    double data[]; /* aligned for whatever lists hold */
} entry;

const void *syn_intern_bytes(const void *data, size_t size) {
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    static entry *bucket[256];
    unsigned h = 2166136261u;
    for (size_t i = 0; i < size; i++) h = (h ^ ((const unsigned char *)data)[i]) * 16777619u;
    pthread_mutex_lock(&lock);
    entry **head = &bucket[h % SYN_COUNT(bucket)], *e = *head;
    while (e && (e->size != size || memcmp(e->data, data, size))) e = e->next;
    if (!e) {
        e = malloc(sizeof *e + size);
        if (e) {
            e->size = size;
            memcpy(e->data, data, size);
            e->next = *head;
            *head = e;
        }
    }
    pthread_mutex_unlock(&lock);
    if (e) return e->data;
    syn_no_memory(size);
    return NULL;
}

const char *syn_intern(const char *s) { return s ? syn_intern_bytes(s, strlen(s) + 1) : NULL; }
