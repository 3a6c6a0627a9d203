/* syncline plan: what an experiment would run, and what it takes. */
#include "cli/session.h"

#include "layer/layer.h"
#include "plan/plan.h"
#include "plan/tune.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Left-aligned text of `width` columns; printf counts bytes. */
static void put(const char *text, int width) {
    int n = cli_columns(text);
    printf("%s%*s", text, n < width ? width - n : 0, "");
}

/* What a layer is; an activation layer is its function. */
static void layer_info(const syn_net *net, int i, syn_layer_info *l) {
    syn_net_layer_info(net, i, l);
    if (!strcmp(l->kind, "activation"))
        l->kind = ((const syn_activation_opts *)syn_layer_opts(net, i))->function;
}

/* Where a layer reads from something else than the layer before it. */
static void print_inputs(const syn_net *net, int i, const syn_layer_info *l) {
    syn_layer_info in;
    if (l->n_in == 0 || (l->n_in == 1 && l->in[0] == i - 1)) return;
    for (int k = 0; k < l->n_in; k++) {
        syn_net_layer_info(net, l->in[k], &in);
        printf("%s%s", k ? ", " : "  from ", in.name);
    }
}

static void print_losses(const syn_net *net) {
    int layer[SYN_MAX_ENDS], last = syn_net_layers(net) - 1;
    double weight[SYN_MAX_ENDS];
    int n = syn_net_losses(net, last, layer, weight);
    for (int k = 0; k < n; k++) {
        const syn_net_layer *loss = &net->layer[layer[k]];
        printf("loss: ");
        if (net->layer[last].row->sum) printf("%g x ", weight[k]);
        printf("%s of %s", loss->def->name, net->layer[loss->in[0]].name);
        if (net->layer[last].row->sum) printf(" against %s", loss->name);
        printf("\n");
    }
}

static void print_layers(const syn_net *net) {
    int name_width = 5, kind_width = 4, shape_width = 12;
    int n = 0; /* losses come last */
    while (n < syn_net_layers(net) && !net->layer[n].row->loss) n++;
    syn_layer_info l;
    char a[32], shape[64];
    for (int i = 0; i < n; i++) {
        layer_info(net, i, &l);
        syn_shape_print(&l.shape, shape, sizeof shape);
        if (cli_columns(l.name) > name_width) name_width = cli_columns(l.name);
        if (cli_columns(l.kind) > kind_width) kind_width = cli_columns(l.kind);
        if (cli_columns(shape) > shape_width) shape_width = cli_columns(shape);
    }
    put("layer", name_width + 2);
    put("kind", kind_width + 2);
    put("output shape", shape_width);
    printf(" %12s %14s\n", "parameters", "multiply-adds");
    for (int i = 0; i < n; i++) {
        layer_info(net, i, &l);
        syn_shape_print(&l.shape, shape, sizeof shape);
        put(l.name, name_width + 2);
        put(l.kind, kind_width + 2);
        put(shape, shape_width);
        printf(" %12s", cli_count_text(a, sizeof a, (double)l.parameters));
        printf(" %14s", cli_count_text(a, sizeof a, (double)l.flops));
        print_inputs(net, i, &l);
        printf("\n");
    }
    print_losses(net);
}

static void print_filled(const cli_experiment *e) {
    const char *what;
    json_t *where;
    int width = 0;
    if (!e->filled) return;
    printf("\nfilled in by defaults: %s%s\n", cli_defaults_at(e->top.defaults - 1)->name,
           json_object_size(e->filled) ? "" : ": nothing, the file says all");
    json_object_foreach(e->filled, what, where) if (cli_columns(what) > width) width = cli_columns(what);
    json_object_foreach(e->filled, what, where) {
        printf("  ");
        put(what, width + 2);
        cli_wrap(json_string_value(where), width + 4, width + 4, cli_width(STDOUT_FILENO));
    }
}

static void print_bytes(const char *name, int64_t bytes) {
    char text[32];
    if (bytes) printf("  %-26s %12s\n", name, cli_bytes_text(text, sizeof text, (double)bytes));
}

