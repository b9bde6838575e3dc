/* Which parameter of the model an attribute of <training> or <sampler> is. */
#include "graph/plan/setting.h"

#include "graph/base/text.h"

#include <string.h>

static const PlanWritten *find_written(const Plan *plan, const char *element,
                                       const char *attribute) {
  for (uint32_t i = 0; i < plan->n_written; i++)
    if (strcmp(plan_text(plan, plan->written[i].element), element) == 0 &&
        strcmp(plan_text(plan, plan->written[i].attribute), attribute) == 0)
      return &plan->written[i];
  return NULL;
}

/* The parameter that a text of the form `${NAME}` is; NULL: it is another text, or a let's name. */
static const char *sole_parameter(const Plan *plan, const char *text) {
  const char *from = text + strspn(text, " "), *end = strchr(from, '}');
  if (strncmp(from, "${", 2) != 0 || !end || end[1 + strspn(end + 1, " ")] != 0) return NULL;
  from += 2 + strspn(from + 2, " ");
  while (end > from && end[-1] == ' ') end--;
  for (uint32_t i = 0; i < plan->n_params; i++) {
    const char *name = plan_text(plan, plan->params[i].name);
    if (strlen(name) == (size_t)(end - from) && memcmp(name, from, strlen(name)) == 0) return name;
  }
  return NULL;
}

size_t plan_setting(const Plan *plan, const char *element, const char *attribute, const char *value,
                    char *out, size_t size, size_t used) {
  const PlanWritten *written = find_written(plan, element, attribute);
  const char *name = written ? sole_parameter(plan, plan_text(plan, written->text)) : NULL;
  if (name && strpbrk(value, " \t")) return text_append(out, size, used, "-D '%s=%s'", name, value);
  if (name) return text_append(out, size, used, "-D %s=%s", name, value);
  used = text_append(out, size, used, "%s=\"%s\" in <%s>", attribute, value, element);
  const Symbols *symbols = plan->symbols;
  if (!written || !written->loc || written->loc >= symbols->n_locs) return used;
  const SourceLoc *loc = &symbols->locs[written->loc];
  return text_append(out, size, used, " (%s:%u)", plan_text(plan, loc->file), loc->line);
}

bool plan_setting_is_define(const Plan *plan, const char *element, const char *attribute) {
  const PlanWritten *written = find_written(plan, element, attribute);
  return written && sole_parameter(plan, plan_text(plan, written->text));
}
