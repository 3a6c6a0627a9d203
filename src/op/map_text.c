/* Writes the OpenCL C of a map program.
 *
 * The program's body is written for vectors and for tails (CPUs), or for scalars (GPUs). Elements
 * are seen as rows x cols, cols being the last axis: an input that is one row or one value is
 * broadcast, and random functions address their bits by (row, col), so that a mask depends neither
 * on fusion nor on the kernel variant. */
#include "op/map.h"
#include "op/map_text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef enum { FULL, ROW, ONE, BITS } extent; /* how an input meets the elements */

/* A place is a whole vector, the `left` elements that remain of a row or run, or one element. Tails
 * are vectors too, padded: a dozen scalar calls of exp would cost as much as the row before them.
 */
typedef enum { VECTOR, TAIL, SCALAR } body;

typedef struct writer {
    syn_text t;
    const syn_emit *e;
    const syn_node *n;
    extent in[SYN_MAX_IN];
    bool random, by_rows;
    int kept;       /* masks written */
    int64_t shared; /* rows that share their draws, made before their loop; 0: none */
    int vec;
    int64_t rows, cols;
    int given; /* the input that is no buffer but the vector `acc`, or -1 */
} writer;

static bool draws(const syn_ins *ins) { return ins->fn->draws && ins->bits >= 0; }
static bool is_bits(const writer *w, int value) { return w->e->graph->value[value].integer; }
static const char *type_of(const writer *w, int value) {
    return is_bits(w, value) ? "maskv" : syn_emit_type(w->e, value);
}

/* Words u (and v) of the elements at (row, col). A stream is told apart by micro-batch where
 * several make a step. Monte Carlo passes count in the step's place; there rows are those of the
 * data set, so that what a sample draws depends neither on its batch nor on training. */
static void write_draws(writer *w, int i, bool vector) {
    const syn_ins *ins = &w->n->prog->ins[i];
    const syn_fn *fn = ins->fn;
    syn_text *t = &w->t;
    const char *type = vector ? "uintv" : "uint";
    if (fn->shared_by && w->shared) {
        syn_text_add(t, "const %s u = shared%d; ", type, i);
        return;
    }
    syn_text_add(t, "const uint from = %s", w->e->passes ? "row + CTL_CURSOR(ctl) * " : "row");
    if (w->e->passes) syn_text_add(t, "%lldu", (long long)(w->rows / w->e->rows));
    syn_text_add(t, "; ");
    if (fn->shared_by)
        syn_text_add(t, "const uint place = from / %.0fu; ", ins->attr[fn->shared_by]);
    const char *row = fn->shared_by ? "place" : "from";
    if (fn->draws > 1)
        syn_text_add(t, "%s u, v; syn_random_2%s(", type, vector ? "v" : "s");
    else
        syn_text_add(t, "const %s u = syn_random_%s(", type, vector ? "v" : "s");
    syn_text_add(t, "%s, col, s%d%s, step, key%s); ", row, i,
                 w->e->passes  ? " ^ 0x80000000u"
                 : w->e->micro ? " ^ (CTL_GRADS(ctl) << 20)"
                               : "",
                 fn->draws > 1 ? ", &u, &v" : "");
}

/* The bits of a mask instead: read as words that keep() decides on alike, or stored besides. */
static void write_bits(writer *w, const syn_ins *ins, bool vector) {
    syn_text *t = &w->t;
    const int port = ins->bits > 0 ? ins->bits : -ins->bits;
    char word[64];
    snprintf(word, sizeof word, "%c%d[row * %lldu + (uint)col / SYN_VEC]",
             ins->bits > 0 ? 'o' : 'i', port, (long long)syn_ceil_div(w->cols, w->vec));
    if (w->e->profile->cpu && ins->bits > 0)
        syn_text_add(t, "%s = mask_pack(u, thr); ", word);
    else if (w->e->profile->cpu)
        syn_text_add(t, "const uint%s u = mask_words(%s); ", vector ? "v" : "", word);
    else if (ins->bits > 0)
        syn_text_add(t, "kept%d[get_local_id(0)] = u >= thr; ", port);
    else
        syn_text_add(t, "const uint u = i%d[at / 8] >> (at %% 8) & 1 ? MASK_ALL : 0; ", port);
}

