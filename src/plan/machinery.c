#include "plan/machinery.h"
#include "plan/search.h"

#include <stdlib.h>
#include <string.h>

/* ---- what is trained, and how ---- */

syn_status syn_machinery_rules(syn_plan *plan, const syn_rule *rules, int n_rules) {
    const syn_net *net = plan->state->net;
    int n = plan->state->n_params;
    plan->factor = calloc((size_t)n + 1, sizeof *plan->factor);
    plan->trained = calloc((size_t)n + 1, sizeof *plan->trained);
    const char **names = calloc((size_t)n + 1, sizeof *names);
    if (!plan->factor || !plan->trained || !names) {
        free(names);
        return syn_no_memory((size_t)n * sizeof *plan->factor);
    }
    for (int p = 0; p < n; p++) names[p] = net->param[p].name;
    syn_status status = syn_frame_check_rules(rules, n_rules, names, n);
    free(names);
    for (int p = 0; status == SYN_OK && p < n; p++)
        status = syn_frame_factors(&plan->frame, rules, n_rules, net->param[p].name, net->param[p].kernel,
                                   plan->factor[p], &plan->trained[p]);
    return status;
}

syn_status syn_machinery_layout(syn_plan *plan) {
    const syn_state *s = plan->state;
    const syn_graph *g = &plan->graph[SYN_MODE_TRAIN];
    plan->grad_offset = malloc(((size_t)s->n_params + 1) * sizeof *plan->grad_offset);
    plan->grad = calloc((size_t)s->n_params + 1, sizeof(syn_buffer *));
    if (!plan->grad_offset || !plan->grad) return syn_no_memory((size_t)s->n_params * 16);
    for (int p = 0; p < s->n_params; p++) plan->grad_offset[p] = -1;
    for (int v = 0; v < g->n_values; v++)
        if (g->value[v].kind == SYN_VALUE_GRAD) plan->grad_offset[g->value[v].param] = 0;
    for (int p = 0; p < s->n_params; p++) {
        if (plan->grad_offset[p] < 0) continue;
        plan->grad_offset[p] = plan->grad_length;
        plan->grad_length += syn_round_up(s->count[p], syn_segment_align(plan->ctx));
        plan->n_trained++;
        plan->n_tiles += (int)syn_ceil_div(s->count[p], SYN_TILE);
    }
    if (!plan->n_trained && s->n_params) /* a net without parameters still has a loss and gradients */
        return syn_fail(SYN_E_ARGUMENT, "nothing is trained: the loss reads no parameter that is trainable");
    plan->tile = malloc(((size_t)plan->n_tiles + 1) * 4 * sizeof *plan->tile);
    if (!plan->tile) return syn_no_memory((size_t)plan->n_tiles * 16);
    int32_t *t = plan->tile;
    for (int p = 0; p < s->n_params; p++)
        for (int64_t at = 0; plan->grad_offset[p] >= 0 && at < s->count[p]; at += SYN_TILE, t += 4) {
            int64_t left = s->count[p] - at;
            t[0] = (int32_t)(s->offset[p] + at);
            t[1] = (int32_t)(plan->grad_offset[p] + at);
            t[2] = (int32_t)(left < SYN_TILE ? left : SYN_TILE);
            t[3] = p;
        }
    return syn_machinery_parts(plan);
}

/* ---- launches ---- */

static bool on_cpu(const syn_plan *plan) { return syn_ctx_profile_of(plan->ctx)->cpu; }

/* The frame's macros, and how long a row of the step table is. */
void syn_machinery_defs(const syn_plan *plan, syn_text *t) {
    syn_frame_defines(&plan->frame, t);
    syn_text_add(t, "#define N_SCALARS %d\n", SYN_FRAME_SCALARS + plan->optim.n_scalars);
}

syn_status syn_machinery_call(syn_list *l, syn_call *c, syn_text *defs) {
    if (syn_text_status(defs) != SYN_OK) {
        syn_text_free(defs);
        free(c->text);
        return syn_no_memory(256);
    }
    c->defs = defs->s;
    c->apart = true;
    return syn_list_append(l, c);
}

