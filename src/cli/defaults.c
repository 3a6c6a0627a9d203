/* Recommended sets for whole networks: `defaults: dense` fills in what the file leaves open. */
#include "cli/experiment.h"

#include "base/options_json.h"
#include "layer/pairing.h"

#include <stdlib.h>
#include <string.h>

enum { DEEP = 5 }; /* hidden layers from which a net is called deep */

typedef struct recipe {
    syn_def def; /* for the reference */
    const char *activation;
    const char *norm;    /* layer behind each hidden kernel of a deep net */
    const char *dropout; /* layer behind each activation, with its rate */
    double rate;
    struct {
        const char *section, *key, *value; /* as in the file */
        const char *unless;                /* nor where the section has this key */
    } setting[5];
} recipe;

#define SET(name_, doc_) .def = { .name = name_, .doc = doc_, .kind = "defaults" }
static const recipe recipes[] = {
    { SET("dense", "for dense nets: each hidden layer gets activation elu and init he_normal (or "
                   "the init that "
                   "fits the activation it has); from five hidden layers on batch_norm goes "
                   "between it and its "
                   "activation, unless the file has normalisation of its own; train gets optimizer "
                   "nadam, schedule "
                   "one_cycle up to the optimizer's lr, and penalty { l2: 0.0001 }, unless it has "
                   "penalty or decay"),
      .activation = "elu", .norm = "batch_norm",
      .setting = { { "train", "optimizer", "nadam", NULL },
                   { "train", "schedule", "one_cycle", NULL },
                   { "train", "penalty", "{ l2: 0.0001 }", "decay" } } },
    { SET("self_normalising",
          "for plain stacks of dense layers: each hidden layer gets activation selu and init "
          "lecun_normal (or the init that fits the activation it has); alpha_dropout: 0.05 goes "
          "behind each, unless the file has dropout of its own; data gets standardise: yes, train "
          "optimizer nadam and schedule one_cycle up to the optimizer's lr"),
      .activation = "selu", .dropout = "alpha_dropout", .rate = .05,
      .setting = { { "data", "standardise", "yes", NULL },
                   { "train", "optimizer", "nadam", NULL },
                   { "train", "schedule", "one_cycle", NULL } } },
};

int cli_defaults_count(void) { return (int)SYN_COUNT(recipes); }
const syn_def *cli_defaults_at(int i) { return &recipes[i].def; }

/* ---- the items of the model ---- */

typedef struct item {
    const char *kind; /* NULL: not a layer; an error later */
    json_t *options;
    char name[96];
    syn_role role;
    bool kernel; /* has weights with an initialiser */
    bool leads;  /* to a later kernel, so it is hidden */
} item;

static void role_of(item *it) {
    const syn_table *all = syn_layers();
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->row[i]->name, it->kind)) {
            it->role = syn_layer_row_of(all->row[i])->role;
            for (int k = 0; k < all->row[i]->n_options; k++)
                it->kernel |= !strcmp(all->row[i]->option[k].name, "init");
            return;
        }
    for (int i = 0; i < syn_map_count(); i++)
        if (!strcmp(syn_map_at(i)->name, it->kind)) it->role = SYN_ROLE_ACTIVATION;
}

static bool names(const json_t *from, const char *name) {
    const char *one = json_string_value(from);
    if (one) return !strcmp(one, name);
    for (size_t i = 0; i < json_array_size(from); i++)
        if (names(json_array_get(from, i), name)) return true;
    return false;
}

static item *read_items(const json_t *model, size_t n) {
    item *it = calloc(n + 1, sizeof *it);
    for (size_t i = 0; it && i < n; i++) {
        if (!cli_item(json_array_get(model, i), &it[i].kind, &it[i].options) ||
            !json_is_object(it[i].options)) {
            it[i].kind = NULL;
            continue;
        }
        const char *name = cli_item_name(model, i, it[i].name, sizeof it[i].name);
        if (name && name != it[i].name) snprintf(it[i].name, sizeof it[i].name, "%s", name);
        role_of(&it[i]);
    }
    for (size_t i = n; it && i-- > 0;)
        for (size_t k = i + 1; k < n && !it[i].leads; k++) {
            json_t *from = json_object_get(it[k].options, "from");
            if (from ? names(from, it[i].name) : k == i + 1)
                it[i].leads = it[k].kernel || it[k].leads;
        }
    return it;
}

/* The activation of item i: its own, or the item's that reads it, perhaps behind normalisation or
 * dropout. Returns the item that has it (i where there is none); *name is NULL without, or where it
 * is not named. */
