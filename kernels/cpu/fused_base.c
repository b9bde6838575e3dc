/* The interpreter's loops for any machine. */
#define ISA(NAME) NAME##_base
#include "kernels/cpu/fused_ops.inc"
