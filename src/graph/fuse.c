/* Map fusion: connected map nodes over the same elements become one node with one program, as long
 * as the graph stays free of cycles when they run at one moment. */
#include "graph/graph.h"

#include <stdlib.h>
#include <string.h>

typedef struct fuser {
    syn_graph *g;
    const syn_op *map;
    int *group;      /* of every node: the smallest member */
    int *last;       /* of every group: the largest member */
    int low, high;   /* nodes that paths may touch, see bound */
    char *seen;
} fuser;

static int find(fuser *f, int n) {
    while (f->group[n] != n) n = f->group[n];
    return n;
}

/* Whether group `from` reaches group `to` along a path that leaves it first through another group:
 * running both as one would then need that other group to run in between. */
static bool reaches(fuser *f, int at, int to, bool direct) {
    syn_graph *g = f->g;
    for (int i = f->low; i <= f->high; i++) {
        int gi = find(f, i);
        if (gi == at || f->seen[gi]) continue;
        bool reads = false;
        for (int k = 0; k < g->node[i].n_in && !reads; k++) {
            int p = g->value[g->node[i].in[k]].producer;
            reads = p >= 0 && find(f, p) == at;
        }
        if (!reads) continue;
        if (gi == to) {
            if (!direct) return true;
            continue; /* the edge that is being merged */
        }
        f->seen[gi] = 1;
        if (reaches(f, gi, to, false)) return true;
    }
    return false;
}

static int group_ports(fuser *f, int a, int b) {
    int ports = 0;
    for (int i = 0; i < f->g->n_nodes; i++) {
        int gi = find(f, i);
        if (gi == a || gi == b) ports += f->g->node[i].n_in + f->g->node[i].n_out;
    }
    return ports;
}

static bool same_extent(const syn_graph *g, int a, int b) {
    return g->value[a].batched == g->value[b].batched &&
           syn_value_count(g, a) == syn_value_count(g, b) && syn_value_cols(g, a) == syn_value_cols(g, b);
}

/* Nodes stand in order, so paths between a and b run among the nodes between them, and through all of the groups that
 * have a node there. */
static void bound(fuser *f, int a, int b) {
    f->low = a < b ? a : b;
    f->high = f->last[a] > f->last[b] ? f->last[a] : f->last[b];
    for (int i = f->g->n_nodes - 1; i >= f->low; i--)
        if (find(f, i) < f->low) f->low = find(f, i);
    for (int i = f->low; i <= f->high; i++)
        if (f->last[find(f, i)] > f->high) f->high = f->last[find(f, i)];
}

/* Nodes p and i become one group where nothing else must run between them. */
static void merge(fuser *f, int p, int i, bool edge) {
    int a = find(f, p), b = find(f, i);
    /* Ports are counted before shared ones collapse, so this bound is on the safe side. */
    if (a == b || group_ports(f, a, b) > 2 * SYN_MAX_IN - 2) return;
    bound(f, a, b);
    memset(f->seen, 0, (size_t)f->g->n_nodes);
    bool cycle = reaches(f, a, b, true);
    memset(f->seen, 0, (size_t)f->g->n_nodes);
    cycle = cycle || reaches(f, b, a, !edge);
    if (cycle) return;
    f->last[a < b ? a : b] = f->last[a] > f->last[b] ? f->last[a] : f->last[b];
    f->group[a < b ? b : a] = a < b ? a : b;
}

static void merge_groups(fuser *f) {
    syn_graph *g = f->g;
    for (int i = 0; i < g->n_nodes; i++) {
        if (g->node[i].op != f->map) continue;
        for (int k = 0; k < g->node[i].n_in; k++) {
            int v = g->node[i].in[k], p = g->value[v].producer;
            if (g->node[i].again && p >= 0 && !g->node[p].backward)
                continue; /* it waits on purpose */
            if (p < 0 || g->node[p].op != f->map || !same_extent(g, v, g->node[i].out[0])) continue;
            merge(f, p, i, true);
        }
    }
    for (int i = 0; i < g->n_nodes; i++) {
        int v = g->node[i].beside, p = v ? g->value[v].producer : -1;
        if (p >= 0 && same_extent(g, v, g->node[i].out[0])) merge(f, p, i, false);
    }
}

