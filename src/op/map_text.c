/* Writes the OpenCL C of a map program.
 *
 * The program's body is written for vectors and for tails (CPUs), or for scalars (GPUs). Elements
 * are seen as rows x cols, cols being the last axis: an input that is one row or one value is
 * broadcast, and random functions address their bits by (row, col), so that a mask depends neither
 * on fusion nor on the kernel variant. */
#include "op/map_text.h"
#include "op/map_body.h"

static void write_signature(syn_map_writer *w) {
    syn_text *t = &w->t;
    syn_text_add(t, "KERNEL(map)(");
    for (int k = 0; k < w->n->n_in; k++)
        syn_text_add(t, "__global const %s *i%d, ", syn_map_type(w, w->n->in[k]), k);
    for (int o = 0; o < w->n->n_out; o++)
        syn_text_add(t, "__global %s *o%d, ", syn_map_type(w, w->n->out[o]), o);
    if (w->random) syn_text_add(t, "__global const uint *ctl, ");
    /* Streams are arguments: layers that differ in nothing else share their kernel. */
    for (int i = 0; i < w->n->prog->n_ins; i++)
        if (syn_map_draws(&w->n->prog->ins[i])) syn_text_add(t, "const uint s%d, ", i);
    syn_text_add(t, "const int rows) {\n");
    syn_map_write_step(w);
}

/* Columns begin .. end of rows that share their draws: those are made once, then the rows run. */
static void write_shared(syn_map_writer *w, int most) {
    syn_text *t = &w->t;
    const int64_t rows = w->shared, left = w->cols % w->vec;
    for (int i = 0; i < w->n->prog->n_ins; i++) {
        const syn_ins *ins = &w->n->prog->ins[i];
        if (!ins->fn->shared_by) continue;
        syn_text_add(t,
                     "uintv shared%d[%d];\n{ const int row = first;\n"
                     "for (int col = begin; col < end; col += SYN_VEC) { ",
                     i, most);
        syn_map_write_shared(w, i);
        syn_text_add(t, "shared%d[(col - begin) / SYN_VEC] = u; } }\n", i);
    }
    syn_text_add(t, "for (int row = first; row < first + %lld; row++) {\nint col = begin;\n",
                 (long long)rows);
    if (w->cols >= w->vec) {
        syn_text_add(t,
                     "for (; col + SYN_VEC <= end; col += SYN_VEC) {\n"
                     "const int at = row * %lld + col;\n",
                     (long long)w->cols);
        syn_map_write_body(w, SYN_MAP_VECTOR);
        syn_text_add(t, "}\n");
    }
    if (left) {
        syn_text_add(t, "if (col < end) {\nconst int at = row * %lld + col, left = %lld;\n",
                     (long long)w->cols, (long long)left);
        syn_map_write_body(w, SYN_MAP_TAIL);
        syn_text_add(t, "}\n");
    }
    syn_text_add(t, "}\n");
}

/* Samples whose rows share their draws: so many columns at a time that the draws stay in the first
 * cache. */
static size_t write_places(syn_map_writer *w, int run) {
    enum { VECTORS = 16 };
    syn_text *t = &w->t;
    const int64_t size = w->shared * w->cols, block = size >= run ? 1 : run / size,
                  vectors = syn_ceil_div(w->cols, w->vec);
    const int most = vectors < VECTORS ? (int)vectors : VECTORS;
    syn_text_add(t, "int first = (int)get_global_id(0) * %lld;\n", (long long)(block * w->shared));
    syn_text_add(t, "const int last = min(first + %lld, rows);\n", (long long)(block * w->shared));
    syn_text_add(t, "for (; first < last; first += %lld)\n", (long long)w->shared);
    syn_text_add(t,
                 "for (int begin = 0; begin < %lld; begin += %d) {\n"
                 "const int end = min(begin + %d, %lld);\n",
                 (long long)w->cols, most * w->vec, most * w->vec, (long long)w->cols);
    write_shared(w, most);
    syn_text_add(t, "}\n}\n");
    return (size_t)syn_ceil_div(w->rows / w->shared, block);
}

