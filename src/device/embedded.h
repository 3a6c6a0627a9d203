/* The files under cl/, embedded at build by tools/embed.py; sorted by path. */
#ifndef SYN_DEVICE_EMBEDDED_H
#define SYN_DEVICE_EMBEDDED_H

typedef struct syn_embedded {
    const char *path, *text; /* path below cl/: "base/real.cl" */
} syn_embedded;

extern const syn_embedded syn_embedded_cl[];
extern const int syn_embedded_cl_count;

#endif
