#ifndef SYN_PLAN_PLAN_H
#define SYN_PLAN_PLAN_H

#include "graph/graph.h"
#include "layer/layer.h"
#include "optim/frame.h"
#include "optim/optim.h"
#include "optim/schedule.h"
#include "plan/control.h"
#include "plan/list.h"
#include "plan/source.h"
#include "plan/state.h"

#include <syncline/plan.h>

/* Which graph a list runs. */
typedef enum syn_mode {
    SYN_MODE_TRAIN, /* loss, gradients, random layers act */
    SYN_MODE_EVAL,  /* loss, test mode */
    SYN_MODE_INFER, /* predictions */
    SYN_MODE_COLLECT, /* loss, test mode, but batch_norm normalises by the batch and gathers statistics;
                         for nets that want them of the whole set */
    SYN_MODE_PASSES, /* predictions with dropout acting; made when asked for, see syn_plan_need_passes */
    SYN_MODES
} syn_mode;

/* What is fed to a plan: its inputs, the targets of its losses, the weights of the samples. */
typedef enum syn_fed_kind { SYN_FED_INPUT, SYN_FED_TARGET, SYN_FED_WEIGHTS } syn_fed_kind;
typedef struct syn_fed {
    syn_fed_kind kind;
    int index;       /* of graph.x or graph.target */
    const char *name; /* of the input layer or the loss */
    int64_t count;   /* elements of a row */
    bool labels;
    int64_t classes, ignored; /* ignored: the label the loss leaves out, -1: none */
} syn_fed;

/* What an optimizer that searches remembers between steps, besides its vectors; checkpoints have it. */
typedef struct syn_search_memory {
    int64_t iterations;
    int n, first;            /* pairs kept; place of the oldest in the ring */
    double t, slope, scale;  /* of the last step and its line; of the first Hessian */
    double *ro;              /* 1 / (change . step), by place */
} syn_search_memory;

/* The first `count` outputs that the backward pass could make again are, in launches of their own
 * or not. */
typedef struct syn_recompute {
    int count;
    bool joined;
    bool drawn; /* random masks are, whatever the profile keeps */
} syn_recompute;

/* A training step with this. */
typedef struct syn_memory_use {
    syn_recompute how;
    int could;       /* outputs that could be made again */
    bool masks_kept; /* of random layers, any */
    int64_t arena;
    int phases;
    double bytes;
} syn_memory_use;

struct syn_plan {
    syn_state *state;
    syn_ctx *ctx;
    syn_dtype dtype;
    int batch;
    bool fuse, keep, stream;
    int64_t memory_limit, steps, epoch_steps;
    syn_memory memory;
    syn_recompute recompute;
    int recomputable;        /* outputs that the backward pass could make again */
    int loss;                /* layer, perhaps a sum; -1: none */
    int n_losses, losses[SYN_MAX_ENDS]; /* layers that make it up */
    double loss_weight[SYN_MAX_ENDS];
    int n_outputs, output[SYN_MAX_ENDS], link[SYN_MAX_ENDS]; /* layers; losses whose links are applied, -1: none */
    syn_fed fed[SYN_MAX_FED]; /* inputs first, then targets, then weights */
    int n_fed, n_inputs;
    bool weighted;
    syn_optim_use optim;
    syn_frame frame;
    syn_schedule schedule;
    syn_plateau plateau;     /* of performance scheduling */
    syn_preset preset;
    syn_graph graph[SYN_MODES];
    bool has_graph[SYN_MODES];
    syn_kernels kernels;
    syn_list **list;          /* siblings: by mode and rows, first the full batch of each mode */
    syn_mode *list_mode;
    int n_lists, cap_lists, cap_modes;
    /* Gradient segments: a compact copy of the parameter block's layout, trained ones only. */
    int n_trained, n_tiles;
    int64_t *grad_offset;     /* elements, by parameter; -1: not trained */
    int64_t grad_length;
    int32_t *tile;            /* n_tiles x 4 */
    int32_t *part, *range;    /* n_parts x 4; by parameter x 4 */
    int n_parts;
    syn_left_norms left;      /* norms that products leave in a step */
    int32_t *rest, *step_range; /* parts of the other parameters, n_rest x 4; ranges of a step */
    int n_rest;
    double (*factor)[SYN_FACTORS]; /* by parameter */
    bool *trained;            /* by parameter: the rules' word; of a statistic: whether it moves */
    bool swapped;             /* the moving average stands in the weights' place */
    syn_buffer *grads, *slots, *block[SYN_BLOCKS];
    syn_buffer **grad;        /* by parameter */
    syn_buffer *slab[SYN_MAX_SLABS];
    int64_t slab_bytes[SYN_MAX_SLABS];
    int n_slabs;
    syn_phase_room tables;        /* of phases */
    syn_buffer *small;            /* where these and all small blocks are: blocks.c */
    syn_buffer **outgrown;    /* slabs that earlier lists are bound to */
    int n_outgrown, cap_outgrown;
    syn_search_memory search; /* of optimizers that search */
    /* Stepping. */
    int64_t step;             /* optimizer steps enqueued */
    int64_t table_block;      /* block of the scalar table that is on the device, -1: none */
    void *table[2];           /* host halves of the table */
    syn_buffer *shift[SYN_MAX_ENDS], *scale[SYN_MAX_ENDS]; /* standardisation, by input */
    syn_source **source;      /* of syn_step and its kin, one for each form of batches */
    int n_sources, cap_sources;
    syn_source *direct;       /* the one of them last used from host memory */
    int32_t *host_labels;     /* batches of labels, by loss, as the device takes them */
    syn_buffer *lent[SYN_MAX_FED + 1]; /* what is fed, and results, in a caller's memory, while a call lasts */
    syn_list *last;           /* training list run last, for reading by name */
    bool standardise;         /* the state did when the plan was made */
    bool overrun;             /* an evaluation or prediction has used the arena since */
    struct {                  /* a snapshot on its way */
        uint32_t ctl[SYN_CTL_WORDS];
        unsigned char metrics[SYN_METRICS * 8]; /* reals of the plan's type */
        syn_event *event;
    } asked;
    syn_event *mark[4];       /* back-pressure: the host runs at most so many marks ahead */
    int64_t n_marks;
    double lr, momentum;      /* of the step enqueued last */
};

