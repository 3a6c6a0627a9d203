/* Option rows at run time: defaults, ranges, reading from and writing to JSON. A row's options live in
 * its C struct; offset says where. */
#ifndef SYN_BASE_OPTIONS_H
#define SYN_BASE_OPTIONS_H

#include "base/base.h"

#include <jansson.h>
#include <syncline/spec.h>

typedef enum syn_option_kind {
    SYN_OPTION_REAL,   /* double */
    SYN_OPTION_INT,    /* int */
    SYN_OPTION_FLAG,   /* bool */
    SYN_OPTION_CHOICE, /* int, 1.. in the order of `choices` ("a|b|c") */
    SYN_OPTION_TEXT,   /* const char * */
    SYN_OPTION_INIT,   /* syn_init; defaults are names of rows of `table`, in text_def */
    SYN_OPTION_LIST,   /* syn_numbers, each in lo to hi; empty by default */
    SYN_OPTION_SPECS   /* syn_specs, of rows of `table`; empty by default */
} syn_option_kind;

/* Value of an int option that is given as its word, see syn_option.choices. */
#define SYN_WORD (-1)

typedef struct syn_option {
    const char *name;
    syn_option_kind kind;
    double def[2]; /* keras, torch */
    const char *text_def[2];
    double lo, hi;
    const char *choices; /* CHOICE: "a|b|c"; INT: a word that is allowed besides, "all"; REAL: one that means the default; NULL: none */
    const char *doc;
    size_t offset;
    const struct syn_table *(*table)(void); /* INIT, SPECS: the table they come from */
} syn_option;

/* The head of every table row that has options. */
typedef struct syn_def {
    const char *name;
    const char *doc;
    const char *kind; /* "optimizer", "layer", "schedule", "initialiser", "loss": for error texts */
    const syn_option *option;
    int n_options;
    size_t size; /* of the options struct, whose first member is `syn_preset preset` */
} syn_def;

/* Fill defaults of the preset (opts->preset if set, else `preset`), turn SYN_ZERO into 0, check
 * ranges. `where` names the thing in errors: "dense_1", "adam". */
syn_status syn_options_resolve(const syn_def *def, void *opts, syn_preset preset, const char *where);

/* Read a JSON object (or NULL, or true) into zeroed opts. Unknown keys get the nearest known one.
 * Text is interned for the life of the process. Keys in `also` (NULL-ended, may be NULL) are skipped. */
syn_status syn_options_read(const syn_def *def, void *opts, json_t *object, const char *where,
                            const char *const *also);
/* What differs from zero, as a new object: the inverse of read, for resolved or raw structs. */
json_t *syn_options_write(const syn_def *def, const void *opts);

/* A table of defs by name. Rooms declare theirs: syn_optims() in optim/optim.h, and so on. */
typedef struct syn_table {
    const char *kind;          /* "optimizer" */
    const syn_def *const *row; /* in order of the .inc file, then registered ones */
    int n;
} syn_table;
const syn_def *syn_table_find(const syn_table *t, const char *name); /* NULL and error text */

/* A spec from JSON: "adam" or { adam: { lr: 0.1 } }; and back. */
syn_status syn_spec_read(const syn_table *t, syn_spec *spec, json_t *json, const char *where);
json_t *syn_spec_write(const syn_spec *spec);
void syn_spec_set(syn_spec *spec, const syn_def *def, const void *opts); /* opts NULL: zeros; copies lists */

/* Where a JSON value stands in the user's file: "fashion.yaml:7:5: " put in front of option errors.
 * Set by the reader of experiment files for its thread; NULL clears it. The callback writes into buf. */
typedef void (*syn_locate_fn)(const json_t *value, void *user, char *buf, size_t size);
void syn_options_locate(syn_locate_fn fn, void *user);
/* syn_fail with that prefix for `at`. */
syn_status syn_fail_at(const json_t *at, syn_status status, const char *fmt, ...) SYN_PRINTF(3, 4);

/* Text that lives as long as the process; equal texts share one copy. */
const char *syn_intern(const char *s);
/* Likewise for any bytes. */
const void *syn_intern_bytes(const void *data, size_t size);

#endif
