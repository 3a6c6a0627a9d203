#include "plan/kernels.h"

#include <stdlib.h>
#include <string.h>

void syn_kernels_init(syn_kernels *k, syn_ctx *ctx, syn_dtype dtype) {
    *k = (syn_kernels){ .ctx = ctx, .dtype = dtype };
}

void syn_kernels_free(syn_kernels *k) {
    for (int i = 0; i < k->n; i++) {
        free(k->instance[i].text);
        free(k->instance[i].name);
        free(k->instance[i].kinds);
    }
    for (int i = 0; i < k->n_programs; i++) syn_program_destroy(k->program[i]);
    free(k->instance);
    free(k->program);
    *k = (syn_kernels){ 0 };
}

/* "#undef NAME" for every "#define NAME value" line of defs. */
static void add_undefs(syn_text *t, const char *defs) {
    static const char define[] = "#define ";
    for (const char *s = defs; s && *s;) {
        if (strncmp(s, define, sizeof define - 1) == 0) {
            s += sizeof define - 1;
            syn_text_add(t, "#undef %.*s\n", (int)strcspn(s, " (\n"), s);
        }
        s = strchr(s, '\n');
        if (s) s++;
    }
}

syn_status syn_call_text(const syn_call *call, syn_text *t) {
    char *file = NULL;
    *t = (syn_text){ 0 };
    if (!call->text) SYN_TRY(syn_cl_text(call->source, &file));
    const char *text = call->text ? call->text : file;
    if (call->defs) syn_text_put(t, call->defs, strlen(call->defs));
    syn_text_put(t, text, strlen(text));
    syn_text_add(t, "\n");
    add_undefs(t, call->defs);
    free(file);
    if (syn_text_status(t) == SYN_OK) return SYN_OK;
    syn_text_free(t);
    return syn_no_memory(4096);
}

/* The instance of this text among kernels, or functions of one program. */
static int find(const syn_kernels *k, const syn_call *call, bool phase, const syn_program *program, const char *text) {
    const size_t entry = strlen(call->entry);
    for (int i = 0; i < k->n; i++) {
        const syn_instance *in = &k->instance[i];
        if (in->phase == phase && (!phase || in->program == program) && in->apart == call->apart &&
            strncmp(in->name, call->entry, entry) == 0 && in->name[entry] == '_' &&
            strchr(in->name + entry + 1, '_') == NULL && strcmp(in->text, text) == 0)
            return i;
    }
    return -1;
}

static char *kinds_of(const syn_call *call) {
    char *kinds = malloc((size_t)call->n_args + 1);
    for (int i = 0; kinds && i < call->n_args; i++)
        kinds[i] = call->arg[i].kind == SYN_ARG_INT ? 'i' : call->arg[i].kind == SYN_ARG_REAL ? 'r' : 'p';
    if (kinds) kinds[call->n_args] = 0;
    return kinds;
}

/* Takes the text. */
static syn_status add(syn_kernels *k, const syn_call *call, bool phase, char *text, int *instance) {
    if (!syn_grow(&k->instance, &k->cap, k->n + 1, sizeof *k->instance)) {
        free(text);
        return syn_no_memory(sizeof *k->instance);
    }
    int number = 0;
    for (int i = 0; i < k->n; i++) number += k->instance[i].apart == call->apart;
    char *name = syn_format("%s_%d", call->entry, number), *kinds = phase ? kinds_of(call) : NULL;
    if (!name || (phase && !kinds)) {
        free(text);
        free(name);
        free(kinds);
        return syn_no_memory(64);
    }
    *instance = k->n;
    k->instance[k->n++] = (syn_instance){ .text = text, .name = name, .number = number, .apart = call->apart,
                                          .phase = phase, .kinds = kinds };
    return SYN_OK;
}

syn_status syn_kernels_want(syn_kernels *k, const syn_call *call, int *instance) {
    syn_text t;
    SYN_TRY(syn_call_text(call, &t));
    *instance = find(k, call, false, NULL, t.s);
    if (*instance < 0) return add(k, call, false, t.s, instance);
    syn_text_free(&t);
    return SYN_OK;
}

