/* A JSON tree as YAML text, laid out for reading. */
#include "cli/yaml.h"

#include "base/options_json.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WIDTH 96

/* Whether a text may stand bare: a name, path or word that cannot be taken for anything else. */
static bool bare(const char *s) {
    static const char *const taken[] = {
        "true", "false", "yes", "no", "on", "off", "null", "y", "n"
    };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/";
    static const char more[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_/0123456789.-+";
    if (!*s || !strchr(letters, *s) || s[strspn(s, more)]) return false;
    for (size_t i = 0; i < SYN_COUNT(taken); i++)
        if (!strcasecmp(s, taken[i])) return false;
    return true;
}

static void put_text(syn_text *t, const char *s) {
    if (bare(s)) {
        syn_text_put(t, s, strlen(s));
        return;
    }
    json_t *v = json_string(s); /* a JSON string is a YAML string */
    char *quoted = v ? json_dumps(v, JSON_ENCODE_ANY) : NULL;
    if (quoted)
        syn_text_put(t, quoted, strlen(quoted));
    else
        t->failed = true;
    free(quoted);
    json_decref(v);
}

static void put_scalar(syn_text *t, const json_t *v) {
    char number[SYN_NUMBER_SIZE];
    if (json_is_string(v))
        put_text(t, json_string_value(v));
    else if (json_is_integer(v))
        syn_text_add(t, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    else if (json_is_real(v))
        syn_text_add(t, "%s", syn_number_text(number, json_real_value(v)));
    else
        syn_text_add(t, "%s", json_is_true(v) ? "yes" : json_is_false(v) ? "no" : "null");
}

static void put_inline(syn_text *t, const json_t *v) {
    if (json_is_array(v)) {
        syn_text_add(t, "[");
        for (size_t i = 0; i < json_array_size(v); i++) {
            if (i) syn_text_add(t, ", ");
            put_inline(t, json_array_get(v, i));
        }
        syn_text_add(t, "]");
    } else if (json_is_object(v)) {
        const char *key;
        json_t *item;
        bool first = true;
        syn_text_add(t, json_object_size(v) ? "{ " : "{");
        json_object_foreach((json_t *)(uintptr_t)v, key, item) {
            if (!first) syn_text_add(t, ", ");
            first = false;
            put_text(t, key);
            syn_text_add(t, ": ");
            put_inline(t, item);
        }
        syn_text_add(t, json_object_size(v) ? " }" : "}");
    } else {
        put_scalar(t, v);
    }
}

static bool container(const json_t *v) {
    return (json_is_array(v) && json_array_size(v)) || (json_is_object(v) && json_object_size(v));
}

/* On one line when it is told to or fits behind `used` columns; false: nothing was written. */
static bool put_short(syn_text *t, const json_t *v, int used, bool block) {
    syn_text line = { 0 };
    if (block && container(v)) return false;
    put_inline(&line, v);
    bool fits = !container(v) || (int)line.len + used <= WIDTH;
    if (fits) syn_text_put(t, syn_text_str(&line), line.len);
    if (line.failed) t->failed = true;
    syn_text_free(&line);
    return fits;
}

static void put_block(syn_text *t, const json_t *v, int indent, const char *const *block);

/* v behind what stands on the line already: one line, or a block below it. */
static void put_value(syn_text *t, const json_t *v, int indent, int used, bool block) {
    size_t before = t->len;
    syn_text_add(t, " ");
    if (!put_short(t, v, used + 1, block)) {
        t->len = before;
        syn_text_add(t, "\n");
        put_block(t, v, indent + 2, NULL);
    } else {
        syn_text_add(t, "\n");
    }
}

static bool listed(const char *const *names, const char *name) {
    for (; names && *names; names++)
        if (!strcmp(*names, name)) return true;
    return false;
}

static void put_key(syn_text *t, const char *key, const json_t *v, int indent, bool block) {
    size_t start = t->len;
    put_text(t, key);
    syn_text_add(t, ":");
    put_value(t, v, indent, indent + (int)(t->len - start), block);
}

static void put_block(syn_text *t, const json_t *v, int indent, const char *const *block) {
    for (size_t i = 0; i < json_array_size(v); i++) {
        const json_t *item = json_array_get(v, i);
        syn_text_add(t, "%*s-", indent, "");
        if (json_is_object(item) && json_object_size(item) == 1) { /* - dense: { ... } */
            void *it = json_object_iter((json_t *)(uintptr_t)item);
            syn_text_add(t, " ");
            put_key(t, json_object_iter_key(it), json_object_iter_value(it), indent + 2, false);
        } else {
            put_value(t, item, indent, indent + 1, false);
        }
    }
    const char *key;
    json_t *item;
    json_object_foreach((json_t *)(uintptr_t)v, key, item) {
        syn_text_add(t, "%*s", indent, "");
        put_key(t, key, item, indent, listed(block, key));
    }
}

char *cli_yaml_write(const json_t *root, const char *const *block) {
    syn_text t = { 0 };
    put_block(&t, root, 0, block);
    if (t.failed) {
        syn_text_free(&t);
        return NULL;
    }
    return t.s ? t.s : syn_strdup("{}\n");
}
