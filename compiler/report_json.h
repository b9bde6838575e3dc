/* JSON of what plans hold, for the files that write it. */
#ifndef COMPILER_REPORT_JSON_H
#define COMPILER_REPORT_JSON_H

#include "compiler/report_view.h"

#include <jansson.h>

/* A string whatever its bytes are: what is no character becomes `?`.  NULL: out of memory. */
json_t *report_json_string(const char *text);
/* The file of a location; empty when there is none. */
/* Of a step, counted from 1: its kernel's number; null before the first one and at the end. */
json_t *report_json_kernel(const PlanProgram *program, uint32_t step);
json_t *report_json_file(const Graph *graph, uint32_t loc);

#endif
