/* An experiment file: read, overridden by --set, checked, and made into data and a network. */
#ifndef SYN_CLI_EXPERIMENT_H
#define SYN_CLI_EXPERIMENT_H

#include "cli/yaml.h"
#include "optim/optim.h"

#include <syncline/syncline.h>

/* The sections' own options; rows in experiment.c, printed by `help data`, `help train`. */
typedef struct cli_top_opts {
    syn_preset preset;
    const char *name;
    int defaults; /* 0: none; row of cli_defaults_at, from 1 */
} cli_top_opts;

enum { CLI_CSV = 3 }; /* of cli_data_opts.format */
typedef struct cli_data_opts {
    syn_preset preset;
    const char *name;
    int format; /* 0: a named set */
    const char *target, *weights;
    bool labels, standardise;
} cli_data_opts;

typedef struct cli_train_opts {
    syn_preset preset;
    syn_spec loss, optimizer, schedule;
    const char *init;
    int batch, epochs, steps, seed;
    int shuffle; /* 1 no, 2 yes */
    int dtype;   /* 1 float, 2 double, 3 half: see cli_dtype */
    double loss_scale;
    bool stream;
    double memory_limit;
    int memory;                   /* 1 + syn_memory */
    int accumulate, on_nonfinite; /* on_nonfinite: 1 stop, 2 skip, 3 propagate */
    double ema;
    bool gradients;
} cli_train_opts;

/* Parts of train with options of their own (experiment_train.c). */
typedef struct cli_train_parts {
    syn_decay_opts decay;
    syn_penalty_opts penalty;
    syn_clip_opts clip;
    syn_rule *rules; /* free it */
    int n_rules;
} cli_train_parts;

typedef struct cli_checkpoint_opts {
    syn_preset preset;
    int every, every_steps;
} cli_checkpoint_opts;

static inline syn_dtype cli_dtype(const cli_train_opts *t) { return (syn_dtype)(t->dtype - 1); }

extern const syn_def cli_top_def, cli_data_def, cli_train_def, cli_checkpoint_def, cli_rule_def;
const syn_table *cli_losses(void); /* the rows of the layer table that are losses */

/* Options of an activation by its map row: a def made for the row, and the struct it fills. */
typedef struct cli_map_opts {
    syn_preset preset;
    const char *name;
    double attr[SYN_MAX_ATTRS];
} cli_map_opts;
typedef struct cli_map_def {
    syn_def def;
    syn_option option[SYN_MAX_ATTRS + 1];
} cli_map_def;
void cli_map_make_def(cli_map_def *out, const syn_map_row *row);

/* Layers that `defaults` puts behind an item: between its kernel and its activation, and behind that. */
typedef struct cli_insert {
    const char *norm, *dropout; /* kinds, or NULL */
    double rate;                /* of the dropout */
} cli_insert;

typedef struct cli_experiment {
    char *path;   /* of the file */
    char *folder; /* that its relative paths start from */
    cli_yaml yaml;
    json_t *root;
    json_t *resolved; /* every option written out, paths absolute: what the run folder keeps */
    json_t *filled;      /* what `defaults` filled in: what, and where; NULL: nothing was asked for */
    cli_insert *insert;  /* by item of the model, or NULL */
    cli_top_opts top;
    cli_data_opts data;
    cli_train_opts train;
    cli_checkpoint_opts checkpoint;
    cli_train_parts parts;
    syn_data *set, *train_set, *val_set,
        *test_set; /* set: what train_set and val_set are cut from */
    syn_data *val_file;
    syn_net *net;
    syn_tensor output, loss;
} cli_experiment;

/* Read the file, apply n "key=value" overrides, read all sections. Errors name file, line and
 * column. Start from {0}; free whatever the outcome. */
syn_status cli_experiment_read(cli_experiment *e, const char *path, const char *const *set, int n);
void cli_experiment_free(cli_experiment *e);

/* Whether any of the sets has weights of the samples. */
bool cli_experiment_weighted(const cli_experiment *e);
/* Open and split the data, from which batch: all and a missing number of epochs follow; needs the file read. */
syn_status cli_experiment_data(cli_experiment *e);
/* Optimizer steps of an epoch; needs the data. */
int64_t cli_epoch_steps(const cli_experiment *e);
/* Describe the network and its loss; needs the data, whose shape the input takes. Labels are
 * checked against the output. */
syn_status cli_experiment_net(cli_experiment *e);
/* The schedule, resolved and checked, with the run and the optimizer that it is for; needs the data. */
syn_status cli_experiment_schedule(const cli_experiment *e, syn_schedule *schedule, syn_schedule_run *run,
                                   syn_optim_use *use);
/* The resolved experiment as YAML text (malloc'd), after the two above; NULL without memory. */
char *cli_experiment_text(const cli_experiment *e);

/* ---- between the files of the reader ---- */

syn_status cli_train_parts_read(cli_train_parts *p, json_t *train);
/* Those the file gives, resolved, into the run folder's text. */
syn_status cli_train_parts_write(const cli_experiment *e, const cli_train_parts *p, json_t *train);

/* Recommended sets, for the reference. */
int cli_defaults_count(void);
const syn_def *cli_defaults_at(int i);
/* Fill in what `defaults` recommends and the file leaves open; needs the top options and a normal model. */
syn_status cli_defaults_fill(cli_experiment *e);

/* A path of the file, absolute (malloc'd), so that the run folder can stand anywhere. */
char *cli_absolute(const cli_experiment *e, const char *path);
/* A one-key map { kind: options }: its key and value; false for anything else. */
bool cli_item(const json_t *item, const char **kind, json_t **options);
/* Bring every layer into the form { kind: { options } }. */
syn_status cli_normalise_model(cli_experiment *e);
/* The name a layer gets: given, or kind and running number in buf; NULL: no layer. */
const char *cli_item_name(const json_t *model, size_t index, char *buf, size_t size);
/* The losses, train.loss or train.losses, over the layers that `find` knows by name; and whether the data's
 * targets are what they take. */
typedef syn_status (*cli_find_fn)(void *user, const json_t *name, const char *where, syn_tensor *out);
syn_status cli_experiment_losses(cli_experiment *e, cli_find_fn find, void *user);
/* Apply "train.epochs=3". */
syn_status cli_override(cli_experiment *e, const char *assignment);
/* The text that stands as an error, again, with the place of `at` and "where: " in front. */
syn_status cli_fail_again(const json_t *at, const char *where);
/* Write a section's resolved options into `resolved`, without presets equal to the experiment's. */
syn_status cli_write_resolved(const cli_experiment *e, const syn_def *def, const void *opts,
                              const char *where, json_t **resolved);

#endif
