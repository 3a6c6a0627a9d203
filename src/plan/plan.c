/* Plans: net to graphs, gradient and fuse passes, lists, memory, buffers. All that can fail fails here. */
#include "plan/machinery.h"
#include "plan/phases.h"
#include "plan/plan.h"
#include "plan/search.h"

#include "layer/pairing.h"

#include <stdlib.h>
#include <string.h>

/* SYNCLINE_TRACE=net,graph,plan,run prints the stages to the log. */
static void trace(const syn_plan *plan, const char *stage, const syn_text *t) {
    const char *want = getenv("SYNCLINE_TRACE");
    if (want && strstr(want, stage))
        syn_ctx_log(plan->ctx, SYN_LOG_TRACE, "%s:\n%s", stage, syn_text_str(t));
}

static void trace_graph(const syn_plan *plan, const syn_graph *g) {
    if (!getenv("SYNCLINE_TRACE")) return;
    syn_text t = { 0 };
    syn_graph_print(g, &t);
    trace(plan, "graph", &t);
    syn_text_free(&t);
}

static bool is_input(const syn_graph *g, int value) {
    for (int i = 0; i < SYN_MAX_ENDS; i++)
        if (g->x[i] == value) return true;
    return false;
}

syn_status syn_plan_build_train(syn_plan *plan) {
    syn_graph *g = &plan->graph[SYN_MODE_TRAIN];
    const syn_lower_opts o = { .loss = plan->loss, .weighted = plan->weighted, .train = true, .keep = plan->keep,
                               .trained = plan->trained };
    SYN_TRY(syn_net_lower(plan->state->net, &o, g));
    bool *wanted = calloc((size_t)g->n_values + 1, sizeof *wanted);
    if (!wanted) return syn_no_memory((size_t)g->n_values);
    for (int v = 0; v < g->n_values; v++)
        wanted[v] = (g->value[v].kind == SYN_VALUE_PARAM && plan->trained[g->value[v].param] &&
                     !plan->state->net->param[g->value[v].param].statistic) ||
                    (plan->keep && is_input(g, v));
    syn_status status = syn_graph_grad(g, -1, wanted, &syn_map_grad_ops);
    int n = g->n_values;
    free(wanted);
    SYN_TRY(status);
    for (int v = 0; plan->keep && v < n; v++)
        if (g->value[v].layer >= 0 && g->value[v].grad >= 0) g->value[g->value[v].grad].keep = true;
    SYN_TRY(syn_graph_prune(g));
    syn_profile p = *syn_ctx_profile_of(plan->ctx);
    if (plan->recompute.drawn) p.masks = SYN_MASKS_DRAWN;
    SYN_TRY(syn_map_numbers(g, &p));
    SYN_TRY(syn_graph_recompute(g, &syn_op_map, plan->recompute.count, plan->recompute.joined,
                                &plan->recomputable));
    if (plan->dtype == SYN_HALF)
        plan->recomputable = 0; /* what is kept was rounded since: not the same bytes */
    if (plan->fuse) SYN_TRY(syn_graph_fuse(g, &syn_op_map));
    SYN_TRY(syn_map_masks(g, &p, plan->dtype));
    if (plan->fuse) syn_graph_epilogues(g, &syn_op_map);
    plan->has_graph[SYN_MODE_TRAIN] = true;
    return SYN_OK;
}

/* What a loss reads, evaluation reads again behind the last launch. Of one loss it is still there. */
static void keep_reported(syn_graph *g) {
    for (int k = 0; g->n_losses > 1 && k < g->n_losses; k++) {
        const syn_node *loss = &g->node[g->value[g->loss[k]].producer];
        g->value[loss->in[0]].keep = g->value[loss->in[1]].keep = true;
    }
}

