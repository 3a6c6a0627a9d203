/* What goes well together: initialiser and activation, and what a self-normalising net bears. */
#ifndef SYN_LAYER_PAIRING_H
#define SYN_LAYER_PAIRING_H

#include "layer/layer.h"

/* The initialiser that fits an activation ("he_normal"); NULL where none is known. */
const char *syn_fitting_init(const char *activation);

/* Of the data as the first layer sees them. */
typedef enum syn_input_scale {
    SYN_INPUT_UNKNOWN,
    SYN_INPUT_STANDARD,
    SYN_INPUT_RAW /* mean and variance are far from 0 and 1 */
} syn_input_scale;

/* Calls say with a line for each poor pairing: which layers, what, and what to do. Once in a net's
 * life; later calls say nothing. `of` is the layer whose output is trained on (others may be, too). */
void syn_pairing_check(syn_net *net, int of, syn_input_scale input,
                       void (*say)(const char *line, void *user), void *user);
bool syn_pairing_has_selu(const syn_net *net); /* so that the data's scale matters */

#endif
