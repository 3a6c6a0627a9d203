/* Epilogues: a map that reads a product, or a norm, may run in the kernel that makes it, on what is
 * about to be stored. Whether it does, the emitting op or the kernel's provider decides when the
 * list is emitted. */
#include "graph/graph.h"

/* Not seen from outside, or through a view. */
static bool is_inner(const syn_graph *g, int v) {
    if (g->value[v].keep || g->value[v].kind != SYN_VALUE_TEMP || g->value[v].alias >= 0 ||
        syn_graph_is_result(g, v))
        return false;
    for (int i = 0; i < g->n_values; i++)
        if (g->value[i].alias == v) return false;
    return true;
}

/* The first reader of v, or -1; others: whether there are more. */
static int first_reader(const syn_graph *g, int v, bool *others) {
    int reader = -1;
    *others = false;
    for (int i = 0; i < g->n_nodes; i++)
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == v) {
                if (reader >= 0 && reader != i) *others = true;
                if (reader < 0) reader = i;
            }
    return reader;
}

/* Whether all the map reads but v is there before node `at` runs, and the elements are the same. */
static bool fits(const syn_graph *g, const syn_node *map, int v, int at) {
    for (int o = 0; o < map->n_out; o++) {
        int out = map->out[o];
        if (g->value[out].integer) continue; /* bits of a mask */
        if (g->value[out].batched != g->value[v].batched || g->value[out].alias >= 0 ||
            syn_value_count(g, out) != syn_value_count(g, v) ||
            syn_value_cols(g, out) != syn_value_cols(g, v))
            return false;
    }
    for (int k = 0; k < map->n_in; k++) {
        if (map->in[k] == v) continue;
        /* a view is made by no launch: what it views must be there */
        int producer = g->value[syn_value_root(g, map->in[k])].producer;
        if (producer >= at || g->value[map->in[k]].producer > at) return false;
    }
    return true;
}

void syn_graph_epilogues(syn_graph *g, const syn_op *map) {
    for (int i = 0; i < g->n_nodes; i++) {
        syn_node *n = &g->node[i];
        if (!n->op->epilogue) continue;
        bool others;
        int reader = is_inner(g, n->out[0]) ? first_reader(g, n->out[0], &others) : -1;
        if (reader <= i || g->node[reader].op != map || !fits(g, &g->node[reader], n->out[0], i))
            continue;
        n->map = reader;
        g->node[reader].passes_on = others;
    }
}
