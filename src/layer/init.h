/* The table of initialisers (include/syncline/inits.inc); drawing is syn_init_draw. */
#ifndef SYN_LAYER_INIT_H
#define SYN_LAYER_INIT_H

#include "base/options.h"

#include <syncline/init.h>

const syn_table *syn_inits(void);

#endif