/* One instruction in a block of its own, where operands and attributes have their names. */
static void write_ins(writer *w, int i, const char *type) {
    const syn_ins *ins = &w->n->prog->ins[i];
    const syn_fn *fn = ins->fn;
    syn_text *t = &w->t;
    bool two = fn->operands > 1;
    const char *expr = syn_fn_text(fn, ins->form, ins->attr);
    syn_text_add(t, "%s t%d; { ", type, w->n->n_in + i);
    const char *const names[2] = { two ? "a" : "x", "b" };
    if (ins->form == 0) {
        for (int k = 0; k < 2; k++)
            if (ins->src[k] >= 0)
                syn_text_add(t, "const %s %s = t%d; ", type, names[k], ins->src[k]);
    } else {
        for (int k = 0; k < 2; k++)
            if (ins->src[1 + k] >= 0)
                syn_text_add(t, "const %s %s = t%d; ", type, names[k], ins->src[1 + k]);
        if (ins->src[3] >= 0) syn_text_add(t, "const %s y = t%d; ", type, ins->src[3]);
    }
    if (fn->constants) {
        fn->constants(ins->attr, type, t);
        syn_text_add(t, " ");
    } else {
        for (int a = 0; a < syn_fn_attrs(fn); a++)
            syn_text_add(t, "const %s %s = (%s)(%.17g); ", type, fn->row.attr[a].name, type,
                         ins->attr[a]);
    }
    bool vector = strcmp(type, "realv") == 0;
    if (draws(ins)) write_draws(w, i, vector);
    if (ins->bits) write_bits(w, ins, vector);
    syn_text_add(t, "t%d = ", w->n->n_in + i);
    if (ins->form) syn_text_add(t, "t%d * ", ins->src[0]);
    syn_text_add(t, "(");
    syn_text_typed(t, expr, type);
    syn_text_add(t, "); }\n");
}

/* Loads, instructions and stores of one place; `at` is the element, `col` its column. */
static void write_body(writer *w, body kind) {
    bool vector = kind != SCALAR;
    const char *type = vector ? "realv" : "real", *load = vector ? "VLOAD" : "LOAD";
    syn_text *t = &w->t;
    for (int k = 0; k < w->n->n_in; k++) {
        if (w->in[k] == BITS) continue;
        if (k == w->given)
            syn_text_add(t, "const %s t%d = acc;\n", type, k);
        else if (w->in[k] == ONE)
            syn_text_add(t, "const %s t%d = (%s)(LOAD(i%d, 0));\n", type, k, type, k);
        else if (kind == TAIL)
            syn_text_add(t, "const realv t%d = VLOAD_TAIL(i%d, %s, left, 0);\n", k, k,
                         w->in[k] == ROW ? "col" : "at");
        else
            syn_text_add(t, "const %s t%d = %s(i%d, %s);\n", type, k, load, k,
                         w->in[k] == ROW ? "col" : "at");
    }
    for (int i = 0; i < w->n->prog->n_ins; i++) write_ins(w, i, type);
    for (int o = 0; o < w->n->n_out; o++)
        if (is_bits(w, w->n->out[o]))
            continue;
        else if (kind == TAIL)
            syn_text_add(t, "VSTORE_TAIL(t%d, o%d, at, left);\n", w->n->prog->out[o], o);
        else
            syn_text_add(t, "%s(t%d, o%d, at);\n", vector ? "VSTORE" : "STORE", w->n->prog->out[o],
                         o);
}

/* What draws are addressed by, besides their place. */
static void write_step(writer *w) {
    if (w->random)
        syn_text_add(&w->t, "const uint step = CTL_%s(ctl); const uint2 key = CTL_KEY(ctl);\n",
                     w->e->passes ? "PASS" : "STEP");
}

static void write_signature(writer *w) {
    syn_text *t = &w->t;
    syn_text_add(t, "KERNEL(map)(");
    for (int k = 0; k < w->n->n_in; k++)
        syn_text_add(t, "__global const %s *i%d, ", type_of(w, w->n->in[k]), k);
    for (int o = 0; o < w->n->n_out; o++)
        syn_text_add(t, "__global %s *o%d, ", type_of(w, w->n->out[o]), o);
    if (w->random) syn_text_add(t, "__global const uint *ctl, ");
    /* Streams are arguments: layers that differ in nothing else share their kernel. */
    for (int i = 0; i < w->n->prog->n_ins; i++)
        if (draws(&w->n->prog->ins[i])) syn_text_add(t, "const uint s%d, ", i);
    syn_text_add(t, "const int rows) {\n");
    write_step(w);
}

/* Columns of rows that share their draws: those are made once, then the rows run. */
static void write_shared(writer *w, body kind) {
    syn_text *t = &w->t;
    const int64_t rows = w->shared;
    w->shared = 0; /* so that they are drawn here */
    for (int i = 0; i < w->n->prog->n_ins; i++) {
        const syn_ins *ins = &w->n->prog->ins[i];
        if (!draws(ins) || !ins->fn->shared_by) continue;
        syn_text_add(t, "uintv shared%d; { const int row = first; ", i);
        write_draws(w, i, true);
        syn_text_add(t, "shared%d = u; }\n", i);
    }
    w->shared = rows;
    syn_text_add(
        t, "for (int row = first; row < first + %lld; row++) {\nconst int at = row * %lld + col;\n",
        (long long)rows, (long long)w->cols);
    write_body(w, kind);
    syn_text_add(t, "}\n");
}