static size_t activation_of(const item *it, size_t n, size_t i, const char **name, bool *given) {
    json_t *own = json_object_get(it[i].options, "activation"), *options;
    *name = json_string_value(own);
    *given = own != NULL;
    if (own) {
        if (!*name) cli_item(own, name, &options);
        return i;
    }
    for (size_t k = i + 1; k < n && it[k].kind; k++) {
        const json_t *from = json_object_get(it[k].options, "from");
        if (from && !names(from, it[k - 1].name)) break;
        if (it[k].role == SYN_ROLE_ACTIVATION) {
            *name = it[k].kind;
            *given = true;
            return k;
        }
        if (it[k].role != SYN_ROLE_NORM && it[k].role != SYN_ROLE_DROPOUT) break;
    }
    return i;
}

/* ---- filling in ---- */

/* "init he_normal": "dense_1, dense_2", for syncline plan. */
static void note(cli_experiment *e, const char *what, const char *where) {
    const char *before = json_string_value(json_object_get(e->filled, what));
    char *all = before ? syn_format("%s, %s", before, where) : NULL;
    json_object_set_new(e->filled, what, json_string(all ? all : where));
    free(all);
}

static void fill_option(cli_experiment *e, const item *it, const char *key, const char *value) {
    json_t *v = json_string(value);
    char what[64];
    snprintf(what, sizeof what, "%s %s", key, value);
    cli_yaml_same_place(&e->yaml, v, it->options);
    json_object_set_new(it->options, key, v);
    note(e, what, it->name);
}

static void fill_item(cli_experiment *e, const recipe *r, const item *it, size_t n, size_t i,
                      const char *norm, const char *dropout) {
    const char *activation;
    bool given;
    size_t at = activation_of(it, n, i, &activation, &given);
    if (!given) {
        activation = r->activation;
        fill_option(e, &it[i], "activation", activation);
    }
    const char *init = syn_fitting_init(activation);
    if (init && !json_object_get(it[i].options, "init")) fill_option(e, &it[i], "init", init);
    if (norm) {
        e->insert[i].norm = norm;
        note(e, norm, it[i].name);
    }
    if (dropout && activation && !strcmp(activation, r->activation)) {
        char what[64], number[SYN_NUMBER_SIZE];
        snprintf(what, sizeof what, "%s %s", dropout, syn_number_text(number, r->rate));
        e->insert[at].dropout = dropout;
        e->insert[at].rate = r->rate;
        note(e, what, it[i].name);
    }
}

static syn_status fill_model(cli_experiment *e, const recipe *r) {
    json_t *model = json_object_get(e->root, "model");
    size_t n = json_array_size(model);
    item *it = read_items(model, n);
    e->insert = calloc(n + 1, sizeof *e->insert);
    if (!it || !e->insert) {
        free(it);
        return syn_no_memory(n * sizeof *it);
    }
    int hidden = 0;
    const char *norm = r->norm, *dropout = r->dropout;
    for (size_t i = 0; i < n; i++) {
        hidden += it[i].kernel && it[i].leads;
        if (it[i].role == SYN_ROLE_NORM) norm = NULL;
        if (it[i].role == SYN_ROLE_DROPOUT) dropout = NULL;
    }
    if (hidden < DEEP) norm = NULL;
    for (size_t i = 0; i < n; i++)
        if (it[i].kernel && it[i].leads) fill_item(e, r, it, n, i, norm, dropout);
    free(it);
    return SYN_OK;
}

static syn_status fill_settings(cli_experiment *e, const recipe *r) {
    for (size_t i = 0; i < SYN_COUNT(r->setting) && r->setting[i].key; i++) {
        json_t *section = json_object_get(e->root, r->setting[i].section), *value;
        const char *key = r->setting[i].key, *text = r->setting[i].value,
                   *unless = r->setting[i].unless;
        char what[64];
        if (!json_is_object(section) || json_object_get(section, key) ||
            (unless && json_object_get(section, unless)))
            continue;
        SYN_TRY(cli_yaml_read(&e->yaml, &value, text, strlen(text), "defaults", false));
        json_object_set_new(section, key, value);
        snprintf(what, sizeof what, "%s.%s", r->setting[i].section, key);
        note(e, what, text);
    }
    return SYN_OK;
}

syn_status cli_defaults_fill(cli_experiment *e) {
    if (!e->top.defaults) return SYN_OK;
    const recipe *r = &recipes[e->top.defaults - 1];
    e->filled = json_object();
    SYN_TRY(fill_model(e, r));
    return fill_settings(e, r);
}
