#include "device/tuning.h"

#include "device/private.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Shipped rows: of CPU profiles of PoCL, by vector width in floats. */
static const struct {
    int vec;
    syn_tuned choice;
} shipped[] = {
#define TUNED(vec, m, n, k, ta, tb, rows, vectors, packed, swap, chunk)                            \
    { vec, { m, n, k, ta, tb, SYN_FLOAT, "cpu", { rows, vectors, packed, swap, chunk } } },
#include "device/tuned.inc"
#undef TUNED
    { 0, { 0 } }
};

typedef struct choices {
    syn_tuned *row;
    int n, cap;
} choices;

struct syn_tuning {
    choices set, used;
    pthread_mutex_t lock;
};

syn_status syn_tuning_open(syn_ctx *ctx) {
    ctx->tuning = calloc(1, sizeof *ctx->tuning);
    if (!ctx->tuning) return syn_no_memory(sizeof *ctx->tuning);
    pthread_mutex_init(&ctx->tuning->lock, NULL);
    return SYN_OK;
}

void syn_tuning_close(syn_ctx *ctx) {
    if (!ctx->tuning) return;
    pthread_mutex_destroy(&ctx->tuning->lock);
    free(ctx->tuning->set.row);
    free(ctx->tuning->used.row);
    free(ctx->tuning);
}

/* Folders are made on the way. */
char *syn_ctx_cache_file(const syn_ctx *ctx, const char *what) {
    const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    if (!(cache && *cache) && !(home && *home)) return NULL;
    char *folder = cache && *cache ? syn_strdup(cache) : syn_format("%s/.cache", home);
    if (!folder) return NULL;
    mkdir(folder, 0755);
    char *own = syn_format("%s/syncline", folder);
    free(folder);
    if (!own) return NULL;
    mkdir(own, 0755);
    uint64_t h = 14695981039346656037u; /* FNV-1a of version and device */
    char *key = syn_format("%s|%s", SYN_VERSION, syn_ctx_key(ctx));
    for (const char *c = key; c && *c; c++) h = (h ^ (unsigned char)*c) * 1099511628211u;
    char *path = syn_format("%s/%s-%016llx", own, what, (unsigned long long)h);
    free(key);
    free(own);
    return path;
}

char *syn_tuning_path(const syn_ctx *ctx) { return syn_ctx_cache_file(ctx, "gemm"); }

static bool is_for(const syn_tuned *t, const syn_gemm *g) {
    return t->m == g->m && t->n == g->n && t->k == g->k && t->ta == g->ta && t->tb == g->tb &&
           t->dtype == g->dtype;
}

static syn_tuned *find(const choices *c, const syn_gemm *g) {
    for (int i = 0; i < c->n; i++)
        if (is_for(&c->row[i], g)) return &c->row[i];
    return NULL;
}

static bool keep(choices *c, const syn_tuned *t) {
    const syn_gemm g = {
        .m = t->m, .n = t->n, .k = t->k, .ta = t->ta, .tb = t->tb, .dtype = t->dtype
    };
    syn_tuned *there = find(c, &g);
    if (!there) {
        if (!syn_grow(&c->row, &c->cap, c->n + 1, sizeof *c->row)) return false;
        there = &c->row[c->n++];
    }
    *there = *t;
    return true;
}

bool syn_tuning_find(const syn_ctx *ctx, const syn_gemm *g, syn_tuned *found) {
    syn_tuning *t = ctx->tuning;
    pthread_mutex_lock(&t->lock);
    const syn_tuned *row = find(&t->set, g);
    if (row) *found = *row;
    bool ship = !row && ctx->info.cpu && ctx->profile.cpu &&
                strstr(ctx->info.platform_name, "Portable Computing Language");
    pthread_mutex_unlock(&t->lock);
    if (row) return true;
    for (size_t i = 0; ship && shipped[i].vec; i++)
        if (shipped[i].vec == ctx->profile.vec_float && is_for(&shipped[i].choice, g)) {
            *found = shipped[i].choice;
            return true;
        }
    return false;
}

static syn_status keep_locked(syn_ctx *ctx, bool used, const syn_tuned *t) {
    pthread_mutex_lock(&ctx->tuning->lock);
    bool kept = keep(used ? &ctx->tuning->used : &ctx->tuning->set, t);
    pthread_mutex_unlock(&ctx->tuning->lock);
    return kept ? SYN_OK : syn_no_memory(sizeof *t);
}

