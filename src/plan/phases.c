/* Tables of phases, and running them. */
#include "plan/phases.h"

#include <stdlib.h>
#include <string.h>

enum {
    BYTE_COST = 8,      /* of moving a byte, in operations */
    COST = 1 << 16,     /* of an item, at least: half a microsecond */
    LOOKS = 1 << 19,    /* at a counter, in a quarter of a millisecond or so */
    LOOK_COST = 64,     /* operations in the time of one */
    APART_INTS = 16,    /* between counters that all write */
    MOST_SLABS = SYN_MAX_BASES - 6, /* of lists with phases: of gigabytes each, where launches cost nothing */
    FEEDS = 4096        /* bytes for tables of feeds */
};

typedef struct writer {
    const syn_list *list;
    const syn_binding *b; /* NULL: places are not known yet */
    syn_dtype dtype;
    int64_t *code;
    int n, cap;
    syn_phases *phases;
    syn_status status;
} writer;

static int put(writer *w, int64_t number) {
    if (w->status == SYN_OK && !syn_grow(&w->code, &w->cap, w->n + 1, sizeof *w->code))
        w->status = syn_no_memory((size_t)w->n * sizeof *w->code);
    if (w->status == SYN_OK) w->code[w->n] = number;
    return w->n++;
}

/* ---- calls ---- */

static int size_of(const syn_call *c, int dim) { return dim < c->dims ? (int)c->global[dim] : 1; }

static int64_t work_items(const syn_call *c) { return (int64_t)size_of(c, 0) * size_of(c, 1) * size_of(c, 2); }

static int base_of(writer *w, syn_buffer *b) {
    syn_phases *p = w->phases;
    for (int k = 0; k < p->n_bases; k++)
        if (p->base[k] == b) return k;
    if (p->n_bases == SYN_MAX_BASES) {
        w->status = syn_fail(SYN_E_ARGUMENT, "more than %d buffers in one list (a bug: please report it)", SYN_MAX_BASES);
        return 0;
    }
    p->base[p->n_bases] = b;
    return p->n_bases++;
}

static void put_buffer(writer *w, int item, const syn_arg *a) {
    const syn_list *l = w->list;
    const syn_binding *from = w->b;
    syn_buffer *b = NULL;
    int64_t offset = 0;
    if (!w->b) {
        put(w, 0);
        put(w, 0);
        return;
    }
    if (a->kind == SYN_ARG_SCRATCH) {
        const syn_place *place = &l->place[l->area[a->value].place];
        b = l->slab[place->slab];
        offset = place->offset + a->i;
    } else {
        b = a->kind == SYN_ARG_VALUE ? l->value[syn_value_root(l->graph, a->value)]
            : from->block_of         ? from->block_of[item][a->value]
                                     : from->block[a->value];
        if (b) b = syn_buffer_whole(b, &offset);
        else w->status = syn_fail(SYN_E_ARGUMENT, "a buffer that a phase needs is not there (a bug: please report it)");
    }
    put(w, base_of(w, b));
    put(w, offset);
}

static int64_t bits_of(double r, syn_dtype dtype) {
    const float f = (float)r;
    int64_t i = 0;
    if (dtype == SYN_DOUBLE) memcpy(&i, &r, sizeof r);
    else memcpy(&i, &f, sizeof f); /* the device reads the low half */
    return i;
}

static void put_call(writer *w, int number) {
    const syn_item *item = &w->list->item[number];
    const syn_call *c = &item->call;
    put(w, w->b ? w->b->kernels->instance[item->instance].number : 0);
    for (int d = 0; d < 3; d++) put(w, size_of(c, d));
    for (int k = 0; k < c->n_args; k++) {
        const syn_arg *a = &c->arg[k];
        if (a->kind == SYN_ARG_INT) put(w, (int32_t)a->i);
        else if (a->kind == SYN_ARG_REAL) put(w, bits_of(a->r, w->dtype));
        else put_buffer(w, number, a);
    }
}

static double cost_of(const syn_call *c) { return c->flops + BYTE_COST * c->bytes; }

/* No more items than there is to share out, two for every worker, else by cost; and how long to wait for the last of
 * them: some hundred microseconds, longer than it could take, and as long as what is behind may take one alone, so
 * that to leave never costs more than to have waited. */