/* Where value v stands in a growing list of at most SYN_MAX_IN; -1 when it is full. */
static int port(int *list, int *n, int v) {
    for (int i = 0; i < *n; i++)
        if (list[i] == v) return i;
    if (*n == SYN_MAX_IN) return -1;
    list[*n] = v;
    return (*n)++;
}

static bool read_outside(fuser *f, int v, int group) {
    syn_graph *g = f->g;
    if (g->value[v].keep || g->value[v].kind == SYN_VALUE_GRAD || syn_graph_is_result(g, v))
        return true;
    for (int i = 0; i < g->n_nodes; i++) {
        if (find(f, i) == group) continue;
        for (int k = 0; k < g->node[i].n_in; k++)
            if (g->node[i].in[k] == v) return true;
    }
    return false;
}

/* The members of `group` in execution order as one node, or false when it has too many ports. */
static bool build(fuser *f, int group, syn_node *out) {
    syn_graph *g = f->g;
    *out = (syn_node){ .op = f->map, .layer = g->node[group].layer };
    int n_ins = 0;
    for (int i = group; i < g->n_nodes; i++) {
        if (find(f, i) != group) continue;
        n_ins += g->node[i].prog->n_ins;
        out->backward = g->node[i].backward;
        for (int k = 0; k < g->node[i].n_in; k++) {
            int v = g->node[i].in[k], p = g->value[v].producer;
            if (p >= 0 && find(f, p) == group) continue;
            if (port(out->in, &out->n_in, v) < 0) return false;
        }
    }
    syn_prog *prog = calloc(1, sizeof *prog);
    int *temp = malloc((size_t)g->n_values * sizeof *temp); /* temp holding each value */
    if (prog) prog->ins = calloc((size_t)n_ins, sizeof *prog->ins);
    if (!prog || !temp || !prog->ins) {
        if (prog) free(prog->ins);
        free(prog);
        free(temp);
        g->failed = true;
        return false;
    }
    prog->cap = n_ins;
    out->prog = prog;
    for (int v = 0; v < g->n_values; v++) temp[v] = -1;
    for (int k = 0; k < out->n_in; k++) temp[out->in[k]] = k;
    bool fits = true;
    for (int i = group; i < g->n_nodes && fits; i++) {
        if (find(f, i) != group) continue;
        const syn_node *n = &g->node[i];
        int base = prog->n_ins;
        for (int j = 0; j < n->prog->n_ins; j++) {
            syn_ins ins = n->prog->ins[j];
            for (int s = 0; s < 4; s++) {
                if (ins.src[s] < 0) continue;
                ins.src[s] = ins.src[s] < n->n_in ? temp[n->in[ins.src[s]]]
                                                  : out->n_in + base + ins.src[s] - n->n_in;
            }
            prog->ins[prog->n_ins++] = ins;
        }
        for (int o = 0; o < n->n_out && fits; o++) {
            int t = n->prog->out[o];
            t = t < n->n_in ? temp[n->in[t]] : out->n_in + base + t - n->n_in;
            temp[n->out[o]] = t;
            if (!read_outside(f, n->out[o], group)) continue;
            fits = out->n_out < SYN_MAX_OUT;
            if (!fits) break;
            prog->out[out->n_out] = t;
            out->out[out->n_out++] = n->out[o];
        }
    }
    free(temp);
    if (!fits) {
        free(prog->ins);
        free(prog);
    }
    return fits;
}

/* Kahn's order over the new nodes, always taking the earliest of the old order. `place[i]` is the
 * node that stands for old node i. */
