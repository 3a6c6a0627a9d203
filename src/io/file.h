/* Private to this room: replacing a file by pieces. */
#ifndef SYN_IO_FILE_H
#define SYN_IO_FILE_H

#include "base/base.h"

typedef struct syn_piece {
    const void *data;
    size_t bytes;
} syn_piece;

/* The pieces one behind the other become the file: under a temporary name in the same folder,
 * flushed to disk, renamed. On failure the old file stands and nothing is left behind. */
syn_status syn_file_replace_pieces(const char *path, const syn_piece *piece, int n);

#endif
