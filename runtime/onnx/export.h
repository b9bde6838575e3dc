/* `graphrun export`: a network with its weights as an ONNX file. */
#ifndef RUNTIME_ONNX_EXPORT_H
#define RUNTIME_ONNX_EXPORT_H

#include "runtime/eval/network.h"

typedef struct ExportOptions {
  NetworkOptions network;
  const char *out;
  bool sized;       /* the input is what the plan's is: f32 of the network's size, 0 to 1; else
                       uint8 of any size, which is resized inside */
  bool fixed_batch; /* as many images as the plan has in a batch; else any number */
} ExportOptions;

/* Writes the program of kind evaluate, or options->network.program: from `images` to its declared
 * outputs.  An op that ONNX has nothing for, or that makes a row depend on the other images of its
 * batch, is an error at its line of XML. */
Status export_run(const ExportOptions *options, Diag *diag);

#endif