static syn_status build_forward(syn_plan *plan, syn_mode mode) {
    syn_graph *g = &plan->graph[mode];
    bool eval = mode != SYN_MODE_INFER && mode != SYN_MODE_PASSES;
    syn_lower_opts o = { .loss = eval ? plan->loss : -1, .weighted = plan->weighted,
                         .n_outputs = eval ? 0 : plan->n_outputs, .collect = mode == SYN_MODE_COLLECT,
                         .passes = mode == SYN_MODE_PASSES };
    memcpy(o.output, plan->output, sizeof o.output);
    memcpy(o.link, plan->link, sizeof o.link);
    SYN_TRY(syn_net_lower(plan->state->net, &o, g));
    if (mode == SYN_MODE_EVAL) keep_reported(g);
    SYN_TRY(syn_graph_prune(g));
    if (plan->fuse) {
        SYN_TRY(syn_graph_fuse(g, &syn_op_map));
        syn_graph_epilogues(g, &syn_op_map);
    }
    trace_graph(plan, g);
    plan->has_graph[mode] = true;
    return SYN_OK;
}

syn_status syn_plan_need_passes(syn_plan *plan) {
    return plan->has_graph[SYN_MODE_PASSES] ? SYN_OK : build_forward(plan, SYN_MODE_PASSES);
}

static syn_status allocate(syn_plan *plan) {
    SYN_TRY(syn_state_bind(plan->state, plan->dtype));
    plan->block[SYN_BLOCK_PARAMS] = plan->state->block;
    plan->block[SYN_BLOCK_HALVES] = plan->state->halves;
    for (int i = 0; i < plan->n_slabs; i++) {
        SYN_TRY(syn_buffer_create(&plan->slab[i], plan->ctx, plan->slab_bytes[i], "the arena"));
        SYN_TRY(syn_buffer_zero(plan->slab[i])); /* touches its pages */
    }
    return syn_machinery_allocate(plan);
}

static syn_status set_control(syn_plan *plan) {
    const float scale = (float)(plan->frame.loss_scale ? plan->frame.loss_scale : SYN_FIRST_LOSS_SCALE), un = 1 / scale;
    if (plan->frame.half) {
        SYN_TRY(syn_buffer_write(plan->block[SYN_BLOCK_CONTROL], SYN_CTL_LOSS_SCALE * 4, &scale, 4, true));
        SYN_TRY(syn_buffer_write(plan->block[SYN_BLOCK_CONTROL], SYN_CTL_UNSCALE * 4, &un, 4, true));
    }
    uint32_t key[2] = { (uint32_t)plan->state->net->seed, (uint32_t)(plan->state->net->seed >> 32) };
    return syn_buffer_write(plan->block[SYN_BLOCK_CONTROL], SYN_CTL_KEY * 4, key, sizeof key, true);
}

/* Everything that must be fed: inputs that the loss or an output leads back to, targets, weights. */
static syn_status resolve_fed(syn_plan *plan) {
    const syn_net *net = plan->state->net;
    bool *needed = calloc((size_t)net->n_layers + 1, sizeof *needed);
    if (!needed) return syn_no_memory((size_t)net->n_layers);
    syn_net_mark(net, needed, plan->loss);
    for (int k = 0; k < plan->n_outputs; k++) syn_net_mark(net, needed, plan->output[k]);
    for (int i = 0; i < net->n_layers; i++)
        if (needed[i] && net->layer[i].row == &syn_layer_input)
            plan->fed[plan->n_fed++] = (syn_fed){ .kind = SYN_FED_INPUT, .index = syn_net_inputs(net, i),
                                                  .name = net->layer[i].name, .ignored = -1,
                                                  .count = syn_shape_count(&net->layer[i].shape) };
    free(needed);
    plan->n_inputs = plan->n_fed;
    for (int k = 0; k < plan->n_losses; k++) {
        const syn_net_layer *loss = &net->layer[plan->losses[k]], *in = &net->layer[loss->in[0]];
        bool labels = loss->row->labels;
        plan->fed[plan->n_fed++] = (syn_fed){ .kind = SYN_FED_TARGET, .index = k, .name = loss->name,
                                              .labels = labels, .ignored = loss->ignored - 1,
                                              .classes = labels ? in->shape.dim[in->shape.rank - 1] : 0,
                                              .count = labels ? 1 : syn_shape_count(&in->shape) };
    }
    if (plan->weighted && plan->n_losses)
        plan->fed[plan->n_fed++] = (syn_fed){ .kind = SYN_FED_WEIGHTS, .name = "the weights", .count = 1,
                                              .ignored = -1 };
    return SYN_OK;
}

