/* Masks of dropout kept as bits: what one map draws and a later one would draw again is stored, a
 * bit an element, where the profile says that this is cheaper. Runs after fusing; programs then
 * have a port of bits. */
#include "op/map.h"

#include <string.h>

/* Bytes of the bits of one sample: see cl/base/mask.cl. */
static int64_t mask_bytes(const syn_graph *g, int like, const syn_profile *p, syn_dtype dtype) {
    const int vec = dtype == SYN_DOUBLE ? p->vec_double : p->vec_float;
    const int64_t count = syn_value_count(g, like), cols = syn_value_cols(g, like);
    if (!p->cpu) return syn_ceil_div(count, 8);
    return count / cols * syn_ceil_div(cols, vec) * (vec > 8 ? 2 : 1);
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
                const int64_t words = syn_ceil_div(mask_bytes(g, from->out[0], p, dtype), 4);
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
    for (int i = 0; p->mask_bits && i < g->n_nodes; i++) {
        if (g->node[i].op != &syn_op_map) continue;
        for (int k = 0; k < g->node[i].prog->n_ins && !g->failed; k++)
            if (g->node[i].prog->ins[k].fn->binary && !g->node[i].prog->ins[k].bits)
                keep_bits(g, &syn_op_map, i, k, p, dtype);
    }
    return g->failed ? syn_no_memory(sizeof(syn_value)) : SYN_OK;
}

syn_map_mask syn_map_mask_of(const syn_graph *g, uint32_t stream, int64_t *bytes) {
    int nodes = 0, last = -1, numbers = 0, forms = 0;
    *bytes = 0;
    for (int i = 0; i < g->n_nodes; i++) {
        const syn_prog *prog = g->node[i].prog;
        for (int k = 0; prog && k < prog->n_ins; k++) {
            const syn_ins *ins = &prog->ins[k];
            if (!ins->fn->draws || ins->stream != stream) continue;
            if (ins->bits > 0) {
                const int v = g->node[i].out[ins->bits];
                *bytes = 4 * syn_value_count(g, v);
                return SYN_MASK_BITS;
            }
            numbers += !ins->fn->binary;
            forms += ins->form > 0;
            nodes += i != last;
            last = i;
        }
    }
    if (nodes < 2) return nodes == 0 ? SYN_MASK_NONE : forms ? SYN_MASK_FUSED : SYN_MASK_ONCE;
    return numbers ? SYN_MASK_NUMBERS : SYN_MASK_DRAWN;
}
