/* The interpreter's loops for x86-64-v3. */
#pragma GCC target("arch=x86-64-v3")
#define ISA(NAME) NAME##_v3
#include "kernels/cpu/fused_ops.inc"
