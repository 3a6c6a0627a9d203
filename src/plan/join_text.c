/* The kernel of a joined launch: the templates of its parts as functions, and a kernel that calls
 * them for the work-items they would have had. Its own work-items have alike to do: those of single
 * calls lie side by side, as many as a call's cost asks for, so that neighbours find the same
 * panels in the cache; blocks of chains are spread evenly. */
#include "plan/join.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    BYTE_COST = 8,
    COST = 1 << 18
}; /* of moving a byte, in operations; of a work-item, at least: a microsecond or two */

typedef struct writer {
    syn_item *item;
    syn_call *call; /* being made */
    char **text;    /* distinct parts' templates */
    int n_texts;
    int *text_of; /* by part */
    syn_text t;
    int items;             /* of the joined kernel */
    double single, before; /* cost of all single calls, of those written already */
} writer;

static double cost_of(const syn_call *c) { return c->flops + BYTE_COST * c->bytes; }

static int size_of(const syn_call *c, int dim) { return dim < c->dims ? (int)c->global[dim] : 1; }

/* The number of the joined kernel's argument that is this one. */
static int argument(writer *w, const syn_arg *a) {
    syn_call *c = w->call;
    for (int k = 0; k < c->n_args; k++) {
        syn_arg *b = &c->arg[k];
        if (b->kind == a->kind && b->value == a->value && b->i == a->i && b->r == a->r) {
            b->writes |= a->writes;
            return k;
        }
    }
    if (c->n_args == SYN_MAX_ARGS) w->t.failed = true;
    syn_call_arg(c, *a);
    return c->n_args - 1;
}

static int number(writer *w, int64_t i) {
    const syn_arg a = syn_int(i);
    return argument(w, &a);
}

/* KERNEL(name)(...) becomes a function that is given the ids. */
static void add_function(syn_text *t, const char *text) {
    static const char kernel[] = "KERNEL(";
    for (const char *next; (next = strstr(text, kernel)); text = next) {
        const char *end = strstr(next, ")(");
        if (!end) break;
        syn_text_put(t, text, (size_t)(next - text));
        syn_text_add(t,
                     "JOINED(%.*s)(const int id0, const int id1, const int id2, const int size0, "
                     "const int size1, ",
                     (int)(end - next - (int)sizeof kernel + 1), next + sizeof kernel - 1);
        next = end + 2;
    }
    syn_text_put(t, text, strlen(text));
}

/* The distinct templates, in the order of their first use. */
static syn_status collect(writer *w) {
    for (int p = 0; p < w->item->n_parts; p++) {
        syn_text t = { 0 };
        SYN_TRY(syn_call_text(&w->item->part[p].call, &t));
        int k = 0;
        while (k < w->n_texts && strcmp(w->text[k], t.s)) k++;
        w->text_of[p] = k;
        if (k < w->n_texts)
            syn_text_free(&t);
        else
            w->text[w->n_texts++] = t.s;
    }
    return SYN_OK;
}

static void add_functions(writer *w) {
    syn_text_add(&w->t, "#define JOINED(name) static void PART_OF(name, PART)\n"
                        "#define get_global_id(d) ((d) == 0 ? id0 : (d) == 1 ? id1 : id2)\n"
                        "#define get_global_size(d) ((d) == 0 ? size0 : size1)\n");
    for (int k = 0; k < w->n_texts; k++) {
        syn_text_add(&w->t, "#undef PART\n#define PART _%d\n", k);
        add_function(&w->t, w->text[k]);
    }
    syn_text_add(
        &w->t,
        "#undef PART\n#define PART\n#undef get_global_id\n#undef get_global_size\n#undef JOINED\n");
}

/* Whether two parts are the same call over different buffers. */
static bool alike(const writer *w, int p, int q) {
    const syn_call *a = &w->item->part[p].call, *b = &w->item->part[q].call;
    if (w->text_of[p] != w->text_of[q] || a->n_args != b->n_args || a->dims != b->dims)
        return false;
    for (int d = 0; d < a->dims; d++)
        if (a->global[d] != b->global[d]) return false;
    for (int k = 0; k < a->n_args; k++)
        if (a->arg[k].i != b->arg[k].i || a->arg[k].r != b->arg[k].r ||
            a->arg[k].kind != b->arg[k].kind)
            return false;
    return true;
}

