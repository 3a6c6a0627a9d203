#include "plan/source.h"

#include "op/feed.h"
#include "plan/phases.h"
#include "plan/plan.h"

#include <stdlib.h>
#include <string.h>

/* Devices without fp64 cannot read doubles: those are stored as floats. */
static syn_type device_type(const syn_plan *plan, syn_type type) {
    return type == SYN_F64 && !syn_ctx_profile_of(plan->ctx)->fp64 ? SYN_F32 : type;
}

static void convert(void *to, syn_type to_type, const void *from, syn_type from_type, int64_t n) {
    if (to_type == from_type) {
        memcpy(to, from, (size_t)n * syn_type_size(from_type));
        return;
    }
    for (int64_t i = 0; i < n; i++) ((float *)to)[i] = (float)((const double *)from)[i];
}

static syn_status make(syn_source **out, syn_plan *plan, const syn_type *type, const bool *there) {
    syn_source *s = calloc(1, sizeof *s);
    if (!s) return syn_no_memory(sizeof *s);
    s->plan = plan;
    for (int i = 0; i < plan->n_fed; i++) {
        syn_stored *t = &s->stored[i];
        bool ones = plan->fed[i].kind == SYN_FED_WEIGHTS && !there[i];
        *t = (syn_stored){ .there = there[i] || ones, .ones = ones, .count = plan->fed[i].count,
                           .type = ones ? SYN_U8 : device_type(plan, type[i]), .from_type = type[i] };
        t->bytes = t->count * (int64_t)syn_type_size(t->type);
    }
    *out = s;
    return SYN_OK;
}

static syn_status make_slots(syn_source *s) {
    int64_t rows = s->plan->batch;
    for (int i = 0; i < 2; i++)
        for (int k = 0; k < s->plan->n_fed; k++) {
            const syn_stored *t = &s->stored[k];
            syn_slot *slot = &s->slot[i];
            if (!t->there) continue;
            SYN_TRY(syn_buffer_create(&slot->data[k], s->plan->ctx, rows * t->bytes, "staging of a batch"));
            slot->host[k] = malloc((size_t)(rows * t->bytes) + 1);
            if (!slot->host[k]) return syn_no_memory((size_t)(rows * t->bytes));
            if (t->ones) memset(slot->host[k], 1, (size_t)rows);
        }
    return SYN_OK;
}

syn_status syn_source_direct(syn_source **out, syn_plan *plan, const syn_type *type, const bool *there) {
    SYN_TRY(make(out, plan, type, there));
    syn_status status = make_slots(*out);
    if (status == SYN_OK) return SYN_OK;
    syn_source_close(*out);
    *out = NULL;
    return status;
}

/* Whether batches of these types are the source's. */
static bool takes(const syn_source *s, const syn_type *type, const bool *there) {
    for (int i = 0; i < s->plan->n_fed; i++) {
        const syn_stored *t = &s->stored[i];
        if ((t->there && !t->ones) != there[i] || (there[i] && t->from_type != type[i])) return false;
    }
    return true;
}

/* Uploads a whole array as stored. */
static syn_status upload(syn_buffer **b, syn_ctx *ctx, const void *from, syn_type from_type,
                         syn_type to_type, int64_t n, const char *what) {
    int64_t bytes = n * (int64_t)syn_type_size(to_type);
    SYN_TRY(syn_buffer_create(b, ctx, bytes, what));
    if (from_type == to_type) return syn_buffer_write(*b, 0, from, bytes, true);
    float *f = malloc((size_t)bytes + 1);
    if (!f) return syn_no_memory((size_t)bytes);
    convert(f, to_type, from, from_type, n);
    syn_status status = syn_buffer_write(*b, 0, f, bytes, true);
    free(f);
    return status;
}

static syn_status upload_ones(syn_buffer **b, syn_ctx *ctx, int64_t rows) {
    char *ones = malloc((size_t)rows);
    if (!ones) return syn_no_memory((size_t)rows);
    memset(ones, 1, (size_t)rows);
    syn_status status = upload(b, ctx, ones, SYN_U8, SYN_U8, rows, "weights of the samples");
    free(ones);
    return status;
}

static syn_status make_resident(syn_source *s) {
    int64_t rows = syn_data_rows(s->data);
    syn_ctx *ctx = s->plan->ctx;
    for (int k = 0; k < s->plan->n_fed; k++) {
        const syn_stored *t = &s->stored[k];
        if (!t->there) continue;
        SYN_TRY(t->ones ? upload_ones(&s->resident_data[k], ctx, rows)
                        : upload(&s->resident_data[k], ctx, t->from, t->from_type, t->type, rows * t->count,
                                 "the data set"));
    }
    SYN_TRY(syn_buffer_create(&s->perm, ctx, rows * 4, "the order of rows"));
    s->host_perm = malloc((size_t)rows * sizeof *s->host_perm);
    return s->host_perm ? syn_source_order(s, NULL) : syn_no_memory((size_t)rows * 4);
}

