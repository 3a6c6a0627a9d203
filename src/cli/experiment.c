#include "cli/experiment.h"

#include "base/options_json.h"
#include "io/safetensors.h"
#include "layer/layer.h"
#include "op/map.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <stdlib.h>
#include <string.h>

#define OPT(type, name_, kind_, ...)                                                               \
    { .name = #name_, .kind = SYN_OPTION_##kind_, .offset = offsetof(type, name_), __VA_ARGS__ }
#define DEF(name_, type, options, doc_)                                                            \
    {                                                                                              \
        .name = name_, .doc = doc_, .kind = "section", .option = options,                          \
        .n_options = (int)SYN_COUNT(options), .size = sizeof(type)                                 \
    }

static const syn_option top_options[] = {
    OPT(cli_top_opts, name, TEXT, .doc = "of the run folder; default: the file's name"),
    OPT(cli_top_opts, defaults, CHOICE, .choices = "dense|self_normalising",
        .doc = "a recommended set for the whole network, which fills in what the file leaves open "
               "(help defaults); syncline plan shows what; default: none"),
};
const syn_def cli_top_def =
    DEF("experiment", cli_top_opts, top_options,
        "The file: preset, data, model and train. preset: keras (the default) or torch says whose "
        "definitions fill the defaults.");

static const syn_option data_options[] = {
    OPT(cli_data_opts, name, TEXT,
        .doc = "a named set, found where its package put it: "
               "fashion-mnist, mnist"),
    OPT(cli_data_opts, format, CHOICE, .choices = "idx|npy|csv", .doc = "format of your own files"),
    OPT(cli_data_opts, target, TEXT,
        .doc = "csv: the target's column, or columns separated by "
               "commas; default: the last"),
    OPT(cli_data_opts, weights, TEXT,
        .doc = "csv: the column with a weight for each sample, by which its loss is multiplied; "
               "default: none"),
    OPT(cli_data_opts, labels, FLAG, .doc = "csv: the target is a class number from 0"),
    OPT(cli_data_opts, standardise, FLAG,
        .doc = "subtract each feature's mean and divide by its "
               "deviation, both taken from the training rows "
               "and kept with the weights"),
};
const syn_def cli_data_def = DEF(
    "data", cli_data_opts, data_options,
    "Where the samples come from. Also: train and test, files as [x, y] or [x, y, weights of the "
    "samples] (csv: one file), relative to the experiment file; of several inputs or targets as "
    "{ x: { image: a.npy, age: b.npy }, y: { kind: c.npy, size: d.npy }, weights: e.npy }: the net's "
    "inputs get those names, and so do the losses; validation, the rows cut from the end of the training data (a "
    "fraction below 1 is a share), or files of its own; and classes, a list of what the labels 0, 1 and "
    "so on are called, for the report of evaluate.");

static const syn_option train_options[] = {
    OPT(cli_train_opts, loss, INIT, .table = cli_losses,
        .doc = "the loss of the model's last layer; must be given, or losses"),
    OPT(cli_train_opts, optimizer, INIT, .table = syn_optims, .text_def = { "sgd", "sgd" },
        .doc = "the optimizer"),
    OPT(cli_train_opts, schedule, INIT, .table = syn_schedules,
        .text_def = { "constant", "constant" }, .doc = "the learning-rate schedule"),
    OPT(cli_train_opts, init, TEXT,
        .doc = "weights to start from, a safetensors file: those of its "
               "parameters that the network has by name"),
    OPT(cli_train_opts, batch, INT, .def = { 32, 32 }, .lo = 1, .hi = 1e7, .choices = "all",
        .doc = "samples of a step; all: the whole training set is one step, in `accumulate` equal "
               "parts"),
    OPT(cli_train_opts, epochs, INT, .lo = 1, .hi = 1e6,
        .doc = "passes over the training data; default: 1, or as many as steps asks for"),
    OPT(cli_train_opts, steps, INT, .lo = 1, .hi = 2147483646,
        .doc = "stop after so many steps in all; default: no limit"),
    OPT(cli_train_opts, seed, INT, .lo = 0, .hi = 2147483646,
        .doc = "of initial weights, masks and shuffling"),
    OPT(cli_train_opts, shuffle, CHOICE, .def = { 2, 2 }, .choices = "no|yes",
        .doc = "a new order of the training data every epoch"),
    OPT(cli_train_opts, dtype, CHOICE, .def = { 1, 1 }, .choices = "float|double|half",
        .doc = "arithmetic and storage on the device; half: arithmetic in float, activations and "
               "the weights that products read in 16 bits; weights are updated and saved in float"),
    OPT(cli_train_opts, loss_scale, REAL, .lo = 1e-6, .hi = 16777216, .choices = "dynamic",
        .doc = "of dtype half: factor of the gradients while they are in 16 bits; dynamic: from "
               "65536 on, halved by a gradient that is not finite, whose step changes nothing, and "
               "doubled by 2000 good steps; default: dynamic"),
    OPT(cli_train_opts, stream, FLAG,
        .doc = "send each batch to the device, though all data "
               "would fit there"),
    OPT(cli_train_opts, memory_limit, REAL, .lo = 1, .hi = 1e15,
        .doc = "bytes of device memory; default: what the device has"),
    OPT(cli_train_opts, memory, CHOICE, .def = { 1, 1 }, .choices = "balanced|least|fastest",
        .doc =
            "whether the backward pass makes outputs of activations, dropout and sums again "
            "instead of keeping them: where that frees 1/32 of their memory or more with no phase "
            "more and at most 1/32 more bytes moved (balanced), wherever it frees any, masks of "
            "random layers too (least), or never (fastest); results are the same"),
    OPT(cli_train_opts, accumulate, INT, .def = { 1, 1 }, .lo = 1, .hi = 4095,
        .doc = "batches whose mean gradient makes one step"),
    OPT(cli_train_opts, ema, REAL, .lo = 0, .hi = .999999999,
        .doc =
            "decay of a moving average of the weights, evaluated and saved beside them; 0: none"),
    OPT(cli_train_opts, gradients, FLAG,
        .doc =
            "write gradients.csv: the norm of each kernel's gradient, in front of the first step "
            "and in the last batch of each epoch; see syncline help compare"),
    OPT(cli_train_opts, on_nonfinite, CHOICE, .def = { 1, 1 }, .choices = "stop|skip|propagate",
        .doc = "what a loss or gradient that is NaN or infinite does"),
};
const syn_def cli_train_def =
    DEF("train", cli_train_opts, train_options,
        "How to train. Also: losses, a list of several, each like - mse: { from: LAYER, weight: 0.5, name: "
        "TARGET }, whose weighted sum is trained (from: what it reads, the model's last layer unless "
        "given; weight: 1; name: of its target, else they are taken in order); decay, penalty, clip and rules (help decay, ...), and checkpoint, when "
        "state.safetensors is written (help checkpoint).");

static const syn_option checkpoint_options[] = {
    OPT(cli_checkpoint_opts, every, INT, .def = { 1, 1 }, .lo = 1, .hi = 1e6,
        .doc = "epochs between checkpoints"),
    OPT(cli_checkpoint_opts, every_steps, INT, .lo = 1, .hi = 2147483646,
        .doc = "steps between checkpoints, besides; default: none"),
};
const syn_def cli_checkpoint_def =
    DEF("checkpoint", cli_checkpoint_opts, checkpoint_options,
        "When state.safetensors is written, from which train --resume goes on exactly.");

static const char *const top_keys[] = { "data", "model", "train", NULL };
static const char *const data_keys[] = { "train", "test", "validation", "classes", NULL };
static const char *const train_keys[] = { "checkpoint", "decay", "penalty", "clip", "rules", "losses", NULL };

const syn_table *cli_losses(void) {
    static const syn_def *row[64];
    static syn_table losses = { "loss", row, 0 };
    const syn_table *all = syn_layers();
    losses.n = 0;
    for (int i = 0; i < all->n && losses.n < (int)SYN_COUNT(row); i++)
        if (!strcmp(all->row[i]->kind, "loss") && !syn_layer_row_of(all->row[i])->sum) row[losses.n++] = all->row[i];
    return &losses;
}

void cli_map_make_def(cli_map_def *out, const syn_map_row *row) {
    *out = (cli_map_def){ .def = { .name = row->name,
                                   .doc = row->doc,
                                   .kind = "activation",
                                   .size = sizeof(cli_map_opts) } };
    int n = 0;
    for (; n < SYN_MAX_ATTRS && row->attr[n].name; n++) {
        const syn_map_attr *a = &row->attr[n];
        out->option[n] =
            (syn_option){ .name = a->name,
                          .kind = SYN_OPTION_REAL,
                          .def = { a->keras, a->torch },
                          .lo = a->lo,
                          .hi = a->hi,
                          .doc = a->doc,
                          .offset = offsetof(cli_map_opts, attr) + (size_t)n * sizeof(double) };
    }
    out->option[n] = (syn_option){ .name = "name",
                                   .kind = SYN_OPTION_TEXT,
                                   .doc = "layer name",
                                   .offset = offsetof(cli_map_opts, name) };
    out->def.n_options = n + 1;
    out->def.option = out->option;
}

bool cli_item(const json_t *item, const char **kind, json_t **options) {
    if (!json_is_object(item) || json_object_size(item) != 1) return false;
    void *it = json_object_iter((json_t *)(uintptr_t)item);
    *kind = json_object_iter_key(it);
    *options = json_object_iter_value(it);
    return true;
}

syn_status cli_fail_again(const json_t *at, const char *where) {
    char *text = syn_strdup(syn_error_text());
    syn_fail_at(at, SYN_E_ARGUMENT, "%s: %s", where, text ? text : "failed");
    free(text);
    return SYN_E_ARGUMENT;
}

static void drop_presets(json_t *v, const char *preset) {
    const char *key;
    json_t *item;
    const char *own = json_string_value(json_object_get(v, "preset"));
    if (own && !strcmp(own, preset)) json_object_del(v, "preset");
    json_object_foreach(v, key, item) drop_presets(item, preset);
    for (size_t i = 0; i < json_array_size(v); i++) drop_presets(json_array_get(v, i), preset);
}

/* { he_normal: {} } -> he_normal, wherever dropping presets left nothing */
static void shorten(json_t *v) {
    const char *key, *name;
    json_t *item, *options;
    void *next;
    json_object_foreach_safe(v, next, key, item) {
        shorten(item);
        if (cli_item(item, &name, &options) && json_is_object(options) &&
            json_object_size(options) == 0)
            json_object_set_new(v, key, json_string(name));
    }
}

syn_status cli_write_resolved(const cli_experiment *e, const syn_def *def, const void *opts,
                              const char *where, json_t **resolved) {
    *resolved = NULL;
    void *copy = malloc(def->size);
    if (!copy) return syn_no_memory(def->size);
    memcpy(copy, opts, def->size);
    syn_status status = syn_options_resolve(def, copy, e->top.preset, where);
    if (status == SYN_OK) {
        *resolved = syn_options_write(def, copy);
        drop_presets(*resolved, e->top.preset == SYN_TORCH ? "torch" : "keras");
        shorten(*resolved);
    }
    free(copy);
    return status;
}

static json_t *section(cli_experiment *e, const char *name) {
    return json_object_get(e->root, name);
}

static syn_status read_sections(cli_experiment *e) {
    if (!json_is_object(e->root))
        return syn_fail_at(e->root, SYN_E_FORMAT,
                           "an experiment file is a map with data, model and train");
    SYN_TRY(syn_options_read(&cli_top_def, &e->top, e->root, "experiment", top_keys));
    if (e->top.preset == SYN_PRESET_DEFAULT) e->top.preset = SYN_KERAS;
    SYN_TRY(cli_defaults_fill(e));
    for (int i = 0; top_keys[i]; i++)
        if (!section(e, top_keys[i]))
            return syn_fail(SYN_E_ARGUMENT,
                            "%s: %s is missing; an experiment has data, model and "
                            "train (see: syncline help experiment)",
                            e->path, top_keys[i]);
    json_t *train = section(e, "train");
    SYN_TRY(syn_options_read(&cli_data_def, &e->data, section(e, "data"), "data", data_keys));
    SYN_TRY(syn_options_read(&cli_train_def, &e->train, train, "train", train_keys));
    SYN_TRY(syn_options_read(&cli_checkpoint_def, &e->checkpoint,
                             json_object_get(train, "checkpoint"), "train: checkpoint", NULL));
    SYN_TRY(cli_train_parts_read(&e->parts, train));
    if (e->train.loss.def && json_object_get(train, "losses"))
        return syn_fail_at_key(json_object_get(train, "losses"), SYN_E_ARGUMENT,
                               "train: loss and losses are both given; losses lists all there are");
    if (!e->train.loss.def && !json_object_get(train, "losses")) {
        syn_text names = { 0 };
        for (int i = 0; i < cli_losses()->n; i++)
            syn_text_add(&names, "%s%s", i ? ", " : "", cli_losses()->row[i]->name);
        syn_fail_at(train, SYN_E_ARGUMENT, "train: loss is missing; there are: %s",
                    syn_text_str(&names));
        syn_text_free(&names);
        return SYN_E_ARGUMENT;
    }
    return SYN_OK;
}

/* Fills the sections' defaults in place, and starts the text of the run folder; data files and the
 * model are added when they are opened and built. */
static syn_status start_resolved(cli_experiment *e) {
    const syn_preset preset = e->top.preset;
    SYN_TRY(syn_options_resolve(&cli_data_def, &e->data, preset, "data"));
    SYN_TRY(syn_options_resolve(&cli_train_def, &e->train, preset, "train"));
    SYN_TRY(syn_options_resolve(&cli_checkpoint_def, &e->checkpoint, preset, "checkpoint"));
    json_t *data, *train, *checkpoint;
    e->resolved = json_object();
    json_object_set_new(e->resolved, "name", json_string(e->top.name));
    json_object_set_new(e->resolved, "preset",
                        json_string(preset == SYN_TORCH ? "torch" : "keras"));
    SYN_TRY(cli_write_resolved(e, &cli_data_def, &e->data, "data", &data));
    json_object_set_new(e->resolved, "data", data);
    json_object_set_new(e->resolved, "model", json_array());
    SYN_TRY(cli_write_resolved(e, &cli_train_def, &e->train, "train", &train));
    json_object_set_new(e->resolved, "train", train);
    if (e->train.init) {
        char *path = cli_absolute(e, e->train.init);
        if (!path) return syn_no_memory(strlen(e->train.init));
        json_object_set_new(train, "init", json_string(path));
        free(path);
    }
    SYN_TRY(cli_train_parts_write(e, &e->parts, train));
    SYN_TRY(cli_write_resolved(e, &cli_checkpoint_def, &e->checkpoint, "checkpoint", &checkpoint));
    return json_object_set_new(train, "checkpoint", checkpoint) ? syn_no_memory(64) : SYN_OK;
}

/* "some/where/x.yaml" -> "some/where", "x.yaml" -> "." */
static char *folder_of(const char *path) {
    const char *slash = strrchr(path, '/');
    if (!slash) return syn_strdup(".");
    return slash == path ? syn_strdup("/") : syn_format("%.*s", (int)(slash - path), path);
}

/* "some/where/x.yaml" -> "x" */
static const char *stem_of(const char *path) {
    const char *slash = strrchr(path, '/'), *base = slash ? slash + 1 : path;
    const char *dot = strrchr(base, '.');
    char *stem =
        syn_format("%.*s", (int)(dot && dot != base ? (size_t)(dot - base) : strlen(base)), base);
    const char *kept = syn_intern(stem);
    free(stem);
    return kept;
}

syn_status cli_experiment_read(cli_experiment *e, const char *path, const char *const *set, int n) {
    char *text;
    size_t bytes;
    e->path = syn_strdup(path);
    e->folder = folder_of(path);
    if (!e->path || !e->folder) return syn_no_memory(strlen(path));
    SYN_TRY(syn_file_read(path, &text, &bytes));
    syn_options_locate(cli_yaml_locate, &e->yaml);
    syn_status status = cli_yaml_read(&e->yaml, &e->root, text, bytes, path, true);
    free(text);
    SYN_TRY(status);
    if (json_is_object(e->root)) SYN_TRY(cli_normalise_model(e));
    for (int i = 0; i < n; i++) SYN_TRY(cli_override(e, set[i]));
    if (json_is_object(e->root) && n) SYN_TRY(cli_normalise_model(e));
    SYN_TRY(read_sections(e));
    if (!e->top.name) e->top.name = stem_of(path);
    if (!e->top.name) return syn_no_memory(strlen(path));
    if (strchr(e->top.name, '/') || e->top.name[0] == '.' || !e->top.name[0])
        return syn_fail_at(json_object_get(e->root, "name"), SYN_E_ARGUMENT,
                           "name is '%s'; it names a folder, so no '/' and no '.' in front",
                           e->top.name);
    return start_resolved(e);
}

void cli_experiment_free(cli_experiment *e) {
    syn_options_locate(NULL, NULL);
    syn_data_destroy(e->val_file ? e->val_file : e->val_set);
    if (e->train_set != e->set) syn_data_destroy(e->train_set);
    syn_data_destroy(e->set);
    syn_data_destroy(e->test_set);
    syn_net_destroy(e->net);
    json_decref(e->root);
    json_decref(e->resolved);
    json_decref(e->filled);
    free(e->insert);
    cli_yaml_free(&e->yaml);
    free(e->parts.rules);
    free(e->path);
    free(e->folder);
    *e = (cli_experiment){ 0 };
}

char *cli_experiment_text(const cli_experiment *e) {
    static const char *const block[] = { "model", "train", "data", NULL };
    return cli_yaml_write(e->resolved, block);
}
