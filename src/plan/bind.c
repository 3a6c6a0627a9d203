/* Binding: buffers and kernels for a placed list, once; running it afterwards sets nothing. */
#include "plan/list.h"
#include "plan/phases.h"
#include "plan/state.h"

#include <stdlib.h>
#include <string.h>

syn_status syn_list_want(syn_list *l, syn_kernels *kernels) {
    SYN_TRY(syn_phases_want(l, kernels, syn_ctx_profile_of(kernels->ctx)->compute_units));
    for (int i = 0; i < l->n_items; i++)
        if (!l->item[i].in_library && !l->item[i].phase) SYN_TRY(syn_kernels_want(kernels, &l->item[i].call, &l->item[i].instance));
    return SYN_OK;
}

/* The buffer an argument names; scratch pieces are sub-buffers, made here and kept by the item. */
static syn_status buffer_of(syn_item *item, const syn_arg *a, const syn_list *l, const syn_binding *b,
                            syn_buffer **out) {
    *out = NULL;
    if (a->kind == SYN_ARG_VALUE) *out = l->value[syn_value_root(l->graph, a->value)];
    if (a->kind == SYN_ARG_BLOCK) *out = b->block[a->value];
    if (*out) return SYN_OK;
    return syn_fail(SYN_E_ARGUMENT, "%s: a buffer it needs is not there (a bug: please report it)",
                    item->call.entry ? item->call.entry : "gemm");
}

static syn_status bind_arg(syn_item *item, int index, const syn_list *l, const syn_binding *b,
                           syn_dtype dtype) {
    const syn_arg *a = &item->call.arg[index];
    if (a->kind == SYN_ARG_INT) {
        int32_t i = (int32_t)a->i;
        return syn_kernel_value(item->kernel, index, &i, sizeof i);
    }
    if (a->kind == SYN_ARG_REAL) {
        float f = (float)a->r;
        return dtype == SYN_DOUBLE ? syn_kernel_value(item->kernel, index, &a->r, sizeof a->r)
                                   : syn_kernel_value(item->kernel, index, &f, sizeof f);
    }
    syn_buffer *buffer = NULL;
    if (a->kind == SYN_ARG_SCRATCH) {
        const syn_place *p = &l->place[l->area[a->value].place];
        int64_t end = p->bytes; /* up to the next piece: no two overlap */
        for (int k = 0; k < item->call.n_args; k++) {
            const syn_arg *other = &item->call.arg[k];
            if (other->kind == SYN_ARG_SCRATCH && other->i > a->i && other->i < end) end = other->i;
        }
        if (!syn_grow(&item->piece, &item->cap_pieces, item->n_pieces + 1, sizeof *item->piece))
            return syn_no_memory(sizeof *item->piece);
        SYN_TRY(syn_buffer_sub(&buffer, l->slab[p->slab], p->offset + a->i, end - a->i));
        item->piece[item->n_pieces++] = buffer;
        return syn_kernel_buffer(item->kernel, index, buffer);
    }
    SYN_TRY(buffer_of(item, a, l, b, &buffer));
    return syn_kernel_buffer(item->kernel, index, buffer);
}

syn_status syn_item_bind(syn_item *item, const syn_list *l, const syn_binding *b, syn_dtype dtype) {
    if (item->in_library && item->area < 0) return SYN_OK;
    if (item->in_library) {
        const syn_place *p = &l->place[l->area[item->area].place];
        return syn_buffer_sub(&item->scratch_buffer, l->slab[p->slab], p->offset, p->bytes);
    }
    SYN_TRY(syn_kernels_get(b->kernels, item->instance, &item->kernel));
    SYN_TRY(syn_kernel_check(item->kernel, item->call.dims, item->call.local));
    for (int k = 0; k < item->call.n_args; k++) SYN_TRY(bind_arg(item, k, l, b, dtype));
    return SYN_OK;
}