static bool fits(const syn_source *s) {
    const syn_profile *p = syn_ctx_profile_of(s->plan->ctx);
    int64_t rows = syn_data_rows(s->data), all = rows * 4;
    int64_t limit = s->plan->memory_limit ? s->plan->memory_limit : p->global_bytes / 10 * 9;
    for (int k = 0; k < s->plan->n_fed; k++) {
        int64_t bytes = s->stored[k].there ? rows * s->stored[k].bytes : 0;
        if (bytes > p->max_alloc) return false;
        all += bytes;
    }
    return !s->plan->stream && all <= limit - syn_ctx_bytes(s->plan->ctx);
}

syn_status syn_source_open(syn_source **out, syn_plan *plan, const syn_data *data) {
    syn_field_info from[SYN_MAX_FED];
    syn_type type[SYN_MAX_FED];
    bool there[SYN_MAX_FED];
    *out = NULL;
    SYN_TRY(syn_plan_match(plan, data, from, there));
    for (int k = 0; k < plan->n_fed; k++) type[k] = there[k] ? from[k].type : SYN_I32;
    SYN_TRY(make(out, plan, type, there));
    syn_source *s = *out;
    s->data = data;
    for (int k = 0; k < plan->n_fed; k++) s->stored[k].from = there[k] ? from[k].data : NULL;
    if (syn_data_rows(data) > INT32_MAX) {
        syn_source_close(s);
        *out = NULL;
        return syn_fail(SYN_E_SHAPE, "a data set of %lld rows; 2^31 - 1 are possible",
                        (long long)syn_data_rows(data));
    }
    s->resident = fits(s);
    syn_status status = s->resident ? make_resident(s) : make_slots(s);
    if (status == SYN_OK && !s->resident) {
        s->host_perm = malloc((size_t)syn_data_rows(data) * sizeof *s->host_perm);
        status = s->host_perm ? syn_source_order(s, NULL) : syn_no_memory(4);
    }
    if (status != SYN_OK) {
        syn_source_close(s);
        *out = NULL;
    }
    return status;
}

/* Nothing of its own but weights where none are given. */
static syn_status make_borrowed(syn_source **out, syn_plan *plan, const syn_type *type, const bool *there) {
    syn_status status = make(out, plan, type, there);
    if (status != SYN_OK) return status;
    (*out)->borrowed = true;
    for (int k = 0; k < plan->n_fed && status == SYN_OK; k++)
        if ((*out)->stored[k].ones) status = upload_ones(&(*out)->resident_data[k], plan->ctx, plan->batch);
    if (status == SYN_OK) return SYN_OK;
    syn_source_close(*out);
    *out = NULL;
    return status;
}

syn_status syn_plan_source(syn_source **out, syn_plan *plan, const syn_type *type, const bool *there,
                           bool borrowed) {
    for (int i = 0; i < plan->n_sources; i++) {
        *out = plan->source[i];
        if ((*out)->borrowed == borrowed && takes(*out, type, there)) return SYN_OK;
    }
    *out = NULL;
    if (!syn_grow(&plan->source, &plan->cap_sources, plan->n_sources + 1, sizeof *plan->source))
        return syn_no_memory(sizeof *plan->source);
    if (borrowed) {
        SYN_TRY(make_borrowed(out, plan, type, there));
    } else {
        SYN_TRY(syn_source_direct(out, plan, type, there));
    }
    plan->source[plan->n_sources++] = *out;
    return SYN_OK;
}

static void free_feed(syn_list *feed) {
    feed->value = NULL; /* borrowed */
    syn_list_free(feed);
}

void syn_source_close(syn_source *s) {
    if (!s) return;
    /* Pending writes read host_perm and the slots; a device that cannot say that it has ended may go on to. */
    const bool idle = s->borrowed || syn_ctx_finish(s->plan->ctx) == SYN_OK;
    for (int i = 0; i < 2; i++) {
        syn_slot *slot = &s->slot[i];
        const bool sent = !slot->sent || syn_event_wait(slot->sent) == SYN_OK;
        syn_event_release(slot->sent);
        syn_event_release(slot->fed);
        for (int k = 0; k < SYN_MAX_FED; k++) {
            syn_buffer_destroy(slot->data[k]);
            if (sent) free(slot->host[k]);
        }
    }
    for (int i = 0; i < s->n_feeds; i++) free_feed(&s->feed[i].feed);
    free(s->feed);
    for (int k = 0; k < SYN_MAX_FED; k++) syn_buffer_destroy(s->resident_data[k]);
    syn_buffer_destroy(s->perm);
    if (idle) free(s->host_perm);
    free(s);
}

