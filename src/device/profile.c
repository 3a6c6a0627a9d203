/* Reads what a device says of itself. */
#include "device/private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void text(cl_device_id device, cl_device_info what, char *out, size_t size) {
    char long_text[1024] = "";
    clGetDeviceInfo(device, what, sizeof long_text, long_text, NULL);
    const char *s = long_text;
    while (*s == ' ') s++; /* some drivers pad names */
    snprintf(out, size, "%.*s", (int)size - 1, s);
    for (size_t n = strlen(out); n && out[n - 1] == ' ';) out[--n] = 0;
}

static int64_t number(cl_device_id device, cl_device_info what) {
    cl_ulong value = 0; /* drivers write 4 or 8 bytes, little end first */
    clGetDeviceInfo(device, what, sizeof value, &value, NULL);
    return (int64_t)value;
}

void syn_device_describe(cl_platform_id platform, cl_device_id device, int p, int d,
                         syn_device_info *info) {
    *info = (syn_device_info){ .platform = p, .index = d };
    text(device, CL_DEVICE_NAME, info->name, sizeof info->name);
    text(device, CL_DEVICE_VENDOR, info->vendor, sizeof info->vendor);
    text(device, CL_DEVICE_VERSION, info->version, sizeof info->version);
    text(device, CL_DRIVER_VERSION, info->driver, sizeof info->driver);
    clGetPlatformInfo(platform, CL_PLATFORM_NAME, sizeof info->platform_name, info->platform_name,
                      NULL);
    int64_t type = number(device, CL_DEVICE_TYPE);
    info->gpu = type & CL_DEVICE_TYPE_GPU;
    info->cpu = type & CL_DEVICE_TYPE_CPU;
    char extensions[16384] = "";
    clGetDeviceInfo(device, CL_DEVICE_EXTENSIONS, sizeof extensions - 1, extensions, NULL);
    info->fp64 = strstr(extensions, "cl_khr_fp64") || number(device, CL_DEVICE_DOUBLE_FP_CONFIG);
    info->fp16 = strstr(extensions, "cl_khr_fp16") != NULL;
    info->compute_units = (int)number(device, CL_DEVICE_MAX_COMPUTE_UNITS);
    info->clock_mhz = (int)number(device, CL_DEVICE_MAX_CLOCK_FREQUENCY);
    info->global_bytes = number(device, CL_DEVICE_GLOBAL_MEM_SIZE);
    info->max_alloc = number(device, CL_DEVICE_MAX_MEM_ALLOC_SIZE);
    info->local_bytes = number(device, CL_DEVICE_LOCAL_MEM_SIZE);
}

/* A power of two in [1, 16]. */
static int vector_width(int64_t native) {
    int v = 1;
    while (v * 2 <= native && v < 16) v *= 2;
    return v;
}

void syn_device_profile(cl_device_id device, const syn_device_info *info, bool cpu, syn_profile *p) {
    size_t group = 0;
    clGetDeviceInfo(device, CL_DEVICE_MAX_WORK_GROUP_SIZE, sizeof group, &group, NULL);
    *p = (syn_profile){
        .cpu = cpu, .fp64 = info->fp64, .compute_units = info->compute_units,
        .max_group = group > 4096 ? 4096 : (int)group,
        .local_bytes = info->local_bytes, .global_bytes = info->global_bytes,
        .max_alloc = info->max_alloc,
        /* doc/performance.md; of GPUs nothing is known yet */
        .masks = cpu ? SYN_MASKS_KEPT : SYN_MASKS_DRAWN,
    };
    p->vec_float = cpu ? vector_width(number(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_FLOAT)) : 1;
    p->vec_double = cpu ? vector_width(number(device, CL_DEVICE_NATIVE_VECTOR_WIDTH_DOUBLE)) : 1;
    const char *floats = getenv("SYNCLINE_VECTOR"); /* for tests: a simulator says 1, and no vector is met */
    if (cpu && floats && *floats) {
        p->vec_float = vector_width(atoi(floats));
        p->vec_double = vector_width(atoi(floats) / 2);
    }
    int64_t align = number(device, CL_DEVICE_MEM_BASE_ADDR_ALIGN) / 8; /* given in bits */
    p->align = align > 512 ? (int)align : 512;
}
