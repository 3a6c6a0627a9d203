/* Cross entropies with options: of softmax(x) or of log-probabilities, against labels or distributions;
 * label smoothing, class weights, a label that is left out. Where the mean is not over the batch's rows a
 * first kernel counts what it is over. */
#include "op/loss.h"
#include "op/ops.h"
#include "op/row.h"


enum { MEAN, GRAD, FLAGS }; /* of node.i */
enum { SMOOTHING, IGNORED }; /* of node.r */
enum { OUT_LOSS, OUT_HIT, OUT_DX, OUT_NORM, OUTS };

int syn_class_loss_node(syn_graph *g, int x, int target, const syn_class_loss *o) {
    int out[OUTS] = { syn_graph_value(g, SYN_SHAPE(1), true), syn_graph_value(g, SYN_SHAPE(1), true),
                      syn_graph_like(g, x), syn_graph_value(g, SYN_SHAPE(1), false) };
    int node = syn_graph_node(g, &syn_op_class_loss, (int[]){ x, target }, 2, out, OUTS);
    if (node < 0) return -1;
    syn_node *n = &g->node[node];
    n->i[MEAN] = o->mean;
    n->i[FLAGS] = o->flags;
    n->r[SMOOTHING] = o->smoothing;
    n->r[IGNORED] = o->ignored;
    n->list = o->weights;
    g->value[out[OUT_HIT]].integer = true;
    syn_graph_add_loss(g, node, out[OUT_LOSS], out[OUT_HIT]);
    return node;
}

static syn_status grad(syn_graph *g, int node, const int *dout, const bool *need, int *din) {
    (void)dout;
    (void)need;
    g->node[node].i[GRAD] = 1;
    din[0] = g->node[node].out[OUT_DX];
    return SYN_OK;
}

static void defines(const syn_emit *e, syn_text *t, const syn_node *n, bool norm) {
    char common[SYN_LOSS_ROOM];
    int64_t classes = syn_value_cols(e->graph, n->in[0]);
    syn_text_add(t, "%s", syn_loss_defines(e, n, common));
    syn_text_add(t, "#define COLS %lld\n#define ROW_LANES %d\n", (long long)classes, syn_row_lanes(e, classes));
    syn_text_add(t, "#define MEAN %d\n#define GRAD %d\n#define NORM %d\n", n->i[MEAN], n->i[GRAD], norm);
    syn_text_add(t, "#define LOGITS %d\n#define LABELS %d\n#define BY_WEIGHT %d\n",
                 !(n->i[FLAGS] & SYN_CLASS_LOG_PROBABILITIES), !(n->i[FLAGS] & SYN_CLASS_DISTRIBUTIONS),
                 (n->i[FLAGS] & SYN_CLASS_BY_WEIGHT) != 0);
    syn_text_add(t, "#define SMOOTHING %.17g\n#define IGNORED %.0f\n#define SMOOTH %d\n", n->r[SMOOTHING],
                 n->r[IGNORED], n->r[SMOOTHING] > 0);
    syn_text_add(t, "#define WEIGHTS %d\n", n->list != NULL);
    if (!n->list) return;
    syn_text_add(t, "#define WEIGHT_LIST ");
    for (int64_t k = 0; k < classes; k++) syn_text_add(t, "%.17g%s", n->list[k], k + 1 < classes ? ", " : "\n");
}

static syn_status call(syn_emit *e, const syn_node *n, syn_call *c, bool norm) {
    syn_text t = { 0 };
    defines(e, &t, n, norm);
    if (syn_text_status(&t) != SYN_OK) {
        syn_text_free(&t);
        return syn_no_memory(256);
    }
    c->defs = t.s;
    return e->call(e, c, 0);
}

static syn_status emit(syn_emit *e, const syn_node *n) {
    bool labels = !(n->i[FLAGS] & SYN_CLASS_DISTRIBUTIONS);
    bool norm = n->i[MEAN] && labels &&
                (n->r[IGNORED] >= 0 || (n->list && (n->i[FLAGS] & SYN_CLASS_BY_WEIGHT)));
    if (norm) {
        syn_call c = { .source = "op/class_loss.cl", .entry = "class_norm", .dims = 1, .global = { 1 },
                       .local = { 1 } };
        if (!e->profile->cpu) c.global[0] = c.local[0] = 64;
        syn_call_arg(&c, syn_in(n->in[1]));
        syn_call_arg(&c, syn_out(n->out[OUT_NORM]));
        syn_call_arg(&c, syn_int(e->rows));
        SYN_TRY(call(e, n, &c, true));
    }
    syn_call c = { .source = "op/class_loss.cl", .entry = "class_loss" };
    syn_row_items(e, &c, syn_emit_rows(e, n->in[0]), syn_value_cols(e->graph, n->in[0]));
    c.flops = 4.0 * (double)syn_emit_count(e, n->in[0]);
    c.bytes = 2.0 * syn_emit_bytes(e, n->in[0]);
    syn_call_arg(&c, syn_in(n->in[0]));
    syn_call_arg(&c, syn_in(n->in[1]));
    syn_loss_samples(e, n, &c);
    if (norm) syn_call_arg(&c, syn_in(n->out[OUT_NORM]));
    syn_call_arg(&c, syn_out(n->out[OUT_LOSS]));
    syn_call_arg(&c, syn_out(n->out[OUT_HIT]));
    if (n->i[GRAD]) syn_call_arg(&c, syn_out(n->out[OUT_DX]));
    syn_call_arg(&c, syn_int(e->rows));
    return call(e, n, &c, norm);
}

const syn_op syn_op_class_loss = { .name = "class_loss", .grad = grad, .emit = emit };
