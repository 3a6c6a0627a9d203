/* The table of layers, from include/syncline/layers.inc and the layers' files. */
#include "layer/layer.h"

#include "layer/init.h"

#include <stddef.h>

#define SYN_ROW_PREFIX(name, suffix) syn_##name##suffix
#define SYN_ROW_KIND "layer"
#define SYN_ROW_INITS syn_inits
#include "base/rows_def.inc"
#include <syncline/layers.inc>
#undef SYN_ROW_KIND
#define SYN_ROW_KIND "loss"
#include <syncline/losses.inc>
#include <syncline/rows_end.inc>
#undef SYN_ROW_KIND
#undef SYN_ROW_INITS

static const struct {
    const syn_def *(*def)(void);
    const syn_layer_row *row;
} rows[] = {
#define SYN_ROW(name, doc) { syn_##name##_def, &syn_layer_##name },
#define SYN_REAL(...)
#define SYN_INT(...)
#define SYN_FLAG(...)
#define SYN_CHOICE(...)
#define SYN_TEXT(...)
#define SYN_INITIALISER(...)
#define SYN_LIST(...)
#define SYN_ROW_END(name)
#include <syncline/layers.inc>
#include <syncline/losses.inc>
#include <syncline/rows_end.inc>
};

const syn_table *syn_layers(void) {
    static const syn_def *row[SYN_COUNT(rows)];
    static const syn_table table = { .kind = "layer", .row = row, .n = (int)SYN_COUNT(rows) };
    /* Every thread writes the same pointers. */
    for (size_t i = 0; i < SYN_COUNT(rows); i++) row[i] = rows[i].def();
    return &table;
}

const syn_layer_row *syn_layer_row_of(const syn_def *def) {
    for (size_t i = 0; i < SYN_COUNT(rows); i++)
        if (rows[i].def() == def) return rows[i].row;
    return NULL;
}
