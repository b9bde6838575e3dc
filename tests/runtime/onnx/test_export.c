/* ONNX files without a program that runs them: their structure, read by a reader of their own, the
 * same bytes from the same plan and weights, and every refusal with its place. */
#include "tests/runtime/use/use_test.h"

/* ---- reading ---- */

typedef struct Field {
  uint32_t number, type;
  uint64_t value;       /* of a varint */
  const uint8_t *bytes; /* of bytes */
  size_t n;
} Field;

static uint64_t varint(const uint8_t **at, const uint8_t *end) {
  uint64_t value = 0;
  for (int shift = 0; *at < end; shift += 7) {
    uint8_t byte = *(*at)++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) return value;
  }
  CU_FAIL_FATAL("a number has no end");
  return 0;
}

static bool next(const uint8_t **at, const uint8_t *end, Field *f) {
  if (*at >= end) return false;
  uint64_t tag = varint(at, end);
  *f = (Field){.number = (uint32_t)(tag >> 3), .type = tag & 7};
  CU_ASSERT_FATAL(f->type == 0 || f->type == 2);
  f->value = varint(at, end);
  if (f->type == 0) return true;
  CU_ASSERT_FATAL(f->value <= (uint64_t)(end - *at));
  f->bytes = *at;
  f->n = (size_t)f->value;
  *at += f->n;
  return true;
}

/* Names that are there, in the file's order. */
typedef struct Names {
  const Field *at;
  Field list[4096];
  uint32_t n;
} Names;

static bool has(const Names *names, const Field *name) {
  for (uint32_t i = 0; i < names->n; i++)
    if (names->list[i].n == name->n && memcmp(names->list[i].bytes, name->bytes, name->n) == 0)
      return true;
  return false;
}

static void define(Names *names, const Field *name) {
  CU_ASSERT(name->n > 0 && !has(names, name));
  CU_ASSERT_FATAL(names->n < 4096);
  names->list[names->n++] = *name;
}

static Field inside(const Field *message, uint32_t number) {
  const uint8_t *at = message->bytes;
  Field f;
  while (next(&at, message->bytes + message->n, &f))
    if (f.number == number) return f;
  return (Field){0};
}

/* A node reads what is there, and its results are new. */
static void check_node(Names *names, const Field *node) {
  const uint8_t *at = node->bytes, *end = at + node->n;
  Field f;
  while (next(&at, end, &f)) {
    if (f.number == 1) CU_ASSERT(has(names, &f));
    if (f.number == 2) define(names, &f);
  }
}

/* Whether the first axis of an input or output is a name, and so any number, or a number. */
static bool has_any_rows(const Field *value) {
  Field type = inside(value, 2), tensor = inside(&type, 1), shape = inside(&tensor, 2),
        first = inside(&shape, 1), name = inside(&first, 2), number = inside(&first, 1);
  CU_ASSERT((name.n > 0) != (number.value > 0));
  return name.n > 0;
}

static uint32_t check_graph(const Field *graph, bool any_rows) {
  static Names names;
  const uint8_t *end = graph->bytes + graph->n;
  uint32_t nodes = 0, ends = 0;
  Field f;
  names.n = 0;
  for (const uint8_t *at = graph->bytes; next(&at, end, &f);) {
    if (f.number != 5 && f.number != 11) continue;
    Field name = inside(&f, f.number == 5 ? 8 : 1);
    define(&names, &name);
  }
  for (const uint8_t *at = graph->bytes; next(&at, end, &f);)
    if (f.number == 1) check_node(&names, &f), nodes++;
  for (const uint8_t *at = graph->bytes; next(&at, end, &f);) {
    if (f.number != 11 && f.number != 12) continue;
    Field name = inside(&f, 1);
    CU_ASSERT(has(&names, &name));
    CU_ASSERT_EQUAL(has_any_rows(&f), any_rows);
    ends |= f.number == 11 ? 1 : 2;
  }
  CU_ASSERT_EQUAL(ends, 3);
  return nodes;
}

static void check_file(const char *name, bool any_rows) {
  size_t n;
  char *bytes = shell_slurp(support_path(name), &n);
  Field whole = {.bytes = (const uint8_t *)bytes, .n = n};
  Field graph = inside(&whole, 7), opset = inside(&whole, 8);
  CU_ASSERT_EQUAL(inside(&whole, 1).value, 8);
  CU_ASSERT_EQUAL(inside(&opset, 2).value, 17);
  CU_ASSERT_PTR_NOT_NULL_FATAL(graph.bytes);
  CU_ASSERT(check_graph(&graph, any_rows) > 1);
  free(bytes);
}

/* ---- files ---- */

#define EXPORT "\"$GRAPHRUN\" export mean.plan.xml --weights=w.safetensors "

