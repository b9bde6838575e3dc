/* Tags, integers and escaped lines. */
#include "graph/plan/plan_scan.h"

#include "graph/base/text.h"

#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void plan_scan_fail(PlanScan *s, const char *format, ...) {
  if (s->bad) return;
  s->bad = true;
  s->bad_at = s->at;
  va_list args;
  va_start(args, format);
  text_vformat(s->expected, sizeof s->expected, format, args);
  va_end(args);
}

/* Length of the line `<` `slash` tag `>` at the cursor; 0 when it is another. */
static size_t tag_length(const PlanScan *s, const char *slash, const char *tag) {
  size_t n = strlen(slash), m = strlen(tag), all = n + m + 3;
  if (plan_scan_left(s) < all || s->at[0] != '<' || s->at[all - 2] != '>' || s->at[all - 1] != '\n')
    return 0;
  return memcmp(s->at + 1, slash, n) == 0 && memcmp(s->at + 1 + n, tag, m) == 0 ? all : 0;
}

bool plan_scan_sees(const PlanScan *s, const char *tag) {
  return !s->bad && tag_length(s, "", tag) > 0;
}

void plan_scan_open(PlanScan *s, const char *tag) {
  if (s->bad) return; /* what was read then is what the message names */
  size_t n = tag_length(s, "", tag);
  if (n == 0) plan_scan_fail(s, "<%s> is expected", tag);
  s->at += n;
  s->group = tag;
}

void plan_scan_close(PlanScan *s, const char *tag) {
  size_t n = s->bad ? 0 : tag_length(s, "/", tag);
  if (n == 0) plan_scan_fail(s, "</%s> is expected", tag);
  s->at += n;
}

bool plan_scan_more(const PlanScan *s) {
  return !s->bad && s->at < s->end && *s->at != '<';
}

int64_t plan_scan_int(PlanScan *s, int64_t low, int64_t high) {
  if (s->bad) return low;
  const char *at = s->at;
  bool negative = *at == '-'; /* *end is 0, so reading stops there */
  uint64_t value = 0, limit = (uint64_t)INT64_MAX + negative;
  int digits = 0;
  at += negative;
  for (; *at >= '0' && *at <= '9' && digits < 18; at++, digits++) /* cannot overflow */
    value = value * 10 + (uint64_t)(*at - '0');
  for (; *at >= '0' && *at <= '9' && digits < 20; at++, digits++) {
    uint64_t digit = (uint64_t)(*at - '0');
    if (value > (limit - digit) / 10) break;
    value = value * 10 + digit;
  }
  int64_t number = negative ? (int64_t)(0 - value) : (int64_t)value;
  if (digits == 0 || (*at != ' ' && *at != '\n') || number < low || number > high) {
    plan_scan_fail(s, "a number from %" PRId64 " to %" PRId64 " is expected", low, high);
    return low;
  }
  s->at = at + 1;
  return number;
}

double plan_scan_float(PlanScan *s) {
  int64_t bits = plan_scan_int(s, INT64_MIN, INT64_MAX);
  double value;
  memcpy(&value, &bits, sizeof value);
  if (!s->bad && isfinite(value)) return value;
  plan_scan_fail(s, "a finite number is expected");
  return 0;
}

size_t plan_scan_line_length(const PlanScan *s) {
  const char *end = memchr(s->at, '\n', plan_scan_left(s));
  return end ? (size_t)(end - s->at) : 0;
}

static int hex(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Undoes one escape at `at`, which has `left` bytes; its length, 0 when it is none. */
static size_t unescape(const char *at, size_t left, char *out) {
  static const struct {
    const char *text;
    char c;
  } references[] = {{"&lt;", '<'}, {"&gt;", '>'}, {"&amp;", '&'}};
  for (size_t i = 0; i < 3; i++) {
    size_t n = strlen(references[i].text);
    if (left < n || memcmp(at, references[i].text, n) != 0) continue;
    *out = references[i].c;
    return n;
  }
  if (*at != '\\' || left < 3 || hex(at[1]) < 0 || hex(at[2]) < 0) return 0;
  *out = (char)(hex(at[1]) * 16 + hex(at[2]));
  return *out ? 3 : 0; /* strings hold no NUL */
}

size_t plan_scan_line(PlanScan *s, char *text) {
  size_t n = plan_scan_line_length(s), length = 0;
  const char *line = s->at;
  for (size_t i = 0; i < n && !s->bad; length++) {
    bool plain = line[i] != '<' && line[i] != '&' && line[i] != '\\' && line[i];
    size_t used = plain ? 1 : unescape(line + i, n - i, &text[length]);
    if (plain) text[length] = line[i];
    if (used == 0) plan_scan_fail(s, "text without bare '<', '&' and '\\' is expected");
    i += used;
  }
  s->at += n;
  if (*s->at != '\n') plan_scan_fail(s, "a line is expected");
  s->at += !s->bad;
  return length;
}
