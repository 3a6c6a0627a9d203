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
        l->graph->value[v].wide = l->net->param[p].statistic;
        l->param[p] = v;
    }
    return l->param[p];
}

void syn_net_mark(const syn_net *net, bool *needed, int layer) {
    if (layer < 0 || needed[layer]) return;
    needed[layer] = true;
    for (int k = 0; k < net->layer[layer].n_in; k++) syn_net_mark(net, needed, net->layer[layer].in[k]);
}

int syn_net_inputs(const syn_net *net, int layer) {
    int n = 0;
    for (int i = 0; i < layer; i++) n += net->layer[i].row == &syn_layer_input;
    return n;
}

int64_t syn_net_features(const syn_net *net) {
    int64_t n = 0;
    for (int i = 0; i < net->n_layers; i++)
        if (net->layer[i].row == &syn_layer_input) n += syn_shape_count(&net->layer[i].shape);
    return n;
}

int syn_net_losses(const syn_net *net, int loss, int layer[SYN_MAX_ENDS], double weight[SYN_MAX_ENDS]) {
    const syn_net_layer *l = &net->layer[loss];
    layer[0] = loss;
    weight[0] = 1;
    if (!l->row->sum) return 1;
    const syn_numbers *given = &((const syn_loss_sum_opts *)l->opts)->weights;
    int n = 0;
    for (int i = 0; i < loss; i++) /* in order of description, whatever the sum's own */
        for (int k = 0; k < l->n_in; k++) {
            if (l->in[k] != i) continue;
            layer[n] = i;
            weight[n++] = given->n > 0 ? given->v[k] : 1;
        }
    return n;
}

/* The loss's node: its target before it; behind it its weight in the sum, and the samples' weights. */
static syn_status lower_loss(syn_lower *l, const syn_lower_opts *o, int i, const int *in) {
    const syn_net_layer *layer = &l->net->layer[i];
    syn_graph *g = l->graph;
    int of[SYN_MAX_ENDS], k = 0;
    double weight[SYN_MAX_ENDS];
    int n = syn_net_losses(l->net, o->loss, of, weight);
    while (k < n && of[k] != i) k++;
    if (k == n) return syn_fail(SYN_E_ARGUMENT, "%s: a loss that nothing sums", layer->name);
    syn_shape shape = layer->row->labels ? SYN_SHAPE(1) : l->net->layer[layer->in[0]].shape;
    l->target = syn_feed(g, shape, &g->target[k], layer->row->labels, true);
    if (o->weighted && g->weights < 0) syn_feed(g, SYN_SHAPE(1), &g->weights, false, true);
    int made = layer->row->lower(l, i, in);
    if (g->failed || made < 0) return syn_no_memory(sizeof(syn_node));
    syn_node *node = &g->node[made];
    node->r[SYN_LOSS_SCALE] = weight[k];
    if (o->weighted) node->in[node->n_in++] = g->weights;
    return SYN_OK;
}

static syn_status lower_layer(syn_lower *l, const syn_lower_opts *o, int i, int *value) {
    const syn_net_layer *layer = &l->net->layer[i];
    syn_graph *g = l->graph;
    int in[SYN_MAX_IN];
    for (int k = 0; k < layer->n_in; k++) in[k] = value[layer->in[k]];
    g->layer = i;
    if (layer->row->sum) return SYN_OK;
    if (layer->row->loss) return lower_loss(l, o, i, in);
    value[i] = layer->row->lower(l, i, in);
    if (g->failed || value[i] < 0) return syn_no_memory(sizeof(syn_node));
    /* Views and identities (dropout in test mode) share a value: the first layer keeps the name. */
    syn_value *v = &g->value[value[i]];
    if (v->layer < 0) v->layer = i;
    v->keep |= o->keep;
    return SYN_OK;
}

/* The values predict returns, with the losses' links applied. */
static syn_status lower_outputs(syn_lower *l, const syn_lower_opts *o, const int *value) {
    syn_graph *g = l->graph;
    for (int k = 0; k < o->n_outputs; k++) {
        int y = value[o->output[k]];
        const syn_layer_row *loss = o->link[k] >= 0 ? l->net->layer[o->link[k]].row : NULL;
        if (loss && loss->link) y = loss->link(g, y);
        if (g->failed) return syn_no_memory(sizeof(syn_node));
        g->output[g->n_outputs++] = y;
        g->value[y].keep = true;
    }
    return SYN_OK;
}

syn_status syn_net_lower(const syn_net *net, const syn_lower_opts *o, syn_graph *graph) {
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
        syn_net_mark(net, needed, o->loss);
        for (int k = 0; k < o->n_outputs; k++) syn_net_mark(net, needed, o->output[k]);
    }
    graph->passes = o->passes;
    for (int i = 0; status == SYN_OK && i < net->n_layers; i++) {
        value[i] = -1;
        if (needed[i]) status = lower_layer(&l, o, i, value);
    }
    if (status == SYN_OK) status = lower_outputs(&l, o, value);
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
