/* Layers in one form, and --set. */
#include "cli/experiment.h"

#include "base/options_json.h"
#include "layer/layer.h"
#include "op/map.h"

#include <stdlib.h>
#include <string.h>

static const syn_def *layer_def(const char *kind) {
    const syn_table *all = syn_layers();
    for (int i = 0; i < all->n; i++)
        if (!strcmp(all->row[i]->name, kind)) return all->row[i];
    return NULL;
}

/* The option a lone value stands for: `dense: 10`, `dropout: 0.2`, `leaky_relu: 0.1`. */
static const char *main_option(const char *kind) {
    const syn_def *def = layer_def(kind);
    for (int i = 0; def && i < def->n_options; i++)
        if (strcmp(def->option[i].name, "name")) return def->option[i].name;
    for (int i = 0; !def && i < syn_map_count(); i++)
        if (!strcmp(syn_map_at(i)->name, kind)) return syn_map_at(i)->attr[0].name;
    return NULL;
}

static json_t *normal_options(cli_experiment *e, const char *kind, json_t *options) {
    if (json_is_object(options)) return json_incref(options);
    json_t *map = json_object();
    cli_yaml_same_place(&e->yaml, map, options);
    if (json_is_null(options) || json_is_true(options)) return map;
    const char *key = main_option(kind);
    if (key) {
        json_object_set(map, key, options);
        return map;
    }
    json_decref(map); /* an unknown layer, or one without options: an error later */
    return json_incref(options);
}

syn_status cli_normalise_model(cli_experiment *e) {
    json_t *model = json_object_get(e->root, "model");
    for (size_t i = 0; i < json_array_size(model); i++) {
        json_t *item = json_array_get(model, i), *options = NULL;
        const char *kind = json_string_value(item);
        json_t *normal = NULL;
        if (kind) {
            options = json_object();
            cli_yaml_same_place(&e->yaml, options, item);
        } else if (cli_item(item, &kind, &options)) {
            options = normal_options(e, kind, options);
        } else {
            continue; /* an error later */
        }
        normal = json_object();
        cli_yaml_same_place(&e->yaml, normal, item);
        json_object_set_new(normal, kind, options);
        cli_yaml_keep(&e->yaml, item);
        if (json_array_set_new(model, i, normal) != 0) return syn_no_memory(64);
    }
    return SYN_OK;
}

/* ---- --set ---- */

const char *cli_item_name(const json_t *model, size_t index, char *buf, size_t size) {
    const char *kind, *other;
    json_t *options;
    if (!cli_item(json_array_get(model, index), &kind, &options)) return NULL;
    const char *given = json_string_value(json_object_get(options, "name"));
    if (given) return given;
    int number = 0;
    for (size_t i = 0; i <= index; i++)
        if (cli_item(json_array_get(model, i), &other, &options)) number += !strcmp(kind, other);
    snprintf(buf, size, "%s_%d", kind, number);
    return buf;
}

/* Item of a list by number (from 0) or layer name; -1 and an error text when there is none. */
static int find_item(const json_t *list, const char *key, const char *path) {
    char *end, buf[128];
    size_t n = json_array_size(list);
    long number = strtol(key, &end, 10);
    if (*key && !*end) {
        if (number >= 0 && (size_t)number < n) return (int)number;
        syn_fail(SYN_E_ARGUMENT, "--set %s: there is no item %s; they count from 0 to %d", path,
                 key, (int)n - 1);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = cli_item_name(list, i, buf, sizeof buf);
        if (name && !strcmp(name, key)) return (int)i;
    }
    syn_text names = { 0 };
    if (strncmp(path, "model.", 6)) {
        syn_fail(SYN_E_ARGUMENT, "--set %s: '%s' stands in a list, whose items count from 0 to %d", path, key,
                 (int)n - 1);
        return -1;
    }
    for (size_t i = 0; i < n; i++) {
        const char *name = cli_item_name(list, i, buf, sizeof buf);
        if (name) syn_text_add(&names, "%s%s", names.len ? ", " : "", name);
    }
    syn_fail(SYN_E_ARGUMENT, "--set %s: no layer '%s'; there are: %s", path, key,
             syn_text_str(&names));
    syn_text_free(&names);
    return -1;
}

