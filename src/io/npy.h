/* Writing .npy; data/npy.c reads it. */
#ifndef SYN_IO_NPY_H
#define SYN_IO_NPY_H

#include "base/base.h"

/* rows x shape as one array of f4, or f8 when wide; the file is replaced whole. */
syn_status syn_npy_write(const char *path, const double *v, int64_t rows, const syn_shape *shape,
                         bool wide);

#endif
