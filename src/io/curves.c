/* curves.svg: loss and accuracy over epochs. Plain SVG 1.1, no scripts, no fonts of its own. */
#include "io/history.h"

#include <jansson.h>
#include <locale.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    WIDTH = 960,
    HEIGHT = 406,
    TOP = 94, /* of the panels */
    BOTTOM = 350,
    LEFT = 68,
    RIGHT = 930,
    GAP = 84,        /* between two panels: room for the right one's numbers */
    MAX_TICKS = 32,  /* of an axis */
    MAX_POINTS = 500 /* of a line: beyond, lowest and highest of each stretch */
};

/* Blue and orange stay apart in print and for every kind of colour vision. */
static const char *const colour[] = { "#1f6fb2", "#d9700a" };
static const char *const caption[] = { "training", "validation" };

typedef struct axis {
    double lo, hi;       /* in the axis' own scale: log10 where log is set */
    double at_lo, at_hi; /* pixels */
    bool log;
    int decimals; /* of its numbers; -1: as many as each needs */
    double tick[MAX_TICKS];
    int ticks;
} axis;

typedef struct panel {
    const char *title;
    size_t series[2];   /* offsets into a row: training, validation */
    bool percent;       /* 0 to 1 in the row, shown from 0 to 100 */
    const char *format; /* of the last values */
    axis x, y;
} panel;

static double value(const syn_history_row *r, const panel *p, int series) {
    double v;
    memcpy(&v, (const char *)r + p->series[series], sizeof v);
    if (p->percent) v *= 100;
    if (fabs(v) < 1e-99) return 0;
    return fabs(v) < 1e99 ? v : NAN; /* what overflows is a gap */
}

static double place(const axis *a, double v) {
    if (a->log) v = log10(v);
    return a->at_lo + (v - a->lo) / (a->hi - a->lo) * (a->at_hi - a->at_lo);
}

static bool any(const syn_history *h, const panel *p, int series) {
    for (int i = 0; i < h->n; i++)
        if (isfinite(value(&h->row[i], p, series))) return true;
    return false;
}

/* The least 1, 2 or 5 times a power of ten that is no less than v. */
static double round_up(double v) {
    double power = pow(10, floor(log10(v))), f = v / power;
    return power * (f <= 1.0000001 ? 1 : f <= 2.0000001 ? 2 : f <= 5.0000001 ? 5 : 10);
}

static void add_tick(axis *a, double v) {
    if (a->ticks < MAX_TICKS) a->tick[a->ticks++] = v;
}

/* Whole epochs. One epoch stands in the middle. */
static void epoch_axis(axis *a, const syn_history *h) {
    a->lo = a->hi = h->n ? h->row[0].epoch : 1;
    for (int i = 0; i < h->n; i++) {
        a->lo = fmin(a->lo, h->row[i].epoch);
        a->hi = fmax(a->hi, h->row[i].epoch);
    }
    double step = fmax(1, round_up(fmax(a->hi - a->lo, 1) / 8));
    for (double v = ceil(a->lo / step) * step; v <= a->hi; v += step) add_tick(a, v);
    if (a->lo == a->hi) {
        a->lo -= 1;
        a->hi += 1;
    }
}

static void linear_axis(axis *a, double lo, double hi, bool percent) {
    bool whole = percent && hi <= 100;
    if (hi - lo < 1e-9 * fmax(fabs(hi), fabs(lo)) || hi == lo) { /* one value: air around it */
        double air = fabs(hi) * 0.1;
        lo -= air;
        hi += air > 0 ? air : 1;
    }
    if (whole) hi = fmin(hi, 100);
    double step = round_up((hi - lo) / 6);
    a->lo = floor(lo / step + 1e-9) * step;
    a->hi = ceil(hi / step - 1e-9) * step;
    a->decimals = step < 1 ? (int)ceil(-log10(step) - 1e-9) : 0;
    if (step < 1e-6 || step > 1e6) a->decimals = -1;
    for (double k = round(a->lo / step); k * step <= a->hi + step * 1e-6; k++)
        add_tick(a, k * step);
}

