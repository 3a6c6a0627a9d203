/* Net to graph: each layer composes its ops, in order of description. */
#include "layer/layer.h"

#include <stdlib.h>
#include <string.h>

int syn_lower_param(syn_lower *l, int layer, int k) {
    int p = l->net->layer[layer].first_param + k;
    if (l->param[p] < 0) {
        int v = syn_graph_value(l->graph, l->net->param[p].shape, false);
        if (v < 0) return -1;
        l->graph->value[v].kind = SYN_VALUE_PARAM;
        l->graph->value[v].param = p;
        l->param[p] = v;
    }
    return l->param[p];
}

/* Which layers lead to `layer`. */
static void mark(const syn_net *net, bool *needed, int layer) {
    if (layer < 0 || needed[layer]) return;
    needed[layer] = true;
    for (int k = 0; k < net->layer[layer].n_in; k++) mark(net, needed, net->layer[layer].in[k]);
}

static syn_status lower_layer(syn_lower *l, const syn_lower_opts *o, int i, int *value,
                              int *loss_node) {
    const syn_net_layer *layer = &l->net->layer[i];
    syn_graph *g = l->graph;
    int in[SYN_MAX_IN];
    for (int k = 0; k < layer->n_in; k++) in[k] = value[layer->in[k]];
    g->layer = i;
    if (layer->row->loss) {
        syn_shape shape = layer->row->labels ? SYN_SHAPE(1) : l->net->layer[layer->in[0]].shape;
        l->target = syn_feed(g, shape, true, layer->row->labels);
    }
    value[i] = layer->row->lower(l, i, in);
    if (g->failed || value[i] < 0) return syn_no_memory(sizeof(syn_node));
    if (layer->row->loss) {
        *loss_node = value[i];
        return SYN_OK;
    }
    /* Views and identities (dropout in test mode) share a value: the first layer keeps the name. */
    syn_value *v = &g->value[value[i]];
    if (v->layer < 0) v->layer = i;
    v->keep |= o->keep;
    return SYN_OK;
}

syn_status syn_net_lower(const syn_net *net, const syn_lower_opts *o, syn_graph *graph,
                         int *loss_node) {
    SYN_TRY(syn_net_status(net));
    syn_lower l = { .net = net, .graph = graph, .train = o->train, .random = o->train || o->passes,
                    .collect = o->collect, .trained = o->trained, .target = -1 };
    size_t n = (size_t)net->n_layers + 1;
    bool *needed = calloc(n, sizeof *needed);
    int *value = malloc(n * sizeof *value);
    l.param = malloc(((size_t)net->n_params + 1) * sizeof *l.param);
    syn_status status = needed && value && l.param ? SYN_OK : syn_no_memory(n);
    for (int p = 0; status == SYN_OK && p < net->n_params; p++) l.param[p] = -1;
    if (status == SYN_OK) {
        mark(net, needed, o->loss);
        mark(net, needed, o->output);
    }
    *loss_node = -1;
    graph->passes = o->passes;
    for (int i = 0; status == SYN_OK && i < net->n_layers; i++) {
        value[i] = -1;
        if (needed[i]) status = lower_layer(&l, o, i, value, loss_node);
    }
    if (status == SYN_OK && o->output >= 0) {
        int y = value[o->output];
        const syn_layer_row *loss = o->link ? net->layer[o->link_loss].row : NULL;
        if (loss && loss->link) y = loss->link(graph, y);
        graph->output = y;
        if (graph->failed) status = syn_no_memory(sizeof(syn_node));
        else graph->value[y].keep = true;
    }
    free(needed);
    free(value);
    free(l.param);
    return status;
}

void syn_net_print(const syn_net *net, syn_text *t) {
    for (int i = 0; i < net->n_layers; i++) {
        const syn_net_layer *l = &net->layer[i];
        char shape[96];
        syn_shape_print(&l->shape, shape, sizeof shape);
        syn_text_add(t, "%-16s %-12s %-16s <-", l->name, l->def->name, shape);
        for (int k = 0; k < l->n_in; k++) syn_text_add(t, " %s", net->layer[l->in[k]].name);
        syn_text_add(t, "\n");
    }
}
