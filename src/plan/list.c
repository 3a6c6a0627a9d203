/* Emitting, lifetimes and placement of launch lists; bind.c does the rest. */
#include "plan/list.h"

#include "op/map_text.h"

#include <stdlib.h>
#include <string.h>

typedef struct collector {
    syn_emit emit; /* first: ops see only this */
    syn_ctx *ctx;
    syn_list *list;
    int node;
    bool *done; /* by node: it runs in another's kernel */
    syn_left_norms *left;
} collector;

static void call_free(syn_call *c) {
    free(c->defs);
    free(c->text);
    c->defs = c->text = NULL;
}

static syn_item *new_item(syn_list *l) {
    if (!syn_grow(&l->item, &l->cap_items, l->n_items + 1, sizeof *l->item)) return NULL;
    syn_item *item = &l->item[l->n_items++];
    *item = (syn_item){ .node = -1, .place = -1, .instance = -1 };
    return item;
}

static syn_status add_call(syn_emit *e, syn_call *call, int64_t scratch) {
    collector *c = (collector *)e;
    syn_item *item = new_item(c->list);
    if (!item) {
        call_free(call);
        return syn_no_memory(sizeof *item);
    }
    item->call = *call;
    item->node = c->node;
    item->scratch = scratch;
    return SYN_OK;
}

/* With the map behind it as epilogue, where the graph allows and the provider can. */
static syn_status choose_gemm(collector *c, syn_gemm *g, int a, int b, int out, syn_gemm_choice *choice, int *map) {
    const syn_graph *graph = c->emit.graph;
    const int after = graph->node[c->node].map;
    *map = 0;
    if (after) {
        syn_epilogue epilogue;
        SYN_TRY(syn_map_epilogue(&c->emit, &graph->node[after], out, &epilogue));
        g->epilogue = &epilogue;
        const syn_gemm plain = *g;
        g->half[2] = syn_value_half(graph, graph->node[after].out[0], c->emit.dtype); /* in C's place */
        syn_status status = syn_gemm_choose(c->ctx, g, syn_in(a), syn_in(b), syn_out(graph->node[after].out[0]), choice);
        *g = plain;
        syn_epilogue_free(&epilogue);
        SYN_TRY(status);
        if (choice->plan.epilogue) {
            *map = after;
            c->done[after] = true;
            return SYN_OK;
        }
        for (int i = 0; i < choice->plan.n_calls; i++) call_free(&choice->plan.call[i]);
    }
    const syn_value *v = &graph->value[out];
    const bool grad = v->kind == SYN_VALUE_GRAD && v->alias < 0;
    return syn_norms_choose(grad ? c->left : NULL, v->param, c->ctx, g, syn_in(a), syn_in(b), syn_out(out), choice);
}

static syn_status add_gemm(syn_emit *e, int64_t m, int64_t n, int64_t k, bool ta, bool tb, int a,
                           int b, int out) {
    collector *c = (collector *)e;
    if (m > INT32_MAX || n > INT32_MAX || k > INT32_MAX || m * n > INT32_MAX || m * k > INT32_MAX ||
        k * n > INT32_MAX)
        return syn_fail(SYN_E_SHAPE, "a product of %lld x %lld x %lld: matrices of 2^31 elements and "
                                     "more are not possible; use a smaller batch or layer",
                        (long long)m, (long long)n, (long long)k);
    syn_gemm g = { .m = (int)m, .n = (int)n, .k = (int)k, .ta = ta, .tb = tb,
                   .dtype = e->dtype == SYN_DOUBLE ? SYN_DOUBLE : SYN_FLOAT };
    const int operand[] = { a, b, out };
    for (int i = 0; i < 3; i++) g.half[i] = syn_value_half(e->graph, operand[i], e->dtype);
    syn_gemm_choice choice;
    int map = 0;
    SYN_TRY(choose_gemm(c, &g, a, b, out, &choice, &map));
    const double flops = 2.0 * (double)m * (double)n * (double)k;
    if (choice.plan.n_calls == 0) {
        syn_item *item = new_item(c->list);
        if (!item) return syn_no_memory(sizeof *item);
        item->node = c->node;
        item->in_library = true;
        item->gemm = g;
        item->scratch = choice.plan.scratch;
        item->provider = choice.provider;
        item->variant = choice.plan.kernel;
        /* Arguments as a call would have them, so that lifetimes see them. */
        syn_call_arg(&item->call, syn_in(a));
        syn_call_arg(&item->call, syn_in(b));
        syn_call_arg(&item->call, syn_out(out));
        item->call.flops = flops;
        item->call.bytes = (double)(m * k + k * n + m * n) * (double)syn_emit_real(e);
        return SYN_OK;
    }
    /* Calls of one GEMM share their scratch: the first owns the place, the others name it. */
    int first = c->list->n_items;
    for (int i = 0; i < choice.plan.n_calls; i++) {
        syn_status status = add_call(e, &choice.plan.call[i], i ? 0 : choice.plan.scratch);
        if (status != SYN_OK) {
            for (int j = i + 1; j < choice.plan.n_calls; j++) call_free(&choice.plan.call[j]);
            return status;
        }
        syn_item *item = &c->list->item[c->list->n_items - 1];
        item->gemm = g;
        item->provider = choice.provider;
        item->variant = choice.plan.kernel;
        item->chosen = choice.plan.variant;
        if (i + 1 == choice.plan.n_calls) item->map = map;
        if (i) item->place = -2 - first; /* "as item `first`": syn_list_place resolves it */
    }
    return SYN_OK;
}