/* Tables of the arguments in which `run` parts from p on, `step` apart, differ. */
static void add_tables(writer *w, int p, int run) {
    const syn_item *part = &w->item->part[p];
    for (int k = 0; k < part->call.n_args; k++) {
        bool same = true;
        for (int r = 1; r < run; r++)
            same &= argument(w, &part[r].call.arg[k]) == argument(w, &part[0].call.arg[k]);
        if (same) continue;
        syn_text_add(&w->t, "__global void *const t%d[] = { ", k);
        for (int r = 0; r < run; r++)
            syn_text_add(&w->t, "a%d%s", argument(w, &part[r].call.arg[k]),
                         r + 1 < run ? ", " : " };\n");
    }
}

static void add_call(writer *w, int p, int run, const char *ids) {
    const syn_item *part = &w->item->part[p];
    const int size0 = number(w, size_of(&part->call, 0)),
              size1 = number(w, size_of(&part->call, 1));
    syn_text_add(&w->t, "PART_OF(%s, _%d)(%s, a%d, a%d", part->call.entry, w->text_of[p], ids,
                 size0, size1);
    for (int k = 0; k < part->call.n_args; k++) {
        const int at = argument(w, &part->call.arg[k]);
        bool same = true;
        for (int r = 1; r < run; r++) same &= argument(w, &part[r].call.arg[k]) == at;
        if (same)
            syn_text_add(&w->t, ", a%d", at);
        else
            syn_text_add(&w->t, ", t%d[s]", k);
    }
    syn_text_add(&w->t, ");\n");
}

/* Calls side by side: those alike share one piece of code. */
static void add_single(writer *w, int p, int run) {
    const syn_call *c = &w->item->part[p].call;
    const int g0 = number(w, size_of(c, 0)), g1 = number(w, size_of(c, 1)),
              g2 = number(w, size_of(c, 2));
    const double share = w->single > 0 ? w->items / w->single : 0;
    int from = (int)(w->before * share), to;
    if (from > w->items - 1) from = w->items - 1; /* what costs nothing needs a work-item, too */
    w->before += run * cost_of(c);
    to = (int)(w->before * share);
    const int f = number(w, from), l = number(w, to > from ? to : from + 1);
    syn_text_add(&w->t,
                 "{\nconst int each = a%d * a%d * a%d, to = SLICE(t + 1, a%d, a%d, %d * each);\n",
                 g0, g1, g2, f, l, run);
    add_tables(w, p, run);
    syn_text_add(&w->t,
                 "for (int i = SLICE(t, a%d, a%d, %d * each); i < to; i++) {\nconst int s = i / "
                 "each, r = i - s * each;\n",
                 f, l, run);
    char ids[96];
    snprintf(ids, sizeof ids, "r %% a%d, r / a%d %% a%d, r / (a%d * a%d)", g0, g0, g1, g0, g1);
    add_call(w, p, run, ids);
    syn_text_add(&w->t, "}\n}\n");
}

static int64_t blocks_of(const syn_item *part, int block) {
    const int dim = part->call.by[part->way].dim, each = part->call.by[part->way].each;
    return syn_ceil_div((int64_t)size_of(&part->call, dim) * each, block);
}

/* A chain: a block goes through all of its calls. */
static void add_chain(writer *w, int p, int n, int block) {
    int64_t blocks = 0;
    for (int k = p; k < p + n; k++) {
        const int64_t b = blocks_of(&w->item->part[k], block);
        if (b > blocks) blocks = b;
    }
    const int count = number(w, blocks);
    syn_text_add(&w->t,
                 "{\nconst int to = SLICE(t + 1, 0, all, a%d);\nfor (int i = SLICE(t, 0, all, "
                 "a%d); i < to; i++) {\n",
                 count, count);
    for (int k = p, run; k < p + n; k += run) {
        const syn_item *part = &w->item->part[k];
        const int dim = part->call.by[part->way].dim, items = block / part->call.by[part->way].each;
        for (run = 1; k + run < p + n && alike(w, k, k + run);) run++;
        const int along = number(w, size_of(&part->call, dim)),
                  across = number(w, size_of(&part->call, !dim));
        syn_text_add(&w->t, "{\n");
        add_tables(w, k, run);
        if (run > 1) syn_text_add(&w->t, "for (int s = 0; s < %d; s++)\n", run);
        syn_text_add(&w->t,
                     "for (int e = 0; e < a%d; e++)\nfor (int d = i * %d; d < min((i + 1) * %d, "
                     "a%d); d++)\n",
                     across, items, items, along);
        add_call(w, k, run, dim == 0 ? "d, e, 0" : "e, d, 0");
        syn_text_add(&w->t, "}\n");
    }
    syn_text_add(&w->t, "}\n}\n");
}

