/* Option rows: reading, ranges, nearest names, round trips. */
#include "base/options_json.h"
#include "layer/init.h"
#include "layer/layer.h"
#include "optim/optim.h"
#include "optim/schedule.h"

#include <check.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <syncline/syncline.h>

static const syn_def *row(const syn_table *table, const char *name) {
    const syn_def *def = syn_table_find(table, name);
    ck_assert_msg(def != NULL, "%s", syn_error_text());
    return def;
}

/* {'a': 1} -> parsed; the test's own slip fails at once. */
static json_t *parse(const char *text) {
    char *copy = syn_strdup(text);
    for (char *c = copy; *c; c++)
        if (*c == '\'') *c = '"';
    json_t *j = json_loads(copy, JSON_DECODE_ANY, NULL);
    free(copy);
    ck_assert_msg(j != NULL, "bad JSON in the test: %s", text);
    return j;
}

static syn_status read_text(const syn_def *def, void *opts, const char *text) {
    json_t *j = parse(text);
    syn_status status = syn_options_read(def, opts, j, NULL, NULL);
    json_decref(j);
    return status;
}

static void expect_error(const syn_def *def, const char *text, const char *message) {
    union {
        double align;
        char bytes[1024];
    } opts = { 0 };
    ck_assert_uint_le(def->size, sizeof opts);
    ck_assert_int_ne(read_text(def, &opts, text), SYN_OK);
    ck_assert_str_eq(syn_error_text(), message);
}

START_TEST(defaults_follow_the_preset) {
    syn_adam_opts o = { 0 };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &o, SYN_PRESET_DEFAULT, NULL),
                     SYN_OK);
    ck_assert(o.lr == .001 && o.beta1 == .9 && o.beta2 == .999 && o.eps == 1e-7);
    ck_assert_int_eq(o.eps_place, SYN_EPS_HAT);
    ck_assert_int_eq(o.preset, SYN_KERAS);
    o = (syn_adam_opts){ 0 };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &o, SYN_TORCH, NULL), SYN_OK);
    ck_assert(o.eps == 1e-8);
    ck_assert_int_eq(o.eps_place, SYN_EPS_OUTSIDE);
    /* a row's own preset wins over the net's */
    o = (syn_adam_opts){ .preset = SYN_KERAS };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &o, SYN_TORCH, NULL), SYN_OK);
    ck_assert(o.eps == 1e-7);
    o = (syn_adam_opts){ 0 };
    ck_assert_int_eq(read_text(row(syn_optims(), "adam"), &o, "{'preset': 'torch'}"), SYN_OK);
    ck_assert_int_eq(o.preset, SYN_TORCH);
    expect_error(row(syn_optims(), "adam"), "{'preset': 'jax'}",
                 "adam: preset expects keras or torch, got the text 'jax'");
}
END_TEST

START_TEST(every_kind_is_read) {
    syn_adam_opts a = { 0 };
    ck_assert_int_eq(read_text(row(syn_optims(), "adam"), &a,
                               "{'lr': 1, 'beta1': 0.5, 'eps_place': 'inside', 'amsgrad': true}"),
                     SYN_OK);
    ck_assert(a.lr == 1 && a.beta1 == .5 && a.amsgrad && a.eps_place == SYN_EPS_INSIDE);
    syn_momentum_opts m = { 0 };
    ck_assert_int_eq(read_text(row(syn_optims(), "momentum"), &m, "{'lr_in_buffer': false}"),
                     SYN_OK);
    ck_assert_int_eq(m.lr_in_buffer, SYN_NO);
    ck_assert_int_eq(read_text(row(syn_optims(), "momentum"), &m, "{'lr_in_buffer': 'yes'}"),
                     SYN_OK);
    ck_assert_int_eq(m.lr_in_buffer, SYN_YES);
    syn_dense_opts d = { 0 };
    ck_assert_int_eq(read_text(row(syn_layers(), "dense"), &d,
                               "{'units': 3e2, 'name': 'head', 'no_bias': true, 'init': "
                               "'he_normal', 'bias_init': {'normal': {'stddev': 0.5}}}"),
                     SYN_OK);
    ck_assert_int_eq(d.units, 300);
    ck_assert_str_eq(d.name, "head");
    ck_assert(d.no_bias);
    ck_assert_str_eq(d.init.def->name, "he_normal");
    ck_assert_str_eq(d.bias_init.def->name, "normal");
    ck_assert(((syn_init_normal_opts *)d.bias_init.u.opts)->stddev == .5);
    /* nothing, true and null are all "no options" */
    ck_assert_int_eq(syn_options_read(row(syn_layers(), "dense"), &d, NULL, NULL, NULL), SYN_OK);
    ck_assert_int_eq(read_text(row(syn_layers(), "dense"), &d, "true"), SYN_OK);
    ck_assert_int_eq(read_text(row(syn_layers(), "dense"), &d, "null"), SYN_OK);
    /* equal texts are one copy */
    ck_assert_ptr_eq(syn_intern("head"), d.name);
    ck_assert_ptr_eq(syn_intern(NULL), NULL);
}
END_TEST