/* Ticks at 1, 2, 5 times powers of ten, or at every so many powers where there are many. */
static void log_axis(axis *a, double lo, double hi) {
    static const double steps[] = { 1, 2, 5 };
    a->log = true;
    a->decimals = -1;
    a->lo = log10(lo);
    a->hi = log10(hi);
    double margin = (a->hi - a->lo) * 0.04;
    a->lo -= margin;
    a->hi += margin;
    double powers = a->hi - a->lo, every = fmax(1, ceil(powers / 8));
    for (double e = floor(a->lo / every) * every; e <= a->hi; e += every)
        for (size_t k = 0; k < (powers < 3 ? SYN_COUNT(steps) : 1); k++) {
            double v = e + log10(steps[k]);
            if (v >= a->lo && v <= a->hi) add_tick(a, steps[k] * pow(10, e));
        }
}

static void value_axis(panel *p, const syn_history *h) {
    double lo = INFINITY, hi = -INFINITY;
    for (int i = 0; i < h->n; i++)
        for (int k = 0; k < 2; k++) {
            double v = value(&h->row[i], p, k);
            if (!isfinite(v)) continue;
            lo = fmin(lo, v);
            hi = fmax(hi, v);
        }
    if (lo > hi) { /* nothing to draw */
        lo = 0;
        hi = p->percent ? 100 : 1;
    }
    /* A loss that falls by more than a decade shows its end in logarithms only. */
    if (!p->percent && lo > 0 && hi / lo > 20)
        log_axis(&p->y, lo, hi);
    else
        linear_axis(&p->y, lo, hi, p->percent);
}

/* Text that is valid in XML whatever the title was. */
static void add_escaped(syn_text *t, const char *s) {
    json_t *probe = json_string(s); /* NULL when it is not UTF-8 */
    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (c == '&')
            syn_text_add(t, "&amp;");
        else if (c == '<')
            syn_text_add(t, "&lt;");
        else if (c == '>')
            syn_text_add(t, "&gt;");
        else if (c < 32 || c == 127)
            syn_text_add(t, " ");
        else
            syn_text_put(t, c > 127 && !probe ? "?" : s, 1);
    }
    json_decref(probe);
}

/* Long titles in smaller letters, so that they end before the legend. */
static void add_title(syn_text *t, const char *title) {
    int letters = 0, most = 62;
    for (const char *s = title; *s; s++) letters += ((unsigned char)*s & 0xC0) != 0x80;
    syn_text_add(t, "<text x=\"24\" y=\"38\" font-size=\"%.1f\" font-weight=\"600\">",
                 letters > most ? fmax(18.0 * most / letters, 4) : 18);
    add_escaped(t, title);
    syn_text_add(t, "</text>\n");
}

static void add_point(syn_text *t, const panel *p, const syn_history_row *r, int series,
                      bool *pen) {
    double v = value(r, p, series);
    if (!isfinite(v)) {
        *pen = false;
        return;
    }
    double x = place(&p->x, r->epoch), y = place(&p->y, v);
    /* a point alone between gaps is a line of no length, which round ends make a dot */
    if (*pen)
        syn_text_add(t, "L%.1f %.1f", x, y);
    else
        syn_text_add(t, "M%.1f %.1fL%.1f %.1f", x, y, x, y);
    *pen = true;
}