/* Its work-items: no more than there is to share out, two for every compute unit, else by cost. */
static void count(writer *w, const int *block, int units) {
    int64_t places = 0, items;
    for (int p = 0; p < w->item->n_parts; p++) {
        const syn_item *part = &w->item->part[p];
        const syn_call *c = &part->call;
        const int wide = block[part->strand];
        if (!wide) w->single += cost_of(c);
        if (!wide)
            places += (int64_t)size_of(c, 0) * size_of(c, 1) * size_of(c, 2);
        else if (!p || part[-1].strand != part->strand)
            places += blocks_of(part, wide);
        w->call->flops += c->flops;
        w->call->bytes += c->bytes;
    }
    items = (int64_t)(cost_of(w->call) / COST);
    if (items < 2 * units) items = 2 * units;
    w->items = (int)(items < places ? items : places);
}

static void add_body(writer *w, const int *block) {
    const syn_item *part = w->item->part;
    const int n = w->item->n_parts;
    syn_text_add(&w->t, "const int t = (int)get_global_id(0), all = (int)get_global_size(0);\n");
    for (int p = 0, run; p < n; p += run) {
        run = 1;
        if (block[part[p].strand]) {
            while (p + run < n && part[p + run].strand == part[p].strand) run++;
            add_chain(w, p, run, block[part[p].strand]);
        } else {
            while (p + run < n && !block[part[p + run].strand] && alike(w, p, p + run)) run++;
            add_single(w, p, run);
        }
    }
}

static void add_kernel(writer *w, const int *block) {
    syn_text body = { 0 }, front = w->t;
    w->t = body;
    add_body(w, block); /* makes the arguments */
    body = w->t;
    w->t = front;
    syn_text_add(&w->t, "#define SLICE(k, from, to, n) ((int)((long)clamp((k) - (from), 0, (to) - "
                        "(from)) * (n) / ((to) - (from))))\n"
                        "KERNEL(joined)(");
    for (int k = 0; k < w->call->n_args; k++) {
        const syn_arg *a = &w->call->arg[k];
        const char *type = a->kind == SYN_ARG_INT    ? "const int "
                           : a->kind == SYN_ARG_REAL ? "const real "
                                                     : "__global void *";
        syn_text_add(&w->t, "%s%sa%d", k ? ", " : "", type, k);
    }
    syn_text_add(&w->t, ") {\n%s}\n#undef SLICE\n", syn_text_str(&body));
    w->t.failed |= body.failed;
    syn_text_free(&body);
}

syn_status syn_join_call(syn_item *item, const int *block, int units) {
    const size_t n = (size_t)item->n_parts;
    syn_call *c = &item->call;
    *c = (syn_call){ .entry = "joined", .dims = 1, .local = { 1, 1, 1 } };
    writer w = { .item = item,
                 .call = c,
                 .text = calloc(n, sizeof *w.text),
                 .text_of = malloc(n * sizeof *w.text_of) };
    syn_status status = w.text && w.text_of ? collect(&w) : syn_no_memory(n * 16);
    if (status == SYN_OK) {
        count(&w, block, units);
        add_functions(&w);
        add_kernel(&w, block);
        c->global[0] = (size_t)w.items;
        status = syn_text_status(&w.t);
    }
    for (int k = 0; k < w.n_texts; k++) free(w.text[k]);
    free(w.text);
    free(w.text_of);
    if (status == SYN_OK)
        c->text = w.t.s;
    else
        syn_text_free(&w.t);
    return status;
}
