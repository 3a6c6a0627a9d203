/* Launch lists: a graph lowered for one batch size. Emitted and placed without allocating; bound to
 * buffers and kernels later; then run as often as wanted, setting nothing. */
#ifndef SYN_PLAN_LIST_H
#define SYN_PLAN_LIST_H

#include "graph/graph.h"
#include "plan/kernels.h"
#include "plan/norms.h"
#include "plan/place.h"

enum {
    SYN_MAX_SLABS = 16,
    SYN_MAX_BASES = 8 /* that a list's phases touch: slabs, parameters, halves, gradients, sums, slots, small blocks */
};

typedef struct syn_item {
    syn_call call;
    int node;         /* of the graph, -1: machinery */
    int area;         /* of the list: its scratch, -1: none */
    bool in_library;  /* a GEMM by CLBlast, not a call */
    syn_gemm gemm;
    const char *provider; /* of a GEMM, else NULL */
    const char *from;     /* where that choice is from: see syn_gemm_choice */
    bool lead;        /* the first of a GEMM's items */
    const char *variant;
    syn_gemm_variant chosen; /* of a GEMM's own kernels */
    int map;          /* node that is its epilogue, 0: none */
    int instance;
    syn_kernel *kernel;
    syn_buffer *scratch_buffer;
    syn_buffer **piece; /* sub-buffers of the scratch that are kernel arguments: kernels hold none */
    int n_pieces, cap_pieces;
    bool phase; /* run by the list's kernel (phases.h); else a launch of its own */
} syn_item;

typedef struct syn_area {
    int64_t bytes;
    int place;
} syn_area;

/* The kernel that runs a list's phases (phases.h), and its tables. */
typedef struct syn_phases {
    syn_buffer *code, *sync;         /* parts of the plan's, or own where that is too small */
    int64_t code_bytes, sync_bytes;
    syn_buffer *base[SYN_MAX_BASES]; /* borrowed: what arguments lie in */
    int n_bases, workers;
    syn_program *program[2];         /* borrowed: of the net, of what stands apart */
    struct syn_phases_run {
        int first, count, times;
        syn_kernel *kernel;
    } *run;                          /* made when first asked for */
    int n_runs, cap_runs;
} syn_phases;

typedef struct syn_list {
    const syn_graph *graph;
    int rows;
    syn_item *item;
    int n_items, cap_items;
    int n_nodes_items; /* items of graph nodes; machinery follows */
    syn_area *area;    /* scratch of items; those of a node may share one */
    int n_areas, cap_areas;
    int *storage;      /* place of each value, -1: none */
    syn_place *place;
    int n_places;
    int64_t slab_bytes[SYN_MAX_SLABS];
    int n_slabs;
    int64_t guard;     /* bytes left behind each place, 0 outside tests */
    syn_buffer **value; /* of each graph value; NULL until bound, or where it has none */
    syn_buffer *slab[SYN_MAX_SLABS]; /* borrowed */
    bool trace;        /* SYNCLINE_TRACE=run: every launch goes to the log */
    bool apart;        /* every phase is a launch, for measuring them */
    int times;         /* what a run runs so often, for measuring without launches; set before syn_list_want; 0: once */
    syn_phases phases;
} syn_list;

/* Where the tables of a plan's lists are: of those made with it, and as much again for those of other batches. */
typedef struct syn_phase_room {
    syn_buffer *code, *sync;
    int64_t code_bytes, sync_bytes, used;
    int64_t own; /* bytes of lists that found no room */
} syn_phase_room;

/* What binding needs from the plan. */
typedef struct syn_binding {
    syn_ctx *ctx;
    syn_kernels *kernels;
    syn_buffer *const *slab;   /* at least as large as slab_bytes */
    syn_buffer *const *param;  /* by parameter number; NULL entries: not there */
    syn_buffer *const *grad;
    syn_buffer *const *block;  /* by syn_block */
    syn_buffer *const *const *block_of; /* then by item, where they are not the same; or NULL */
    syn_phase_room *tables;
} syn_binding;

/* Emits every node; `left` (or NULL): norms that products leave. Machinery is appended by the caller (syn_list_append), then syn_list_place. */
syn_status syn_list_emit(syn_list *l, syn_ctx *ctx, const syn_graph *graph, syn_dtype dtype, int rows,
                         bool train, bool micro, syn_left_norms *left);
/* Takes the call. Values it reads live until then. */
syn_status syn_list_append(syn_list *l, syn_call *call);
/* The calls of a product, or the library's; takes them. Returns with the item numbers [l->n_items before, l->n_items). */
syn_status syn_list_append_gemm(syn_list *l, const syn_gemm *g, syn_gemm_plan *plan, int node, syn_arg a, syn_arg b,
                                syn_arg c);
syn_status syn_list_place(syn_list *l, const syn_profile *p, syn_dtype dtype);
/* Asks kernels for its instances (before syn_kernels_build). */
syn_status syn_list_want(syn_list *l, syn_kernels *kernels);
syn_status syn_list_bind(syn_list *l, const syn_binding *b, syn_dtype dtype);
syn_status syn_list_run(syn_list *l, syn_ctx *ctx, int first, int count);
/* How many launches that is: phases in a row are one. */
int syn_list_launches(const syn_list *l, int first, int count);
void syn_list_free(syn_list *l);

/* Elements of a value of a bound list as double and back, however they are kept. Waits. */
syn_status syn_value_read(const syn_list *l, int value, syn_dtype dtype, double *out, int64_t n);
syn_status syn_value_write(const syn_list *l, int value, syn_dtype dtype, const double *in, int64_t n);
/* Kernel arguments of one item, from the list's values and the binding; for feeds too. */
syn_status syn_item_bind(syn_item *item, const syn_list *l, const syn_binding *b, syn_dtype dtype);
syn_status syn_item_run(syn_item *item, const syn_list *l, syn_ctx *ctx);
/* What the item is, for tables: "gemm cpu: tile", "map of 3", "colsum"; and '>' forward, '<' backward, '=' neither. */
void syn_item_text(const syn_item *item, const syn_graph *g, char *what, size_t size);
char syn_item_way(const syn_item *item, const syn_graph *g);
void syn_item_free(syn_item *item);

#endif
