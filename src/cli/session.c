#include "cli/session.h"

#include "layer/layer.h"
#include "layer/pairing.h"

#include <math.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void log_line(syn_log_level level, const char *line, void *user) {
    if (level == SYN_LOG_INFO) return;
    cli_progress_clear(user);
    fflush(stdout);
    fprintf(stderr, level == SYN_LOG_TRACE ? "%s\n" : "syncline: %s\n", line);
}

int cli_sets(const cli_call *call, const char **set) {
    int n = 0;
    for (int i = 0; i < call->n_given; i++)
        if (!strcmp(call->given[i].name, "set")) set[n++] = call->given[i].value;
    return n;
}

char *cli_device_text(const syn_device_info *d) {
    return syn_format("%d:%d %s, %s, driver %s", d->platform, d->index, d->name, d->platform_name,
                      d->driver);
}

syn_status cli_session_context(cli_session *s, const char *device) {
    syn_ctx_opts opts = { .device = device, .log = log_line, .log_user = s->progress };
    SYN_TRY(syn_ctx_create(&s->ctx, &opts));
    syn_ctx_device(s->ctx, &s->device);
    return SYN_OK;
}

static syn_status standardise(syn_state *state, const syn_data *data) {
    int64_t n = syn_data_features(data);
    double *moments = malloc(2 * sizeof *moments * (size_t)n);
    if (!moments) return syn_no_memory(2 * sizeof *moments * (size_t)n);
    syn_status status = syn_data_moments(data, moments, moments + n);
    if (status == SYN_OK) status = syn_state_standardise(state, moments, moments + n, n);
    free(moments);
    return status;
}

/* Warnings of pairings, with the file in front. */
typedef struct warner {
    cli_progress *progress;
    const char *path;
} warner;
static void warn(const char *line, void *user) {
    const warner *w = user;
    char *text = syn_format("warning: %s: model: %s", w->path, line);
    if (text) log_line(SYN_LOG_WARN, text, w->progress);
    free(text);
}

/* Whether the data are near mean 0 and variance 1 without being made so. */
static syn_status input_scale(const cli_experiment *e, syn_input_scale *scale) {
    *scale = e->data.standardise ? SYN_INPUT_STANDARD : SYN_INPUT_UNKNOWN;
    if (e->data.standardise || !syn_pairing_has_selu(e->net)) return SYN_OK;
    int64_t n = syn_data_features(e->train_set);
    double *mean = malloc(2 * sizeof *mean * (size_t)n), *inv_dev = mean + n, squares = 0,
           variance = 0;
    if (!mean) return syn_no_memory(2 * sizeof *mean * (size_t)n);
    syn_status status = syn_data_moments(e->train_set, mean, inv_dev);
    for (int64_t i = 0; status == SYN_OK && i < n; i++) {
        squares += mean[i] * mean[i] / (double)n;
        variance += 1 / (inv_dev[i] * inv_dev[i] * (double)n);
    }
    *scale = squares < .25 && variance > .5 && variance < 2 ? SYN_INPUT_STANDARD : SYN_INPUT_RAW;
    free(mean);
    return status;
}

static syn_status check_pairings(cli_session *s, cli_experiment *e) {
    syn_input_scale scale;
    warner w = { s->progress, e->path };
    SYN_TRY(input_scale(e, &scale));
    syn_pairing_check(e->net, e->output.layer, scale, warn, &w);
    return SYN_OK;
}

/* train.init: those of the file's parameters that the network has. */
static syn_status start_from(cli_session *s, cli_experiment *e) {
    char *path = cli_absolute(e, e->train.init);
    int loaded = 0;
    if (!path) return syn_no_memory(strlen(e->train.init));
    syn_status status = syn_load(s->state, path, true, &loaded);
    if (status == SYN_OK && loaded == 0)
        status = syn_fail(SYN_E_ARGUMENT, "%s: none of its tensors is a parameter of this network",
                          path);
    cli_progress_clear(s->progress);
    if (status == SYN_OK)
        printf("%-10s %d of %d parameters from %s\n", "weights", loaded, syn_net_params(e->net),
               path);
    free(path);
    return status;
}

