/* What torch.save writes: read in both forms as the tensors that they hold, whatever their views;
 * everything that is no data refused, at its byte.  Damaged files: test_pth_damage.c. */
#include "tests/runtime/execute/pth_pickles.h"

static const int64_t number[1] = {(int64_t)1 << 60 | 5};

static SafeFile *read_path(const char *path) {
  SafeFile *file = NULL;
  Diag *diag = diag_create();
  if (safe_read(path, diag, &file) != STATUS_OK) diag_print(diag, stdout);
  diag_destroy(diag);
  CU_ASSERT_PTR_NOT_NULL_FATAL(file);
  return file;
}

static const FileTensor *tensor_of(const SafeFile *file, const char *name) {
  const FileTensor *t = safe_find(file, name);
  if (!t) printf("\nno tensor %s\n", name);
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  return t;
}

/* Name, type, shape and elements, the latter as digits in base 36. */
static void expect(const SafeFile *file, const char *name, const char *type, const char *shape,
                   const char *elements) {
  static const char digits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
  char text[64];
  const FileTensor *t = tensor_of(file, name);
  CU_ASSERT_STRING_EQUAL(t->type_name, type);
  CU_ASSERT_STRING_EQUAL(file_tensor_shape(t, text, sizeof text), shape);
  CU_ASSERT_EQUAL_FATAL(t->count, (int64_t)strlen(elements));
  for (int64_t i = 0; i < t->count; i++) text[i] = digits[(int)file_tensor_get(t, i)];
  text[t->count] = 0;
  CU_ASSERT_STRING_EQUAL(text, elements);
}

/* ---- both forms ---- */

static const PthForm forms[] = {{0},           {.wide = true}, {.no_crc = true},
                                {.big = true}, {.legacy = 1},  {.legacy = 1, .big = 1}};

static void write_swapped(char *to, const void *from, size_t bytes, size_t element) {
  for (size_t i = 0; i < bytes; i++)
    to[i] = ((const char *)from)[i / element * element + element - 1 - i % element];
}

/* Views of one storage: the whole, a part, transposed, a column, single elements, nothing. */
static void add_views(Bytes *b, const PthBlock *f) {
  static const struct {
    const char *name;
    PthView view;
  } views[] = {{"whole", {0, 2, {3, 4}, {4, 1}}},
               {"part", {2, 2, {2, 3}, {3, 1}}},
               {"turned", {0, 2, {4, 3}, {1, 4}}},
               {"column", {1, 1, {3}, {4}}},
               {"last", {11, 3, {1, 1, 1}, {INT64_MAX, 7, 1}}},
               {"scalar", {5, 0, {0}, {0}}},
               {"empty", {13, 2, {0, 3}, {3, 1}}},
               {"deep", {0, 9, {1, 1, 1, 1, 1, 1, 1, 2, 2}, {1, 1, 1, 1, 1, 1, 1, 1, 2}}}};
  for (size_t i = 0; i < sizeof views / sizeof *views; i++) {
    op_text(b, views[i].name);
    op_tensor(b, f, views[i].view);
    op(b, 's');
  }
}

