#ifndef SYN_PLAN_SELFTEST_H
#define SYN_PLAN_SELFTEST_H

#include "device/device.h"

/* The short self-test, on the first use of a device with a driver; the verdict is kept in the user's
 * cache folder. A GEMM provider that fails is not used on this device, and the log says so. */
syn_status syn_selftest_once(syn_ctx *ctx);

#endif
