#include "cli/yaml.h"

#include "base/options_json.h"

#include <libfyaml.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define MAX_DEPTH 32

typedef struct reader {
    cli_yaml *y;
    const char *source;
    bool located;
    struct fy_parser *parser;
    struct fy_event *event; /* the one at hand */
} reader;

static syn_status advance(reader *r) {
    if (r->event) fy_parser_event_free(r->parser, r->event);
    r->event = fy_parser_parse(r->parser);
    if (r->event) return SYN_OK;
    struct fy_diag *diag = fy_parser_get_diag(r->parser);
    void *prev = NULL;
    struct fy_diag_error *e = diag ? fy_diag_errors_iterate(diag, &prev) : NULL;
    const char *text = e ? e->msg : "not a YAML document";
    /* the usual cause, which is said to stand where the next key begins */
    const char *hint = strstr(text, "comma in flow") ? " (or a } or ] is missing before)" : "";
    if (e && r->located)
        syn_fail(SYN_E_FORMAT, "%s:%d:%d: %s%s", r->source, e->line, e->column, text, hint);
    else
        syn_fail(SYN_E_FORMAT, "%s: %s%s", r->source, text, hint);
    if (diag) fy_diag_unref(diag);
    return SYN_E_FORMAT;
}

static const struct fy_mark *mark(const reader *r) {
    struct fy_token *t = NULL;
    switch (r->event->type) {
    case FYET_SCALAR: t = r->event->scalar.value; break;
    case FYET_MAPPING_START: t = r->event->mapping_start.mapping_start; break;
    case FYET_SEQUENCE_START: t = r->event->sequence_start.sequence_start; break;
    case FYET_ALIAS: t = r->event->alias.anchor; break;
    default: break;
    }
    return t ? fy_token_start_mark(t) : NULL;
}

static void here(const reader *r, int *line, int *column) {
    const struct fy_mark *m = mark(r);
    *line = m ? m->line + 1 : 0;
    *column = m ? m->column + 1 : 0;
}

static syn_status fail_here(const reader *r, const char *what) {
    int line, column;
    here(r, &line, &column);
    if (!r->located || line == 0) return syn_fail(SYN_E_FORMAT, "%s: %s", r->source, what);
    return syn_fail(SYN_E_FORMAT, "%s:%d:%d: %s", r->source, line, column, what);
}

/* Jansson's true, false and null are one object each; errors need one for every place. A reference
 * count of -1 is how Jansson marks what it must not free. */
static json_t *constant(cli_yaml *y, json_type type) {
    if (!syn_grow(&y->constant, &y->cap_constants, y->n_constants + 1, sizeof(json_t *)))
        return NULL;
    json_t *v = malloc(sizeof *v);
    if (!v) return NULL;
    *v = (json_t){ .type = type, .refcount = (size_t)-1 };
    y->constant[y->n_constants++] = v;
    return v;
}

static bool one_of(const char *s, const char *const *names) {
    for (; *names; names++)
        if (!strcasecmp(s, *names)) return true;
    return false;
}

static const char *const yes[] = { "true", "yes", "on", NULL };
static const char *const no[] = { "false", "no", "off", NULL };
static const char *const null[] = { "", "~", "null", NULL };

/* The numbers of YAML's core schema, decimal only. */
static bool looks_numeric(const char *s) {
    if (*s == '-' || *s == '+') s++;
    size_t whole = strspn(s, "0123456789"), part = 0;
    s += whole;
    if (*s == '.') {
        part = strspn(s + 1, "0123456789");
        s += 1 + part;
    }
    if (whole + part == 0) return false;
    if (*s == 'e' || *s == 'E') {
        s++;
        if (*s == '-' || *s == '+') s++;
        size_t digits = strspn(s, "0123456789");
        if (!digits) return false;
        s += digits;
    }
    return *s == 0;
}

