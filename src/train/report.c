#include "train/report.h"

#include <math.h>
#include <stdlib.h>

enum { MAX_CLASSES = 8192 };  /* a matrix of 256 MiB */
enum { MEAN, SQUARES, ERRORS, CARRY, MOMENTS }; /* per output: as in cl/op/report.cl */

struct syn_tables {
    syn_plan *plan;
    int loss; /* which of the plan's */
    syn_report_kind kind;
    int64_t outputs; /* values of a row of the loss's input */
    int classes, top_k;
    int64_t *confusion; /* the caller's, or NULL */
    syn_buffer *counts, *moments;
    struct launch {
        const syn_list *list;
        syn_item item;
    } launch[8];        /* by list: the full batch and the last one */
    int n_launches;
};

static syn_report_kind kind_of(const syn_plan *plan, int k) {
    return k < 0 || k >= plan->n_losses ? SYN_REPORT_NONE : plan->state->net->layer[plan->losses[k]].row->report;
}

static const syn_node *loss_node(const syn_plan *plan, int k) {
    const syn_graph *g = &plan->graph[SYN_MODE_EVAL];
    return &g->node[g->value[g->loss[k]].producer];
}

int syn_plan_classes(const syn_plan *plan) { return syn_plan_loss_classes(plan, 0); }

int syn_plan_loss_classes(const syn_plan *plan, int k) {
    syn_report_kind kind = kind_of(plan, k);
    if (kind == SYN_REPORT_NONE || kind == SYN_REPORT_VALUES) return 0;
    if (kind == SYN_REPORT_BITS || kind == SYN_REPORT_SIGNS) return 2;
    int64_t n = syn_value_cols(&plan->graph[SYN_MODE_EVAL], loss_node(plan, k)->in[0]);
    return n > MAX_CLASSES ? 0 : (int)n;
}

/* Counts: classes x classes, then the rows in the top k; or rows seen by output. */
static int64_t count_words(const syn_tables *t) {
    return t->kind == SYN_REPORT_VALUES ? t->outputs : (int64_t)t->classes * t->classes + 1;
}

static syn_status allocate(syn_tables *t) {
    syn_plan *p = t->plan;
    SYN_TRY(syn_buffer_create(&t->counts, p->ctx, count_words(t) * 4, "the evaluation's counts"));
    SYN_TRY(syn_buffer_zero(t->counts));
    int64_t moments = t->kind == SYN_REPORT_VALUES ? t->outputs * MOMENTS : 1;
    SYN_TRY(syn_buffer_create(&t->moments, p->ctx, moments * syn_plan_real(p), "the evaluation's sums"));
    return syn_buffer_zero(t->moments);
}

syn_status syn_tables_open(syn_tables **tables, syn_plan *plan, int k, const syn_evaluate_opts *opts) {
    const syn_evaluate_opts none = { 0 }, *o = opts ? opts : &none;
    *tables = NULL;
    syn_report_kind kind = kind_of(plan, k);
    int classes = syn_plan_loss_classes(plan, k);
    if (o->top_k < 0) return syn_fail(SYN_E_ARGUMENT, "syn_evaluate: top_k is %d; 1 and up are possible", o->top_k);
    if (o->confusion && o->n != (int64_t)classes * classes)
        return syn_fail(SYN_E_SHAPE, "syn_evaluate: the confusion matrix has %d x %d values, room for %lld was given",
                        classes, classes, (long long)o->n);
    if (kind == SYN_REPORT_NONE || (kind != SYN_REPORT_VALUES && !classes)) return SYN_OK;
    syn_tables *t = calloc(1, sizeof *t);
    if (!t) return syn_no_memory(sizeof *t);
    int top_k = o->top_k ? o->top_k : 5;
    *t = (syn_tables){ .plan = plan, .loss = k, .kind = kind, .classes = classes, .top_k = top_k < classes ? top_k : classes,
                       .outputs = syn_value_count(&plan->graph[SYN_MODE_EVAL], loss_node(plan, k)->in[0]),
                       .confusion = o->confusion };
    *tables = t;
    syn_status status = allocate(t);
    if (status == SYN_OK) return SYN_OK;
    syn_tables_close(t);
    *tables = NULL;
    return status;
}

void syn_tables_close(syn_tables *t) {
    if (!t) return;
    (void)syn_ctx_finish(t->plan->ctx);
    for (int i = 0; i < t->n_launches; i++) syn_item_free(&t->launch[i].item);
    syn_buffer_destroy(t->counts);
    syn_buffer_destroy(t->moments);
    free(t);
}

/* The label that the loss leaves out, -1: none. */
static int64_t ignored(const syn_tables *t) {
    return t->plan->fed[t->plan->n_inputs + t->loss].ignored;
}

