/* What of the machinery runs when. */
#include "plan/plan.h"

/* Items from `first` to `last`. */
static int add(int (*piece)[2], int n, int first, int last) {
    piece[n][0] = first;
    piece[n][1] = last - first + 1;
    return n + 1;
}

static int gradient(const syn_plan *plan, int (*piece)[2], int n) {
    return add(piece, n, SYN_ITEM_SUM,
               plan->frame.accumulate > 1 ? SYN_ITEM_ACCUMULATE : SYN_ITEM_SUM);
}

/* The update, after items from `first` to `last`. */
static int update(const syn_plan *plan, int (*piece)[2], int n, int first, int last) {
    if (last + 1 == SYN_ITEM_UPDATE && !plan->optim.impl->norms)
        return add(piece, n, first, SYN_ITEM_UPDATE);
    n = add(piece, n, first, last);
    if (plan->optim.impl->norms) n = add(piece, n, SYN_ITEM_TRUST, SYN_ITEM_TRUST);
    return add(piece, n, SYN_ITEM_UPDATE, SYN_ITEM_UPDATE);
}

int syn_plan_pieces(const syn_plan *plan, syn_part part, int (*piece)[2]) {
    const bool sums = plan->frame.accumulate > 1, norm = syn_frame_needs_norm(&plan->frame);
    if (part == SYN_PART_GRADIENT) return gradient(plan, piece, 0);
    if (part == SYN_PART_STEP && syn_optim_searches(&plan->optim)) { /* one evaluation */
        const int n = add(piece, gradient(plan, piece, 0), SYN_ITEM_TAKE, SYN_ITEM_TAKE);
        return add(piece, n, SYN_ITEM_PLACE, SYN_ITEM_PLACE);
    }
    if (part == SYN_PART_STEP && !sums)
        return update(plan, piece, 0, norm && plan->n_rest ? SYN_ITEM_REST : SYN_ITEM_BOTH,
                      SYN_ITEM_BOTH);
    const int n = part == SYN_PART_STEP ? gradient(plan, piece, 0) : 0;
    return update(plan, piece, n, norm ? SYN_ITEM_NORM : SYN_ITEM_ADVANCE, SYN_ITEM_ADVANCE);
}

bool syn_plan_item_in_step(const syn_plan *plan, int machinery) {
    int piece[SYN_MAX_PIECES][2];
    const int n = syn_plan_pieces(plan, SYN_PART_STEP, piece);
    bool in = machinery < 0 || (syn_optim_looks_ahead(&plan->optim) &&
                                (machinery == SYN_ITEM_AHEAD || machinery == SYN_ITEM_BACK));
    for (int i = 0; i < n; i++)
        in |= machinery >= piece[i][0] && machinery < piece[i][0] + piece[i][1];
    return in;
}
