/* Weights files and checkpoints. */
#include "plan/save.h"

#include "io/safetensors.h"
#include "plan/search.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { META_MAX = 8 };

/* Tensors and their memory, collected for one write. */
typedef struct pack {
    syn_st_tensor *tensor;
    int n, cap;
} pack;

static void pack_free(pack *k) {
    for (int i = 0; i < k->n; i++) {
        free((void *)(uintptr_t)k->tensor[i].name);
        free((void *)(uintptr_t)k->tensor[i].data);
    }
    free(k->tensor);
}

/* Takes name and data, also when it fails. */
static syn_status pack_add(pack *k, char *name, syn_type type, syn_shape shape, void *data) {
    if (!name || !data || !syn_grow(&k->tensor, &k->cap, k->n + 1, sizeof *k->tensor)) {
        free(name);
        free(data);
        return syn_no_memory(sizeof *k->tensor);
    }
    int64_t count = shape.rank ? syn_shape_count(&shape) : 1;
    k->tensor[k->n++] = (syn_st_tensor){ name, type, shape, data, (size_t)count * syn_type_size(type) };
    return SYN_OK;
}

/* n elements of a block, as stored on the device. */
static syn_status pack_block(pack *k, char *name, syn_buffer *b, syn_dtype dtype, int64_t offset,
                             syn_shape shape) {
    int64_t n = syn_shape_count(&shape), real = dtype == SYN_DOUBLE ? 8 : 4;
    void *data = malloc((size_t)(n * real) + 1);
    syn_status status = data && name ? syn_buffer_read(b, offset * real, data, n * real, true)
                                     : syn_no_memory((size_t)(n * real));
    if (status != SYN_OK) {
        free(name);
        free(data);
        return status;
    }
    return pack_add(k, name, dtype == SYN_DOUBLE ? SYN_F64 : SYN_F32, shape, data);
}

static syn_status pack_weights(pack *k, syn_state *s) {
    for (int p = 0; p < s->n_params; p++) {
        char *name = syn_strdup(s->net->param[p].name);
        if (s->bound) {
            SYN_TRY(pack_block(k, name, s->block, s->dtype, s->offset[p], s->net->param[p].shape));
            continue;
        }
        double *data = malloc((size_t)s->count[p] * sizeof *data + 1);
        if (data) memcpy(data, s->host + s->offset[p], (size_t)s->count[p] * sizeof *data);
        SYN_TRY(pack_add(k, name, SYN_F64, s->net->param[p].shape, data));
    }
    const double *part[] = { s->mean, s->inv_dev };
    static const char *const part_name[] = { SYN_TENSOR_MEAN, SYN_TENSOR_INV_DEV };
    for (int i = 0; s->mean && i < 2; i++) {
        double *data = malloc((size_t)s->n_features * sizeof *data);
        if (data) memcpy(data, part[i], (size_t)s->n_features * sizeof *data);
        SYN_TRY(pack_add(k, syn_strdup(part_name[i]), SYN_F64, SYN_SHAPE(s->n_features), data));
    }
    return SYN_OK;
}

syn_status syn_save(syn_state *state, const char *path) {
    pack k = { 0 };
    char *net = syn_net_to_json(state->net);
    syn_status status = net ? pack_weights(&k, state) : SYN_E_MEMORY;
    const syn_st_meta meta[] = { { "format", "syncline 1" }, { "net", net } };
    if (status == SYN_OK) status = syn_st_write(path, k.tensor, k.n, meta, 2);
    pack_free(&k);
    free(net);
    return status;
}

static syn_status check_one(const syn_state *s, const syn_st_tensor *t, int p) {
    const syn_net_param *param = &s->net->param[p];
    if (syn_shape_equal(&t->shape, &param->shape)) return SYN_OK;
    char got[96], want[96];
    syn_shape_print(&t->shape, got, sizeof got);
    syn_shape_print(&param->shape, want, sizeof want);
    return syn_fail(SYN_E_SHAPE, "%s has shape %s, the net wants %s", param->name, got, want);
}

static syn_status load_one(syn_state *s, const syn_st_tensor *t, int p) {
    const syn_net_param *param = &s->net->param[p];
    double *v = malloc((size_t)s->count[p] * sizeof *v + 1);
    if (!v) return syn_no_memory((size_t)s->count[p] * sizeof *v);
    for (int64_t i = 0; i < s->count[p]; i++) v[i] = syn_st_value(t, i);
    syn_status status = syn_param_write(s, param->name, v, s->count[p]);
    free(v);
    return status;
}

static syn_status load_check(const syn_state *s, const syn_st *file, bool partial) {
    for (int p = 0; p < s->n_params; p++) {
        const syn_st_tensor *t = syn_st_find(file, s->net->param[p].name);
        if (!t && !partial)
            return syn_fail(SYN_E_FORMAT, "there is no tensor %s", s->net->param[p].name);
        if (t) SYN_TRY(check_one(s, t, p));
    }
    return SYN_OK;
}

