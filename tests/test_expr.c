/* Expressions on the host, held to what the C compiler makes of the same text. */
#include "base/expr.h"

#include <check.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static double rsqrt(double v) { return 1 / sqrt(v); }
static double sign(double v) { return v > 0 ? 1 : v < 0 ? -1 : v; }
static double min(double a, double b) { return b < a ? b : a; }
static double max(double a, double b) { return a < b ? b : a; }
static double clamp(double v, double lo, double hi) { return v < lo ? lo : v > hi ? hi : v; }

/* The text and the compiler's value, for some x and y. Integer quotients are the only difference in
 * meaning: here every number is a double. */
#define ROW(e) { #e, (double)(e) }
typedef struct row {
    const char *text;
    double want;
} row;

static void check_rows(const row *rows, size_t n, double x, double y) {
    const double alpha = .25, x1 = -2;
    syn_var vars[] = { { "x", x }, { "y", y }, { "alpha", alpha }, { "x1", x1 } };
    for (size_t i = 0; i < n; ++i) {
        double got = 12345;
        syn_status status = syn_expr_eval(rows[i].text, vars, 4, &got);
        ck_assert_msg(status == SYN_OK, "%s: %s", rows[i].text, syn_error_text());
        ck_assert_msg(got == rows[i].want || (isnan(got) && isnan(rows[i].want)),
                      "%s at x %g, y %g: %.17g, not %.17g", rows[i].text, x, y, got, rows[i].want);
    }
}

static volatile double quarter = .25; /* folded functions of constants may round otherwise */
static const double points[] = { -7.5, -1, -1e-12, 0, 1e-3, .5, 1, 2, 30 };

#if defined(__GNUC__) /* the rows are about precedence: no advice on parentheses wanted */
#pragma GCC diagnostic ignored "-Wparentheses"
#if defined(__clang__)
#pragma GCC diagnostic ignored "-Wlogical-op-parentheses"
#endif
#endif

START_TEST(operators) {
    const double alpha = quarter, x1 = -2;
    for (size_t i = 0; i < SYN_COUNT(points); ++i)
        for (size_t j = 0; j < SYN_COUNT(points); ++j) {
            double x = points[i], y = points[j];
            const row rows[] = {
                ROW(x), ROW(1.0 + 2.0 * 3.0), ROW((1.0 + 2.0) * 3.0), ROW(7.0 - 2.0 - 1.0),
                ROW(8.0 / 4.0 / 2.0), ROW(x - y - alpha), ROW(x * y / 3.0 * alpha), ROW(-x * y),
                ROW(- -x), ROW(-(-x)), ROW(x - -y), ROW(x + +y), ROW(!x), ROW(!!x + 1.0), ROW(-!x),
                ROW(x < y), ROW(x <= y), ROW(x > y), ROW(x >= y), ROW(x == y), ROW(x != y),
                ROW(x < y == y > x), ROW(x != y < alpha), ROW(x + 1.0 < y * 2.0),
                ROW(x > 0.0 && y > 0.0 || x < -1.0), ROW(x > 0.0 || y > 0.0 && x < -1.0),
                ROW(x && y), ROW(x || y), ROW(x == y && x != 0.0), ROW(x - y == 0.0 - y + x),
                ROW(x > 0.0 ? x : alpha * y), ROW(x > 0.0 ? y > 0.0 ? 1.0 : 2.0 : 3.0),
                ROW(x > 0.0 ? 1.0 : y > 0.0 ? 2.0 : 3.0), ROW(x > 0.0 || y > 0.0 ? x : y),
                ROW((x > 0.0 ? x : y) * 2.0), ROW(x > 0.0 ? x : y * 2.0), ROW(x1 + x), ROW(1e3 + x),
                ROW(1e-3 * x), ROW(.5 * x), ROW(5. * x), ROW(1.5E+2 - x), ROW(1.e1 * x), ROW(07.5),
                ROW(1.0507009873554804934 * x), ROW(1.7976931348623157e308), ROW(4.9e-324),
                ROW(((((((x))))))), ROW(
                    x
                    +	y), ROW(x*y-alpha/x1), ROW(0.0<x), ROW(!(x>y)?-x:+y),
            };
            check_rows(rows, SYN_COUNT(rows), x, y);
        }
}
END_TEST

