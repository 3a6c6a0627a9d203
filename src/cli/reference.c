#include "cli/reference.h"

#include "base/options_json.h"
#include "optim/frame.h"
#include "cli/cli.h"
#include "layer/init.h"
#include "layer/layer.h"
#include "op/map.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char cli_sample[] = "name: fashion-mlp\n"
                          "data: { name: fashion-mnist, validation: 5000, standardise: yes }\n"
                          "model:\n"
                          "  - flatten\n"
                          "  - dense: { units: 300, init: he_normal, activation: elu }\n"
                          "  - dropout: 0.2\n"
                          "  - dense: 10\n"
                          "train:\n"
                          "  loss: softmax_cross_entropy\n"
                          "  optimizer: { adam: { lr: 0.001 } }\n"
                          "  schedule: one_cycle\n"
                          "  batch: 128\n"
                          "  epochs: 20\n";

const char *const cli_notes[][2] = {
    { "a layer", "NAME, or NAME: { option: value, ... }, or NAME: VALUE for its first option. "
                 "An activation's name is a layer, too." },
    { "name", "what a layer is called; default: its kind and running number, as dense_1." },
    { "from", "the layer, or list of layers, that a layer reads; default: the one before. "
              "An item's name stands for its output, activation included." },
    { "activation",
      "elu, or { leaky_relu: { alpha: 0.1 } }: an activation layer behind this one; also softmax, "
      "log_softmax, prelu, rrelu and maxout." },
    { "defaults", "dense or self_normalising: a recommended set fills in what the file leaves open." },
    { "preset",
      "keras or torch: whose definitions fill the defaults; of the file, or of any layer, "
      "optimizer, schedule or initialiser." },
    { NULL, NULL }
};

/* ---- the topics ---- */

static int count_layers(void) {
    int n = 0;
    for (int i = 0; i < syn_layers()->n; i++) n += !syn_layer_row_of(syn_layers()->row[i])->loss;
    return n;
}
static const syn_def *layer_at(int i, cli_map_def *room) {
    (void)room;
    const syn_table *all = syn_layers();
    for (int k = 0; k < all->n; k++)
        if (!syn_layer_row_of(all->row[k])->loss && i-- == 0) return all->row[k];
    return NULL;
}
static const syn_def *map_at(int i, cli_map_def *room) {
    cli_map_make_def(room, syn_map_at(i));
    return &room->def;
}
#define TABLE(name, table)                                                                         \
    static int count_##name(void) { return table()->n; }                                           \
    static const syn_def *name##_at(int i, cli_map_def *room) {                                    \
        (void)room;                                                                                \
        return table()->row[i];                                                                    \
    }
TABLE(losses, cli_losses)
TABLE(optimizers, syn_optims)
TABLE(schedules, syn_schedules)
TABLE(initialisers, syn_inits)
static const syn_def *defaults_at(int i, cli_map_def *room) {
    (void)room;
    return cli_defaults_at(i);
}

static const syn_def *const sections[] = { &cli_top_def, &cli_data_def, &cli_train_def,
                                           &cli_checkpoint_def, &cli_rule_def };
static int count_sections(void) { return (int)SYN_COUNT(sections) + syn_train_rows()->n; }
static const syn_def *section_at(int i, cli_map_def *room) {
    (void)room;
    int own = (int)SYN_COUNT(sections);
    return i < own ? sections[i] : syn_train_rows()->row[i - own];
}

static const cli_topic topics[] = {
    { "experiment",
      "An experiment file is YAML: a map with data, model and train. Paths in it are "
      "relative to the file.",
      count_sections, section_at },
    { "defaults",
      "Recommended sets for a whole network, as defaults: dense at the top of the file. They fill in what "
      "the file leaves open: a hidden layer is one whose output reaches another layer with weights.",
      cli_defaults_count, defaults_at },
    { "layers", "Items of the model list.", count_layers, layer_at },
    { "activations", "Element-wise functions: layers of their own, or a layer's activation.",
      syn_map_count, map_at },
    { "losses", "train.loss. The loss reads the last layer of the model; those of train.losses what they say.", count_losses,
      losses_at },
    { "optimizers", "train.optimizer. g is the gradient, w a weight, t the step from 1.",
      count_optimizers, optimizers_at },
    { "schedules", "train.schedule: the learning rate as a function of the step t, from 0.",
      count_schedules, schedules_at },
    { "initialisers",
      "Values of options such as init and bias_init. Weights are drawn from the "
      "seed.",
      count_initialisers, initialisers_at },
};

