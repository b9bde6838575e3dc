/* Safetensors files as the format wants them, and all that it forbids: through every reader, with
 * what the reference implementation says of the same files. */
#include "runtime/execute/safetensors.h"
#include "tests/shell.h"

#include <math.h>

/* A file of this header (blanks fill it up to `padded` bytes) and so many bytes 1, 2, 3, ... */
static void write_raw(const char *name, const char *header, size_t padded, size_t bytes) {
  FILE *out = fopen(support_path(name), "wb");
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  size_t length = strlen(header);
  uint64_t prefix = length > padded ? length : padded;
  fwrite(&prefix, 8, 1, out);
  fputs(header, out);
  for (size_t i = length; i < prefix; i++) fputc(' ', out);
  for (size_t i = 0; i < bytes; i++) fputc((int)(i + 1) & 0x3f, out);
  fclose(out);
}

#define ENTRY(NAME, TYPE, SHAPE, FROM, TO)                                                         \
  "\"" NAME "\":{\"dtype\":\"" TYPE "\",\"shape\":" SHAPE ",\"data_offsets\":[" #FROM "," #TO "]}"

/* Every file declares the input x as two floats unless it says something else. */
static const struct {
  const char *what, *header;
  size_t padded, bytes;
  const char *message; /* NULL: it is accepted */
} files[] = {
    {"plain", "{" ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 8, NULL},
    {"blanks behind the header", "{" ENTRY("x", "F32", "[2]", 0, 8) "}", 128, 8, NULL},
    {"not aligned", "{" ENTRY("o", "U8", "[3]", 0, 3) "," ENTRY("x", "F32", "[2]", 3, 11) "}", 0,
     11, NULL},
    {"listed in another order",
     "{" ENTRY("x", "F32", "[2]", 4, 12) "," ENTRY("o", "F32", "[1]", 0, 4) "}", 0, 12, NULL},
    {"empty tensors",
     "{" ENTRY("o", "F32", "[0, 3]", 8, 8) "," ENTRY("x", "F32", "[2]", 0,
                                                     8) "," ENTRY("e", "F32", "[0]", 0, 0) "}",
     0, 8, NULL},
    {"a scalar", "{" ENTRY("o", "F32", "[]", 8, 12) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 12,
     NULL},
    {"metadata", "{\"__metadata__\":{\"a\":\"b\"}," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 8, NULL},
    {"more keys", "{\"x\":{\"more\":1,\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 0,
     8, NULL},
    {"8-bit floats that nobody wants",
     "{" ENTRY("o", "F8_E4M3", "[3]", 8, 11) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 11, NULL},
    {"types of another time",
     "{" ENTRY("o", "F3_X", "[3]", 8, 19) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 19, NULL},
    {"4-bit floats", "{" ENTRY("o", "F4", "[6]", 8, 11) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0,
     11, NULL},
    {"many dimensions",
     "{" ENTRY("o", "U8", "[1,1,1,1,1,1,1,1,1,3]", 8, 11) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0,
     11, NULL},

    {"overlap", "{" ENTRY("o", "F32", "[2]", 4, 12) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 12,
     "f.st: tensor o: error: invalid offset: its bytes 4..12 overlap those of 'x', which end at 8"},
    {"the same bytes", "{" ENTRY("o", "F32", "[2]", 0, 8) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0,
     8, "f.st: tensor x: error: invalid offset: its bytes 0..8 overlap those of 'o', which end "},
    {"one inside of the other",
     "{" ENTRY("o", "F32", "[1]", 4, 8) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 8,
     "f.st: tensor o: error: invalid offset: its bytes 4..8 overlap those of 'x', which end at 8"},
    {"a gap between", "{" ENTRY("o", "F32", "[1]", 12, 16) "," ENTRY("x", "F32", "[2]", 0, 8) "}",
     0, 16,
     "f.st: tensor o: error: invalid offset: its bytes begin at 12, those of 'x' before it "},
    {"a gap in front", "{" ENTRY("x", "F32", "[2]", 4, 12) "}", 0, 12,
     "f.st: tensor x: error: invalid offset: its bytes begin at 4, and no tensor has those before"},
    {"an empty one after a gap",
     "{" ENTRY("o", "F32", "[0]", 9, 9) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 9,
     "f.st: tensor o: error: invalid offset: its bytes begin at 9, those of 'x' before it end at "
     "8"},
    {"an empty one inside",
     "{" ENTRY("o", "F32", "[0]", 4, 4) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 8,
     "f.st: tensor o: error: invalid offset: its bytes 4..4 overlap those of 'x'"},
    {"bytes behind the last", "{" ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 11,
     "f.st: error: invalid offset: 3 bytes at the end belong to no tensor"},
    {"bytes of no tensor", "{}", 0, 1, "invalid offset: 1 bytes at the end belong to no tensor"},
    {"cut off", "{" ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 7,
     "f.st: tensor x: error: invalid offset: its bytes 0..8 lie outside of the file, which has 7 "},
    {"far away", "{" ENTRY("x", "F32", "[2]", 9223372036854775799, 9223372036854775807) "}", 0, 8,
     "lie outside of the file, which has 8 bytes of tensors\nhint: was the file copied whole?"},
    {"beyond 64 bits", "{" ENTRY("x", "F32", "[2]", 0, 18446744073709551624) "}", 0, 8,
     "the header is no JSON object: "},
    {"backwards", "{" ENTRY("x", "F32", "[2]", 8, 0) "}", 0, 8,
     "f.st: tensor x: error: its \"data_offsets\" are not where it begins and ends"},
    {"below 0", "{" ENTRY("x", "F32", "[2]", -8, 0) "}", 0, 8,
     "its \"data_offsets\" are not where"},
    {"no whole offset", "{" ENTRY("x", "F32", "[2]", 0.0, 8.0) "}", 0, 8,
     "its \"data_offsets\" are not where it begins and ends"},
    {"one offset", "{\"x\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[8]}}", 0, 8,
     "its \"data_offsets\" are not where it begins and ends"},
    {"fewer bytes than its shape", "{" ENTRY("x", "F32", "[3]", 0, 8) "}", 0, 8,
     "f.st: tensor x: error: its 8 bytes are not those of the shape (3) of F32"},
    {"more bytes than its shape", "{" ENTRY("x", "F32", "[1]", 0, 8) "}", 0, 8,
     "its 8 bytes are not those of the shape (1) of F32"},
    {"half a byte", "{" ENTRY("x", "F4", "[3]", 0, 1) "}", 0, 1,
     "its 1 bytes are not those of the shape (3) of F4"},
    {"a shape beyond 64 bits",
     "{" ENTRY("x", "F32", "[4294967296,4294967296,4294967296]", 0, 8) "}", 0, 8,
     "f.st: tensor x: error: its \"shape\" is no list of dimensions that can be"},
    {"bytes beyond 64 bits", "{" ENTRY("x", "F32", "[4611686018427387904]", 0, 8) "}", 0, 8,
     "its 8 bytes are not those of the shape (4611686018427387904) of F32"},
    {"a negative dimension", "{" ENTRY("x", "F32", "[-2]", 0, 8) "}", 0, 8,
     "its \"shape\" is no list of dimensions"},
    {"no whole dimension", "{" ENTRY("x", "F32", "[2.0]", 0, 8) "}", 0, 8,
     "its \"shape\" is no list of dimensions"},
    {"no shape", "{\"x\":{\"dtype\":\"F32\",\"data_offsets\":[0,8]}}", 0, 8,
     "its \"shape\" is no list of dimensions"},
    {"no type", "{\"x\":{\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 8,
     "f.st: tensor x: error: has no element type"},
    {"no entry", "{\"x\":[0,8]}", 0, 8, "f.st: tensor x: error: has no element type"},
    {"twice", "{" ENTRY("x", "F32", "[2]", 0, 8) "," ENTRY("x", "F32", "[2]", 0, 8) "}", 0, 8,
     "the header is no JSON object: duplicate object key"},
    {"a key twice",
     "{\"x\":{\"dtype\":\"F32\",\"dtype\":\"I32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 0, 8,
     "the header is no JSON object: duplicate object key"},
    {"metadata that are no text", "{\"__metadata__\":{\"a\":1}," ENTRY("x", "F32", "[2]", 0, 8) "}",
     0, 8, "f.st: error: 'a' in its metadata is no text"},
    {"metadata that are no object", "{\"__metadata__\":\"a\"," ENTRY("x", "F32", "[2]", 0, 8) "}",
     0, 8, "f.st: error: its metadata are no JSON object"},
    {"a list", "[1]", 0, 8, "f.st: error: is neither a safetensors file nor"},
    {"half an object", "{\"x\":", 0, 8, "the header is no JSON object: "},
    {"text behind the object", "{" ENTRY("x", "F32", "[2]", 0, 8) "} x", 0, 8,
     "the header is no JSON object: "},
    {"no UTF-8", "{\"\xff\":1}", 0, 8, "the header is no JSON object: "},
};