static size_t write_places(writer *w, int run) {
    syn_text *t = &w->t;
    const int64_t left = w->cols % w->vec, size = w->shared * w->cols,
                  block = size >= run ? 1 : run / size;
    syn_text_add(t, "int first = (int)get_global_id(0) * %lld;\n", (long long)(block * w->shared));
    syn_text_add(t, "const int last = min(first + %lld, rows);\n", (long long)(block * w->shared));
    syn_text_add(t, "for (; first < last; first += %lld) {\nint col = 0;\n", (long long)w->shared);
    if (w->cols >= w->vec) {
        syn_text_add(t, "for (; col + SYN_VEC <= %lld; col += SYN_VEC) {\n", (long long)w->cols);
        write_shared(w, VECTOR);
        syn_text_add(t, "}\n");
    }
    if (left) {
        syn_text_add(t, "const int left = %lld;\n", (long long)left);
        write_shared(w, TAIL);
    }
    syn_text_add(t, "}\n}\n");
    return (size_t)syn_ceil_div(w->rows / w->shared, block);
}

/* CPU: a work-item takes a run of elements (flat), or a block of rows, in whole vectors. */
static size_t write_cpu(writer *w, int64_t count) {
    syn_text *t = &w->t;
    enum { RUN = 2048 }; /* elements of a work-item: small enough to share, large enough to pay */
    if (!w->by_rows) {
        syn_text_add(t, "const int n = rows * %lld;\n", (long long)w->cols);
        syn_text_add(t, "int at = (int)get_global_id(0) * %d;\nconst int end = min(at + %d, n);\n",
                     RUN, RUN);
        syn_text_add(t, "for (; at + SYN_VEC <= end; at += SYN_VEC) {\n");
        write_body(w, VECTOR);
        syn_text_add(t, "}\n");
        if (w->vec > 1) {
            syn_text_add(t, "const int left = end - at;\nif (left > 0) {\n");
            write_body(w, TAIL);
            syn_text_add(t, "}\n");
        }
        syn_text_add(t, "}\n");
        return (size_t)syn_ceil_div(count, RUN);
    }
    if (w->shared) return write_places(w, RUN);
    int64_t block = w->cols >= RUN ? 1 : RUN / w->cols;
    syn_text_add(t, "int row = (int)get_global_id(0) * %lld;\n", (long long)block);
    syn_text_add(t, "const int last = min(row + %lld, rows);\n", (long long)block);
    syn_text_add(t, "for (; row < last; row++) {\nint col = 0;\n");
    if (w->cols >= w->vec) {
        syn_text_add(t, "for (; col + SYN_VEC <= %lld; col += SYN_VEC) {\n", (long long)w->cols);
        syn_text_add(t, "const int at = row * %lld + col;\n", (long long)w->cols);
        write_body(w, VECTOR);
        syn_text_add(t, "}\n");
    }
    if (w->cols % w->vec) {
        syn_text_add(t, "const int at = row * %lld + col, left = %lld;\n", (long long)w->cols,
                     (long long)(w->cols % w->vec));
        write_body(w, TAIL);
    }
    syn_text_add(t, "}\n}\n");
    return (size_t)syn_ceil_div(count / w->cols, block);
}

/* GPU: a work-item an element. */
static size_t write_gpu(writer *w, int64_t count) {
    syn_text *t = &w->t;
    syn_text_add(t, "const int at = (int)get_global_id(0), n = rows * %lld;\n", (long long)w->cols);
    for (int i = 0; i < w->n->prog->n_ins; i++)
        if (w->n->prog->ins[i].bits > 0)
            syn_text_add(t, "__local uchar kept%d[64];\n", w->n->prog->ins[i].bits);
    syn_text_add(t, w->kept ? "if (at < n) {\n" : "if (at >= n) return;\n");
    if (w->by_rows)
        syn_text_add(t, "const int row = at / %lld, col = at - row * %lld;\n", (long long)w->cols,
                     (long long)w->cols);
    write_body(w, SCALAR);
    if (w->kept) syn_text_add(t, "}\nbarrier(CLK_LOCAL_MEM_FENCE);\n");
    for (int i = 0; i < w->n->prog->n_ins; i++) {
        const int port = w->n->prog->ins[i].bits;
        if (port > 0) syn_text_add(t, "mask_store(kept%d, o%d, n);\n", port, port);
    }
    syn_text_add(t, "}\n");
    return (size_t)count;
}

