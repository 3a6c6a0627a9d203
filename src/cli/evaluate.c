/* syncline evaluate: a run's weights on its test and validation data. */
#include "cli/run.h"
#include "cli/session.h"

#include "io/confusion.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SHOWN = 40, LETTERS = 16 }; /* classes of the report; letters of a name in the tables */

typedef struct evaluation {
    cli_session *s;
    const char *title, *folder; /* of the run; for the files */
    int top_k;
} evaluation;

static void print_summary(const syn_metrics *m, const char *name, int top_k) {
    char count[32];
    printf("%-10s %s samples, loss %.5g", name,
           cli_count_text(count, sizeof count, (double)m->rows), m->loss);
    if (!isnan(m->accuracy)) printf(", accuracy %.2f %%", 100 * m->accuracy);
    if (!isnan(m->top_k) && top_k < m->classes) printf(", top %d %.2f %%", top_k, 100 * m->top_k);
    if (!isnan(m->rmse)) printf(", RMSE %.5g, r2 %.4f", m->rmse, m->r2);
    printf("\n");
}

/* A name, cut, in `columns` columns. */
static void print_name(const char *name, int columns) {
    int n = 0, letters = 0;
    for (; name[n]; n++) {
        letters += ((unsigned char)name[n] & 0xC0) != 0x80;
        if (letters > columns) break;
    }
    printf("%.*s%*s", n, name, letters < columns ? columns - letters : 0, "");
}

static int name_columns(const syn_confusion *c, int least) {
    char room[16];
    int most = least;
    for (int k = 0; k < c->classes; k++) {
        int n = cli_columns(syn_confusion_name(c, k, room, sizeof room));
        if (n > most) most = n;
    }
    return most < LETTERS ? most : LETTERS;
}

typedef struct ranked {
    int k;
    double f1;
} ranked;

static int by_f1(const void *a, const void *b) {
    const ranked *p = a, *q = b;
    return p->f1 < q->f1 ? -1 : p->f1 > q->f1 ? 1 : p->k - q->k;
}

/* Of very many classes, those with the lowest F1. */
static syn_status print_classes(const syn_confusion *c, const syn_metrics *m) {
    char room[16];
    int columns = name_columns(c, 5), shown = c->classes < SHOWN ? c->classes : SHOWN;
    ranked *order = malloc((size_t)c->classes * sizeof *order);
    if (!order) return syn_no_memory((size_t)c->classes * sizeof *order);
    for (int k = 0; k < c->classes; k++) {
        syn_class_score s;
        syn_class_score_of(c->count, c->classes, k, &s);
        order[k] = (ranked){ k, s.f1 };
    }
    if (shown < c->classes) qsort(order, (size_t)c->classes, sizeof *order, by_f1);
    printf("\n%-*s  precision  recall      F1  support\n", columns, "class");
    for (int i = 0; i < shown; i++) {
        syn_class_score s;
        syn_class_score_of(c->count, c->classes, order[i].k, &s);
        print_name(syn_confusion_name(c, order[i].k, room, sizeof room), columns);
        printf("  %9.4f  %6.4f  %6.4f  %7lld\n", s.precision, s.recall, s.f1, (long long)s.support);
    }
    print_name("mean", columns);
    printf("  %9.4f  %6.4f  %6.4f\n", m->precision, m->recall, m->f1);
    if (shown < c->classes)
        printf("the %d classes of %d with the lowest F1; classes.csv has all\n", shown, c->classes);
    free(order);
    return SYN_OK;
}

/* The matrix, where the terminal is wide enough for it. */
static void print_matrix(const syn_confusion *c) {
    char room[32];
    int columns = name_columns(c, 4), cell = 4, n = c->classes;
    for (int64_t i = 0; i < (int64_t)n * n; i++) {
        int digits = snprintf(room, sizeof room, "%lld", (long long)c->count[i]);
        if (digits + 1 > cell) cell = digits + 1;
    }
    if (columns + 1 + cell * n > cli_width(STDOUT_FILENO)) return;
    printf("\n");
    print_name("true", columns);
    printf(" | predicted\n");
    print_name("", columns);
    for (int k = 0; k < n; k++) {
        const char *name = syn_confusion_name(c, k, room, sizeof room);
        int letters = cli_columns(name);
        printf("%*s", letters < cell - 1 ? cell - letters : 1, "");
        print_name(name, letters < cell - 1 ? letters : cell - 1);
    }
    printf("\n");
    for (int i = 0; i < n; i++) {
        print_name(syn_confusion_name(c, i, room, sizeof room), columns);
        for (int k = 0; k < n; k++) printf("%*lld", cell, (long long)c->count[(int64_t)i * n + k]);
        printf("\n");
    }
}

/* What the target of loss k, of several, is called; "" for the only one. */
static const char *loss_name(const evaluation *v, int k) {
    return syn_plan_losses(v->s->plan) > 1 ? syn_plan_loss_name(v->s->plan, k, NULL) : "";
}

/* The target in the set that belongs to the loss. */
static int target_of(const syn_data *set, const char *loss, int k) {
    syn_field_info y;
    for (int i = 0; syn_data_target(set, i, &y); i++)
        if (y.name && !strcmp(y.name, loss)) return i;
    return k;
}