START_TEST(functions) {
    const double alpha = quarter, x1 = -2;
    for (size_t i = 0; i < SYN_COUNT(points); ++i)
        for (size_t j = 0; j < SYN_COUNT(points); ++j) {
            double x = points[i], y = points[j];
            const row rows[] = {
                ROW(exp(x)), ROW(exp2(x)), ROW(expm1(x)), ROW(log(y)), ROW(log1p(y)), ROW(log2(y)),
                ROW(log10(y)), ROW(sqrt(y)), ROW(rsqrt(y)), ROW(cbrt(y)), ROW(tanh(x)),
                ROW(sinh(x)), ROW(cosh(x)), ROW(sin(x)), ROW(cos(x)), ROW(tan(x)), ROW(atan(x)),
                ROW(asin(alpha)), ROW(acos(alpha)), ROW(asinh(x)), ROW(acosh(y)), ROW(atanh(alpha)),
                ROW(erf(x)), ROW(erfc(x)), ROW(fabs(x)), ROW(sign(x)), ROW(floor(x)), ROW(ceil(x)),
                ROW(trunc(x)), ROW(round(x)), ROW(rint(x)), ROW(fmin(x, y)), ROW(fmax(x, y)),
                ROW(min(x, y)), ROW(max(x, y)), ROW(pow(x, y)), ROW(hypot(x, y)), ROW(atan2(x, y)),
                ROW(fmod(x, y)), ROW(fdim(x, y)), ROW(copysign(x, y)), ROW(fma(x, y, alpha)),
                ROW(clamp(x, -1.0, 1.0)), ROW(exp(-x) / (1.0 + exp(-x))),
                ROW(x > 0.0 ? x : alpha * expm1(x)), ROW(fmax(fmin(x, y), x1 < 0.0 ? x1 : 1.0)),
                ROW(x * .5 * (1.0 + erf(x / sqrt(2.0)))), ROW(exp (x)), ROW(-exp(-x)),
            };
            check_rows(rows, SYN_COUNT(rows), x, y);
        }
}
END_TEST

/* Numbers mean doubles: OpenCL C would make 0 of 1 / 2. */
START_TEST(integers_are_doubles) {
    double v;
    ck_assert_int_eq(syn_expr_eval("1 / 2", NULL, 0, &v), SYN_OK);
    ck_assert(v == .5);
    ck_assert_int_eq(syn_expr_eval(" 12345678901234567890 ", NULL, 0, &v), SYN_OK);
    ck_assert(v == 12345678901234567890.0);
}
END_TEST

START_TEST(special_values) {
    double v;
    syn_var x = { "x", NAN };
    ck_assert_int_eq(syn_expr_eval("x > 0 ? 1 : x", &x, 1, &v), SYN_OK);
    ck_assert(isnan(v));
    ck_assert_int_eq(syn_expr_eval("sign(x)", &x, 1, &v), SYN_OK); /* as OpenCL defines it */
    ck_assert(v == 0);
    ck_assert_int_eq(syn_expr_eval("fmax(x, 3)", &x, 1, &v), SYN_OK);
    ck_assert(v == 3);
    x.value = -1000; /* the branch not taken may overflow */
    ck_assert_int_eq(syn_expr_eval("x > 0 ? x : x * exp(-x) * 0 == 0 ? 1 : 2", &x, 1, &v), SYN_OK);
    ck_assert(v == 2);
}
END_TEST

START_TEST(errors_name_the_column) {
    static const struct {
        const char *text, *message;
    } cases[] = {
        { "", "column 1 of \"\": expected a number, a name or '(', found the end" },
        { "x +", "column 4 of \"x +\": expected a number, a name or '(', found the end" },
        { "x + * y", "column 5 of \"x + * y\": expected a number, a name or '(', found '*'" },
        { "x y", "column 3 of \"x y\": expected an operator or the end, found 'y'" },
        { "(x", "column 3 of \"(x\": expected ')', found the end" },
        { "x)", "column 2 of \"x)\": expected an operator or the end, found ')'" },
        { "x > 0 ? 1", "column 10 of \"x > 0 ? 1\": expected ':', found the end" },
        { "x = y", "column 3 of \"x = y\": expected an operator or the end, found '='" },
        { "x & y", "column 3 of \"x & y\": expected an operator or the end, found '&'" },
        { "z + 1", "column 1 of \"z + 1\": there is no variable 'z' (there are: x, y)" },
        { "1 + expp(x)",
          "column 5 of \"1 + expp(x)\": there is no function 'expp'; do you mean 'exp'?" },
        { "qqqqqqqq(x)", "column 1 of \"qqqqqqqq(x)\": there is no function 'qqqqqqqq'" },
        { "pow(x)", "column 6 of \"pow(x)\": expected ',' and a second argument, found ')'" },
        { "fma(x, y)", "column 9 of \"fma(x, y)\": expected ',' and three arguments, found ')'" },
        { "exp(x, y)", "column 6 of \"exp(x, y)\": expected ')', found ','" },
        { "exp()", "column 5 of \"exp()\": expected a number, a name or '(', found ')'" },
        { "exp", "column 1 of \"exp\": there is no variable 'exp' (there are: x, y)" },
        { "x * 1.0f", "column 5 of \"x * 1.0f\": expected a number without suffix, found '1.0'" },
        { "0x10", "column 1 of \"0x10\": expected a number without suffix, found '0'" },
        { "1e", "column 1 of \"1e\": expected a number without suffix, found '1'" },
        { "1.2.3", "column 1 of \"1.2.3\": expected a number without suffix, found '1.2'" },
        { "x.y", "column 2 of \"x.y\": expected an operator or the end, found '.'" },
        { "x << 1", "column 4 of \"x << 1\": expected a number, a name or '(', found '<'" },
    };
    syn_var vars[] = { { "x", 1 }, { "y", 2 } };
    double v = 5;
    ck_assert_int_eq(syn_expr_eval(cases[_i].text, vars, 2, &v), SYN_E_ARGUMENT);
    ck_assert_str_eq(syn_error_text(), cases[_i].message);
    ck_assert(v == 5);
}
END_TEST
enum { ERRORS = 23 };

