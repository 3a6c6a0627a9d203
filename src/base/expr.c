/* Recursive descent, evaluating as it parses: nothing in the language has side effects, so both
 * branches of ?: may be computed. */
#include "base/expr.h"

#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH 200 /* of nesting: text from users must not exhaust the stack */

typedef struct parser {
    const char *text, *at;
    const syn_var *vars;
    int n_vars, depth;
} parser;

static double or2(double a, double b) { return a != 0 || b != 0; }
static double and2(double a, double b) { return a != 0 && b != 0; }
static double equal(double a, double b) { return a == b; }
static double unequal(double a, double b) { return a != b; }
static double at_most(double a, double b) { return a <= b; }
static double at_least(double a, double b) { return a >= b; }
static double less(double a, double b) { return a < b; }
static double greater(double a, double b) { return a > b; }
static double sum(double a, double b) { return a + b; }
static double difference(double a, double b) { return a - b; }
static double product(double a, double b) { return a * b; }
static double quotient(double a, double b) { return a / b; }

/* Binary operators, all left to right; a higher level binds tighter. Longer signs stand first. */
static const struct {
    const char *sign;
    int level;
    double (*apply)(double, double);
} operators[] = {
    { "||", 0, or2 },     { "&&", 1, and2 },     { "==", 2, equal },  { "!=", 2, unequal },
    { "<=", 3, at_most }, { ">=", 3, at_least }, { "<", 3, less },    { ">", 3, greater },
    { "+", 4, sum },      { "-", 4, difference }, { "*", 5, product }, { "/", 5, quotient },
};
#define LEVELS 6

static double reciprocal_root(double x) { return 1 / sqrt(x); }
static double exp10_of(double x) { return pow(10, x); }
static double sign(double x) { return x > 0 ? 1 : x < 0 ? -1 : isnan(x) ? 0 : x; }
static double lesser(double a, double b) { return b < a ? b : a; }
static double larger(double a, double b) { return a < b ? b : a; }
static double clamp(double x, double lo, double hi) { return fmin(fmax(x, lo), hi); }

/* Those of cl/base/math.cl. */
static double logistic(double x) { return 1 / (1 + exp(-x)); }
static double log1p_exp(double x) { return fmax(x, 0) + log1p(exp(-fabs(x))); }
static double phi(double x) { return .5 * erfc(-.70710678118654752440 * x); }
static double x_phi(double x) { return x * phi(x); }

/* OpenCL's names; the field that is not NULL gives the number of arguments. */
static const struct function {
    const char *name;
    double (*one)(double);
    double (*two)(double, double);
    double (*three)(double, double, double);
} functions[] = {
    { "exp", exp, NULL, NULL },       { "exp2", exp2, NULL, NULL },
    { "exp10", exp10_of, NULL, NULL }, { "expm1", expm1, NULL, NULL },
    { "log", log, NULL, NULL },       { "log1p", log1p, NULL, NULL },
    { "log2", log2, NULL, NULL },     { "log10", log10, NULL, NULL },
    { "sqrt", sqrt, NULL, NULL },     { "rsqrt", reciprocal_root, NULL, NULL },
    { "cbrt", cbrt, NULL, NULL },     { "tanh", tanh, NULL, NULL },
    { "sinh", sinh, NULL, NULL },     { "cosh", cosh, NULL, NULL },
    { "sin", sin, NULL, NULL },       { "cos", cos, NULL, NULL },
    { "tan", tan, NULL, NULL },       { "atan", atan, NULL, NULL },
    { "asin", asin, NULL, NULL },     { "acos", acos, NULL, NULL },
    { "asinh", asinh, NULL, NULL },   { "acosh", acosh, NULL, NULL },
    { "atanh", atanh, NULL, NULL },   { "erf", erf, NULL, NULL },
    { "erfc", erfc, NULL, NULL },     { "fabs", fabs, NULL, NULL },
    { "sign", sign, NULL, NULL },     { "floor", floor, NULL, NULL },
    { "ceil", ceil, NULL, NULL },     { "trunc", trunc, NULL, NULL },
    { "round", round, NULL, NULL },   { "rint", rint, NULL, NULL },
    { "fmin", NULL, fmin, NULL },     { "fmax", NULL, fmax, NULL },
    { "min", NULL, lesser, NULL },    { "max", NULL, larger, NULL },
    { "pow", NULL, pow, NULL },       { "hypot", NULL, hypot, NULL },
    { "atan2", NULL, atan2, NULL },   { "fmod", NULL, fmod, NULL },
    { "fdim", NULL, fdim, NULL },     { "copysign", NULL, copysign, NULL },
    { "logistic", logistic, NULL, NULL }, { "log1p_exp", log1p_exp, NULL, NULL },
    { "phi", phi, NULL, NULL },       { "x_phi", x_phi, NULL, NULL },
    { "fma", NULL, NULL, fma },       { "clamp", NULL, NULL, clamp },
};

