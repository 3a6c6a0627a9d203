/* How the masks of random layers reach the backward pass, and why so, as text. */
#include "op/map.h"
#include "plan/plan.h"

#include <stdio.h>

/* masks: what is kept where it can be. */
static void print_way(syn_map_mask way, int64_t bytes, syn_masks masks, bool least, syn_text *t) {
    static const char *const text[] = {
        [SYN_MASK_ONCE] = "drawn once: no gradient passes through it",
        [SYN_MASK_FUSED] = "drawn once: both passes are one launch",
        [SYN_MASK_BITS] = "bits",
        [SYN_MASK_DRAWN] = "bits",
        [SYN_MASK_NUMBERS] = "numbers",
        [SYN_MASK_DRAWN_NUMBERS] = "numbers",
    };
    const syn_masks needs = way == SYN_MASK_DRAWN_NUMBERS ? SYN_MASKS_KEPT : SYN_MASKS_BITS;
    if (way == SYN_MASK_BITS || way == SYN_MASK_NUMBERS)
        syn_text_add(t, "kept as %s, %.1f KiB: cheaper here than drawing again",
                     text[way], (double)bytes / 1024);
    else if (way == SYN_MASK_ONCE || way == SYN_MASK_FUSED)
        syn_text_add(t, "%s", text[way]);
    else if (least)
        syn_text_add(t, "drawn again: %s kept would make the arena larger, and memory is `least`",
                     text[way]);
    else if (masks < needs)
        syn_text_add(t, "drawn again: the profile does not know %s to be cheaper here", text[way]);
    else
        syn_text_add(t, "drawn again: the launch it was fused into has no argument left for %s",
                     text[way]);
}

void syn_plan_print_masks(const syn_plan *plan, syn_text *t) {
    const syn_net *net = plan->state->net;
    const syn_graph *g = &plan->graph[SYN_MODE_TRAIN];
    bool any = false;
    for (int i = 0; plan->has_graph[SYN_MODE_TRAIN] && i < net->n_layers; i++) {
        int kept;
        if (!net->layer[i].row->random) continue;
        syn_map_mask way = syn_map_mask_of(g, net->layer[i].stream, &kept);
        if (way == SYN_MASK_NONE) continue;
        if (!any) syn_text_add(t, "\nmasks for the backward pass\n");
        any = true;
        syn_text_add(t, "  %-18s ", net->layer[i].name);
        const int64_t bytes =
            kept < 0 ? 0 : syn_value_count(g, kept) * syn_value_size(g, kept, plan->dtype);
        print_way(way, bytes * plan->batch, syn_ctx_profile_of(plan->ctx)->masks,
                  plan->recompute.drawn, t);
        syn_text_add(t, "\n");
    }
}
