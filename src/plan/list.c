/* Emitting launch lists; phases.c has them run as phases, lives.c places what they touch, bind.c does the rest. */
#include "plan/list.h"
#include "plan/phases.h"

#include "op/map_text.h"

#include <stdlib.h>
#include <string.h>

typedef struct collector {
    syn_emit emit; /* first: ops see only this */
    syn_ctx *ctx;
    syn_list *list;
    int node;
    bool *done; /* by node: it runs in another's kernel */
    int map;    /* of the call that comes next, 0: none */
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
    *item = (syn_item){ .node = -1, .area = -1, .instance = -1 };
    return item;
}

static int new_area(syn_list *l, int64_t bytes) {
    if (!syn_grow(&l->area, &l->cap_areas, l->n_areas + 1, sizeof *l->area)) return -1;
    l->area[l->n_areas] = (syn_area){ .bytes = bytes, .place = -1 };
    return l->n_areas++;
}

/* Takes the call. */
static syn_status add_item(syn_list *l, syn_call *call, int node, int area) {
    syn_item *item = new_item(l);
    if (!item) {
        call_free(call);
        return syn_no_memory(sizeof *item);
    }
    item->call = *call;
    item->node = node;
    item->area = area;
    for (int k = 0; k < item->call.n_args; k++)
        if (item->call.arg[k].kind == SYN_ARG_SCRATCH) item->call.arg[k].value = area;
    return SYN_OK;
}

static syn_status add_call(syn_emit *e, syn_call *call, int64_t scratch) {
    collector *c = (collector *)e;
    syn_list *l = c->list;
    const syn_item *before = l->n_items ? &l->item[l->n_items - 1] : NULL;
    int area = -1;
    if (scratch > 0) /* an op of several calls asks for the same scratch at each */
        area = before && before->node == c->node && before->area >= 0 && l->area[before->area].bytes == scratch
                   ? before->area
                   : new_area(l, scratch);
    if (scratch > 0 && area < 0) {
        call_free(call);
        return syn_no_memory(sizeof *l->area);
    }
    SYN_TRY(add_item(l, call, c->node, area));
    l->item[l->n_items - 1].map = c->map;
    c->map = 0;
    return SYN_OK;
}

static syn_status add_epilogue(syn_emit *e, syn_call *call, int map, int given) {
    collector *c = (collector *)e;
    syn_epilogue epilogue;
    SYN_TRY(syn_map_epilogue(e, &e->graph->node[map], given, &epilogue));
    syn_status status = syn_call_epilogue(call, &epilogue);
    syn_epilogue_free(&epilogue);
    SYN_TRY(status);
    c->done[map] = true;
    c->map = map;
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
        const syn_gemm plain = *g;
        g->epilogue = &epilogue;
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
    syn_gemm g = { .m = (int)m, .n = (int)n, .k = (int)k, .ta = ta, .tb = tb,
                   .dtype = e->dtype == SYN_DOUBLE ? SYN_DOUBLE : SYN_FLOAT };
    const int operand[] = { a, b, out };
    for (int i = 0; i < 3; i++) g.half[i] = syn_value_half(e->graph, operand[i], e->dtype);
    syn_gemm_choice choice;
    int map = 0;
    SYN_TRY(choose_gemm(c, &g, a, b, out, &choice, &map));
    const int first = c->list->n_items;
    SYN_TRY(syn_list_append_gemm(c->list, &g, &choice.plan, c->node, syn_in(a), syn_in(b), syn_out(out)));
    for (int i = first; i < c->list->n_items; i++) {
        syn_item *item = &c->list->item[i];
        item->provider = choice.provider;
        item->from = choice.from;
        item->lead = i == first;
        item->variant = choice.plan.kernel;
        item->chosen = choice.plan.variant;
    }
    c->list->item[c->list->n_items - 1].map = map;
    return SYN_OK;
}

syn_status syn_list_append_gemm(syn_list *l, const syn_gemm *g, syn_gemm_plan *plan, int node, syn_arg a, syn_arg b,
                                syn_arg c) {
    const bool library = plan->n_calls == 0;
    const int area = plan->scratch > 0 ? new_area(l, plan->scratch) : -1;
    syn_status status = plan->scratch > 0 && area < 0 ? syn_no_memory(sizeof *l->area) : SYN_OK;
    if (library) { /* with arguments as a call would have them, so that lifetimes see them */
        syn_call *call = &plan->call[plan->n_calls++];
        *call = (syn_call){ 0 };
        syn_call_arg(call, a);
        syn_call_arg(call, b);
        syn_call_arg(call, c);
        call->flops = 2.0 * g->m * g->n * g->k;
        call->bytes = ((double)g->m * g->k + (double)g->k * g->n + (double)g->m * g->n) * (g->dtype == SYN_DOUBLE ? 8 : 4);
    }
    for (int i = 0; i < plan->n_calls; i++) {
        if (status == SYN_OK) status = add_item(l, &plan->call[i], node, area);
        else call_free(&plan->call[i]);
        if (status != SYN_OK) continue;
        l->item[l->n_items - 1].gemm = *g;
        l->item[l->n_items - 1].in_library = library;
    }
    return status;
}

syn_status syn_list_emit(syn_list *l, syn_ctx *ctx, const syn_graph *graph, syn_dtype dtype, int rows,
                         bool train, bool micro, syn_left_norms *left) {
    *l = (syn_list){ .graph = graph, .rows = rows };
    collector c = { .emit = { .graph = graph, .profile = syn_ctx_profile_of(ctx), .dtype = dtype,
                              .rows = rows, .train = train, .micro = micro, .passes = graph->passes,
                              .call = add_call, .epilogue = add_epilogue, .gemm = add_gemm },
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
    syn_phases_free(&l->phases);
    free(l->item);
    free(l->area);
    free(l->storage);
    free(l->place);
    free(l->value);
    *l = (syn_list){ 0 };
}