static void compile(void) {
  static bool done;
  if (done) return;
  done = true;
  support_write("m.xml",
                "<model name='m' xmlns='urn:graphc:model:1'><program name='p' kind='train'>"
                "<parameter name='x' shape='2'/><state name='i' shape='2' dtype='i32'/>"
                "<state name='l' shape='2' dtype='i64'/><state name='b' shape='3' dtype='bool'/>"
                "<expr name='y' value='sum(x * x)'/><expr name='z' value='sum(float(i))'/>"
                "<commit state='x' value='x + 1'/><output value='y'/><output value='z'/>"
                "</program><training steps='1' warmup-steps='0'/></model>");
  Shell s = shell("$GRAPHC m.xml");
  CU_ASSERT_EQUAL_FATAL(s.code, 0);
  shell_free(&s);
}

/* Through --init, which takes what the model knows; the other readers refuse the same. */
static void test_format(void) {
  static const char *const readers[] = {"train m.plan.xml --out=o --quiet --init=f.st",
                                        "exec m.plan.xml --program=p -o o.st --weights=f.st",
                                        "exec m.plan.xml --program=p -o o.st --feed=f.st"};
  compile();
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    bool refused = files[i].message != NULL;
    write_raw("f.st", files[i].header, files[i].padded, files[i].bytes);
    for (size_t k = 0; k < (refused ? 3 : 1); k++) {
      Shell s = shell("rm -rf o o.st; $GRAPHRUN %s", readers[k]);
      CU_ASSERT_TRUE(
          shell_says(files[i].what, s, refused, refused, (const char *[]){files[i].message, NULL}));
      CU_ASSERT_EQUAL(access(support_path("o/checkpoint.safetensors"), F_OK) == 0, !refused);
    }
  }
}