/* Slots on the device: the optimizer's, then the moving average. */
static inline int syn_plan_slots(const syn_plan *p) { return p->optim.n_slots + (p->frame.ema > 0); }
const char *syn_plan_slot_name(const syn_plan *plan, int k);
/* What the plan's schedule is asked for. */
static inline syn_schedule_run syn_plan_run(const syn_plan *p) {
    return (syn_schedule_run){ .lr = p->optim.lr, .steps = p->steps, .epoch_steps = p->epoch_steps,
                               .plateau = &p->plateau };
}
static inline int64_t syn_plan_real(const syn_plan *p) { return p->dtype == SYN_DOUBLE ? 8 : 4; }

/* The list for a mode and batch size (lists.c); made, placed, built and bound when it is new. */
syn_status syn_plan_list(syn_plan *plan, syn_mode mode, int rows, syn_list **list);
/* Its halves, while the plan is made: without buffers, and with them. */
syn_status syn_plan_add_list(syn_plan *plan, syn_mode mode, int rows, syn_list **list);
syn_status syn_plan_bind_list(syn_plan *plan, syn_list *list);
/* Whether a batch of so many inputs and targets fits the plan; x, y, weights: they are given. */
syn_status syn_plan_check_batch(const syn_plan *plan, syn_mode mode, bool x, int n_x, bool y, int n_y, bool weights);
syn_status syn_plan_need_passes(syn_plan *plan);
/* The graph of training steps, by plan->recompute; sets plan->recomputable. */
syn_status syn_plan_build_train(syn_plan *plan);
/* Recomputation by plan->memory (memory.c): the graph is the chosen one afterwards. What each
 * policy gives, as text. */
syn_status syn_plan_choose_memory(syn_plan *plan);
syn_status syn_plan_print_memory(const syn_plan *plan, syn_text *t);
/* Emission of one list without binding (create measures before it allocates). */
syn_status syn_plan_emit(syn_plan *plan, syn_mode mode, int rows, syn_list *list);
/* What of the set goes where, checked: by fed thing, its field, and whether the set has it. */
syn_status syn_plan_match(const syn_plan *plan, const syn_data *data, syn_field_info *from, bool *there);
syn_status syn_plan_check_memory(const syn_plan *plan);
void syn_plan_sums(const syn_plan *plan, syn_plan_sizes *sizes);
/* How masks of random layers get to the backward pass (masks.c); nothing where there are none. */
void syn_plan_print_masks(const syn_plan *plan, syn_text *t);

