/* The interpreter's loops for x86-64-v4. */
#pragma GCC target("arch=x86-64-v4,prefer-vector-width=512")
#define ISA(NAME) NAME##_v4
#include "kernels/cpu/fused_ops.inc"