syn_status syn_load_tensors(syn_state *s, const syn_st *file, bool partial, int *loaded) {
    int count = 0;
    SYN_TRY(load_check(s, file, partial)); /* before the first write: a file that does not fit changes nothing */
    for (int p = 0; p < s->n_params; p++) {
        const syn_st_tensor *t = syn_st_find(file, s->net->param[p].name);
        if (!t) continue;
        SYN_TRY(load_one(s, t, p));
        count++;
    }
    if (partial && count == 0)
        return syn_fail(SYN_E_FORMAT, "there is no tensor of the net's names in the file");
    if (loaded) *loaded = count;
    return SYN_OK;
}

syn_status syn_load(syn_state *state, const char *path, bool partial, int *loaded) {
    syn_st *file;
    SYN_TRY(syn_st_open(&file, path));
    syn_status status = syn_load_tensors(state, file, partial, loaded);
    syn_st_close(file);
    return status == SYN_OK ? SYN_OK : syn_fail_in(status, "%s", path);
}

/* Mean and deviation, where the file has them. */
static syn_status load_standardisation(syn_state *s, const syn_st *file) {
    const syn_st_tensor *t[2] = { syn_st_find(file, SYN_TENSOR_MEAN), syn_st_find(file, SYN_TENSOR_INV_DEV) };
    if (!t[0] || !t[1]) return SYN_OK;
    int64_t n = (int64_t)(t[0]->bytes / syn_type_size(t[0]->type));
    if (n < 1 || t[1]->bytes / syn_type_size(t[1]->type) != (size_t)n)
        return syn_fail(SYN_E_FORMAT, "the standardisation's tensors differ in size");
    double *v = malloc((size_t)n * 2 * sizeof *v);
    if (!v) return syn_no_memory((size_t)n * 2 * sizeof *v);
    for (int64_t i = 0; i < 2 * n; i++) v[i] = syn_st_value(t[i / n], i % n);
    syn_status status = syn_state_standardise(s, v, v + n, n);
    free(v);
    return status;
}

syn_status syn_load_model(syn_net **net, syn_state **state, syn_ctx *ctx, const char *path) {
    syn_st *file;
    *net = NULL;
    *state = NULL;
    SYN_TRY(syn_st_open(&file, path));
    const char *json = syn_st_get_meta(file, "net");
    syn_status status = json ? syn_net_from_json(net, json)
                             : syn_fail(SYN_E_FORMAT, "the file carries no network: it was not written by "
                                                      "syn_save; load it into a net with syn_load");
    if (status == SYN_OK) status = syn_state_create(state, ctx, *net);
    if (status == SYN_OK) status = syn_load_tensors(*state, file, false, NULL);
    if (status == SYN_OK) status = load_standardisation(*state, file);
    syn_st_close(file);
    if (status == SYN_OK) return SYN_OK;
    syn_state_destroy(*state);
    syn_net_destroy(*net);
    *net = NULL;
    *state = NULL;
    return syn_fail_in(status, "%s", path);
}

/* ---- checkpoints ---- */

static syn_status pack_control(pack *k, syn_plan *plan) {
    syn_snapshot s;
    SYN_TRY(syn_plan_snapshot(plan, &s));
    int32_t *ctl = malloc(sizeof s.ctl);
    double *metrics = malloc(sizeof s.metrics);
    if (ctl) memcpy(ctl, s.ctl, sizeof s.ctl);
    if (metrics) memcpy(metrics, s.metrics, sizeof s.metrics);
    syn_status status = pack_add(k, syn_strdup("control/words"), SYN_I32, SYN_SHAPE(SYN_CTL_WORDS), ctl);
    if (status != SYN_OK) {
        free(metrics);
        return status;
    }
    return pack_add(k, syn_strdup("control/metrics"), SYN_F64, SYN_SHAPE(SYN_METRICS), metrics);
}

syn_status syn_plan_save(syn_plan *plan, const char *path, const char *user_json) {
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_plan_save: the plan does not train");
    if (plan->swapped)
        return syn_fail(SYN_E_ARGUMENT, "syn_plan_save: the moving average stands in the weights' place; call "
                                        "syn_ema_swap first, or syn_save for the averages alone");
    pack k = { 0 };
    char *net = syn_net_to_json(plan->state->net), step[32];
    snprintf(step, sizeof step, "%lld", (long long)plan->step);
    char *search = syn_search_write(plan);
    syn_status status = net ? pack_weights(&k, plan->state) : SYN_E_MEMORY;
    for (int i = 0; status == SYN_OK && i < syn_plan_slots(plan); i++)
        for (int p = 0; status == SYN_OK && p < plan->state->n_params; p++)
            if (plan->grad_offset[p] >= 0 && syn_search_keeps(plan, i))
                status = pack_block(&k, syn_format("slot/%s/%s", syn_plan_slot_name(plan, i),
                                                   plan->state->net->param[p].name),
                                    plan->block[SYN_BLOCK_SLOTS], plan->dtype,
                                    i * plan->grad_length + plan->grad_offset[p],
                                    plan->state->net->param[p].shape);
    if (status == SYN_OK) status = pack_control(&k, plan);
    const syn_st_meta meta[META_MAX] = {
        { "format", "syncline checkpoint 1" }, { "net", net }, { "step", step },
        { "optimizer", plan->optim.spec.def->name }, { "dtype", syn_dtype_name(plan->dtype) },
        { "user", user_json ? user_json : "" }, { "search", search ? search : "" },
    };
    if (status == SYN_OK) status = syn_st_write(path, k.tensor, k.n, meta, 7);
    pack_free(&k);
    free(search);
    free(net);
    return status;
}