/* Not ctype.h: the caller's locale must not change what an identifier is. */
static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_name(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || is_digit(c);
}
static const char *skip_space(const char *s) {
    while (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\r') ++s;
    return s;
}

/* The end of the token at s: a name, a number, an operator, or one character. */
static const char *token_end(const char *s) {
    if (is_digit(*s) || (*s == '.' && is_digit(s[1]))) {
        while (is_digit(*s)) ++s;
        if (*s == '.')
            for (++s; is_digit(*s);) ++s;
        const char *e = s + 1 + (s[0] != '\0' && (s[1] == '+' || s[1] == '-'));
        if ((*s == 'e' || *s == 'E') && is_digit(*e))
            for (s = e; is_digit(*s);) ++s;
        return s;
    }
    if (is_name(*s)) {
        while (is_name(*s)) ++s;
        return s;
    }
    for (size_t i = 0; i < SYN_COUNT(operators); ++i) {
        size_t n = strlen(operators[i].sign);
        if (strncmp(s, operators[i].sign, n) == 0) return s + n;
    }
    return *s ? s + 1 : s;
}

static syn_status expected(const parser *p, const char *what) {
    int column = (int)(p->at - p->text) + 1, length = (int)(token_end(p->at) - p->at);
    if (!*p->at)
        return syn_fail(SYN_E_ARGUMENT, "column %d of \"%.200s\": expected %s, found the end",
                        column, p->text, what);
    return syn_fail(SYN_E_ARGUMENT, "column %d of \"%.200s\": expected %s, found '%.*s'", column,
                    p->text, what, length, p->at);
}

static bool take(parser *p, char c) {
    if (*p->at != c) return false;
    p->at = skip_space(p->at + 1);
    return true;
}

static syn_status conditional(parser *p, double *out);

static syn_status number(parser *p, double *out) {
    const char *end = token_end(p->at);
    char digits[128];
    size_t n = (size_t)(end - p->at);
    if (is_name(*end) || *end == '.' || n >= sizeof digits)
        return expected(p, "a number without suffix");
    memcpy(digits, p->at, n);
    digits[n] = '\0';
    locale_t c = newlocale(LC_NUMERIC_MASK, "C", (locale_t)0); /* strtod obeys the caller's comma */
    if (c == (locale_t)0) return syn_no_memory(n);
    locale_t old = uselocale(c);
    *out = strtod(digits, NULL);
    uselocale(old);
    freelocale(c);
    p->at = skip_space(end);
    return SYN_OK;
}

static syn_status call(parser *p, const char *name, size_t length, double *out) {
    int column = (int)(name - p->text) + 1;
    const struct function *f = NULL;
    for (size_t i = 0; i < SYN_COUNT(functions) && !f; ++i)
        if (strlen(functions[i].name) == length && !memcmp(functions[i].name, name, length))
            f = &functions[i];
    if (!f) {
        char typed[64];
        size_t n = length < sizeof typed ? length : sizeof typed - 1;
        memcpy(typed, name, n);
        typed[n] = '\0';
        const char *near = syn_nearest(typed, &functions[0].name, SYN_COUNT(functions),
                                       sizeof functions[0]);
        return syn_fail(SYN_E_ARGUMENT, "column %d of \"%.200s\": there is no function '%s'%s%s%s",
                        column, p->text, typed, near ? "; do you mean '" : "", near ? near : "",
                        near ? "'?" : "");
    }
    double a[3] = { 0 };
    int want = f->one ? 1 : f->two ? 2 : 3;
    take(p, '(');
    for (int i = 0; i < want; ++i) {
        if (i > 0 && !take(p, ','))
            return expected(p, want == 2 ? "',' and a second argument" : "',' and three arguments");
        SYN_TRY(conditional(p, &a[i]));
    }
    if (!take(p, ')')) return expected(p, "')'");
    *out = f->one ? f->one(a[0]) : f->two ? f->two(a[0], a[1]) : f->three(a[0], a[1], a[2]);
    return SYN_OK;
}

static syn_status primary(parser *p, double *out) {
    if (is_digit(*p->at) || (*p->at == '.' && is_digit(p->at[1]))) return number(p, out);
    if (take(p, '(')) {
        SYN_TRY(conditional(p, out));
        return take(p, ')') ? SYN_OK : expected(p, "')'");
    }
    if (!is_name(*p->at)) return expected(p, "a number, a name or '('");
    const char *name = p->at, *end = token_end(name);
    size_t length = (size_t)(end - name);
    p->at = skip_space(end);
    if (*p->at == '(') return call(p, name, length, out);
    for (int i = 0; i < p->n_vars; ++i)
        if (strlen(p->vars[i].name) == length && !memcmp(p->vars[i].name, name, length)) {
            *out = p->vars[i].value;
            return SYN_OK;
        }
    syn_text known = { 0 };
    for (int i = 0; i < p->n_vars; ++i)
        syn_text_add(&known, "%s%s", i ? ", " : "", p->vars[i].name);
    syn_status s = syn_fail(SYN_E_ARGUMENT,
                            "column %d of \"%.200s\": there is no variable '%.*s'%s%s%s",
                            (int)(name - p->text) + 1, p->text, (int)length, name,
                            known.len ? " (there are: " : "", syn_text_str(&known),
                            known.len ? ")" : "");
    syn_text_free(&known);
    return s;
}

static syn_status unary(parser *p, double *out) {
    char c = *p->at;
    if (c != '-' && c != '+' && c != '!') return primary(p, out);
    if (c != '!' && p->at[1] == c)
        return expected(p, "a space between the signs: C has ++ and -- of its own;");
    if (++p->depth > MAX_DEPTH) return expected(p, "fewer levels of nesting");
    take(p, c);
    SYN_TRY(unary(p, out));
    --p->depth;
    if (c != '+') *out = c == '-' ? -*out : *out == 0;
    return SYN_OK;
}

static syn_status binary(parser *p, int level, double *out) {
    if (level == LEVELS) return unary(p, out);
    SYN_TRY(binary(p, level + 1, out));
    for (;;) {
        size_t i = 0, n = (size_t)(token_end(p->at) - p->at);
        while (i < SYN_COUNT(operators) && (strlen(operators[i].sign) != n ||
                                            strncmp(p->at, operators[i].sign, n) != 0))
            ++i;
        if (i == SYN_COUNT(operators) || operators[i].level != level) return SYN_OK;
        if ((*p->at == '-' || *p->at == '+') && p->at[1] == *p->at)
            return expected(p, "a space between the signs: C has ++ and -- of its own;");
        p->at = skip_space(p->at + n);
        double right;
        SYN_TRY(binary(p, level + 1, &right));
        *out = operators[i].apply(*out, right);
    }
}

static syn_status conditional(parser *p, double *out) {
    if (++p->depth > MAX_DEPTH) return expected(p, "fewer levels of nesting");
    SYN_TRY(binary(p, 0, out));
    if (take(p, '?')) {
        double yes, no;
        SYN_TRY(conditional(p, &yes));
        if (!take(p, ':')) return expected(p, "':'");
        SYN_TRY(conditional(p, &no));
        *out = *out != 0 ? yes : no;
    }
    --p->depth;
    return SYN_OK;
}

syn_status syn_expr_eval(const char *text, const syn_var *vars, int n_vars, double *out) {
    if (!text || !out) return syn_fail(SYN_E_ARGUMENT, "an expression to evaluate is NULL");
    parser p = { .text = text, .at = skip_space(text), .vars = vars, .n_vars = n_vars };
    double value;
    SYN_TRY(conditional(&p, &value));
    if (*p.at) return expected(&p, "an operator or the end");
    *out = value;
    return SYN_OK;
}

bool syn_expr_uses(const char *text, const char *name) {
    size_t length = strlen(name);
    for (const char *s = skip_space(text), *end; *s; s = skip_space(end)) {
        end = token_end(s);
        if ((size_t)(end - s) == length && !memcmp(s, name, length)) return true;
    }
    return false;
}