/* The losses and hits as arguments of the tally, and the lists of them. */
static void define_losses(syn_text *t, const syn_graph *g, int n) {
    syn_text_add(t, "#define N_LOSSES %d\n#define LOSS_ARGS", n);
    for (int k = 0; k < n; k++) {
        syn_text_add(t, " __global const real *loss%d,", k);
        if (g->hits[k] >= 0) syn_text_add(t, " __global const int *hit%d,", k);
    }
    syn_text_add(t, "\n#define EACH_LOSS(X)");
    for (int k = 0; k < n; k++) syn_text_add(t, " X(%d, loss%d)", k, k);
    syn_text_add(t, "\n#define EACH_HIT(X)");
    for (int k = 0; k < n; k++)
        if (g->hits[k] >= 0) syn_text_add(t, " X(%d, hit%d)", k, k);
    syn_text_add(t, "\n");
}

static syn_status tally(const syn_plan *plan, syn_list *l, int flags) {
    const syn_graph *g = l->graph;
    bool sum = flags & SYN_TALLY_SUM, train = plan->has_graph[SYN_MODE_TRAIN] &&
                                              g == &plan->graph[SYN_MODE_TRAIN];
    bool norms = (flags & SYN_TALLY_ADVANCE) && syn_frame_needs_norm(&plan->frame);
    syn_text defs = { 0 };
    define_losses(&defs, g, sum ? g->n_losses : 0);
    if (norms) {
        syn_machinery_defs(plan, &defs);
    } else {
        /* An evaluation neither latches nor skips: its loss is what it is. */
        syn_text_add(&defs, "#define NORMS 0\n#define CHECK %d\n#define SKIP %d\n",
                     train && plan->frame.on_nonfinite == SYN_NONFINITE_STOP,
                     train && plan->frame.on_nonfinite == SYN_NONFINITE_SKIP);
        syn_text_add(&defs, "#define SCALER %d\n", train && plan->frame.half);
    }
    syn_call c = { .source = "op/tally.cl", .entry = "tally", .dims = 1 };
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_CONTROL, true));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_METRICS, true));
    for (int k = 0; sum && k < g->n_losses; k++) {
        syn_call_arg(&c, syn_in(g->loss[k]));
        if (g->hits[k] >= 0) syn_call_arg(&c, syn_in(g->hits[k]));
    }
    if (norms) {
        syn_call_arg(&c, syn_block_arg(sum ? SYN_BLOCK_STEP_RANGES : SYN_BLOCK_RANGES, false));
        syn_call_arg(&c, syn_block_arg(SYN_BLOCK_PARTIAL, false));
        syn_call_arg(&c, syn_block_arg(SYN_BLOCK_SCALARS, false));
        syn_call_arg(&c, syn_block_arg(SYN_BLOCK_NORMS, true));
        syn_call_arg(&c, syn_int(plan->state->n_params));
        syn_call_arg(&c, syn_int(plan->n_parts));
    }
    syn_call_arg(&c, syn_int(sum ? l->rows : 0));
    syn_call_arg(&c, syn_int(flags));
    c.global[0] = c.local[0] = on_cpu(plan) ? 1 : SYN_TALLY_GROUP;
    c.bytes = (double)l->rows * 8;
    return syn_machinery_call(l, &c, &defs);
}

static int ema_slot(const syn_plan *plan) { return plan->frame.ema > 0 ? plan->optim.n_slots : -1; }

static syn_status snippet_file(const char *name, char **snippet) {
    char *path = syn_format("optim/%s.cl", name);
    syn_status status = path ? syn_cl_text(path, snippet) : syn_no_memory(64);
    free(path);
    return status;
}

static syn_status snippet_of(const syn_plan *plan, char **snippet) {
    const syn_optim_use *use = &plan->optim;
    *snippet = NULL;
    if (use->impl->update) return SYN_OK;
    return snippet_file(use->impl->source ? use->impl->source : use->spec.def->name, snippet);
}

static void blocks_of(syn_call *c, const syn_block *block, int n, syn_block written) {
    for (int i = 0; i < n; i++)
        syn_call_arg(c, syn_block_arg(block[i], block[i] == written || block[i] == SYN_BLOCK_SLOTS ||
                                                    block[i] == SYN_BLOCK_CONTROL));
}

/* Where the weights are stored a second time. */
static void halves(const syn_plan *plan, syn_call *c) {
    if (plan->frame.half) syn_call_arg(c, syn_block_arg(SYN_BLOCK_HALVES, true));
}