/* Collects the calls of one feed; ops see the emit alone. */
typedef struct collector {
    syn_emit emit;
    syn_list *feed;
} collector;

static syn_status collect(syn_emit *e, syn_call *call, int64_t scratch) {
    (void)scratch;
    return syn_list_append(((collector *)e)->feed, call);
}

/* Every item with its own stored rows. */
static syn_status bind_feed(syn_source *s, syn_feed_launch *f) {
    syn_plan *plan = s->plan;
    syn_list *l = &f->feed;
    syn_buffer *block[SYN_MAX_FED][SYN_BLOCKS], *const *of[SYN_MAX_FED];
    syn_binding b = { .ctx = plan->ctx, .kernels = &plan->kernels, .block_of = of, .tables = &plan->tables };
    for (int i = 0; i < l->n_items; i++) {
        const int k = f->of[i], input = plan->fed[k].kind == SYN_FED_INPUT ? plan->fed[k].index : 0;
        memcpy(block[i], plan->block, sizeof block[i]);
        block[i][SYN_BLOCK_PERM] = s->resident ? s->perm : plan->block[SYN_BLOCK_CONTROL]; /* unread */
        block[i][SYN_BLOCK_X] = s->resident ? s->resident_data[k] : s->slot[f->slot].data[k];
        block[i][SYN_BLOCK_SHIFT] = plan->shift[input];
        block[i][SYN_BLOCK_SCALE] = plan->scale[input];
        of[i] = b.block = block[i];
        if (!l->item[i].phase) SYN_TRY(syn_item_bind(&l->item[i], l, &b, plan->dtype));
    }
    return syn_phases_bind(l, &b, plan->dtype);
}

static syn_status make_feed(syn_source *s, syn_feed_launch *f) {
    syn_plan *plan = s->plan;
    syn_list *l = &f->feed;
    const syn_graph *g = l->graph;
    collector c = { .emit = { .graph = g, .profile = syn_ctx_profile_of(plan->ctx),
                              .dtype = plan->dtype, .rows = l->rows, .call = collect },
                    .feed = l };
    for (int k = 0; k < plan->n_fed; k++) {
        int value = syn_fed_value(g, &plan->fed[k]);
        if (value < 0) continue;
        bool standardise = plan->standardise && plan->fed[k].kind == SYN_FED_INPUT;
        f->of[l->n_items] = k;
        SYN_TRY(syn_feed_emit(&c.emit, value, s->stored[k].type, standardise, !s->resident));
    }
    if (!s->borrowed && syn_plan_feeds_join(plan)) syn_phases_mark(l, c.emit.profile);
    SYN_TRY(syn_list_want(l, &plan->kernels));
    SYN_TRY(syn_kernels_build(&plan->kernels));
    return bind_feed(s, f);
}

static syn_status prepare_slot(syn_source *s, const syn_list *list, int slot) {
    if (!syn_grow(&s->feed, &s->cap_feeds, s->n_feeds + 1, sizeof *s->feed))
        return syn_no_memory(sizeof *s->feed);
    syn_feed_launch *f = &s->feed[s->n_feeds];
    *f = (syn_feed_launch){ .list = list, .slot = slot,
                            .feed = { .graph = list->graph, .rows = list->rows, .value = list->value } };
    syn_status status = make_feed(s, f);
    if (status == SYN_OK) s->n_feeds++;
    else free_feed(&f->feed);
    return status;
}

static syn_feed_launch *find_feed(syn_source *s, const syn_list *list, int slot) {
    for (int i = 0; i < s->n_feeds; i++)
        if (s->feed[i].list == list && s->feed[i].slot == slot) return &s->feed[i];
    return NULL;
}

syn_status syn_source_prepare(syn_source *s, const syn_list *list) {
    for (int k = 0; k < s->plan->n_fed; k++)
        if (syn_fed_value(list->graph, &s->plan->fed[k]) >= 0 && !s->stored[k].there)
            return syn_fail(SYN_E_ARGUMENT, "the data has no targets, and the loss needs them");
    for (int slot = 0; slot < (s->resident || s->borrowed ? 1 : 2); slot++)
        if (!find_feed(s, list, slot)) SYN_TRY(prepare_slot(s, list, slot));
    return SYN_OK;
}