static syn_status open_writer(writer *w, syn_emit *e, const syn_node *n, int64_t *count) {
    int out = n->out[0];
    *w = (writer){ .e = e, .n = n, .vec = syn_emit_vec(e), .given = -1 };
    *count = syn_emit_count(e, out);
    w->cols = syn_value_cols(e->graph, out);
    w->rows = *count / w->cols;
    if (*count > INT32_MAX)
        return syn_fail(SYN_E_ARGUMENT,
                        "a tensor of %lld elements: the limit is 2^31 - 1; use a "
                        "smaller batch",
                        (long long)*count);
    for (int k = 0; k < n->n_in; k++) {
        int64_t c = syn_emit_count(e, n->in[k]);
        bool whole = e->graph->value[n->in[k]].batched == e->graph->value[out].batched &&
                     syn_value_count(e->graph, n->in[k]) == syn_value_count(e->graph, out);
        w->in[k] = is_bits(w, n->in[k]) ? BITS : whole ? FULL : c == 1 ? ONE : ROW;
        w->by_rows |= w->in[k] == ROW || (w->in[k] == BITS && e->profile->cpu);
    }
    for (int i = 0; i < n->prog->n_ins; i++) {
        w->random |= draws(&n->prog->ins[i]);
        w->kept += n->prog->ins[i].bits > 0;
    }
    w->by_rows |= w->random;
    for (int i = 0; i < n->prog->n_ins && e->profile->cpu; i++) {
        const syn_ins *ins = &n->prog->ins[i];
        const int64_t rows = ins->fn->shared_by ? (int64_t)ins->attr[ins->fn->shared_by] : 0;
        if (!draws(ins) || rows < 2) continue;
        /* All of them must share the same rows, and those be of one sample. */
        w->shared =
            w->rows / e->rows % rows == 0 && (w->shared == 0 || w->shared == rows) ? rows : -1;
        if (w->shared < 0) break;
    }
    if (w->shared < 0) w->shared = 0;
    return SYN_OK;
}

syn_status syn_map_epilogue(syn_emit *e, const syn_node *n, int given, syn_epilogue *ep) {
    writer w;
    int64_t count;
    *ep = (syn_epilogue){ 0 };
    SYN_TRY(open_writer(&w, e, n, &count));
    syn_text params = { 0 }, args = { 0 };
    w.shared = 0; /* its rows come one by one */
    for (int k = 0; k < n->n_in; k++) {
        if (n->in[k] == given) {
            w.given = k; /* a map reads a value through one port */
            continue;
        }
        syn_text_add(&params, ", __global const %s *i%d", type_of(&w, n->in[k]), k);
        syn_text_add(&args, ", i%d", k);
        ep->arg[ep->n_args++] = syn_in(n->in[k]);
        ep->bytes += syn_emit_bytes(e, n->in[k]);
    }
    for (int o = 1; o < n->n_out; o++) {
        syn_text_add(&params, ", __global %s *o%d", type_of(&w, n->out[o]), o);
        syn_text_add(&args, ", o%d", o);
        ep->arg[ep->n_args++] = syn_out(n->out[o]);
        ep->bytes += syn_emit_bytes(e, n->out[o]);
    }
    if (w.random) {
        syn_text_add(&params, ", __global const uint *ctl");
        syn_text_add(&args, ", ctl");
        ep->arg[ep->n_args++] = syn_block_arg(SYN_BLOCK_CONTROL, false);
    }
    for (int i = 0; i < n->prog->n_ins; i++) {
        if (!draws(&n->prog->ins[i])) continue;
        syn_text_add(&params, ", const uint s%d", i);
        syn_text_add(&args, ", s%d", i);
        ep->arg[ep->n_args++] = syn_int(n->prog->ins[i].stream);
    }
    ep->flops = (double)count * n->prog->n_ins;
    syn_text_add(&w.t, "static void FN(epilogue)(const realv acc, const int row, const int col, const int left, "
                       "__global %s *o0 EPILOGUE_PARAMS) {\n", syn_emit_type(e, n->out[0]));
    write_step(&w);
    syn_text_add(&w.t, "const int at = row * %lld + col;\nif (left >= SYN_VEC) {\n",
                 (long long)w.cols);
    write_body(&w, VECTOR);
    if (w.vec > 1) {
        syn_text_add(&w.t, "} else {\n");
        write_body(&w, TAIL);
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
    writer w;
    int64_t count;
    SYN_TRY(open_writer(&w, e, n, &count));
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
        if (draws(&n->prog->ins[i])) syn_call_arg(&c, syn_int(n->prog->ins[i].stream));
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
