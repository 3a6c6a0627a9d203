#include "device/tuning.h"

#include "device/tuning_table.h"

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

syn_status syn_tuning_open(syn_ctx *ctx) {
    ctx->tuning = calloc(1, sizeof *ctx->tuning);
    if (!ctx->tuning) return syn_no_memory(sizeof *ctx->tuning);
    pthread_mutex_init(&ctx->tuning->lock, NULL);
    ctx->tuning->set.from = "user's table";
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

static syn_tuned *find(const syn_choices *c, const syn_gemm *g) {
    for (int i = 0; i < c->n; i++)
        if (is_for(&c->row[i], g)) return &c->row[i];
    return NULL;
}

syn_tuned *syn_choices_like(const syn_choices *c, const syn_tuned *t) {
    const syn_gemm g = {
        .m = t->m, .n = t->n, .k = t->k, .ta = t->ta, .tb = t->tb, .dtype = t->dtype
    };
    return find(c, &g);
}

bool syn_choices_keep(syn_choices *c, const syn_tuned *t) {
    syn_tuned *there = syn_choices_like(c, t);
    if (!there) {
        if (!syn_grow(&c->row, &c->cap, c->n + 1, sizeof *c->row)) return false;
        there = &c->row[c->n++];
    }
    *there = *t;
    return true;
}

int syn_choices_drop_clblast(syn_choices *c, syn_dtype dtype) {
    int n = 0;
    for (int i = 0; i < c->n; i++)
        if (c->row[i].dtype != dtype || strcmp(c->row[i].provider, "clblast") != 0)
            c->row[n++] = c->row[i];
    const int dropped = c->n - n;
    c->n = n;
    return dropped;
}

const char *syn_tuning_find(const syn_ctx *ctx, const syn_gemm *g, syn_tuned *found) {
    syn_tuning *t = ctx->tuning;
    pthread_mutex_lock(&t->lock);
    const syn_tuned *row = find(&t->set, g);
    if (row) *found = *row;
    const char *from = row ? t->set.from : NULL;
    pthread_mutex_unlock(&t->lock);
    if (from) return from;
    const bool ship = ctx->info.cpu && ctx->profile.cpu &&
                      strstr(ctx->info.platform_name, "Portable Computing Language");
    for (size_t i = 0; ship && shipped[i].vec; i++)
        if (shipped[i].vec == ctx->profile.vec_float && is_for(&shipped[i].choice, g)) {
            *found = shipped[i].choice;
            return "shipped table";
        }
    return NULL;
}

static syn_status keep_locked(syn_ctx *ctx, bool used, const syn_tuned *t) {
    pthread_mutex_lock(&ctx->tuning->lock);
    bool kept = syn_choices_keep(used ? &ctx->tuning->used : &ctx->tuning->set, t);
    pthread_mutex_unlock(&ctx->tuning->lock);
    return kept ? SYN_OK : syn_no_memory(sizeof *t);
}

syn_status syn_tuning_set(syn_ctx *ctx, const syn_tuned *t) { return keep_locked(ctx, false, t); }
syn_status syn_tuning_note(const syn_ctx *ctx, const syn_tuned *t) {
    return keep_locked((syn_ctx *)(uintptr_t)ctx, true, t);
}
int syn_tuning_count(const syn_ctx *ctx) { return ctx->tuning->set.n; }

/* What CLBlast installs for a CPU is ten times slower than the first row; of doubles nothing was
 * measured. */
static const syn_clblast_set *rule(const syn_ctx *ctx, syn_dtype dtype) {
    static const syn_clblast_set installed = { .name = "as installed", .installed = true };
    const syn_clblast_set *s = dtype == SYN_DOUBLE ? &installed : syn_clblast_row(&ctx->info, 0);
    return s && !syn_clblast_fault(s, dtype, &ctx->profile) ? s : &installed;
}

bool syn_tuning_clblast(const syn_ctx *ctx, syn_dtype dtype, syn_clblast_set *s) {
    const int d = dtype == SYN_DOUBLE;
    syn_tuning *t = ctx->tuning;
    pthread_mutex_lock(&t->lock);
    const bool has = t->has_trial[d] || t->set.has_clblast[d];
    if (has) *s = t->has_trial[d] ? t->trial[d] : t->set.clblast[d];
    pthread_mutex_unlock(&t->lock);
    if (!has) *s = *rule(ctx, dtype);
    return has;
}

int syn_tuning_set_clblast(syn_ctx *ctx, syn_dtype dtype, const syn_clblast_set *s) {
    const int d = dtype == SYN_DOUBLE;
    syn_clblast_set before, after;
    syn_tuning *t = ctx->tuning;
    syn_tuning_clblast(ctx, dtype, &before);
    pthread_mutex_lock(&t->lock);
    t->set.has_clblast[d] = s != NULL;
    if (s) t->set.clblast[d] = *s;
    pthread_mutex_unlock(&t->lock);
    syn_tuning_clblast(ctx, dtype, &after);
    if (syn_clblast_set_same(&before, &after)) return 0;
    pthread_mutex_lock(&t->lock);
    const int dropped = syn_choices_drop_clblast(&t->set, dtype);
    pthread_mutex_unlock(&t->lock);
    return dropped;
}

void syn_tuning_try_clblast(syn_ctx *ctx, syn_dtype dtype, const syn_clblast_set *s) {
    const int d = dtype == SYN_DOUBLE;
    syn_tuning *t = ctx->tuning;
    pthread_mutex_lock(&t->lock);
    t->has_trial[d] = s != NULL;
    if (s) t->trial[d] = *s;
    pthread_mutex_unlock(&t->lock);
}

const char *syn_tuning_from(const syn_ctx *ctx) { return ctx->tuning->set.from; }
