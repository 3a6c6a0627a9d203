/* The plan's blocks: gradients and what is as long by themselves; all the small ones, and the
 * tables of phases, in one buffer, for what a launch costs grows with the buffers it touches. */
#include "plan/machinery.h"
#include "plan/search.h"

#include <stdlib.h>

enum { INTS_OF_PLACE = 4, MOST = 16 + 2 * SYN_MAX_ENDS };

/* A part of that buffer, zeros at first or these ints. */
typedef struct small {
    syn_buffer **to;
    int64_t bytes;
    const int32_t *ints;
} small;

static void add(small *list, int *n, syn_buffer **to, int64_t bytes, const int32_t *ints) {
    list[(*n)++] = (small){ to, bytes > 0 ? bytes : 1, ints };
}

static int partials(const syn_plan *plan) {
    return syn_optim_searches(&plan->optim) ? SYN_SEARCH_SUMS : 2;
}

static int64_t scalars(const syn_plan *plan) { return SYN_FRAME_SCALARS + plan->optim.n_scalars; }

/* Mean and 1/deviation of each input. */
static void add_standardisation(syn_plan *plan, small *list, int *n) {
    const syn_net *net = plan->state->net;
    const int64_t real = syn_plan_real(plan);
    for (int i = 0, k = 0; i < net->n_layers && plan->standardise; i++) {
        if (net->layer[i].row != &syn_layer_input) continue;
        const int64_t bytes = syn_shape_count(&net->layer[i].shape) * real;
        add(list, n, &plan->shift[k], bytes, NULL);
        add(list, n, &plan->scale[k++], bytes, NULL);
    }
}

static int small_blocks(syn_plan *plan, small *list) {
    const int64_t real = syn_plan_real(plan), params = plan->state->n_params,
                  place = INTS_OF_PLACE * 4;
    syn_buffer **block = plan->block;
    int n = 0;
    add(list, &n, &block[SYN_BLOCK_CONTROL], SYN_CTL_WORDS * 4, NULL);
    add(list, &n, &block[SYN_BLOCK_METRICS], SYN_METRICS * real, NULL);
    add(list, &n, &plan->tables.code, plan->tables.code_bytes, NULL);
    add(list, &n, &plan->tables.sync, plan->tables.sync_bytes, NULL);
    add_standardisation(plan, list, &n);
    if (!plan->has_graph[SYN_MODE_TRAIN]) return n;
    add(list, &n, &block[SYN_BLOCK_SCALARS], SYN_SCALAR_ROWS * scalars(plan) * real, NULL);
    add(list, &n, &block[SYN_BLOCK_FACTORS], params * SYN_FACTORS * real, NULL);
    add(list, &n, &block[SYN_BLOCK_NORMS], params * real, NULL);
    add(list, &n, &block[SYN_BLOCK_PARTIAL],
        (partials(plan) * plan->n_parts + plan->left.count) * real, NULL);
    if (plan->optim.impl->norms)
        add(list, &n, &block[SYN_BLOCK_TRUST], 2 * plan->n_parts * real, NULL);
    add(list, &n, &block[SYN_BLOCK_TILES], plan->n_tiles * place, plan->tile);
    add(list, &n, &block[SYN_BLOCK_PARTS], plan->n_parts * place, plan->part);
    add(list, &n, &block[SYN_BLOCK_REST], plan->n_rest * place, plan->rest);
    add(list, &n, &block[SYN_BLOCK_RANGES], params * place, plan->range);
    add(list, &n, &block[SYN_BLOCK_STEP_RANGES], params * place, plan->step_range);
    return n;
}

static int64_t room_of(const syn_plan *plan, int64_t bytes) {
    return syn_round_up(bytes, syn_ctx_profile_of(plan->ctx)->align);
}

int64_t syn_machinery_bytes(const syn_plan *plan) {
    syn_plan copy = *plan; /* whose addresses go nowhere */
    small list[MOST];
    const int n = small_blocks(&copy, list);
    int64_t bytes = plan->frame.accumulate > 1 ? plan->grad_length * syn_plan_real(plan) : 0;
    for (int i = 0; i < n; i++) bytes += room_of(plan, list[i].bytes);
    return bytes;
}

static syn_status allocate_small(syn_plan *plan) {
    small list[MOST];
    const int n = small_blocks(plan, list);
    int64_t at = 0;
    for (int i = 0; i < n; i++) at += room_of(plan, list[i].bytes);
    SYN_TRY(syn_buffer_create(&plan->small, plan->ctx, at, "the plan's blocks"));
    SYN_TRY(syn_buffer_zero(plan->small));
    at = 0;
    for (int i = 0; i < n; at += room_of(plan, list[i++].bytes)) {
        SYN_TRY(syn_buffer_sub(list[i].to, plan->small, at, list[i].bytes));
        if (list[i].ints && list[i].bytes > 1)
            SYN_TRY(syn_buffer_write(*list[i].to, 0, list[i].ints, list[i].bytes, true));
    }
    return SYN_OK;
}

/* The inputs' features stand one behind the other in the state. */
static syn_status standardise(syn_plan *plan) {
    const syn_net *net = plan->state->net;
    int64_t at = 0;
    for (int i = 0, k = 0; i < net->n_layers && plan->standardise; i++) {
        if (net->layer[i].row != &syn_layer_input) continue;
        const int64_t n = syn_shape_count(&net->layer[i].shape);
        SYN_TRY(syn_reals_write(plan->shift[k], plan->dtype, 0, plan->state->mean + at, n));
        SYN_TRY(syn_reals_write(plan->scale[k++], plan->dtype, 0, plan->state->inv_dev + at, n));
        at += n;
    }
    return SYN_OK;
}

static syn_status zeros(syn_plan *plan, syn_block b, int64_t bytes, const char *what) {
    SYN_TRY(syn_buffer_create(&plan->block[b], plan->ctx, bytes, what));
    return syn_buffer_zero(plan->block[b]);
}

syn_status syn_machinery_allocate(syn_plan *plan) {
    const syn_state *s = plan->state;
    const int64_t real = syn_plan_real(plan), n = s->n_params;
    SYN_TRY(allocate_small(plan));
    SYN_TRY(standardise(plan));
    if (!plan->has_graph[SYN_MODE_TRAIN]) return SYN_OK;
    SYN_TRY(zeros(plan, SYN_BLOCK_GRADS, plan->grad_length * real, "the gradients"));
    plan->block[SYN_BLOCK_SUMS] = plan->block[SYN_BLOCK_GRADS];
    if (plan->frame.accumulate > 1)
        SYN_TRY(zeros(plan, SYN_BLOCK_SUMS, plan->grad_length * real, "the accumulated gradients"));
    SYN_TRY(zeros(plan, SYN_BLOCK_SLOTS, plan->grad_length * real * syn_plan_slots(plan),
                  "the optimizer's slots"));
    SYN_TRY(syn_reals_write(plan->block[SYN_BLOCK_FACTORS], plan->dtype, 0, plan->factor[0],
                            n * SYN_FACTORS));
    for (int i = 0; i < 2; i++) {
        const size_t count = (size_t)(SYN_SCALAR_ROWS / 2 * scalars(plan));
        plan->table[i] = calloc(count, 8);
        if (!plan->table[i]) return syn_no_memory(count * 8);
    }
    for (int p = 0; p < n; p++)
        if (plan->grad_offset[p] >= 0)
            SYN_TRY(syn_buffer_sub(&plan->grad[p], plan->block[SYN_BLOCK_GRADS],
                                   plan->grad_offset[p] * real,
                                   syn_round_up(s->count[p], 128) * real));
    return SYN_OK;
}