START_TEST(initialisers_resolve_inside) {
    syn_dense_opts d = { .units = 3 };
    ck_assert_int_eq(syn_options_resolve(row(syn_layers(), "dense"), &d, SYN_KERAS, "dense_1"),
                     SYN_OK);
    ck_assert_str_eq(d.init.def->name, "glorot_uniform");
    ck_assert_str_eq(d.bias_init.def->name, "zeros");
    d = (syn_dense_opts){ .units = 3 };
    ck_assert_int_eq(syn_options_resolve(row(syn_layers(), "dense"), &d, SYN_TORCH, "dense_1"),
                     SYN_OK);
    ck_assert_str_eq(d.init.def->name, "torch_linear");
    d = (syn_dense_opts){ .units = 3, .init = syn_init_normal(NULL) };
    ck_assert_int_eq(syn_options_resolve(row(syn_layers(), "dense"), &d, SYN_TORCH, "dense_1"),
                     SYN_OK);
    ck_assert(((syn_init_normal_opts *)d.init.u.opts)->stddev == 1);
    d = (syn_dense_opts){ .units = 3,
                          .init = syn_init_normal(&(syn_init_normal_opts){ .stddev = -1 }) };
    ck_assert_int_eq(syn_options_resolve(row(syn_layers(), "dense"), &d, SYN_TORCH, "dense_1"),
                     SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), "dense_1: init: normal: stddev is -1, allowed 0 to 1000000");
}
END_TEST

START_TEST(ranges) {
    expect_error(row(syn_optims(), "adam"), "{'beta1': 1.5}",
                 "adam: beta1 is 1.5, allowed 0 to 0.999999999");
    expect_error(row(syn_optims(), "adam"), "{'lr': -1e-3}",
                 "adam: lr is -0.001, allowed 0 to 1000000");
    expect_error(row(syn_layers(), "dense"), "{'units': 0}",
                 "dense: units is 0, allowed 1 to 100000000");
    expect_error(row(syn_schedules(), "one_cycle"), "{'steps': 1}",
                 "one_cycle: steps is 1, allowed 2 and up");
    expect_error(row(syn_schedules(), "one_cycle"), "{'steps': 3000000000}",
                 "one_cycle: steps is 3000000000, allowed 2 to 2000000000");
    expect_error(row(syn_schedules(), "one_cycle"), "{'div': 0}",
                 "one_cycle: div is 0, allowed 1e-6 to 1e12");
    expect_error(row(syn_layers(), "dense"), "{'units': 1e30}",
                 "dense: units is 1e30, allowed 1 to 100000000");
    syn_adam_opts a = { .beta1 = 1.5 };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &a, SYN_KERAS, "train"),
                     SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), "train: beta1 is 1.5, allowed 0 to 0.999999999");
    a = (syn_adam_opts){ .lr = NAN };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &a, SYN_KERAS, NULL),
                     SYN_E_ARGUMENT);
    a = (syn_adam_opts){ .eps_place = 7 };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &a, SYN_KERAS, NULL),
                     SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), "adam: eps_place is 7, allowed 1 to 3 (outside|inside|hat)");
    a = (syn_adam_opts){ .preset = (syn_preset)9 };
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &a, SYN_KERAS, NULL),
                     SYN_E_ARGUMENT);
    syn_dense_opts d = { .units = -2 };
    ck_assert_int_eq(syn_options_resolve(row(syn_layers(), "dense"), &d, SYN_KERAS, "dense_2"),
                     SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), "dense_2: units is -2, allowed 1 to 100000000");
}
END_TEST

START_TEST(wrong_types) {
    expect_error(row(syn_optims(), "adam"), "{'lr': 'fast'}",
                 "adam: lr expects a number, got the text 'fast'");
    expect_error(row(syn_optims(), "adam"), "{'lr': [1]}", "adam: lr expects a number, got a list");
    expect_error(row(syn_optims(), "adam"), "{'lr': null}",
                 "adam: lr expects a number, got nothing");
    expect_error(row(syn_optims(), "adam"), "{'amsgrad': 1}",
                 "adam: amsgrad expects yes or no, got the number 1");
    expect_error(row(syn_optims(), "adam"), "{'eps_place': true}",
                 "adam: eps_place expects one of outside|inside|hat, got yes");
    expect_error(row(syn_layers(), "dense"), "{'units': 2.5}",
                 "dense: units expects a whole number, got the number 2.5");
    expect_error(row(syn_layers(), "dense"), "{'name': {}}",
                 "dense: name expects a text, got a map");
    expect_error(row(syn_layers(), "dense"), "{'init': 3}",
                 "dense: init: expects one initialiser, as NAME or { NAME: { ... } }, got the "
                 "number 3");
    expect_error(row(syn_layers(), "dense"), "{'init': {'zeros': {}, 'ones': {}}}",
                 "dense: init: expects one initialiser, as NAME or { NAME: { ... } }, got a map "
                 "of several keys");
    expect_error(row(syn_layers(), "dense"), "3",
                 "dense: expects options as { key: value }, got the number 3");
}
END_TEST

