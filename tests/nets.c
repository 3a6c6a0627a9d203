#include "nets.h"

#include "layer/layer.h"

#include <math.h>

static void register_maps(void) {
    static bool done;
    if (done) return;
    done = true;
    ok(syn_register_map(&(syn_map_row){ .name = "own_softsign", .forward = "x / (1 + fabs(x))",
                                        .derivative = "(1 - fabs(y)) * (1 - fabs(y))" }));
    ok(syn_register_loss(&(syn_loss_row){ .name = "own_quartic", .loss = "by * (x - t) * (x - t) * (x - t) * (x - t)",
                                          .gradient = "4 * by * (x - t) * (x - t) * (x - t)",
                                          .attr = { { "by", .75, 1, .1, 10, "factor" } } }));
    ok(syn_register_map(&(syn_map_row){
        .name = "own_bump", .forward = "a * exp(-x * x * b)", .derivative = "-2 * b * x * y",
        .attr = { { "a", 1.25, 1, .1, 10, "height" }, { "b", .75, 1, .1, 10, "narrowness" } } }));
}

/* ---- feeding ---- */

void batch_make(net_batch *b, const net_case *c, int rows) {
    ck_assert_int_le(rows, NET_ROWS);
    syn_shape x = { .rank = c->x.rank + 1, .dim = { rows } }, y = { .rank = c->y.rank + 1, .dim = { rows } };
    memcpy(x.dim + 1, c->x.dim, sizeof x.dim - sizeof *x.dim);
    memcpy(y.dim + 1, c->y.dim, sizeof y.dim - sizeof *y.dim);
    *b = (net_batch){ .n = syn_shape_count(&x) };
    b->x = new_random(b->n, 100, -1, 1);
    b->xs = f64(b->x, x);
    if (c->y.rank == 0) {
        double u[NET_ROWS];
        fill_random(u, rows, 101, 0, c->classes);
        for (int i = 0; i < rows; i++) b->label[i] = (int32_t)u[i];
        b->ys = i32(b->label, rows);
        return;
    }
    b->target = new_random(syn_shape_count(&y), 102, 0, 1);
    b->ys = f64(b->target, y);
}

void batch_free(net_batch *b) {
    free(b->x);
    free(b->target);
}

void plan_make(syn_state **state, syn_plan **plan, const net_case *c, syn_plan_opts opts) {
    ok(syn_state_create(state, test_ctx(), c->net));
    opts.loss = c->loss;
    if (!opts.batch) opts.batch = NET_ROWS;
    syn_status status = syn_plan_create(plan, *state, &opts);
    ck_assert_msg(status == SYN_OK, "%s: %s", c->name, syn_error_text());
}

/* ---- building ---- */

static void begin(net_case *c, syn_shape x) {
    *c = (net_case){ .x = x };
    ok(syn_net_create(&c->net, 11));
}

static void end(net_case *c, net_visit visit, void *user) {
    const syn_net *net = c->net;
    ck_assert_msg(syn_net_status(net) == SYN_OK, "%s: %s", c->name, syn_error_text());
    const syn_net_layer *loss = &net->layer[c->loss.layer];
    c->y = net->layer[loss->in[0]].shape;
    for (int i = 0; i < net->n_layers; i++) {
        c->modal |= net->layer[i].row->modal;
        c->random |= net->layer[i].row->random || net->layer[i].row->modal;
    }
    if (loss->row->labels) {
        c->classes = (int)c->y.dim[c->y.rank - 1];
        c->y.rank = 0;
    }
    visit(c, user);
    syn_net_destroy(c->net);
}

static syn_tensor dense(syn_tensor x, int units) {
    return syn_dense(x, &(syn_dense_opts){ .units = units,
                                           .bias_init = syn_init_uniform(NULL) });
}

/* ---- maps: several to a net, for programs take long to compile ---- */

void walk_maps(net_visit visit, void *user) {
    enum { TOGETHER = 6 };
    register_maps();
    for (int m = 0; m < syn_map_count(); m += TOGETHER) {
        net_case c;
        syn_tensor part[TOGETHER + 1];
        int n = 0;
        begin(&c, SYN_SHAPE(5));
        syn_tensor x = syn_input(c.net, c.x), y = dense(x, 17);
        snprintf(c.name, sizeof c.name, "maps");
        for (; n < TOGETHER && m + n < syn_map_count(); n++) {
            const char *name = syn_map_at(m + n)->name;
            part[n] = syn_map(y, name, NULL, 0);
            snprintf(c.name + strlen(c.name), sizeof c.name - strlen(c.name), " %s", name);
        }
        /* and a chain of all of them */
        part[n] = y;
        for (int i = 0; i < n; i++) part[n] = syn_map(part[n], syn_map_at(m + i)->name, NULL, 0);
        c.loss = syn_mse(syn_concat(part, n + 1));
        end(&c, visit, user);
    }
}

/* ---- layers: every shape they take, every flag and choice ---- */

static void set(void *opts, const syn_option *o, double value) {
    char *to = (char *)opts + o->offset;
    if (o->kind == SYN_OPTION_REAL) *(double *)to = value;
    else if (o->kind == SYN_OPTION_FLAG) *(bool *)to = value != 0;
    else *(int *)to = (int)value;
}

