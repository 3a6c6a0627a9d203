#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

void syn_graph_init(syn_graph *g) {
    *g = (syn_graph){ .layer = -1, .weights = -1 };
    for (int i = 0; i < SYN_MAX_ENDS; i++) g->x[i] = g->target[i] = g->loss[i] = g->hits[i] = g->output[i] = -1;
}

static void prog_free(syn_prog *p) {
    if (p) free(p->ins);
    free(p);
}

void syn_graph_free(syn_graph *g) {
    for (int i = 0; i < g->n_nodes; i++) prog_free(g->node[i].prog);
    free(g->node);
    free(g->value);
    syn_graph_init(g);
}

int syn_graph_value(syn_graph *g, syn_shape shape, bool batched) {
    if (!syn_grow(&g->value, &g->cap_values, g->n_values + 1, sizeof *g->value)) {
        g->failed = true;
        return -1;
    }
    g->value[g->n_values] = (syn_value){ .shape = shape, .batched = batched, .param = -1,
                                         .alias = -1, .producer = -1, .layer = -1, .grad = -1 };
    return g->n_values++;
}

int syn_graph_like(syn_graph *g, int value) {
    if (value < 0) return -1;
    return syn_graph_value(g, g->value[value].shape, g->value[value].batched);
}

int syn_graph_node(syn_graph *g, const syn_op *op, const int *in, int n_in, const int *out,
                   int n_out) {
    if (g->failed || n_in > SYN_MAX_IN || n_out > SYN_MAX_OUT ||
        !syn_grow(&g->node, &g->cap_nodes, g->n_nodes + 1, sizeof *g->node)) {
        g->failed = true;
        return -1;
    }
    syn_node *n = &g->node[g->n_nodes];
    *n = (syn_node){ .op = op, .n_in = n_in, .n_out = n_out, .layer = g->layer,
                     .backward = g->backward };
    for (int i = 0; i < n_in; i++) {
        if (in[i] < 0) g->failed = true;
        n->in[i] = in[i];
    }
    for (int i = 0; i < n_out; i++) {
        if (out[i] < 0) {
            g->failed = true;
            continue;
        }
        n->out[i] = out[i];
        g->value[out[i]].producer = g->n_nodes;
    }
    return g->failed ? -1 : g->n_nodes++;
}

void syn_graph_add_loss(syn_graph *g, int node, int loss, int hits) {
    g->node[node].r[SYN_LOSS_SCALE] = 1;
    if (g->n_losses == SYN_MAX_ENDS) return; /* describing refuses more */
    g->value[loss].wide = true;
    g->loss[g->n_losses] = loss;
    g->hits[g->n_losses++] = hits;
}

bool syn_graph_is_result(const syn_graph *g, int value) {
    for (int i = 0; i < g->n_losses; i++)
        if (value == g->loss[i] || value == g->hits[i]) return true;
    for (int i = 0; i < g->n_outputs; i++)
        if (value == g->output[i]) return true;
    return false;
}

int64_t syn_value_count(const syn_graph *g, int value) {
    return syn_shape_count(&g->value[value].shape);
}

int64_t syn_value_cols(const syn_graph *g, int value) {
    const syn_shape *s = &g->value[value].shape;
    return s->rank ? s->dim[s->rank - 1] : 1;
}

int syn_value_root(const syn_graph *g, int value) {
    while (g->value[value].alias >= 0) value = g->value[value].alias;
    return value;
}

bool syn_value_half(const syn_graph *g, int value, syn_dtype dtype) {
    const syn_value *v = &g->value[syn_value_root(g, value)];
    return dtype == SYN_HALF && !v->integer && !v->wide && (v->batched || v->kind == SYN_VALUE_PARAM);
}

int64_t syn_value_size(const syn_graph *g, int value, syn_dtype dtype) {
    if (g->value[value].integer) return 4;
    return syn_value_half(g, value, dtype) ? 2 : dtype == SYN_DOUBLE ? 8 : 4;
}

int64_t syn_emit_count(const syn_emit *e, int value) {
    return syn_value_count(e->graph, value) * (e->graph->value[value].batched ? e->rows : 1);
}

int64_t syn_emit_rows(const syn_emit *e, int value) {
    return syn_emit_count(e, value) / syn_value_cols(e->graph, value);
}

double syn_emit_bytes(const syn_emit *e, int value) {
    return (double)(syn_emit_count(e, value) * syn_value_size(e->graph, value, e->dtype));
}

const char *syn_emit_type(const syn_emit *e, int value) {
    return syn_value_half(e->graph, value, e->dtype) ? "cell" : "real";
}

/* Nodes are kept when an output is read by a kept node, is a gradient or a parameter, is marked `keep`, or is one
 * of the graph's results. Walks backwards once, since nodes stand in execution order. */
syn_status syn_graph_prune(syn_graph *g) {
    bool *used = calloc((size_t)g->n_values + 1, sizeof *used);
    int *moved = calloc((size_t)g->n_nodes + 1, sizeof *moved);
    if (!used || !moved) {
        free(used);
        free(moved);
        return syn_no_memory((size_t)g->n_values);
    }
    for (int v = 0; v < g->n_values; v++) used[v] = syn_graph_is_result(g, v);
    for (int i = g->n_nodes - 1; i >= 0; i--) {
        const syn_node *n = &g->node[i];
        bool live = false;
        for (int o = 0; o < n->n_out; o++) {
            const syn_value *v = &g->value[n->out[o]];
            live |= used[n->out[o]] || v->kind != SYN_VALUE_TEMP || v->keep;
        }
        moved[i] = live;
        for (int k = 0; live && k < n->n_in; k++) used[n->in[k]] = true;
    }
    int kept = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        if (!moved[i]) {
            for (int o = 0; o < g->node[i].n_out; o++) g->value[g->node[i].out[o]].producer = -1;
            prog_free(g->node[i].prog);
            continue;
        }
        if (kept != i) g->node[kept] = g->node[i];
        for (int o = 0; o < g->node[kept].n_out; o++)
            g->value[g->node[kept].out[o]].producer = kept;
        kept++;
    }
    for (int i = kept; i < g->n_nodes; i++) g->node[i].prog = NULL;
    g->n_nodes = kept;
    free(used);
    free(moved);
    return SYN_OK;
}
