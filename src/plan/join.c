/* Which launches are joined: every item goes into the first launch that its inputs allow, into a chain there or
 * beside what is there. What could run long before it is read, packing and what the backward pass makes again, waits
 * and goes in front of its reader. */
#include "plan/join.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_FLOPS = 128 << 20,   /* an item that computes so long gains nothing, and would keep its inputs from dying */
    CACHE_BYTES = 512 << 10,  /* what every block of samples reads again must stay in a core's own cache */
    STRAND_BYTES = 8,         /* where its work-items begin and end, or how many blocks it has */
    PARAMETER_BYTES = 1000,   /* of a kernel; OpenCL's least allowed maximum is 1024 */
    BOTH = SYN_OF(SYN_BY_ROWS) | SYN_OF(SYN_BY_COLUMNS)
};

typedef struct strand {
    int group, n;
    bool before;         /* in a launch of its own before the group's */
    unsigned ways;       /* in which it may be divided, were it a chain */
    int each[SYN_WAYS];  /* the least block */
    int64_t left;        /* bytes that it leaves behind */
} strand;

typedef struct joiner {
    syn_list *l;
    int n, rows, units;
    bool train;
    syn_dtype dtype;
    int64_t room;
    int *strand_of; /* by item; -1: waits for its reader */
    int *since;     /* by item that waits: the first launch that its inputs allow */
    int *after;     /* by item: place in its strand */
    strand *strand;
    int n_strands, n_groups;
    int *bytes;     /* by group: of kernel parameters, at most */
    bool *closed;   /* by group: takes no other item */
} joiner;

/* The tensor an argument names: values by their root, scratch by area, blocks. */
static bool same(const syn_graph *g, const syn_arg *a, const syn_arg *b) {
    if (a->kind != b->kind || a->kind == SYN_ARG_INT || a->kind == SYN_ARG_REAL) return false;
    if (a->kind == SYN_ARG_VALUE) return syn_value_root(g, a->value) == syn_value_root(g, b->value);
    return a->value == b->value;
}

/* Whether b must come after a. *ways: in which of them what a hands over stays within a block. */
static bool depends(const joiner *j, const syn_item *a, const syn_item *b, unsigned *ways) {
    const syn_graph *g = j->l->graph;
    bool found = false;
    for (int i = 0; i < a->call.n_args; i++)
        for (int k = 0; k < b->call.n_args; k++) {
            const syn_arg *x = &a->call.arg[i], *y = &b->call.arg[k];
            if (!(x->writes || y->writes) || !same(g, x, y)) continue;
            /* products leave their norms in different places */
            if (x->kind == SYN_ARG_BLOCK && x->value == SYN_BLOCK_PARTIAL) continue;
            found = true;
            *ways &= ~(x->whole | y->whole);
            if (x->kind == SYN_ARG_BLOCK) *ways = 0;
            if (x->kind != SYN_ARG_VALUE) continue;
            if (!g->value[syn_value_root(g, x->value)].batched) *ways &= ~SYN_OF(SYN_BY_ROWS);
            if (syn_value_cols(g, x->value) != syn_value_cols(g, y->value)) *ways &= ~SYN_OF(SYN_BY_COLUMNS);
        }
    return found;
}

/* May run as late as its reader wants: packing, which reads parameters and fills scratch, and what is made again. */
static bool waits(const joiner *j, int item) {
    const syn_call *c = &j->l->item[item].call;
    bool fills = false;
    if (j->l->graph->node[j->l->item[item].node].again) return true;
    for (int k = 0; k < c->n_args; k++) {
        const syn_arg *a = &c->arg[k];
        if (a->kind == SYN_ARG_VALUE && (a->writes || j->l->graph->value[a->value].kind != SYN_VALUE_PARAM)) return false;
        if (a->kind == SYN_ARG_BLOCK) return false;
        fills |= a->kind == SYN_ARG_SCRATCH;
    }
    return fills;
}

static bool joins(const syn_item *item) {
    for (int d = 0; d < item->call.dims; d++)
        if (item->call.local[d] != 1) return false;
    return !item->in_library && !item->call.apart && item->call.flops <= MOST_FLOPS;
}

