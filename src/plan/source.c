#include "plan/source.h"

#include "op/feed.h"
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

static syn_status make(syn_source **out, syn_plan *plan, syn_type x_type, syn_type y_type, bool has_y) {
    syn_source *s = calloc(1, sizeof *s);
    if (!s) return syn_no_memory(sizeof *s);
    s->plan = plan;
    s->stored = (syn_stored){ .x_type = device_type(plan, x_type), .y_type = device_type(plan, y_type),
                              .has_y = has_y };
    s->stored.x_bytes = plan->x_count * (int64_t)syn_type_size(s->stored.x_type);
    s->stored.y_bytes = has_y ? plan->y_count * (int64_t)syn_type_size(s->stored.y_type) : 0;
    *out = s;
    return SYN_OK;
}

static syn_status make_slots(syn_source *s) {
    int64_t rows = s->plan->batch;
    for (int i = 0; i < 2; i++) {
        syn_slot *slot = &s->slot[i];
        SYN_TRY(syn_buffer_create(&slot->x, s->plan->ctx, rows * s->stored.x_bytes, "staging of inputs"));
        SYN_TRY(syn_buffer_create(&slot->y, s->plan->ctx, rows * s->stored.y_bytes, "staging of targets"));
        slot->host_x = malloc((size_t)(rows * s->stored.x_bytes) + 1);
        slot->host_y = malloc((size_t)(rows * s->stored.y_bytes) + 1);
        if (!slot->host_x || !slot->host_y) return syn_no_memory((size_t)(rows * s->stored.x_bytes));
    }
    return SYN_OK;
}

