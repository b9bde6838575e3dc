/* A page whose model, program, scopes and values have names that mean something in HTML, in its
 * scripts or in SVG.  The language has few of them: they are given to a plan by hand. */
#ifndef TESTS_COMPILER_HOSTILE_PAGE_H
#define TESTS_COMPILER_HOSTILE_PAGE_H

#include "compiler/page.h"
#include "tests/shell.h"

static const char *const hostile_names[] = {"</script><b>",
                                            "<img src=x onerror=\"hostile=1\">",
                                            "quo\"te' & &lt; &amp; &#45;",
                                            "${`hostile=1`}",
                                            "</text></svg><script>hostile=1</script>",
                                            "]]> <!-- -->",
                                            "back\\slash \\n \\u003c",
                                            "Gr\xc3\xbc\xc3\x9f"
                                            "e \xe9\xa0\xad \xf0\x9f\x99\x82",
                                            "two  blanks   three",
                                            "constructor",
                                            "__proto__"};
#define HOSTILE_NAMES (sizeof hostile_names / sizeof *hostile_names)

/* Writes the page into the test's folder. */
static inline void hostile_page(const char *file) {
  Compiled c = support_compile("models/examples/mlp.xml", NULL, 0, DTYPE_F32);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  uint32_t ids[HOSTILE_NAMES];
  for (size_t i = 0; i < HOSTILE_NAMES; i++)
    ids[i] = strings_intern(c.plan->symbols->strings, hostile_names[i]);
  PlanProgram *p = &c.plan->programs[0];
  p->name = c.plan->model_name = ids[0];
  for (NodeId id = 1; id < p->graph->n_nodes; id++) {
    p->graph->nodes[id].name = ids[id % HOSTILE_NAMES];
    p->graph->nodes[id].stamp.scope = ids[id / 7 % HOSTILE_NAMES];
    p->graph->nodes[id].stamp.origin = 0;
  }
  const PageOptions options = {.source = hostile_names[1], .program = p};
  Status status = model_page_write(c.plan, &options, support_path(file), c.diag);
  diag_print(c.diag, stdout);
  CU_ASSERT_EQUAL_FATAL(status, STATUS_OK);
  support_release(&c);
}

#endif
