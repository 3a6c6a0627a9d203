#include "io/confusion.h"

#include "io/safetensors.h"
#include "io/svg.h"

#include <syncline/train.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAP = 620, /* pixels of the longest heat map */
    CELL = 62, /* of a cell at most */
    TOP = 92,
    COUNTED = 24, /* classes up to which cells show their counts */
    NAMED = 64,   /* ... and rows their names */
    LETTERS = 18, /* of a name that are shown */
    SHADES = 20
};

const char *syn_confusion_name(const syn_confusion *c, int k, char *room, size_t size) {
    if (c->name) return c->name[k];
    snprintf(room, size, "%d", k);
    return room;
}

/* ---- tables ---- */

/* Quoted where a comma, a quote or a line end asks for it. */
static void add_cell(syn_text *t, const char *s) {
    if (!strpbrk(s, ",\"\n\r")) {
        syn_text_add(t, "%s", s);
        return;
    }
    syn_text_add(t, "\"");
    for (; *s; s++) syn_text_add(t, *s == '"' ? "\"\"" : "%c", *s);
    syn_text_add(t, "\"");
}

static void add_counts(syn_text *t, const void *what) {
    const syn_confusion *c = what;
    char room[16];
    syn_text_add(t, "true class");
    for (int k = 0; k < c->classes; k++) {
        syn_text_add(t, ",");
        add_cell(t, syn_confusion_name(c, k, room, sizeof room));
    }
    for (int i = 0; i < c->classes; i++) {
        syn_text_add(t, "\n");
        add_cell(t, syn_confusion_name(c, i, room, sizeof room));
        for (int k = 0; k < c->classes; k++)
            syn_text_add(t, ",%lld", (long long)c->count[(int64_t)i * c->classes + k]);
    }
    syn_text_add(t, "\n");
}

static void add_scores(syn_text *t, const void *what) {
    const syn_confusion *c = what;
    char room[16];
    syn_text_add(t, "class,precision,recall,f1,support\n");
    for (int k = 0; k < c->classes; k++) {
        syn_class_score s;
        syn_class_score_of(c->count, c->classes, k, &s);
        add_cell(t, syn_confusion_name(c, k, room, sizeof room));
        syn_text_add(t, ",%.6g,%.6g,%.6g,%lld\n", s.precision, s.recall, s.f1,
                     (long long)s.support);
    }
}

/* ---- picture ---- */

typedef struct map {
    const syn_confusion *c;
    int left; /* of the cells */
    double cell;
    int names; /* letters of the longest name shown, 0: none */
} map;

static double share(const syn_confusion *c, int i, int k) {
    double row = 0;
    for (int j = 0; j < c->classes; j++) row += (double)c->count[(int64_t)i * c->classes + j];
    return row > 0 ? (double)c->count[(int64_t)i * c->classes + k] / row : 0;
}

/* White to dark blue; the root lets the rare confusions be seen. */
static void shade(char *to, size_t size, int level) {
    static const int dark[] = { 8, 48, 107 };
    double f = (double)level / SHADES;
    snprintf(to, size, "#%02x%02x%02x", (int)(255 - f * (255 - dark[0])),
             (int)(255 - f * (255 - dark[1])), (int)(255 - f * (255 - dark[2])));
}

/* One path for the cells of each shade: thousands of classes have millions of cells, nearly all 0.
 */
static void add_cells(syn_text *t, const map *m) {
    const syn_confusion *c = m->c;
    int n = c->classes;
    unsigned char *level = malloc((size_t)n * (size_t)n);
    if (!level) {
        t->failed = true;
        return;
    }
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) {
            int64_t at = (int64_t)i * n + k;
            level[at] =
                c->count[at] ? (unsigned char)ceil(sqrt(share(c, i, k)) * SHADES - 1e-9) : 0;
        }
    for (int s = 1; s <= SHADES; s++) {
        char colour[8];
        bool any = false;
        shade(colour, sizeof colour, s);
        for (int i = 0; i < n; i++)
            for (int k = 0; k < n; k++) {
                if (level[(int64_t)i * n + k] != s) continue;
                if (!any) syn_text_add(t, "<path fill=\"%s\" d=\"", colour);
                any = true;
                syn_text_add(t, "M%.2f %.2fh%.2fv%.2fh%.2fz", m->left + k * m->cell,
                             TOP + i * m->cell, m->cell, m->cell, -m->cell);
            }
        if (any) syn_text_add(t, "\"/>\n");
    }
    for (int i = 0; i < n && n <= COUNTED; i++)
        for (int k = 0; k < n; k++) {
            int64_t at = (int64_t)i * n + k;
            if (!c->count[at]) continue;
            double letters = floor(log10((double)c->count[at])) + 1,
                   font = fmin(13, m->cell * 1.5 / letters);
            syn_text_add(t,
                         "<text x=\"%.1f\" y=\"%.1f\" font-size=\"%.1f\" "
                         "text-anchor=\"middle\"%s>%lld</text>\n",
                         m->left + (k + .5) * m->cell, TOP + (i + .5) * m->cell + font * .36, font,
                         level[at] > SHADES / 2 ? " fill=\"#ffffff\"" : "",
                         (long long)c->count[at]);
        }
    free(level);
}