static syn_status update(const syn_plan *plan, syn_list *l) {
    static const syn_block block[] = {
        SYN_BLOCK_PARAMS, SYN_BLOCK_SUMS, SYN_BLOCK_SLOTS, SYN_BLOCK_TILES, SYN_BLOCK_SCALARS,
        SYN_BLOCK_FACTORS, SYN_BLOCK_NORMS, SYN_BLOCK_METRICS, SYN_BLOCK_CONTROL, SYN_BLOCK_RANGES,
        SYN_BLOCK_TRUST };
    char *snippet;
    SYN_TRY(snippet_of(plan, &snippet));
    syn_text defs = { 0 };
    syn_machinery_defs(plan, &defs);
    bool norms = plan->optim.impl->norms;
    syn_call c = { .text = syn_optim_text(&plan->optim, snippet, ema_slot(plan), plan->frame.half, on_cpu(plan)),
                   .entry = "update", .dims = 1 };
    free(snippet);
    if (!c.text) {
        syn_text_free(&defs);
        return syn_no_memory(4096);
    }
    blocks_of(&c, block, (int)SYN_COUNT(block) - 2, SYN_BLOCK_PARAMS);
    halves(plan, &c);
    if (norms) blocks_of(&c, block + SYN_COUNT(block) - 2, 2, SYN_BLOCK_PARAMS);
    syn_call_arg(&c, syn_int(plan->n_tiles));
    syn_call_arg(&c, syn_int(plan->grad_length));
    if (norms) syn_call_arg(&c, syn_int(plan->n_parts));
    c.local[0] = on_cpu(plan) ? 1 : 128;
    c.global[0] = (size_t)plan->n_tiles * c.local[0];
    c.bytes = (double)plan->grad_length * (double)syn_plan_real(plan) * (3 + 2.0 * syn_plan_slots(plan));
    return syn_machinery_call(l, &c, &defs);
}

/* In front of the update, of optimizers that need norms of weights and updates. */
static syn_status trust(const syn_plan *plan, syn_list *l) {
    static const syn_block block[] = {
        SYN_BLOCK_PARAMS, SYN_BLOCK_SUMS, SYN_BLOCK_SLOTS, SYN_BLOCK_TILES, SYN_BLOCK_PARTS,
        SYN_BLOCK_SCALARS, SYN_BLOCK_FACTORS, SYN_BLOCK_NORMS, SYN_BLOCK_METRICS, SYN_BLOCK_CONTROL,
        SYN_BLOCK_TRUST };
    char *snippet;
    SYN_TRY(snippet_of(plan, &snippet));
    syn_text defs = { 0 };
    syn_machinery_defs(plan, &defs);
    syn_text_add(&defs, "#define NORM_GROUP %d\n", SYN_NORM_GROUP);
    syn_call c = { .text = syn_optim_trust_text(&plan->optim, snippet, on_cpu(plan)), .entry = "trust", .dims = 1 };
    free(snippet);
    if (!c.text) {
        syn_text_free(&defs);
        return syn_no_memory(4096);
    }
    blocks_of(&c, block, SYN_COUNT(block), SYN_BLOCK_TRUST);
    syn_call_arg(&c, syn_int(plan->n_parts));
    syn_call_arg(&c, syn_int(plan->grad_length));
    c.local[0] = on_cpu(plan) ? 1 : SYN_NORM_GROUP;
    c.global[0] = (size_t)plan->n_parts * c.local[0];
    c.bytes = (double)plan->grad_length * (double)syn_plan_real(plan) * (2.0 + plan->optim.n_slots);
    return syn_machinery_call(l, &c, &defs);
}

/* Around the gradient, of optimizers that take it elsewhere. */
static syn_status ahead(const syn_plan *plan, syn_list *l, int direction) {
    static const syn_block block[] = { SYN_BLOCK_PARAMS, SYN_BLOCK_SLOTS, SYN_BLOCK_TILES, SYN_BLOCK_SCALARS,
                                       SYN_BLOCK_FACTORS, SYN_BLOCK_CONTROL };
    char *snippet;
    SYN_TRY(snippet_file(plan->optim.impl->ahead_source, &snippet));
    syn_text defs = { 0 };
    syn_machinery_defs(plan, &defs);
    syn_call c = { .text = syn_optim_ahead_text(&plan->optim, snippet, plan->frame.half, on_cpu(plan)), .entry = "ahead", .dims = 1 };
    free(snippet);
    if (!c.text) {
        syn_text_free(&defs);
        return syn_no_memory(4096);
    }
    for (size_t i = 0; i < SYN_COUNT(block); i++) syn_call_arg(&c, syn_block_arg(block[i], i < 2));
    halves(plan, &c);
    syn_call_arg(&c, syn_int(plan->n_tiles));
    syn_call_arg(&c, syn_int(plan->grad_length));
    syn_call_arg(&c, syn_int(direction));
    c.local[0] = on_cpu(plan) ? 1 : 128;
    c.global[0] = (size_t)plan->n_tiles * c.local[0];
    c.bytes = (double)plan->grad_length * (double)syn_plan_real(plan) * 4;
    return syn_machinery_call(l, &c, &defs);
}

