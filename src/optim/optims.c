/* The table of optimizers: rows of include/syncline/optims.inc, then those callers register. */
#include "optim/optim.h"

#include <math.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_KIND "optimizer"
#define SYN_ROW_INITS NULL
#include "base/rows_def.inc"
#include <syncline/optims.inc>
#include <syncline/rows_end.inc>
#undef SYN_ROW_KIND
#undef SYN_ROW_INITS

#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_TEXT(...)
#define SYN_INITIALISER(...)
#define SYN_ROW_END(name)
#define SYN_ROW(name, doc)                                                                         \
    syn_optim syn_##name(const syn_##name##_opts *opts) {                                          \
        syn_optim spec;                                                                            \
        syn_spec_set(&spec, syn_##name##_def(), opts);                                             \
        return spec;                                                                               \
    }
#include <syncline/optims.inc>
#undef SYN_ROW

static const struct {
    const syn_def *(*def)(void);
    const syn_optim_impl *impl;
} builtin[] = {
#define SYN_ROW(name, doc) { syn_##name##_def, &syn_optim_##name },
#include <syncline/optims.inc>
#include <syncline/rows_end.inc>
};

enum { BUILTIN = SYN_COUNT(builtin), MAX_REGISTERED = 64 };

/* A caller's optimizer: preset and lr are all its options. */
typedef struct registered_opts {
    syn_preset preset;
    double lr;
} registered_opts;
typedef struct registered_optim {
    syn_def def;
    syn_option option;
    syn_optim_impl impl;
    double value[SYN_MAX_SCALARS];
} registered_optim;

static registered_optim *registered[MAX_REGISTERED];
static const syn_def *row[BUILTIN + MAX_REGISTERED];
static syn_table table = { .kind = "optimizer", .row = row };
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

const syn_table *syn_optims(void) {
    pthread_mutex_lock(&lock);
    if (table.n == 0) {
        for (int i = 0; i < BUILTIN; i++) row[i] = builtin[i].def();
        table.n = BUILTIN;
    }
    pthread_mutex_unlock(&lock);
    return &table;
}

const syn_optim_impl *syn_optim_impl_of(const syn_def *def) {
    const syn_table *t = syn_optims();
    for (int i = 0; i < t->n; i++)
        if (t->row[i] == def) return i < BUILTIN ? builtin[i].impl : &registered[i - BUILTIN]->impl;
    return NULL;
}

static registered_optim *registered_of(const syn_def *def) {
    for (int i = BUILTIN; i < table.n; i++)
        if (row[i] == def) return registered[i - BUILTIN];
    return NULL;
}

syn_status syn_register_optim(const syn_optim_row *r) {
    if (!r || !r->name || !r->update)
        return syn_fail(SYN_E_ARGUMENT, "syn_register_optim: name and update must be given");
    const syn_table *t = syn_optims();
    for (int i = 0; i < t->n; i++)
        if (strcmp(t->row[i]->name, r->name) == 0)
            return syn_fail(SYN_E_ARGUMENT, "syn_register_optim: '%s' is there already", r->name);
    if (t->n == BUILTIN + MAX_REGISTERED)
        return syn_fail(SYN_E_ARGUMENT, "syn_register_optim: %d optimizers is the limit",
                        MAX_REGISTERED);
    registered_optim *o = calloc(1, sizeof *o);
    if (!o) return syn_no_memory(sizeof *o);
    o->option = (syn_option){ .name = "lr", .kind = SYN_OPTION_REAL, .def = { r->lr, r->lr },
                              .hi = 1e6, .doc = "learning rate",
                              .offset = offsetof(registered_opts, lr) };
    o->def = (syn_def){ .name = syn_intern(r->name), .doc = "registered by the caller",
                        .kind = "optimizer", .option = &o->option, .n_options = 1,
                        .size = sizeof(registered_opts) };
    o->impl.update = syn_intern(r->update);
    for (int i = 0; i < SYN_MAX_SLOTS && r->slots[i]; i++) o->impl.slots[i] = syn_intern(r->slots[i]);
    o->impl.scalars[0] = "lr";
    o->impl.scalars[1] = "t";
    o->impl.n_rates = 1;
    for (int i = 0; i + 2 < SYN_MAX_SCALARS && r->scalars[i]; i++) {
        o->impl.scalars[i + 2] = syn_intern(r->scalars[i]);
        o->value[i + 2] = r->value[i];
    }
    pthread_mutex_lock(&lock);
    registered[table.n - BUILTIN] = o; /* lives as long as the process */
    row[table.n++] = &o->def;
    pthread_mutex_unlock(&lock);
    return SYN_OK;
}