/* What a plan says of a key of train, as "clip: give one of ...", is said where that stands. */
static syn_status blame(const cli_experiment *e, syn_status status) {
    const char *key;
    const json_t *at;
    json_object_foreach(json_object_get(e->root, "train"), key, at) {
        size_t n = strlen(key);
        const char *text = syn_error_text();
        if (!strncmp(text, key, n) && text[n] == ':') return cli_fail_again(at, "train");
    }
    return status;
}

syn_status cli_session_train(cli_session *s, cli_experiment *e, const char *device) {
    SYN_TRY(check_pairings(s, e));
    if (!s->ctx) SYN_TRY(cli_session_context(s, device));
    SYN_TRY(syn_state_create(&s->state, s->ctx, e->net));
    if (e->data.standardise) SYN_TRY(standardise(s->state, e->train_set));
    if (e->train.init) SYN_TRY(start_from(s, e));
    syn_plan_opts opts = { .loss = e->loss,
                           .optim = e->train.optimizer,
                           .schedule = e->train.schedule,
                           .sample_weights = cli_experiment_weighted(e),
                           .batch = e->train.batch,
                           .dtype = cli_dtype(&e->train),
                           .loss_scale = e->train.loss_scale,
                           .preset = e->top.preset,
                           .stream = e->train.stream,
                           .decay = e->parts.decay,
                           .penalty = e->parts.penalty,
                           .clip = e->parts.clip,
                           .rules = e->parts.rules,
                           .n_rules = e->parts.n_rules,
                           .accumulate = e->train.accumulate,
                           .ema = e->train.ema,
                           .on_nonfinite = (syn_nonfinite)(e->train.on_nonfinite - 1),
                           .memory_limit = (int64_t)e->train.memory_limit,
                           .memory = (syn_memory)(e->train.memory - 1) };
    syn_status status = syn_plan_create(&s->plan, s->state, &opts);
    return status == SYN_OK ? status : blame(e, status);
}

/* What the loss of that name reads, or the layer of that name. */
static syn_status find_output(const cli_session *s, syn_tensor *output) {
    *output = syn_net_find(s->net, s->output);
    if (output->net && s->net->layer[output->layer].row->loss) output->layer = s->net->layer[output->layer].in[0];
    if (output->net && !s->net->layer[output->layer].row->loss) return SYN_OK;
    syn_text names = { 0 };
    for (int i = 0; i < s->net->n_layers; i++)
        if (!s->net->layer[i].row->sum) syn_text_add(&names, "%s%s", names.len ? ", " : "", s->net->layer[i].name);
    syn_fail(SYN_E_ARGUMENT, "--output: there is no loss or layer '%s'; there are: %s", s->output, syn_text_str(&names));
    syn_text_free(&names);
    return SYN_E_ARGUMENT;
}

syn_status cli_session_load(cli_session *s, const char *weights, const char *device, int batch,
                            syn_dtype dtype) {
    SYN_TRY(cli_session_context(s, device));
    SYN_TRY(syn_load_model(&s->net, &s->state, s->ctx, weights));
    syn_plan_opts opts = { .batch = batch, .dtype = dtype, .sample_weights = s->weighted };
    for (int i = 0; i < syn_net_layers(s->net); i++)
        if (s->net->layer[i].row->loss) opts.loss = (syn_tensor){ s->net, i };
    if (s->output) SYN_TRY(find_output(s, &opts.output));
    else if (!opts.loss.net) opts.output = (syn_tensor){ s->net, syn_net_layers(s->net) - 1 };
    return syn_plan_create(&s->plan, s->state, &opts);
}

void cli_session_close(cli_session *s) {
    syn_plan_destroy(s->plan);
    syn_state_destroy(s->state);
    syn_net_destroy(s->net);
    syn_ctx_destroy(s->ctx);
    *s = (cli_session){ 0 };
}