/* CPU: a work-item takes a run of elements (flat), or a block of rows, in whole vectors. */
static size_t write_cpu(syn_map_writer *w, int64_t count) {
    syn_text *t = &w->t;
    /* Elements of a work-item: small enough to share, large enough to pay. Where tensors outgrow
     * the caches, long runs stream better. */
    const int run = count >= 1 << 20 ? 8192 : 2048;
    if (!w->by_rows) {
        syn_text_add(t, "const int n = rows * %lld;\n", (long long)w->cols);
        syn_text_add(t, "int at = (int)get_global_id(0) * %d;\nconst int end = min(at + %d, n);\n",
                     run, run);
        syn_text_add(t, "for (; at + SYN_VEC <= end; at += SYN_VEC) {\n");
        syn_map_write_body(w, SYN_MAP_VECTOR);
        syn_text_add(t, "}\n");
        if (w->vec > 1) {
            syn_text_add(t, "const int left = end - at;\nif (left > 0) {\n");
            syn_map_write_body(w, SYN_MAP_TAIL);
            syn_text_add(t, "}\n");
        }
        syn_text_add(t, "}\n");
        return (size_t)syn_ceil_div(count, run);
    }
    if (w->shared) return write_places(w, run);
    int64_t block = w->cols >= run ? 1 : run / w->cols;
    syn_text_add(t, "int row = (int)get_global_id(0) * %lld;\n", (long long)block);
    syn_text_add(t, "const int last = min(row + %lld, rows);\n", (long long)block);
    syn_text_add(t, "for (; row < last; row++) {\nint col = 0;\n");
    if (w->cols >= w->vec) {
        syn_text_add(t, "for (; col + SYN_VEC <= %lld; col += SYN_VEC) {\n", (long long)w->cols);
        syn_text_add(t, "const int at = row * %lld + col;\n", (long long)w->cols);
        syn_map_write_body(w, SYN_MAP_VECTOR);
        syn_text_add(t, "}\n");
    }
    if (w->cols % w->vec) {
        syn_text_add(t, "const int at = row * %lld + col, left = %lld;\n", (long long)w->cols,
                     (long long)(w->cols % w->vec));
        syn_map_write_body(w, SYN_MAP_TAIL);
    }
    syn_text_add(t, "}\n}\n");
    return (size_t)syn_ceil_div(count / w->cols, block);
}

/* GPU: a work-item an element. */
static size_t write_gpu(syn_map_writer *w, int64_t count) {
    syn_text *t = &w->t;
    syn_text_add(t, "const int at = (int)get_global_id(0), n = rows * %lld;\n", (long long)w->cols);
    for (int i = 0; i < w->n->prog->n_ins; i++)
        if (w->n->prog->ins[i].bits > 0)
            syn_text_add(t, "__local uchar kept%d[64];\n", w->n->prog->ins[i].bits);
    syn_text_add(t, w->kept ? "if (at < n) {\n" : "if (at >= n) return;\n");
    if (w->by_rows)
        syn_text_add(t, "const int row = at / %lld, col = at - row * %lld;\n", (long long)w->cols,
                     (long long)w->cols);
    syn_map_write_body(w, SYN_MAP_SCALAR);
    if (w->kept) syn_text_add(t, "}\nbarrier(CLK_LOCAL_MEM_FENCE);\n");
    for (int i = 0; i < w->n->prog->n_ins; i++) {
        const int port = w->n->prog->ins[i].bits;
        if (port > 0) syn_text_add(t, "mask_store(kept%d, o%d, n);\n", port, port);
    }
    syn_text_add(t, "}\n");
    return (size_t)count;
}