static void test_no_safetensors(void) {
  static const struct {
    const char *make, *message;
  } rows[] = {
      {": >f.st", "f.st: error: is neither a safetensors file nor one of PyTorch's\nhint: is it a "
                  "file of weights, copied"},
      {"printf 1234567 >f.st", "f.st: error: is neither a safetensors file nor"},
      {"printf '\\0\\0\\0\\0\\0\\0\\0\\0' >f.st", "f.st: error: is neither a safetensors file nor"},
      {"printf '\\1\\0\\0\\0\\0\\0\\0\\0x' >f.st",
       "f.st: error: is neither a safetensors file nor"},
      {"printf '\\3\\0\\0\\0\\0\\0\\0\\0 {}' >f.st",
       "f.st: error: is neither a safetensors file nor"},
      {"printf '\\377\\377\\377\\377\\377\\377\\377\\377{}' >f.st",
       "is neither a safetensors file nor"},
      {"printf 'PK\\3\\4then a pickle' >f.st",
       "f.st: byte 17: error: the zip archive is damaged: it has no directory"},
      {"printf '\\200\\2then a pickle' >f.st", "f.st: byte 3: error: the pickle is damaged: "},
  };
  compile();
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    Shell s = shell("%s; $GRAPHRUN train m.plan.xml --out=o2 --init=f.st", rows[i].make);
    CU_ASSERT_TRUE(
        shell_says(rows[i].make, s, STATUS_INVALID, 1, (const char *[]){rows[i].message, NULL}));
  }
}

/* ---- values ---- */

/* A file of one tensor with these bytes, taken by a state: *out_value is element 1 of the state. */
static Shell take(const char *name, const char *type, int count, const void *bytes, size_t size,
                  double *out_value) {
  char header[200];
  snprintf(header, sizeof header,
           "{\"%s\":{\"dtype\":\"%s\",\"shape\":[%d],\"data_offsets\":[0,%zu]}}", name, type, count,
           size);
  FILE *out = fopen(support_path("f.st"), "wb");
  uint64_t length = strlen(header);
  CU_ASSERT_PTR_NOT_NULL_FATAL(out);
  fwrite(&length, 8, 1, out);
  fputs(header, out);
  fwrite(bytes, 1, size, out);
  fclose(out);
  compile();
  Shell s = shell("rm -f o.st; $GRAPHRUN exec m.plan.xml --program=p -o o.st --feed=f.st");
  SafeFile *file = NULL;
  *out_value = NAN;
  if (s.code == 0 && safe_read(support_path("o.st"), NULL, &file) == STATUS_OK)
    *out_value = file_tensor_get(safe_find(file, name), 1);
  safe_close(file);
  return s;
}