/* Classes: a work-item a row. Values: a work-item an output, which goes over the rows. */
static syn_status make(syn_tables *t, const syn_list *list, syn_item *item) {
    syn_plan *p = t->plan;
    const syn_node *loss = loss_node(p, t->loss);
    bool values = t->kind == SYN_REPORT_VALUES, cpu = syn_ctx_profile_of(p->ctx)->cpu;
    syn_call c = { .source = "op/report.cl", .entry = values ? "report_values" : "report_classes", .dims = 1,
                   .defs = syn_format("#define COLS %lld\n#define CLASSES %d\n#define TOP_K %d\n"
                                      "#define IGNORED %lld\n#define KIND_%s 1\n", (long long)t->outputs,
                                      t->classes, t->top_k, (long long)ignored(t),
                                      t->kind == SYN_REPORT_LABELS          ? "LABELS"
                                      : t->kind == SYN_REPORT_DISTRIBUTIONS ? "DISTRIBUTIONS"
                                      : t->kind == SYN_REPORT_BITS          ? "BITS"
                                      : t->kind == SYN_REPORT_SIGNS         ? "SIGNS"
                                                                            : "VALUES") };
    if (!c.defs) return syn_no_memory(256);
    syn_call_arg(&c, syn_in(loss->in[0]));
    syn_call_arg(&c, syn_in(loss->in[1]));
    syn_call_arg(&c, syn_block_arg(SYN_BLOCK_TILES, true));
    if (values) syn_call_arg(&c, syn_block_arg(SYN_BLOCK_PARTIAL, true));
    syn_call_arg(&c, syn_int(list->rows));
    int64_t items = values ? t->outputs : cpu ? syn_ceil_div(list->rows, 8) : list->rows;
    c.local[0] = cpu ? 1 : 64;
    c.global[0] = (size_t)syn_round_up(items, (int64_t)c.local[0]);
    *item = (syn_item){ .call = c, .node = -1, .area = -1 };
    /* The tables stand in the place of blocks this kernel does not know. */
    syn_buffer *block[SYN_BLOCKS] = { [SYN_BLOCK_TILES] = t->counts, [SYN_BLOCK_PARTIAL] = t->moments };
    const syn_binding b = { .ctx = p->ctx, .kernels = &p->kernels, .block = block };
    SYN_TRY(syn_kernels_want(&p->kernels, &item->call, &item->instance));
    SYN_TRY(syn_kernels_build(&p->kernels));
    return syn_item_bind(item, list, &b, p->dtype);
}

syn_status syn_tables_count(syn_tables *t, const syn_list *list) {
    int i = 0;
    while (i < t->n_launches && t->launch[i].list != list) i++;
    if (i == (int)SYN_COUNT(t->launch))
        return syn_fail(SYN_E_ARGUMENT, "an evaluation of too many batch sizes (a bug: please report it)");
    if (i == t->n_launches) {
        t->launch[t->n_launches++].list = list;
        SYN_TRY(make(t, list, &t->launch[i].item));
    }
    return syn_item_run(&t->launch[i].item, list, t->plan->ctx);
}

void syn_class_score_of(const int64_t *confusion, int classes, int k, syn_class_score *score) {
    int64_t row = 0, column = 0, right = confusion[(int64_t)k * classes + k];
    for (int i = 0; i < classes; i++) {
        row += confusion[(int64_t)k * classes + i];
        column += confusion[(int64_t)i * classes + k];
    }
    *score = (syn_class_score){ .support = row };
    if (column) score->precision = (double)right / (double)column;
    if (row) score->recall = (double)right / (double)row;
    if (row + column) score->f1 = 2 * (double)right / (double)(row + column);
}

static void sum_up(const syn_tables *t, const uint32_t *counts, int64_t *confusion, syn_metrics *m) {
    int64_t all = 0, right = 0, used = 0, cells = (int64_t)t->classes * t->classes;
    double precision = 0, recall = 0, f1 = 0;
    for (int64_t i = 0; i < cells; i++) all += confusion[i] = counts[i];
    for (int k = 0; k < t->classes; k++) {
        syn_class_score s;
        int64_t predicted = 0;
        syn_class_score_of(confusion, t->classes, k, &s);
        for (int i = 0; i < t->classes; i++) predicted += confusion[(int64_t)i * t->classes + k];
        right += confusion[(int64_t)k * t->classes + k];
        if (!s.support && !predicted) continue;
        used++;
        precision += s.precision;
        recall += s.recall;
        f1 += s.f1;
    }
    m->classes = t->classes;
    if (!all) return;
    m->precision = precision / (double)used;
    m->recall = recall / (double)used;
    m->f1 = f1 / (double)used;
    if (t->kind != SYN_REPORT_LABELS && t->kind != SYN_REPORT_DISTRIBUTIONS) return;
    m->accuracy = (double)right / (double)all;
    m->top_k = (double)counts[cells] / (double)all;
}

static syn_status read_classes(const syn_tables *t, syn_metrics *m) {
    int64_t cells = (int64_t)t->classes * t->classes, words = count_words(t);
    uint32_t *counts = malloc((size_t)words * sizeof *counts);
    int64_t *confusion = t->confusion ? t->confusion : malloc((size_t)cells * sizeof *confusion);
    syn_status status = counts && confusion ? syn_buffer_read(t->counts, 0, counts, words * 4, true)
                                            : syn_no_memory((size_t)cells * sizeof *confusion);
    if (status == SYN_OK) sum_up(t, counts, confusion, m);
    free(counts);
    if (!t->confusion) free(confusion);
    return status;
}

static syn_status read_values(const syn_tables *t, syn_metrics *m) {
    int64_t n = t->outputs * MOMENTS;
    double *v = malloc((size_t)n * sizeof *v), errors = 0, r2 = 0;
    if (!v) return syn_no_memory((size_t)n * sizeof *v);
    syn_status status = syn_reals_read(t->moments, t->plan->dtype, 0, v, n);
    for (int64_t f = 0; f < t->outputs; f++) {
        const double *s = v + f * MOMENTS, e = s[ERRORS] + s[CARRY];
        errors += e;
        r2 += s[SQUARES] > 0 ? 1 - e / s[SQUARES] : e > 0 ? 0 : 1; /* constant targets: as scikit-learn */
    }
    m->rmse = sqrt(errors / ((double)t->outputs * (double)m->rows));
    m->r2 = r2 / (double)t->outputs;
    free(v);
    return status;
}

syn_status syn_tables_read(syn_tables *t, syn_metrics *m) {
    return t->kind == SYN_REPORT_VALUES ? read_values(t, m) : read_classes(t, m);
}