/* Which layers are losses and outputs. */
static syn_status resolve_ends(syn_plan *plan, const syn_plan_opts *o) {
    const syn_net *net = plan->state->net;
    if ((o->loss.net && o->loss.net != net) || (o->output.net && o->output.net != net))
        return syn_fail(SYN_E_ARGUMENT, "loss or output is of another net than the state");
    plan->loss = o->loss.net ? o->loss.layer : -1;
    int output = o->output.net ? o->output.layer : -1;
    if (plan->loss >= net->n_layers || output >= net->n_layers)
        return syn_fail(SYN_E_ARGUMENT, "loss or output is no layer of the net");
    if (plan->loss >= 0 && !net->layer[plan->loss].row->loss)
        return syn_fail(SYN_E_ARGUMENT, "loss: %s is a %s, not a loss", net->layer[plan->loss].name,
                        net->layer[plan->loss].def->name);
    if (output >= 0 && net->layer[output].row->loss)
        return syn_fail(SYN_E_ARGUMENT, "output: %s is a loss", net->layer[output].name);
    if (plan->loss >= 0) plan->n_losses = syn_net_losses(net, plan->loss, plan->losses, plan->loss_weight);
    if (output < 0 && plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "a plan needs a loss or an output");
    plan->n_outputs = output >= 0 ? 1 : plan->n_losses;
    for (int k = 0; k < plan->n_outputs; k++) {
        plan->output[k] = output >= 0 ? output : net->layer[plan->losses[k]].in[0];
        plan->link[k] = -1;
        for (int j = 0; j < plan->n_losses && plan->link[k] < 0; j++)
            if (net->layer[plan->losses[j]].in[0] == plan->output[k]) plan->link[k] = plan->losses[output >= 0 ? j : k];
    }
    if (net->n_params > plan->state->n_params)
        return syn_fail(SYN_E_ARGUMENT, "the net grew after its state was made");
    return resolve_fed(plan);
}

int syn_plan_losses(const syn_plan *plan) { return plan->n_losses; }

const char *syn_plan_loss_name(const syn_plan *plan, int k, double *weight) {
    if (k < 0 || k >= plan->n_losses) return NULL;
    if (weight) *weight = plan->loss_weight[k];
    return plan->state->net->layer[plan->losses[k]].name;
}

/* A schedule that needs the length of the run may wait for it: syn_fit tells, before its first step. */
static syn_status check_schedule(syn_plan *plan) {
    syn_schedule_run run = syn_plan_run(plan);
    syn_schedule later = plan->schedule;
    syn_plateau_start(&plan->plateau, plan->optim.lr);
    syn_status status = syn_schedule_check(&plan->schedule, plan->preset, &run);
    if (status == SYN_OK || (run.steps && run.epoch_steps)) return status;
    syn_schedule_run known = run; /* as it may be */
    if (!run.steps) known.steps = INT32_MAX;
    if (!run.epoch_steps) known.epoch_steps = 1;
    if (syn_schedule_check(&later, plan->preset, &known) != SYN_OK)
        return syn_schedule_check(&plan->schedule, plan->preset, &run); /* the error of the run itself */
    plan->schedule = later;
    return SYN_OK;
}