static void test_forms(void) {
  for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
    char swapped[48], count[8];
    write_swapped(swapped, floats, sizeof swapped, 4);
    write_swapped(count, number, sizeof count, 8);
    const PthBlock blocks[] = {{"0", "Float", 12, forms[i].big ? swapped : (char *)floats, 48},
                               {"17", "Long", 1, forms[i].big ? count : (char *)number, 8},
                               {"2", "Half", 0, "", 0}};
    Bytes b = begin();
    op_ordered_dict(&b);
    add_views(&b, &blocks[0]);
    op_text(&b, "bn.num_batches_tracked");
    op_tensor(&b, &blocks[1], (PthView){0});
    op(&b, 's');
    op_text(&b, "nothing");
    op_tensor(&b, &blocks[2], (PthView){0, 1, {0}, {1}});
    op(&b, 's');
    pth_write(support_path("f.pth"), &b, blocks, 3, forms[i]);
    SafeFile *f = read_path(support_path("f.pth"));
    CU_ASSERT_EQUAL(safe_count(f), 10);
    expect(f, "whole", "F32", "(3, 4)", "0123456789ab");
    expect(f, "part", "F32", "(2, 3)", "234567");
    expect(f, "turned", "F32", "(4, 3)", "04815926a37b");
    expect(f, "column", "F32", "(3)", "159");
    expect(f, "last", "F32", "(1, 1, 1)", "b");
    expect(f, "scalar", "F32", "()", "5");
    expect(f, "empty", "F32", "(0, 3)", "");
    expect(f, "deep", "F32", "(1, 1, 1, 1, 1, 1, 1, 2, ...)", "0213");
    expect(f, "nothing", "F16", "(0)", "");
    const FileTensor *t = tensor_of(f, "bn.num_batches_tracked");
    CU_ASSERT_EQUAL(memcmp(t->data, number, 8), 0);
    CU_ASSERT_STRING_EQUAL(safe_note(f), forms[i].legacy ? "PyTorch, before 1.6" : "PyTorch, zip");
    CU_ASSERT_PTR_NULL(safe_metadata(f, "step"));
    safe_close(f);
  }
}

static void test_types(void) {
  static const struct {
    const char *storage, *type;
    size_t size;
    unsigned char bytes[8];
  } rows[] = {{"Double", "F64", 8, {[6] = 0x14, [7] = 0x40}},
              {"Float", "F32", 4, {[2] = 0xa0, [3] = 0x40}},
              {"Half", "F16", 2, {0x00, 0x45}},
              {"BFloat16", "BF16", 2, {0xa0, 0x40}},
              {"Long", "I64", 8, {5}},
              {"Int", "I32", 4, {5}},
              {"Short", "I16", 2, {5}},
              {"Char", "I8", 1, {5}},
              {"Byte", "U8", 1, {5}},
              {"Bool", "BOOL", 1, {5}}};
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int legacy = 0; legacy < 2; legacy++) {
      const PthBlock block = {"0", rows[i].storage, 1, rows[i].bytes, rows[i].size};
      Bytes b = begin();
      op(&b, '}');
      op_text(&b, "x");
      op_tensor(&b, &block, (PthView){0, 1, {1}, {1}});
      op(&b, 's');
      pth_write(support_path("t.pth"), &b, &block, 1, (PthForm){.legacy = legacy});
      SafeFile *f = read_path(support_path("t.pth"));
      expect(f, "x", rows[i].type, "(1)", "5");
      safe_close(f);
    }
}

/* ---- which dictionary ---- */

static SafeFile *read_pickle(Bytes *b, bool legacy) {
  pth_write(support_path("p.pth"), b, &one, 1, (PthForm){.legacy = legacy});
  return read_path(support_path("p.pth"));
}

/* A checkpoint of fastreid: the optimiser's numbers and the schedule stand beside the model. */
static void test_checkpoint(void) {
  Bytes b = begin();
  op(&b, '}');
  op_text(&b, "model");
  op_ordered_dict(&b);
  add_one(&b, "backbone.conv1.weight", 3);
  OPS(&b, "}");
  op_text(&b, "_metadata");
  op_ordered_dict(&b);
  OPS(&b, "sbs");
  op_text(&b, "optimizer");
  op(&b, '}');
  op_int(&b, 0);
  op_tensor(&b, &one, (PthView){4, 1, {1}, {1}});
  OPS(&b, "ss");
  op_text(&b, "scheduler");
  op_global(&b, "collections", "Counter");
  OPS(&b, "}K\3K\1s\x85RsX\4\0\0\0bestG\0\0\0\0\0\0\0\0s");
  add_one(&b, "accuracy", 7);
  SafeFile *f = read_pickle(&b, false);
  CU_ASSERT_EQUAL(safe_count(f), 1);
  expect(f, "backbone.conv1.weight", "F32", "(1)", "3");
  CU_ASSERT_STRING_EQUAL(
      safe_note(f),
      "PyTorch, zip, part 'model'; not read: 'optimizer', 'scheduler', 'best', 'accuracy'");
  safe_close(f);
}