static void put_items(writer *w, const syn_call *c, double behind) {
    const double cost = cost_of(c);
    int64_t items = (int64_t)(cost / COST), most = work_items(c), least = 2 * w->phases->workers;
    if (items < least) items = least;
    if (items > most) items = most;
    put(w, items);
    put(w, LOOKS + (int64_t)(cost / (double)items + behind / LOOK_COST));
}

static syn_status write(writer *w) {
    const syn_list *l = w->list;
    double behind[2] = { 0, 0 }; /* of the net's and of what stands apart: they run by themselves */
    for (int i = 0; i < l->n_items; i++) {
        if (l->item[i].phase) behind[l->item[i].call.apart] += cost_of(&l->item[i].call);
        put(w, 0);
    }
    for (int i = 0; i < l->n_items && w->status == SYN_OK; i++) {
        const syn_call *c = &l->item[i].call;
        if (!l->item[i].phase) continue;
        w->code[i] = w->n;
        behind[c->apart] -= cost_of(c);
        put_items(w, c, behind[c->apart]);
        put_call(w, i);
    }
    return w->status;
}

/* ---- of a list ---- */

bool syn_phases_are(const syn_profile *p) {
    const char *set = getenv("SYNCLINE_PHASES");
    return p->cpu && !(set && strcmp(set, "0") == 0);
}

void syn_phases_mark(syn_list *l, const syn_profile *p) {
    for (int i = 0; i < l->n_items && syn_phases_are(p); i++) {
        const syn_call *c = &l->item[i].call;
        bool barrier_free = true;
        for (int d = 0; d < c->dims; d++) barrier_free &= c->local[d] == 1;
        l->item[i].phase = barrier_free && !l->item[i].in_library && !c->varies;
    }
}

/* Of the net, or of what stands apart. */
static syn_status want_functions(syn_list *l, syn_kernels *kernels, int n, bool apart) {
    const syn_call **call = malloc(((size_t)n + 1) * sizeof *call);
    int *instance = malloc(((size_t)n + 1) * sizeof *instance), k = 0;
    syn_status status = call && instance ? SYN_OK : syn_no_memory((size_t)n * sizeof *call);
    for (int i = 0; status == SYN_OK && i < l->n_items; i++)
        if (l->item[i].phase && l->item[i].call.apart == apart) call[k++] = &l->item[i].call;
    if (status == SYN_OK) status = syn_kernels_want_phases(kernels, call, k, instance);
    k = 0;
    for (int i = 0; status == SYN_OK && i < l->n_items; i++)
        if (l->item[i].phase && l->item[i].call.apart == apart) l->item[i].instance = instance[k++];
    free(call);
    free(instance);
    return status;
}

static int times_of(const syn_list *l) { return l->times > 1 ? l->times : 1; }

syn_status syn_phases_want(syn_list *l, syn_kernels *kernels, int units) {
    int n = 0;
    for (int i = 0; i < l->n_items; i++) n += l->item[i].phase &= l->n_slabs <= MOST_SLABS;
    if (!n) return SYN_OK;
    l->phases.workers = units;
    SYN_TRY(want_functions(l, kernels, n, false));
    SYN_TRY(want_functions(l, kernels, n, true));
    writer w = { .list = l, .phases = &l->phases };
    syn_status status = write(&w);
    free(w.code);
    l->phases.code_bytes = w.n * (int64_t)sizeof *w.code;
    l->phases.sync_bytes = 4 * ((int64_t)l->n_items * times_of(l) * (units + APART_INTS) + 1);
    return status;
}

void syn_phases_room(syn_list *const *list, int n, int align, syn_phase_room *t) {
    if (n) t->code_bytes += FEEDS;
    for (int i = 0; i < n; i++) {
        t->code_bytes += 2 * syn_round_up(list[i]->phases.code_bytes, align);
        if (list[i]->phases.sync_bytes > t->sync_bytes) t->sync_bytes = list[i]->phases.sync_bytes;
    }
}

static syn_status piece(syn_buffer **out, syn_buffer *of, int64_t at, int64_t bytes) {
    int64_t offset;
    syn_buffer *whole = syn_buffer_whole(of, &offset); /* a piece of a piece is none */
    return syn_buffer_sub(out, whole, offset + at, bytes);
}

