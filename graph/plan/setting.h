/* Hints that say how to change a plan's data and schedule: by the name that its own model has for
 * it. */
#ifndef GRAPH_PLAN_SETTING_H
#define GRAPH_PLAN_SETTING_H

#include "graph/plan/plan.h"

/* How an attribute of <training> or <sampler> becomes `value`: `-D pids=5` when the model writes it
 * as that parameter alone, else `batch-ids="5" in <sampler> (m.xml:38)`.  Appends behind the first
 * `used` bytes; returns all bytes. */
size_t plan_setting(const Plan *plan, const char *element, const char *attribute, const char *value,
                    char *out, size_t size, size_t used);
/* Whether it is the first form: then `graphc MODEL.xml` may stand before it. */
bool plan_setting_is_define(const Plan *plan, const char *element, const char *attribute);

#endif
