#include "base/base.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void syn_text_put(syn_text *t, const char *s, size_t len) {
    if (t->failed) return;
    if (t->len + len + 1 > t->cap) {
        size_t cap = t->cap ? t->cap * 2 : 256;
        while (cap < t->len + len + 1) cap *= 2;
        char *grown = realloc(t->s, cap);
        if (!grown) {
            t->failed = true;
            return;
        }
        t->s = grown;
        t->cap = cap;
    }
    memcpy(t->s + t->len, s, len);
    t->len += len;
    t->s[t->len] = 0;
}

void syn_text_addv(syn_text *t, const char *fmt, va_list ap) {
    char small[512];
    va_list again;
    va_copy(again, ap);
    int n = vsnprintf(small, sizeof small, fmt, ap);
    if (n >= 0 && (size_t)n < sizeof small) {
        syn_text_put(t, small, (size_t)n);
    } else if (n >= 0) {
        char *big = malloc((size_t)n + 1);
        if (big) {
            vsnprintf(big, (size_t)n + 1, fmt, again);
            syn_text_put(t, big, (size_t)n);
        } else {
            t->failed = true;
        }
        free(big);
    }
    va_end(again);
}

void syn_text_add(syn_text *t, const char *fmt, ...) {
    va_list ap;
    va_start(ap, fmt);
    syn_text_addv(t, fmt, ap);
    va_end(ap);
}

void syn_text_typed(syn_text *t, const char *code, const char *type) {
    bool line_start = true;
    for (const char *c = code; *c;) {
        size_t word = 0;
        if (line_start && *c == '#') word = strcspn(c, "\n");
        while (isalnum((unsigned char)c[word]) || c[word] == '_') word++;
        bool number = isdigit((unsigned char)*c) || (*c == '.' && isdigit((unsigned char)c[1]));
        line_start = *c == '\n';
        if (number) {
            char *end;
            (void)strtod(c, &end);
            syn_text_add(t, "((%s)(%.*s))", type, (int)(end - c), c);
            c = end;
        } else if (word) {
            syn_text_put(t, c, word);
            c += word;
        } else {
            syn_text_put(t, c++, 1);
        }
    }
}

const char *syn_text_str(const syn_text *t) { return t->s ? t->s : ""; }

syn_status syn_text_status(const syn_text *t) { return t->failed ? syn_no_memory(t->cap * 2) : SYN_OK; }

void syn_text_free(syn_text *t) {
    free(t->s);
    *t = (syn_text){ 0 };
}

char *syn_strdup(const char *s) {
    if (!s) return NULL;
    size_t n = strlen(s) + 1;
    char *copy = malloc(n);
    if (copy) memcpy(copy, s, n);
    return copy;
}

char *syn_format(const char *fmt, ...) {
    syn_text t = { 0 };
    va_list ap;
    va_start(ap, fmt);
    syn_text_addv(&t, fmt, ap);
    va_end(ap);
    if (t.failed) {
        syn_text_free(&t);
        return NULL;
    }
    return t.s ? t.s : syn_strdup("");
}

/* Edit distance, two rows; names longer than the rows are never near. */
static int distance(const char *a, const char *b) {
    enum { MAX = 64 };
    int na = (int)strlen(a), nb = (int)strlen(b), row[MAX + 1];
    if (na > MAX || nb > MAX) return MAX;
    for (int j = 0; j <= nb; j++) row[j] = j;
    for (int i = 1; i <= na; i++) {
        int diagonal = row[0];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int change = diagonal + (a[i - 1] != b[j - 1]);
            diagonal = row[j];
            int gap = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            row[j] = change < gap ? change : gap;
        }
    }
    return row[nb];
}

const char *syn_nearest(const char *name, const void *names, size_t n, size_t stride) {
    const char *best = NULL;
    int best_distance = 0;
    for (size_t i = 0; i < n; i++) {
        const char *candidate;
        memcpy(&candidate, (const char *)names + i * stride, sizeof candidate);
        if (!candidate) continue;
        int d = distance(name, candidate);
        if (!best || d < best_distance) {
            best = candidate;
            best_distance = d;
        }
    }
    /* Near: at most every second letter of the longer name differs. */
    size_t longer = best ? (strlen(name) > strlen(best) ? strlen(name) : strlen(best)) : 0;
    return best && (size_t)best_distance * 2 <= longer ? best : NULL;
}
