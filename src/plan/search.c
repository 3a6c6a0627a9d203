#include "plan/search.h"

#include "plan/machinery.h"

#include <math.h>
#include <stdlib.h>

/* ---- launches ---- */

static bool on_cpu(const syn_plan *plan) { return syn_ctx_profile_of(plan->ctx)->cpu; }

static void blocks(syn_call *c, const syn_block *block, size_t n, syn_block written) {
    for (size_t i = 0; i < n; i++)
        syn_call_arg(c, syn_block_arg(block[i], block[i] == written || block[i] == SYN_BLOCK_PARTIAL));
}

/* One work-item (CPU) or work-group (GPU) a part; `vectors` are read or written. */
static syn_status over_parts(const syn_plan *plan, syn_list *l, syn_call *c, int ints, int reals, double vectors) {
    syn_text defs = { 0 };
    syn_machinery_defs(plan, &defs);
    syn_text_add(&defs, "#define NORM_GROUP %d\n", SYN_NORM_GROUP);
    syn_call_arg(c, syn_int(plan->n_parts));
    syn_call_arg(c, syn_int(plan->grad_length));
    for (int i = 0; i < ints; i++) syn_call_arg(c, syn_int(0)); /* set at each launch */
    for (int i = 0; i < reals; i++) syn_call_arg(c, syn_real(0));
    c->varies = ints || reals;
    c->dims = 1;
    c->local[0] = on_cpu(plan) ? 1 : SYN_NORM_GROUP;
    c->global[0] = (size_t)plan->n_parts * c->local[0];
    c->bytes = vectors * (double)plan->grad_length * (double)syn_plan_real(plan);
    return syn_machinery_call(l, c, &defs);
}

syn_status syn_search_take_call(const syn_plan *plan, syn_list *l) {
    static const syn_block block[] = { SYN_BLOCK_PARAMS, SYN_BLOCK_SUMS, SYN_BLOCK_SLOTS, SYN_BLOCK_TILES,
                                       SYN_BLOCK_PARTS, SYN_BLOCK_FACTORS, SYN_BLOCK_CONTROL, SYN_BLOCK_PARTIAL };
    syn_call c = { .source = "op/search_take.cl", .entry = "take" };
    blocks(&c, block, SYN_COUNT(block), SYN_BLOCK_SLOTS);
    return over_parts(plan, l, &c, 2, 0, plan->frame.penalties || plan->frame.decay.coupled > 0 ? 4 : 3);
}

static syn_status combine_call(const syn_plan *plan, syn_list *l) {
    static const syn_block block[] = { SYN_BLOCK_SLOTS, SYN_BLOCK_TILES, SYN_BLOCK_PARTS, SYN_BLOCK_PARTIAL };
    syn_call c = { .source = "op/search_combine.cl", .entry = "combine" };
    blocks(&c, block, SYN_COUNT(block), SYN_BLOCK_SLOTS);
    return over_parts(plan, l, &c, 4, 2, 4);
}

static syn_status place_call(const syn_plan *plan, syn_list *l) {
    static const syn_block block[] = { SYN_BLOCK_PARAMS, SYN_BLOCK_SLOTS, SYN_BLOCK_TILES };
    syn_call c = { .source = "op/search_place.cl", .entry = "place", .dims = 1, .varies = true };
    syn_text defs = { 0 };
    for (size_t i = 0; i < SYN_COUNT(block); i++)
        syn_call_arg(&c, syn_block_arg(block[i], block[i] != SYN_BLOCK_TILES));
    syn_call_arg(&c, syn_int(plan->n_tiles));
    syn_call_arg(&c, syn_int(plan->grad_length));
    syn_call_arg(&c, syn_int(SYN_SEARCH_START));
    syn_call_arg(&c, syn_int(SYN_SEARCH_DIRECTION));
    syn_call_arg(&c, syn_int(0));
    syn_call_arg(&c, syn_real(0));
    syn_text_add(&defs, "\n");
    c.local[0] = on_cpu(plan) ? 1 : 128;
    c.global[0] = (size_t)plan->n_tiles * c.local[0];
    c.bytes = 3.0 * (double)plan->grad_length * (double)syn_plan_real(plan);
    return syn_machinery_call(l, &c, &defs);
}

syn_status syn_search_calls(const syn_plan *plan, syn_list *l) {
    SYN_TRY(combine_call(plan, l));
    return place_call(plan, l);
}

/* ---- running them ---- */

static syn_item *item_of(syn_list *l, int number) { return &l->item[l->n_nodes_items + number]; }

/* The arguments from number `first` on, which differ from launch to launch; then the launch. */
static syn_status launch(syn_plan *plan, syn_list *l, int number, int first, const int32_t *ints, int n_ints,
                         const double *reals, int n_reals) {
    syn_item *item = item_of(l, number);
    for (int i = 0; i < n_ints; i++) SYN_TRY(syn_kernel_value(item->kernel, first + i, &ints[i], sizeof *ints));
    for (int i = 0; i < n_reals; i++) {
        float f = (float)reals[i];
        SYN_TRY(plan->dtype == SYN_DOUBLE ? syn_kernel_value(item->kernel, first + n_ints + i, &reals[i], sizeof *reals)
                                          : syn_kernel_value(item->kernel, first + n_ints + i, &f, sizeof f));
    }
    return syn_list_run(l, plan->ctx, l->n_nodes_items + number, 1);
}