syn_status syn_source_order(syn_source *s, const int32_t *perm) {
    int64_t rows = syn_data_rows(s->data);
    s->cursor = 0;
    /* The last upload must have left host_perm before it changes. */
    if (s->resident) SYN_TRY(syn_ctx_finish(s->plan->ctx));
    for (int64_t i = 0; i < rows; i++) s->host_perm[i] = perm ? perm[i] : (int32_t)i;
    return s->resident ? syn_buffer_write(s->perm, 0, s->host_perm, rows * 4, false) : SYN_OK;
}

/* Sends the slot's host rows and lets the compute queue wait for them. */
static syn_status send(syn_source *s, syn_slot *slot, int rows) {
    for (int k = 0; k < s->plan->n_fed; k++) {
        if (!s->stored[k].there) continue;
        syn_event *before = slot->sent;
        SYN_TRY(syn_buffer_send(slot->data[k], slot->host[k], rows * s->stored[k].bytes,
                                before ? before : slot->fed, &slot->sent));
        syn_event_release(before);
    }
    return syn_ctx_wait_for(s->plan->ctx, slot->sent);
}

static syn_status run_feed(syn_source *s, const syn_list *list, int slot) {
    syn_feed_launch *f = find_feed(s, list, slot);
    if (!f) return syn_fail(SYN_E_ARGUMENT, "no feed was prepared for this list (a bug: please report it)");
    f->feed.apart = list->apart;
    return syn_list_run(&f->feed, s->plan->ctx, 0, f->feed.n_items);
}

syn_status syn_source_lend(syn_source *s, const syn_list *list, syn_buffer *const *buffer) {
    syn_feed_launch *f = find_feed(s, list, 0);
    syn_buffer **data = s->slot[0].data;
    for (int k = 0; k < s->plan->n_fed; k++) {
        const syn_stored *t = &s->stored[k];
        data[k] = t->ones ? s->resident_data[k] : t->there ? buffer[k] : NULL;
    }
    syn_status status = f ? SYN_OK : syn_source_prepare(s, list);
    for (int i = 0; f && i < f->feed.n_items; i++) { /* bound to what was lent before */
        const syn_item *item = &f->feed.item[i];
        for (int k = 0; status == SYN_OK && k < item->call.n_args; k++) {
            const syn_arg *a = &item->call.arg[k];
            if (a->kind != SYN_ARG_BLOCK || a->value != SYN_BLOCK_X) continue;
            status = syn_kernel_buffer(item->kernel, k, data[f->of[i]]);
        }
    }
    if (status == SYN_OK) status = run_feed(s, list, 0);
    memset(data, 0, sizeof s->slot[0].data);
    return status;
}

syn_status syn_source_feed_again(syn_source *s, const syn_list *list) {
    return run_feed(s, list, s->next ^ 1);
}

/* Host memory of the next slot, once its last transfer has left it. */
static syn_status take_slot(syn_source *s, int *index) {
    *index = s->next;
    s->next ^= 1;
    syn_slot *slot = &s->slot[*index];
    if (slot->sent) SYN_TRY(syn_event_wait(slot->sent));
    syn_event_release(slot->sent);
    slot->sent = NULL;
    return SYN_OK;
}

static syn_status send_and_feed(syn_source *s, const syn_list *list, int index) {
    syn_slot *slot = &s->slot[index];
    SYN_TRY(send(s, slot, list->rows));
    SYN_TRY(run_feed(s, list, index));
    syn_event_release(slot->fed);
    slot->fed = NULL;
    SYN_TRY(syn_ctx_mark(s->plan->ctx, &slot->fed));
    return syn_ctx_flush(s->plan->ctx); /* the transfer queue waits for it */
}

syn_status syn_source_feed_rows(syn_source *s, const syn_list *list, const void *const *rows) {
    int index;
    SYN_TRY(take_slot(s, &index));
    for (int k = 0; k < s->plan->n_fed; k++)
        if (s->stored[k].there && !s->stored[k].ones)
            memcpy(s->slot[index].host[k], rows[k], (size_t)(list->rows * s->stored[k].bytes));
    return send_and_feed(s, list, index);
}

syn_status syn_source_feed(syn_source *s, const syn_list *list) {
    if (s->resident) return run_feed(s, list, 0);
    int index;
    SYN_TRY(take_slot(s, &index));
    for (int k = 0; k < s->plan->n_fed; k++) {
        const syn_stored *t = &s->stored[k];
        if (!t->there || t->ones) continue;
        int64_t bytes = t->count * (int64_t)syn_type_size(t->from_type);
        for (int r = 0; r < list->rows; r++)
            convert(s->slot[index].host[k] + r * t->bytes, t->type,
                    (const char *)t->from + s->host_perm[s->cursor + r] * bytes, t->from_type, t->count);
    }
    s->cursor += list->rows;
    return send_and_feed(s, list, index);
}