/* The map under `key` of map `at`, made when it is missing; a name becomes { name: {} }. */
static json_t *enter_map(cli_experiment *e, json_t *at, const char *key, const json_t *value) {
    json_t *child = json_object_get(at, key);
    if (json_is_object(child) || json_is_array(child)) return child;
    json_t *map = json_object();
    cli_yaml_same_place(&e->yaml, map, value);
    if (child) cli_yaml_keep(&e->yaml, child);
    json_object_set_new(at, key, map);
    return map;
}

/* One step of the path, at `key` with more to come. */
static json_t *enter(cli_experiment *e, json_t *at, const char *key, const char *next,
                     const char *path, const json_t *value) {
    if (json_is_object(at)) return enter_map(e, at, key, value);
    int i = find_item(at, key, path);
    if (i < 0) return NULL;
    json_t *item = json_array_get(at, (size_t)i), *options;
    const char *kind;
    if (cli_item(item, &kind, &options) && json_is_object(options) && strcmp(kind, next))
        return options; /* model.dense_1.units */
    return item;
}

static syn_status put(cli_experiment *e, json_t *at, const char *key, const char *path,
                      json_t *value) {
    const char *kind;
    json_t *options;
    if (json_is_object(at)) {
        json_t *old = json_object_get(at, key);
        if (old) cli_yaml_keep(&e->yaml, old);
        if (json_is_null(value))
            json_object_del(at, key);
        else
            json_object_set(at, key, value);
        return SYN_OK;
    }
    int i = find_item(at, key, path);
    if (i < 0) return SYN_E_ARGUMENT;
    json_t *item = json_array_get(at, (size_t)i);
    cli_yaml_keep(&e->yaml, item);
    if (cli_item(item, &kind, &options) && !(key[0] >= '0' && key[0] <= '9')) {
        json_t *replaced = json_object(); /* model.dropout_1=0.5 */
        cli_yaml_same_place(&e->yaml, replaced, value);
        json_object_set(replaced, kind, value);
        json_array_set_new(at, (size_t)i, replaced);
    } else {
        json_array_set(at, (size_t)i, value);
    }
    return SYN_OK;
}

static syn_status override_at(cli_experiment *e, char *path, const char *shown, json_t *value) {
    json_t *at = e->root;
    char *key = path;
    for (char *dot; (dot = strchr(key, '.')) != NULL; key = dot + 1) {
        *dot = 0;
        size_t rest = strcspn(dot + 1, ".");
        char *next = syn_format("%.*s", (int)rest, dot + 1);
        if (!next) return syn_no_memory(rest);
        at = enter(e, at, key, next, shown, value);
        free(next);
        if (!at) return SYN_E_ARGUMENT;
    }
    return put(e, at, key, shown, value);
}

syn_status cli_override(cli_experiment *e, const char *assignment) {
    const char *eq = strchr(assignment, '=');
    if (!eq || eq == assignment)
        return syn_fail(SYN_E_ARGUMENT, "--set %s: expected KEY=VALUE, as train.epochs=3",
                        assignment);
    char *path = syn_format("%.*s", (int)(eq - assignment), assignment);
    char *shown = syn_strdup(path), *source = syn_format("--set %s", path);
    json_t *value = NULL;
    syn_status status = path && shown && source ? SYN_OK : syn_no_memory(strlen(assignment));
    if (status == SYN_OK)
        status = cli_yaml_read(&e->yaml, &value, eq + 1, strlen(eq + 1), source, false);
    /* an empty text is an empty map to the reader */
    if (status == SYN_OK && strspn(eq + 1, " ") == strlen(eq + 1)) {
        cli_yaml_keep(&e->yaml, value);
        json_decref(value);
        value = json_null();
    }
    if (status == SYN_OK) status = override_at(e, path, shown, value);
    json_decref(value);
    free(path);
    free(shown);
    free(source);
    return status;
}
