/* Features as files: eval of them is eval of the images to the bit; folders of plain images; what
 * NumPy reads; every message. */
#include "tests/runtime/use/use_test.h"

#include <jansson.h>
#include <math.h>

#define EXTRACT "\"$GRAPHRUN\" extract mean.plan.xml --weights=w.safetensors "

/* The same result file and text, by both protocols, also when no image is there any longer. */
static void test_same_as_images(void) {
  static const char *const protocols[] = {"market", "split:ilids:3:1"};
  for (int i = 0; i < 2; i++) {
    shell_must("\"$GRAPHRUN\" eval mean.plan.xml --weights=w.safetensors --data=hand "
               "--protocol=%s -o images%d.json >images\n"
               "grep -v '^data' images >images%d.txt",
               protocols[i], i, i);
  }
  CU_ASSERT(use_prints("extract", shell(EXTRACT "--data=hand -o f.safetensors"), 0,
                       PARTS("weights   w.safetensors, step 12",
                             "domain    hand: 8 images, 4 identities, 3 cameras "
                             "(0 train, 3 query, 5 gallery)",
                             "f.safetensors: 8 rows of 3 numbers")));
  shell_must("mv hand gone");
  for (int i = 0; i < 2; i++) {
    shell_must("\"$GRAPHRUN\" eval --features=f.safetensors --protocol=%s -o features%d.json "
               "--compare=images%d.json --threads=3 >features\n"
               "grep -v '^data' features >features%d.txt",
               protocols[i], i, i, i);
    shell_must("cmp images%d.json features%d.json", i, i);
    shell_must("grep -v '^against' features%d.txt | cmp - images%d.txt", i, i);
  }
  shell_must("mv gone hand");
}

/* Each row is the mean colour of its image, normalised. */
static void test_numbers(void) {
  SafeFile *file;
  Diag *diag = diag_create();
  shell_must(EXTRACT "--data=hand/query -o q.safetensors && " EXTRACT
                     "--data=hand/query -o q.npy --threads=2");
  CU_ASSERT_EQUAL_FATAL(safe_read(support_path("q.safetensors"), diag, &file), STATUS_OK);
  const FileTensor *t = safe_find(file, "features");
  CU_ASSERT_PTR_NOT_NULL_FATAL(t);
  CU_ASSERT(t->rank == 2 && t->dim[0] == 3 && t->dim[1] == 3);
  CU_ASSERT_DOUBLE_EQUAL(file_tensor_get(t, 0), sqrt(0.5), 1e-6);
  CU_ASSERT_DOUBLE_EQUAL(file_tensor_get(t, 3), 1, 1e-6);
  CU_ASSERT_DOUBLE_EQUAL(file_tensor_get(t, 8), 1, 1e-6);
  json_t *images = json_loads(safe_metadata(file, "images"), 0, NULL);
  const json_t *paths = json_object_get(images, "path");
  CU_ASSERT_STRING_EQUAL(json_string_value(json_array_get(paths, 1)),
                         "hand/query/0007_c1s1_000001_01.bmp");
  json_decref(images);
  /* NPY: the header that numpy.save writes, and the same bytes behind it. */
  size_t n;
  char *npy = shell_slurp(support_path("q.npy"), &n);
  CU_ASSERT_EQUAL_FATAL(n, 128 + 36);
  CU_ASSERT_EQUAL(memcmp(npy, "\x93NUMPY\x01\0\x76\0", 10), 0);
  CU_ASSERT_PTR_NOT_NULL(
      strstr(npy + 10, "{'descr': '<f4', 'fortran_order': False, 'shape': (3, 3), }"));
  CU_ASSERT_EQUAL(npy[127], '\n');
  CU_ASSERT_EQUAL(memcmp(npy + 128, t->data, 36), 0);
  free(npy);
  safe_close(file);
  diag_destroy(diag);
  CU_ASSERT(use_prints("table", shell("cat q.csv"), 0,
                       PARTS("path,pid,camera,domain,split,nobody,unreadable\n",
                             "hand/query/0005_c1s1_000001_01.bmp,,,query,gallery,1,0\n")));
}

/* A folder in no layout: at any depth, by path; names with commas and quotes; one image. */
static void test_plain(void) {
  hand_picture("p/b/x, \"1\".bmp", 200, 0, 0);
  hand_picture("p/a/z.bmp", 0, 200, 0);
  hand_picture("p/c.bmp", 0, 0, 200);
  support_write("p/notes.txt", "no image");
  Shell s = shell(EXTRACT "--data=p/ -o p.npy && cat p.csv");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "p: warning: 1 file of a type that is not read is left"));
  CU_ASSERT(use_prints("plain", s, 0,
                       PARTS("domain    p: 3 images of nobody known",
                             "unreadable\np/a/z.bmp,,,p,gallery,1,0\n"
                             "\"p/b/x, \"\"1\"\".bmp\",,,p,gallery,1,0\np/c.bmp,")));
  CU_ASSERT(use_prints("one", shell(EXTRACT "--data=p/c.bmp -o one.safetensors"), 0,
                       PARTS("domain    c_bmp: 1 images")));
  CU_ASSERT(shell_says("nobody", shell("\"$GRAPHRUN\" eval --features=one.safetensors"), 1, 1,
                       PARTS("no domain has query images", "nobody is known on its images")));
}

