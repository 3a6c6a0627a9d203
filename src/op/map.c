/* The op of map programs: graph nodes and their gradients. The kernel text is made in map_text.c. */
#include "op/map.h"
#include "op/map_text.h"
#include "op/ops.h"

#include <stdlib.h>
#include <string.h>

static int apply(syn_graph *g, const syn_fn *fn, int form, const int *in, int n_in, int like,
                 const int src[4], const double *attr, uint32_t stream) {
    syn_prog *prog = calloc(1, sizeof *prog);
    syn_ins *ins = calloc(1, sizeof *ins);
    int out = syn_graph_like(g, like);
    int node = prog && ins ? syn_graph_node(g, &syn_op_map, in, n_in, &out, 1) : -1;
    if (node < 0) {
        g->failed = true;
        free(prog);
        free(ins);
        return -1;
    }
    *ins = (syn_ins){ .fn = fn, .form = form, .stream = stream };
    memcpy(ins->src, src, sizeof ins->src);
    if (attr) memcpy(ins->attr, attr, sizeof *attr * (size_t)syn_fn_attrs(fn));
    *prog = (syn_prog){ .ins = ins, .n_ins = 1, .cap = 1 };
    prog->out[0] = n_in;
    g->node[node].prog = prog;
    return out;
}

int syn_map_apply(syn_graph *g, const syn_fn *fn, const int *in, int n_in, const double *attr,
                  uint32_t stream) {
    int src[4] = { 0, n_in > 1 ? 1 : -1, -1, -1 };
    return apply(g, fn, 0, in, n_in, in[0], src, attr, stream);
}

int syn_map_add(syn_graph *g, int a, int b) {
    return syn_map_apply(g, syn_fn_find("sum"), (int[]){ a, b }, 2, NULL, 0);
}

static int copy(syn_graph *g, int x) {
    return syn_map_apply(g, syn_fn_find("linear"), &x, 1, NULL, 0);
}

const syn_grad_ops syn_map_grad_ops = { .copy = copy, .add = syn_map_add };

/* Gradients are taken before fusion, when every map node is one instruction. */
static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    const syn_node n = g->node[node];
    const syn_ins ins = n.prog->ins[0];
    if (ins.form != 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: second derivatives are not there", ins.fn->row.name);
    int y = n.out[0], dy = dout[0];
    if (ins.fn->grads && need[0] && need[1] && ins.fn->grads(g, n.in, dy, din)) return SYN_OK;
    for (int k = 0; k < n.n_in; k++) {
        if (!need[k]) continue;
        const char *d = syn_fn_text(ins.fn, k + 1, ins.attr);
        int dx = dy;
        if (strcmp(d, "1") != 0) {
            /* Read what the expression names: dy always, then operands, then y. */
            int in[4] = { dy }, n_in = 1, src[4] = { 0, -1, -1, -1 };
            const char *const name[] = { n.n_in > 1 ? "a" : "x", "b" };
            for (int o = 0; o < n.n_in; o++)
                if (syn_expr_uses(d, name[o])) {
                    src[1 + o] = n_in;
                    in[n_in++] = n.in[o];
                }
            if (syn_expr_uses(d, "y")) {
                src[3] = n_in;
                in[n_in++] = y;
            }
            dx = apply(g, ins.fn, k + 1, in, n_in, dy, src, ins.attr, ins.stream);
        }
        bool same = syn_value_count(g, n.in[k]) == syn_value_count(g, y) &&
                    g->value[n.in[k]].batched == g->value[y].batched;
        din[k] = same ? dx : syn_colsum(g, dx, g->value[n.in[k]].shape);
    }
    return SYN_OK;
}

const syn_op syn_op_map = {
    .name = "map", .grad = grad, .emit = syn_map_emit, .in_place = SYN_IN_PLACE_ALL
};
