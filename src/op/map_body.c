/* Writes the OpenCL C of one place of a map program: draws, instructions, loads and stores. */
#include "op/map_body.h"

#include <stdio.h>
#include <string.h>

/* Words u (and v) of the elements at (row, col). A stream is told apart by micro-batch where
 * several make a step. Monte Carlo passes count in the step's place; there rows are those of the
 * data set, so that what a sample draws depends neither on its batch nor on training. */
static void write_draws(syn_map_writer *w, int i, bool vector) {
    const syn_ins *ins = &w->n->prog->ins[i];
    const syn_fn *fn = ins->fn;
    syn_text *t = &w->t;
    const char *type = vector ? "uintv" : "uint";
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

/* The bits of a mask instead: read as words that keep() decides on alike, or stored besides. Rows
 * that share their draws share their words, which the first of them stores. */
static void write_bits(syn_map_writer *w, const syn_ins *ins, bool vector) {
    syn_text *t = &w->t;
    const int port = ins->bits > 0 ? ins->bits : -ins->bits;
    const long long places = syn_fn_places(ins);
    char word[80];
    snprintf(word, sizeof word, "%c%d[row / %lldu * %lldu + (uint)col / SYN_VEC]",
             ins->bits > 0 ? 'o' : 'i', port, places, (long long)syn_ceil_div(w->cols, w->vec));
    if (w->e->profile->cpu && ins->bits > 0)
        syn_text_add(t, "if (row %% %lldu == 0) %s = mask_pack(u, thr); ", places, word);
    else if (w->e->profile->cpu)
        syn_text_add(t, "const uint%s u = mask_words(%s); ", vector ? "v" : "", word);
    else if (ins->bits > 0)
        syn_text_add(t, "kept%d[get_local_id(0)] = u >= thr; ", port);
    else
        syn_text_add(t, "const uint u = i%d[at / 8] >> (at %% 8) & 1 ? MASK_ALL : 0; ", port);
}

void syn_map_write_shared(syn_map_writer *w, int i) {
    const syn_ins *ins = &w->n->prog->ins[i];
    ins->fn->constants(ins->attr, "realv", &w->t);
    if (syn_map_draws(ins)) write_draws(w, i, true);
    if (ins->bits) write_bits(w, ins, true);
}

/* One instruction in a block of its own, where operands and attributes have their names. */
static void write_ins(syn_map_writer *w, int i, const char *type) {
    const syn_ins *ins = &w->n->prog->ins[i];
    const syn_fn *fn = ins->fn;
    syn_text *t = &w->t;
    bool two = fn->operands > 1;
    const char *expr = syn_fn_text(fn, ins->form, ins->attr);
    syn_text_add(t, "%s t%d; { ", type, w->n->n_in + i);
    const char *const names[2] = { two ? "a" : "x", "b" };
    for (int k = 0; k < 2; k++) {
        const int from = ins->src[k + (ins->form > 0)];
        if (from >= 0) syn_text_add(t, "const %s %s = t%d; ", type, names[k], from);
    }
    if (ins->src[3] >= 0) syn_text_add(t, "const %s y = t%d; ", type, ins->src[3]);
    if (fn->constants) {
        fn->constants(ins->attr, type, t);
        syn_text_add(t, " ");
    } else {
        for (int a = 0; a < syn_fn_attrs(fn); a++)
            syn_text_add(t, "const %s %s = (%s)(%.17g); ", type, fn->row.attr[a].name, type,
                         ins->attr[a]);
    }
    bool vector = strcmp(type, "realv") == 0;
    if (w->shared && fn->shared_by) {
        syn_text_add(t, "const uintv u = shared%d[(col - begin) / SYN_VEC]; ", i);
    } else {
        if (syn_map_draws(ins)) write_draws(w, i, vector);
        if (ins->bits) write_bits(w, ins, vector);
    }
    syn_text_add(t, "t%d = ", w->n->n_in + i);
    if (ins->form && ins->src[0] >= 0) syn_text_add(t, "t%d * ", ins->src[0]);
    syn_text_add(t, "(");
    syn_text_typed(t, expr, type);
    syn_text_add(t, "); }\n");
}

void syn_map_write_body(syn_map_writer *w, syn_map_place kind) {
    bool vector = kind != SYN_MAP_SCALAR;
    const char *type = vector ? "realv" : "real", *load = vector ? "VLOAD" : "LOAD";
    syn_text *t = &w->t;
    for (int k = 0; k < w->n->n_in; k++) {
        if (w->in[k] == SYN_MAP_BITS) continue;
        if (k == w->given)
            syn_text_add(t, "const %s t%d = acc;\n", type, k);
        else if (w->in[k] == SYN_MAP_ONE)
            syn_text_add(t, "const %s t%d = (%s)(LOAD(i%d, 0));\n", type, k, type, k);
        else if (kind == SYN_MAP_TAIL)
            syn_text_add(t, "const realv t%d = VLOAD_TAIL(i%d, %s, left, 0);\n", k, k,
                         w->in[k] == SYN_MAP_ROW ? "col" : "at");
        else
            syn_text_add(t, "const %s t%d = %s(i%d, %s);\n", type, k, load, k,
                         w->in[k] == SYN_MAP_ROW ? "col" : "at");
    }
    for (int i = 0; i < w->n->prog->n_ins; i++) write_ins(w, i, type);
    for (int o = 0; o < w->n->n_out; o++)
        if (syn_map_is_bits(w, w->n->out[o]))
            continue;
        else if (kind == SYN_MAP_TAIL)
            syn_text_add(t, "VSTORE_TAIL(t%d, o%d, at, left);\n", w->n->prog->out[o], o);
        else
            syn_text_add(t, "%s(t%d, o%d, at);\n", vector ? "VSTORE" : "STORE", w->n->prog->out[o],
                         o);
}

void syn_map_write_step(syn_map_writer *w) {
    if (w->random)
        syn_text_add(&w->t, "const uint step = CTL_%s(ctl); const uint2 key = CTL_KEY(ctl);\n",
                     w->e->passes ? "PASS" : "STEP");
}

syn_status syn_map_open(syn_map_writer *w, syn_emit *e, const syn_node *n, int64_t *count) {
    int out = n->out[0];
    *w = (syn_map_writer){ .e = e, .n = n, .vec = syn_emit_vec(e), .given = -1 };
    *count = syn_emit_count(e, out);
    w->cols = syn_value_cols(e->graph, out);
    w->rows = *count / w->cols;
    for (int k = 0; k < n->n_in; k++) {
        int64_t c = syn_emit_count(e, n->in[k]);
        bool whole = e->graph->value[n->in[k]].batched == e->graph->value[out].batched &&
                     syn_value_count(e->graph, n->in[k]) == syn_value_count(e->graph, out);
        w->in[k] = syn_map_is_bits(w, n->in[k]) ? SYN_MAP_BITS
                   : whole                      ? SYN_MAP_FULL
                   : c == 1                     ? SYN_MAP_ONE
                                                : SYN_MAP_ROW;
        w->by_rows |= w->in[k] == SYN_MAP_ROW || (w->in[k] == SYN_MAP_BITS && e->profile->cpu);
    }
    for (int i = 0; i < n->prog->n_ins; i++) {
        w->random |= syn_map_draws(&n->prog->ins[i]);
        w->kept += n->prog->ins[i].bits > 0;
    }
    w->by_rows |= w->random;
    for (int i = 0; i < n->prog->n_ins && e->profile->cpu; i++) {
        const syn_ins *ins = &n->prog->ins[i];
        const int64_t rows = syn_fn_places(ins);
        if (!ins->fn->shared_by) continue;
        /* All of them must share the same rows, and those be of one sample. */
        const bool same = w->shared == 0 || w->shared == rows;
        w->shared = same && w->rows / e->rows % rows == 0 ? rows : 0;
        if (!w->shared) break;
    }
    return SYN_OK;
}
