/* There is one way to make a value: what can be written as an element and as an expression, or as
 * two elements, gives the same node, and what changes nothing is its operand.
 *
 * Each pair stands twice in a model, as values A and B that are outputs; after the build pass both
 * outputs must name one node.  Pairs of an op and its function in expressions come from the op
 * table and the rows, so that a new function is tested with its op. */
#include "tests/ops/op_rows.h"
#include "tests/shell.h"

#define INPUTS                                                                                     \
  "<input name='x' shape='3 4'/><input name='y' shape='3 4'/><input name='v' shape='4'/>"          \
  "<input name='s'/><input name='col' shape='3 1 4'/><input name='i' shape='5' dtype='i32'/>"      \
  "<input name='w' shape='2 4'/><input name='im' shape='2 3 4 2'/><less name='c' in='x' "          \
  "with='y'/>"

/* The name goes where %s stands. */
typedef struct Pair {
  const char *a, *b;
} Pair;

static const Pair pairs[] = {
    /* elements and expressions */
    {"<power name='%s' in='x' exponent='2'/>", "<expr name='%s' value='x ^ 2'/>"},
    {"<power name='%s' in='x' exponent='2'/>", "<expr name='%s' value='square(x)'/>"},
    {"<power name='%s' in='x' exponent='2'/>", "<mul name='%s' in='x' with='x'/>"},
    {"<power name='%s' in='x' exponent='1'/>", "<expr name='%s' value='x ^ 1'/>"},
    {"<power name='%s' in='x' exponent='0'/>", "<expr name='%s' value='x ^ 0'/>"},
    {"<power name='%s' in='x' exponent='-1'/>", "<expr name='%s' value='1 / x'/>"},
    {"<power name='%s' in='x' exponent='0.5'/>", "<expr name='%s' value='x ^ 0.5'/>"},
    {"<power name='%s' in='x' exponent='3'/>", "<expr name='%s' value='x ^ 3'/>"},
    {"<power name='%s' in='i' exponent='2'/>", "<expr name='%s' value='i ^ 2'/>"},
    {"<neg name='%s' in='x'/>", "<expr name='%s' value='-x'/>"},
    {"<neg name='%s' in='x'/>", "<expr name='%s' value='0 - x'/>"},
    {"<add name='%s' in='x' with='v'/>", "<expr name='%s' value='v + x'/>"},
    {"<sub name='%s' in='x' with='s'/>", "<expr name='%s' value='x - s'/>"},
    {"<mul name='%s' in='col' with='x'/>", "<expr name='%s' value='x * col'/>"},
    {"<div name='%s' in='x' with='s'/>", "<expr name='%s' value='x / s'/>"},
    {"<cast name='%s' in='i' dtype='float'/>", "<expr name='%s' value='float(i)'/>"},
    {"<cast name='%s' in='c' dtype='f32'/>", "<expr name='%s' value='float(c)'/>"},
    {"<sum name='%s' in='x'/>", "<expr name='%s' value='sum(x)'/>"},
    {"<mean name='%s' in='x'/>", "<expr name='%s' value='mean(x)'/>"},
    {"<mean name='%s' in='x' axes='0 1'/>", "<expr name='%s' value='mean(x)'/>"},
    {"<constant name='%s' values='0.1'/>", "<expr name='%s' value='0.1'/>"},
    {"<constant name='%s' values='-0'/>", "<expr name='%s' value='0'/>"},
    {"<constant name='%s' values='0.1 0.1' shape='2'/>",
     "<constant name='%s' values='0.1' shape='2'/>"},
    {"<alias name='%s' value='x'/>", "<expr name='%s' value='x'/>"},
    /* elements and elements */
    {"<reduce-sum name='%s' in='x' axes='0'/>", "<sum name='%s' in='x' axes='0' keep='true'/>"},
    {"<slice name='%s' in='x' start='1 0' size='2 4'/>",
     "<part name='%s' in='x' axis='0' start='1' size='2'/>"},
    {"<flatten name='%s' in='col'/>", "<reshape name='%s' in='col' shape='3 -1'/>"},
    {"<linear name='%s' in='x' weight='w'/>",
     "<matmul name='%s' in='x' with='w' transpose-b='true'/>"},
    /* what changes nothing */
    {"<slice name='%s' in='x' start='0 0' size='3 4'/>", "<alias name='%s' value='x'/>"},
    {"<part name='%s' in='x' size='3'/>", "<alias name='%s' value='x'/>"},
    {"<reshape name='%s' in='x' shape='3 4'/>", "<alias name='%s' value='x'/>"},
    {"<reshape name='%s' in='x' shape='3 -1'/>", "<alias name='%s' value='x'/>"},
    {"<flatten name='%s' in='x'/>", "<alias name='%s' value='x'/>"},
    {"<transpose name='%s' in='x' axes='0 1'/>", "<alias name='%s' value='x'/>"},
    {"<broadcast name='%s' in='x' shape='3 4'/>", "<alias name='%s' value='x'/>"},
    {"<pad name='%s' in='x' before='0 0' after='0 0'/>", "<alias name='%s' value='x'/>"},
    {"<concat name='%s' in='x'/>", "<alias name='%s' value='x'/>"},
    {"<cast name='%s' in='x' dtype='f32'/>", "<alias name='%s' value='x'/>"},
    {"<reduce-sum name='%s' in='col' axes='1'/>", "<alias name='%s' value='col'/>"},
    {"<reduce-max name='%s' in='col' axis='1'/>", "<alias name='%s' value='col'/>"},
    {"<cumulative-sum name='%s' in='col' axis='1' reverse='true'/>",
     "<alias name='%s' value='col'/>"},
    {"<arg-sort name='%s' in='x' axis='1' count='4'/>", "<arg-sort name='%s' in='x' axis='1'/>"},
    {"<sort name='%s' in='x' descending='true'/>", "<top-k name='%s' in='x' k='4'/>"},
    {"<pool-sum name='%s' in='im' kernel='2' stride='1' pad='1 0 1 0'/>",
     "<pool-sum name='%s' in='im' kernel='2' stride='1' pad='1 0'/>"},
    {"<avg-pool name='%s' in='im' kernel='1' stride='1'/>", "<alias name='%s' value='im'/>"},
    {"<resize name='%s' in='im' size='3 4'/>", "<alias name='%s' value='im'/>"},
    {"<upsample name='%s' in='im' factor='2'/>", "<resize name='%s' in='im' size='6 8'/>"},
    {"<mean name='%s' in='col' axes='1' keep='true'/>", "<alias name='%s' value='col'/>"},
    {"<mean name='%s' in='s'/>", "<alias name='%s' value='s'/>"},
    {"<expr name='%s' value='x * 1'/>", "<alias name='%s' value='x'/>"},
    {"<expr name='%s' value='1 * x / 1 + 0 - 0'/>", "<alias name='%s' value='x'/>"},
    {"<expr name='%s' value='-(-x)'/>", "<alias name='%s' value='x'/>"},
    {"<expr name='%s' value='float(x)'/>", "<alias name='%s' value='x'/>"},
    {"<expr name='%s' value='where(c, x, x)'/>", "<alias name='%s' value='x'/>"},
    {"<expr name='%s' value='2 * x * 3'/>", "<expr name='%s' value='6 * x'/>"},
    {"<expr name='%s' value='-x * 2'/>", "<expr name='%s' value='-2 * x'/>"},
};
#define N_PAIRS (sizeof pairs / sizeof *pairs)