static void test_types(void) {
  static const struct {
    const char *state, *type;
    int count;
    size_t size;
    unsigned char bytes[16];
    double value; /* of element 1; x is committed as x + 1 */
  } rows[] = {
      {"x", "F32", 2, 8, {0, 0, 0, 0, 0, 0, 0x80, 0xbf}, -1 + 1},
      {"x", "F64", 2, 16, {[14] = 0xe0, [15] = 0x3f}, 0.5 + 1},
      {"x", "F16", 2, 4, {0, 0, 0x00, 0x3e}, 1.5 + 1},
      {"x", "F16", 2, 4, {0, 0, 0x01, 0x80}, -0x1p-24 + 1}, /* the smallest */
      {"x", "F16", 2, 4, {0, 0, 0xff, 0x7b}, 65504 + 1},    /* the largest */
      {"x", "BF16", 2, 4, {0, 0, 0x80, 0x40}, 4 + 1},
      {"x", "BF16", 2, 4, {0, 0, 0x40, 0xc0}, -3 + 1},
      {"x", "I8", 2, 2, {0, 0xff}, -1 + 1},
      {"x", "U8", 2, 2, {0, 0xff}, 255 + 1},
      {"x", "I16", 2, 4, {0, 0, 0xfe, 0xff}, -2 + 1},
      {"x", "U16", 2, 4, {0, 0, 0xfe, 0xff}, 65534 + 1},
      {"x", "U32", 2, 8, {[4] = 0, 0, 0, 0x80}, 0x1p31 + 1},
      {"x", "BOOL", 2, 2, {0, 1}, 1 + 1},
      {"i", "U16", 2, 4, {0, 0, 0xfe, 0xff}, 65534},
      {"i", "I64", 2, 16, {[8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, -1},
      {"l", "U32", 2, 8, {[4] = 0, 0, 0, 0x80}, 0x1p31},
      {"l", "U64", 2, 16, {[8] = 1, 0, 0, 0, 0, 0, 0, 0x40}, 0x1p62},
      /* the last of i64, which a double rounds beyond it */
      {"l", "I64", 2, 16, {[8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0x1p63},
      {"l", "U64", 2, 16, {[8] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f}, 0x1p63},
      {"b", "U8", 3, 3, {0, 1, 0}, 1},
      {"b", "BOOL", 3, 3, {0, 7, 0}, 1},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double value;
    Shell s = take(rows[i].state, rows[i].type, rows[i].count, rows[i].bytes, rows[i].size, &value);
    if (value != (double)(float)rows[i].value) printf("\n%s: %g\n%s", rows[i].type, value, s.err);
    CU_ASSERT_EQUAL(value, (double)(float)rows[i].value);
    shell_free(&s);
  }
}

static void test_types_refused(void) {
  static const unsigned char bytes[16] = {0, 0, 2, 0, 0, 0, 0, 0x80, 0, 0, 0, 0, 0, 0, 0, 0x80};
  static const struct {
    const char *state, *type;
    int count;
    size_t size;
    const char *message;
  } rows[] = {
      {"x", "F8_E4M3", 2, 2,
       "tensor x: error: holds elements of type F8_E4M3, which are not read; "
       "the plan wants f32\nhint: convert it to F32, F16 or BF16"},
      {"x", "C64", 2, 16, "holds elements of type C64, which are not read"},
      {"x", "NEW", 2, 5, "holds elements of type NEW, which are not read"},
      {"x", "F32", 1, 4, "tensor x: error: has the shape (1), the plan wants (2)\nhint: "},
      {"i", "F16", 2, 4, "tensor i: error: holds floating-point numbers, the plan wants i32"},
      {"i", "U32", 2, 8, "tensor i: error: element 1 does not fit into i32"},
      {"i", "I64", 2, 16, "tensor i: error: element 0 does not fit into i32"},
      {"l", "U64", 2, 16, "tensor l: error: element 0 does not fit into i64"},
      {"b", "I8", 3, 3, "tensor b: error: element 2 does not fit into bool"},
  };
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    double value;
    Shell s = take(rows[i].state, rows[i].type, rows[i].count, bytes, rows[i].size, &value);
    CU_ASSERT_TRUE(
        shell_says(rows[i].type, s, STATUS_INVALID, 1, (const char *[]){rows[i].message, NULL}));
  }
}

/* What we write is refused when the format could not hold it. */
static void test_write(void) {
  static const float values[2] = {1, 2};
  const char *path = support_path("w.st");
  SaveTensor tensor = {"x", DTYPE_F32, {.rank = 1, .dim = {2}}, values};
  Diag *diag = diag_create();
  CU_ASSERT_EQUAL(safe_write(path, &tensor, 1, (SaveMeta[]){{"k", "a\xff"}}, 1, false, diag),
                  STATUS_INVALID);
  tensor.name = "__metadata__";
  CU_ASSERT_EQUAL(safe_write(path, &tensor, 1, NULL, 0, false, diag), STATUS_INVALID);
  char *text = support_messages(diag);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(text, "w.st: error: its metadata 'k' would hold bytes that are no"));
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "w.st: tensor __metadata__: error: no tensor can have this"));
  free(text);
  diag_destroy(diag);
  CU_ASSERT_NOT_EQUAL(access(path, F_OK), 0);
}

int main(void) {
  static const SupportTest tests[] = {
      {"what the format allows and forbids", test_format},
      {"files of other kinds", test_no_safetensors},
      {"element types", test_types},
      {"element types and values that do not fit", test_types_refused},
      {"names and texts that cannot be written", test_write},
  };
  return support_run("safetensors", tests, sizeof tests / sizeof *tests);
}
