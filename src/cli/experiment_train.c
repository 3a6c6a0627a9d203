/* The parts of train: decay, penalty, clip and rules, what is done to gradients and weights besides the
 * optimizer's own update. */
#include "cli/experiment.h"

#include "base/options_json.h"
#include "optim/frame.h"

#include <stdlib.h>
#include <string.h>

typedef struct rule_opts {
    syn_preset preset;
    const char *match;
    double lr_factor, l1, l2;
    int trainable, decay;
} rule_opts;

#define RULE(name_, kind_, ...)                                                                    \
    { .name = #name_, .kind = SYN_OPTION_##kind_, .offset = offsetof(rule_opts, name_), __VA_ARGS__ }
static const syn_option rule_options[] = {
    RULE(match, TEXT, .doc = "pattern of parameter names, as of file names: \"dense_[12]/*\"; must be given"),
    RULE(lr_factor, REAL, .def = { 1, 1 }, .lo = 0, .hi = 1e6, .doc = "factor of the learning rate"),
    RULE(trainable, CHOICE, .def = { 2, 2 }, .choices = "no|yes", .doc = "frozen parameters have no gradient and no state"),
    RULE(decay, CHOICE, .def = { 2, 2 }, .choices = "no|yes", .doc = "whether weight decay reaches them"),
    RULE(l1, REAL, .lo = 0, .hi = 1e6, .doc = "instead of the penalty's"),
    RULE(l2, REAL, .lo = 0, .hi = 1e6, .doc = "instead of the penalty's"),
};
const syn_def cli_rule_def = { .name = "rules", .kind = "section", .option = rule_options,
                               .n_options = (int)SYN_COUNT(rule_options), .size = sizeof(rule_opts),
                               .doc = "A list in train; each rule sets what it names for the parameters that "
                                      "match, later rules win." };

/* Where the options of syn_train_rows()'s row i stand. */
static void *part(cli_train_parts *p, int i) {
    void *const at[] = { &p->decay, &p->penalty, &p->clip };
    return at[i];
}

static syn_status read_rules(cli_train_parts *p, json_t *list) {
    if (!list) return SYN_OK;
    if (!json_is_array(list))
        return syn_fail_at(list, SYN_E_ARGUMENT, "train: rules: expects a list, each item { match: PATTERN, ... }");
    p->rules = calloc(json_array_size(list) + 1, sizeof *p->rules);
    if (!p->rules) return syn_no_memory(json_array_size(list) * sizeof *p->rules);
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item) {
        rule_opts o = { 0 };
        char where[48];
        snprintf(where, sizeof where, "train: rules: rule %zu", i + 1);
        SYN_TRY(syn_options_read(&cli_rule_def, &o, item, where, NULL));
        if (!o.match) return syn_fail_at(item, SYN_E_ARGUMENT, "%s: match is missing", where);
        p->rules[p->n_rules++] = (syn_rule){ o.match, o.lr_factor, o.trainable, o.decay, o.l1, o.l2 };
    }
    return SYN_OK;
}

syn_status cli_train_parts_read(cli_train_parts *p, json_t *train) {
    for (int i = 0; i < syn_train_rows()->n; i++) {
        const syn_def *def = syn_train_rows()->row[i];
        char where[64];
        snprintf(where, sizeof where, "train: %s", def->name);
        SYN_TRY(syn_options_read(def, part(p, i), json_object_get(train, def->name), where, NULL));
    }
    return read_rules(p, json_object_get(train, "rules"));
}

syn_status cli_train_parts_write(const cli_experiment *e, const cli_train_parts *p, json_t *train) {
    const char *const given = "train";
    json_t *from = json_object_get(e->root, given);
    for (int i = 0; i < syn_train_rows()->n; i++) {
        const syn_def *def = syn_train_rows()->row[i];
        if (!json_object_get(from, def->name)) continue;
        json_t *v;
        SYN_TRY(cli_write_resolved(e, def, part((cli_train_parts *)(uintptr_t)p, i), def->name, &v));
        json_object_set_new(train, def->name, v);
    }
    json_t *rules = json_object_get(from, "rules");
    if (rules) json_object_set(train, "rules", rules);
    return SYN_OK;
}
