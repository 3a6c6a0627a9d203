#include "nets.h"

#include "layer/layer.h"

#include <math.h>

static void register_maps(void) {
    static bool done;
    if (done) return;
    done = true;
    ok(syn_register_map(&(syn_map_row){ .name = "own_softsign", .forward = "x / (1 + fabs(x))",
                                        .derivative = "(1 - fabs(y)) * (1 - fabs(y))" }));
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
    for (int i = 0; i < net->n_layers; i++) c->random |= net->layer[i].row->random;
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

/* ---- maps: one net each, at sizes around the vectors ---- */

void walk_maps(net_visit visit, void *user) {
    static const int sizes[] = { 1, 7, 15, 16, 17, 33 };
    register_maps();
    for (int m = 0; m < syn_map_count(); m++) {
        net_case c;
        syn_tensor part[SYN_COUNT(sizes)];
        begin(&c, SYN_SHAPE(5));
        syn_tensor x = syn_input(c.net, c.x);
        for (size_t i = 0; i < SYN_COUNT(sizes); i++)
            part[i] = syn_map(dense(x, sizes[i]), syn_map_at(m)->name, NULL, 0);
        /* and over the input itself, twice in a chain */
        part[0] = syn_concat((syn_tensor[]){ part[0], syn_map(syn_map(x, syn_map_at(m)->name, NULL, 0),
                                                              syn_map_at(m)->name, NULL, 0) }, 2);
        c.loss = syn_mse(syn_concat(part, (int)SYN_COUNT(sizes)));
        snprintf(c.name, sizeof c.name, "map %s", syn_map_at(m)->name);
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
static void *guess_options(const syn_def *def) {
    char *opts = calloc(1, def->size);
    ck_assert_ptr_nonnull(opts);
    for (int i = 0; i < def->n_options; i++) {
        const syn_option *o = &def->option[i];
        if (o->kind == SYN_OPTION_INT && o->def[0] == 0 && o->lo >= 1) set(opts, o, 3);
        if (o->kind == SYN_OPTION_REAL && o->def[0] == 0 && o->lo == 0 && o->hi <= 1) set(opts, o, .3);
        if (o->kind == SYN_OPTION_TEXT && strcmp(o->name, "function") == 0)
            *(const char **)(void *)(opts + o->offset) = "tanh";
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

/* False: the layer does not take the shape. */
static bool layer_net(net_case *c, const syn_def *def, const void *opts, syn_shape shape, int n_in) {
    syn_tensor in[4];
    begin(c, shape);
    syn_tensor x = syn_input(c->net, shape);
    in[0] = syn_tanh(x);
    for (int i = 1; i < n_in; i++) in[i] = i % 2 ? x : syn_sigmoid(in[0]); /* shared on purpose */
    syn_tensor y = syn_layer(c->net, def->name, in, n_in, opts);
    if (syn_net_status(c->net) == SYN_E_SHAPE) {
        syn_net_destroy(c->net);
        return false;
    }
    syn_tensor flat = syn_flatten(syn_elu(y, 1));
    c->loss = syn_mse(dense(flat, 4));
    return true;
}

void walk_layers(net_visit visit, void *user) {
    static const syn_shape shapes[] = { { 1, { 17 } }, { 3, { 5, 4, 3 } } };
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        const syn_layer_row *row = syn_layer_row_of(def);
        if (row->loss || row->max_in == 0) continue;
        char what[96];
        bool more = true;
        for (int k = 0; more; k++) {
            int taken = 0;
            void *opts = guess_options(def);
            more = vary(def, opts, k, what, sizeof what);
            for (size_t s = 0; more && s < SYN_COUNT(shapes); s++)
                for (int n = row->min_in; n <= row->max_in && n <= 3; n++) {
                    net_case c;
                    if (!layer_net(&c, def, opts, shapes[s], n)) continue;
                    taken++;
                    snprintf(c.name, sizeof c.name, "layer %s, %d axes, %d in", what, shapes[s].rank, n);
                    end(&c, visit, user);
                }
            ck_assert_msg(!more || taken, "layer %s: takes none of the shapes tests know", what);
            free(opts);
        }
    }
}

/* ---- losses: over the input itself ---- */

void walk_losses(net_visit visit, void *user) {
    static const int sizes[] = { 1, 2, 7, 16, 17, 33 };
    for (int i = 0; i < syn_layers()->n; i++) {
        const syn_def *def = syn_layers()->row[i];
        if (!syn_layer_row_of(def)->loss) continue;
        char what[96];
        bool more = true;
        for (int k = 0; more; k++) {
            void *opts = guess_options(def);
            more = vary(def, opts, k, what, sizeof what);
            int taken = 0;
            for (size_t s = 0; more && s < SYN_COUNT(sizes); s++) {
                if (k && s != 4) continue; /* options at one size */
                net_case c;
                begin(&c, SYN_SHAPE(sizes[s]));
                syn_tensor x = syn_input(c.net, c.x);
                c.loss = syn_layer(c.net, def->name, &x, 1, opts);
                if (syn_net_status(c.net) == SYN_E_SHAPE) {
                    syn_net_destroy(c.net);
                    continue;
                }
                taken++;
                snprintf(c.name, sizeof c.name, "loss %s of %d", what, sizes[s]);
                end(&c, visit, user);
            }
            ck_assert_msg(!more || taken, "loss %s: takes none of the shapes tests know", what);
            free(opts);
        }
    }
}