START_TEST(nearest_names) {
    expect_error(row(syn_layers(), "dense"), "{'unit': 3}",
                 "dense: unknown key 'unit'; did you mean 'units'?");
    expect_error(row(syn_optims(), "adam"), "{'eps_place': 'outsid'}",
                 "adam: eps_place is 'outsid', allowed outside, inside, hat; did you mean "
                 "'outside'?");
    expect_error(row(syn_layers(), "dense"), "{'init': 'he_norml'}",
                 "dense: init: no initialiser 'he_norml'; did you mean 'he_normal'?");
    expect_error(row(syn_layers(), "dense"), "{'init': {'normal': {'stdev': 1}}}",
                 "dense: init: normal: unknown key 'stdev'; did you mean 'stddev'?");
    expect_error(row(syn_optims(), "sgd"), "{'qqqqqqqqqqqq': 1}",
                 "sgd: unknown key 'qqqqqqqqqqqq'; there are: lr, preset");
    static const char *const also[] = { "from", NULL };
    syn_sgd_opts o = { 0 };
    json_t *j = parse("{'from': 1, 'lr': 1}");
    ck_assert_int_eq(syn_options_read(row(syn_optims(), "sgd"), &o, j, NULL, also), SYN_OK);
    json_decref(j);
    j = parse("{'frmo': 1}");
    ck_assert_int_eq(syn_options_read(row(syn_optims(), "sgd"), &o, j, "x", also), SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), "x: unknown key 'frmo'; did you mean 'from'?");
    json_decref(j);
    ck_assert_ptr_null(syn_table_find(syn_optims(), "adem"));
    ck_assert_str_eq(syn_error_text(), "no optimizer 'adem'; did you mean 'adam'?");
    ck_assert_ptr_null(syn_table_find(syn_optims(), "zzzzzzzzzz"));
    ck_assert_ptr_nonnull(strstr(syn_error_text(), "no optimizer 'zzzzzzzzzz'; there are: sgd, momentum, "));
}
END_TEST

START_TEST(zero_survives) {
    syn_adam_opts raw = { 0 }, once, twice = { 0 };
    ck_assert_int_eq(read_text(row(syn_optims(), "adam"), &raw, "{'beta1': 0, 'lr': 0.0}"), SYN_OK);
    ck_assert(raw.beta1 == SYN_ZERO && raw.lr == SYN_ZERO && raw.beta2 == 0);
    once = raw;
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &once, SYN_TORCH, NULL),
                     SYN_OK);
    ck_assert(once.beta1 == 0 && once.lr == 0 && once.beta2 == .999);
    /* resolving again keeps it */
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &once, SYN_KERAS, NULL),
                     SYN_OK);
    ck_assert(once.beta1 == 0 && once.lr == 0 && once.eps == 1e-8);
    /* and so do write, read, resolve */
    json_t *j = syn_options_write(row(syn_optims(), "adam"), &once);
    ck_assert(json_real_value(json_object_get(j, "beta1")) == 0);
    ck_assert(json_object_get(j, "amsgrad") == NULL);
    ck_assert_int_eq(syn_options_read(row(syn_optims(), "adam"), &twice, j, NULL, NULL), SYN_OK);
    ck_assert_int_eq(syn_options_resolve(row(syn_optims(), "adam"), &twice, SYN_KERAS, NULL),
                     SYN_OK);
    ck_assert(twice.beta1 == 0 && twice.lr == 0 && twice.beta2 == .999 && twice.eps == 1e-8);
    json_decref(j);
    /* an INT's zero, where a row allows it */
    static const syn_option wait[] = { { .name = "patience",
                                         .kind = SYN_OPTION_INT,
                                         .lo = 0,
                                         .hi = 9,
                                         .offset = sizeof(syn_preset) } };
    static const syn_def def = { "wait", "", "test", wait, 1, 2 * sizeof(int) };
    struct {
        syn_preset preset;
        int patience;
    } w = { 0 };
    ck_assert_int_eq(read_text(&def, &w, "{'patience': 0}"), SYN_OK);
    ck_assert_int_eq(w.patience, INT_MIN);
    ck_assert_int_eq(syn_options_resolve(&def, &w, SYN_KERAS, NULL), SYN_OK);
    ck_assert_int_eq(w.patience, 0);
}
END_TEST

