#include "base/half.h"

#include <string.h>

uint16_t syn_half_of(float f) {
    uint32_t u;
    memcpy(&u, &f, sizeof u);
    const uint32_t sign = u >> 16 & 0x8000u, magnitude = u & 0x7fffffffu;
    if (magnitude > 0x7f800000u) return (uint16_t)(sign | 0x7e00u);
    if (magnitude >= 0x477ff000u) return (uint16_t)(sign | 0x7c00u); /* 65520 and more round to infinity */
    const int exponent = (int)(magnitude >> 23) - 112;
    const uint32_t digits = (magnitude & 0x7fffffu) | 0x800000u;
    if (exponent < -10) return (uint16_t)sign;
    /* Below 2^-14 the exponent stays and the digits move. */
    const int drop = exponent > 0 ? 13 : 14 - exponent;
    const uint32_t kept = digits >> drop, rest = digits & ((1u << drop) - 1), middle = 1u << (drop - 1);
    const uint32_t up = rest > middle || (rest == middle && (kept & 1));
    /* The leading digit of kept is one more in the exponent; a carry is, too. */
    const uint32_t base = exponent > 0 ? (uint32_t)(exponent - 1) << 10 : 0;
    return (uint16_t)(sign | (base + kept + up));
}

float syn_half_value(uint16_t h) {
    const uint32_t sign = (uint32_t)(h & 0x8000u) << 16, exponent = h >> 10 & 31u, digits = h & 0x3ffu;
    uint32_t u = sign | (exponent + 112) << 23 | digits << 13;
    float f;
    if (exponent == 0) return (sign ? -1.0f : 1.0f) * (float)digits * 0x1p-24f;
    if (exponent == 31) u = sign | 0x7f800000u | digits << 13;
    memcpy(&f, &u, sizeof f);
    return f;
}