/* Parameters that the group's kernel does not have yet, or at most has. */
static int new_bytes(const joiner *j, int group, const syn_item *item) {
    int bytes = 0;
    for (int k = 0; k < item->call.n_args; k++) {
        const syn_arg *a = &item->call.arg[k];
        bool there = false;
        for (int i = 0; i < j->n && !there; i++) {
            if (j->strand_of[i] < 0 || j->strand[j->strand_of[i]].group != group) continue;
            const syn_call *c = &j->l->item[i].call;
            for (int m = 0; m < c->n_args && !there; m++)
                there = c->arg[m].kind == a->kind && c->arg[m].value == a->value && c->arg[m].i == a->i && c->arg[m].r == a->r;
        }
        bytes += there ? 0 : a->kind == SYN_ARG_INT ? 4 : 8;
    }
    bool grid = false; /* three numbers */
    for (int i = 0; i < j->n && !grid; i++)
        grid = j->strand_of[i] >= 0 && j->strand[j->strand_of[i]].group == group &&
               memcmp(j->l->item[i].call.global, item->call.global, sizeof item->call.global) == 0;
    return bytes + (grid ? 0 : 12);
}

static int64_t bytes_of(const joiner *j, int value) {
    const syn_graph *g = j->l->graph;
    return syn_value_count(g, value) * syn_value_size(g, value, j->dtype) * (g->value[value].batched ? j->rows : 1);
}

/* What the item writes and a chain would keep from dying; or could not be written over what others beside it read. */
static int64_t leaves(const joiner *j, const syn_item *item) {
    const syn_graph *g = j->l->graph;
    int64_t sum = 0;
    if (j->train && !g->node[item->node].backward) return 0; /* the backward pass keeps it anyway */
    for (int k = 0; k < item->call.n_args; k++) {
        const syn_arg *a = &item->call.arg[k];
        if (a->kind == SYN_ARG_VALUE && a->writes && g->value[a->value].kind == SYN_VALUE_TEMP && g->value[a->value].batched)
            sum += bytes_of(j, a->value);
    }
    return sum;
}

/* Ways in which the item may be divided, and what each block of it is at least. */
static unsigned ways_of(const joiner *j, const syn_item *item, int each[SYN_WAYS]) {
    unsigned ways = 0;
    const syn_call *c = &item->call;
    for (int w = 0; w < SYN_WAYS; w++) {
        each[w] = c->by[w].each;
        if (each[w] > 0 && c->global[2] <= 1) ways |= SYN_OF(w);
    }
    for (int k = 0; k < c->n_args; k++) {
        const syn_arg *a = &c->arg[k];
        if (!(a->whole & SYN_OF(SYN_BY_ROWS))) continue;
        if ((a->kind == SYN_ARG_VALUE && bytes_of(j, a->value) > CACHE_BYTES) ||
            (a->kind == SYN_ARG_SCRATCH && j->l->area[a->value].bytes > CACHE_BYTES))
            ways &= ~SYN_OF(SYN_BY_ROWS);
    }
    return ways;
}

/* How far a call reaches in a way: samples of the plan's batch, or columns. */
static int64_t extent(const joiner *j, const syn_call *c, int way) {
    return way == SYN_BY_ROWS ? j->rows : (int64_t)c->global[c->by[way].dim] * c->by[way].each;
}

/* Makes gradients of parameters: no chain goes on from here, and none shall be turned for it. */
static bool ends(const joiner *j, const syn_item *item) {
    for (int k = 0; k < item->call.n_args; k++) {
        const syn_arg *a = &item->call.arg[k];
        if (a->kind == SYN_ARG_VALUE && a->writes && j->l->graph->value[a->value].kind != SYN_VALUE_GRAD) return false;
    }
    return true;
}

/* Whether the item may go on where the strand ends, both divided in one of the ways. */
static bool goes_on(const joiner *j, strand *s, const syn_item *item, unsigned ways) {
    int each[SYN_WAYS], joint[SYN_WAYS] = { 0 };
    ways &= s->ways & ways_of(j, item, each);
    for (int w = 0; w < SYN_WAYS; w++) {
        if (!(ways & SYN_OF(w))) continue;
        joint[w] = each[w] > s->each[w] ? each[w] : s->each[w];
        if (joint[w] % each[w] || joint[w] % s->each[w] || syn_ceil_div(extent(j, &item->call, w), joint[w]) < j->units)
            ways &= ~SYN_OF(w);
    }
    const int64_t left = s->left + leaves(j, item);
    if (!ways || left > j->room || (ends(j, item) && s->ways & ~ways)) return false;
    s->ways = ways;
    for (int w = 0; w < SYN_WAYS; w++)
        if (ways & SYN_OF(w)) s->each[w] = joint[w];
    s->left = left;
    return true;
}

