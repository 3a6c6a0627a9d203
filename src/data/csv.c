/* Tables in text: a header line of column names, then numbers, comma separated. Cells may be quoted
 * ("" stands for one quote) but not run over line ends; blank lines are skipped. Values become f32:
 * every device reads that. */
#include "data/data.h"

#include <ctype.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_CELLS = 1 << 24, WEIGHTS = MAX_CELLS /* of table.slot */ };

typedef struct table {
    const char *path;
    char *text, *next, *end; /* next: the rest of the text */
    char line_end;           /* \n, or \r where there is no \n */
    long line;               /* the one `cells` holds, from 1 */
    char **cell;             /* of this line, NUL-terminated in place */
    int cells, cell_cap;
    char **name; /* of the columns */
    int columns, name_cap;
    int *y, n_y; /* target columns, in the order asked for */
    int *slot;   /* per column: -1 in x, else its place in y, or WEIGHTS */
    bool weighted;
    bool labels;
    float *x, *target, *weight;
    int32_t *label;
    size_t rows, cap;
} table;

static syn_status read_text(table *t) {
    syn_reader r;
    SYN_TRY(syn_reader_open(&r, t->path));
    size_t cap = 1 << 16, len = 0, got = 0;
    syn_status status = SYN_OK;
    do {
        if (!t->text || len + 1 == cap) {
            if (t->text) cap *= 2;
            char *grown = realloc(t->text, cap);
            if (!grown) {
                status = syn_no_memory(cap);
                break;
            }
            t->text = grown;
        }
        status = syn_read_some(&r, t->text + len, cap - 1 - len, &got);
        len += got;
    } while (status == SYN_OK && len + 1 == cap);
    syn_reader_close(&r);
    SYN_TRY(status);
    t->text[len] = 0;
    t->next = t->text;
    t->end = t->text + len;
    t->line_end = memchr(t->text, '\n', len) ? '\n' : '\r';
    if (len >= 3 && !memcmp(t->text, "\xef\xbb\xbf", 3)) t->next += 3;
    const char *zero = memchr(t->text, 0, len);
    if (zero)
        return syn_fail(SYN_E_FORMAT,
                        "%s: byte %zu is zero: this is no text in UTF-8 or ASCII; a CSV "
                        "file is needed",
                        t->path, (size_t)(zero - t->text));
    return SYN_OK;
}

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r'; }

/* Takes a cell off *p, which ends up behind the comma, or NULL at the end of the line. Returns NULL
 * when a quote is not closed, or text follows it. */
static char *take_cell(char **p) {
    char *s = *p;
    while (is_blank(*s)) s++;
    char *to = s, *from = s;
    if (*s == '"') {
        bool closed = false;
        for (from++; *from && !closed; from++) {
            closed = *from == '"' && from[1] != '"';
            if (*from == '"') from += !closed;
            if (!closed) *to++ = *from;
        }
        while (is_blank(*from)) from++;
        if (!closed || (*from && *from != ',')) return NULL;
    } else {
        while (*from && *from != ',') from++;
        for (to = from; to > s && is_blank(to[-1]);) to--;
    }
    *p = *from ? from + 1 : NULL;
    *to = 0;
    return s;
}

/* The next line that is not blank, cut into cells; cells 0 at the end. */
static syn_status next_line(table *t) {
    t->cells = 0;
    char *p = NULL;
    while (t->next < t->end && !p) {
        p = t->next;
        char *stop = memchr(p, t->line_end, (size_t)(t->end - p));
        if (!stop) stop = t->end;
        *stop = 0;
        t->next = stop + 1;
        t->line++;
        if (p[strspn(p, " \t\r")] == 0) p = NULL;
    }
    while (p) {
        if (t->cells == MAX_CELLS)
            return syn_fail(SYN_E_FORMAT, "%s: line %ld has more than %d cells", t->path, t->line,
                            MAX_CELLS);
        if (!syn_grow(&t->cell, &t->cell_cap, t->cells + 1, sizeof *t->cell))
            return syn_no_memory((size_t)t->cell_cap * 2 * sizeof *t->cell);
        char *cell = take_cell(&p);
        if (!cell)
            return syn_fail(SYN_E_FORMAT,
                            "%s: line %ld, column %d: the quote is not closed in this "
                            "cell; close it, with \"\" for a quote within",
                            t->path, t->line, t->cells + 1);
        t->cell[t->cells++] = cell;
    }
    return SYN_OK;
}

