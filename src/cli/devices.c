/* syncline devices: what OpenCL offers, best first. */
#include "cli/cli.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <syncline/context.h>
#include <unistd.h>

int cli_devices(const cli_call *call) {
    (void)call;
    syn_device_info *list = NULL;
    int n = 0;
    if (syn_devices(&list, &n) != SYN_OK) return cli_fail();
    if (n == 0) {
        syn_fail(SYN_E_DEVICE,
                 "no OpenCL device; look with: clinfo -l (a GPU's driver brings one; for "
                 "CPUs, Debian's package pocl-opencl-icd does)");
        return cli_fail();
    }
    for (int i = 0; i < n; i++) {
        const syn_device_info *d = &list[i];
        char memory[32];
        printf("%d:%d  %s  %s\n", d->platform, d->index,
               d->gpu   ? "GPU"
               : d->cpu ? "CPU"
                        : "accelerator",
               d->name);
        printf("     %d compute units, %d MHz, %s%s%s\n", d->compute_units, d->clock_mhz,
               cli_bytes_text(memory, sizeof memory, (double)d->global_bytes),
               d->fp64 ? ", double" : ", no double", d->fp16 ? ", half" : "");
        printf("     %s, driver %s\n", d->platform_name, d->driver);
    }
    free(list);
    return CLI_OK;
}