static json_t *plain(cli_yaml *y, const char *s) {
    if (one_of(s, null)) return constant(y, JSON_NULL);
    if (one_of(s, yes)) return constant(y, JSON_TRUE);
    if (one_of(s, no)) return constant(y, JSON_FALSE);
    if (looks_numeric(s)) {
        double d = strtod(s, NULL);
        if (!strpbrk(s, ".eE") && fabs(d) < 9e15) return json_integer(strtoll(s, NULL, 10));
        if (isfinite(d)) return json_real(d);
    }
    return json_string(s);
}

/* Text as it stands is UTF-8, which was checked; escapes in quotes may make something else. */
static syn_status scalar(reader *r, json_t **v) {
    struct fy_token *t = r->event->scalar.value;
    const char *s = t ? fy_token_get_text0(t) : "";
    bool quoted = t && fy_token_scalar_style(t) != FYSS_PLAIN;
    *v = !s ? NULL : quoted ? json_string(s) : plain(r->y, s);
    if (*v) return SYN_OK;
    return s && quoted ? fail_here(r, "a value is not valid UTF-8") : syn_no_memory(64);
}

static syn_status read_value(reader *r, json_t **out, cli_place place, int depth);

/* At hand: the key. */
static syn_status read_pair(reader *r, json_t *map, int depth) {
    if (r->event->type != FYET_SCALAR) return fail_here(r, "a key must be a plain name");
    struct fy_token *t = r->event->scalar.value;
    const char *text = t ? fy_token_get_text0(t) : NULL;
    if (!text || !*text) return fail_here(r, "a key must be a plain name");
    char *key = syn_strdup(text);
    if (!key) return syn_no_memory(strlen(text));
    cli_place place = { 0 };
    here(r, &place.key_line, &place.key_column);
    syn_status status;
    if (json_object_get(map, key)) {
        char *what = syn_format("'%s' is given twice", key);
        status = fail_here(r, what ? what : "a key is given twice");
        free(what);
    } else {
        json_t *v = NULL;
        status = advance(r);
        if (status == SYN_OK) status = read_value(r, &v, place, depth);
        if (status == SYN_OK && json_object_set_new(map, key, v) != 0)
            status = fail_here(r, "a key is not valid UTF-8");
    }
    free(key);
    return status;
}

static syn_status read_items(reader *r, json_t *into, int depth) {
    bool map = json_is_object(into);
    for (;;) {
        SYN_TRY(advance(r));
        if (r->event->type == (map ? FYET_MAPPING_END : FYET_SEQUENCE_END)) return SYN_OK;
        if (map) {
            SYN_TRY(read_pair(r, into, depth));
        } else {
            json_t *v = NULL;
            SYN_TRY(read_value(r, &v, (cli_place){ 0 }, depth));
            json_array_append_new(into, v);
        }
    }
}

static syn_status read_value(reader *r, json_t **out, cli_place place, int depth) {
    *out = NULL;
    if (depth > MAX_DEPTH) return fail_here(r, "nested too deeply");
    here(r, &place.line, &place.column);
    if (place.line == 0) { /* an empty value has no token */
        place.line = place.key_line;
        place.column = place.key_column;
    }
    if (!r->located) place.line = 0;
    if (place.key_line == 0 && place.key_column == 0) {
        place.key_line = place.line;
        place.key_column = place.column;
    }
    json_t *v = NULL;
    switch (r->event->type) {
    case FYET_SCALAR: SYN_TRY(scalar(r, &v)); break;
    case FYET_MAPPING_START: v = json_object(); break;
    case FYET_SEQUENCE_START: v = json_array(); break;
    case FYET_ALIAS: return fail_here(r, "aliases are not supported; write the value again");
    default: return fail_here(r, "a value is missing");
    }
    if (!v) return syn_no_memory(64);
    cli_yaml *y = r->y;
    if (!syn_grow(&y->place, &y->cap, y->n + 1, sizeof *y->place)) {
        json_decref(v);
        return syn_no_memory(sizeof *y->place * (size_t)y->n);
    }
    place.value = v;
    place.source = r->source;
    y->place[y->n++] = place;
    syn_status status = SYN_OK;
    if (json_is_object(v) || json_is_array(v)) status = read_items(r, v, depth + 1);
    if (status != SYN_OK)
        json_decref(v);
    else
        *out = v;
    return status;
}

