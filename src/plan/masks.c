/* How the masks of random layers reach the backward pass, and why so, as text. */
#include "op/map.h"
#include "plan/plan.h"

#include <stdio.h>

static void print_way(syn_map_mask way, int64_t bytes, bool wanted, syn_text *t) {
    static const char *const text[] = {
        [SYN_MASK_ONCE] = "drawn once: no gradient passes through it",
        [SYN_MASK_FUSED] = "drawn once: both passes are one launch",
        [SYN_MASK_NUMBERS] = "drawn again: its draws are numbers, not bits",
    };
    if (way == SYN_MASK_BITS)
        syn_text_add(t, "kept as bits, %.1f KiB: reading them is cheaper here than drawing again",
                     (double)bytes / 1024);
    else if (way == SYN_MASK_DRAWN)
        syn_text_add(
            t, wanted ? "drawn again: the launch it was fused into has no argument left for bits"
                      : "drawn again: the profile does not know bits to be cheaper here");
    else
        syn_text_add(t, "%s", text[way]);
}

void syn_plan_print_masks(const syn_plan *plan, syn_text *t) {
    const syn_net *net = plan->state->net;
    const syn_graph *g = &plan->graph[SYN_MODE_TRAIN];
    bool any = false;
    for (int i = 0; plan->has_graph[SYN_MODE_TRAIN] && i < net->n_layers; i++) {
        int64_t bytes;
        if (!net->layer[i].row->random) continue;
        syn_map_mask way = syn_map_mask_of(g, net->layer[i].stream, &bytes);
        if (way == SYN_MASK_NONE) continue;
        if (!any) syn_text_add(t, "\nmasks for the backward pass\n");
        any = true;
        syn_text_add(t, "  %-18s ", net->layer[i].name);
        print_way(way, bytes * plan->batch, syn_ctx_profile_of(plan->ctx)->mask_bits, t);
        syn_text_add(t, "\n");
    }
}