/* A part is the one that holds tensors, of several whose names are known. */
static void test_empty_part(void) {
  Bytes b = begin();
  op(&b, '}');
  op_text(&b, "state_dict");
  OPS(&b, "}");
  op_text(&b, "epoch");
  OPS(&b, "K\3ss");
  op_text(&b, "model");
  op(&b, '}');
  add_one(&b, "w", 3);
  op(&b, 's');
  SafeFile *f = read_pickle(&b, false);
  CU_ASSERT_EQUAL(safe_count(f), 1);
  expect(f, "w", "F32", "(1)", "3");
  CU_ASSERT_STRING_EQUAL(safe_note(f), "PyTorch, zip, part 'model'; not read: 'state_dict'");
  safe_close(f);
}

/* Whole numbers of any length: 3, 2 and 1 in one byte and two; -1 is none that may stand there. */
static void test_lengths(void) {
  PICKLE(right, "}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n(");
  op_block(&right, &one);
  OPS(&right, "\x8a\1\3(\x8a\2\2\0t(\x8a\1\1t\x89}tRs");
  SafeFile *f = read_pickle(&right, false);
  expect(f, "x", "F32", "(2)", "34");
  safe_close(f);
  static float many[300];
  const PthBlock large = {"0", "Float", 300, many, sizeof many};
  PICKLE(below, "}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n(");
  op_block(&below, &large);
  OPS(&below, "\x8a\1\xff(K\1t(K\1t\x89}tRs");
  pth_write(support_path("r.pth"), &below, &large, 1, (PthForm){0});
  refused("-1 in one byte", support_path("r.pth"), (const char *[]){"lies outside of", NULL});
}

/* Parts in parts, dictionaries in the weights, and tensors without names. */
static void test_nested(void) {
  Bytes b = begin();
  op(&b, '}');
  op_text(&b, "state_dict");
  op(&b, '}');
  op_text(&b, "module");
  op(&b, '}');
  op_text(&b, "trunk");
  op(&b, '}');
  add_one(&b, "w", 1);
  op(&b, 's');
  add_one(&b, "trunk.v", 2);
  op_int(&b, 5);
  op_tensor(&b, &one, (PthView){6, 1, {1}, {1}});
  op(&b, 's');
  op_text(&b, "list");
  op(&b, ']');
  op_tensor(&b, &one, (PthView){6, 1, {1}, {1}});
  OPS(&b, "asss");
  SafeFile *f = read_pickle(&b, true);
  CU_ASSERT_EQUAL(safe_count(f), 2);
  expect(f, "trunk.w", "F32", "(1)", "1");
  expect(f, "trunk.v", "F32", "(1)", "2");
  CU_ASSERT_STRING_EQUAL(
      safe_note(f), "PyTorch, before 1.6, part 'state_dict' of 'module'; 2 tensors without a name");
  safe_close(f);
}

/* Parameters, sizes as torch.Size, dictionaries of Python 2, notes of every width, protocol 4. */
static void test_spellings(void) {
  Bytes b = begin();
  OPS(&b, "\x95\0\0\0\0\0\0\0\0");
  op_global(&b, "collections", "OrderedDict");
  OPS(&b, "q\0](](U\1w"); /* [['w', parameter], ['v', ...]] */
  op_global(&b, "torch._utils", "_rebuild_parameter");
  op(&b, '(');
  op_tensor(&b, &one, (PthView){8, 1, {1}, {1}});
  OPS(&b, "\x88");
  op_ordered_dict(&b);
  OPS(&b, "tRe](T\1\0\0\0v");
  op_text(&b, "torch._utils");
  OPS(&b, "\x8c\x12_rebuild_tensor_v2\x93r\1\0\0\0(");
  op_block(&b, &one);
  OPS(&b, "\x94K\x09");
  op_global(&b, "torch", "Size");
  OPS(&b, "K\2\x85\x85RK\1\x85\x89Ntq\7Rq\xff"
          "ee\x85R"
          "h\xff"
          "0");
  b.n -= 3; /* without POP: what a note gave back is one value too many */
  SafeFile *f = read_pickle(&b, false);
  expect(f, "w", "F32", "(1)", "8");
  expect(f, "v", "F32", "(2)", "9a");
  safe_close(f);
}