static bool has_room(const joiner *j, int group, const syn_item *item) {
    return !j->closed[group] && joins(item) && j->bytes[group] + new_bytes(j, group, item) + STRAND_BYTES <= PARAMETER_BYTES;
}

static void put(joiner *j, int item, int s) {
    const int group = j->strand[s].group;
    j->bytes[group] += new_bytes(j, group, &j->l->item[item]);
    j->strand_of[item] = s;
    j->after[item] = j->strand[s].n++;
}

static void put_new(joiner *j, int item, int group) {
    strand *s = &j->strand[j->n_strands];
    const syn_item *it = &j->l->item[item];
    if (group == j->n_groups) j->closed[j->n_groups++] = !joins(it);
    j->bytes[group] += STRAND_BYTES;
    *s = (strand){ .group = group, .left = leaves(j, it) };
    s->ways = ways_of(j, it, s->each);
    put(j, item, j->n_strands++);
}

/* Where item number i goes. */
static void assign(joiner *j, int i) {
    const syn_item *item = &j->l->item[i];
    int last = -1, in = -1, since = -1; /* since: launches after this one, for what has waited */
    unsigned ways = BOTH;
    bool one = true;
    for (int k = 0; k < i; k++) {
        unsigned handed = BOTH;
        if (!depends(j, &j->l->item[k], item, &handed)) continue;
        if (j->strand_of[k] < 0) {
            if (j->since[k] > since) since = j->since[k];
            continue;
        }
        const int s = j->strand_of[k], group = j->strand[s].group;
        if (group < last) continue;
        if (group > last) {
            ways = BOTH;
            one = true;
            in = s;
        }
        one &= s == in;
        ways &= handed;
        last = group;
    }
    if (waits(j, i)) {
        j->since[i] = (last > since ? last : since) + 1;
        return;
    }
    const bool chains = in >= 0 && one && last > since;
    if (since > last) last = since;
    while (j->n_groups <= since) j->n_groups++; /* launches for what waits alone */
    if (chains && has_room(j, last, item) && goes_on(j, &j->strand[in], item, ways)) {
        put(j, i, in);
        return;
    }
    int group = leaves(j, item) <= j->room ? last + 1 : j->n_groups;
    while (group < j->n_groups && !has_room(j, group, item)) group++;
    put_new(j, i, group);
}

/* What waited goes in front of its first reader: into its chain where that is by columns, else into the launch before. */
static syn_status place_waiting(joiner *j) {
    for (int i = j->n - 1; i >= 0; i--) { /* later ones first: they may read it */
        int s = -1, readers = 0;
        unsigned ways = BOTH;
        if (j->strand_of[i] >= 0) continue;
        for (int k = i + 1; k < j->n; k++) {
            if (!depends(j, &j->l->item[i], &j->l->item[k], &ways)) continue;
            const int of = j->strand_of[k];
            if (s < 0 || j->strand[of].group < j->strand[s].group) s = of;
            readers++;
        }
        if (s < 0) return syn_fail(SYN_E_ARGUMENT, "a launch that nobody reads (a bug: please report it)");
        const int group = j->strand[s].group;
        const syn_item *item = &j->l->item[i];
        ways &= SYN_OF(SYN_BY_COLUMNS);
        if (readers == 1 && j->since[i] == 0 && has_room(j, group, item) && goes_on(j, &j->strand[s], item, ways)) {
            put(j, i, s);
            j->after[i] = -j->strand[s].n;
        } else {
            const bool room = has_room(j, group - 1, item);
            put_new(j, i, room ? group - 1 : group);
            j->strand[j->n_strands - 1].before = !room;
        }
    }
    return SYN_OK;
}

static int by_place(const void *a, const void *b) {
    const int *x = a, *y = b;
    for (int k = 0; k < 3; k++)
        if (x[k] != y[k]) return x[k] < y[k] ? -1 : 1;
    return 0;
}

/* Blocks of samples as large as leaves two for every compute unit: what they all read is read less often. */
static int block_of(const joiner *j, const strand *s, int way) {
    int block = s->each[way];
    while (way == SYN_BY_ROWS && j->rows / (2 * block) >= 2 * j->units) block *= 2;
    return block;
}

