/* 16-bit floats of IEEE 754 on the host, as kernels read and write them. */
#ifndef SYN_BASE_HALF_H
#define SYN_BASE_HALF_H

#include <stdint.h>

uint16_t syn_half_of(float f); /* to nearest, ties to even */
float syn_half_value(uint16_t h);

#endif
