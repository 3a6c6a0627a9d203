/* Random masks kept: what one map draws and a later one would draw again is stored, where the
 * profile says that this is cheaper. Dropout's as a bit an element, after fusing; programs then
 * have a port of bits. Numbers (gaussian_dropout, rrelu) as the derivative, an output like any
 * other, so that they are fused and placed like one. */
#include "op/map.h"

#include "base/expr.h"

#include <stdlib.h>
#include <string.h>

/* Bytes of the bits of one sample: see cl/base/mask.cl. */
static int64_t mask_bytes(const syn_graph *g, const syn_ins *ins, int like, const syn_profile *p,
                          syn_dtype dtype) {
    const int vec = dtype == SYN_DOUBLE ? p->vec_double : p->vec_float;
    const int64_t count = syn_value_count(g, like), cols = syn_value_cols(g, like);
    if (!p->cpu) return syn_ceil_div(count, 8);
    return count / cols / syn_fn_places(ins) * syn_ceil_div(cols, vec) * (vec > 8 ? 2 : 1);
}

static bool draws_the_same(const syn_graph *g, const syn_node *a, const syn_ins *x,
                           const syn_node *b, const syn_ins *y) {
    const int u = a->out[0], v = b->out[0];
    return x->fn == y->fn && x->stream == y->stream &&
           memcmp(x->attr, y->attr, sizeof x->attr) == 0 &&
           g->value[u].batched == g->value[v].batched &&
           syn_value_count(g, u) == syn_value_count(g, v) &&
           syn_value_cols(g, u) == syn_value_cols(g, v);
}

/* Lets the programs behind node i read what instruction k of it draws. */
static void keep_bits(syn_graph *g, const syn_op *map, int i, int k, const syn_profile *p,
                      syn_dtype dtype) {
    int bits = -1;
    for (int j = i + 1; j < g->n_nodes; j++) {
        if (g->node[j].op != map) continue;
        int port = 0;
        for (int m = 0; m < g->node[j].prog->n_ins; m++) {
            syn_node *from = &g->node[i], *to = &g->node[j];
            syn_ins *reader = &to->prog->ins[m];
            if (reader->bits || !draws_the_same(g, from, &from->prog->ins[k], to, reader)) continue;
            if ((bits < 0 && from->n_out == SYN_MAX_OUT) || (!port && to->n_in == SYN_MAX_IN))
                return;
            if (bits < 0) {
                const syn_ins *ins = &from->prog->ins[k];
                const int64_t words = syn_ceil_div(mask_bytes(g, ins, from->out[0], p, dtype), 4);
                bits = syn_graph_value(g, SYN_SHAPE(words), g->value[from->out[0]].batched);
                if (bits < 0) return;
                g->value[bits].integer = true;
                g->value[bits].producer = i;
                from->prog->ins[k].bits = from->n_out;
                from->out[from->n_out++] = bits;
            }
            if (!port) {
                /* Temps of instructions stand behind those of inputs. */
                const int n_in = port = to->n_in;
                for (int q = 0; q < to->prog->n_ins; q++)
                    for (int s = 0; s < 4; s++)
                        to->prog->ins[q].src[s] += to->prog->ins[q].src[s] >= n_in;
                for (int o = 0; o < to->n_out; o++) to->prog->out[o] += to->prog->out[o] >= n_in;
                to->in[to->n_in++] = bits;
            }
            reader->bits = -port;
        }
    }
}

syn_status syn_map_masks(syn_graph *g, const syn_profile *p, syn_dtype dtype) {
    for (int i = 0; p->masks >= SYN_MASKS_BITS && i < g->n_nodes; i++) {
        if (g->node[i].op != &syn_op_map) continue;
        for (int k = 0; k < g->node[i].prog->n_ins && !g->failed; k++) {
            const syn_ins *ins = &g->node[i].prog->ins[k];
            if (ins->fn->binary && !ins->bits) keep_bits(g, &syn_op_map, i, k, p, dtype);
        }
    }
    return g->failed ? syn_no_memory(sizeof(syn_value)) : SYN_OK;
}