/* Before 1.6 a storage could be a part of another. */
static void test_part(void) {
  Bytes b = begin();
  op(&b, '}');
  op_text(&b, "x");
  op_global(&b, "torch._utils", "_rebuild_tensor_v2");
  OPS(&b, "((");
  op_text(&b, "storage");
  op_global(&b, "torch.cuda", "FloatStorage");
  op_text(&b, "0");
  op_text(&b, "cuda:0");
  op_int(&b, 12);
  OPS(&b, "(");
  op_text(&b, "view");
  OPS(&b, "K\3K\6ttQK\1K\2\x85K\1\x85\x89}tRs");
  SafeFile *f = read_pickle(&b, true);
  expect(f, "x", "F32", "(2)", "45");
  safe_close(f);
}

/* ---- refused ---- */

/* In both forms, with n storages behind it. */
static void refused_pickle(const char *what, Bytes *b, uint32_t n, const char *first,
                           const char *second) {
  for (int legacy = 0; legacy < 2; legacy++) {
    Bytes copy = {0};
    bytes_add(&copy, b->at, b->n);
    pth_write(support_path("r.pth"), &copy, &one, n, (PthForm){.legacy = legacy});
    refused(what, support_path("r.pth"), (const char *[]){first, second, NULL});
  }
  free(b->at);
}