static void structure(void) {
  CU_ASSERT(
      use_prints("export", shell(EXPORT "-o a.onnx"), 0,
                 PARTS("operator set 17", "uint8", "n x 16 x 8 x 3", "output  ynorm: (4, 3)")));
  check_file("a.onnx", true);
  shell_must(EXPORT "-o b.onnx && cmp a.onnx b.onnx");
  shell_must(EXPORT "--input=float --fixed-batch -o b.onnx && ! cmp -s a.onnx b.onnx");
  check_file("b.onnx", false);
  /* Texts whose lengths take one byte, and two. */
  for (int n = 126; n <= 129; n++) {
    shell_must("name=$(head -c %d /dev/zero | tr '\\0' m)\n"
               "sed \"s/name='mean' xmlns/name='$name' xmlns/\" mean.xml >long.xml\n"
               "\"$GRAPHC\" long.xml -o long.plan.xml; \"$GRAPHRUN\" export long.plan.xml "
               "--weights=w.safetensors -o long.onnx; grep -q $name long.onnx",
               n);
    check_file("long.onnx", true);
  }
}

/* What mixes the images of a batch, or has no op of ONNX, is refused at its line. */
static void refused(void) {
  static const struct {
    const char *body, *says, *hint;
  } rows[] = {{"<mean name='m' in='g' axes='0'/>\n<expr name='ynorm' value='g - m + gain'/>",
               "reduce-sum 'm' is over the images of a batch", "--fixed-batch"},
              {"<matmul name='m' in='g' with='g' transpose-b='true'/>\n<expr name='ynorm' value='m "
               "+ sum(gain)'/>",
               "matmul 'm' compares the images of a batch with each other", "--fixed-batch"},
              {"<part name='m' in='g' start='1' size='2'/>\n<expr name='ynorm' value='m + gain'/>",
               "slice 'm' takes some of the images of a batch", "--fixed-batch"},
              {"<reshape name='m' in='g' shape='2 6'/>\n<expr name='ynorm' value='m + sum(gain)'/>",
               "reshape 'm' puts parts of several images of a batch on one axis", "--fixed-batch"},
              {"<sort name='m' in='g' axis='0'/>\n<expr name='ynorm' value='m + gain'/>",
               "sorts the images of a batch", "--fixed-batch"},
              {"<constant name='m' values='1 2 3 4 5 6 7 8 9 10 11 12' shape='4 3'/>\n<expr "
               "name='ynorm' value='g + m + gain'/>",
               "meets a value that has something else for each of the plan's 4 images",
               "--fixed-batch"},
              {"<random name='m' shape='4 3'/>\n<expr name='ynorm' value='g + m + gain'/>",
               "random-value 'm' draws random numbers", "draws nothing"},
              {"<input name='m' shape='4 3'/>\n<expr name='ynorm' value='g + m + gain'/>",
               "is an input besides 'images'", "reads 'images' alone"},
              {"<conv-dw name='m' in='images' with='images' size='1 1'/>\n<expr name='ynorm' "
               "value='g + gain + "
               "sum(m)'/>",
               "conv-dw 'm' is of derivatives", "without <gradient>"}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char model[1024], place[32];
    snprintf(model, sizeof model,
             "<model name='bad' xmlns='urn:graphc:model:1'>\n"
             "<program name='evaluate' kind='evaluate'>\n"
             "<input name='images' shape='4 6 5 3'/>\n<parameter name='gain' shape='3'/>\n"
             "<mean name='p' in='images' axes='1 2'/>\n<reshape name='g' in='p' shape='4 3'/>\n"
             "%s\n<output value='ynorm'/></program></model>",
             rows[i].body);
    support_write("bad.xml", model);
    shell_must("\"$GRAPHC\" bad.xml -o bad.plan.xml");
    snprintf(place, sizeof place, "bad.xml:%d:", i == 5 ? 8 : 7);
    CU_ASSERT(
        shell_says(rows[i].says,
                   shell("rm -f bad.onnx; \"$GRAPHRUN\" export bad.plan.xml "
                         "--weights=w.safetensors -o bad.onnx; code=$?; test ! -e bad.onnx || "
                         "echo error: there >&2; exit $code"),
                   1, 1, PARTS(place, rows[i].says, rows[i].hint)));
  }
}

static void messages(void) {
  USE_REFUSED(2, "export mean.plan.xml -o a.onnx", "--weights: error: is missing");
  USE_REFUSED(2, "export mean.plan.xml --weights=w.safetensors", "-o: error: is missing");
  USE_REFUSED(4, "export mean.plan.xml --weights=w.safetensors -o no/a.onnx",
              "no/a.onnx: error: cannot write");
  USE_REFUSED(1, "export mean.plan.xml --weights=w.safetensors --program=step -o a.onnx",
              "no program 'step'");
  USE_REFUSED(2, "export mean.plan.xml --weights=w.safetensors -o mean.plan.xml",
              "would replace its input");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", use_prepare},
                                      {"structure", structure},
                                      {"what cannot be exported", refused},
                                      {"messages", messages}};
  return support_run("export", tests, sizeof tests / sizeof *tests);
}