/* Of each stretch of rows the lowest and the highest value, in their order; a gap where none is. */
static void add_stretches(syn_text *t, const syn_history *h, const panel *p, int series,
                          bool *pen) {
    for (int k = 0; k < MAX_POINTS; k++) {
        int from = (int)((int64_t)h->n * k / MAX_POINTS);
        int to = (int)((int64_t)h->n * (k + 1) / MAX_POINTS), lo = -1, hi = -1;
        for (int i = from; i < to; i++) {
            double v = value(&h->row[i], p, series);
            if (!isfinite(v)) continue;
            if (lo < 0 || v < value(&h->row[lo], p, series)) lo = i;
            if (hi < 0 || v > value(&h->row[hi], p, series)) hi = i;
        }
        if (lo < 0) {
            *pen = false;
            continue;
        }
        add_point(t, p, &h->row[lo < hi ? lo : hi], series, pen);
        if (lo != hi) add_point(t, p, &h->row[lo < hi ? hi : lo], series, pen);
    }
}

static void add_line(syn_text *t, const syn_history *h, const panel *p, int series) {
    bool pen = false;
    syn_text_add(t, "<path fill=\"none\" stroke=\"%s\" stroke-width=\"%s\" d=\"", colour[series],
                 h->n > 200 ? "1.5" : "2");
    if (h->n > 2 * MAX_POINTS)
        add_stretches(t, h, p, series, &pen);
    else
        for (int i = 0; i < h->n; i++) add_point(t, p, &h->row[i], series, &pen);
    syn_text_add(t, "\"/>\n");
    if (h->n > 40) return;
    for (int i = 0; i < h->n; i++) {
        double v = value(&h->row[i], p, series);
        if (isfinite(v))
            syn_text_add(t, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"%s\" fill=\"%s\"/>\n",
                         place(&p->x, h->row[i].epoch), place(&p->y, v), h->n > 20 ? "2.2" : "3",
                         colour[series]);
    }
}

static void add_grid(syn_text *t, const panel *p) {
    double left = p->x.at_lo, right = p->x.at_hi;
    syn_text_add(t, "<g stroke=\"#e4e7eb\">\n");
    for (int i = 0; i < p->y.ticks; i++) {
        double y = place(&p->y, p->y.tick[i]);
        syn_text_add(t, "<path d=\"M%.1f %.1fH%.1f\"/>\n", left, y, right);
    }
    syn_text_add(t, "</g>\n<g stroke=\"#8a939e\">\n<path d=\"M%.1f %dH%.1f\"/>\n", left, BOTTOM,
                 right);
    for (int i = 0; i < p->x.ticks; i++)
        syn_text_add(t, "<path d=\"M%.1f %dv5\"/>\n", place(&p->x, p->x.tick[i]), BOTTOM);
    syn_text_add(t, "</g>\n<g fill=\"#57606a\" font-size=\"12\" text-anchor=\"end\">\n");
    for (int i = 0; i < p->y.ticks; i++) {
        double v = p->y.tick[i];
        syn_text_add(t, "<text x=\"%.1f\" y=\"%.1f\">", left - 8, place(&p->y, v) + 4);
        if (p->y.decimals < 0)
            syn_text_add(t, "%.6g", v);
        else
            syn_text_add(t, "%.*f", p->y.decimals, v == 0 ? 0 : v); /* no -0 */
        syn_text_add(t, "%s</text>\n", p->percent ? " %" : "");
    }
    syn_text_add(t, "</g>\n<g fill=\"#57606a\" font-size=\"12\" text-anchor=\"middle\">\n");
    for (int i = 0; i < p->x.ticks; i++)
        syn_text_add(t, "<text x=\"%.1f\" y=\"%d\">%.0f</text>\n", place(&p->x, p->x.tick[i]),
                     BOTTOM + 20, p->x.tick[i]);
    syn_text_add(t, "<text x=\"%.1f\" y=\"%d\">epoch</text>\n</g>\n", (left + right) / 2,
                 BOTTOM + 40);
}