static syn_status report(const evaluation *v, const syn_metrics *m, syn_data *set, const char *name,
                         int k_loss, const int64_t *counts) {
    const char *loss = loss_name(v, k_loss);
    int target = target_of(set, loss, k_loss);
    const char **names = calloc((size_t)m->classes, sizeof *names);
    char *title =
        syn_format("%s: what is confused, %s%s%s data", v->title, loss, *loss ? ", " : "", name);
    char *suffix = syn_format("%s%s", *loss ? "-" : "", loss);
    if (!names || !title || !suffix) {
        free(names);
        free(title);
        free(suffix);
        return syn_no_memory((size_t)m->classes * sizeof *names);
    }
    bool named = true;
    for (int k = 0; k < m->classes; k++)
        named &= (names[k] = syn_data_class_name(set, target, k)) != NULL;
    const syn_confusion c = {
        .count = counts, .classes = m->classes, .name = named ? names : NULL, .title = title
    };
    syn_status status = print_classes(&c, m);
    if (status == SYN_OK) {
        print_matrix(&c);
        status = syn_confusion_write(&c, v->folder, suffix);
    }
    if (status == SYN_OK)
        printf("\nconfusion  %s/confusion%s.svg, confusion%s.csv, classes%s.csv\n", v->folder,
               suffix, suffix, suffix);
    free(title);
    free(suffix);
    free(names);
    return status;
}

/* Room for the confusion matrix of every loss that has classes. */
static syn_status prepare(const evaluation *v, syn_evaluate_opts *opts, bool full) {
    for (int k = 0; k < syn_plan_losses(v->s->plan); k++) {
        int64_t classes = full ? syn_plan_loss_classes(v->s->plan, k) : 0;
        opts[k] = (syn_evaluate_opts){ .top_k = v->top_k, .n = classes * classes };
        if (!classes) continue;
        opts[k].confusion = malloc((size_t)(classes * classes) * sizeof *opts[k].confusion);
        if (!opts[k].confusion) return syn_no_memory((size_t)(classes * classes) * 8);
    }
    return SYN_OK;
}

static syn_status evaluate_set(const evaluation *v, syn_data *set, const char *name, bool full) {
    syn_metrics m, each[SYN_MAX_ENDS];
    syn_evaluate_opts opts[SYN_MAX_ENDS] = { { 0 } };
    int n = syn_plan_losses(v->s->plan);
    if (!set) return SYN_OK;
    syn_status status = prepare(v, opts, full);
    if (status == SYN_OK) status = syn_evaluate_losses(v->s->plan, set, opts, &m, each);
    if (status == SYN_OK && n == 1) print_summary(&each[0], name, v->top_k);
    if (status == SYN_OK && n > 1) {
        char count[32];
        printf("%-10s %s samples, loss %.5g\n", name,
               cli_count_text(count, sizeof count, (double)m.rows), m.loss);
    }
    for (int k = 0; k < n && status == SYN_OK && n > 1; k++)
        print_summary(&each[k], loss_name(v, k), v->top_k);
    for (int k = 0; k < n && status == SYN_OK; k++) {
        if (!opts[k].confusion) continue;
        if (n > 1) printf("\n%s\n", loss_name(v, k));
        status = report(v, &each[k], set, name, k, opts[k].confusion);
    }
    for (int k = 0; k < n; k++) free(opts[k].confusion);
    return status;
}

static syn_status run(cli_experiment *e, cli_session *s, const cli_call *call, int top_k) {
    const char *folder = call->operand[0], *device = cli_get(call, "device"),
               *out = cli_get(call, "out");
    SYN_TRY(cli_run_check(folder, CLI_WEIGHTS, false));
    SYN_TRY(cli_run_check(folder, CLI_EXPERIMENT, false));
    char *experiment = cli_run_path(folder, CLI_EXPERIMENT);
    char *weights = cli_run_path(folder, CLI_WEIGHTS);
    syn_status status = experiment && weights ? SYN_OK : syn_no_memory(4096);
    if (status == SYN_OK) status = cli_experiment_read(e, experiment, NULL, 0);
    if (status == SYN_OK) status = cli_experiment_data(e);
    if (status == SYN_OK) status = cli_experiment_net(e); /* checks the data against the model */
    s->weighted = cli_experiment_weighted(e);
    if (status == SYN_OK)
        status = cli_session_load(s, weights, device, e->train.batch, cli_dtype(&e->train));
    free(experiment);
    free(weights);
    SYN_TRY(status);
    const evaluation v = {
        .s = s, .title = e->top.name, .folder = out ? out : folder, .top_k = top_k
    };
    if (!e->test_set && !e->val_set) return evaluate_set(&v, e->train_set, "training", true);
    SYN_TRY(evaluate_set(&v, e->val_set, "validation", !e->test_set));
    return evaluate_set(&v, e->test_set, "test", true);
}

int cli_evaluate(const cli_call *call) {
    cli_experiment e = { 0 };
    cli_session s = { 0 };
    const char *k = cli_get(call, "top-k");
    char *end = NULL;
    long top_k = k ? strtol(k, &end, 10) : 5;
    if (k && (*end || end == k || top_k < 1 || top_k > 8192))
        return cli_usage(call, "--top-k expects a number from 1 to 8192, got '%s'", k);
    syn_status status = run(&e, &s, call, (int)top_k);
    int code = status == SYN_OK ? CLI_OK : cli_fail();
    cli_session_close(&s);
    cli_experiment_free(&e);
    return code;
}