/* Lists run one after the other: their counters may be the same. */
static syn_status take_room(syn_phases *p, const syn_binding *b) {
    syn_phase_room *t = b->tables;
    if (p->sync_bytes <= t->sync_bytes) {
        SYN_TRY(piece(&p->sync, t->sync, 0, p->sync_bytes));
    } else {
        SYN_TRY(syn_buffer_create(&p->sync, b->ctx, p->sync_bytes, "the counters of phases"));
        SYN_TRY(syn_buffer_zero(p->sync));
        t->own += p->sync_bytes;
    }
    if (t->used + p->code_bytes > t->code_bytes) {
        t->own += p->code_bytes;
        return syn_buffer_create(&p->code, b->ctx, p->code_bytes, "the table of phases");
    }
    SYN_TRY(piece(&p->code, t->code, t->used, p->code_bytes));
    t->used += syn_round_up(p->code_bytes, syn_ctx_profile_of(b->ctx)->align);
    return SYN_OK;
}

syn_status syn_phases_bind(syn_list *l, const syn_binding *b, syn_dtype dtype) {
    syn_phases *p = &l->phases;
    if (!p->code_bytes) return SYN_OK;
    writer w = { .list = l, .b = b, .dtype = dtype, .phases = p };
    syn_status status = write(&w);
    for (int i = 0; i < l->n_items; i++) {
        const syn_item *item = &l->item[i];
        if (item->phase) p->program[item->call.apart] = b->kernels->instance[item->instance].program;
    }
    if (status == SYN_OK) status = take_room(p, b);
    if (status == SYN_OK) status = syn_buffer_write(p->code, 0, w.code, p->code_bytes, true);
    free(w.code);
    return status;
}

static syn_status make_run(syn_list *l, int first, int count, int times, syn_kernel **out) {
    syn_phases *p = &l->phases;
    const int32_t number[] = { first, count, times, l->n_items * times_of(l) };
    syn_kernel *k;
    int at = SYN_MAX_BASES;
    if (!syn_grow(&p->run, &p->cap_runs, p->n_runs + 1, sizeof *p->run)) return syn_no_memory(sizeof *p->run);
    SYN_TRY(syn_kernel_create(&k, p->program[l->item[first].call.apart], "phases"));
    syn_status status = SYN_OK;
    for (int i = 0; i < SYN_MAX_BASES && status == SYN_OK; i++)
        status = syn_kernel_buffer(k, i, p->base[i < p->n_bases ? i : 0]);
    if (status == SYN_OK) status = syn_kernel_buffer(k, at++, p->code);
    if (status == SYN_OK) status = syn_kernel_buffer(k, at++, p->sync);
    for (size_t i = 0; i < SYN_COUNT(number) && status == SYN_OK; i++)
        status = syn_kernel_value(k, at++, &number[i], sizeof number[i]);
    if (status != SYN_OK) {
        syn_kernel_destroy(k);
        return status;
    }
    p->run[p->n_runs++] = (struct syn_phases_run){ first, count, times, k };
    *out = k;
    return SYN_OK;
}

syn_status syn_phases_run(syn_list *l, syn_ctx *ctx, int first, int count, int times) {
    const size_t global[3] = { (size_t)l->phases.workers, 1, 1 }, local[3] = { 1, 1, 1 };
    syn_kernel *kernel = NULL;
    for (int i = 0; i < l->phases.n_runs; i++) {
        const struct syn_phases_run *r = &l->phases.run[i];
        if (r->first == first && r->count == count && r->times == times) kernel = r->kernel;
    }
    if (!kernel) SYN_TRY(make_run(l, first, count, times, &kernel));
    syn_ctx_record_tag(ctx, &l->item[first]);
    return syn_kernel_run(kernel, 1, global, local);
}

void syn_phases_free(syn_phases *p) {
    for (int i = 0; i < p->n_runs; i++) syn_kernel_destroy(p->run[i].kernel);
    free(p->run);
    syn_buffer_destroy(p->code);
    syn_buffer_destroy(p->sync);
    *p = (syn_phases){ 0 };
}