static syn_status join_group(joiner *j, const int (*order)[4], int n, syn_item *out) {
    int strand_number = -1, strands = 0, last = -1;
    *out = (syn_item){ .node = -1, .area = -1, .instance = -1, .n_parts = n };
    out->part = malloc((size_t)n * sizeof *out->part);
    int *block = calloc((size_t)n, sizeof *block);
    syn_status status = out->part && block ? SYN_OK : syn_no_memory((size_t)n * sizeof *out->part);
    for (int k = 0; status == SYN_OK && k < n; k++) {
        const strand *s = &j->strand[order[k][1]];
        out->part[k] = j->l->item[order[k][3]];
        if (order[k][1] != last) strands++;
        last = order[k][1];
        strand_number = strands - 1;
        out->part[k].strand = strand_number;
        out->part[k].way = s->n == 1 ? SYN_WAYS : s->ways & SYN_OF(SYN_BY_ROWS) ? SYN_BY_ROWS : SYN_BY_COLUMNS;
        block[strand_number] = s->n == 1 ? 0 : block_of(j, s, out->part[k].way);
    }
    if (status == SYN_OK) {
        out->node = out->part[0].node;
        status = syn_join_call(out, block, j->units);
    }
    free(block);
    if (status != SYN_OK) free(out->part);
    return status;
}

/* The items in the order of their launches, joined. */
static syn_status rebuild(joiner *j) {
    syn_list *l = j->l;
    int(*order)[4] = malloc(((size_t)j->n + 1) * sizeof *order); /* group, strand, place in it, item */
    syn_item *item = malloc(((size_t)j->n + 1) * sizeof *item);
    syn_status status = order && item ? SYN_OK : syn_no_memory((size_t)j->n * sizeof *item);
    int n = 0, from = 0;
    for (int i = 0; status == SYN_OK && i < j->n; i++) {
        const strand *s = &j->strand[j->strand_of[i]];
        const int at[4] = { 2 * s->group - s->before, j->strand_of[i], j->after[i], i };
        memcpy(order[i], at, sizeof at);
    }
    if (status == SYN_OK) qsort(order, (size_t)j->n, sizeof *order, by_place);
    while (status == SYN_OK && from < j->n) {
        int to = from + 1;
        while (to < j->n && order[to][0] == order[from][0]) to++;
        if (to == from + 1) item[n] = l->item[order[from][3]];
        else status = join_group(j, (const int(*)[4])order + from, to - from, &item[n]);
        if (status != SYN_OK) break;
        n++;
        from = to;
    }
    if (status == SYN_OK) {
        memcpy(l->item, item, (size_t)n * sizeof *item);
        l->n_items = l->n_nodes_items = n;
    } else { /* the list keeps its items */
        for (int i = 0; i < n; i++) {
            if (!item[i].n_parts) continue;
            free(item[i].call.text);
            free(item[i].part);
        }
    }
    free(order);
    free(item);
    return status;
}

syn_status syn_list_join(syn_list *l, const syn_profile *p, syn_dtype dtype, int rows, bool train, int64_t room) {
    const char *set = getenv("SYNCLINE_JOIN");
    const size_t n = (size_t)l->n_items;
    if (!p->cpu || n < 2 || room <= 0 || (set && strcmp(set, "0") == 0)) return SYN_OK;
    joiner j = { .l = l, .n = l->n_items, .rows = rows, .units = p->compute_units, .train = train, .dtype = dtype, .room = room };
    j.strand_of = malloc(n * sizeof *j.strand_of);
    j.after = calloc(n, sizeof *j.after);
    j.strand = calloc(n, sizeof *j.strand);
    j.bytes = calloc(2 * n + 1, sizeof *j.bytes);
    j.closed = calloc(2 * n + 1, sizeof *j.closed);
    j.since = calloc(n, sizeof *j.since);
    syn_status status = j.strand_of && j.after && j.strand && j.bytes && j.closed && j.since ? SYN_OK : syn_no_memory(n * 64);
    for (size_t i = 0; status == SYN_OK && i < n; i++) j.strand_of[i] = -1;
    for (int i = 0; status == SYN_OK && i < j.n; i++) assign(&j, i);
    if (status == SYN_OK) status = place_waiting(&j);
    if (status == SYN_OK) status = rebuild(&j);
    free(j.strand_of);
    free(j.after);
    free(j.strand);
    free(j.bytes);
    free(j.closed);
    free(j.since);
    return status;
}