static syn_status read_document(reader *r, json_t **root) {
    SYN_TRY(advance(r)); /* stream start */
    SYN_TRY(advance(r));
    if (r->event->type == FYET_STREAM_END) {
        *root = json_object();
        return SYN_OK;
    }
    SYN_TRY(advance(r)); /* document start */
    SYN_TRY(read_value(r, root, (cli_place){ 0 }, 0));
    syn_status status = advance(r); /* document end */
    if (status == SYN_OK) status = advance(r);
    if (status == SYN_OK && r->event->type != FYET_STREAM_END)
        status = syn_fail(SYN_E_FORMAT, "%s: more than one document (---)", r->source);
    if (status != SYN_OK) {
        json_decref(*root);
        *root = NULL;
    }
    return status;
}

/* Internal notes of libfyaml that are not collected. */
static void discard(struct fy_diag *diag, void *user, const char *buf, size_t len) {
    (void)diag, (void)user, (void)buf, (void)len;
}

syn_status cli_yaml_read(cli_yaml *y, json_t **root, const char *text, size_t len,
                         const char *source, bool located) {
    *root = NULL;
    json_t *utf8 = memchr(text, 0, len) ? NULL : json_stringn(text, len);
    if (!utf8) return syn_fail(SYN_E_FORMAT, "%s: not a text file in UTF-8", source);
    json_decref(utf8);
    struct fy_diag_cfg diag_cfg;
    fy_diag_cfg_default(&diag_cfg);
    diag_cfg.output_fn = discard;
    struct fy_diag *diag = fy_diag_create(&diag_cfg);
    if (!diag) return syn_no_memory(1024);
    fy_diag_set_collect_errors(diag, true);
    struct fy_parse_cfg cfg = { .flags = FYPCF_COLLECT_DIAG | FYPCF_QUIET, .diag = diag };
    reader r = {
        .y = y, .source = syn_intern(source), .located = located, .parser = fy_parser_create(&cfg)
    };
    syn_status status;
    if (!r.parser || fy_parser_set_string(r.parser, text, len) != 0)
        status = syn_no_memory(len);
    else
        status = read_document(&r, root);
    if (r.event) fy_parser_event_free(r.parser, r.event);
    if (r.parser) fy_parser_destroy(r.parser);
    fy_diag_destroy(diag);
    return status;
}

void cli_yaml_free(cli_yaml *y) {
    json_decref(y->kept); /* before the constants, which it may hold */
    for (int i = 0; i < y->n_constants; i++) free(y->constant[i]);
    free(y->constant);
    free(y->place);
    *y = (cli_yaml){ 0 };
}

void cli_yaml_keep(cli_yaml *y, json_t *value) {
    if (!y->kept) y->kept = json_array();
    json_array_append(y->kept, value);
}

static const cli_place *find(const cli_yaml *y, const json_t *value) {
    for (int i = 0; i < y->n; i++)
        if (y->place[i].value == value) return &y->place[i];
    return NULL;
}

void cli_yaml_same_place(cli_yaml *y, const json_t *value, const json_t *as) {
    const cli_place *p = find(y, as);
    if (!p) return;
    cli_place copy = *p;
    copy.value = value;
    if (syn_grow(&y->place, &y->cap, y->n + 1, sizeof *y->place)) y->place[y->n++] = copy;
}

void cli_yaml_locate(const json_t *value, void *user, char *buf, size_t size) {
    const cli_place *p = find(user, value);
    if (!p) return;
    bool key = syn_locating_key();
    if (p->line == 0)
        snprintf(buf, size, "%s: ", p->source);
    else
        snprintf(buf, size, "%s:%d:%d: ", p->source, key ? p->key_line : p->line,
                 key ? p->key_column : p->column);
}
