/* Protocol Buffers' wire format, as much of it as an ONNX file needs: varints, fixed 32-bit numbers
 * and bytes with their length, appended to memory. */
#ifndef RUNTIME_ONNX_WIRE_H
#define RUNTIME_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Bytes that grow.  `failed` stays set once memory was refused; what is put then is lost. */
typedef struct Wire {
  char *bytes; /* free() */
  size_t n;
  size_t capacity;
  bool failed;
} Wire;

void wire_release(Wire *wire);
void wire_int(Wire *wire, uint32_t field, int64_t value);
void wire_float(Wire *wire, uint32_t field, float value);
void wire_bytes(Wire *wire, uint32_t field, const void *bytes, size_t n);
void wire_text(Wire *wire, uint32_t field, const char *text);
/* A message inside: its bytes, which are released. */
void wire_message(Wire *wire, uint32_t field, Wire *inside);
/* Bytes that were encoded already. */
void wire_append(Wire *wire, const void *bytes, size_t n);

#endif
