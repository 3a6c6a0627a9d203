/* Tables of choices as JSON: of the user's cache folder, and of a run. */
#include "device/tuning_table.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum { FORM = 1 }; /* of the file */

static const char *type_name(syn_dtype t) { return t == SYN_DOUBLE ? "double" : "float"; }

static bool read_type(const char *name, syn_dtype *t) {
    *t = strcmp(name, "double") == 0 ? SYN_DOUBLE : SYN_FLOAT;
    return strcmp(name, type_name(*t)) == 0;
}

/* ---- out ---- */

static void add_row(json_t *rows, const syn_tuned *t) {
    const syn_gemm_variant *v = &t->variant;
    json_array_append_new(
        rows, json_pack("{s:i, s:i, s:i, s:b, s:b, s:s, s:s, s:i, s:i, s:b, s:b, s:i}", "m", t->m,
                        "n", t->n, "k", t->k, "ta", t->ta, "tb", t->tb, "type", type_name(t->dtype),
                        "provider", t->provider, "rows", v->rows, "vectors", v->vectors, "packed",
                        v->packed, "swap", v->swap, "chunk", v->chunk));
}

static void add_set(json_t *sets, syn_dtype dtype, const syn_clblast_set *s) {
    json_t *row = json_pack("{s:s, s:s, s:b}", "type", type_name(dtype), "name", s->name,
                            "installed", s->installed);
    for (int i = 0; !s->installed && i < SYN_CLBLAST_PARAMS; i++) {
        const char *kernel, *name = syn_clblast_param(i, &kernel);
        json_t *of = json_object_get(row, kernel);
        if (!of) {
            of = json_object();
            json_object_set_new(row, kernel, of);
        }
        json_object_set_new(of, name, json_integer(s->value[i]));
    }
    json_array_append_new(sets, row);
}

char *syn_tuning_json(const syn_ctx *ctx, bool used) {
    json_t *rows = json_array(), *sets = json_array();
    syn_tuning *t = ctx->tuning;
    bool library[2] = { false, false };
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->set.n; i++) add_row(rows, &t->set.row[i]);
    for (int i = 0; used && i < t->used.n; i++) {
        const syn_tuned *u = &t->used.row[i];
        if (strcmp(u->provider, "clblast") == 0) library[u->dtype == SYN_DOUBLE] = true;
        if (!syn_choices_like(&t->set, u)) add_row(rows, u);
    }
    pthread_mutex_unlock(&t->lock);
    for (int d = 0; d < 2; d++) {
        syn_clblast_set s;
        if (syn_tuning_clblast(ctx, d ? SYN_DOUBLE : SYN_FLOAT, &s) || library[d])
            add_set(sets, d ? SYN_DOUBLE : SYN_FLOAT, &s);
    }
    json_t *root = json_pack("{s:i, s:s, s:s, s:o, s:o}", "form", FORM, "version", SYN_VERSION,
                             "device", ctx->key, "clblast", sets, "gemm", rows);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    return text;
}

/* ---- in ---- */

static const char *provider_named(const char *name) {
    for (int i = 0; i < syn_gemm_providers(); i++)
        if (strcmp(syn_gemm_provider(i), name) == 0) return syn_gemm_provider(i);
    return NULL;
}

static bool read_row(json_t *row, syn_tuned *t) {
    int ta, tb, packed, swap;
    const char *type, *provider;
    syn_gemm_variant *v = &t->variant;
    if (json_unpack(row, "{s:i, s:i, s:i, s:b, s:b, s:s, s:s, s:i, s:i, s:b, s:b, s:i}", "m", &t->m,
                    "n", &t->n, "k", &t->k, "ta", &ta, "tb", &tb, "type", &type, "provider",
                    &provider, "rows", &v->rows, "vectors", &v->vectors, "packed", &packed, "swap",
                    &swap, "chunk", &v->chunk))
        return false;
    t->ta = ta;
    t->tb = tb;
    v->packed = packed;
    v->swap = swap;
    t->provider = provider_named(provider);
    return read_type(type, &t->dtype) && t->provider && t->m > 0 && t->n > 0 && t->k > 0 &&
           v->rows >= 0 && v->vectors >= 0 && v->chunk >= 0;
}