static void round_trip(const syn_def *def, const void *opts) {
    json_t *j = syn_options_write(def, opts);
    char *text = json_dumps(j, 0), again[1024] = { 0 };
    json_decref(j);
    j = json_loads(text, 0, NULL);
    ck_assert_int_eq(syn_options_read(def, again, j, NULL, NULL), SYN_OK);
    ck_assert_msg(!memcmp(opts, again, def->size), "%s: %s", def->name, text);
    free(text);
    json_decref(j);
}

START_TEST(written_is_read_back) {
    syn_adam_opts a;
    memset(&a, 0, sizeof a);
    round_trip(row(syn_optims(), "adam"), &a);
    a.preset = SYN_TORCH;
    a.lr = 1.0 / 3;
    a.beta1 = SYN_ZERO;
    a.eps_place = SYN_EPS_INSIDE;
    a.amsgrad = true;
    round_trip(row(syn_optims(), "adam"), &a);
    syn_dense_opts d;
    memset(&d, 0, sizeof d);
    d.units = 10;
    d.name = syn_intern("out");
    d.no_bias = true;
    syn_spec_set(&d.init, syn_table_find(syn_inits(), "normal"), NULL);
    ((syn_init_normal_opts *)d.init.u.opts)->stddev = .1;
    syn_spec_set(&d.bias_init, syn_table_find(syn_inits(), "ones"), NULL);
    round_trip(row(syn_layers(), "dense"), &d);
    syn_spec s, t;
    json_t *j = parse("{'adam': {'lr': 0.5}}");
    ck_assert_int_eq(syn_spec_read(syn_optims(), &s, j, NULL), SYN_OK);
    json_decref(j);
    j = syn_spec_write(&s);
    ck_assert_int_eq(syn_spec_read(syn_optims(), &t, j, NULL), SYN_OK);
    ck_assert(!memcmp(&s, &t, sizeof s));
    json_decref(j);
    j = parse("'sgd'");
    ck_assert_int_eq(syn_spec_read(syn_optims(), &s, j, NULL), SYN_OK);
    json_decref(j);
    j = syn_spec_write(&s);
    ck_assert_str_eq(json_string_value(j), "sgd");
    json_decref(j);
}
END_TEST

static void locate(const json_t *value, void *user, char *buf, size_t size) {
    snprintf(buf, size, "%s:%s%s: ", (const char *)user, syn_locating_key() ? "key of " : "",
             json_is_number(value) ? "number" : "other");
}

START_TEST(errors_say_where) {
    syn_options_locate(locate, "f.yaml");
    expect_error(row(syn_optims(), "adam"), "{'beta1': 2}",
                 "f.yaml:number: adam: beta1 is 2, allowed 0 to 0.999999999");
    expect_error(row(syn_optims(), "adam"), "{'beta': 2}",
                 "f.yaml:key of number: adam: unknown key 'beta'; did you mean 'beta1'?");
    syn_options_locate(NULL, NULL);
    expect_error(row(syn_optims(), "adam"), "{'beta1': 2}",
                 "adam: beta1 is 2, allowed 0 to 0.999999999");
}
END_TEST

START_TEST(numbers_read_back) {
    static const struct {
        double v;
        const char *text;
    } cases[] = { { 0, "0" },           { -0.0, "0" },         { .1, "0.1" },
                  { 1e6, "1000000" },   { 1e12, "1e12" },      { 1e-7, "1e-7" },
                  { -2.5, "-2.5" },     { .002, "0.002" },     { 1.0 / 3, "0.3333333333333333" },
                  { 123456, "123456" }, { 1.5e300, "1.5e300" } };
    for (size_t i = 0; i < SYN_COUNT(cases); i++) {
        char buf[SYN_NUMBER_SIZE];
        ck_assert_str_eq(syn_number_text(buf, cases[i].v), cases[i].text);
        ck_assert(strtod(buf, NULL) == cases[i].v);
    }
}
END_TEST

int main(void) {
    Suite *s = suite_create("options");
    TCase *t = tcase_create("options");
    tcase_add_test(t, defaults_follow_the_preset);
    tcase_add_test(t, every_kind_is_read);
    tcase_add_test(t, initialisers_resolve_inside);
    tcase_add_test(t, ranges);
    tcase_add_test(t, wrong_types);
    tcase_add_test(t, nearest_names);
    tcase_add_test(t, zero_survives);
    tcase_add_test(t, written_is_read_back);
    tcase_add_test(t, errors_say_where);
    tcase_add_test(t, numbers_read_back);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
