/* Attributes in plans go by name: a plan of a graphc whose ops had other attributes, or had them in
 * another order, is read as what it says; what cannot be is refused, with what to do. */
#include "graph/plan/dump.h"
#include "kernels/targets.h"
#include "ops/verify.h"
#include "tests/compiler/program_lab.h"
#include "tests/support.h"

#define OPS_MAX 256

/* The op table of another graphc: descriptors that a test has changed. */
typedef struct Other {
  OpDesc descs[OPS_MAX];
  const OpDesc *list[OPS_MAX];
  OpTable table;
} Other;

static Other *other_table(void) {
  static Other o;
  const OpTable *ours = ops_table();
  CU_ASSERT_FATAL(ours->count < OPS_MAX);
  for (uint32_t i = 1; i < ours->count; i++) {
    o.descs[i] = *ours->ops[i];
    o.list[i] = &o.descs[i];
  }
  o.list[0] = NULL;
  o.table = (OpTable){o.list, ours->count};
  return &o;
}

/* Slices, a concat and an iota, whose attributes are: start size; axis; axis shape dtype. */
static Plan *make_plan(Lab *lab) {
  lab_init(lab, DTYPE_F64, 1);
  Emitter *e = &lab->e;
  NodeId x = lab_input(lab, DTYPE_F64, 2, (int64_t[]){4, 3});
  NodeId parts[] = {emit_slice_axis(e, x, 0, 2, 2), emit_slice_axis(e, x, 0, 1, 3)};
  NodeId joined = emit_concat(e, parts, 2, 0);
  Shape shape = {.rank = 2, .dim = {5, 3}};
  NodeId ramp = emit_iota(e, 0, DTYPE_I32, &shape);
  NodeId y = emit_mul(e, joined, emit_cast(e, ramp, DTYPE_F64));
  graph_add_output(lab->graph, strings_intern(lab->symbols->strings, "y"), y, true);
  CU_ASSERT_EQUAL_FATAL(e->status, STATUS_OK);
  Plan *plan = program_compile(lab, NULL, 0);
  CU_ASSERT_PTR_NOT_NULL_FATAL(plan);
  return plan;
}

static char *dumped(const Plan *plan, const OpTable *ops) {
  char *text = NULL;
  size_t size;
  FILE *out = open_memstream(&text, &size);
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  dump_program(&plan->programs[0], ops, NULL, out);
  fclose(out);
  return text;
}

/* Written with one table and read with the other: what the reader's dump shows, or its message. */
static char *through(const Plan *plan, const OpTable *writer, const OpTable *reader) {
  Diag *diag = diag_create();
  Plan *read = NULL;
  const char *path = support_path("other.plan.xml");
  char *text = NULL;
  CU_ASSERT_EQUAL_FATAL(plan_write(plan, writer, path, diag), STATUS_OK);
  Status status = plan_read(path, reader, targets_table(), diag, &read);
  if (status == STATUS_OK) {
    if (reader == ops_table()) CU_ASSERT_EQUAL(verify_plan(read, path, diag), STATUS_OK);
    text = dumped(read, reader);
    plan_destroy(read);
  } else {
    size_t size;
    FILE *out = open_memstream(&text, &size);
    diag_print(diag, out);
    fclose(out);
  }
  diag_destroy(diag);
  return text;
}

static void expect(const Plan *plan, const OpTable *writer, const OpTable *reader, const char *a,
                   const char *b) {
  char *text = through(plan, writer, reader);
  bool good = strstr(text, a) && strstr(text, b);
  if (!good) printf("\n%s\n", text);
  CU_ASSERT(good);
  free(text);
}

static OpDesc *desc(Other *o, OpId op) {
  return &o->descs[op];
}

/* The plan lacks what the writer's ops did not have: its defaults, here also the values. */
static void test_older(void) {
  Lab lab;
  Plan *plan = make_plan(&lab);
  Other *o = other_table();
  desc(o, OP_CONCAT)->n_attrs = 0; /* axis, 0 by default */
  desc(o, OP_IOTA)->n_attrs = 2;   /* dtype, i32 by default */
  char *want = dumped(plan, ops_table()), *have = through(plan, &o->table, ops_table());
  CU_ASSERT_STRING_EQUAL(have, want);
  free(want);
  free(have);
  program_release(plan);
  lab_free(&lab);
}

static void test_order(void) {
  static AttrDesc turned[2];
  Lab lab;
  Plan *plan = make_plan(&lab);
  Other *o = other_table();
  turned[0] = op_desc(OP_SLICE)->attrs[SLICE_SIZE];
  turned[1] = op_desc(OP_SLICE)->attrs[SLICE_START];
  desc(o, OP_SLICE)->attrs = turned;
  expect(plan, ops_table(), &o->table, "size=2,3 start=2,0", "size=3,3 start=1,0");
  program_release(plan);
  lab_free(&lab);
}

static void test_foreign(void) {
  static AttrDesc required[2];
  Lab lab;
  Plan *plan = make_plan(&lab);
  const char *hint = "hint: compile the model with the graphc beside this program";
  Other *o = other_table();
  desc(o, OP_CONCAT)->n_attrs = 0;
  expect(plan, ops_table(), &o->table,
         "it uses axis of the op 'concat', an attribute that this program does not have", hint);
  o = other_table();
  desc(o, OP_CONCAT)->name = "join";
  expect(plan, ops_table(), &o->table, "it uses 'concat', an op that this program does not have",
         hint);
  o = other_table();
  desc(o, OP_SLICE)->n_attrs = 1; /* size has no default */
  expect(plan, &o->table, ops_table(), "the attribute 'size' of the op 'slice' is expected",
         "hint: compile the model again");
  o = other_table();
  required[0] = required[1] = op_desc(OP_SLICE)->attrs[SLICE_START];
  desc(o, OP_SLICE)->attrs = required;
  expect(plan, &o->table, ops_table(), "each attribute once is expected",
         "hint: compile the model again");
  program_release(plan);
  lab_free(&lab);
}

LAB_MAIN("plan attributes", {"an older plan takes defaults", test_older},
         {"another order", test_order}, {"what is not known", test_foreign})
