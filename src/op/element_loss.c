/* Losses that are sums over elements: row losses, hits and the gradient in one pass. */
#include "op/loss.h"
#include "op/ops.h"
#include "op/row.h"

#include "base/options.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

static const syn_loss_fn builtin[] = {
#include "op/losses_of.inc"
};

enum { MAX_REGISTERED = 64 };
static syn_loss_fn *registered[MAX_REGISTERED];
static int n_registered;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static int fn_count(void) {
    pthread_mutex_lock(&lock);
    int n = (int)SYN_COUNT(builtin) + n_registered;
    pthread_mutex_unlock(&lock);
    return n;
}

static const syn_loss_fn *fn_at(int i) {
    return i < (int)SYN_COUNT(builtin) ? &builtin[i] : registered[i - (int)SYN_COUNT(builtin)];
}

static int number_of(const char *name) {
    for (int i = 0; i < fn_count(); i++)
        if (strcmp(fn_at(i)->row.name, name) == 0) return i;
    return -1;
}

const syn_loss_fn *syn_loss_fn_find(const char *name) {
    int i = number_of(name);
    if (i >= 0) return fn_at(i);
    const char *known[MAX_REGISTERED + SYN_COUNT(builtin)];
    int n = fn_count();
    for (int k = 0; k < n; k++) known[k] = fn_at(k)->row.name;
    const char *near = syn_nearest(name, known, (size_t)n, sizeof *known);
    syn_fail(SYN_E_ARGUMENT, "unknown loss function '%s'%s%s%s", name, near ? "; did you mean '" : "",
             near ? near : "", near ? "'?" : "");
    return NULL;
}

int syn_loss_fn_attrs(const syn_loss_fn *fn) {
    int n = 0;
    while (n < SYN_MAX_ATTRS && fn->row.attr[n].name) n++;
    return n;
}

syn_status syn_register_loss(const syn_loss_row *row) {
    if (!row || !row->name || !row->loss || !row->gradient)
        return syn_fail(SYN_E_ARGUMENT, "syn_register_loss: name, loss and gradient must be given");
    if (number_of(row->name) >= 0)
        return syn_fail(SYN_E_ARGUMENT, "syn_register_loss: '%s' is there already", row->name);
    syn_loss_fn *fn = calloc(1, sizeof *fn);
    if (!fn) return syn_no_memory(sizeof *fn);
    fn->row = (syn_loss_row){ .name = syn_intern(row->name), .loss = syn_intern(row->loss),
                              .gradient = syn_intern(row->gradient), .doc = syn_intern(row->doc ? row->doc : "") };
    for (int i = 0; i < SYN_MAX_ATTRS && row->attr[i].name; i++) {
        syn_map_attr *a = &fn->row.attr[i];
        *a = row->attr[i];
        a->name = syn_intern(a->name);
        a->doc = syn_intern(a->doc ? a->doc : "");
        if (a->lo == 0 && a->hi == 0) a->lo = -(a->hi = 1e300);
    }
    pthread_mutex_lock(&lock);
    bool full = n_registered == MAX_REGISTERED;
    if (!full) registered[n_registered++] = fn; /* lives as long as the process */
    pthread_mutex_unlock(&lock);
    if (full) free(fn);
    return full ? syn_fail(SYN_E_ARGUMENT, "syn_register_loss: %d losses is the limit", MAX_REGISTERED) : SYN_OK;
}

/* ---- the op ---- */

enum { MEAN, GRAD, FUNCTION }; /* of node.i */

int syn_element_loss_node(syn_graph *g, const syn_loss_fn *fn, const double *attr, int x, int target,
                          bool mean) {
    int out[3] = { syn_graph_value(g, SYN_SHAPE(1), true), syn_graph_like(g, x),
                   syn_graph_value(g, SYN_SHAPE(1), true) };
    int node = syn_graph_node(g, &syn_op_element_loss, (int[]){ x, target }, 2, out, 3);
    if (node < 0) return -1;
    g->node[node].i[MEAN] = mean;
    g->node[node].i[FUNCTION] = number_of(fn->row.name);
    if (attr) memcpy(g->node[node].r, attr, sizeof *attr * (size_t)syn_loss_fn_attrs(fn));
    g->value[out[2]].integer = true;
    syn_graph_add_loss(g, node, out[0], fn->hit ? out[2] : -1);
    return node;
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)dout;
    (void)need;
    g->node[node].i[GRAD] = 1;
    din[0] = g->node[node].out[1];
    return SYN_OK;
}

/* x, t and the attributes of the element at `at`, as type. */
static void write_names(syn_text *t, const syn_node *n, const syn_loss_fn *fn, bool vector) {
    const char *type = vector ? "realv" : "real", *load = vector ? "VLOAD" : "LOAD";
    for (int a = 0; a < syn_loss_fn_attrs(fn); a++)
        syn_text_add(t, "const %s %s = (%s)(%.17g); ", type, fn->row.attr[a].name, type, n->r[a]);
    syn_text_add(t, "const %s x = %s(px, at + c), raw = %s(pt, at + c);\nconst %s t = ", type, load, load, type);
    syn_text_typed(t, fn->target ? fn->target : "raw", type);
    syn_text_add(t, ";\n");
}