static void test_opcodes(void) {
  static const struct {
    const char *what, *ops;
    size_t n;
    const char *message;
  } rows[] = {
#define ROW(WHAT, OPS_, MESSAGE) {WHAT, OPS_, sizeof(OPS_) - 1, MESSAGE}
      ROW("a command", "cos\nsystem\nX\5\0\0\0touch\x85R",
          "opcode GLOBAL refers to 'os.system' of Python, which weights do not need: nothing of it "
          "is run\nhint: "
          "if you trust it (this runs what it holds), in Python: w = torch.load(F, "),
      ROW("a command of protocol 4", "\x8c\2os\x8c\6system\x93",
          "opcode STACK_GLOBAL refers to 'os.system' of"),
      ROW("eval",
          "c__builtin__\neval\nX\1\0\0\0"
          "1\x85R",
          "refers to '__builtin__.eval'"),
      ROW("getattr", "cbuiltins\ngetattr\n", "refers to 'builtins.getattr'"),
      ROW("a name with a dot", "ctorch\n_utils._rebuild_tensor_v2\n",
          "refers to 'torch._utils._reb"),
      ROW("a class", "ctorchvision.models.resnet\nResNet\n)\x81}b",
          "refers to 'torchvision.models.resnet.ResNet' of Python"),
      ROW("a name that commands a terminal", "cos\x1b[2J\nx\n", "refers to 'os?[2J.x'"),
      ROW("INST", "(ios\nsystem\n", "opcode INST (0x69) is none that weights need: not read\nhint"),
      ROW("OBJ", "(o", "opcode OBJ (0x6f)"),
      ROW("EXT1", "\x82\1", "opcode EXT1 (0x82)"),
      ROW("POP", "N0", "opcode POP (0x30)"),
      ROW("DUP", "N2", "opcode DUP (0x32)"),
      ROW("protocol 0", "S'x'\n", "opcode STRING (0x53)"),
      ROW("no opcode", "\xff", "the pickle is damaged: 0xff is no opcode"),
      ROW("a storage called", "ctorch\nFloatStorage\n)R", "calls 'torch.FloatStorage' with"),
      ROW("a parameter of nothing", "ctorch._utils\n_rebuild_parameter\n)R", "calls 'torch._utils"),
      ROW("a call of a text", "X\1\0\0\0x)R", "the pickle is damaged: it calls what is no name"),
      ROW("a call without arguments", "ctorch\nSize\nNR", "it calls what is no name"),
      ROW("nothing to take", "R", "it takes a value where there is none"),
      ROW("below the mark", "N(a", "it takes a value where there is none"),
      ROW("tuple without a mark", "t", "it goes back to a mark, and there is none"),
      ROW("a tuple of too few", "N\x87", "it takes a value where there is none"),
      ROW("half a pair", "}(Nu", "it has a key without a value"),
      ROW("a key of a list", "]NNs", "it sets a key of what is no dictionary"),
      ROW("an item of a tuple", ")Na", "it appends to what is no list"),
      ROW("items of nothing", "(Ne", "it takes a value where there is none"),
      ROW("attributes of a number", "NNb", "it sets attributes of what has none"),
      ROW("a note of nothing", "q\0", "it notes a value where there is none"),
      ROW("no such note", "Nq\0h\1", "it goes back to a note that was not made"),
      ROW("a far note", "Nr\xff\xff\xff\xff", "the pickle has more than 4194304 notes"),
      ROW("a long text", "X\xff\xff\xff\x7f", "it ends in the middle of a value"),
      ROW("a longer text", "\x8d\xff\xff\xff\xff\xff\xff\xff\xff",
          "it ends in the middle of a value"),
      ROW("a name without an end", "cos", "it ends in the middle of a"),
      ROW("a text for a name", "NN\x93", "it has a name that is no text"),
      ROW("version 9", "\x80\x09", "it is of a version that is not known"),
      ROW("two values", "NN", "it ends with more than one value"),
      ROW("no value", "", "it ends with more than one value, or none"),
      ROW("an open mark", "(N", "it ends with more than one value"),
      ROW("no storage", "(X\1\0\0\0xtQ", "it refers to what is no storage"),
      ROW("a module", "(X\6\0\0\0modulectorch\nSize\ntQ", "the file holds a whole model"),
      ROW("a list", "]", "holds no tensor that has a name"),
      ROW("a number", "K\1", "holds no tensor that has a name"),
      ROW("no pairs", "ccollections\nOrderedDict\n](Ne\x85R", "a dictionary of what are no pairs"),
#undef ROW
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Bytes b = begin();
    bytes_add(&b, rows[i].ops, rows[i].n);
    refused_pickle(rows[i].what, &b, 0, rows[i].message, "r.pth");
  }
}

/* As the first versions wrote: a tensor of nothing that then is told what it is, a Parameter that
 * is told whether it is trained. */
static void test_first_versions(void) {
  for (int cuda = 0; cuda < 2; cuda++) {
    Bytes b = begin();
    op(&b, '}');
    op_text(&b, "w");
    op_global(&b, "torch.nn.parameter", "Parameter");
    op_global(&b, cuda ? "torch.cuda" : "torch", "FloatTensor");
    OPS(&b, ")\x81q\1(");
    op_block(&b, &one);
    OPS(&b, "K\3K\2\x85K\4\x85tb\x85\x81(\x88\x89}tbs");
    op_text(&b, "v");
    OPS(&b, "h\1s");
    SafeFile *f = read_pickle(&b, true);
    expect(f, "w", "F32", "(2)", "37");
    expect(f, "v", "F32", "(2)", "37");
    safe_close(f);
  }
  PICKLE(never, "}X\1\0\0\0xctorch\nFloatTensor\n)\x81s");
  refused_pickle("never told", &never, 0, "r.pth: tensor x: error: is made in a way", "hint");
  PICKLE(sized, "ctorch\nFloatTensor\nK\3\x85R");
  refused_pickle("with a size", &sized, 0, "calls 'torch.FloatTensor' with arguments", "hint");
}