syn_status syn_kernels_want_phases(syn_kernels *k, const syn_call *const *call, int n, int *instance) {
    syn_text *t = calloc((size_t)n + 1, sizeof *t);
    syn_status status = t ? SYN_OK : syn_no_memory((size_t)n * sizeof *t);
    for (int i = 0; status == SYN_OK && i < n; i++) status = syn_call_text(call[i], &t[i]);
    bool all = false;
    for (int p = 0; status == SYN_OK && p < k->n_programs && !all; p++) {
        all = true;
        for (int i = 0; i < n && all; i++) {
            instance[i] = find(k, call[i], true, k->program[p], t[i].s);
            all = instance[i] >= 0;
        }
    }
    for (int i = 0; status == SYN_OK && i < n && !all; i++) {
        instance[i] = find(k, call[i], true, NULL, t[i].s);
        if (instance[i] >= 0) continue;
        status = add(k, call[i], true, t[i].s, &instance[i]);
        t[i].s = NULL;
    }
    for (int i = 0; t && i < n; i++) syn_text_free(&t[i]);
    free(t);
    return status;
}

/* Order matters: later files use earlier ones. */
static const char *const base[] = { "base/real.cl",   "base/math.cl", "base/control.cl",
                                    "base/philox.cl", "base/mask.cl",
                                    "base/row.cl", "base/turn.cl", "base/tally.cl", "base/update.cl" };

static syn_status assemble(const syn_kernels *k, bool apart, syn_text *t) {
    const syn_profile *p = syn_ctx_profile_of(k->ctx);
    bool dbl = k->dtype == SYN_DOUBLE, phases = false;
    syn_text_add(t, "#define SYN_DOUBLE %d\n#define SYN_CPU %d\n#define SYN_VEC %d\n#define SYN_HALF %d\n", dbl, p->cpu,
                 dbl ? p->vec_double : p->vec_float, k->dtype == SYN_HALF);
    for (size_t i = 0; i < SYN_COUNT(base); i++) {
        char *text;
        SYN_TRY(syn_cl_text(base[i], &text));
        syn_text_add(t, "%s\n", text);
        free(text);
    }
    for (int i = 0; i < k->n; i++) {
        const syn_instance *in = &k->instance[i];
        if (in->program || in->apart != apart) continue;
        phases |= in->phase;
        syn_text_add(t, "#define INSTANCE %d\n", in->number);
        if (in->phase) syn_phase_function(t, in->text);
        else syn_text_put(t, in->text, strlen(in->text));
        syn_text_add(t, "#undef INSTANCE\n");
    }
    return phases ? syn_phase_kernel(t, k->instance, k->n, apart) : syn_text_status(t);
}

static syn_status build(syn_kernels *k, bool apart) {
    bool missing = false;
    for (int i = 0; i < k->n; i++) missing |= !k->instance[i].program && k->instance[i].apart == apart;
    if (!missing) return SYN_OK;
    if (!syn_grow(&k->program, &k->cap_programs, k->n_programs + 1, sizeof *k->program))
        return syn_no_memory(sizeof *k->program);
    syn_text t = { 0 };
    syn_program *program = NULL;
    syn_status status = assemble(k, apart, &t);
    /* SYNCLINE_CL_OPTIONS: more options for the driver's compiler; tests compile faster unoptimised. */
    const char *more = getenv("SYNCLINE_CL_OPTIONS");
    char *options = syn_format("-cl-std=CL1.2%s %s",
                               k->dtype == SYN_DOUBLE ? "" : " -cl-single-precision-constant", more ? more : "");
    if (status == SYN_OK)
        status = options ? syn_program_build(&program, k->ctx, t.s, options) : syn_no_memory(64);
    free(options);
    syn_text_free(&t);
    SYN_TRY(status);
    k->program[k->n_programs++] = program;
    for (int i = 0; i < k->n; i++)
        if (!k->instance[i].program && k->instance[i].apart == apart) k->instance[i].program = program;
    return SYN_OK;
}

syn_status syn_kernels_build(syn_kernels *k) {
    SYN_TRY(build(k, false));
    return build(k, true);
}

syn_status syn_kernels_get(syn_kernels *k, int instance, syn_kernel **kernel) {
    return syn_kernel_create(kernel, k->instance[instance].program, k->instance[instance].name);
}
