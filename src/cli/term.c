/* Terminal facts and numbers as people read them. */
#include "cli/cli.h"

#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/ioctl.h>
#include <unistd.h>

bool cli_is_terminal(int fd) {
    const char *term = getenv("TERM");
    return isatty(fd) && term && strcmp(term, "dumb");
}

int cli_width(int fd) {
    struct winsize w;
    const char *columns = getenv("COLUMNS");
    int n = columns ? atoi(columns) : 0;
    if (n <= 0 && ioctl(fd, TIOCGWINSZ, &w) == 0) n = w.ws_col;
    if (n <= 0) n = 80;
    return n < 20 ? 20 : n;
}

bool cli_unicode(void) {
    static int known;
    if (!known) {
        setlocale(LC_CTYPE, "");
        known = strcasecmp(nl_langinfo(CODESET), "UTF-8") ? 1 : 2;
    }
    return known == 2;
}

const char *cli_count_text(char *buf, size_t size, double n) {
    char digits[32];
    int len = snprintf(digits, sizeof digits, "%.0f", n);
    size_t out = 0;
    for (int i = 0; i < len && out + 2 < size; i++) {
        if (i && (len - i) % 3 == 0 && digits[i - 1] != '-') buf[out++] = ',';
        buf[out++] = digits[i];
    }
    buf[out] = 0;
    return buf;
}

/* Three digits and a unit: the first whose value is below `step`. */
static const char *scaled(char *buf, size_t size, double v, double step, const char *const *unit) {
    int i = 0;
    while (unit[i + 1] && fabs(v) >= 999.5) {
        v /= step;
        i++;
    }
    snprintf(buf, size, "%.*f%s", i == 0 || fabs(v) >= 99.95 ? 0 : 1, v, unit[i]);
    return buf;
}

const char *cli_bytes_text(char *buf, size_t size, double bytes) {
    static const char *const unit[] = { " bytes", " KiB", " MiB", " GiB", " TiB", NULL };
    return scaled(buf, size, bytes, 1024, unit);
}

const char *cli_short_text(char *buf, size_t size, double n) {
    static const char *const unit[] = { "", "k", "M", "G", "T", NULL };
    return scaled(buf, size, n, 1000, unit);
}

const char *cli_time_text(char *buf, size_t size, double seconds) {
    if (!(seconds >= 0) || seconds > 1e8) seconds = 0;
    long s = (long)(seconds + .5);
    if (s >= 3600)
        snprintf(buf, size, "%ld:%02ld:%02ld", s / 3600, s / 60 % 60, s % 60);
    else
        snprintf(buf, size, "%ld:%02ld", s / 60, s % 60);
    return buf;
}

int cli_columns(const char *s) {
    int n = 0;
    for (; *s; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

void cli_wrap(const char *text, int at, int indent, int width) {
    bool first = true; /* word of its line */
    while (*text) {
        text += strspn(text, " ");
        size_t n = strcspn(text, " \n");
        char *word = syn_format("%.*s", (int)n, text);
        int columns = word ? cli_columns(word) : 0;
        if (!first && at + 1 + columns > width) {
            printf("\n%*s", indent, "");
            at = indent;
            first = true;
        }
        printf("%s%s", first ? "" : " ", word ? word : "");
        at += columns + !first;
        first = false;
        free(word);
        text += n;
        if (*text == '\n') {
            printf("\n%*s", text[1] ? indent : 0, "");
            at = indent;
            first = true;
            text++;
        }
    }
    printf("\n");
}