/* Options that have no default get a value; rates get one that does something. */
void *guess_options(const syn_def *def) {
    register_maps();
    char *opts = calloc(1, def->size);
    ck_assert_ptr_nonnull(opts);
    for (int i = 0; i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        if (o->kind == SYN_OPTION_INT && o->def[0] == 0 && o->lo >= 1) set(opts, o, 3);
        if (strcmp(o->name, "groups") == 0) set(opts, o, 3);
        if (o->kind == SYN_OPTION_REAL && o->def[0] == 0 && o->lo == 0 && o->hi <= 1) set(opts, o, .3);
        /* slopes away from 0, where elu behind them has its kink */
        if (o->kind == SYN_OPTION_REAL && strcmp(o->name, "alpha") == 0) set(opts, o, .2);
        if (o->kind == SYN_OPTION_TEXT && strcmp(o->name, "function") == 0)
            *(const char **)(void *)(opts + o->offset) = strcmp(def->kind, "loss") ? "tanh" : "own_quartic";
    }
    return opts;
}

/* Variant k of the options: 0 as guessed, then each flag and each choice in turn. False: no more. */
static bool vary(const syn_def *def, void *opts, int k, char *what, size_t size) {
    snprintf(what, size, "%s", def->name);
    if (k-- == 0) return true;
    for (int i = 0; i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        int n = o->kind == SYN_OPTION_FLAG     ? 1
                : o->kind == SYN_OPTION_CHOICE ? syn_choice_count(o)
                                               : 0;
        if (k < n) {
            set(opts, o, k + 1);
            snprintf(what, size, "%s %s=%d", def->name, o->name, k + 1);
            return true;
        }
        k -= n;
    }
    return false;
}

/* The layer over tensors made of x, some of them shared on purpose. */
static syn_tensor apply(syn_tensor x, const syn_def *def, const void *opts, int n_in) {
    syn_tensor in[4] = { syn_tanh(x), x, syn_sigmoid(x) };
    return syn_layer(x.net, def->name, in, n_in, opts);
}

static bool takes(const syn_def *def, const void *opts, syn_shape shape, int n_in) {
    syn_net *net;
    ok(syn_net_create(&net, 1));
    apply(syn_input(net, shape), def, opts, n_in);
    syn_status status = syn_net_status(net);
    syn_net_destroy(net);
    return status != SYN_E_SHAPE; /* other errors are for the test to meet */
}

/* Branches of one input, and a dense layer so that something is trained. */
typedef struct branches {
    net_case c;
    syn_tensor x, out[SYN_MAX_IN];
    int n;
} branches;

static void flush(branches *b, net_visit visit, void *user) {
    if (!b->n) return;
    b->out[b->n++] = dense(syn_flatten(b->x), 1);
    b->c.loss = syn_mse(syn_concat(b->out, b->n));
    end(&b->c, visit, user);
    b->n = 0;
}

static void add_branch(branches *b, syn_shape shape, const syn_def *def, const void *opts, int n_in,
                       const char *what) {
    if (!b->n) {
        begin(&b->c, shape);
        b->x = syn_input(b->c.net, shape);
        snprintf(b->c.name, sizeof b->c.name, "layers over %d axes:", shape.rank);
    }
    size_t len = strlen(b->c.name);
    snprintf(b->c.name + len, sizeof b->c.name - len, " %s(%d)", what, n_in);
    b->out[b->n++] = syn_flatten(syn_elu(apply(b->x, def, opts, n_in), 1));
}

void walk_layers(net_visit visit, void *user) {
    enum { TOGETHER = 5 };
    static const syn_shape shapes[] = { { 1, { 17 } }, { 3, { 5, 4, 3 } } };
    branches b[SYN_COUNT(shapes)] = { { .n = 0 } };
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        const syn_layer_row *row = syn_layer_row_of(def);
        if (row->loss || row->max_in == 0) continue;
        char what[64];
        bool more = true;
        for (int k = 0; more; k++) {
            int taken = 0;
            void *opts = guess_options(def);
            more = vary(def, opts, k, what, sizeof what);
            for (size_t s = 0; more && s < SYN_COUNT(shapes); s++)
                for (int n = row->min_in; n <= row->max_in && n <= 3; n++) {
                    if (!takes(def, opts, shapes[s], n)) continue;
                    taken++;
                    add_branch(&b[s], shapes[s], def, opts, n, what);
                    if (b[s].n == TOGETHER) flush(&b[s], visit, user);
                }
            ck_assert_msg(!more || taken, "layer %s: takes none of the shapes tests know", what);
            free(opts);
        }
    }
    for (size_t s = 0; s < SYN_COUNT(shapes); s++) flush(&b[s], visit, user);
}

/* ---- losses: every flag and choice, over a dense layer ---- */

/* A sum of one, which takes the one target that batches have here; tests/test_inputs.c has several. */
static void visit_sum(net_visit visit, void *user) {
    net_case c;
    begin(&c, SYN_SHAPE(3));
    const syn_tensor loss = syn_mse(dense(syn_input(c.net, c.x), 7));
    c.loss = syn_loss_sum(&loss, (double[]){ .7 }, 1);
    snprintf(c.name, sizeof c.name, "loss loss_sum");
    end(&c, visit, user);
}

void walk_losses(net_visit visit, void *user) {
    visit_sum(visit, user);
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        if (!syn_layer_row_of(def)->loss || syn_layer_row_of(def)->sum) continue;
        char what[64];
        void *opts = guess_options(def);
        for (int k = 0; vary(def, opts, k, what, sizeof what); k++) {
            net_case c;
            begin(&c, SYN_SHAPE(3));
            syn_tensor x = dense(syn_input(c.net, c.x), 7);
            if (strcmp(def->name, "kl") == 0) x = syn_softmax(x); /* it takes logarithms of probabilities */
            c.loss = syn_layer(c.net, def->name, &x, 1, opts);
            snprintf(c.name, sizeof c.name, "loss %s", what);
            end(&c, visit, user);
            free(opts);
            opts = guess_options(def);
        }
        free(opts);
    }
}