syn_status syn_list_bind(syn_list *l, const syn_binding *b, syn_dtype dtype) {
    const syn_graph *g = l->graph;
    const char *stages = getenv("SYNCLINE_TRACE");
    l->trace = stages && strstr(stages, "run");
    l->value = calloc((size_t)g->n_values + 1, sizeof *l->value);
    if (!l->value) return syn_no_memory((size_t)g->n_values * sizeof *l->value);
    for (int i = 0; i < l->n_slabs; i++) l->slab[i] = b->slab[i];
    for (int v = 0; v < g->n_values; v++) {
        const syn_value *value = &g->value[v];
        if (value->alias >= 0) continue;
        if (value->kind == SYN_VALUE_PARAM) l->value[v] = b->param[value->param];
        if (value->kind == SYN_VALUE_GRAD) l->value[v] = b->grad[value->param];
        if (value->kind != SYN_VALUE_TEMP || l->storage[v] != v) continue;
        const syn_place *p = &l->place[v];
        SYN_TRY(syn_buffer_sub(&l->value[v], b->slab[p->slab], p->offset, p->bytes));
    }
    /* What lies in another's place is the same object: of two that overlap a kernel may read one and write the other
     * with any result. */
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].kind == SYN_VALUE_TEMP && g->value[v].alias < 0 && l->storage[v] >= 0 && l->storage[v] != v)
            SYN_TRY(syn_buffer_again(&l->value[v], l->value[l->storage[v]]));
    for (int i = 0; i < l->n_items; i++)
        if (!l->item[i].phase) SYN_TRY(syn_item_bind(&l->item[i], l, b, dtype));
    return syn_phases_bind(l, b, dtype);
}

syn_status syn_value_read(const syn_list *l, int value, syn_dtype dtype, double *out, int64_t n) {
    syn_buffer *b = l->value[syn_value_root(l->graph, value)];
    return syn_value_half(l->graph, value, dtype) ? syn_halves_read(b, out, n) : syn_reals_read(b, dtype, 0, out, n);
}

syn_status syn_value_write(const syn_list *l, int value, syn_dtype dtype, const double *in, int64_t n) {
    syn_buffer *b = l->value[syn_value_root(l->graph, value)];
    return syn_value_half(l->graph, value, dtype) ? syn_halves_write(b, in, n) : syn_reals_write(b, dtype, 0, in, n);
}

syn_status syn_item_run(syn_item *item, const syn_list *l, syn_ctx *ctx) {
    syn_ctx_record_tag(ctx, item);
    if (!item->in_library)
        return syn_kernel_run(item->kernel, item->call.dims, item->call.global, item->call.local);
    const syn_arg *a = item->call.arg;
    return syn_gemm_clblast(ctx, &item->gemm, l->value[syn_value_root(l->graph, a[0].value)],
                            l->value[syn_value_root(l->graph, a[1].value)],
                            l->value[syn_value_root(l->graph, a[2].value)], item->scratch_buffer);
}

/* Phases of one program in a row, as few as make a launch of their own when they are wanted apart. */
static int phases_at(const syn_list *l, int first, int end) {
    int n = 0;
    while (first + n < end && l->item[first + n].phase && l->item[first + n].call.apart == l->item[first].call.apart &&
           !(n && l->apart))
        n++;
    return n;
}

int syn_list_launches(const syn_list *l, int first, int count) {
    int launches = 0;
    for (int i = first, n; i < first + count; i += n ? n : 1, launches++) n = phases_at(l, i, first + count);
    return launches;
}

static syn_status run_once(syn_list *l, syn_ctx *ctx, int first, int count) {
    for (int i = first, n; i < first + count; i += n ? n : 1) {
        n = phases_at(l, i, first + count);
        for (int k = i; l->trace && k < i + (n ? n : 1); k++) {
            const syn_call *c = &l->item[k].call;
            syn_ctx_log(ctx, SYN_LOG_TRACE, "run: %d rows, launch %d: %s %zu x %zu x %zu%s", l->rows, k,
                        l->item[k].in_library ? "gemm" : c->entry, c->global[0], c->global[1], c->global[2],
                        n ? ", a phase" : "");
        }
        SYN_TRY(n ? syn_phases_run(l, ctx, i, n, 1) : syn_item_run(&l->item[i], l, ctx));
    }
    return SYN_OK;
}

syn_status syn_list_run(syn_list *l, syn_ctx *ctx, int first, int count) {
    if (l->times > 1 && phases_at(l, first, first + count) == count) return syn_phases_run(l, ctx, first, count, l->times);
    for (int i = 0; i < (l->times > 1 ? l->times : 1); i++) SYN_TRY(run_once(l, ctx, first, count));
    return SYN_OK;
}