syn_status syn_source_direct(syn_source **out, syn_plan *plan, syn_type x_type, syn_type y_type,
                             bool has_y) {
    SYN_TRY(make(out, plan, x_type, y_type, has_y));
    syn_status status = make_slots(*out);
    if (status == SYN_OK) return SYN_OK;
    syn_source_close(*out);
    *out = NULL;
    return status;
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

static syn_status make_resident(syn_source *s) {
    const syn_data *d = s->data;
    int64_t rows = syn_data_rows(d);
    syn_ctx *ctx = s->plan->ctx;
    SYN_TRY(upload(&s->x, ctx, syn_data_x(d), syn_data_x_type(d), s->stored.x_type,
                   rows * s->plan->x_count, "the data set's inputs"));
    if (s->stored.has_y)
        SYN_TRY(upload(&s->y, ctx, syn_data_y(d), syn_data_y_type(d), s->stored.y_type,
                       rows * s->plan->y_count, "the data set's targets"));
    SYN_TRY(syn_buffer_create(&s->perm, ctx, rows * 4, "the order of rows"));
    s->host_perm = malloc((size_t)rows * sizeof *s->host_perm);
    return s->host_perm ? syn_source_order(s, NULL) : syn_no_memory((size_t)rows * 4);
}

static bool fits(const syn_source *s) {
    const syn_profile *p = syn_ctx_profile_of(s->plan->ctx);
    int64_t rows = syn_data_rows(s->data), x = rows * s->stored.x_bytes, y = rows * s->stored.y_bytes;
    int64_t limit = s->plan->memory_limit ? s->plan->memory_limit : p->global_bytes / 10 * 9;
    int64_t free_bytes = limit - syn_ctx_bytes(s->plan->ctx);
    return !s->plan->stream && x <= p->max_alloc && y <= p->max_alloc && x + y + rows * 4 <= free_bytes;
}

syn_status syn_source_open(syn_source **out, syn_plan *plan, const syn_data *data) {
    *out = NULL;
    SYN_TRY(syn_plan_check_data(plan, data));
    bool has_y = syn_data_has_y(data);
    SYN_TRY(make(out, plan, syn_data_x_type(data), has_y ? syn_data_y_type(data) : SYN_I32, has_y));
    syn_source *s = *out;
    s->data = data;
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

syn_status syn_plan_source(syn_source **out, syn_plan *plan, syn_type x_type, syn_type y_type,
                           bool has_y, bool borrowed) {
    for (int i = 0; i < plan->n_sources; i++) {
        syn_source *s = plan->source[i];
        if (s->borrowed != borrowed || s->stored.has_y != has_y || s->given_x != x_type ||
            (has_y && s->given_y != y_type))
            continue;
        *out = s;
        return SYN_OK;
    }
    *out = NULL;
    if (!syn_grow(&plan->source, &plan->cap_sources, plan->n_sources + 1, sizeof *plan->source))
        return syn_no_memory(sizeof *plan->source);
    if (borrowed) {
        SYN_TRY(make(out, plan, x_type, y_type, has_y));
        (*out)->borrowed = true;
    } else {
        SYN_TRY(syn_source_direct(out, plan, x_type, y_type, has_y));
    }
    (*out)->given_x = x_type;
    (*out)->given_y = y_type;
    plan->source[plan->n_sources++] = *out;
    return SYN_OK;
}

void syn_source_close(syn_source *s) {
    if (!s) return;
    /* Pending writes read host_perm and the slots. */
    if (!s->borrowed) (void)syn_ctx_finish(s->plan->ctx);
    for (int i = 0; i < 2; i++) {
        syn_slot *slot = &s->slot[i];
        if (slot->sent) (void)syn_event_wait(slot->sent);
        syn_event_release(slot->sent);
        syn_event_release(slot->fed);
        syn_buffer_destroy(slot->x);
        syn_buffer_destroy(slot->y);
        free(slot->host_x);
        free(slot->host_y);
    }
    for (int i = 0; i < s->n_feeds; i++)
        for (int k = 0; k < s->feed[i].n; k++) syn_item_free(&s->feed[i].item[k]);
    free(s->feed);
    syn_buffer_destroy(s->x);
    syn_buffer_destroy(s->y);
    syn_buffer_destroy(s->perm);
    free(s->host_perm);
    free(s);
}

/* Collects the calls of one feed; ops see the emit alone. */
typedef struct collector {
    syn_emit emit;
    syn_feed_launch *feed;
} collector;

static syn_status collect(syn_emit *e, syn_call *call, int64_t scratch) {
    (void)scratch;
    syn_feed_launch *f = ((collector *)e)->feed;
    f->item[f->n] = (syn_item){ .call = *call, .node = -1, .place = -1 };
    f->n++;
    return SYN_OK;
}

static syn_status prepare_slot(syn_source *s, const syn_list *list, int slot) {
    syn_plan *plan = s->plan;
    if (!syn_grow(&s->feed, &s->cap_feeds, s->n_feeds + 1, sizeof *s->feed))
        return syn_no_memory(sizeof *s->feed);
    syn_feed_launch *f = &s->feed[s->n_feeds++];
    *f = (syn_feed_launch){ .list = list, .slot = slot };
    const syn_graph *g = list->graph;
    collector c = { .emit = { .graph = g, .profile = syn_ctx_profile_of(plan->ctx),
                              .dtype = plan->dtype, .rows = list->rows, .call = collect },
                    .feed = f };
    SYN_TRY(syn_feed_emit(&c.emit, g->x, s->stored.x_type, plan->standardise, !s->resident));
    if (g->target >= 0)
        SYN_TRY(syn_feed_emit(&c.emit, g->target, s->stored.y_type, false, !s->resident));
    syn_buffer *block[SYN_BLOCKS];
    memcpy(block, plan->block, sizeof block);
    block[SYN_BLOCK_X] = s->resident ? s->x : s->slot[slot].x;
    block[SYN_BLOCK_Y] = s->resident ? s->y : s->slot[slot].y;
    block[SYN_BLOCK_PERM] = s->resident ? s->perm : plan->block[SYN_BLOCK_CONTROL]; /* unread */
    const syn_binding b = { .ctx = plan->ctx, .kernels = &plan->kernels, .block = block };
    for (int k = 0; k < f->n; k++) SYN_TRY(syn_kernels_want(&plan->kernels, &f->item[k].call, &f->item[k].instance));
    SYN_TRY(syn_kernels_build(&plan->kernels));
    for (int k = 0; k < f->n; k++) SYN_TRY(syn_item_bind(&f->item[k], list, &b, plan->dtype));
    return SYN_OK;
}

static syn_feed_launch *find_feed(syn_source *s, const syn_list *list, int slot) {
    for (int i = 0; i < s->n_feeds; i++)
        if (s->feed[i].list == list && s->feed[i].slot == slot) return &s->feed[i];
    return NULL;
}

syn_status syn_source_prepare(syn_source *s, const syn_list *list) {
    if (list->graph->target >= 0 && !s->stored.has_y)
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
    SYN_TRY(syn_buffer_send(slot->x, slot->host_x, rows * s->stored.x_bytes, slot->fed, &slot->sent));
    if (s->stored.has_y) {
        syn_event *x_sent = slot->sent;
        syn_status status = syn_buffer_send(slot->y, slot->host_y, rows * s->stored.y_bytes, x_sent,
                                            &slot->sent);
        if (status == SYN_OK) syn_event_release(x_sent);
        SYN_TRY(status);
    }
    return syn_ctx_wait_for(s->plan->ctx, slot->sent);
}

static syn_status run_feed(syn_source *s, const syn_list *list, int slot) {
    syn_feed_launch *f = find_feed(s, list, slot);
    if (!f) return syn_fail(SYN_E_ARGUMENT, "no feed was prepared for this list (a bug: please report it)");
    for (int k = 0; k < f->n; k++) SYN_TRY(syn_item_run(&f->item[k], list, s->plan->ctx));
    return SYN_OK;
}

syn_status syn_source_lend(syn_source *s, const syn_list *list, syn_buffer *x, syn_buffer *y) {
    syn_feed_launch *f = find_feed(s, list, 0);
    s->slot[0].x = x;
    s->slot[0].y = y;
    syn_status status = f ? SYN_OK : syn_source_prepare(s, list);
    for (int i = 0; f && i < f->n; i++) /* bound to what was lent before */
        for (int k = 0; status == SYN_OK && k < f->item[i].call.n_args; k++) {
            const syn_arg *a = &f->item[i].call.arg[k];
            if (a->kind != SYN_ARG_BLOCK || (a->value != SYN_BLOCK_X && a->value != SYN_BLOCK_Y))
                continue;
            status = syn_kernel_buffer(f->item[i].kernel, k, a->value == SYN_BLOCK_X ? x : y);
        }
    if (status == SYN_OK) status = run_feed(s, list, 0);
    s->slot[0].x = s->slot[0].y = NULL;
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
    return syn_ctx_mark(s->plan->ctx, &slot->fed);
}

syn_status syn_source_feed_rows(syn_source *s, const syn_list *list, const void *x, const void *y) {
    int index;
    SYN_TRY(take_slot(s, &index));
    memcpy(s->slot[index].host_x, x, (size_t)(list->rows * s->stored.x_bytes));
    if (s->stored.has_y) memcpy(s->slot[index].host_y, y, (size_t)(list->rows * s->stored.y_bytes));
    return send_and_feed(s, list, index);
}

syn_status syn_source_feed(syn_source *s, const syn_list *list) {
    if (s->resident) return run_feed(s, list, 0);
    int index;
    SYN_TRY(take_slot(s, &index));
    const syn_data *d = s->data;
    int64_t xs = s->plan->x_count * (int64_t)syn_type_size(syn_data_x_type(d));
    int64_t ys = s->stored.has_y ? s->plan->y_count * (int64_t)syn_type_size(syn_data_y_type(d)) : 0;
    for (int r = 0; r < list->rows; r++) {
        int64_t row = s->host_perm[s->cursor + r];
        convert(s->slot[index].host_x + r * s->stored.x_bytes, s->stored.x_type,
                (const char *)syn_data_x(d) + row * xs, syn_data_x_type(d), s->plan->x_count);
        if (ys)
            convert(s->slot[index].host_y + r * s->stored.y_bytes, s->stored.y_type,
                    (const char *)syn_data_y(d) + row * ys, syn_data_y_type(d), s->plan->y_count);
    }
    s->cursor += list->rows;
    return send_and_feed(s, list, index);
}