static syn_status sort_nodes(syn_graph *g, syn_node *node, int n) {
    char *done = calloc((size_t)n + 1, 1), *made = calloc((size_t)g->n_values + 1, 1);
    syn_node *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    syn_status status = done && made && sorted ? SYN_OK : syn_no_memory((size_t)n * sizeof *sorted);
    for (int v = 0; status == SYN_OK && v < g->n_values; v++) made[v] = 1;
    for (int i = 0; status == SYN_OK && i < n; i++)
        for (int o = 0; o < node[i].n_out; o++) made[node[i].out[o]] = 0;
    for (int placed = 0; status == SYN_OK && placed < n;) {
        int next = -1;
        for (int i = 0; i < n && next < 0; i++) {
            bool ready = !done[i];
            for (int k = 0; ready && k < node[i].n_in; k++) ready = made[node[i].in[k]];
            if (ready) next = i;
        }
        if (next < 0) {
            status = syn_fail(SYN_E_ARGUMENT, "fusing maps made a cycle (a bug: please report it; "
                                              "no_fuse avoids it)");
            break;
        }
        done[next] = 1;
        for (int o = 0; o < node[next].n_out; o++) made[node[next].out[o]] = 1;
        sorted[placed++] = node[next];
    }
    if (status == SYN_OK) memcpy(node, sorted, (size_t)n * sizeof *sorted);
    free(sorted);
    free(done);
    free(made);
    return status;
}

/* Of the new nodes those that build made; the others are the graph's own. */
static void drop(fuser *f, const int *count, const syn_node *fused, int n) {
    for (int i = 0, k = 0; k < n; i++) {
        if (count[find(f, i)] > 1 && find(f, i) != i) continue;
        if (count[i] > 1) {
            free(fused[k].prog->ins);
            free(fused[k].prog);
        }
        k++;
    }
}

static bool reads_twice(const syn_node *n) {
    for (int k = 1; k < n->n_in; k++)
        for (int j = 0; j < k; j++)
            if (n->in[j] == n->in[k]) return true;
    return false;
}

syn_status syn_graph_fuse(syn_graph *g, const syn_op *map) {
    fuser f = { .g = g, .map = map, .group = malloc(((size_t)g->n_nodes + 1) * sizeof(int)),
                .last = malloc(((size_t)g->n_nodes + 1) * sizeof(int)),
                .seen = malloc((size_t)g->n_nodes + 1) };
    syn_node *fused = malloc(((size_t)g->n_nodes + 1) * sizeof *fused);
    if (!f.group || !f.last || !f.seen || !fused) {
        free(f.group);
        free(f.last);
        free(f.seen);
        free(fused);
        return syn_no_memory((size_t)g->n_nodes * sizeof *fused);
    }
    for (int i = 0; i < g->n_nodes; i++) f.group[i] = f.last[i] = i;
    merge_groups(&f);
    int *count = calloc((size_t)g->n_nodes + 1, sizeof *count);
    syn_status status = count ? SYN_OK : syn_no_memory((size_t)g->n_nodes);
    for (int i = 0; status == SYN_OK && i < g->n_nodes; i++) count[find(&f, i)]++;
    for (int i = 0; status == SYN_OK && i < g->n_nodes; i++) /* x + x alone is built anew, too: x is one input */
        if (g->node[i].op == map && reads_twice(&g->node[i])) count[find(&f, i)]++;
    int n = 0;
    for (int i = 0; status == SYN_OK && i < g->n_nodes; i++) {
        int group = find(&f, i);
        if (count[group] == 1) {
            fused[n++] = g->node[i];
        } else if (group == i) {
            if (!build(&f, group, &fused[n]))
                status = g->failed ? syn_no_memory(sizeof(syn_prog))
                                   : syn_fail(SYN_E_ARGUMENT, "a chain of maps has more than %d ends",
                                              SYN_MAX_IN);
            else
                n++;
        }
    }
    if (status == SYN_OK) status = sort_nodes(g, fused, n);
    if (status != SYN_OK) {
        drop(&f, count, fused, n);
    } else {
        for (int i = 0; i < g->n_nodes; i++) {
            if (count[find(&f, i)] == 1) continue;
            for (int o = 0; o < g->node[i].n_out; o++) g->value[g->node[i].out[o]].producer = -1;
            free(g->node[i].prog->ins);
            free(g->node[i].prog);
        }
        memcpy(g->node, fused, (size_t)n * sizeof *fused);
        g->n_nodes = n;
        for (int i = 0; i < n; i++)
            for (int o = 0; o < g->node[i].n_out; o++) g->value[g->node[i].out[o]].producer = i;
    }
    free(count);
    free(f.group);
    free(f.last);
    free(f.seen);
    free(fused);
    return status;
}