static void add_name(syn_text *t, const syn_confusion *c, int k) {
    char room[16], cut[LETTERS * 4 + 8];
    const char *name = syn_confusion_name(c, k, room, sizeof room);
    size_t n = 0;
    for (int letters = 0; name[n]; n++) {
        letters += ((unsigned char)name[n] & 0xC0) != 0x80;
        if (letters > LETTERS || n + 4 >= sizeof cut) break;
    }
    memcpy(cut, name, n);
    snprintf(cut + n, sizeof cut - n, "%s", name[n] ? "\xe2\x80\xa6" : "");
    syn_svg_escaped(t, cut);
}

static void add_names(syn_text *t, const map *m) {
    double bottom = TOP + m->c->classes * m->cell, font = fmin(13, m->cell * .9);
    syn_text_add(t, "<g fill=\"#57606a\" font-size=\"%.1f\" text-anchor=\"end\">\n", font);
    for (int k = 0; k < m->c->classes; k++) {
        double middle = (k + .5) * m->cell;
        syn_text_add(t, "<text x=\"%d\" y=\"%.1f\">", m->left - 8, TOP + middle + font * .36);
        add_name(t, m->c, k);
        double x = m->left + middle + font * .36, y = bottom + 10;
        syn_text_add(t, "</text>\n<text transform=\"translate(%.1f %.1f) rotate(-90)\">", x, y);
        add_name(t, m->c, k);
        syn_text_add(t, "</text>\n");
    }
    syn_text_add(t, "</g>\n");
}

static void add_map(syn_text *t, const void *what) {
    const syn_confusion *c = what;
    map m = { .c = c, .cell = fmin(CELL, (double)MAP / c->classes) };
    char room[16];
    for (int k = 0; k < c->classes && c->classes <= NAMED; k++) {
        int letters = syn_svg_letters(syn_confusion_name(c, k, room, sizeof room));
        if (letters > m.names) m.names = letters < LETTERS ? letters : LETTERS + 1;
    }
    int side = (int)ceil(m.cell * c->classes),
        names = (int)(m.names * fmin(13, m.cell * .9) * .6) + 18;
    m.left = 44 + names;
    int width = m.left + side + 30, height = TOP + side + names + 40;
    if (width < 400) width = 400;
    double letters = syn_svg_letters(c->title), most = (width - 48) / 10.5;
    syn_svg_open(t, c->title, width, height);
    syn_text_add(t, "<text x=\"24\" y=\"38\" font-size=\"%.1f\" font-weight=\"600\">",
                 letters > most ? fmax(18 * most / letters, 4) : 18);
    syn_svg_escaped(t, c->title);
    syn_text_add(t, "</text>\n<text x=\"24\" y=\"62\" font-size=\"12\" fill=\"#57606a\">samples; "
                    "the shade is the "
                    "share of the true class</text>\n");
    add_cells(t, &m);
    syn_text_add(t, "<path fill=\"none\" stroke=\"#8a939e\" d=\"M%d %dh%dv%dh%dz\"/>\n", m.left,
                 TOP, side, side, -side);
    if (m.names) add_names(t, &m);
    syn_text_add(
        t,
        "<g fill=\"#57606a\" font-size=\"12\" text-anchor=\"middle\">\n<text x=\"%d\" "
        "y=\"%d\">predicted"
        "</text>\n<text transform=\"translate(30 %d) rotate(-90)\">true</text>\n</g>\n</svg>\n",
        m.left + side / 2, height - 14, TOP + side / 2);
}

char *syn_confusion_svg(const syn_confusion *c) { return syn_plain_text(add_map, c); }

/* ---- files ---- */

/* Takes the text. */
static syn_status put(const char *folder, const char *name, const char *suffix, const char *ending,
                      char *text) {
    char *path = syn_format("%s/%s%s%s", folder, name, suffix, ending);
    syn_status status =
        path && text ? syn_file_replace(path, text, strlen(text)) : syn_no_memory(4096);
    free(path);
    free(text);
    return status;
}

syn_status syn_confusion_write(const syn_confusion *c, const char *folder, const char *suffix) {
    SYN_TRY(put(folder, "confusion", suffix, ".csv", syn_plain_text(add_counts, c)));
    SYN_TRY(put(folder, "classes", suffix, ".csv", syn_plain_text(add_scores, c)));
    return put(folder, "confusion", suffix, ".svg", syn_confusion_svg(c));
}
