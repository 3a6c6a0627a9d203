#include "graph/graph.h"

#include <string.h>

static void print_value(const syn_graph *g, int v, syn_text *t) {
    const syn_value *value = &g->value[v];
    char shape[96];
    syn_shape_print(&value->shape, shape, sizeof shape);
    const char *kind[] = { "v", "p", "g" };
    syn_text_add(t, "%s%d", kind[value->kind], value->kind == SYN_VALUE_TEMP ? v : value->param);
    syn_text_add(t, "[%s%s]", value->batched ? "B x " : "", shape);
    if (value->alias >= 0) syn_text_add(t, "=v%d", value->alias);
}

void syn_graph_print(const syn_graph *g, syn_text *t) {
    for (int i = 0; i < g->n_nodes; i++) {
        const syn_node *n = &g->node[i];
        syn_text_add(t, "%3d %s %-14s ", i, n->backward ? "<" : ">", n->op->name);
        for (int o = 0; o < n->n_out; o++) {
            if (o) syn_text_add(t, ", ");
            print_value(g, n->out[o], t);
        }
        syn_text_add(t, " <- ");
        for (int k = 0; k < n->n_in; k++) {
            if (k) syn_text_add(t, ", ");
            print_value(g, n->in[k], t);
        }
        if (n->prog) syn_text_add(t, "  (%d instructions)", n->prog->n_ins);
        syn_text_add(t, "\n");
    }
}