int cli_topic_count(void) { return (int)SYN_COUNT(topics); }
const cli_topic *cli_topic_at(int i) { return &topics[i]; }

/* ---- one option as text ---- */

/* A default of 0 that stands for something the meaning explains. */
static bool explained(const syn_option *o, int preset) {
    if (o->def[preset] != 0) return false;
    return strstr(o->doc, "default:") || strstr(o->doc, "must be given") || o->lo > 0 || o->hi < 0;
}

static void default_text(syn_text *t, const syn_option *o, int preset) {
    char number[SYN_NUMBER_SIZE];
    int len = 0;
    const char *choice;
    switch (o->kind) {
    case SYN_OPTION_REAL:
    case SYN_OPTION_INT:
        if (explained(o, preset))
            syn_text_add(t, "-");
        else
            syn_text_add(t, "%s", syn_number_text(number, o->def[preset]));
        break;
    case SYN_OPTION_FLAG: syn_text_add(t, "no"); break;
    case SYN_OPTION_CHOICE:
        choice = syn_choice_name(o, (int)o->def[preset], &len);
        syn_text_add(t, "%.*s", choice ? len : 1, choice ? choice : "-");
        break;
    case SYN_OPTION_TEXT: syn_text_add(t, "-"); break;
    case SYN_OPTION_INIT:
        syn_text_add(t, "%s", o->text_def[preset] ? o->text_def[preset] : "-");
        break;
    case SYN_OPTION_LIST:
    case SYN_OPTION_SPECS: syn_text_add(t, "-"); break;
    }
}

/* "0.001", or "1e-7 / 1e-8" where the presets differ. */
static void defaults_text(syn_text *t, const syn_option *o) {
    syn_text keras = { 0 }, torch = { 0 };
    default_text(&keras, o, 0);
    default_text(&torch, o, 1);
    syn_text_add(t, "%s", syn_text_str(&keras));
    if (strcmp(syn_text_str(&keras), syn_text_str(&torch)))
        syn_text_add(t, " / %s", syn_text_str(&torch));
    syn_text_free(&keras);
    syn_text_free(&torch);
}

static void allowed_text(syn_text *t, const syn_option *o) {
    char range[80];
    int len;
    const char *c;
    switch (o->kind) {
    case SYN_OPTION_REAL:
    case SYN_OPTION_INT:
        syn_text_add(t, "%s", syn_range_text(range, sizeof range, o, false));
        if (o->choices) syn_text_add(t, ", or %s", o->choices);
        break;
    case SYN_OPTION_FLAG: syn_text_add(t, "yes, no"); break;
    case SYN_OPTION_CHOICE:
        for (int i = 1; (c = syn_choice_name(o, i, &len)) != NULL; i++)
            syn_text_add(t, "%s%.*s", i > 1 ? ", " : "", len, c);
        break;
    case SYN_OPTION_TEXT: syn_text_add(t, "text"); break;
    case SYN_OPTION_INIT: syn_text_add(t, "%s", o->table()->kind); break;
    case SYN_OPTION_LIST: syn_text_add(t, "list of %s", syn_range_text(range, sizeof range, o, false)); break;
    case SYN_OPTION_SPECS: syn_text_add(t, "list of %ss", o->table()->kind); break;
    }
}

static const syn_map_row *row_of(const syn_def *def) {
    for (int i = 0; !strcmp(def->kind, "activation") && i < syn_map_count(); i++)
        if (!strcmp(syn_map_at(i)->name, def->name)) return syn_map_at(i);
    return NULL;
}

/* ---- on the terminal ---- */

typedef struct cells {
    syn_text def, allowed;
} cells;

/* Every layer has a name; the notes say so once. */
static bool shown(const syn_def *def, const syn_option *o) {
    return strcmp(o->name, "name") || !strcmp(def->kind, "section");
}