static syn_status make(syn_plan *plan, const syn_plan_opts *o) {
    SYN_TRY(resolve_ends(plan, o));
    if (getenv("SYNCLINE_TRACE")) {
        syn_text t = { 0 };
        syn_net_print(plan->state->net, &t);
        trace(plan, "net", &t);
        syn_text_free(&t);
    }
    if (o->loss_scale != 0 && plan->dtype != SYN_HALF)
        return syn_fail(SYN_E_ARGUMENT, "loss_scale: is for dtype half; gradients kept in %s need none",
                        syn_dtype_name(plan->dtype));
    if (plan->dtype == SYN_DOUBLE && !syn_ctx_profile_of(plan->ctx)->fp64)
        return syn_fail(SYN_E_DEVICE, "dtype double: the device has no fp64; use float");
    int64_t features = syn_net_features(plan->state->net);
    if (plan->state->mean && plan->state->n_features != features)
        return syn_fail(SYN_E_SHAPE, "the standardisation has %lld features, the net's inputs %lld",
                        (long long)plan->state->n_features, (long long)features);
    if (plan->loss >= 0) {
        SYN_TRY(syn_optim_prepare(&o->optim, plan->preset, &plan->optim));
        plan->schedule = o->schedule.def ? o->schedule : syn_schedule_constant(NULL);
        SYN_TRY(check_schedule(plan));
        plan->frame = (syn_frame){ .decay = o->decay, .penalty = o->penalty, .clip = o->clip,
                                   .on_nonfinite = o->on_nonfinite, .accumulate = o->accumulate,
                                   .ema = o->ema, .half = plan->dtype == SYN_HALF, .loss_scale = o->loss_scale };
        SYN_TRY(syn_frame_prepare(&plan->frame, &plan->optim, plan->preset));
        SYN_TRY(syn_machinery_rules(plan, o->rules, o->n_rules));
        SYN_TRY(syn_frame_check_factors(&plan->frame, &plan->optim));
        if (syn_optim_searches(&plan->optim)) SYN_TRY(syn_search_start(plan));
        SYN_TRY(syn_plan_build_train(plan));
        SYN_TRY(build_forward(plan, SYN_MODE_EVAL));
        if (syn_net_collects(plan->state->net)) SYN_TRY(build_forward(plan, SYN_MODE_COLLECT));
        SYN_TRY(syn_machinery_layout(plan));
    }
    SYN_TRY(syn_plan_choose_memory(plan));
    if (plan->has_graph[SYN_MODE_TRAIN]) trace_graph(plan, &plan->graph[SYN_MODE_TRAIN]);
    SYN_TRY(build_forward(plan, SYN_MODE_INFER));
    syn_kernels_init(&plan->kernels, plan->ctx, plan->dtype);
    for (int mode = 0; mode < SYN_MODES; mode++) {
        syn_list *l;
        if (plan->has_graph[mode]) SYN_TRY(syn_plan_add_list(plan, (syn_mode)mode, plan->batch, &l));
    }
    syn_phases_room(plan->list, plan->n_lists, syn_ctx_profile_of(plan->ctx)->align, &plan->tables);
    SYN_TRY(syn_plan_check_memory(plan));
    SYN_TRY(syn_kernels_build(&plan->kernels));
    SYN_TRY(allocate(plan));
    SYN_TRY(set_control(plan));
    for (int i = 0; i < plan->n_lists; i++) SYN_TRY(syn_plan_bind_list(plan, plan->list[i]));
    if (getenv("SYNCLINE_TRACE")) {
        syn_text t = { .s = syn_plan_print(plan) };
        trace(plan, "plan", &t);
        free(t.s);
    }
    return syn_ctx_finish(plan->ctx);
}

static void warn(const char *line, void *ctx) { syn_ctx_log(ctx, SYN_LOG_WARN, "warning: %s", line); }

