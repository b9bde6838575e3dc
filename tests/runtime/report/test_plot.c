/* Pictures of numbers: well-formed, inside their frames, with what they are of; files in pages. */
#include "runtime/report/data_uri.h"
#include "runtime/report/plot.h"
#include "tests/shell.h"

#include <stdarg.h>
#include <stdlib.h>

static char *written(const char *name) {
  FILE *file = fopen(support_path(name), "rb");
  static char text[1 << 20];
  size_t n = file ? fread(text, 1, sizeof text - 1, file) : 0;
  text[n] = 0;
  if (file) fclose(file);
  return text;
}

static int count(const char *text, const char *what) {
  int n = 0;
  for (const char *at = text; (at = strstr(at, what)); at++) n++;
  return n;
}

/* Numbers behind `cx="` and `cy="` lie within the picture. */
static void check_inside(const char *text, const char *attribute, double most) {
  for (const char *at = text; (at = strstr(at, attribute)); at++) {
    double value = strtod(at + strlen(attribute), NULL);
    CU_ASSERT(value > 0 && value < most);
  }
}

static void test_lines(void) {
  PlotPoint a[] = {{1, 20, 19, 21}, {2, 25, 25, 25}, {16, 22, 20.5, 23.5}}, b[] = {{1, 40, 40, 40}};
  PlotLine lines[] = {{"mAP <1>", a, 3, true}, {"Rank-1", b, 1, true}};
  PlotLines plot = {.title = "V & so on",
                    .x_name = "V",
                    .y_name = "%",
                    .lines = lines,
                    .n = 2,
                    .log_x = true,
                    .ticks_at_points = true};
  for (int i = 0; i < 4; i++) {
    FILE *out = fopen(support_path("lines.svg"), "wb");
    plot.log_x = i % 2;
    plot.ticks_at_points = i / 2;
    plot_lines(out, &plot);
    fclose(out);
    const char *text = written("lines.svg");
    shell_must("xmllint --noout lines.svg");
    CU_ASSERT_EQUAL(count(text, "<circle"), 4);
    CU_ASSERT_EQUAL(count(text, "m-4 0h8"), 2); /* bars where there is a spread */
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "mAP &#60;1&#62;"));
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "V &#38; so on"));
    check_inside(text, "cx=\"", 640);
    check_inside(text, "cy=\"", 420);
    if (plot.ticks_at_points) CU_ASSERT_PTR_NOT_NULL(strstr(text, ">16</text>"));
  }
  plot.n = 0;
  FILE *out = fopen(support_path("lines.svg"), "wb");
  plot_lines(out, &plot);
  fclose(out);
  CU_ASSERT_PTR_NULL(strstr(written("lines.svg"), "nan"));
}

static void test_scatter(void) {
  double at[] = {0, 0, 10, 0, 10, 5, -3, 2}, one[] = {7, 7};
  uint32_t group[] = {0, 1, 1, 2}, none[] = {2};
  const char *names[] = {"source", "a name that is too long for its place", "target"};
  PlotPanel panels[] = {{"baseline", at, group, 4}, {"CDVM", one, none, 1}};
  FILE *out = fopen(support_path("scatter.svg"), "wb");
  plot_scatter(out, panels, 2, names, 3);
  fclose(out);
  const char *text = written("scatter.svg");
  shell_must("xmllint --noout scatter.svg");
  CU_ASSERT_EQUAL(count(text, "r=\"2.2\""), 5);
  CU_ASSERT_EQUAL(count(text, plot_color(1)), 3); /* two points and the legend */
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "source (1)"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "target (1)"));
  CU_ASSERT_PTR_NULL(strstr(text, "nan"));
  check_inside(text, "cx=\"", 20 + 2 * 580);
  check_inside(text, "cy=\"", 620);
}

static void test_data_uri(void) {
  static const struct {
    const char *bytes, *base64;
  } cases[] = {{"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char text[100] = "", want[100];
    FILE *out = fmemopen(text, sizeof text, "w");
    data_uri_put(out, "a/b", (const uint8_t *)cases[i].bytes, strlen(cases[i].bytes));
    fclose(out);
    snprintf(want, sizeof want, "data:a/b;base64,%s", cases[i].base64);
    CU_ASSERT_STRING_EQUAL(text, want);
  }
  char text[200] = "";
  FILE *out = fmemopen(text, sizeof text, "w");
  CU_ASSERT_EQUAL(data_uri_put_image(out, support_path("none.jpg")), 0);
  fclose(out);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "data:image/svg+xml,"));
  out = fmemopen(text, sizeof text, "w");
  CU_ASSERT_EQUAL(data_uri_put_image(out, support_write("x.jpg", "\xff\xd8\xff\xe0")), 1);
  fclose(out);
  CU_ASSERT_STRING_EQUAL(text, "data:image/jpeg;base64,/9j/4A==");
}

int main(void) {
  static const SupportTest tests[] = {
      {"lines", test_lines}, {"scatter", test_scatter}, {"files in pages", test_data_uri}};
  return support_run("plot", tests, 3);
}