syn_status syn_list_emit(syn_list *l, syn_ctx *ctx, const syn_graph *graph, syn_dtype dtype, int rows,
                         bool train, bool micro, syn_left_norms *left) {
    *l = (syn_list){ .graph = graph, .rows = rows };
    collector c = { .emit = { .graph = graph, .profile = syn_ctx_profile_of(ctx), .dtype = dtype,
                              .rows = rows, .train = train, .micro = micro, .passes = graph->passes,
                              .call = add_call, .gemm = add_gemm },
                    .ctx = ctx, .list = l, .left = left, .done = calloc((size_t)graph->n_nodes + 1, sizeof(bool)) };
    syn_status status = c.done ? SYN_OK : syn_no_memory((size_t)graph->n_nodes);
    for (int i = 0; status == SYN_OK && i < graph->n_nodes; i++) {
        c.node = i;
        const syn_op *op = graph->node[i].op;
        if (op->emit && !c.done[i]) status = op->emit(&c.emit, &graph->node[i]);
    }
    free(c.done);
    l->n_nodes_items = l->n_items;
    return status;
}

syn_status syn_list_append(syn_list *l, syn_call *call) {
    syn_item *item = new_item(l);
    if (!item) {
        call_free(call);
        return syn_no_memory(sizeof *item);
    }
    item->call = *call;
    return SYN_OK;
}

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

syn_status syn_list_place(syn_list *l, const syn_profile *p, syn_dtype dtype) {
    const syn_graph *g = l->graph;
    int n_scratch = 0;
    for (int i = 0; i < l->n_items; i++) n_scratch += l->item[i].scratch > 0;
    l->n_places = g->n_values + n_scratch;
    l->storage = malloc(((size_t)g->n_values + 1) * sizeof *l->storage);
    l->place = calloc((size_t)l->n_places + 1, sizeof *l->place);
    life *lives = malloc(((size_t)g->n_values + 1) * sizeof *lives);
    if (!l->storage || !l->place || !lives) {
        free(lives);
        return syn_no_memory((size_t)l->n_places * sizeof *l->place);
    }
    for (int v = 0; v < g->n_values; v++) lives[v] = (life){ l->n_items, -1, false };
    for (int i = 0; i < l->n_items; i++)
        for (int k = 0; k < l->item[i].call.n_args; k++)
            if (l->item[i].call.arg[k].kind == SYN_ARG_VALUE)
                touch(&lives[syn_value_root(g, l->item[i].call.arg[k].value)], i);
    for (int i = 0; i < 2 * SYN_MAX_ENDS + 1; i++) {
        int fed = i < SYN_MAX_ENDS ? g->x[i] : i < 2 * SYN_MAX_ENDS ? g->target[i - SYN_MAX_ENDS] : g->weights;
        if (fed >= 0) touch(&lives[syn_value_root(g, fed)], 0);
    }
    for (int v = 0; v < g->n_values; v++) /* a view that stays keeps what it views */
        if (g->value[v].keep) lives[syn_value_root(g, v)].forever = true;
    for (int v = 0; v < g->n_values; v++) {
        l->storage[v] = -1;
        if (syn_value_root(g, v) != v || g->value[v].kind != SYN_VALUE_TEMP || lives[v].last < 0) continue;
        int64_t rows = g->value[v].batched ? l->rows : 1;
        int64_t size = syn_value_size(g, v, dtype);
        l->storage[v] = v;
        l->place[v] = (syn_place){ .bytes = syn_value_count(g, v) * rows * size,
                                   .first = lives[v].forever ? 0 : lives[v].first,
                                   .last = lives[v].forever ? l->n_items : lives[v].last };
    }
    for (int i = 0; i < l->n_items; i++) share(l, lives, i, dtype);
    for (int v = 0; v < g->n_values; v++)
        if (l->storage[v] != v) l->place[v].bytes = 0;
    free(lives);
    int next = g->n_values;
    for (int i = 0; i < l->n_items; i++) {
        syn_item *item = &l->item[i];
        if (item->scratch > 0) {
            int last = i;
            while (last + 1 < l->n_items && l->item[last + 1].place == -2 - i) last++;
            /* Other multi-call ops ask for the same scratch at each call: one place serves them. */
            if (i > 0 && l->item[i - 1].node == item->node && item->node >= 0 &&
                l->item[i - 1].scratch == item->scratch) {
                item->place = l->item[i - 1].place;
                l->place[item->place].last = i;
                continue;
            }
            item->place = next;
            l->place[next++] = (syn_place){ .bytes = item->scratch, .first = i, .last = last };
        } else if (item->place <= -2) {
            item->place = l->item[-2 - item->place].place;
        }
    }
    if (!l->guard) l->guard = getenv("SYNCLINE_GUARD") ? p->align : 0;
    return syn_place_all(l->place, l->n_places, p->align, l->guard, p->max_alloc, l->slab_bytes,
                         SYN_MAX_SLABS, &l->n_slabs);
}

void syn_item_free(syn_item *item) {
    call_free(&item->call);
    syn_kernel_destroy(item->kernel);
    syn_buffer_destroy(item->scratch_buffer);
    for (int i = 0; i < item->n_pieces; i++) syn_buffer_destroy(item->piece[i]);
    free(item->piece);
    item->piece = NULL;
    item->n_pieces = item->cap_pieces = 0;
    item->kernel = NULL;
    item->scratch_buffer = NULL;
}

void syn_list_free(syn_list *l) {
    for (int i = 0; i < l->n_items; i++) syn_item_free(&l->item[i]);
    for (int v = 0; l->value && v < l->graph->n_values; v++)
        if (l->graph->value[v].kind == SYN_VALUE_TEMP && l->graph->value[v].alias < 0)
            syn_buffer_destroy(l->value[v]);
    free(l->item);
    free(l->storage);
    free(l->place);
    free(l->value);
    *l = (syn_list){ 0 };
}
