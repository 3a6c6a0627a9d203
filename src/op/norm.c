/* Parts of the normalisation ops. */
#include "op/norm.h"

#include <stdlib.h>

enum { SPAN = 2, SKEW = 1024 }; /* vectors of a work-item of fold; bytes */

int syn_norm_node(syn_graph *g, const syn_op *op, int x, int gamma, int beta, int flags, int rstd,
                  int mean, const int *more, int n_more) {
    int in[3] = { x }, out[SYN_MAX_OUT] = { syn_graph_like(g, x), rstd }, n_in = 1, n_out = 2;
    if (gamma >= 0) in[n_in++] = gamma;
    if (beta >= 0) in[n_in++] = beta;
    if (!(flags & SYN_NORM_RMS)) out[n_out++] = mean;
    for (int i = 0; i < n_more; i++) out[n_out++] = more[i];
    int node = syn_graph_node(g, op, in, n_in, out, n_out);
    if (node < 0) return -1;
    for (int o = 1; o < n_out; o++) g->value[out[o]].wide = true;
    g->node[node].i[0] =
        flags | (gamma >= 0 ? SYN_NORM_GAMMA : 0) | (beta >= 0 ? SYN_NORM_BETA : 0);
    return node;
}

syn_norm_ports syn_norm_forward(const syn_node *n) {
    int flags = n->i[0], k = 1;
    syn_norm_ports p = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    p.x = n->in[0];
    if (flags & SYN_NORM_GAMMA) p.gamma = n->in[k++];
    if (flags & SYN_NORM_BETA) p.beta = n->in[k];
    p.y = n->out[0];
    p.rstd = n->out[1];
    if (!(flags & SYN_NORM_RMS)) p.mean = n->out[2];
    return p;
}

syn_norm_ports syn_norm_backward(const syn_node *n) {
    int flags = n->i[0], k = 3, o = 0;
    syn_norm_ports p = { -1, -1, -1, -1, -1, -1, -1, -1, -1, -1 };
    p.x = n->in[0];
    p.dy = n->in[1];
    p.rstd = n->in[2];
    if (!(flags & SYN_NORM_RMS)) p.mean = n->in[k++];
    if (flags & SYN_NORM_GAMMA) p.gamma = n->in[k];
    if (flags & SYN_NORM_DX) p.dx = n->out[o++];
    if (flags & SYN_NORM_DGAMMA) p.dgamma = n->out[o++];
    if (flags & SYN_NORM_DBETA) p.dbeta = n->out[o];
    return p;
}

syn_status syn_norm_grad(syn_graph *g, int node, const syn_op *op, int dy, const bool *need,
                         bool params, int *din) {
    const syn_node n = g->node[node];
    const syn_norm_ports p = syn_norm_forward(&n);
    int flags = n.i[0] & (SYN_NORM_GAMMA | SYN_NORM_BETA | SYN_NORM_RMS),
        at_beta = 1 + (p.gamma >= 0);
    if (need[0]) flags |= SYN_NORM_DX;
    if (params || (p.gamma >= 0 && need[1])) flags |= SYN_NORM_DGAMMA;
    if (params || (p.beta >= 0 && need[at_beta])) flags |= SYN_NORM_DBETA;
    int in[5] = { p.x, dy, p.rstd }, out[3], n_in = 3, n_out = 0, o = 0;
    if (p.mean >= 0) in[n_in++] = p.mean;
    if (p.gamma >= 0) in[n_in++] = p.gamma;
    const syn_shape channels = SYN_SHAPE(syn_value_cols(g, p.x));
    if (flags & SYN_NORM_DX) out[n_out++] = syn_graph_like(g, p.x);
    if (flags & SYN_NORM_DGAMMA) out[n_out++] = syn_graph_value(g, channels, false);
    if (flags & SYN_NORM_DBETA) out[n_out++] = syn_graph_value(g, channels, false);
    int made = syn_graph_node(g, op, in, n_in, out, n_out);
    if (made < 0) return syn_no_memory(sizeof(syn_node));
    for (int k = 1; k < 4; k++) g->node[made].i[k] = n.i[k];
    for (int k = 0; k < 4; k++) g->node[made].r[k] = n.r[k];
    g->node[made].i[0] = flags;
    if (flags & SYN_NORM_DX) din[0] = out[o++];
    if (flags & SYN_NORM_DGAMMA) {
        if (p.gamma >= 0 && need[1]) din[1] = out[o];
        o++;
    }
    if (flags & SYN_NORM_DBETA && p.beta >= 0 && need[at_beta]) din[at_beta] = out[o];
    return SYN_OK;
}

void syn_norm_defines(const syn_emit *e, const syn_node *n, bool forward, syn_text *t) {
    static const char *const name[] = { "GAMMA", "BETA", "RMS", "DX", "DGAMMA", "DBETA" };
    for (size_t i = 0; i < SYN_COUNT(name); i++)
        syn_text_add(t, "#define %s %d\n", name[i], (n->i[0] >> i) & 1);
    syn_text_add(t, "#define FORWARD %d\n#define COLS %lld\n#define EPS %.17g\n", forward,
                 (long long)syn_value_cols(e->graph, n->in[0]), n->r[0]);
}

