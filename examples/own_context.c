/* Syncline inside an OpenCL program: the program's context, queue and buffers are used as they are.
 * A kernel of the program makes each batch on the device, steps read it there, and predictions are
 * left in a buffer of the program; the host waits once, for an event. */
#include <syncline/opencl.h>
#include <syncline/syncline.h>

#include <stdio.h>
#include <stdlib.h>

#define FAIL(text) return fprintf(stderr, "own_context: %s\n", text), 1
#define CHECK(call)                                                                                \
    if ((call) != SYN_OK) FAIL(syn_error_text())
#define CHECK_CL(call)                                                                             \
    if ((call) != CL_SUCCESS) FAIL(#call " failed")

enum { BATCH = 256, STEPS = 1000, CLASSES = 2 };

/* Points of the square from -1 to 1; label 1 inside a ring. */
static const char *source =
    "uint mix(uint h) { h ^= h >> 16; h *= 0x7feb352du; h ^= h >> 15; h *= 0x846ca68bu;\n"
    "                   return h ^ h >> 16; }\n"
    "kernel void fill(global float2 *x, global int *y, uint step) {\n"
    "    uint i = get_global_id(0), h = mix(step * 0x9e3779b9u + i);\n"
    "    float2 p = (float2)(h & 0xffff, h >> 16) / 32768.0f - 1.0f;\n"
    "    x[i] = p;\n"
    "    y[i] = length(p) > 0.4f && length(p) < 0.8f;\n"
    "}\n";

int main(void) {
    cl_platform_id platform;
    cl_device_id device;
    cl_int error;
    CHECK_CL(clGetPlatformIDs(1, &platform, NULL));
    CHECK_CL(clGetDeviceIDs(platform, CL_DEVICE_TYPE_ALL, 1, &device, NULL));
    cl_context context = clCreateContext(NULL, 1, &device, NULL, NULL, &error);
    CHECK_CL(error);
    cl_command_queue queue = clCreateCommandQueue(context, device, 0, &error); /* in order */
    CHECK_CL(error);
    cl_program program = clCreateProgramWithSource(context, 1, &source, NULL, &error);
    CHECK_CL(error);
    CHECK_CL(clBuildProgram(program, 1, &device, "", NULL, NULL));
    cl_kernel fill = clCreateKernel(program, "fill", &error);
    CHECK_CL(error);
    cl_mem x_mem = clCreateBuffer(context, CL_MEM_READ_WRITE, BATCH * sizeof(cl_float2), NULL,
                                  &error);
    CHECK_CL(error);
    cl_mem y_mem = clCreateBuffer(context, CL_MEM_READ_WRITE, BATCH * sizeof(cl_int), NULL, &error);
    CHECK_CL(error);
    static float p[BATCH][CLASSES];
    cl_mem p_mem = clCreateBuffer(context, CL_MEM_READ_WRITE, sizeof p, NULL, &error);
    CHECK_CL(error);
    CHECK_CL(clSetKernelArg(fill, 0, sizeof x_mem, &x_mem));
    CHECK_CL(clSetKernelArg(fill, 1, sizeof y_mem, &y_mem));

    syn_ctx *ctx;
    syn_net *net;
    syn_state *state;
    syn_plan *plan;
    CHECK(syn_ctx_create_from(&ctx, context, device, queue, NULL));
    CHECK(syn_net_create(&net, 5));
    syn_tensor t = syn_input(net, SYN_SHAPE(2));
    for (int i = 0; i < 2; i++) t = syn_tanh(syn_dense(t, &(syn_dense_opts){ .units = 32 }));
    t = syn_dense(t, &(syn_dense_opts){ .units = CLASSES });
    CHECK(syn_state_create(&state, ctx, net));
    CHECK(syn_plan_create(&plan, state, &(syn_plan_opts){
        .loss = syn_softmax_xent(t), .batch = BATCH,
        .optim = syn_adam(&(syn_adam_opts){ .lr = 0.01 }) }));

    /* The queue is in order, so nothing has to wait: fill, step, fill, step ... */
    const syn_cl_array x = { .mem = x_mem, .type = SYN_F32, .shape = SYN_SHAPE(BATCH, 2) };
    const syn_cl_array y = { .mem = y_mem, .type = SYN_I32, .shape = SYN_SHAPE(BATCH) };
    const size_t global = BATCH;
    for (cl_uint step = 0; step <= STEPS; step++) {
        CHECK_CL(clSetKernelArg(fill, 2, sizeof step, &step));
        CHECK_CL(clEnqueueNDRangeKernel(queue, fill, 1, NULL, &global, NULL, 0, NULL, NULL));
        if (step == STEPS) break; /* the last batch is for testing */
        CHECK(syn_step_cl(plan, &x, &y, NULL));
    }
    cl_event predicted;
    cl_int labels[BATCH];
    CHECK(syn_infer_cl(plan, &x, p_mem, 0, &predicted));
    CHECK_CL(clWaitForEvents(1, &predicted));
    CHECK_CL(clReleaseEvent(predicted));
    CHECK_CL(clEnqueueReadBuffer(queue, p_mem, CL_TRUE, 0, sizeof p, p, 0, NULL, NULL));
    CHECK_CL(clEnqueueReadBuffer(queue, y_mem, CL_TRUE, 0, sizeof labels, labels, 0, NULL, NULL));

    int right = 0;
    for (int i = 0; i < BATCH; i++) right += (p[i][1] > p[i][0]) == labels[i];
    printf("%lld steps on batches made on the device\n", (long long)syn_plan_step(plan));
    printf("%d of %d new points are rightly told to be inside or outside the ring\n", right, BATCH);

    syn_plan_destroy(plan);
    syn_state_destroy(state);
    syn_net_destroy(net);
    syn_ctx_destroy(ctx);
    clReleaseMemObject(x_mem);
    clReleaseMemObject(y_mem);
    clReleaseMemObject(p_mem);
    clReleaseKernel(fill);
    clReleaseProgram(program);
    clReleaseCommandQueue(queue);
    clReleaseContext(context);
    if (right >= BATCH * 9 / 10) return 0;
    FAIL("learnt too little");
}
