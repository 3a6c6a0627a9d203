/* A plan as text: layers, launches with their traffic, memory. */
#include "plan/plan.h"
#include "plan/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void print_layers(const syn_plan *plan, syn_text *t) {
    const syn_net *net = plan->state->net;
    syn_text_add(t, "%-18s %-22s %14s %12s %14s\n", "layer", "kind", "output", "parameters",
                 "multiply-adds");
    for (int i = 0; i < net->n_layers; i++) {
        syn_layer_info l;
        char shape[96];
        syn_net_layer_info(net, i, &l);
        syn_shape_print(&l.shape, shape, sizeof shape);
        const char *kind = l.kind;
        if (net->layer[i].row == &syn_layer_activation)
            kind = ((const syn_activation_opts *)net->layer[i].opts)->function;
        syn_text_add(t, "%-18s %-22s %14s %12lld %14lld\n", l.name, kind, shape, (long long)l.parameters,
                     (long long)l.flops);
    }
    syn_text_add(t, "%lld parameters in %d tensors\n", (long long)syn_net_parameters(net),
                 syn_net_params(net));
}

void syn_item_text(const syn_item *item, const syn_graph *g, char *what, size_t size) {
    const syn_prog *prog = item->node >= 0 ? g->node[item->node].prog : NULL;
    const char *entry = item->call.entry ? item->call.entry : "library";
    if (item->provider && strncmp(entry, "gemm_", 5) == 0) entry += 5;
    const char *variant = item->variant ? item->variant : "";
    char tile[32] = "", map[32] = "";
    if (item->chosen.vectors) snprintf(tile, sizeof tile, " %dx%d", item->chosen.rows, item->chosen.vectors);
    if (item->map) snprintf(map, sizeof map, " + map of %d", g->node[item->map].prog->n_ins);
    if (item->provider)
        snprintf(what, size, "gemm %s%s: %s (%s%s)", item->provider, tile, variant, entry, map);
    else if (prog)
        snprintf(what, size, "%s of %d", entry, prog->n_ins);
    else
        snprintf(what, size, "%s", entry);
}

char syn_item_way(const syn_item *item, const syn_graph *g) {
    return item->node < 0 ? '=' : g->node[item->node].backward ? '<' : '>';
}

/* Phases of one launch have its number in front of the first. */
static void print_item(const syn_list *l, int i, int *number, syn_text *t) {
    const syn_item *item = &l->item[i];
    char what[128], launch[16] = "";
    if (!i || !item->phase || !item[-1].phase) snprintf(launch, sizeof launch, "%d", (*number)++);
    syn_item_text(item, l->graph, what, sizeof what);
    syn_text_add(t, "%4s %c %-44s %10.1f %10.3f\n", launch, syn_item_way(item, l->graph), what,
                 item->call.bytes / 1024, item->call.flops / 1e6);
}

static void print_list(const syn_plan *plan, const syn_list *l, syn_mode mode, syn_text *t) {
    static const char *const name[] = { "training step", "evaluation", "prediction" };
    syn_text_add(t, "\n%s, %d rows\n%4s   %-44s %10s %10s\n", name[mode], l->rows, "", "launch", "KiB",
                 "MFLOP");
    int number = 0;
    for (int k = 0; k < plan->n_fed; k++) {
        const syn_fed *f = &plan->fed[k];
        if (syn_fed_value(l->graph, f) < 0) continue;
        const char *what = f->kind == SYN_FED_INPUT ? "x" : f->kind == SYN_FED_TARGET ? "y" : "weights";
        bool several = (f->kind == SYN_FED_INPUT ? plan->n_inputs : plan->n_losses) > 1 && f->kind != SYN_FED_WEIGHTS;
        syn_text_add(t, "%4d > feed %s%s%s\n", number++, what, several ? " " : "", several ? f->name : "");
    }
    for (int i = 0; i < l->n_items; i++) {
        if (mode == SYN_MODE_TRAIN && !syn_plan_item_in_step(plan, i - l->n_nodes_items)) continue;
        print_item(l, i, &number, t);
    }
}

char *syn_plan_print(const syn_plan *plan) {
    syn_text t = { 0 };
    syn_plan_sizes z;
    syn_device_info device;
    syn_ctx_device(plan->ctx, &device);
    syn_plan_sums(plan, &z);
    syn_text_add(&t, "device: %s, %s profile, %s\n", device.name, syn_ctx_profile(plan->ctx),
                 syn_dtype_name(plan->dtype));
    if (plan->dtype == SYN_HALF && plan->loss >= 0) {
        syn_text_add(&t, "weights are updated in float; loss scale ");
        if (plan->frame.loss_scale != 0) syn_text_add(&t, "%g\n\n", plan->frame.loss_scale);
        else syn_text_add(&t, "dynamic, from %d on\n\n", SYN_FIRST_LOSS_SCALE);
    }
    print_layers(plan, &t);
    for (int i = 0; i < plan->n_lists; i++)
        if (plan->list[i]->rows == plan->batch && plan->list_mode[i] == (plan->loss < 0 ? SYN_MODE_INFER : SYN_MODE_TRAIN))
            print_list(plan, plan->list[i], plan->list_mode[i], &t);
    if (syn_plan_print_products(plan, &t) != SYN_OK) t.failed = true;
    syn_plan_print_masks(plan, &t);
    if (syn_plan_print_memory(plan, &t) != SYN_OK) t.failed = true;
    if (plan->loss >= 0)
        syn_text_add(&t, "\noptimizer %s: %d bytes of state a weight\n%d launches of %d phases, %.1f MFLOP, %.1f MiB "
                         "moved a step\n", plan->optim.spec.def->name,
                     syn_plan_slots(plan) * (int)syn_plan_real(plan), z.launches, z.phases, z.flops / 1e6,
                     z.bytes / 1048576);
    const struct { const char *name; int64_t bytes; } row[] = {
        { "parameters", z.params }, { "gradients", z.grads }, { "optimizer", z.slots },
        { "activations", z.arena }, { "other", z.other }, { "peak", z.peak } };
    syn_text_add(&t, "\nmemory on the device (data set left out)\n");
    for (size_t i = 0; i < SYN_COUNT(row); i++)
        syn_text_add(&t, "  %-12s %12.1f KiB\n", row[i].name, (double)row[i].bytes / 1024);
    if (t.failed) syn_text_free(&t);
    return t.s;
}
