/* Recomputation: outputs of maps that the backward pass reads are made again there, from what is
 * kept anyway, so that they need not live in between. Runs on single maps, before fusing. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

enum { DEPTH = 4 }; /* maps made again for one value */

typedef struct maker {
    syn_graph *g;
    const syn_op *map;
    int *first;   /* by value: the first node of the backward pass that reads it, or -1 */
    bool *viewed; /* by value: another is a view of it */
    bool *gone;   /* by value: made again, so not there in the backward pass */
    int *again;   /* by node of the new order: what runs in front of it ... */
    int n_nodes;  /* nodes before the pass */
} maker;

static bool makeable(const maker *m, int v) {
    const syn_value *value = &m->g->value[v];
    if (value->kind != SYN_VALUE_TEMP || !value->batched || value->keep || value->integer ||
        value->alias >= 0 || m->viewed[v] || value->producer < 0 || syn_graph_is_result(m->g, v))
        return false;
    const syn_node *n = &m->g->node[value->producer];
    return n->op == m->map && !n->backward && n->n_out == 1;
}

/* Whether the backward pass has v, or can make it by `*left` maps at most. */
static bool reachable(const maker *m, int v, int *left) {
    const syn_value *value = &m->g->value[v];
    if (value->kind == SYN_VALUE_PARAM) return true;
    if (m->first[syn_value_root(m->g, v)] >= 0 && !m->gone[v]) return true;
    if (!makeable(m, v) || --*left < 0) return false;
    const syn_node *n = &m->g->node[value->producer];
    for (int k = 0; k < n->n_in; k++)
        if (!reachable(m, n->in[k], left)) return false;
    return true;
}

static syn_prog *copy_prog(const syn_prog *p) {
    syn_prog *copy = malloc(sizeof *copy);
    syn_ins *ins = malloc((size_t)p->n_ins * sizeof *ins);
    if (!copy || !ins) {
        free(copy);
        free(ins);
        return NULL;
    }
    *copy = *p;
    copy->ins = memcpy(ins, p->ins, (size_t)p->n_ins * sizeof *ins);
    copy->cap = p->n_ins;
    return copy;
}

/* Appends nodes that make v again, to run in front of node `at`; returns the new value. */
static int make_again(maker *m, int v, int at) {
    syn_graph *g = m->g;
    syn_node n = g->node[g->value[v].producer];
    for (int k = 0; k < n.n_in; k++) {
        int w = n.in[k];
        if (g->value[w].kind != SYN_VALUE_PARAM &&
            (m->first[syn_value_root(g, w)] < 0 || m->gone[w]))
            n.in[k] = make_again(m, w, at);
        if (n.in[k] < 0) return -1;
    }
    int out = syn_graph_like(g, v);
    syn_prog *prog = out < 0 ? NULL : copy_prog(n.prog);
    g->layer = n.layer;
    int node = prog ? syn_graph_node(g, m->map, n.in, n.n_in, &out, 1) : -1;
    if (node < 0) {
        if (prog) free(prog->ins);
        free(prog);
        g->failed = true;
        return -1;
    }
    g->node[node].prog = prog;
    g->node[node].backward = g->node[node].again = true;
    m->again[node - m->n_nodes] = at;
    return out;
}

/* A map of the backward pass that reads what the new node reads: both may be one launch. */
static int company(const maker *m, int node) {
    const syn_graph *g = m->g;
    const syn_node *n = &g->node[node];
    for (int i = 0; i < m->n_nodes; i++) {
        const syn_node *other = &g->node[i];
        if (other->op != m->map || !other->backward ||
            syn_value_count(g, other->out[0]) != syn_value_count(g, n->out[0]) ||
            syn_value_cols(g, other->out[0]) != syn_value_cols(g, n->out[0]))
            continue;
        for (int k = 0; k < other->n_in; k++)
            for (int j = 0; j < n->n_in; j++)
                if (other->in[k] == n->in[j] && g->value[n->in[j]].batched) return other->out[0];
    }
    return 0;
}

static void recompute(maker *m, int v, bool joined) {
    syn_graph *g = m->g;
    int at = m->first[v], again = make_again(m, v, at);
    if (again < 0) return;
    for (int i = at; i < m->n_nodes; i++)
        for (int k = 0; g->node[i].backward && k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == v) g->node[i].in[k] = again;
    m->gone[v] = true;
    if (joined) g->node[g->n_nodes - 1].beside = company(m, g->n_nodes - 1);
}

/* The new nodes go in front of those they are for. */
static syn_status sort(maker *m) {
    syn_graph *g = m->g;
    syn_node *sorted = malloc(((size_t)g->n_nodes + 1) * sizeof *sorted);
    if (!sorted) return syn_no_memory((size_t)g->n_nodes * sizeof *sorted);
    int n = 0;
    for (int i = 0; i < m->n_nodes; i++) {
        for (int j = m->n_nodes; j < g->n_nodes; j++)
            if (m->again[j - m->n_nodes] == i) sorted[n++] = g->node[j];
        sorted[n++] = g->node[i];
    }
    memcpy(g->node, sorted, (size_t)n * sizeof *sorted);
    free(sorted);
    for (int i = 0; i < n; i++)
        for (int o = 0; o < g->node[i].n_out; o++) g->value[g->node[i].out[o]].producer = i;
    return SYN_OK;
}

static void look(maker *m, int n_values) {
    syn_graph *g = m->g;
    for (int v = 0; v < n_values; v++) m->first[v] = -1;
    for (int v = 0; v < n_values; v++)
        if (g->value[v].alias >= 0)
            m->viewed[syn_value_root(g, v)] = m->viewed[g->value[v].alias] = true;
    for (int i = g->n_nodes - 1; i >= 0; i--)
        for (int k = 0; g->node[i].backward && k < g->node[i].n_in; k++)
            m->first[syn_value_root(g, g->node[i].in[k])] = i;
}

syn_status syn_graph_recompute(syn_graph *g, const syn_op *map, int most, bool joined, int *count) {
    int n_values = g->n_values, room = n_values * (DEPTH + 1);
    maker m = { .g = g,
                .map = map,
                .n_nodes = g->n_nodes,
                .first = malloc(((size_t)room + 1) * sizeof(int)),
                .again = malloc(((size_t)room + 1) * sizeof(int)),
                .viewed = calloc((size_t)room + 1, sizeof(bool)),
                .gone = calloc((size_t)room + 1, sizeof(bool)) };
    syn_status status = SYN_OK;
    *count = 0;
    if (!m.first || !m.again || !m.viewed || !m.gone) {
        status = syn_no_memory((size_t)room * sizeof(int));
    } else {
        look(&m, n_values);
        for (int v = n_values; v <= room; v++) m.first[v] = -1;
        for (int i = 0; i < m.n_nodes && !g->failed; i++) {
            const int v = g->node[i].n_out ? g->node[i].out[0] : -1;
            int left = DEPTH;
            if (v < 0 || m.first[v] < 0 || !makeable(&m, v)) continue;
            m.gone[v] = true;
            bool can = reachable(&m, v, &left);
            m.gone[v] = false;
            if (can && (*count)++ < most) {
                m.gone[v] = true; /* while its maps are found; recompute() reads none of it */
                recompute(&m, v, joined);
            }
        }
        if (g->failed)
            status = syn_no_memory(sizeof(syn_node));
        else if (g->n_nodes > m.n_nodes)
            status = sort(&m);
    }
    free(m.first);
    free(m.again);
    free(m.viewed);
    free(m.gone);
    return status;
}
