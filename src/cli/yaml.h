/* YAML text as a JSON tree that knows where every value stands in its file, and back to text. */
#ifndef SYN_CLI_YAML_H
#define SYN_CLI_YAML_H

#include "base/options.h"

/* Where one value stands; lines and columns from 1, line 0: a value given on the command line. */
typedef struct cli_place {
    const json_t *value;
    const char *source; /* "fashion.yaml", "--set train.epochs" */
    int line, column;
    int key_line, key_column;
} cli_place;

/* Places of all values read so far, from any number of texts. Start from {0}. */
typedef struct cli_yaml {
    cli_place *place;
    int n, cap;
    json_t **constant; /* booleans and nulls: Jansson shares its own, so these are made here */
    int n_constants, cap_constants;
    json_t *kept; /* replaced values: their addresses must not be used again */
} cli_yaml;

/* One document. yes, no, on and off are booleans; what looks like a number is one. Duplicate keys,
 * aliases and deeper nesting than 32 are errors. *root is a new reference; it must not outlive `y`.
 * located: false for values of the command line, whose lines and columns say nothing. */
syn_status cli_yaml_read(cli_yaml *y, json_t **root, const char *text, size_t len,
                         const char *source, bool located);
void cli_yaml_free(cli_yaml *y);

/* `value` stands where `as` stands. */
void cli_yaml_same_place(cli_yaml *y, const json_t *value, const json_t *as);
/* Holds on to a value that is about to be replaced. */
void cli_yaml_keep(cli_yaml *y, json_t *value);
/* A syn_locate_fn; user is the cli_yaml. Writes "fashion.yaml:7:12: ". */
void cli_yaml_locate(const json_t *value, void *user, char *buf, size_t size);

/* As YAML text (malloc'd), NULL without memory. Maps and lists that fit stand on one line, except
 * the document itself and what `block` lists (NULL-ended names of its keys). */
char *cli_yaml_write(const json_t *root, const char *const *block);

#endif