void cli_print_row(const syn_def *def, int width) {
    const syn_map_row *map = row_of(def);
    int at = printf("%s (%s)  ", def->name, def->kind);
    cli_wrap(def->doc, at, 4, width);
    if (map) printf("    y = %s\n    dy/dx = %s\n", map->forward, map->derivative);
    cells *cell = calloc((size_t)def->n_options + 1, sizeof *cell);
    int name_width = 6, def_width = 7, allowed_width = 7, n = 0;
    bool differ = false;
    for (int i = 0; cell && i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        if (!shown(def, o)) continue;
        n++;
        defaults_text(&cell[i].def, o);
        if (strstr(syn_text_str(&cell[i].def), " / ")) differ = true;
        allowed_text(&cell[i].allowed, o);
        if ((int)strlen(o->name) > name_width) name_width = (int)strlen(o->name);
        if ((int)cell[i].def.len > def_width) def_width = (int)cell[i].def.len;
        if ((int)cell[i].allowed.len > allowed_width) allowed_width = (int)cell[i].allowed.len;
    }
    if (allowed_width > 32) allowed_width = 32;
    int indent = 4 + name_width + 2 + def_width + 2 + allowed_width + 2;
    bool narrow = indent > width - 24; /* no room for a column of meanings */
    if (n)
        printf("    %-*s  %-*s  %-*s%s\n", name_width, "option", def_width, "default",
               allowed_width, "allowed", narrow ? "" : "  meaning");
    for (int i = 0; cell && i < def->n_options; i++) {
        if (!shown(def, &def->option[i])) continue;
        int used =
            printf("    %-*s  %-*s  %-*s  ", name_width, def->option[i].name, def_width,
                   syn_text_str(&cell[i].def), allowed_width, syn_text_str(&cell[i].allowed));
        if (narrow) used = printf("\n%8s", "") - 1;
        cli_wrap(def->option[i].doc, used, narrow ? 8 : indent, width);
        syn_text_free(&cell[i].def);
        syn_text_free(&cell[i].allowed);
    }
    if (differ) printf("    A / B: under the presets keras / torch\n");
    free(cell);
}

void cli_print_topic(const cli_topic *t, int width) {
    cli_map_def room;
    int name_width = 0;
    printf("%s\n\n", t->intro);
    for (int i = 0; i < t->count(); i++) {
        int n = (int)strlen(t->at(i, &room)->name);
        if (n > name_width) name_width = n;
    }
    for (int i = 0; i < t->count(); i++) {
        const syn_def *def = t->at(i, &room);
        printf("  %-*s  ", name_width, def->name);
        cli_wrap(def->doc, name_width + 4, name_width + 4, width);
    }
}

/* ---- as Markdown ---- */

static void put_escaped(const char *s) {
    for (; *s; s++) {
        if (strchr("|*_<>", *s)) putchar('\\');
        putchar(*s);
    }
}

static void markdown_row(const syn_def *def) {
    const syn_map_row *map = row_of(def);
    printf("### %s\n\n", def->name);
    put_escaped(def->doc);
    printf("\n\n");
    if (map) printf("`y = %s`, `dy/dx = %s`\n\n", map->forward, map->derivative);
    bool any = false;
    for (int i = 0; i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        if (!shown(def, o)) continue;
        if (!any) printf("| option | default | allowed | meaning |\n|---|---|---|---|\n");
        any = true;
        syn_text d = { 0 }, a = { 0 };
        defaults_text(&d, o);
        allowed_text(&a, o);
        printf("| `%s` | %s | %s | ", o->name, syn_text_str(&d), syn_text_str(&a));
        put_escaped(o->doc);
        printf(" |\n");
        syn_text_free(&d);
        syn_text_free(&a);
    }
    if (any) printf("\n");
}

void cli_print_markdown(void) {
    cli_map_def room;
    printf(
        "# Reference\n\n"
        "Printed from the tables by `syncline help --markdown`; `syncline help TOPIC` shows the "
        "same on\nthe terminal. Where a default is written A / B, A is that of the preset "
        "`keras` (the default), B\nthat of `torch`; `-` means none, or what the meaning says.\n\n"
        "```yaml\n%s```\n\n",
        cli_sample);
    for (int i = 0; cli_notes[i][0]; i++)
        printf("- **%s**: %s\n", cli_notes[i][0], cli_notes[i][1]);
    printf("\n");
    for (int i = 0; i < cli_topic_count(); i++) {
        const cli_topic *t = cli_topic_at(i);
        printf("## %c%s\n\n%s\n\n", t->name[0] - 'a' + 'A', t->name + 1, t->intro);
        for (int k = 0; k < t->count(); k++) markdown_row(t->at(k, &room));
    }
}
