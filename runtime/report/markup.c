/* HTML that stands alone and is well-formed XML, too: escaping, and the style of the pages: light
 * or dark as the reader's system is, nothing fetched. */
#include "runtime/report/markup.h"

#include "graph/base/text.h"

#include <string.h>

static void put_some(FILE *out, const char *text, size_t left) {
  while (left) {
    size_t n = text_char_length(text, left);
    unsigned char c = (unsigned char)*text;
    if (n == 0 || (n == 1 && c < 32 && c != '\n' && c != '\t') || c == 127) {
      fputs("\xef\xbf\xbd", out);
      n = n ? n : 1;
    } else if (n == 1 && strchr("&<>\"'", c)) {
      fprintf(out, "&#%d;", c);
    } else {
      fwrite(text, 1, n, out);
    }
    text += n;
    left -= n;
  }
}

void markup_text(FILE *out, const char *text) {
  put_some(out, text, strlen(text));
}

void markup_short(FILE *out, const char *text, size_t most) {
  size_t length = strlen(text), n = text_cut_n(text, length, most);
  put_some(out, text, n);
  if (n < length) fputs("\xe2\x80\xa6", out);
}

static const char style[] =
    ":root{color-scheme:light dark;--ink:#1d232b;--soft:#5b6572;--line:#d9dee5;--page:#fff;"
    "--card:#f6f8fa;--bad:#b42318;--good:#1a7f37;"
    "--c0:#0b62c4;--c1:#c2410c;--c2:#15803d;--c3:#9333ea;--c4:#b45309;--c5:#0e7490;--c6:#be185d;"
    "--c7:#4b5563}\n"
    "@media(prefers-color-scheme:dark){:root{--ink:#e6eaf0;--soft:#9aa5b3;--line:#353d48;"
    "--page:#12161c;--card:#1a2029;--bad:#ff8a80;--good:#6fdd8b;"
    "--c0:#6cb0ff;--c1:#ff9d66;--c2:#6bd58c;--c3:#c9a0ff;--c4:#f0c050;--c5:#5fd3e6;--c6:#ff8fc0;"
    "--c7:#b6c0cc}}\n"
    "*{box-sizing:border-box}body{margin:0 auto;max-width:1180px;padding:20px 24px 60px;"
    "font:15px/1.5 system-ui,-apple-system,'Segoe UI',Roboto,'DejaVu Sans',sans-serif;"
    "color:var(--ink);background:var(--page);overflow-wrap:anywhere}\n"
    "h1{font-size:24px;margin:0 0 4px}h2{font-size:18px;margin:34px 0 10px;"
    "border-bottom:1px solid var(--line);padding-bottom:4px}\n"
    "p{margin:6px 0}.soft{color:var(--soft)}.bad{color:var(--bad)}.good{color:var(--good)}"
    ".status{font-weight:600}\n"
    ".grid{display:grid;grid-template-columns:repeat(auto-fit,minmax(min(100%,480px),1fr));gap:"
    "16px}"
    "figure{margin:0;background:var(--card);border:1px solid var(--line);border-radius:8px;"
    "padding:10px 12px;min-width:0}figcaption{font-weight:600;font-size:14px}\n"
    "svg{display:block;width:100%;height:auto}.chart text{fill:var(--soft);font-size:11px}"
    ".chart .rule{stroke:var(--line)}.chart path{fill:none;stroke-width:1.6;"
    "stroke-linejoin:round}.chart .band{stroke:none;opacity:.16}.chart .miss{stroke:var(--bad);"
    "stroke-width:2}\n"
    ".legend{display:flex;flex-wrap:wrap;gap:2px 14px;font-size:12.5px;margin:4px 0 0;padding:0;"
    "list-style:none}.legend svg{width:26px;height:10px;display:inline-block;vertical-align:middle;"
    "margin-right:5px}\n"
    "table{border-collapse:collapse;font-size:14px;margin:0 0 "
    "14px}th,td{text-align:left;vertical-align:top;"
    "padding:3px 14px 3px 0;border-bottom:1px solid var(--line)}th{font-weight:600}"
    "td.n,th.n{text-align:right;font-variant-numeric:tabular-nums}.scroll{overflow-x:auto}"
    "td.wide{min-width:16em}tr.differs td{background:var(--card)}\n"
    "code{font:13px/1.45 ui-monospace,'DejaVu Sans Mono',monospace}pre{background:var(--card);"
    "border:1px solid var(--line);border-radius:8px;padding:8px 12px;white-space:pre-wrap;"
    "margin:6px 0}summary{cursor:pointer;padding:4px 0}\n"
    "progress{width:100%;height:10px}.diagram{background:#fff;border:1px solid var(--line);"
    "border-radius:8px;padding:8px;overflow:auto}.diagram "
    "svg{width:auto;max-width:100%;height:auto;margin:auto}"
    "\n@media print{body{max-width:none}}\n";

void markup_head(FILE *out, const char *title) {
  fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\n<title>", out);
  markup_short(out, title, 200);
  fputs("</title>\n<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\"/>\n"
        "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; "
        "style-src 'unsafe-inline'; img-src data:\"/>\n<style>",
        out);
  fputs(style, out);
  fputs("</style></head>\n<body>\n", out);
}