/* Checks, or writes what was checked. */
static syn_status resume_slots(syn_plan *plan, const syn_st *file, bool write) {
    const char *optimizer = syn_st_get_meta(file, "optimizer"), *dtype = syn_st_get_meta(file, "dtype");
    const char *want = syn_dtype_name(plan->dtype);
    if (!optimizer || strcmp(optimizer, plan->optim.spec.def->name) != 0)
        return syn_fail(SYN_E_ARGUMENT, "the checkpoint was trained with %s, the plan uses %s",
                        optimizer ? optimizer : "no optimizer", plan->optim.spec.def->name);
    if (!dtype || strcmp(dtype, want) != 0)
        return syn_fail(SYN_E_ARGUMENT, "the checkpoint is in %s, the plan in %s", dtype ? dtype : "another type",
                        want);
    int64_t real = syn_plan_real(plan);
    for (int i = 0; i < syn_plan_slots(plan); i++)
        for (int p = 0; p < plan->state->n_params; p++) {
            if (plan->grad_offset[p] < 0 || !syn_search_keeps(plan, i)) continue;
            char *name = syn_format("slot/%s/%s", syn_plan_slot_name(plan, i), plan->state->net->param[p].name);
            const syn_st_tensor *t = name ? syn_st_find(file, name) : NULL;
            bool fits = t && (int64_t)t->bytes == plan->state->count[p] * real;
            syn_status status = SYN_OK;
            if (!fits)
                status = syn_fail(SYN_E_FORMAT,
                                  "tensor %s is not there or of another size: the checkpoint is of another network",
                                  name ? name : "?");
            else if (write)
                status = syn_buffer_write(plan->block[SYN_BLOCK_SLOTS],
                                          (i * plan->grad_length + plan->grad_offset[p]) * real, t->data,
                                          (int64_t)t->bytes, true);
            free(name);
            SYN_TRY(status);
        }
    return SYN_OK;
}

/* Which slots a file must have depends on what it says of the search. */
static syn_status check_slots(syn_plan *plan, const syn_st *file) {
    syn_search_memory was = plan->search, now;
    SYN_TRY(syn_search_read(plan, syn_st_get_meta(file, "search"), &now));
    plan->search = now;
    syn_status status = resume_slots(plan, file, false);
    if (status != SYN_OK) plan->search = was;
    free(status == SYN_OK ? was.ro : now.ro);
    return status;
}

static syn_status resume(syn_plan *plan, const syn_st *file, char **user_json) {
    const char *step = syn_st_get_meta(file, "step"), *user = syn_st_get_meta(file, "user");
    const syn_st_tensor *words = syn_st_find(file, "control/words");
    const syn_st_tensor *metrics = syn_st_find(file, "control/metrics");
    syn_snapshot s;
    if (!step || !words || !metrics || words->bytes != sizeof s.ctl || metrics->bytes != sizeof s.metrics)
        return syn_fail(SYN_E_FORMAT, "this is no checkpoint of a training run");
    SYN_TRY(load_check(plan->state, file, false)); /* a file that does not fit changes nothing */
    SYN_TRY(check_slots(plan, file));
    SYN_TRY(syn_load_tensors(plan->state, file, false, NULL));
    SYN_TRY(resume_slots(plan, file, true));
    plan->swapped = false;
    memcpy(s.ctl, words->data, sizeof s.ctl);
    memcpy(s.metrics, metrics->data, sizeof s.metrics);
    SYN_TRY(syn_plan_restore(plan, &s));
    plan->step = strtoll(step, NULL, 10);
    plan->table_block = -1;
    if (user_json) *user_json = user && *user ? syn_strdup(user) : NULL;
    return SYN_OK;
}

syn_status syn_plan_resume(syn_plan *plan, const char *path, char **user_json) {
    if (user_json) *user_json = NULL;
    if (plan->loss < 0) return syn_fail(SYN_E_ARGUMENT, "syn_plan_resume: the plan does not train");
    syn_st *file;
    SYN_TRY(syn_st_open(&file, path));
    syn_status status = resume(plan, file, user_json);
    syn_st_close(file);
    return status == SYN_OK ? SYN_OK : syn_fail_in(status, "%s", path);
}
