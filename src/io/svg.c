#include "io/svg.h"

#include <jansson.h>
#include <locale.h>

void syn_svg_escaped(syn_text *t, const char *s) {
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

int syn_svg_letters(const char *s) {
    int letters = 0;
    for (; *s; s++) letters += ((unsigned char)*s & 0xC0) != 0x80;
    return letters;
}

void syn_svg_open(syn_text *t, const char *title, int width, int height) {
    syn_text_add(t,
                 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
                 "viewBox=\"0 0 %d %d\" font-family=\"system-ui, -apple-system, Segoe UI, "
                 "Helvetica, Arial, sans-serif\" fill=\"#1f2328\">\n<title>",
                 width, height, width, height);
    syn_svg_escaped(t, title);
    syn_text_add(t, "</title>\n<rect width=\"%d\" height=\"%d\" fill=\"#ffffff\"/>\n", width,
                 height);
}

char *syn_plain_text(void (*add)(syn_text *t, const void *what), const void *what) {
    locale_t plain = newlocale(LC_ALL_MASK, "C", (locale_t)0); /* points, not commas */
    if (plain == (locale_t)0) return NULL;
    locale_t before = uselocale(plain);
    syn_text t = { 0 };
    add(&t, what);
    uselocale(before);
    freelocale(plain);
    if (t.failed) syn_text_free(&t);
    return t.s;
}
