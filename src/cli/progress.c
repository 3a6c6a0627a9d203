#include "cli/progress.h"

#include "cli/cli.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

double cli_clock(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

void cli_progress_start(cli_progress *p) {
    const char *no_color = getenv("NO_COLOR");
    *p = (cli_progress){ .live = cli_is_terminal(STDOUT_FILENO), .unicode = cli_unicode() };
    p->colour = p->live && !(no_color && *no_color);
}

void cli_progress_wait(cli_progress *p, const char *text) {
    if (!p->live) return;
    printf("\r%s%s ...%s\033[K", p->colour ? "\033[2m" : "", text, p->colour ? "\033[0m" : "");
    fflush(stdout);
    p->drawn = true;
}

void cli_progress_clear(cli_progress *p) {
    if (!p || !p->drawn) return;
    printf("\r\033[K");
    fflush(stdout);
    p->drawn = false;
}

static int digits(int64_t n) {
    int d = 1;
    for (; n >= 10; n /= 10) d++;
    return d;
}

static void put_epoch(syn_text *t, const syn_report *r) {
    syn_text_add(t, "epoch %*d/%d", digits(r->epochs), r->epoch, r->epochs);
}

static void put_metric(syn_text *t, const char *name, double v) {
    if (isnan(v)) return;
    /* four digits that matter, but no run of zeros for small losses */
    syn_text_add(t, fabs(v) >= 1e-3 || v == 0 ? "  %s %.4f" : "  %s %.3e", name, v);
}

static void put_rate(syn_text *t, double rate) {
    char buf[32];
    if (rate > 0) syn_text_add(t, "  %5s samples/s", cli_short_text(buf, sizeof buf, rate));
}

/* Eighths of a cell, so that the bar moves smoothly. */
static void put_bar(const cli_progress *p, syn_text *t, double share, int width) {
    static const char *const part[] = { "", "▏", "▎", "▍", "▌", "▋", "▊", "▉" };
    int eighths = (int)(share * width * 8), full = eighths / 8, rest = eighths % 8;
    if (p->colour) syn_text_add(t, "\033[32m");
    for (int i = 0; i < full; i++) syn_text_add(t, "%s", p->unicode ? "█" : "#");
    int used = full;
    if (p->unicode && rest && full < width) {
        syn_text_add(t, "%s", part[rest]);
        used++;
    }
    if (p->colour) syn_text_add(t, "\033[0m\033[2m");
    for (; used < width; used++) syn_text_add(t, "%s", p->unicode ? "·" : ".");
    if (p->colour) syn_text_add(t, "\033[0m");
}

/* Bytes of s that fit into `columns`. */
static size_t fitting(const char *s, int columns) {
    size_t i = 0;
    for (; s[i]; i++)
        if (((unsigned char)s[i] & 0xC0) != 0x80 && columns-- == 0) break;
    return i;
}

/* Seconds left, by the steps that this process has seen; negative: not known yet. */
static double time_left(cli_progress *p, const syn_report *r) {
    double left = (double)(r->steps - r->step);
    if (!p->seen) {
        p->seen = true;
        p->first_step = r->step;
        p->first_seconds = r->seconds;
    }
    if (r->step > p->first_step)
        return left * (r->seconds - p->first_seconds) / (double)(r->step - p->first_step);
    return r->epoch_step > 0 ? left * r->epoch_seconds / (double)r->epoch_step : -1;
}

/* What stands behind the bar. */
static void put_tail(syn_text *t, const syn_report *r, double share, double left, bool rate) {
    char eta[32];
    syn_text_add(t, " %3.0f%%", 100 * share);
    put_metric(t, "loss", r->loss);
    put_metric(t, "accuracy", r->accuracy);
    if (rate) put_rate(t, r->samples_per_second);
    if (left >= 0) syn_text_add(t, "  ETA %s", cli_time_text(eta, sizeof eta, left));
}

static void draw(cli_progress *p, const syn_report *r) {
    enum { SHORTEST_BAR = 6, LONGEST_BAR = 40 };
    double share = r->epoch_steps > 0 ? (double)r->epoch_step / (double)r->epoch_steps : 0;
    double left = time_left(p, r);
    int width = cli_width(STDOUT_FILENO) - 3; /* room for ^C, and some terminals wrap at the last */
    syn_text line = { 0 }, tail = { 0 };
    put_epoch(&line, r);
    int room = width - cli_columns(syn_text_str(&line)) - 2; /* of bar and tail */
    put_tail(&tail, r, share, left, true);
    if (room - cli_columns(syn_text_str(&tail)) < SHORTEST_BAR) {
        syn_text_free(&tail);
        put_tail(&tail, r, share, left, false);
    }
    int bar = room - cli_columns(syn_text_str(&tail));
    if (bar >= SHORTEST_BAR) {
        syn_text_add(&line, "  ");
        put_bar(p, &line, share, bar < LONGEST_BAR ? bar : LONGEST_BAR);
    } else {
        room += 2;
    }
    syn_text_put(&line, syn_text_str(&tail), fitting(syn_text_str(&tail), room > 0 ? room : 0));
    printf("\r%s\033[K", syn_text_str(&line));
    fflush(stdout);
    syn_text_free(&line);
    syn_text_free(&tail);
    p->drawn = true;
}

void cli_progress_step(cli_progress *p, const syn_report *r) {
    double now = cli_clock();
    if (!p->live || now - p->drawn_at < .1) return;
    p->drawn_at = now;
    draw(p, r);
}

void cli_progress_epoch(cli_progress *p, const syn_report *r) {
    syn_text t = { 0 };
    char seconds[32];
    cli_progress_clear(p);
    put_epoch(&t, r);
    put_metric(&t, "loss", r->loss);
    put_metric(&t, "accuracy", r->accuracy);
    put_metric(&t, "val_loss", r->val_loss);
    put_metric(&t, "val_accuracy", r->val_accuracy);
    size_t shortest = t.len; /* what a narrow terminal gets */
    put_rate(&t, r->samples_per_second);
    size_t shorter = t.len;
    if (r->epoch_seconds < 60)
        snprintf(seconds, sizeof seconds, "%.1f s", r->epoch_seconds);
    else
        cli_time_text(seconds, sizeof seconds, r->epoch_seconds);
    syn_text_add(&t, "  %6s", seconds);
    size_t width = p->live ? (size_t)cli_width(STDOUT_FILENO) : t.len;
    size_t len = t.len <= width ? t.len : shorter <= width ? shorter : shortest;
    printf("%.*s\n", (int)len, syn_text_str(&t));
    fflush(stdout);
    syn_text_free(&t);
}
