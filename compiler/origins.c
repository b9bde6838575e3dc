/* Which element of a training program a node is made for: the pass, the gradient, the field.  Roles
 * tell forward from derivative; pictures tell the story of a step, and need to know which one. */
#include "compiler/builder.h"

#include <string.h>

typedef struct OriginAttrs {
  const char *of, *at, *with; /* attributes of the element; NULL: it has none */
} OriginAttrs;

static const OriginAttrs origin_attrs[] = {
    [ORIGIN_PASS] = {"parameters", NULL, NULL},
    [ORIGIN_GRADIENT] = {"of", "at", NULL},
    [ORIGIN_PULLBACK] = {"of", "at", "cotangent"},
    [ORIGIN_FIELD] = {"value", NULL, NULL},
    [ORIGIN_NORM] = {"of", NULL, NULL},
    [ORIGIN_COMMIT] = {"value", NULL, NULL},
};

static uint32_t text_id(const ProgramBuilder *p, const Element *element, const char *attr) {
  const char *text = attr ? attr_text(element, attr) : "";
  uint32_t id = strings_intern(p->b->model->symbols->strings, text + (*text == '/'));
  return id == UINT32_MAX ? 0 : id;
}

void origin_begin(ProgramBuilder *p, OriginKind kind, const Element *element, const char *name) {
  const OriginAttrs *attrs = &origin_attrs[kind];
  Origin origin = {.kind = (uint8_t)kind, .loc = element->loc};
  uint32_t path = name ? strings_intern(p->b->model->symbols->strings, name) : 0;
  origin.name = name ? path : text_id(p, element, kind == ORIGIN_COMMIT ? "field" : "name");
  origin.of = text_id(p, element, attrs->of);
  origin.at = text_id(p, element, attrs->at);
  origin.with = text_id(p, element, attrs->with);
  p->e.stamp.origin = path == UINT32_MAX ? 0 : symbols_origin(p->b->model->symbols, &origin);
  if (!p->e.stamp.origin) p->e.status = diag_no_memory(p->b->diag, sizeof origin);
}