/* The node that an output names; 0 when there is no such output. */
static unsigned output_node(const char *dump, const char *name) {
  char line[64];
  snprintf(line, sizeof line, "\noutput %s = %%", name);
  const char *at = strstr(dump, line);
  return at ? (unsigned)strtoul(at + strlen(line), NULL, 10) : 0;
}

static char *build(const char *model) {
  FILE *file = fopen(support_path("m.xml"), "w");
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  fprintf(file,
          "<model name='m' xmlns='urn:graphc:model:1'><program name='p' kind='other'>%s"
          "<output name='A' value='A'/><output name='B' value='B'/></program></model>",
          model);
  fclose(file);
  Shell s = shell("$GRAPHC m.xml --dump-after=build -o m.plan");
  if (s.code != 0) printf("\n%s\n%s\n", model, s.err);
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  free(s.err);
  return s.out;
}

static void check_same(const char *model) {
  char *dump = build(model);
  unsigned a = output_node(dump, "A"), b = output_node(dump, "B");
  if (a != b || a == 0) printf("\n%s\n%s", model, dump);
  CU_ASSERT(a == b && a != 0);
  free(dump);
}

static void test_pairs(void) {
  for (size_t i = 0; i < N_PAIRS; i++) {
    char model[2000], a[200], b[200];
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    snprintf(a, sizeof a, pairs[i].a, "A");
    snprintf(b, sizeof b, pairs[i].b, "B");
#pragma GCC diagnostic pop
    snprintf(model, sizeof model, INPUTS "%s%s", a, b);
    check_same(model);
  }
}

/* `<input .../>` for one word of a row's inputs, `f(3,5)`. */
static void put_input(FILE *out, const char *word, int k) {
  const char *type = *word == 'b' ? "bool" : *word == 'i' ? "i32" : "float";
  const char *at = strchr(word, '(') + 1;
  fprintf(out, "<input name='i%d' dtype='%s' shape='", k, type);
  for (; *at != ')'; at++) fputc(*at == ',' ? ' ' : *at, out);
  fputs("'/>", out);
}

static void check_function(const OpRow *row, const OpDesc *op) {
  char copy[256], call[256] = "", refs[256] = "", *save = NULL, *model = NULL;
  size_t size;
  FILE *out = open_memstream(&model, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  int k = 0;
  snprintf(copy, sizeof copy, "%s", row->inputs);
  for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save), k++) {
    put_input(out, word, k);
    size_t c = strlen(call), r = strlen(refs);
    snprintf(call + c, sizeof call - c, "%si%d", k ? ", " : "", k);
    snprintf(refs + r, sizeof refs - r, " %s='i%d'", op->inputs[k].name, k);
  }
  fprintf(out, "<%s name='A'%s/><expr name='B' value='%s(%s)'/>", op->name, refs, op->function,
          call);
  fclose(out);
  check_same(model);
  free(model);
}

/* A function has no way to be given attributes, and an expansion that asks for one would read none.
 */
static void test_functions(void) {
  for (uint32_t id = 1; id < ops_table()->count; id++)
    CU_ASSERT(!op_desc(id)->function || op_desc(id)->n_attrs == 0);
  for (size_t i = 0; i < N_OP_ROWS; i++) {
    const OpDesc *op = op_desc(op_table_find(ops_table(), op_rows[i].op));
    if (op->function) check_function(&op_rows[i], op);
  }
}

static void test_distinct(void) { /* that the comparison can fail */
  char *dump = build(INPUTS "<expr name='A' value='x + y'/><expr name='B' value='x - y'/>");
  CU_ASSERT_NOT_EQUAL(output_node(dump, "A"), output_node(dump, "B"));
  CU_ASSERT_NOT_EQUAL(output_node(dump, "A"), 0);
  free(dump);
}

LAB_MAIN("one way", {"pairs", test_pairs}, {"ops and their functions", test_functions},
         {"what differs", test_distinct})