START_TEST(other_errors) {
    static char deep[20000];
    double v;
    ck_assert_int_eq(syn_expr_eval(NULL, NULL, 0, &v), SYN_E_ARGUMENT);
    ck_assert_int_eq(syn_expr_eval("1", NULL, 0, NULL), SYN_E_ARGUMENT);
    ck_assert_int_eq(syn_expr_eval("x", NULL, 0, &v), SYN_E_ARGUMENT);
    /* decrement in C, and so in the kernel */
    ck_assert_int_eq(syn_expr_eval("1--1", NULL, 0, &v), SYN_E_ARGUMENT);
    ck_assert_int_eq(syn_expr_eval("--1", NULL, 0, &v), SYN_E_ARGUMENT);
    ck_assert_int_eq(syn_expr_eval("1++1", NULL, 0, &v), SYN_E_ARGUMENT);
    ck_assert_int_eq(syn_expr_eval("1 - -1", NULL, 0, &v), SYN_OK);
    /* a stack is not without end */
    static const char nests[] = { '(', '-', '!' };
    for (size_t i = 0; i < SYN_COUNT(nests); ++i) {
        for (size_t k = 0; k + 2 < sizeof deep; k += 2) {
            deep[k] = nests[i];
            deep[k + 1] = ' ';
        }
        ck_assert_int_eq(syn_expr_eval(deep, NULL, 0, &v), SYN_E_ARGUMENT);
        ck_assert_ptr_nonnull(strstr(syn_error_text(), "expected fewer levels of nesting"));
    }
}
END_TEST

START_TEST(locale_has_no_say) {
    static const char *const names[] = { "de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "fr_FR" };
    const char *set = NULL;
    for (size_t i = 0; i < SYN_COUNT(names) && !set; ++i) set = setlocale(LC_ALL, names[i]);
    double v;
    ck_assert_int_eq(syn_expr_eval("1.5 + .25e1", NULL, 0, &v), SYN_OK);
    setlocale(LC_ALL, "C");
    ck_assert(v == 4);
}
END_TEST

START_TEST(uses) {
    static const struct {
        const char *text, *name;
        bool want;
    } cases[] = {
        { "x > 0 ? x : y + alpha", "alpha", true }, { "x > 0 ? x : y + alpha", "y", true },
        { "x > 0 ? x : y + alpha", "a", false },    { "x1 + 2", "x", false },
        { "exp(1)", "x", false },                   { "1e3 + 2", "e3", false },
        { "1e3 + 2", "e", false },                  { "2*e3", "e3", true },
        { "", "x", false },                         { "(x)", "x", true },
        { "1e+x", "x", true },                      { "fmax(y,x)", "x", true },
        { "alpha_x", "x", false },                  { "1.5x", "x", true },
    };
    for (size_t i = 0; i < SYN_COUNT(cases); ++i)
        ck_assert_msg(syn_expr_uses(cases[i].text, cases[i].name) == cases[i].want, "%s in %s",
                      cases[i].name, cases[i].text);
}
END_TEST

int main(void) {
    Suite *suite = suite_create("expr");
    TCase *tc = tcase_create("expr");
    tcase_add_test(tc, operators);
    tcase_add_test(tc, functions);
    tcase_add_test(tc, integers_are_doubles);
    tcase_add_test(tc, special_values);
    tcase_add_loop_test(tc, errors_name_the_column, 0, ERRORS);
    tcase_add_test(tc, other_errors);
    tcase_add_test(tc, locale_has_no_say);
    tcase_add_test(tc, uses);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}