static void test_unreadable(void) {
  hand_picture("u/a.bmp", 9, 9, 9);
  support_write("u/b.bmp", "no picture");
  CU_ASSERT(shell_says("bad", shell(EXTRACT "--data=u -o u.npy"), 1, 1,
                       PARTS("u/b.bmp: error: the image is no JPEG", "--bad-images=skip")));
  Shell s = shell(EXTRACT "--data=u -o u.npy --bad-images=skip && tail -1 u.csv");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.err, "u/b.bmp: warning: left out"));
  CU_ASSERT(
      use_prints("skip", s, 0,
                 PARTS("; 1 of unreadable images are 0, and marked", "u/b.bmp,,,u,gallery,1,1\n")));
}

/* Which figures they are is part of the file: what does not hold together is refused. */
static void test_damaged(void) {
  static const struct {
    const char *from, *to, *says;
  } changes[] = {{"graphrun features 1", "graphrun features 9", "is no file of features"},
                 {"\\\"hand\\\",\\\"hand\\\"", "\\\"hand\\\",\\\"band\\\"", "domain after domain"},
                 {"\\\"name\\\":\\\"hand", "\\\"name\\\":\\\"band", "list of domains"},
                 {"\\\"gallery\\\"", "\\\"callery\\\"", "of no split that is known"},
                 {"\"model_hash\"", "\"model_hush\"", "does not say whose features"},
                 {"\\\"nobody\\\"", "\\\"nobudy\\\"", "do not hold together"},
                 {"[8,3]", "[4,6]", "no tensor 'features' of a row for each"}};
  size_t n;
  shell_must(EXTRACT "--data=hand -o f.safetensors");
  char *whole = shell_slurp(support_path("f.safetensors"), &n);
  for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
    size_t length = strlen(changes[i].from);
    char *at = memmem(whole, n, changes[i].from, length);
    CU_ASSERT_PTR_NOT_NULL_FATAL(at);
    memcpy(at, changes[i].to, length);
    FILE *out = fopen(support_path("bad.safetensors"), "wb");
    if (!out || fwrite(whole, n, 1, out) != 1 || fclose(out) != 0) exit(1);
    memcpy(at, changes[i].from, length);
    CU_ASSERT(shell_says(changes[i].says, shell("\"$GRAPHRUN\" eval --features=bad.safetensors"), 1,
                         1, PARTS("bad.safetensors: error: ", changes[i].says, "hint: ")));
  }
  free(whole);
}

static void test_refused(void) {
  USE_REFUSED(2, "extract mean.plan.xml --data=hand -o f.npy", "--weights: error: is missing",
              "hint: graphrun extract PLAN --weights=F");
  USE_REFUSED(2, "extract mean.plan.xml --weights=w.safetensors -o f.npy", "--data: error");
  USE_REFUSED(2, "extract mean.plan.xml --weights=w.safetensors --data=hand", "-o: error");
  USE_REFUSED(2, "extract mean.plan.xml --weights=w.safetensors --data=hand -o f.pt",
              "f.pt: error: the file's name tells its form", "features.npy");
  USE_REFUSED(4, "extract mean.plan.xml --weights=w.safetensors --data=hand -o no/f.npy",
              "no/f.npy: error: cannot write");
  USE_REFUSED(1, "extract mean.plan.xml --weights=w.safetensors --data=hand --domain=hant -o f.npy",
              "hand: error: has no domain 'hant'", "did you mean 'hand'?");
  USE_REFUSED(1, "extract mean.plan.xml --weights=w.safetensors --data=none -o f.npy",
              "none: error: cannot read");
  shell_must("mkdir -p empty && " EXTRACT "--data=hand -o m.npy");
  USE_REFUSED(1, "extract mean.plan.xml --weights=w.safetensors --data=empty -o f.npy",
              "empty: error: neither a data set nor a single image");
  USE_REFUSED(2, "extract mean.plan.xml --weights=w.safetensors --data=m.csv -o m.npy",
              "would replace its input 'm.csv'");
  /* A table must not replace what is no table: here a manifest that the data name. */
  shell_must(
      "cp m.csv kept.csv && sed -i 's/nobody/other/' m.csv && echo 'm csv m.csv' >m.domains");
  USE_REFUSED(2, "extract mean.plan.xml --weights=w.safetensors --data=m.domains -o m.npy",
              "the table of the images, 'm.csv', would replace a file that is none");
  shell_must("cp kept.csv m.csv && " EXTRACT "--data=hand -o m.npy");
  support_write("s.txt", "7\n9\n");
  USE_REFUSED(2, "eval --features=f.safetensors --protocol=list:s.txt -o s.txt",
              "would replace its input 's.txt'");
  USE_REFUSED(1, "eval --features=m.npy", "does not say of whom its rows are");
  USE_REFUSED(2, "eval mean.plan.xml --features=m.npy", "evaluated without a plan");
  USE_REFUSED(1, "eval --features=w.safetensors", "is no file of features");
}

int main(void) {
  static const SupportTest tests[] = {{"preparations", use_prepare},
                                      {"eval of features is eval of images", test_same_as_images},
                                      {"numbers", test_numbers},
                                      {"plain folders", test_plain},
                                      {"unreadable images", test_unreadable},
                                      {"damaged files", test_damaged},
                                      {"messages", test_refused}};
  return support_run("extract", tests, sizeof tests / sizeof *tests);
}