/* ---- numbers: the derivative, which both passes multiply by ---- */

/* y = fn(x) becomes d = fn'(x); y = by(x, d), one launch with two outputs. Returns d, or -1. */
static int keep_number(syn_graph *g, int i) {
    syn_node *n = &g->node[i];
    syn_prog *prog = n->prog;
    const syn_ins drawn = prog->ins[0];
    const int d = syn_graph_like(g, n->out[0]);
    syn_ins *ins = d < 0 ? NULL : calloc(2, sizeof *ins);
    if (!ins) {
        g->failed = true;
        return -1;
    }
    g->value[d].wide = true; /* the same numbers as were drawn */
    g->value[d].producer = i;
    ins[0] = drawn;
    ins[0].form = 1;
    ins[0].src[0] = -1;
    ins[0].src[1] = syn_expr_uses(syn_fn_text(drawn.fn, 1, drawn.attr), "x") ? 0 : -1;
    ins[1] = (syn_ins){ .fn = syn_fn_find(drawn.fn->by), .src = { 0, n->n_in, -1, -1 } };
    free(prog->ins);
    *prog = (syn_prog){ .ins = ins, .n_ins = 2, .cap = 2, .out = { n->n_in + 1, n->n_in } };
    n->out[n->n_out++] = d;
    return d;
}

syn_status syn_map_numbers(syn_graph *g, const syn_profile *p) {
    for (int i = 0; p->masks >= SYN_MASKS_KEPT && i < g->n_nodes && !g->failed; i++) {
        if (g->node[i].op != &syn_op_map || g->node[i].prog->n_ins != 1) continue;
        const syn_ins ins = g->node[i].prog->ins[0];
        int d = -1;
        for (int j = i + 1; ins.fn->by && ins.form == 0 && j < g->n_nodes && !g->failed; j++) {
            syn_node *n = &g->node[j];
            if (n->op != &syn_op_map || n->prog->n_ins != 1 || n->prog->ins[0].form != 1 ||
                !draws_the_same(g, &g->node[i], &ins, n, &n->prog->ins[0]))
                continue;
            if (d < 0) d = keep_number(g, i);
            if (d < 0) break;
            n->in[0] = n->in[n->prog->ins[0].src[0]];
            n->in[1] = d;
            n->n_in = 2;
            n->prog->ins[0] = (syn_ins){ .fn = syn_fn_find("product"), .src = { 0, 1, -1, -1 } };
            n->prog->out[0] = 2;
        }
    }
    return g->failed ? syn_no_memory(sizeof(syn_value)) : SYN_OK;
}

/* ---- what became of them ---- */

/* The output of a program that holds the numbers which instruction k draws, or -1. */
static int number_of(const syn_node *n, int k) {
    const syn_ins *ins = &n->prog->ins[k];
    for (int o = 0; ins->form == 1 && ins->src[0] < 0 && o < n->n_out; o++)
        if (n->prog->out[o] == n->n_in + k) return n->out[o];
    return -1;
}

syn_map_mask syn_map_mask_of(const syn_graph *g, uint32_t stream, int *kept) {
    int nodes = 0, last = -1;
    bool numbers = false, back = false;
    *kept = -1;
    for (int i = 0; i < g->n_nodes; i++) {
        const syn_prog *prog = g->node[i].prog;
        for (int k = 0; prog && k < prog->n_ins; k++) {
            const syn_ins *ins = &prog->ins[k];
            if (!ins->fn->draws || ins->stream != stream) continue;
            if (ins->bits > 0) {
                *kept = g->node[i].out[ins->bits];
                return SYN_MASK_BITS;
            }
            *kept = number_of(&g->node[i], k);
            if (*kept >= 0) return SYN_MASK_NUMBERS;
            numbers |= !ins->fn->binary;
            back |= ins->form > 0;
            nodes += i != last;
            last = i;
        }
    }
    if (nodes < 2) return nodes == 0 ? SYN_MASK_NONE : back ? SYN_MASK_FUSED : SYN_MASK_ONCE;
    return numbers ? SYN_MASK_DRAWN_NUMBERS : SYN_MASK_DRAWN;
}
