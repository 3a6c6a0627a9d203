/* Lifetimes of values and scratch over a list's launches, and their places in the arena. */
#include "plan/list.h"

#include <stdlib.h>
#include <string.h>

typedef struct life {
    int first, last; /* items; first > last: never touched */
    bool forever;
} life;

static void touch(life *v, int item) {
    if (item < v->first) v->first = item;
    if (item > v->last) v->last = item;
}

static bool reads(const syn_graph *g, const syn_node *n, int root) {
    for (int k = 0; k < n->n_in; k++)
        if (syn_value_root(g, n->in[k]) == root) return true;
    return false;
}

/* An element-wise item, or a product with a map behind it, writes over what the map reads of the
 * same size and nobody reads later; a product's own operands stay. */
static void share(syn_list *l, const life *lives, int i, syn_dtype dtype) {
    const syn_graph *g = l->graph;
    const syn_item *item = &l->item[i];
    if (item->node < 0 || (!item->map && !g->node[item->node].op->in_place)) return;
    const syn_node *own = &g->node[item->node], *n = item->map ? &g->node[item->map] : own;
    for (int o = 0; o < n->n_out; o++) {
        int out = syn_value_root(g, n->out[o]);
        if (g->value[out].kind != SYN_VALUE_TEMP || g->value[out].integer || lives[out].forever ||
            l->storage[out] != out || lives[out].first != i ||
            (!g->value[out].batched && n->op->in_place == SYN_IN_PLACE_BATCHED))
            continue;
        for (int k = 0; k < n->n_in; k++) {
            int in = syn_value_root(g, n->in[k]);
            int home = l->storage[in];
            if (home < 0 || g->value[in].kind != SYN_VALUE_TEMP || lives[in].forever ||
                (own != n && reads(g, own, in)) || g->value[in].batched != g->value[out].batched ||
                g->value[in].integer != g->value[out].integer ||
                syn_value_half(g, in, dtype) != syn_value_half(g, out, dtype) ||
                syn_value_count(g, in) != syn_value_count(g, out) || l->place[home].last != i)
                continue;
            l->storage[out] = home;
            l->place[home].last = lives[out].last;
            break;
        }
    }
}

static void touch_all(const syn_list *l, life *value, life *area) {
    const syn_graph *g = l->graph;
    for (int i = 0; i < l->n_items; i++) {
        const syn_item *item = &l->item[i];
        if (item->area >= 0) touch(&area[item->area], i);
        for (int k = 0; k < item->call.n_args; k++) {
            const syn_arg *a = &item->call.arg[k];
            if (a->kind == SYN_ARG_VALUE) touch(&value[syn_value_root(g, a->value)], i);
            if (a->kind == SYN_ARG_SCRATCH) touch(&area[a->value], i);
        }
    }
    for (int i = 0; i < 2 * SYN_MAX_ENDS + 1; i++) {
        int fed = i < SYN_MAX_ENDS ? g->x[i] : i < 2 * SYN_MAX_ENDS ? g->target[i - SYN_MAX_ENDS] : g->weights;
        if (fed >= 0) touch(&value[syn_value_root(g, fed)], 0);
    }
    for (int v = 0; v < g->n_values; v++) /* a view that stays keeps what it views */
        if (g->value[v].keep) value[syn_value_root(g, v)].forever = true;
}

static void place_values(syn_list *l, const life *lives, syn_dtype dtype) {
    const syn_graph *g = l->graph;
    for (int v = 0; v < g->n_values; v++) {
        l->storage[v] = -1;
        if (syn_value_root(g, v) != v || g->value[v].kind != SYN_VALUE_TEMP || lives[v].last < 0) continue;
        int64_t rows = g->value[v].batched ? l->rows : 1;
        l->storage[v] = v;
        l->place[v] = (syn_place){ .bytes = syn_value_count(g, v) * rows * syn_value_size(g, v, dtype),
                                   .first = lives[v].forever ? 0 : lives[v].first,
                                   .last = lives[v].forever ? l->n_items : lives[v].last };
    }
    for (int i = 0; i < l->n_items; i++) share(l, lives, i, dtype);
    for (int v = 0; v < g->n_values; v++)
        if (l->storage[v] != v) l->place[v].bytes = 0;
}

syn_status syn_list_place(syn_list *l, const syn_profile *p, syn_dtype dtype) {
    const int n = l->graph->n_values, all = n + l->n_areas;
    l->n_places = all;
    l->storage = malloc(((size_t)n + 1) * sizeof *l->storage);
    l->place = calloc((size_t)all + 1, sizeof *l->place);
    life *lives = malloc(((size_t)all + 1) * sizeof *lives);
    if (!l->storage || !l->place || !lives) {
        free(lives);
        return syn_no_memory((size_t)all * sizeof *l->place);
    }
    for (int v = 0; v < all; v++) lives[v] = (life){ l->n_items, -1, false };
    touch_all(l, lives, lives + n);
    place_values(l, lives, dtype);
    for (int k = 0; k < l->n_areas; k++) {
        l->area[k].place = n + k;
        if (lives[n + k].last >= 0)
            l->place[n + k] = (syn_place){ .bytes = l->area[k].bytes, .first = lives[n + k].first, .last = lives[n + k].last };
    }
    free(lives);
    if (!l->guard) l->guard = getenv("SYNCLINE_GUARD") ? p->align : 0;
    return syn_place_all(l->place, l->n_places, p->align, l->guard, p->max_alloc, l->slab_bytes,
                         SYN_MAX_SLABS, &l->n_slabs);
}