static bool read_set(const syn_ctx *ctx, json_t *row, syn_dtype *dtype, syn_clblast_set *s) {
    const char *type, *name;
    int installed;
    if (json_unpack(row, "{s:s, s:s, s:b}", "type", &type, "name", &name, "installed",
                    &installed) ||
        !read_type(type, dtype))
        return false;
    *s = (syn_clblast_set){ .installed = installed };
    snprintf(s->name, sizeof s->name, "%s", name);
    for (int i = 0; !installed && i < SYN_CLBLAST_PARAMS; i++) {
        const char *kernel, *param = syn_clblast_param(i, &kernel);
        const json_t *v = json_object_get(json_object_get(row, kernel), param);
        if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > INT16_MAX)
            return false;
        s->value[i] = (short)json_integer_value(v);
    }
    return !syn_clblast_fault(s, *dtype, &ctx->profile);
}

/* bad NULL: a row that is none is an error; else they are counted and left out. */
static syn_status read_rows(const syn_ctx *ctx, json_t *root, syn_choices *to, int *bad) {
    int form = 0;
    const char *version = "", *device = "";
    json_t *rows = NULL, *sets = NULL, *row;
    size_t i;
    bool lost[2] = { false, false };
    if (!root ||
        json_unpack(root, "{s:i, s:s, s:s, s?o, s:o}", "form", &form, "version", &version, "device",
                    &device, "clblast", &sets, "gemm", &rows) ||
        !json_is_array(rows))
        return syn_fail(SYN_E_FORMAT, "it is no table of GEMM choices");
    if (form != FORM || strcmp(version, SYN_VERSION) != 0)
        return syn_fail(SYN_E_FORMAT, "it is of version %s, this is %s", version, SYN_VERSION);
    if (strcmp(device, ctx->key) != 0)
        return syn_fail(SYN_E_FORMAT, "it is of another device: %s", device);
    json_array_foreach(rows, i, row) {
        syn_tuned t = { 0 };
        if (!read_row(row, &t)) {
            if (!bad) return syn_fail(SYN_E_FORMAT, "its row %zu is no choice", i + 1);
            ++*bad;
        } else if (!syn_choices_keep(to, &t)) {
            return syn_no_memory(sizeof t);
        }
    }
    json_array_foreach(sets, i, row) {
        syn_dtype dtype = SYN_FLOAT;
        syn_clblast_set s;
        const bool good = read_set(ctx, row, &dtype, &s);
        const int d = dtype == SYN_DOUBLE;
        if (!good && !bad)
            return syn_fail(SYN_E_FORMAT, "its CLBlast parameters %zu are none", i + 1);
        if (!good) ++*bad;
        lost[d] |= !good;
        if (!good) continue;
        to->clblast[d] = s;
        to->has_clblast[d] = true;
    }
    /* What was measured with parameters that are lost says nothing. */
    for (int d = 0; d < 2; d++)
        if (lost[d] && !to->has_clblast[d])
            *bad += syn_choices_drop_clblast(to, d ? SYN_DOUBLE : SYN_FLOAT);
    return SYN_OK;
}

static void take(syn_ctx *ctx, const syn_choices *read) {
    pthread_mutex_lock(&ctx->tuning->lock);
    free(ctx->tuning->set.row);
    ctx->tuning->set = *read;
    pthread_mutex_unlock(&ctx->tuning->lock);
}

syn_status syn_tuning_read(syn_ctx *ctx, const char *json) {
    syn_choices read = { .from = "the run's table" };
    json_t *root = json_loads(json, 0, NULL);
    syn_status status = read_rows(ctx, root, &read, NULL);
    json_decref(root);
    if (status == SYN_OK)
        take(ctx, &read);
    else
        free(read.row);
    return status;
}

/* The user's own table, if there is one; shipped rows go on counting where it has none. A bad one,
 * or a bad row, costs a word. */
void syn_tuning_load(syn_ctx *ctx) {
    char *path = syn_tuning_path(ctx);
    json_error_t error;
    json_t *root = path ? json_load_file(path, 0, &error) : NULL;
    if (root || (path && json_error_code(&error) != json_error_cannot_open_file)) {
        syn_choices read = { .from = "user's table" };
        int bad = 0;
        if (read_rows(ctx, root, &read, &bad) == SYN_OK) {
            take(ctx, &read);
            if (bad)
                syn_ctx_log(ctx, SYN_LOG_WARN,
                            "%d row%s of the tuning table %s %s ignored: no choices here; syncline "
                            "tune makes new ones",
                            bad, bad == 1 ? "" : "s", path, bad == 1 ? "is" : "are");
        } else {
            syn_ctx_log(ctx, SYN_LOG_WARN,
                        "the tuning table %s is ignored: %s; syncline tune makes a new one", path,
                        syn_error_text());
            free(read.row);
        }
    }
    json_decref(root);
    free(path);
}