static int64_t stored(const syn_data *d) {
    if (!d) return 0;
    syn_field_info f;
    int64_t row = syn_data_weights(d, &f) ? (int64_t)syn_type_size(f.type) : 0;
    for (int k = 0; syn_data_input(d, k, &f); k++) row += syn_shape_count(&f.shape) * (int64_t)syn_type_size(f.type);
    for (int k = 0; syn_data_target(d, k, &f); k++)
        row += (f.labels ? 1 : syn_shape_count(&f.shape)) * (int64_t)syn_type_size(f.type);
    return (row + 4) * syn_data_rows(d); /* 4: its place in the epoch's order */
}

static void print_dtype(const cli_train_opts *t) {
    if (cli_dtype(t) == SYN_DOUBLE) {
        printf("Arithmetic and storage in double.\n");
        return;
    }
    printf("Activations and the weights that products read in 16 bits, arithmetic and updates in 32; loss scale ");
    if (t->loss_scale != 0) printf("%g.\n", t->loss_scale);
    else printf("dynamic.\n");
}

static void print_sizes(const cli_experiment *e, const cli_session *s) {
    syn_plan_sizes z;
    char a[32], b[32];
    syn_plan_measure(s->plan, &z);
    int64_t steps = cli_epoch_steps(e);
    printf("\n%s parameters.\n", cli_count_text(a, sizeof a, (double)syn_net_parameters(e->net)));
    printf("A step of %d samples: %d launches, %d phases, %s operations, %s moved.\n", e->train.batch,
           z.launches, z.phases, cli_short_text(a, sizeof a, z.flops), cli_bytes_text(b, sizeof b, z.bytes));
    if (e->train.dtype != 1) print_dtype(&e->train);
    printf("%s steps an epoch, %s in %d epoch%s%s.\n\nmemory on the device\n",
           cli_count_text(a, sizeof a, (double)steps),
           cli_count_text(b, sizeof b, (double)steps * e->train.epochs), e->train.epochs,
           e->train.epochs == 1 ? "" : "s", e->train.steps ? ", unless train.steps ends it before" : "");
    print_bytes("parameters", z.params);
    print_bytes("gradients", z.grads);
    print_bytes("optimizer slots", z.slots);
    print_bytes("activations and scratch", z.arena);
    print_bytes("other", z.other);
    print_bytes("planned", z.peak);
    print_bytes("training data, if it fits", stored(e->train_set));
    print_bytes("the device has", s->device.global_bytes);
}

static syn_status run(cli_experiment *e, cli_session *s, const cli_call *call) {
    const char *set[CLI_MAX_GIVEN];
    SYN_TRY(cli_experiment_read(e, call->operand[0], set, cli_sets(call, set)));
    SYN_TRY(cli_experiment_data(e));
    SYN_TRY(cli_experiment_net(e));
    print_layers(e->net);
    print_filled(e);
    fflush(stdout);
    SYN_TRY(cli_session_train(s, e, cli_get(call, "device")));
    print_sizes(e, s);
    char *device = cli_device_text(&s->device);
    printf("  on %s\n", device ? device : "?");
    free(device);
    if (cli_get(call, "launches")) {
        char *text = syn_plan_print(s->plan);
        if (!text) return syn_no_memory(4096);
        printf("\n%s", text);
        free(text);
    } else {
        syn_text rest = { 0 };
        syn_status status = syn_plan_print_products(s->plan, &rest);
        syn_plan_print_masks(s->plan, &rest);
        if (status == SYN_OK) status = syn_plan_print_memory(s->plan, &rest);
        printf("%s", syn_text_str(&rest));
        syn_text_free(&rest);
        return status;
    }
    return SYN_OK;
}

int cli_plan(const cli_call *call) {
    cli_experiment e = { 0 };
    cli_session s = { 0 };
    int code = run(&e, &s, call) == SYN_OK ? CLI_OK : cli_fail();
    cli_session_close(&s);
    cli_experiment_free(&e);
    return code;
}