syn_status syn_tuning_set(syn_ctx *ctx, const syn_tuned *t) { return keep_locked(ctx, false, t); }
void syn_tuning_note(const syn_ctx *ctx, const syn_tuned *t) {
    (void)keep_locked((syn_ctx *)(uintptr_t)ctx, true, t);
}
int syn_tuning_count(const syn_ctx *ctx) { return ctx->tuning->set.n; }

/* ---- JSON ---- */

enum { FORM = 1 }; /* of the file */

static void add_row(json_t *rows, const syn_tuned *t) {
    const syn_gemm_variant *v = &t->variant;
    json_array_append_new(rows,
                          json_pack("{s:i, s:i, s:i, s:b, s:b, s:s, s:s, s:i, s:i, s:b, s:b, s:i}",
                                    "m", t->m, "n", t->n, "k", t->k, "ta", t->ta, "tb", t->tb,
                                    "type", t->dtype == SYN_DOUBLE ? "double" : "float", "provider",
                                    t->provider, "rows", v->rows, "vectors", v->vectors, "packed",
                                    v->packed, "swap", v->swap, "chunk", v->chunk));
}

char *syn_tuning_json(const syn_ctx *ctx, bool used) {
    json_t *rows = json_array();
    syn_tuning *t = ctx->tuning;
    pthread_mutex_lock(&t->lock);
    for (int i = 0; i < t->set.n; i++) add_row(rows, &t->set.row[i]);
    for (int i = 0; used && i < t->used.n; i++) {
        const syn_tuned *u = &t->used.row[i];
        const syn_gemm g = {
            .m = u->m, .n = u->n, .k = u->k, .ta = u->ta, .tb = u->tb, .dtype = u->dtype
        };
        if (!find(&t->set, &g)) add_row(rows, u);
    }
    pthread_mutex_unlock(&t->lock);
    json_t *root = json_pack("{s:i, s:s, s:s, s:o}", "form", FORM, "version", SYN_VERSION, "device",
                             ctx->key, "gemm", rows);
    char *text = root ? json_dumps(root, JSON_INDENT(1)) : NULL;
    json_decref(root);
    return text;
}

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
    t->dtype = strcmp(type, "double") == 0 ? SYN_DOUBLE : SYN_FLOAT;
    t->provider = provider_named(provider);
    return t->provider && t->m > 0 && t->n > 0 && t->k > 0 && v->rows >= 0 && v->vectors >= 0 &&
           v->chunk >= 0 && (t->dtype == SYN_DOUBLE || strcmp(type, "float") == 0);
}

static syn_status read_rows(const syn_ctx *ctx, json_t *root, choices *to) {
    int form = 0;
    const char *version = "", *device = "";
    json_t *rows = NULL, *row;
    size_t i;
    if (!root ||
        json_unpack(root, "{s:i, s:s, s:s, s:o}", "form", &form, "version", &version, "device",
                    &device, "gemm", &rows) ||
        !json_is_array(rows))
        return syn_fail(SYN_E_FORMAT, "it is no table of GEMM choices");
    if (form != FORM || strcmp(version, SYN_VERSION) != 0)
        return syn_fail(SYN_E_FORMAT, "it is of version %s, this is %s", version, SYN_VERSION);
    if (strcmp(device, ctx->key) != 0)
        return syn_fail(SYN_E_FORMAT, "it is of another device: %s", device);
    json_array_foreach(rows, i, row) {
        syn_tuned t = { 0 };
        if (!read_row(row, &t)) return syn_fail(SYN_E_FORMAT, "its row %zu is no choice", i + 1);
        if (!keep(to, &t)) return syn_no_memory(sizeof t);
    }
    return SYN_OK;
}

syn_status syn_tuning_read(syn_ctx *ctx, const char *json) {
    choices read = { 0 };
    json_t *root = json_loads(json, 0, NULL);
    syn_status status = read_rows(ctx, root, &read);
    json_decref(root);
    if (status != SYN_OK) {
        free(read.row);
        return status;
    }
    pthread_mutex_lock(&ctx->tuning->lock);
    free(ctx->tuning->set.row);
    ctx->tuning->set = read;
    pthread_mutex_unlock(&ctx->tuning->lock);
    return SYN_OK;
}

/* The user's own table, if there is one; shipped rows go on counting where it has none. A bad one
 * costs a word. */
void syn_tuning_load(syn_ctx *ctx) {
    char *path = syn_tuning_path(ctx);
    json_error_t error;
    json_t *root = path ? json_load_file(path, 0, &error) : NULL;
    if (root || (path && json_error_code(&error) != json_error_cannot_open_file)) {
        choices read = { 0 };
        if (read_rows(ctx, root, &read) == SYN_OK) {
            ctx->tuning->set = read;
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
