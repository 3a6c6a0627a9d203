/* The losses of an experiment: train.loss, or the list train.losses; and the data's targets for
 * them. */
#include "cli/experiment.h"

#include "base/options_json.h"
#include "layer/layer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static json_t *train_key(const cli_experiment *e, const char *key) {
    return json_object_get(json_object_get(e->root, "train"), key);
}

/* The target of the k-th of n losses in a set: by the loss's name, else by place. -1: none. */
static int target_of(const syn_data *set, const char *loss, int k, int n) {
    syn_field_info y;
    int targets = syn_data_targets(set);
    bool named = false;
    for (int i = 0; syn_data_target(set, i, &y); i++) {
        if (y.name && !strcmp(y.name, loss)) return i;
        named |= y.name != NULL;
    }
    return targets == n && (!named || n == 1) ? k : -1;
}

static syn_status no_target(const json_t *at, const syn_data *set, const char *loss,
                            const char *name) {
    syn_text names = { 0 };
    syn_field_info y;
    for (int i = 0; syn_data_target(set, i, &y); i++)
        syn_text_add(&names, "%s%s", i ? ", " : "", y.name ? y.name : "one without a name");
    syn_fail_at(at, SYN_E_ARGUMENT,
                "data: %s has no target '%s', which the loss of that name wants; it has: %s", name,
                loss, names.len ? syn_text_str(&names) : "none");
    syn_text_free(&names);
    return SYN_E_ARGUMENT;
}

/* Whether a set's targets are what loss k of n, in order of description, takes: class numbers, or
 * values of the output's shape. */
static syn_status check_targets(const cli_experiment *e, const syn_data *set, const char *name,
                                int layer, int k, int n) {
    const json_t *data = json_object_get(e->root, "data"), *at = json_object_get(data, name);
    const syn_net_layer *loss = &e->net->layer[layer];
    const syn_shape *out = &e->net->layer[loss->in[0]].shape;
    const char *kind = loss->def->name, *read = e->net->layer[loss->in[0]].name;
    syn_field_info y;
    if (!set) return SYN_OK;
    if (!at) at = data;
    int t = target_of(set, loss->name, k, n);
    if (t < 0) return no_target(at, set, loss->name, name);
    syn_data_target(set, t, &y);
    if (!loss->row->labels) {
        int64_t got = y.labels ? 1 : syn_shape_count(&y.shape), want = syn_shape_count(out);
        if (got == want) return SYN_OK;
        return syn_fail_at(
            at, SYN_E_SHAPE,
            "data: %s has %lld value%s of targets a sample, but %s compares %lld, as many "
            "as %s gives",
            name, (long long)got, got == 1 ? "" : "s", kind, (long long)want,
            n > 1 ? read : "the last layer");
    }
    const json_t *place = e->train.loss.def ? train_key(e, "loss") : train_key(e, "losses");
    if (!y.labels)
        return syn_fail_at(
            place, SYN_E_ARGUMENT,
            "train: loss %s wants class numbers, but the targets of %s are numbers of "
            "type %s%s",
            kind, name, syn_type_name(y.type),
            e->data.format == CLI_CSV ? " (csv: say labels: yes)" : "");
    if (syn_labels_check(&y, syn_data_rows(set), out->dim[out->rank - 1], loss->ignored - 1) == SYN_OK) return SYN_OK;
    char *where = syn_format("data: %s", name);
    cli_fail_again(at, where ? where : "data");
    free(where);
    return SYN_E_ARGUMENT;
}

/* One name for each class of the first target; none where it has no labels. */
static syn_status check_names(const cli_experiment *e, int layer) {
    const json_t *names = json_object_get(json_object_get(e->root, "data"), "classes");
    const syn_net_layer *loss = &e->net->layer[layer];
    const syn_shape *in = &e->net->layer[loss->in[0]].shape;
    long long classes = loss->row->labels ? in->dim[in->rank - 1] : 0;
    if (!names || !classes || (long long)json_array_size(names) == classes) return SYN_OK;
    return syn_fail_at(names, SYN_E_ARGUMENT, "data: classes has %zu names, and there are %lld classes",
                       json_array_size(names), classes);
}

static syn_status check_sets(const cli_experiment *e) {
    int layer[SYN_MAX_ENDS];
    double weight[SYN_MAX_ENDS];
    int n = syn_net_losses(e->net, e->loss.layer, layer, weight);
    SYN_TRY(check_names(e, layer[0]));
    for (int k = 0; k < n; k++) {
        SYN_TRY(check_targets(e, e->set, "train", layer[k], k, n));
        SYN_TRY(check_targets(e, e->val_file, "validation", layer[k], k, n));
        SYN_TRY(check_targets(e, e->test_set, "test", layer[k], k, n));
    }
    return SYN_OK;
}

