/* The page: its texts, and, packed, the data as JSON and each picture once. */
#include "compiler/page.h"

#include "compiler/page_data.h"
#include "compiler/page_pack.h"
#include "compiler/page_texts.h"
#include "compiler/page_views.h"
#include "compiler/report_json.h"
#include "graph/base/replace.h"
#include "ops/ops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

typedef struct Page {
  const Plan *plan;
  const PageOptions *options;
  Diag *diag;
  Strings *strings; /* of the data */
  DrawPages *pictures;
  FILE *out;
} Page;

static Status no_memory(Page *page) {
  return diag_no_memory(page->diag, sizeof *page);
}

/* ---- data ---- */

static json_t *names_of_ops(void) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < OP_PRIMITIVE_COUNT; i++)
    json_array_append_new(list, json_string(i ? op_desc(i)->name : ""));
  return list;
}

static json_t *names_of_roles(void) {
  json_t *list = json_array();
  for (int i = ROLE_FORWARD; i <= ROLE_UPDATE; i++)
    json_array_append_new(list, json_string(role_name((Role)i)));
  return list;
}

static json_t *texts(const Strings *strings) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < strings_count(strings); i++)
    json_array_append_new(list, report_json_string(strings_text(strings, i)));
  return list;
}

static bool is_shown(const Page *page, const PlanProgram *p) {
  return !page->options->program || page->options->program == p;
}

static Status fill_programs(Page *page, json_t *programs) {
  int64_t nodes = 0;
  for (uint32_t i = 0; i < page->plan->n_programs; i++)
    if (is_shown(page, &page->plan->programs[i])) nodes += page->plan->programs[i].graph->n_nodes;
  meter_expect(page->options->meter, nodes);
  for (uint32_t i = 0; i < page->plan->n_programs; i++) {
    const PlanProgram *p = &page->plan->programs[i];
    json_t *program;
    if (!is_shown(page, p)) continue;
    TRY(page_program(page->plan, p, page->strings, page->diag, &program));
    if (json_array_append_new(programs, program) != 0) return no_memory(page);
    TRY(page_views(page->plan, p, page->pictures, page->diag, program));
    meter_add(page->options->meter, p->graph->n_nodes);
  }
  return STATUS_OK;
}

static Status make_data(Page *page, json_t **out) {
  json_t *programs = json_array(), *locs = NULL;
  Status status = programs ? fill_programs(page, programs) : no_memory(page);
  if (status == STATUS_OK) status = page_locs(page->plan, page->strings, page->diag, &locs);
  *out = status == STATUS_OK
             ? json_pack("{s:s, s:o, s:s, s:I, s:o, s:o, s:o, s:o, s:o}", "model",
                         plan_text(page->plan, page->plan->model_name), "source",
                         report_json_string(page->options->source), "target",
                         page->plan->target->name, "state", (json_int_t)page->plan->state_bytes,
                         "ops", names_of_ops(), "roles", names_of_roles(), "strings",
                         texts(page->strings), "locs", locs, "programs", programs)
             : NULL;
  if (*out) return STATUS_OK;
  json_decref(programs);
  return status == STATUS_OK ? no_memory(page) : status;
}

/* ---- the page ---- */

static Status put_packed(Page *page, const char *id, json_t *data) {
  char *text = data ? json_dumps(data, JSON_COMPACT) : NULL;
  Status status = text ? STATUS_OK : no_memory(page);
  if (text) {
    fprintf(page->out, "<script type=\"text/plain\" id=\"%s\">", id);
    status = page_pack(text, strlen(text), page->out, page->diag);
    fputs("</script>\n", page->out);
  }
  free(text);
  return status;
}

static json_t *pictures(const Page *page) {
  json_t *list = json_array();
  for (uint32_t i = 0; i < draw_pages_count(page->pictures); i++)
    if (json_array_append_new(list, json_string(draw_pages_text(page->pictures, i))) != 0) {
      json_decref(list);
      return NULL;
    }
  return list;
}

static Status put_page(Page *page) {
  json_t *data, *svg = NULL;
  TRY(make_data(page, &data));
  fprintf(page->out, "%s<style>\n%s</style>\n</head>\n<body>\n%s", page_text_head, page_text_style,
          page_text_body);
  Status status = put_packed(page, "data", data);
  json_decref(data);
  if (status == STATUS_OK) status = put_packed(page, "pictures", svg = pictures(page));
  json_decref(svg);
  fprintf(page->out, "<script>\n%s</script>\n</body>\n</html>\n", page_text_script);
  return status;
}

static Status save(const char *data, size_t bytes, const char *path, Diag *diag) {
  if (strcmp(path, "-") != 0) {
    const FilePart part = {data, bytes};
    int code = file_replace(path, &part, 1, false);
    if (code == 0) return STATUS_OK;
    return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot write the page: %s", strerror(code));
  }
  if (fwrite(data, 1, bytes, stdout) == bytes && fflush(stdout) == 0) return STATUS_OK;
  return diag_error(diag, STATUS_SYSTEM, "standard output", NULL, "cannot write the page: %s",
                    strerror(errno));
}

Status model_page_write(const Plan *plan, const PageOptions *options, const char *path,
                        Diag *diag) {
  char *data = NULL;
  size_t bytes = 0;
  Page page = {.plan = plan, .options = options, .diag = diag};
  page.strings = strings_create();
  page.pictures = draw_pages_create();
  page.out = open_memstream(&data, &bytes);
  bool ok = page.strings && page.pictures && page.out;
  Status status = ok ? put_page(&page) : no_memory(&page);
  if (page.out && fclose(page.out) != 0 && status == STATUS_OK) status = no_memory(&page);
  if (status == STATUS_OK) status = save(data, bytes, path, diag);
  free(data);
  strings_destroy(page.strings);
  draw_pages_destroy(page.pictures);
  return status;
}