/* Machinery items behind the node items of a training list, in this order; other lists have the sum
 * alone (evaluation) or none. */
enum { SYN_ITEM_SUM, SYN_ITEM_ACCUMULATE, SYN_ITEM_NORM, SYN_ITEM_ADVANCE,
       SYN_ITEM_REST, /* norms that no product left, in a step in one go */
       SYN_ITEM_BOTH, SYN_ITEM_UPDATE,
       SYN_ITEM_TRUST, /* of optimizers that need norms; others have none */
       /* of optimizers that search, in the places of the update and of trust */
       SYN_ITEM_TAKE = SYN_ITEM_UPDATE, SYN_ITEM_COMBINE = SYN_ITEM_TRUST, SYN_ITEM_PLACE,
       /* around the gradient of those that look ahead, in the place of trust */
       SYN_ITEM_AHEAD = SYN_ITEM_TRUST, SYN_ITEM_BACK };

/* What machinery runs behind the nodes: pieces of (first item, items), each run in one go. */
typedef enum syn_part { SYN_PART_GRADIENT, SYN_PART_UPDATE, SYN_PART_STEP } syn_part;
enum { SYN_MAX_PIECES = 4 };
int syn_plan_pieces(const syn_plan *plan, syn_part part, int (*piece)[2]);
/* Whether item number `machinery` (below 0: a node's) runs in a training step. */
bool syn_plan_item_in_step(const syn_plan *plan, int machinery);

/* Enqueue a whole training step of this list (its batch is fed already): scalars, nodes, update. */
syn_status syn_plan_enqueue_step(syn_plan *plan, syn_list *list);
/* Its halves: forward and gradients, summed up when micro-batches accumulate; then the update. */
syn_status syn_plan_enqueue_gradient(syn_plan *plan, syn_list *list);
syn_status syn_plan_enqueue_update(syn_plan *plan, syn_list *list);
/* Forward and tally of an evaluation list, or forward of an inference list. */
syn_status syn_plan_enqueue_forward(syn_plan *plan, syn_list *list);
/* Lets the host run ahead by a few steps only. */
syn_status syn_plan_pace(syn_plan *plan);

/* The control and metrics blocks, read in order with the queue. */
typedef struct syn_snapshot {
    uint32_t ctl[SYN_CTL_WORDS];
    double metrics[SYN_METRICS];
} syn_snapshot;
syn_status syn_plan_snapshot(syn_plan *plan, syn_snapshot *s);
/* The same without waiting: ask, then poll until *there. One at a time. */
syn_status syn_plan_snapshot_ask(syn_plan *plan);
syn_status syn_plan_snapshot_poll(syn_plan *plan, syn_snapshot *s, bool *there);
syn_status syn_plan_restore(syn_plan *plan, const syn_snapshot *s); /* waits */
/* What the last gradient was multiplied by, for the halves that it is computed in: 1 but in plans of dtype half. */
syn_status syn_plan_gradient_scale(syn_plan *plan, double *scale);
/* Zero the sums, cursor and latch; the step, the key and the loss scale stay. */
syn_status syn_plan_reset_metrics(syn_plan *plan);
/* SYN_OK, or SYN_E_NONFINITE naming the guilty layer: runs the guilty batch again, node by node. */
syn_status syn_plan_check_latch(syn_plan *plan, const syn_snapshot *s, syn_source *source);
/* The mean of loss k over the sums, and its accuracy (NAN: it has none). */
void syn_plan_loss_at(const syn_plan *plan, const syn_snapshot *s, int k, double *loss, double *accuracy);
/* The weighted sum of all; accuracy: of the first loss that has one. */
void syn_plan_loss_of(const syn_plan *plan, const syn_snapshot *s, double *loss, double *accuracy);
/* The same of a batch of `rows` alone. */
double syn_plan_loss_last(const syn_plan *plan, const syn_snapshot *s, int rows);
/* Whether a set's feeds are one launch: there are phases, and few buffers to touch. */
bool syn_plan_feeds_join(const syn_plan *plan);
/* The graph's value that a fed thing fills, -1: this graph does not read it. */
static inline int syn_fed_value(const syn_graph *g, const syn_fed *f) {
    return f->kind == SYN_FED_INPUT ? g->x[f->index] : f->kind == SYN_FED_TARGET ? g->target[f->index] : g->weights;
}

#endif