syn_status syn_optim_named(syn_optim *out, const char *name, double lr) {
    const syn_def *def = syn_table_find(syn_optims(), name);
    if (!def) return SYN_E_ARGUMENT;
    syn_spec_set(out, def, NULL);
    for (int i = 0; i < def->n_options; i++)
        if (lr != 0 && strcmp(def->option[i].name, "lr") == 0)
            memcpy(out->u.opts + def->option[i].offset, &lr, sizeof lr);
    return SYN_OK;
}

static double option_value(const syn_optim *spec, const char *name) {
    for (int i = 0; name && i < spec->def->n_options; i++) {
        double v;
        if (strcmp(spec->def->option[i].name, name) != 0) continue;
        memcpy(&v, spec->u.opts + spec->def->option[i].offset, sizeof v);
        return v;
    }
    return NAN;
}

syn_status syn_optim_prepare(const syn_optim *spec, syn_preset preset, syn_optim_use *use) {
    *use = (syn_optim_use){ .spec = *spec };
    if (!spec->def) use->spec = syn_sgd(NULL);
    SYN_TRY(syn_options_resolve(use->spec.def, use->spec.u.opts, preset, NULL));
    use->impl = syn_optim_impl_of(use->spec.def);
    if (!use->impl) return syn_fail(SYN_E_ARGUMENT, "%s is no optimizer", use->spec.def->name);
    while (use->n_scalars < SYN_MAX_SCALARS && use->impl->scalars[use->n_scalars]) use->n_scalars++;
    for (int k = 0; k < SYN_MAX_SLOTS && use->impl->slots[k]; k++)
        if (!use->impl->uses || use->impl->uses(use->spec.u.opts, k))
            use->slot[use->n_slots++] = use->impl->slots[k];
    if (use->impl->search) {
        use->impl->search(use->spec.u.opts, &use->search);
        use->n_slots = SYN_SEARCH_PAIRS + (use->search.history ? 2 * (use->search.history + 1) : 0);
    }
    use->lr = option_value(&use->spec, "lr");
    use->momentum = option_value(&use->spec, use->impl->momentum);
    if (use->impl->decoupled) use->decoupled = option_value(&use->spec, use->impl->decoupled);
    if (use->impl->coupled) use->coupled = option_value(&use->spec, use->impl->coupled);
    use->product = 1;
    return SYN_OK;
}

const char *syn_search_name(int k) {
    static const char *const name[] = { "direction", "gradient", "start", "here", "there" };
    if (k < SYN_SEARCH_PAIRS) return name[k];
    char text[32];
    snprintf(text, sizeof text, "%s_%d", (k - SYN_SEARCH_PAIRS) % 2 ? "step" : "change", (k - SYN_SEARCH_PAIRS) / 2);
    return syn_intern(text);
}

/* Step t behind the ones known. */
static void learn(syn_optim_use *use, int64_t t, double lr, double momentum) {
    if (use->impl->factor) use->product *= use->impl->factor(use->spec.u.opts, t, momentum);
    use->last_lr = lr;
    use->known = t;
}

void syn_optim_scalars(syn_optim_use *use, int64_t t, double lr, double momentum, double *out) {
    const registered_optim *o = use->impl->fill ? NULL : registered_of(use->spec.def);
    if (o) {
        memcpy(out, o->value, sizeof o->value);
        out[0] = lr;
        out[1] = (double)t;
        return;
    }
    syn_optim_step at = { .t = t, .lr = lr, .momentum = isnan(momentum) ? use->momentum : momentum };
    at.last_lr = t == 1 ? lr : use->last_lr;
    learn(use, t, lr, at.momentum);
    at.product = use->product;
    use->impl->fill(use->spec.u.opts, &at, out);
}

syn_status syn_optim_reach(syn_optim_use *use, int64_t t, syn_schedule_fn schedule, void *user) {
    if (use->known == t - 1) return SYN_OK;
    use->known = 0;
    use->product = 1;
    for (int64_t i = use->impl->factor ? 1 : t - 1; i > 0 && i < t; i++) {
        double lr, momentum;
        if (use->product == 0) i = t - 1; /* it stays 0 */
        SYN_TRY(schedule(user, i, &lr, &momentum));
        learn(use, i, lr, isnan(momentum) ? use->momentum : momentum);
    }
    use->known = t - 1;
    return SYN_OK;
}