/* Partial sums of the parts, in their order. */
static syn_status read_sums(syn_plan *plan, int kinds, int most, double *sums, int *guilty) {
    double *v = malloc((size_t)kinds * (size_t)plan->n_parts * sizeof *v + 1);
    if (!v) return syn_no_memory((size_t)kinds * (size_t)plan->n_parts * sizeof *v);
    syn_status status = syn_reals_read(plan->block[SYN_BLOCK_PARTIAL], plan->dtype, 0, v,
                                       (int64_t)kinds * plan->n_parts);
    if (guilty) *guilty = -1;
    for (int k = 0; status == SYN_OK && k < kinds; k++) {
        sums[k] = 0;
        for (int i = 0; i < plan->n_parts; i++) {
            double part = v[k * plan->n_parts + i];
            sums[k] = k == most ? fmax(sums[k], part) : sums[k] + part;
            if (guilty && *guilty < 0 && k == SYN_SEARCH_SUM && !isfinite(part)) *guilty = plan->part[i * 4 + 2];
        }
    }
    free(v);
    return status;
}

syn_status syn_search_take(syn_plan *plan, syn_list *l, int to, int with, double sums[SYN_SEARCH_SUMS],
                           int *guilty) {
    const int32_t ints[] = { to, with };
    SYN_TRY(launch(plan, l, SYN_ITEM_TAKE, item_of(l, SYN_ITEM_TAKE)->call.n_args - 2, ints, 2, NULL, 0));
    return read_sums(plan, SYN_SEARCH_SUMS, SYN_SEARCH_MOST, sums, guilty);
}

syn_status syn_search_combine(syn_plan *plan, syn_list *l, int to, double a, int x, double b, int y, int with,
                              double *dot, double *most) {
    const int32_t ints[] = { to, x, y, with };
    const double reals[] = { a, b };
    double sums[2];
    SYN_TRY(launch(plan, l, SYN_ITEM_COMBINE, item_of(l, SYN_ITEM_COMBINE)->call.n_args - 6, ints, 4, reals, 2));
    if (!dot && !most) return SYN_OK;
    SYN_TRY(read_sums(plan, 2, 1, sums, NULL));
    if (dot) *dot = sums[0];
    if (most) *most = sums[1];
    return SYN_OK;
}

syn_status syn_search_place(syn_plan *plan, syn_list *l, bool save, double t) {
    const int32_t ints[] = { save };
    return launch(plan, l, SYN_ITEM_PLACE, item_of(l, SYN_ITEM_PLACE)->call.n_args - 2, ints, 1, &t, 1);
}

/* ---- memory ---- */

syn_status syn_search_start(syn_plan *plan) {
    size_t n = (size_t)plan->optim.search.history + 1;
    plan->search = (syn_search_memory){ .scale = 1, .ro = calloc(n, sizeof(double)) };
    return plan->search.ro ? SYN_OK : syn_no_memory(n * sizeof(double));
}

bool syn_search_keeps(const syn_plan *plan, int k) {
    if (!syn_optim_searches(&plan->optim)) return true;
    const syn_search_memory *m = &plan->search;
    if (!m->iterations || plan->optim.search.history == 0) return false; /* the next step begins anew */
    if (k < SYN_SEARCH_PAIRS) return k == SYN_SEARCH_DIRECTION || k == SYN_SEARCH_BEFORE;
    int ring = plan->optim.search.history + 1, place = (k - SYN_SEARCH_PAIRS) / 2;
    return (place - m->first + ring) % ring < m->n;
}

char *syn_search_write(const syn_plan *plan) {
    if (!syn_optim_searches(&plan->optim)) return NULL;
    const syn_search_memory *m = &plan->search;
    json_t *ro = json_array();
    for (int i = 0; i <= plan->optim.search.history; i++) json_array_append_new(ro, json_real(m->ro[i]));
    json_t *all = json_pack("{s:I, s:i, s:i, s:f, s:f, s:f, s:o}", "iterations", (json_int_t)m->iterations, "pairs",
                            m->n, "first", m->first, "t", m->t, "slope", m->slope, "scale", m->scale, "ro", ro);
    char *text = all ? json_dumps(all, 0) : NULL;
    json_decref(all);
    return text;
}

syn_status syn_search_read(const syn_plan *plan, const char *text, syn_search_memory *m) {
    *m = plan->search;
    if (!syn_optim_searches(&plan->optim)) return SYN_OK;
    const int ring = plan->optim.search.history + 1;
    json_t *all = text ? json_loads(text, 0, NULL) : NULL, *ro = json_object_get(all, "ro");
    syn_status status = SYN_OK;
    if (!all) {
        status = syn_fail(SYN_E_FORMAT, "the optimizer's memory is missing or damaged");
    } else if ((int)json_array_size(ro) != ring) {
        status = syn_fail(SYN_E_ARGUMENT, "the checkpoint was trained with history %d, the plan has %d",
                          (int)json_array_size(ro) - 1, ring - 1);
    } else {
        *m = (syn_search_memory){ .iterations = json_integer_value(json_object_get(all, "iterations")),
                                  .n = (int)json_integer_value(json_object_get(all, "pairs")),
                                  .first = (int)json_integer_value(json_object_get(all, "first")),
                                  .t = json_number_value(json_object_get(all, "t")),
                                  .slope = json_number_value(json_object_get(all, "slope")),
                                  .scale = json_number_value(json_object_get(all, "scale")) };
        if (m->n < 0 || m->n >= ring + (ring == 1) || m->first < 0 || m->first >= ring)
            status = syn_fail(SYN_E_FORMAT, "the optimizer's memory is missing or damaged");
    }
    if (status == SYN_OK && !(m->ro = calloc((size_t)ring, sizeof *m->ro)))
        status = syn_no_memory((size_t)ring * sizeof *m->ro);
    for (int i = 0; status == SYN_OK && i < ring; i++)
        m->ro[i] = json_number_value(json_array_get(ro, (size_t)i));
    json_decref(all);
    return status;
}