syn_status syn_map_epilogue(syn_emit *e, const syn_node *n, int given, syn_epilogue *ep) {
    syn_map_writer w;
    int64_t count;
    *ep = (syn_epilogue){ 0 };
    SYN_TRY(syn_map_open(&w, e, n, &count));
    syn_text params = { 0 }, args = { 0 };
    w.shared = 0; /* its rows come one by one */
    for (int k = 0; k < n->n_in; k++) {
        if (n->in[k] == given) {
            w.given = k; /* a map reads a value through one port */
            continue;
        }
        syn_text_add(&params, ", __global const %s *i%d", syn_map_type(&w, n->in[k]), k);
        syn_text_add(&args, ", i%d", k);
        ep->arg[ep->n_args++] = syn_in(n->in[k]);
        ep->bytes += syn_emit_bytes(e, n->in[k]);
    }
    for (int o = 1; o < n->n_out; o++) {
        syn_text_add(&params, ", __global %s *o%d", syn_map_type(&w, n->out[o]), o);
        syn_text_add(&args, ", o%d", o);
        ep->arg[ep->n_args++] = syn_out(n->out[o]);
        ep->bytes += syn_emit_bytes(e, n->out[o]);
    }
    if (n->passes_on) {
        syn_text_add(&params, ", __global %s *given", syn_map_type(&w, given));
        syn_text_add(&args, ", given");
        ep->arg[ep->n_args++] = syn_out(given);
        ep->bytes += syn_emit_bytes(e, given);
    }
    if (w.random) {
        syn_text_add(&params, ", __global const uint *ctl");
        syn_text_add(&args, ", ctl");
        ep->arg[ep->n_args++] = syn_block_arg(SYN_BLOCK_CONTROL, false);
    }
    for (int i = 0; i < n->prog->n_ins; i++) {
        if (!syn_map_draws(&n->prog->ins[i])) continue;
        syn_text_add(&params, ", const uint s%d", i);
        syn_text_add(&args, ", s%d", i);
        ep->arg[ep->n_args++] = syn_int(n->prog->ins[i].stream);
    }
    ep->flops = (double)count * n->prog->n_ins;
    syn_text_add(
        &w.t,
        "static void FN(epilogue)(const realv acc, const int row, const int col, const int left, "
        "__global %s *o0 EPILOGUE_PARAMS) {\n",
        syn_emit_type(e, n->out[0]));
    syn_map_write_step(&w);
    syn_text_add(&w.t, "const int at = row * %lld + col;\nif (left >= SYN_VEC) {\n",
                 (long long)w.cols);
    syn_map_write_body(&w, SYN_MAP_VECTOR);
    if (n->passes_on) syn_text_add(&w.t, "VSTORE(acc, given, at);\n");
    if (w.vec > 1) {
        syn_text_add(&w.t, "} else {\n");
        syn_map_write_body(&w, SYN_MAP_TAIL);
        if (n->passes_on) syn_text_add(&w.t, "VSTORE_TAIL(acc, given, at, left);\n");
    }
    syn_text_add(&w.t, "}\n}\n");
    syn_text_add(&params, " ");
    syn_text_add(&args, " ");
    ep->text = w.t.s;
    ep->params = params.s;
    ep->args = args.s;
    if (!w.t.failed && !params.failed && !args.failed) return SYN_OK;
    syn_epilogue_free(ep);
    return syn_no_memory(4096);
}

syn_status syn_map_emit(syn_emit *e, const syn_node *n) {
    syn_map_writer w;
    int64_t count;
    SYN_TRY(syn_map_open(&w, e, n, &count));
    write_signature(&w);
    size_t items = e->profile->cpu ? write_cpu(&w, count) : write_gpu(&w, count);
    if (syn_text_status(&w.t) != SYN_OK) {
        syn_text_free(&w.t);
        return syn_no_memory(4096);
    }
    syn_call c = { .text = w.t.s, .entry = "map", .dims = 1 };
    for (int k = 0; k < n->n_in; k++) {
        syn_call_arg(&c, syn_in(n->in[k]));
        c.bytes += syn_emit_bytes(e, n->in[k]);
    }
    for (int o = 0; o < n->n_out; o++) {
        syn_call_arg(&c, syn_out(n->out[o]));
        c.bytes += syn_emit_bytes(e, n->out[o]);
    }
    if (w.random) syn_call_arg(&c, syn_block_arg(SYN_BLOCK_CONTROL, false));
    for (int i = 0; i < n->prog->n_ins; i++)
        if (syn_map_draws(&n->prog->ins[i])) syn_call_arg(&c, syn_int(n->prog->ins[i].stream));
    syn_call_arg(&c, syn_int(count / w.cols));
    c.flops = (double)count * n->prog->n_ins;
    c.global[0] = items;
    c.local[0] = 1;
    if (!e->profile->cpu) {
        c.local[0] = 64;
        c.global[0] = (size_t)syn_round_up((int64_t)items, 64);
    }
    return e->call(e, &c, 0);
}