/* The place of the message is the opcode's byte in the file. */
static void test_place(void) {
  PICKLE(b, "cos\nsystem\n.");
  Bytes zip = pth_zip(&b, NULL, 0, (PthForm){0});
  char place[64];
  const char *at = memmem(zip.at, zip.n, "cos\n", 4);
  CU_ASSERT_PTR_NOT_NULL_FATAL(at);
  bytes_write(&zip, support_path("at.pth"));
  snprintf(place, sizeof place, "at.pth: byte %zu: error: ", (size_t)(at - zip.at));
  refused("place", support_path("at.pth"), (const char *[]){place, NULL});
  free(b.at);
  free(zip.at);
}

static void test_tensors(void) {
  static const struct {
    const char *what;
    PthBlock block;
    PthView view;
    const char *message;
  } rows[] = {
      {"one too many",
       {"0", "Float", 12, floats, 48},
       {1, 1, {12}, {1}},
       "r.pth: tensor x: error: lies outside of its storage, which has 12 elements"},
      {"a stride", {"0", "Float", 12, floats, 48}, {0, 2, {2, 2}, {11, 1}}, "lies outside of"},
      {"an offset", {"0", "Float", 12, floats, 48}, {12, 1, {1}, {1}}, "lies outside of"},
      {"an offset below 0", {"0", "Float", 12, floats, 48}, {-1, 1, {1}, {1}}, "lies outside of"},
      {"a product",
       {"0", "Float", 12, floats, 48},
       {0, 3, {1LL << 31, 1LL << 31, 4}, {0, 0, 0}},
       "lies outside of"},
      {"a far stride", {"0", "Float", 12, floats, 48}, {0, 1, {4}, {INT64_MAX / 2}}, "lies outs"},
      {"a size below 0", {"0", "Float", 12, floats, 48}, {0, 1, {-1}, {1}}, "is made in a way"},
      {"a stride below 0", {"0", "Float", 12, floats, 48}, {3, 1, {2}, {-1}}, "is made in a way"},
      {"expanded",
       {"0", "Float", 12, floats, 48},
       {0, 2, {13, 1}, {0, 1}},
       "tensor x: error: repeats elements: it has more than its storage"},
      {"too few bytes",
       {"0", "Float", 12, floats, 44},
       {0, 1, {1}, {1}},
       "storage '0' has 44 bytes in the file, its 12 elements of F32 have 48\nhint: was the file"},
      {"a count below 0", {"0", "Float", -1, floats, 48}, {0, 1, {1}, {1}}, "would have -1 elem"},
      {"a large count", {"0", "Float", INT64_MAX / 3, floats, 48}, {0, 1, {1}, {1}}, "would have"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
    for (int legacy = 0; legacy < 2; legacy++) {
      Bytes b = begin();
      op(&b, '}');
      op_text(&b, "x");
      op_tensor(&b, &rows[i].block, rows[i].view);
      op(&b, 's');
      pth_write(support_path("r.pth"), &b, &rows[i].block, 1, (PthForm){.legacy = legacy});
      refused(rows[i].what, support_path("r.pth"), (const char *[]){rows[i].message, NULL});
    }
}

/* The imaginary part of a conjugate: what is stored are the negatives. */
static void test_marks(void) {
  for (int marked = 0; marked < 2; marked++) {
    Bytes b = begin();
    op(&b, '}');
    op_text(&b, "x");
    op_global(&b, "torch._utils", "_rebuild_tensor_v2");
    op(&b, '(');
    op_block(&b, &one);
    op_int(&b, 0);
    op_numbers(&b, (int64_t[]){2}, 1);
    op_numbers(&b, (int64_t[]){1}, 1);
    OPS(&b, "\x89");
    op_ordered_dict(&b);
    op(&b, '}');
    if (marked) {
      op_text(&b, "neg");
      OPS(&b, "\x88s");
    }
    OPS(&b, "tRs");
    pth_write(support_path("r.pth"), &b, &one, 1, (PthForm){0});
    if (marked)
      refused(
          "negatives", support_path("r.pth"),
          (const char *[]){"r.pth: tensor x: error: is a view that negates", "resolve_neg", NULL});
    else
      safe_close(read_path(support_path("r.pth")));
  }
}

/* One storage with two types; a tensor of none; a name twice. */
static void test_uses(void) {
  const PthBlock other = {"0", "Int", 12, floats, 48};
  PICKLE(two, "}");
  add_one(&two, "x", 0);
  op_text(&two, "y");
  op_tensor(&two, &other, (PthView){0});
  op(&two, 's');
  refused_pickle("two types", &two, 1, "storage '0' is used with two types or sizes", "hint");
  const PthBlock less = {"0", "Float", 6, floats, 48};
  for (int first = 0; first < 2; first++) { /* the one that the file has, before and behind */
    PICKLE(sizes, "}");
    op_text(&sizes, "x");
    op_tensor(&sizes, first ? &one : &less, (PthView){0});
    OPS(&sizes, "s");
    op_text(&sizes, "y");
    op_tensor(&sizes, first ? &less : &one, (PthView){0});
    OPS(&sizes, "s");
    refused_pickle("two sizes", &sizes, 1, "storage '0' is used with two types or sizes", "hint");
  }
  PICKLE(none, "}X\1\0\0\0xctorch._utils\n_rebuild_tensor_v2\n(NK\0))tRs");
  refused_pickle("no storage", &none, 0, "r.pth: tensor x: error: is made in a way", "hint");
  PICKLE(twice, "}");
  add_one(&twice, "x", 0);
  add_one(&twice, "x", 1);
  refused_pickle("twice", &twice, 1, "tensor x: error: its name comes twice", "hint");
  PICKLE(joined, "}");
  add_one(&joined, "a.b", 0);
  op_text(&joined, "a");
  op(&joined, '}');
  add_one(&joined, "b", 0);
  op(&joined, 's');
  refused_pickle("joined", &joined, 1, "tensor a.b: error: its name comes twice", "hint");
  PICKLE(name, "}X\2\0\0\0\xc3\x28");
  op_tensor(&name, &one, (PthView){0});
  op(&name, 's');
  refused_pickle("no UTF-8", &name, 1, "holds no tensor that has a name", "hint");
}

/* Dictionaries that refer to themselves and to each other. */
static void test_circles(void) {
  PICKLE(circle, "}q\0X\1\0\0\0ah\0s");
  add_one(&circle, "x", 0);
  refused_pickle("circle", &circle, 1, "its dictionaries lie too deep", "hint");
  PICKLE(list, "]q\0h\0a");
  refused_pickle("a list in itself", &list, 0, "holds no tensor that has a name", "hint");
  PICKLE(wide, "}X\3\0\0\0all]"); /* 7 dictionaries, of which each has the one before 100 times */
  for (int depth = 0; depth < 7; depth++) {
    OPS(&wide, "}q");
    op(&wide, (char)depth);
    OPS(&wide, "(");
    for (int i = 0; i < 100 && depth; i++) {
      char name[16];
      snprintf(name, sizeof name, "k%d", i);
      op_text(&wide, name);
      op(&wide, 'h');
      op(&wide, (char)(depth - 1));
    }
    OPS(&wide, "ua");
  }
  OPS(&wide, "sX\3\0\0\0toph\6s");
  refused_pickle("wide", &wide, 0, "it has too many values", "hint");
}

int main(void) {
  static const SupportTest tests[] = {
      {"both forms, all views", test_forms},
      {"types", test_types},
      {"a checkpoint", test_checkpoint},
      {"a part of nothing", test_empty_part},
      {"whole numbers", test_lengths},
      {"nested", test_nested},
      {"spellings", test_spellings},
      {"the first versions", test_first_versions},
      {"a part of a storage", test_part},
      {"refused opcodes and names", test_opcodes},
      {"the place of an opcode", test_place},
      {"refused tensors", test_tensors},
      {"negatives", test_marks},
      {"uses of storages and names", test_uses},
      {"circles", test_circles},
  };
  return support_run("pth", tests, sizeof tests / sizeof *tests);
}
