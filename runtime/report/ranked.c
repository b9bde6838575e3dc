/* One row for each query: it stands first, then what was found. */
#include "runtime/report/ranked.h"

#include "runtime/report/data_uri.h"
#include "runtime/report/markup.h"

static const char style[] =
    ".ranked{display:flex;gap:8px;align-items:flex-start;overflow-x:auto;padding:10px 0;"
    "border-bottom:1px solid var(--line)}\n"
    ".ranked figure{padding:3px;border:4px solid var(--line);border-radius:4px;flex:0 0 auto;"
    "width:92px}.ranked img{display:block;width:78px;height:156px;object-fit:contain;"
    "background:var(--page)}\n"
    ".ranked .same{border-color:#1a9e3f}.ranked .other{border-color:#d32f2f}"
    ".ranked .query{margin-right:14px}.ranked figcaption{font-weight:400;font-size:11px;"
    "line-height:1.3}\n";

void ranked_head(FILE *out, const char *title, const char *text) {
  markup_head(out, title);
  fprintf(out, "<style>%s</style>\n<h1>", style);
  markup_text(out, title);
  fputs("</h1>\n", out);
  if (!text) return;
  fputs("<p class=\"soft\">", out);
  markup_text(out, text);
  fputs("</p>\n", out);
}

static void put_image(FILE *out, const RankedImage *image) {
  fputs("<img src=\"", out);
  data_uri_put_image(out, image->path);
  fputs("\" alt=\"", out);
  markup_text(out, image->path);
  fputs("\" title=\"", out);
  markup_text(out, image->path);
  fputs("\"/>", out);
}

/* `pid, camera`, as far as they are known. */
static void put_who(FILE *out, const RankedImage *image) {
  if (image->pid) markup_short(out, image->pid, 24);
  if (image->pid && image->camera) fputs(", ", out);
  if (image->camera) markup_short(out, image->camera, 24);
}

static void put_query(FILE *out, const RankedList *list) {
  fputs("<figure class=\"query\">", out);
  put_image(out, &list->query);
  fputs("<figcaption><b>query</b> ", out);
  put_who(out, &list->query);
  if (list->note) fputs("<br/>", out);
  if (list->note) markup_text(out, list->note);
  if (list->first) fprintf(out, "<br/>first at %u", list->first);
  fputs("</figcaption></figure>\n", out);
}

void ranked_put(FILE *out, const RankedList *list) {
  static const char *const frames[] = {"", "same", "other"};
  fputs("<div class=\"ranked\">\n", out);
  put_query(out, list);
  for (uint32_t i = 0; i < list->n; i++) {
    const RankedImage *image = &list->found[i];
    fprintf(out, "<figure class=\"%s\">", frames[image->frame]);
    put_image(out, image);
    fprintf(out, "<figcaption><b>%u</b> %.4f<br/>", i + 1, image->distance);
    put_who(out, image);
    fputs("</figcaption></figure>\n", out);
  }
  fputs("</div>\n", out);
}

void ranked_end(FILE *out) {
  fputs("</body></html>\n", out);
}