static syn_status norm(const syn_plan *plan, syn_list *l, syn_block parts, int n) {
    syn_text defs = { 0 };
    syn_machinery_defs(plan, &defs);
    bool ahead = syn_optim_looks_ahead(&plan->optim);
    syn_text_add(&defs, "#define NORM_GROUP %d\n#define AHEAD %d\n", SYN_NORM_GROUP, ahead);
    syn_call c = { .source = "op/norm.cl", .entry = "norm", .dims = 1 };
    const syn_block block[] = { ahead ? SYN_BLOCK_SLOTS : SYN_BLOCK_PARAMS, SYN_BLOCK_SUMS, SYN_BLOCK_TILES,
                                parts, SYN_BLOCK_FACTORS, SYN_BLOCK_CONTROL, SYN_BLOCK_PARTIAL };
    for (size_t i = 0; i < SYN_COUNT(block); i++)
        syn_call_arg(&c, syn_block_arg(block[i], block[i] == SYN_BLOCK_PARTIAL));
    syn_call_arg(&c, syn_int(n));
    syn_call_arg(&c, syn_int(plan->n_parts));
    c.local[0] = on_cpu(plan) ? 1 : SYN_NORM_GROUP;
    c.global[0] = (size_t)(n > 0 ? n : 1) * c.local[0]; /* of none it is never run */
    c.bytes = syn_machinery_part_bytes(plan, parts == SYN_BLOCK_REST ? plan->rest : plan->part, n);
    return syn_machinery_call(l, &c, &defs);
}

static syn_status accumulate(const syn_plan *plan, syn_list *l) {
    syn_text defs = { 0 };
    syn_text_add(&defs, "#define RUN %d\n", SYN_ACCUMULATE_RUN);
    syn_call c = { .source = "op/accumulate.cl", .entry = "accumulate", .dims = 1 };
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_GRADS, false));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_SUMS, true));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_CONTROL, false));
    syn_call_arg(&c, syn_int(plan->grad_length));
    bool cpu = on_cpu(plan);
    c.local[0] = cpu ? 1 : 64;
    c.global[0] = (size_t)(cpu ? syn_ceil_div(plan->grad_length, SYN_ACCUMULATE_RUN)
                               : syn_round_up(plan->grad_length, 64));
    c.bytes = 3.0 * (double)plan->grad_length * (double)syn_plan_real(plan);
    return syn_machinery_call(l, &c, &defs);
}

/* In the order of SYN_ITEM_SUM and so on (plan.h). */
syn_status syn_machinery_append(syn_plan *plan, syn_mode mode, syn_list *l) {
    if (mode == SYN_MODE_INFER || mode == SYN_MODE_PASSES) return SYN_OK;
    SYN_TRY(tally(plan, l, SYN_TALLY_SUM));
    if (mode != SYN_MODE_TRAIN) return SYN_OK;
    SYN_TRY(accumulate(plan, l));
    SYN_TRY(norm(plan, l, SYN_BLOCK_PARTS, plan->n_parts));
    SYN_TRY(tally(plan, l, SYN_TALLY_ADVANCE));
    SYN_TRY(norm(plan, l, SYN_BLOCK_REST, plan->n_rest));
    SYN_TRY(tally(plan, l, SYN_TALLY_SUM | SYN_TALLY_ADVANCE));
    bool searches = syn_optim_searches(&plan->optim);
    SYN_TRY(searches ? syn_search_take_call(plan, l) : update(plan, l));
    if (searches) return syn_search_calls(plan, l);
    if (syn_optim_looks_ahead(&plan->optim)) {
        SYN_TRY(ahead(plan, l, 1));
        return ahead(plan, l, -1);
    }
    return plan->optim.impl->norms ? trust(plan, l) : SYN_OK;
}