/* - mse: { from: LAYER, weight: 0.5, name: size }, the k-th of n. */
static syn_status add_loss(cli_experiment *e, json_t *item, int k, int n, cli_find_fn find,
                           void *user, syn_tensor *loss, double *weight, json_t *resolved) {
    static const char *const keys[] = { "from", "weight", NULL };
    char got[96];
    const char *kind = json_string_value(item);
    json_t *options = NULL;
    if (!kind && !cli_item(item, &kind, &options))
        return syn_fail_at(item, SYN_E_ARGUMENT,
                           "train: losses expects NAME or NAME: { ... }, got %s",
                           syn_json_text(item, got, sizeof got));
    if (!syn_table_find(cli_losses(), kind)) return cli_fail_again(item, "train: losses");
    const syn_def *def = syn_table_find(syn_layers(), kind);
    const json_t *from = json_object_get(options, "from"), *w = json_object_get(options, "weight");
    syn_tensor x = e->output;
    if (from) SYN_TRY(find(user, from, "train: losses", &x));
    if (w && (!json_is_number(w) || !(json_number_value(w) >= 0)))
        return syn_fail_at(w, SYN_E_ARGUMENT,
                           "train: losses: weight expects a number from 0, got %s",
                           syn_json_text(w, got, sizeof got));
    *weight = w ? json_number_value(w) : 1;
    void *opts = calloc(1, def->size);
    if (!opts) return syn_no_memory(def->size);
    syn_field_info y = { .name = NULL };
    syn_status status =
        options ? syn_options_read(def, opts, options, "train: losses", keys) : SYN_OK;
    if (status == SYN_OK) *loss = syn_layer(e->net, kind, &x, 1, opts);
    free(opts);
    SYN_TRY(status);
    if (!json_object_get(options, "name") && syn_data_targets(e->set) == n &&
        syn_data_target(e->set, k, &y) && y.name)
        *loss = syn_named(*loss, y.name);
    if (syn_net_status(e->net) != SYN_OK) return cli_fail_again(item, "train: losses");
    const syn_net_layer *made = &e->net->layer[loss->layer];
    json_t *written;
    SYN_TRY(cli_write_resolved(e, def, made->opts, kind, &written));
    json_t *all = json_object(), *one = json_object();
    json_object_set_new(all, "name", json_string(made->name));
    json_object_set_new(all, "from",
                        from ? json_incref((json_t *)(uintptr_t)from)
                             : json_string(syn_tensor_name(x)));
    json_object_set_new(all, "weight", json_real(*weight));
    json_object_update_missing(all, written);
    json_decref(written);
    json_object_set_new(one, kind, all);
    return json_array_append_new(resolved, one) ? syn_no_memory(64) : SYN_OK;
}

static syn_status add_losses(cli_experiment *e, cli_find_fn find, void *user) {
    json_t *list = train_key(e, "losses"), *resolved = json_array();
    int n = (int)json_array_size(list);
    syn_tensor loss[SYN_MAX_ENDS];
    double weight[SYN_MAX_ENDS];
    json_object_set_new(json_object_get(e->resolved, "train"), "losses", resolved);
    if (n < 1 || n > SYN_MAX_ENDS)
        return syn_fail_at(list, SYN_E_ARGUMENT, "train: losses expects a list of 1 to %d losses",
                           SYN_MAX_ENDS);
    for (int k = 0; k < n; k++)
        SYN_TRY(add_loss(e, json_array_get(list, (size_t)k), k, n, find, user, &loss[k], &weight[k],
                         resolved));
    e->loss = syn_loss_sum(loss, weight, n);
    return syn_net_status(e->net) == SYN_OK ? SYN_OK : cli_fail_again(list, "train: losses");
}

syn_status cli_experiment_losses(cli_experiment *e, cli_find_fn find, void *user) {
    if (!e->train.loss.def) {
        SYN_TRY(add_losses(e, find, user));
    } else {
        e->loss = syn_layer(e->net, e->train.loss.def->name, &e->output, 1, e->train.loss.u.opts);
        if (syn_net_status(e->net) != SYN_OK)
            return cli_fail_again(train_key(e, "loss"), "train: loss");
    }
    return check_sets(e);
}