syn_status syn_norm_call(syn_emit *e, syn_call *c, syn_text *defs, int64_t scratch) {
    return syn_norm_call_with(e, c, defs, scratch, 0, -1);
}

syn_status syn_norm_call_with(syn_emit *e, syn_call *c, syn_text *defs, int64_t scratch, int map,
                              int y) {
    if (syn_text_status(defs) != SYN_OK) {
        syn_text_free(defs);
        return syn_no_memory(256);
    }
    c->defs = defs->s;
    syn_status status = map ? e->epilogue(e, c, map, y) : SYN_OK;
    if (status == SYN_OK) return e->call(e, c, scratch);
    free(c->defs);
    free(c->text);
    return status;
}

int syn_norm_map(const syn_emit *e, const syn_node *n, int y) {
    if (!n->map || (!e->profile->cpu && syn_emit_vec(e) > 1)) return 0;
    const syn_node *map = &e->graph->node[n->map];
    for (int i = 0; !e->profile->cpu && i < map->prog->n_ins; i++)
        if (map->prog->ins[i].bits > 0) return 0; /* a work-group of maps joins them */
    return syn_value_half(e->graph, map->out[0], e->dtype) == syn_value_half(e->graph, y, e->dtype)
               ? n->map
               : 0;
}

int64_t syn_norm_area(const syn_emit *e, int64_t cols, int64_t blocks) {
    return syn_round_up(cols * blocks * syn_emit_real(e), e->profile->align);
}

int64_t syn_norm_skew(const syn_emit *e) { return syn_round_up(SKEW, e->profile->align); }

syn_status syn_norm_fold_at(syn_emit *e, const syn_norm_ports *p, int64_t cols, int64_t blocks,
                            const int64_t *at, int64_t scratch) {
    if (p->dgamma < 0 && p->dbeta < 0) return SYN_OK;
    int64_t span = e->profile->cpu ? SPAN * syn_emit_vec(e) : 1;
    syn_text defs = { 0 };
    syn_text_add(&defs,
                 "#define COLS %lld\n#define SPAN %lld\n#define DGAMMA %d\n#define DBETA %d\n",
                 (long long)cols, (long long)span, p->dgamma >= 0, p->dbeta >= 0);
    syn_call c = { .source = "op/fold.cl", .entry = "fold", .dims = 1 };
    for (int k = 0; k < 2; k++) {
        int to = k ? p->dbeta : p->dgamma;
        if (to < 0) continue;
        syn_arg part = syn_scratch(at[k]);
        part.writes = false;
        syn_call_arg(&c, part);
        syn_call_arg(&c, syn_out(to));
        c.bytes += (double)((blocks + 1) * cols * syn_emit_real(e));
    }
    syn_call_arg(&c, syn_int(blocks));
    c.local[0] = e->profile->cpu ? 1 : 64;
    c.global[0] = (size_t)syn_round_up(syn_ceil_div(cols, span), (int64_t)c.local[0]);
    return syn_norm_call(e, &c, &defs, scratch);
}

syn_status syn_norm_fold(syn_emit *e, const syn_norm_ports *p, int64_t cols, int64_t blocks,
                         int64_t scratch) {
    const int64_t at[] = { 0, syn_norm_area(e, cols, blocks) };
    return syn_norm_fold_at(e, p, cols, blocks, at, scratch);
}

static int64_t divisor(int64_t a, int64_t b) { return b ? divisor(b, a % b) : a; }

void syn_norm_columns(const syn_emit *e, int64_t cols, int64_t group, int64_t second, syn_call *c,
                      syn_text *defs) {
    enum { CPU_WIDTH = 256, CPU_PARTS = 4, GPU_WIDTH = 32, GPU_LANES = 8 };
    int64_t width, lanes = 1;
    if (e->profile->cpu) { /* whole vectors and whole groups */
        int64_t vec = syn_emit_vec(e);
        width = group * vec / divisor(group, vec);
        int64_t all = syn_ceil_div(cols, width), least = width;
        if (second == 1) { /* all rows in one item: a few items even of few columns */
            width = 2 * vec;
            while (width < CPU_WIDTH && width * CPU_PARTS < cols) width *= 2;
            width = syn_round_up(width, least);
        } else {
            width *= width * all < CPU_WIDTH ? all : width < CPU_WIDTH ? CPU_WIDTH / width : 1;
        }
    } else {
        width = group * (GPU_WIDTH / group);
        lanes =
            e->profile->max_group / width < GPU_LANES ? e->profile->max_group / width : GPU_LANES;
        if (lanes < 1) lanes = 1;
    }
    syn_text_add(defs, "#define WIDTH %lld\n#define LANES %lld\n", (long long)width,
                 (long long)lanes);
    c->dims = 2;
    c->local[0] = e->profile->cpu ? 1 : (size_t)width;
    c->local[1] = (size_t)lanes;
    c->global[0] = (size_t)syn_ceil_div(cols, width) * c->local[0];
    c->global[1] = (size_t)(second * lanes);
}
