#include "device/private.h"

static const struct {
    cl_int code;
    const char *name;
} errors[] = {
#define E(name) { name, #name }
    E(CL_DEVICE_NOT_FOUND), E(CL_DEVICE_NOT_AVAILABLE), E(CL_COMPILER_NOT_AVAILABLE),
    E(CL_MEM_OBJECT_ALLOCATION_FAILURE), E(CL_OUT_OF_RESOURCES), E(CL_OUT_OF_HOST_MEMORY),
    E(CL_BUILD_PROGRAM_FAILURE), E(CL_MISALIGNED_SUB_BUFFER_OFFSET),
    E(CL_EXEC_STATUS_ERROR_FOR_EVENTS_IN_WAIT_LIST), E(CL_INVALID_VALUE),
    E(CL_INVALID_DEVICE), E(CL_INVALID_CONTEXT), E(CL_INVALID_COMMAND_QUEUE),
    E(CL_INVALID_MEM_OBJECT), E(CL_INVALID_BUILD_OPTIONS), E(CL_INVALID_PROGRAM_EXECUTABLE),
    E(CL_INVALID_KERNEL_NAME), E(CL_INVALID_KERNEL), E(CL_INVALID_ARG_INDEX),
    E(CL_INVALID_ARG_VALUE), E(CL_INVALID_ARG_SIZE), E(CL_INVALID_KERNEL_ARGS),
    E(CL_INVALID_WORK_DIMENSION), E(CL_INVALID_WORK_GROUP_SIZE), E(CL_INVALID_WORK_ITEM_SIZE),
    E(CL_INVALID_GLOBAL_WORK_SIZE), E(CL_INVALID_BUFFER_SIZE), E(CL_INVALID_EVENT),
    E(CL_INVALID_OPERATION),
#undef E
};

const char *syn_cl_error_name(cl_int error) {
    for (size_t i = 0; i < SYN_COUNT(errors); i++)
        if (errors[i].code == error) return errors[i].name;
    return "OpenCL error";
}

syn_status syn_cl_fail(const syn_ctx *ctx, cl_int error, const char *call) {
    bool memory = error == CL_MEM_OBJECT_ALLOCATION_FAILURE || error == CL_OUT_OF_HOST_MEMORY;
    return syn_fail(memory ? SYN_E_MEMORY : SYN_E_DEVICE, "%s: %s (%d) on %s", call,
                    syn_cl_error_name(error), (int)error, ctx ? ctx->info.name : "the device");
}
