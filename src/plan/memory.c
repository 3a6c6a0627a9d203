/* What the backward pass makes again: training graphs are tried, emitted and placed without a
 * buffer, and of those that the policy allows the least arena is taken. */
#include "op/map.h"
#include "plan/plan.h"

#include <stdlib.h>

/* balanced: no launch (or phase, plan/phases.h) more, at most so many more bytes moved, and at least so much less of arena.
 */
static const double LITTLE = 1. / 32;
enum { STEPS = 8 }; /* outputs are looked at in so many parts: a try takes a millisecond or so */

static bool masks_kept(const syn_plan *plan) {
    const syn_net *net = plan->state->net;
    int kept = -1;
    for (int i = 0; i < net->n_layers && kept < 0; i++)
        if (net->layer[i].row->random)
            syn_map_mask_of(&plan->graph[SYN_MODE_TRAIN], net->layer[i].stream, &kept);
    return kept >= 0;
}

/* A copy of the plan tries. It shares everything but the graph and, until a list has decided, which
 * norms products leave; entries of those by parameter are written anew by every list until then. */
static syn_status try(const syn_plan *plan, syn_recompute how, syn_memory_use *use) {
    syn_plan copy = *plan;
    syn_graph *g = &copy.graph[SYN_MODE_TRAIN];
    syn_list l = { 0 };
    *use = (syn_memory_use){ .how = how };
    copy.recompute = how;
    syn_graph_init(g);
    syn_status status = syn_plan_build_train(&copy);
    if (status == SYN_OK) status = syn_plan_emit(&copy, SYN_MODE_TRAIN, plan->batch, &l);
    use->could = copy.recomputable;
    use->masks_kept = masks_kept(&copy);
    for (int k = 0; k < plan->n_fed; k++) use->phases += syn_fed_value(g, &plan->fed[k]) >= 0;
    for (int i = 0; i < l.n_slabs; i++) use->arena += l.slab_bytes[i];
    for (int i = 0; i < l.n_items; i++) {
        if (!syn_plan_item_in_step(&copy, i - l.n_nodes_items)) continue;
        use->phases++;
        use->bytes += l.item[i].call.bytes;
    }
    if (copy.rest != plan->rest) free(copy.rest);
    if (copy.step_range != plan->step_range) free(copy.step_range);
    syn_list_free(&l);
    syn_graph_free(g);
    return status;
}

static bool allowed(syn_memory policy, const syn_memory_use *plain, const syn_memory_use *use) {
    return policy == SYN_MEMORY_LEAST ||
           (use->phases <= plain->phases && use->bytes <= plain->bytes * (1 + LITTLE));
}

/* The outputs of the first layers live longest. As many of them as the policy allows; then as few
 * as reach the same arena. */
static syn_status search(const syn_plan *plan, syn_memory policy, bool joined,
                         const syn_memory_use *plain, syn_memory_use *best) {
    const int step = (plain->could + STEPS - 1) / STEPS;
    syn_memory_use most, use;
    syn_recompute how = { .count = plain->could, .joined = joined, .drawn = plain->how.drawn };
    int low = 0, high = plain->could;
    if (!high) return SYN_OK;
    SYN_TRY(try(plan, how, &most));
    while (!allowed(policy, plain, &most) &&
           high - low > step) { /* low: none or allowed; high: not */
        const int middle = how.count = (low + high) / 2;
        SYN_TRY(try(plan, how, &use));
        if (allowed(policy, plain, &use))
            low = middle;
        else
            high = middle;
        if (high - low <= step && low > 0) {
            how.count = low;
            SYN_TRY(try(plan, how, &most));
            high = low;
        }
    }
    const double worth = policy == SYN_MEMORY_LEAST ? 0 : LITTLE * (double)plain->arena;
    if (!allowed(policy, plain, &most) || most.arena >= best->arena ||
        (double)(plain->arena - most.arena) < worth)
        return SYN_OK;
    *best = most; /* with the number that could be made again when none was: some take others'
                     chances */
    best->could = plain->could;
    for (low = 0; high - low > step;) { /* low: too large an arena; high: the same */
        const int middle = how.count = (low + high) / 2;
        SYN_TRY(try(plan, how, &use));
        if (use.arena <= most.arena && allowed(policy, plain, &use)) {
            high = middle;
            *best = use;
            best->could = plain->could;
        } else {
            low = middle;
        }
    }
    return SYN_OK;
}

static syn_status choose(const syn_plan *plan, syn_memory policy, syn_memory_use *best) {
    syn_memory_use plain;
    SYN_TRY(try(plan, (syn_recompute){ 0 }, &plain));
    *best = plain;
    if (policy == SYN_MEMORY_FASTEST) return SYN_OK;
    SYN_TRY(search(plan, policy, true, &plain, best));
    if (policy != SYN_MEMORY_LEAST) return SYN_OK;
    SYN_TRY(search(plan, policy, false, &plain, best));
    if (!plain.masks_kept) return SYN_OK;
    SYN_TRY(try(plan, (syn_recompute){ .drawn = true }, &plain));
    if (plain.arena < best->arena) *best = plain;
    SYN_TRY(search(plan, policy, true, &plain, best));
    return search(plan, policy, false, &plain, best);
}

syn_status syn_plan_choose_memory(syn_plan *plan) {
    syn_memory_use best;
    if (plan->memory == SYN_MEMORY_FASTEST ||
        (plan->memory == SYN_MEMORY_BALANCED && !plan->recomputable))
        return SYN_OK;
    SYN_TRY(choose(plan, plan->memory, &best));
    plan->recomputable = best.could;
    if (!best.how.count && !best.how.drawn) return SYN_OK;
    plan->recompute = best.how;
    syn_graph_free(&plan->graph[SYN_MODE_TRAIN]);
    SYN_TRY(syn_plan_build_train(plan));
    plan->recomputable = best.could;
    return SYN_OK;
}

syn_status syn_plan_print_memory(const syn_plan *plan, syn_text *t) {
    static const struct {
        syn_memory policy;
        const char *name;
    } row[] = { { SYN_MEMORY_FASTEST, "fastest" },
                { SYN_MEMORY_BALANCED, "balanced" },
                { SYN_MEMORY_LEAST, "least" } };
    syn_plan_sizes z;
    if (!plan->has_graph[SYN_MODE_TRAIN]) return SYN_OK;
    syn_plan_sums(plan, &z);
    syn_text_add(t, "\n%-14s %10s %10s %7s %10s  made again backward\n",
                 "memory policy", "arena KiB", "peak KiB", "phases", "MiB moved");
    for (size_t i = 0; i < SYN_COUNT(row); i++) {
        syn_memory_use use;
        SYN_TRY(choose(plan, row[i].policy, &use));
        const bool taken = row[i].policy == plan->memory;
        syn_text_add(t, "  %c %-10s %10.1f %10.1f %7d %10.1f  ", taken ? '*' : ' ', row[i].name,
                     (double)use.arena / 1024, (double)(z.peak - z.arena + use.arena) / 1024,
                     use.phases, use.bytes / 1048576);
        if (use.could)
            syn_text_add(t, "%d of %d maps", use.how.count, use.could);
        else
            syn_text_add(t, use.how.drawn ? "no maps"
                                          : "nothing could be");
        syn_text_add(t, use.how.drawn ? ", and masks\n" : "\n");
    }
    return SYN_OK;
}