static int find_column(const table *t, const char *name) {
    for (int i = 0; i < t->columns; i++)
        if (!strcmp(t->name[i], name)) return i;
    return -1;
}

static int by_text(const void *a, const void *b) {
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name twice would make the target ambiguous, and is what a missing header line looks like. */
static syn_status check_names(const table *t) {
    char **sorted = malloc((size_t)t->columns * sizeof *sorted);
    if (!sorted) return syn_no_memory((size_t)t->columns * sizeof *sorted);
    memcpy(sorted, t->name, (size_t)t->columns * sizeof *sorted);
    qsort(sorted, (size_t)t->columns, sizeof *sorted, by_text);
    syn_status status = SYN_OK;
    for (int i = 1; i < t->columns && status == SYN_OK; i++)
        if (!strcmp(sorted[i - 1], sorted[i]))
            status = syn_fail(SYN_E_FORMAT,
                              "%s: line %ld: two columns are named '%.60s'; the first "
                              "line must name every column, each differently",
                              t->path, t->line, sorted[i]);
    free(sorted);
    return status;
}

static syn_status read_names(table *t) {
    SYN_TRY(next_line(t));
    if (t->cells == 0)
        return syn_fail(SYN_E_FORMAT, "%s: the file is empty: a header line and rows are needed",
                        t->path);
    t->name = t->cell;
    t->columns = t->cells;
    t->cell = NULL;
    t->cell_cap = 0;
    for (int i = 0; i < t->columns; i++)
        if (!t->name[i][0])
            return syn_fail(SYN_E_FORMAT,
                            "%s: line %ld: column %d has no name; name it, or remove it "
                            "where it only counts rows",
                            t->path, t->line, i + 1);
    if (t->columns == 1) {
        char other = strpbrk(t->name[0], ";\t") ? *strpbrk(t->name[0], ";\t") : 0;
        return syn_fail(SYN_E_FORMAT,
                        "%s: line %ld: one column only; a column for x and one for y are "
                        "needed%s",
                        t->path, t->line,
                        !other         ? ""
                        : other == ';' ? " (separate with commas, not semicolons)"
                                       : " (separate with commas, not tabs)");
    }
    return check_names(t);
}

static syn_status add_target(table *t, const char *name) {
    int i = find_column(t, name);
    if (i < 0) {
        const char *near = syn_nearest(name, t->name, (size_t)t->columns, sizeof *t->name);
        return syn_fail(SYN_E_ARGUMENT, "%s: line %ld: no column is named '%.60s'%s%.60s%s",
                        t->path, t->line, name, near ? "; did you mean '" : ", and none is near",
                        near ? near : "", near ? "'?" : "");
    }
    if (t->slot[i] >= 0)
        return syn_fail(SYN_E_ARGUMENT, "%s: target '%.60s' is given twice", t->path, name);
    t->slot[i] = t->n_y;
    t->y[t->n_y++] = i;
    return SYN_OK;
}

static syn_status read_targets(table *t, const char *target, const char *weights) {
    t->slot = malloc((size_t)t->columns * sizeof *t->slot);
    t->y = malloc((size_t)t->columns * sizeof *t->y);
    if (!t->slot || !t->y) return syn_no_memory((size_t)t->columns * sizeof *t->y);
    for (int i = 0; i < t->columns; i++) t->slot[i] = -1;
    int last = t->columns - 1;
    if (weights && !strcmp(t->name[last], weights)) last--;
    if (!target) return add_target(t, t->name[last]);
    char *copy = syn_strdup(target);
    if (!copy) return syn_no_memory(strlen(target));
    syn_status status = SYN_OK;
    /* A column whose own name has a comma is found whole. */
    if (find_column(t, copy) >= 0) {
        status = add_target(t, copy);
    } else {
        for (char *p = copy, *name; p && status == SYN_OK; status = add_target(t, name)) {
            name = p;
            p = strchr(p, ',');
            if (p) *p++ = 0;
            while (is_blank(*name)) name++;
            for (size_t n = strlen(name); n && is_blank(name[n - 1]); n--) name[n - 1] = 0;
        }
    }
    free(copy);
    SYN_TRY(status);
    if (t->n_y == t->columns)
        return syn_fail(SYN_E_ARGUMENT, "%s: every column is a target; none is left for x",
                        t->path);
    if (t->labels && t->n_y != 1)
        return syn_fail(SYN_E_ARGUMENT, "%s: %d targets; labels are one column", t->path, t->n_y);
    return SYN_OK;
}

/* A number in decimal. The short way is exact: digits below 2^53 and powers of ten up to 10^22 are
 * doubles, and one division or product rounds once. */
static bool number(const char *s, double *v) {
    static const double power[] = { 1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                    1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
    const char *p = s + (*s == '-' || *s == '+');
    if (!isdigit((unsigned char)*p) && *p != '.') return false; /* nan, inf, names */
    if (p[0] == '0' && (p[1] == 'x' || p[1] == 'X')) return false;
    int64_t digits = 0;
    int n = 0, after = 0;
    bool point = false;
    for (; n < 16 && (isdigit((unsigned char)*p) || (*p == '.' && !point)); p++) {
        if (*p == '.') {
            point = true;
            continue;
        }
        digits = digits * 10 + (*p - '0');
        after += point;
        n++;
    }
    if (!*p && n && n < 16) {
        *v = (double)digits / power[after];
        if (*s == '-') *v = -*v;
        return true;
    }
    char *stop;
    *v = strtod(s, &stop);
    return stop != s && !*stop;
}

static syn_status bad_cell(const table *t, int i, const char *what) {
    char shown[44];
    size_t n = 0;
    for (; t->cell[i][n] && n < 40; n++)
        shown[n] = iscntrl((unsigned char)t->cell[i][n]) ? '?' : t->cell[i][n];
    memcpy(shown + n, n == 40 ? "..." : "", n == 40 ? 4 : 1);
    return syn_fail(SYN_E_FORMAT, "%s: line %ld, column %d ('%.60s'): '%s' %s", t->path, t->line,
                    i + 1, t->name[i], shown, what);
}

static syn_status add_row(table *t) {
    if (t->cells != t->columns)
        return syn_fail(SYN_E_FORMAT, "%s: line %ld has %d cells, and the header names %d columns",
                        t->path, t->line, t->cells, t->columns);
    size_t n_x = (size_t)(t->columns - t->n_y - t->weighted), n_y = (size_t)t->n_y;
    if (t->rows == t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 1;
        float *x = realloc(t->x, cap * n_x * sizeof *x);
        if (x) t->x = x;
        void *y = realloc(t->labels ? (void *)t->label : (void *)t->target, cap * n_y * 4);
        if (y && t->labels)
            t->label = y;
        else if (y)
            t->target = y;
        float *weight = t->weighted ? realloc(t->weight, cap * sizeof *weight) : NULL;
        if (weight) t->weight = weight;
        if (!x || !y || (t->weighted && !weight)) return syn_no_memory(cap * (n_x + n_y) * 4);
        t->cap = cap;
    }
    float *x = t->x + t->rows * n_x;
    for (int i = 0; i < t->columns; i++) {
        double v;
        if (!t->cell[i][0]) return bad_cell(t, i, "is empty; fill it or remove the row");
        if (!number(t->cell[i], &v)) return bad_cell(t, i, "is not a number");
        if (t->slot[i] >= 0 && t->slot[i] != WEIGHTS && t->labels) {
            if (v < 0) return bad_cell(t, i, "is negative; labels are class numbers from 0");
            if (v != floor(v))
                return bad_cell(t, i, "is not whole; labels are class numbers from 0");
            if (v > INT32_MAX) return bad_cell(t, i, "is too large for a class number");
            t->label[t->rows] = (int32_t)v;
            continue;
        }
        float f = (float)v;
        if (!isfinite(f)) return bad_cell(t, i, "is too large for a 32-bit float");
        if (t->slot[i] == WEIGHTS)
            t->weight[t->rows] = f;
        else if (t->slot[i] >= 0)
            t->target[t->rows * n_y + (size_t)t->slot[i]] = f;
        else
            *x++ = f;
    }
    t->rows++;
    return SYN_OK;
}

static syn_status read_weights(table *t, const char *weights) {
    int kept = t->n_y;
    if (!weights) return SYN_OK;
    SYN_TRY(add_target(t, weights));
    t->slot[t->y[kept]] = WEIGHTS;
    t->n_y = kept;
    t->weighted = true;
    return t->columns > t->n_y + 1
               ? SYN_OK
               : syn_fail(SYN_E_FORMAT, "%s: targets and weights leave no column for x", t->path);
}

static syn_status read_table(table *t, const char *target, const char *weights) {
    SYN_TRY(read_text(t));
    SYN_TRY(read_names(t));
    SYN_TRY(read_targets(t, target, weights));
    SYN_TRY(read_weights(t, weights));
    for (;;) {
        SYN_TRY(next_line(t));
        if (t->cells == 0) break;
        SYN_TRY(add_row(t));
    }
    if (t->rows == 0)
        return syn_fail(SYN_E_FORMAT, "%s: the set is empty: no rows follow the header line",
                        t->path);
    return SYN_OK;
}

static syn_status fill(syn_data *d, table *t) {
    int64_t n_x = t->columns - t->n_y - t->weighted, rows = (int64_t)t->rows;
    const syn_array x = { t->x, SYN_F32, SYN_SHAPE(rows, n_x) };
    syn_array y = { t->target, SYN_F32, SYN_SHAPE(rows, t->n_y) };
    if (t->labels) y = (syn_array){ t->label, SYN_I32, SYN_SHAPE(rows) };
    const syn_array weights = { t->weight, SYN_F32, SYN_SHAPE(rows) };
    t->x = NULL; /* the set's from here on */
    SYN_TRY(syn_data_add_input(d, &x, NULL, t->path, true));
    t->target = NULL;
    t->label = NULL;
    SYN_TRY(syn_data_add_target(d, &y, NULL, t->path, true));
    if (!t->weighted) return SYN_OK;
    t->weight = NULL;
    return syn_data_add_weights(d, &weights, t->path, true);
}

static syn_status build(syn_data **data, table *t) {
    syn_data *d = calloc(1, sizeof *d);
    if (!d) return syn_no_memory(sizeof *d);
    syn_status status = fill(d, t);
    if (status == SYN_OK) *data = d;
    else syn_data_destroy(d);
    return status;
}

syn_status syn_data_open_csv(syn_data **data, const char *path, const char *target, bool labels) {
    return syn_data_open_csv_weighted(data, path, target, labels, NULL);
}

syn_status syn_data_open_csv_weighted(syn_data **data, const char *path, const char *target, bool labels,
                                      const char *weights) {
    if (!data || !path)
        return syn_fail(SYN_E_ARGUMENT, "syn_data_open_csv: data and path are needed");
    *data = NULL;
    table t = { .path = path, .labels = labels };
    /* strtod reads a decimal comma where the program's locale has one */
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0);
    if (plain == (locale_t)0) return syn_no_memory(1024);
    locale_t before = uselocale(plain);
    syn_status status = read_table(&t, target, weights);
    if (status == SYN_OK) status = build(data, &t);
    uselocale(before);
    freelocale(plain);
    free(t.text);
    free(t.cell);
    free(t.name);
    free(t.y);
    free(t.slot);
    free(t.x);
    free(t.target);
    free(t.label);
    free(t.weight);
    return status;
}