static void write_body(syn_text *t, const syn_node *n, const syn_loss_fn *fn, bool vector) {
    const char *type = vector ? "realv" : "real";
    write_names(t, n, fn, vector);
    syn_text_add(t, "%s += ", vector ? "sums" : "sum");
    syn_text_typed(t, fn->row.loss, type);
    if (n->i[GRAD]) {
        syn_text_add(t, ";\n%s((", vector ? "VSTORE" : "STORE");
        syn_text_typed(t, fn->row.gradient, type);
        syn_text_add(t, ") * factor, dx, at + c)");
    }
    syn_text_add(t, ";\n");
}

/* Division by rows is the plan's business, save in the gradient. */
static void write_kernel(const syn_emit *e, syn_text *t, const syn_node *n, const syn_loss_fn *fn, int64_t features) {
    char common[SYN_LOSS_ROOM];
    syn_text_add(t, "%s", syn_loss_defines(e, n, common));
    double share = n->i[MEAN] && !fn->summed ? 1 / (double)features : 1;
    syn_text_add(t, "KERNEL(element_loss)(__global const cell *px, __global const real *pt, "
                    "SAMPLES_ARG __global real *loss, %s%sconst int rows) {\n", fn->hit ? "__global int *hit, " : "",
                 n->i[GRAD] ? "__global cell *dx, " : "");
    syn_text_add(t, "const real share = (real)(%.17g), whole = share * SCALE%s;\n", share,
                 n->i[MEAN] ? " / (real)rows" : "");
    syn_text_add(t, "#define ROW_LANES %d\nROW_LOCAL\n", syn_row_lanes(e, features));
    syn_text_add(t, "FOR_ROWS(r, rows) {\nconst size_t at = (size_t)r * %lld;\n", (long long)features);
    syn_text_add(t, "const real factor = whole * OF_SAMPLE(r);\n");
    syn_text_add(t, "realv sums = 0; real sum = 0;\n#if SYN_VEC > 1\n");
    syn_text_add(t, "EACH_VECTOR(c, %lld) {\n", (long long)features);
    write_body(t, n, fn, true);
    syn_text_add(t, "}\n#define FROM %lld / SYN_VEC * SYN_VEC\n#else\n#define FROM 0\n#endif\n", (long long)features);
    syn_text_add(t, "EACH_ONE(c, FROM, %lld) {\n", (long long)features);
    write_body(t, n, fn, false);
    syn_text_add(t, "}\nsum = %s;\n", e->profile->cpu ? "ROW_SUM(sums) + sum" : "ROW_SUM(sum)");
    syn_text_add(t, "if (lane == 0) STORE(sum * share * OF_SAMPLE(r), loss, r);\n");
    if (fn->hit) { /* right where all elements of the sample are */
        syn_text_add(t, "int right = 1;\nEACH_ONE(c, 0, %lld) {\n", (long long)features);
        write_names(t, n, fn, false);
        syn_text_add(t, "right &= %s;\n}\n", fn->hit);
        syn_text_add(t, "right = !ROW_ANY(!right);\nif (lane == 0) hit[r] = right;\n");
    }
    syn_text_add(t, "}\n}\n#undef FROM\n#undef ROW_LANES\n#undef SCALE\n#undef SAMPLES_ARG\n#undef OF_SAMPLE\n");
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    const syn_loss_fn *fn = fn_at(n->i[FUNCTION]);
    int64_t features = syn_value_count(e->graph, n->in[0]), count = features * e->rows;
    syn_text t = { 0 };
    write_kernel(e, &t, n, fn, features);
    if (syn_text_status(&t) != SYN_OK) {
        syn_text_free(&t);
        return syn_no_memory(4096);
    }
    syn_call c = { .text = t.s, .entry = "element_loss" };
    syn_call_arg(&c, syn_in(n->in[0]));
    syn_call_arg(&c, syn_in(n->in[1]));
    syn_loss_samples(e, n, &c);
    syn_call_arg(&c, syn_out(n->out[0]));
    if (fn->hit) syn_call_arg(&c, syn_out(n->out[2]));
    if (n->i[GRAD]) syn_call_arg(&c, syn_out(n->out[1]));
    syn_call_arg(&c, syn_int(e->rows));
    syn_row_items(e, &c, e->rows, features);
    c.flops = 8.0 * (double)count;
    c.bytes = (n->i[GRAD] ? 2 : 1) * syn_emit_bytes(e, n->in[0]) + syn_emit_bytes(e, n->in[1]);
    return e->call(e, &c, 0);
}

const syn_op syn_op_element_loss = { .name = "element_loss", .grad = grad, .emit = emit };
