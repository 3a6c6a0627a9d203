/* Shared by options.c and options_json.c, and by the reader of experiment files. */
#ifndef SYN_BASE_OPTIONS_JSON_H
#define SYN_BASE_OPTIONS_JSON_H

#include "base/options.h"

/* Largest magnitude that still says "really zero": SYN_ZERO after any decimal round trip. */
#define SYN_TINY 1e-290

/* Room for a number as syn_number_text writes it. */
#define SYN_NUMBER_SIZE 32
/* Shortest text that reads back as the same double; whole numbers below 1e10 without exponent. */
const char *syn_number_text(char *buf, double value);
/* "0 to 0.999999999"; "1 and up" for a range that ends where ints do, unless `whole` */
const char *syn_range_text(char *buf, size_t size, const syn_option *o, bool whole);

/* Choices of "a|b|c": how many, the number (from 1) of a name or 0, the name of a number or NULL.
 */
int syn_choice_count(const syn_option *o);
int syn_choice_find(const syn_option *o, const char *name, size_t len);
const char *syn_choice_name(const syn_option *o, int number, int *len);
/* Whether the choices are no|yes, which files give as booleans. */
bool syn_choice_is_switch(const syn_option *o);

/* SYN_OK, or SYN_E_ARGUMENT with value and range; at (may be NULL) is the value in the file. */
syn_status syn_option_check(const syn_option *o, double value, const json_t *at, const char *where);

/* A value counts as set unless it is +0: -0.0 is a resolved "really zero" (see options.c). */
bool syn_real_is_set(double value);

/* "a list", "the text 'abc'", "the number 2.5": what was found where something else was expected.
 */
const char *syn_json_text(const json_t *value, char *buf, size_t size);

/* syn_fail_at for the key of `value` rather than the value: syn_locating_key tells the locator. */
syn_status syn_fail_at_key(const json_t *value, syn_status status, const char *fmt, ...)
    SYN_PRINTF(3, 4);
bool syn_locating_key(void);

#endif
