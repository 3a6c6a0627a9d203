/* What the pictures share: SVG 1.1 without scripts and without fonts of their own. */
#ifndef SYN_IO_SVG_H
#define SYN_IO_SVG_H

#include "base/base.h"

/* The text that `add` writes, a picture or a table, with decimal points whatever the locale: malloc'd, NULL without memory. */
char *syn_plain_text(void (*add)(syn_text *t, const void *what), const void *what);
/* Opening tag, title and a white ground; the caller closes with "</svg>\n". */
void syn_svg_open(syn_text *t, const char *title, int width, int height);
/* Text that is valid in XML whatever it was. */
void syn_svg_escaped(syn_text *t, const char *s);
int syn_svg_letters(const char *s);

#endif