syn_status syn_plan_create(syn_plan **out, syn_state *state, const syn_plan_opts *opts) {
    const syn_plan_opts none = { 0 }, *o = opts ? opts : &none;
    *out = NULL;
    if (!state) return syn_fail(SYN_E_ARGUMENT, "syn_plan_create: a state must be given");
    SYN_TRY(syn_net_status(state->net));
    if (o->dtype < SYN_FLOAT || o->dtype > SYN_HALF)
        return syn_fail(SYN_E_ARGUMENT, "dtype is %d, allowed 0 to 2 (float, double, half)", (int)o->dtype);
    if (o->batch < 0 || o->steps < 0 || o->memory_limit < 0)
        return syn_fail(SYN_E_ARGUMENT, "batch, steps and memory_limit must not be negative");
    if ((unsigned)o->memory >= SYN_MEMORY_POLICIES)
        return syn_fail(SYN_E_ARGUMENT, "memory is %d, none of SYN_MEMORY_BALANCED, LEAST, FASTEST",
                        (int)o->memory);
    syn_plan *plan = calloc(1, sizeof *plan);
    if (!plan) return syn_no_memory(sizeof *plan);
    *plan = (syn_plan){ .state = state,
                        .ctx = state->ctx,
                        .dtype = o->dtype,
                        .weighted = o->sample_weights,
                        .batch = o->batch ? o->batch : 32,
                        .fuse = !o->no_fuse,
                        .keep = o->keep,
                        .stream = o->stream,
                        .memory_limit = o->memory_limit,
                        .memory = o->memory,
                        .steps = o->steps,
                        .epoch_steps = o->epoch_steps,
                        .preset = o->preset ? o->preset : state->net->preset,
                        .table_block = -1 };
    for (int i = 0; i < SYN_MODES; i++) syn_graph_init(&plan->graph[i]);
    plan->standardise = state->mean != NULL;
    syn_status status = make(plan, o);
    if (status != SYN_OK) syn_plan_destroy(plan);
    else *out = plan;
    if (status == SYN_OK && plan->loss >= 0)
        syn_pairing_check(state->net, state->net->layer[plan->losses[0]].in[0],
                          plan->standardise ? SYN_INPUT_STANDARD : SYN_INPUT_UNKNOWN, warn, plan->ctx);
    return status;
}

void syn_plan_destroy(syn_plan *plan) {
    if (!plan) return;
    (void)syn_ctx_finish(plan->ctx);
    for (int i = 0; i < plan->n_sources; i++) syn_source_close(plan->source[i]);
    free(plan->source);
    free(plan->host_labels);
    for (size_t i = 0; i < SYN_COUNT(plan->lent); i++) syn_buffer_destroy(plan->lent[i]);
    for (int i = 0; i < plan->n_lists; i++) {
        syn_list_free(plan->list[i]);
        free(plan->list[i]);
    }
    free(plan->list);
    free(plan->list_mode);
    syn_kernels_free(&plan->kernels);
    for (int i = 0; i < SYN_MODES; i++) syn_graph_free(&plan->graph[i]);
    for (int p = 0; plan->grad && p < plan->state->n_params; p++) syn_buffer_destroy(plan->grad[p]);
    for (int i = 0; i < plan->n_slabs; i++) syn_buffer_destroy(plan->slab[i]);
    syn_buffer_destroy(plan->tables.code);
    syn_buffer_destroy(plan->tables.sync);
    for (int i = 0; i < plan->n_outgrown; i++) syn_buffer_destroy(plan->outgrown[i]);
    free(plan->outgrown);
    for (int i = 0; i < SYN_BLOCKS; i++)
        if (i != SYN_BLOCK_PARAMS && i != SYN_BLOCK_HALVES &&
            (i != SYN_BLOCK_SUMS || plan->block[i] != plan->block[SYN_BLOCK_GRADS]))
            syn_buffer_destroy(plan->block[i]);
    for (size_t i = 0; i < SYN_COUNT(plan->mark); i++) syn_event_release(plan->mark[i]);
    syn_event_release(plan->asked.event);
    for (int i = 0; i < SYN_MAX_ENDS; i++) {
        syn_buffer_destroy(plan->shift[i]);
        syn_buffer_destroy(plan->scale[i]);
    }
    syn_buffer_destroy(plan->small);
    free(plan->grad);
    free(plan->grad_offset);
    free(plan->tile);
    free(plan->search.ro);
    free(plan->part);
    free(plan->range);
    free(plan->rest);
    free(plan->step_range);
    free(plan->left.of);
    free(plan->factor);
    free(plan->trained);
    free(plan->table[0]);
    free(plan->table[1]);
    free(plan);
}