/* The last value of each line, at the right end of the panel's heading. */
static void add_last(syn_text *t, const syn_history *h, const panel *p, double right) {
    syn_text_add(t,
                 "<text x=\"%.1f\" y=\"%d\" font-size=\"12\" text-anchor=\"end\">"
                 "<tspan fill=\"#57606a\">last</tspan>",
                 right, TOP - 20);
    for (int k = 0; k < 2; k++) {
        int i = h->n - 1;
        while (i >= 0 && !isfinite(value(&h->row[i], p, k))) i--;
        if (i < 0) continue;
        syn_text_add(t, "<tspan dx=\"8\" font-weight=\"600\" fill=\"%s\">", colour[k]);
        syn_text_add(t, p->format, value(&h->row[i], p, k));
        syn_text_add(t, "</tspan>");
    }
    syn_text_add(t, "</text>\n");
}

static void add_panel(syn_text *t, const syn_history *h, panel *p, double left, double right) {
    p->x = (axis){ .at_lo = left, .at_hi = right };
    p->y = (axis){ .at_lo = BOTTOM, .at_hi = TOP };
    epoch_axis(&p->x, h);
    value_axis(p, h);
    syn_text_add(t, "<text x=\"%.1f\" y=\"%d\" font-size=\"14\" font-weight=\"600\">%s%s</text>\n",
                 left, TOP - 20, p->title, p->y.log ? " (log scale)" : "");
    if (any(h, p, 0) || any(h, p, 1)) add_last(t, h, p, right);
    add_grid(t, p);
    syn_text_add(t, "<g stroke-linecap=\"round\" stroke-linejoin=\"round\">\n");
    for (int k = 0; k < 2; k++)
        if (any(h, p, k)) add_line(t, h, p, k);
    syn_text_add(t, "</g>\n");
}

static void add_legend(syn_text *t, const bool shown[2]) {
    double x = RIGHT;
    for (int k = 1; k >= 0; k--) {
        if (!shown[k]) continue;
        x -= k ? 88 : 78;
        syn_text_add(
            t,
            "<path stroke=\"%s\" stroke-width=\"3\" stroke-linecap=\"round\" "
            "d=\"M%.0f 32h18\"/>\n<text x=\"%.0f\" y=\"36.5\" font-size=\"13\">%s</text>\n",
            colour[k], x, x + 26, caption[k]);
        x -= 20;
    }
}

static void add_picture(syn_text *t, const syn_history *h, const char *title) {
    panel loss = {
        .title = "Loss",
        .series = { offsetof(syn_history_row, loss), offsetof(syn_history_row, val_loss) },
        .format = "%.4g",
    };
    panel accuracy = {
        .title = "Accuracy",
        .series = { offsetof(syn_history_row, accuracy), offsetof(syn_history_row, val_accuracy) },
        .percent = true,
        .format = "%.2f %%",
    };
    bool two = any(h, &accuracy, 0) || any(h, &accuracy, 1), shown[2];
    for (int k = 0; k < 2; k++) shown[k] = any(h, &loss, k) || any(h, &accuracy, k);
    syn_text_add(t,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" font-family=\"system-ui, -apple-system, Segoe UI, "
                 "Helvetica, Arial, sans-serif\" fill=\"#1f2328\">\n<title>",
                 WIDTH, HEIGHT, WIDTH, HEIGHT);
    add_escaped(t, title);
    syn_text_add(t, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", WIDTH,
                 HEIGHT);
    add_title(t, title);
    add_legend(t, shown);
    double middle = (LEFT + RIGHT + GAP) / 2.0;
    add_panel(t, h, &loss, LEFT, two ? middle - GAP : RIGHT);
    if (two) add_panel(t, h, &accuracy, middle, RIGHT);
    syn_text_add(t, "</svg>\n");
}

char *syn_history_svg(const syn_history *h, const char *title) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* points, not commas */
    if (plain == (locale_t)0) return NULL;
    locale_t before = uselocale(plain);
    syn_text t = { 0 };
    add_picture(&t, h, title ? title : "Training");
    uselocale(before);
    freelocale(plain);
    if (t.failed) syn_text_free(&t);
    return t.s;
}
