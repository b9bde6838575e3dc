/* Manifests: what is read, how identities are spelled, and one clear message for what is wrong. */
#include "runtime/data/identity.h"
#include "tests/runtime/data/data_test.h"

/* ---- CSV ---- */

static void test_csv(void) {
  DataSet *data;
  char *text = read_set(support_write("a.csv", "\xEF\xBB\xBF"
                                               "\r\n"
                                               "camera,path,pid,note,domain,split\r\n"
                                               "c1,a/1.jpg,10,x,m,train\r\n"
                                               "\r\n"
                                               "c2,\"a/,\"\"2\"\".jpg\",9,,m,train\r\n"
                                               "c1,/abs/3.jpg,9,,m,query\r\n"
                                               "c1,4.jpg,-1,,m,gallery\r\n"
                                               "c1,5.jpg,0,,m,gallery\r\n"
                                               "c1,6.jpg,77,,n,unused\r\n"
                                               "c7,7.jpg,b,,o,train\r\n"
                                               "c7,8.jpg,10,,o,train"),
                        STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(
      text, "~/a.csv: warning: 1 image of identity -1 is left out ('4.jpg' in line 7)\n"
            "~/a.csv: warning: 1 image of split unused is left out ('6.jpg' in line "
            "9)\n");
  free(text);
  CU_ASSERT_EQUAL_FATAL(data->n_domains, 2);
  const DataDomain *m = dataset_domain(data, "m"), *o = dataset_domain(data, "o");
  CU_ASSERT_PTR_NULL(dataset_domain(data, "n"));
  CU_ASSERT_FATAL(m && o);
  CU_ASSERT(m->n_images == 4 && m->n_train == 2 && m->n_query == 1 && m->n_gallery == 1);
  CU_ASSERT(m->n_pids == 3 && m->n_cameras == 2 && m->n_classes == 2);
  /* numerically: 9 before 10; 0 is a gallery image of nobody */
  CU_ASSERT_STRING_EQUAL(m->classes[0], "9");
  CU_ASSERT_STRING_EQUAL(m->classes[1], "10");
  CU_ASSERT_STRING_EQUAL(m->pids[0], "0");
  CU_ASSERT(m->images[0].label == 1 && m->images[1].label == 0 && m->images[2].label == -1);
  CU_ASSERT_STRING_EQUAL(m->images[0].path, support_path("a/1.jpg"));
  CU_ASSERT_STRING_EQUAL(m->images[1].path, support_path("a/,\"2\".jpg"));
  CU_ASSERT_STRING_EQUAL(m->images[2].path, "/abs/3.jpg");
  /* one of them is no number: bytewise */
  CU_ASSERT_STRING_EQUAL(o->classes[0], "10");
  CU_ASSERT_STRING_EQUAL(o->classes[1], "b");
  dataset_destroy(data);
  /* without those columns: the file's name, and training */
  data = read_good(support_write("plain-set.csv", "path,pid,camera\nx.jpg,1,1\n"));
  CU_ASSERT_STRING_EQUAL(data->domains[0].name, "plain-set");
  CU_ASSERT(data->n_domains == 1 && data->domains[0].n_train == 1);
  dataset_destroy(data);
}

#define PID_HINT "hint: an image of nobody has pid -1; a person has a number or a name\n"
#define CAMERA_HINT "hint: a camera has a number or a name; one camera is 1 in every row\n"

static void test_csv_errors(void) {
  static const char header[] = "path,pid,camera\n";
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"path;pid;camera\na;1;1\n", "~/bad.csv:1: error: there is no column 'path'\nhint: commas "
                                   "stand between fields: the first "
                                   "line reads path,pid,camera,domain,split\n"},
      {"\xFF\xFEp", "~/bad.csv:1: error: the text is UTF-16\nhint: save the manifest as UTF-8\n"},
      {"", "~/bad.csv: error: lists no images\n"
           "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,pid,camera\na.jpg,-1,1\n",
       "~/bad.csv: error: lists only images of pid -1 or split unused\n"
       "~/bad.csv: warning: 1 image of identity -1 is left out ('a.jpg' in line 2)\n"},
      {"path,pid,camera\n", "~/bad.csv: error: lists no images\n"
                            "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,pid\na,1\n", "~/bad.csv:1: error: there is no column 'camera'\n"
                          "hint: the first line reads path,pid,camera,domain,split\n"},
      {"a.jpg,1,1\n", "~/bad.csv:1: error: there is no column 'path'\n"
                      "hint: the first line reads path,pid,camera,domain,split\n"},
      {"path,PID,camera\n", "~/bad.csv:1: error: there is no column 'pid'\n"
                            "hint: 'pid' is called 'PID'\n"},
      {"path,pid,camera,pid\n", "~/bad.csv:1: error: there are two columns 'pid'\n"},
      {"path,pid,camera\na.jpg,1\nb.jpg,1,2,3\n\nc.jpg,,1\n",
       "~/bad.csv:2: error: fields are missing\n"
       "hint: every line has as many fields as the first; a field with a comma in it is quoted\n"
       "~/bad.csv:3: error: there are more fields than columns\n"
       "hint: every line has as many fields as the first; a field with a comma in it is quoted\n"
       "~/bad.csv:5: error: the field 'pid' is empty\n" PID_HINT},
      {"path,pid,camera\na.jpg,M\xFCller,1\nb.jpg,M\xC3\xBCller,1\n",
       "~/bad.csv:2: error: the pid is no UTF-8 text\nhint: save the manifest as UTF-8\n"},
      {"path,pid,camera\na.jpg,-2,1\nb.jpg, -1 ,1\nc.jpg,NaN,1\nd.jpg,2.5,1\ne.jpg,1e+03,1\n"
       "f.jpg,None,1\ng.jpg,1,nan\nh.jpg,1,\n",
       "~/bad.csv: warning: 1 image of identity -1 is left out ('b.jpg' in line 3)\n"
       "~/bad.csv:2: error: pid '-2' is below 0\n" PID_HINT
       "~/bad.csv:4: error: pid 'NaN' is no value\n" PID_HINT
       "~/bad.csv:5: error: pid '2.5' is no whole number\n" PID_HINT
       "~/bad.csv:6: error: pid '1e+03' is no whole number\n" PID_HINT
       "~/bad.csv:7: error: pid 'None' is no value\n" PID_HINT
       "~/bad.csv:8: error: camera 'nan' is no value\n" CAMERA_HINT
       "~/bad.csv:9: error: the field 'camera' is empty\n" CAMERA_HINT},
      {"path,pid,camera\n\"a.jpg,1,1\n",
       "~/bad.csv:2: error: a quoted field does not end\n"
       "hint: a quote inside a quoted field is written twice; fields end on their line\n"},
      {"path,pid,camera\n\"a\".jpg,1,1\n",
       "~/bad.csv:2: error: text follows a quoted field\n"
       "hint: a quote inside a quoted field is written twice; fields end on their line\n"},
      {"path,pid,camera\ra.jpg,1,1\r",
       "~/bad.csv:1: error: a carriage return stands inside the line\n"
       "hint: lines end in LF or CR LF\n"},
      {"path,pid,camera,split\na.jpg,1,1,test\n", "~/bad.csv:2: error: there is no split 'test'\n"
                                                  "hint: train, query, gallery or unused\n"},
      {"path,pid,camera,domain\na.jpg,1,1,two words\n",
       "~/bad.csv:2: error: 'two words' is no name for a domain\nhint: letters, digits, _ and -\n"},
      {"path,pid,camera\na.jpg,1,1\nb.jpg,1,1\na.jpg,2,1\n",
       "~/bad.csv:4: error: 'a.jpg' is identity '2' here and '1' in line 2\n"
       "hint: list every image once\n"},
      {"path,pid,camera\na.jpg,1,1\na.jpg,1,2\n",
       "~/bad.csv:3: error: 'a.jpg' is camera '2' here and '1' in line 2\n"
       "hint: list every image once\n"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_bad(support_write("bad.csv", cases[i].text), cases[i].message);
  check_bad(support_path("none.csv"),
            "~/none.csv: error: cannot read: No such file or directory\n");
  check_bad(support_write("bad.txt", header),
            "~/bad.txt: error: is no data set\n"
            "hint: a .csv manifest, a .domains file or a folder in a layout that is known\n");
  check_bad(
      support_write("a b.csv", "path,pid,camera\nx.jpg,1,1\n"),
      "~/a b.csv: error: 'a b' is no name for a domain\n"
      "hint: letters, digits, _ and -; a line `NAME LAYOUT PATH` in a .domains file gives the "
      "set a name\n");
}

/* The same image twice in a split is worth one warning. */
static void test_listed_twice(void) {
  DataSet *data;
  char *text = read_set(support_write("t.csv", "path,pid,camera,split\na.jpg,1,1,train\n"
                                               "b.jpg,1,1,train\nb.jpg,1,1,train\n"
                                               "a.jpg,1,1,query\na.jpg,1,1,train\n"),
                        STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text,
                         "~/t.csv: warning: 2 images are listed more than once in the same split "
                         "(the first is 'b.jpg' in line 4)\n");
  free(text);
  dataset_destroy(data);
}

/* Zero bytes and many broken lines: 20 messages, the rest is not read. */
static void test_csv_limits(void) {
  /* The same mistake in every row is one error; others are told in the order of their lines, and
   * of many the rest is counted. */
  char text[4096] = "path,pid,camera\n";
  for (int i = 0; i < 200; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "a.jpg\n");
  snprintf(text + strlen(text), sizeof text - strlen(text), "b.jpg,-5,1\n");
  check_bad(support_write("many.csv", text),
            "~/many.csv:2: error: fields are missing\n"
            "note: 199 more lines are like it\n"
            "hint: every line has as many fields as the first; a field with a comma in it is "
            "quoted\n"
            "~/many.csv:202: error: pid '-5' is below 0\n" PID_HINT);
  snprintf(text, sizeof text, "path,pid,camera\n");
  for (int i = 0; i < 72; i++)
    snprintf(text + strlen(text), sizeof text - strlen(text), "a.jpg,%d.5,1\n", i);
  DataSet *data;
  char *messages = read_set(support_write("other.csv", text), STATUS_INVALID, &data);
  const char *at = messages;
  for (int i = 0; i < 20 && at; i++) {
    char line[80];
    snprintf(line, sizeof line, "other.csv:%d: error: pid '%d.5' is no whole number\n", i + 2, i);
    at = strstr(at, line);
    if (!at) printf("\nafter: %s\n%s", line, messages);
    CU_ASSERT_PTR_NOT_NULL(at);
  }
  CU_ASSERT_PTR_NOT_NULL(strstr(
      at ? at : "", "other.csv: warning: 52 further lines have errors, which are not shown"));
  CU_ASSERT_PTR_NULL(strstr(messages, "'20.5'"));
  free(messages);
  FILE *file = fopen(support_path("zero.csv"), "w");
  CU_ASSERT_FATAL(file && fwrite("path,pid,camera\na\0b,1,1\n", 1, 24, file) == 24);
  fclose(file);
  check_bad(support_path("zero.csv"), "~/zero.csv:2: error: a zero byte stands inside the line\n"
                                      "hint: lines end in LF or CR LF\n");
}

/* ---- spellings ---- */

/* Reads rows behind a header without splits; messages must be `expected`. */
static DataSet *read_rows(const char *rows, const char *expected) {
  char text[1024];
  snprintf(text, sizeof text, "path,pid,camera,split\n%s", rows);
  DataSet *data;
  char *messages = read_set(support_write("s.csv", text), STATUS_OK, &data);
  if (strcmp(messages, expected) != 0) printf("\n--- is\n%s--- not\n%s", messages, expected);
  CU_ASSERT_STRING_EQUAL(messages, expected);
  free(messages);
  return data;
}

#define ONE_HINT "hint: numbers are compared as numbers: 2, 02 and 2.0 are one\n"

/* One number is one person and one camera, however it is written; the first spelling stays. */
static void test_spellings(void) {
  DataSet *data = read_rows(
      "a,0002,1,query\nb,2,2,gallery\nc,0002,01,gallery\nd,2.0,1.0,gallery\ne,+2,3,gallery\n"
      "f,10,1,gallery\ng,010,1,gallery\n",
      "~/s.csv: warning: domain 's': 1 camera is written in more than one way ('1' in line 2 and "
      "'01' in line 4)\n" ONE_HINT
      "~/s.csv: warning: domain 's': 2 identities are written in more than one way (the first is "
      "'0002' in line 2 and '2' in line 3)\n" ONE_HINT);
  const DataDomain *d = &data->domains[0];
  CU_ASSERT_FATAL(d->n_pids == 2 && d->n_cameras == 3 && d->n_images == 7);
  CU_ASSERT_STRING_EQUAL(d->pids[0], "0002");
  CU_ASSERT_STRING_EQUAL(d->pids[1], "10");
  for (int i = 0; i < 5; i++) CU_ASSERT_EQUAL(d->images[i].pid, 0);
  CU_ASSERT(d->images[0].camera == d->images[2].camera &&
            d->images[0].camera == d->images[3].camera);
  dataset_destroy(data);
  /* blanks are no part of a field, quoted paths keep theirs; floats of pandas; -1 in every way */
  data = read_rows(" a b.png , 7 ,\t1,train \n\" c.png\",\" 7\",1 , query\n"
                   "e, \"x, y\" ,2,train\nf,-1.0,1,train\ng,-01,1,train\nh,\" -1\",1,train\n",
                   "~/s.csv: warning: 3 images of identity -1 are left out (the first is 'f' in "
                   "line 5)\n");
  d = &data->domains[0];
  CU_ASSERT_FATAL(d->n_pids == 2 && d->n_cameras == 2 && d->n_images == 3);
  CU_ASSERT_STRING_EQUAL(d->images[0].path, support_path("a b.png"));
  CU_ASSERT_STRING_EQUAL(d->images[1].path, support_path(" c.png"));
  CU_ASSERT_STRING_EQUAL(d->pids[1], "x, y");
  CU_ASSERT(d->images[0].pid == d->images[1].pid && d->images[1].split == SPLIT_QUERY);
  dataset_destroy(data);
  data =
      read_rows("a,10.0,1.0,train\nb,9.0,2.0,train\nc,9.0,-1,train\nd,9.0,-1.0,train\n",
                "~/s.csv: warning: domain 's': 1 camera is written in more than one way ('-1' in "
                "line 4 and '-1.0' in line 5)\n" ONE_HINT);
  d = &data->domains[0];
  CU_ASSERT_FATAL(d->n_classes == 2 && d->n_cameras == 3);
  CU_ASSERT_STRING_EQUAL(d->classes[0], "9.0"); /* by value */
  CU_ASSERT_STRING_EQUAL(d->cameras[0], "-1");
  dataset_destroy(data);
  /* names are compared byte by byte */
  data = read_rows("a,Anna,1,train\nb,anne,c1,train\nc,1e3,c01,train\nd,1000,1,train\n"
                   "e,0x10,1,train\nf,16,1,train\ng,nan7,1,train\n",
                   "");
  CU_ASSERT(data->domains[0].n_classes == 7 && data->domains[0].n_cameras == 3);
  dataset_destroy(data);
}

static void test_identity(void) {
  static const struct {
    const char *text;
    IdentityKind kind;
    bool zero, junk;
  } cases[] = {
      {"0", IDENTITY_NUMBER, true, false},       {"0000", IDENTITY_NUMBER, true, false},
      {"-0", IDENTITY_NUMBER, true, false},      {"0.00", IDENTITY_NUMBER, true, false},
      {"-1", IDENTITY_NUMBER, false, true},      {"-001.", IDENTITY_NUMBER, false, true},
      {"-10", IDENTITY_NUMBER, false, false},    {"1", IDENTITY_NUMBER, false, false},
      {"1.0.0", IDENTITY_NAME, false, false},    {".0", IDENTITY_FRACTION, false, false},
      {"2.50", IDENTITY_FRACTION, false, false}, {"1.0e3", IDENTITY_FRACTION, false, false},
      {"1e3", IDENTITY_NAME, false, false},      {"", IDENTITY_NOTHING, false, false},
      {"-", IDENTITY_NOTHING, false, false},     {"-Inf", IDENTITY_NOTHING, false, false},
      {"<NA>", IDENTITY_NOTHING, false, false},  {"-a", IDENTITY_NAME, false, false},
      {"7 ", IDENTITY_NAME, false, false}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    CU_ASSERT_EQUAL(identity_read(cases[i].text).kind, cases[i].kind);
    CU_ASSERT_EQUAL(identity_is_zero(cases[i].text), cases[i].zero);
    CU_ASSERT_EQUAL(identity_is_junk(cases[i].text), cases[i].junk);
  }
  CU_ASSERT(identity_same("00012345678901234567890123", "12345678901234567890123.0"));
  CU_ASSERT(!identity_same("12345678901234567890123", "12345678901234567890124"));
  CU_ASSERT(!identity_same("-2", "2") && identity_same("-0", "0") && !identity_same("a1", "a01"));
}

#define ALIKE_HINT                                                                                 \
  "hint: numbers are compared as numbers, names byte by byte: write one of them in one way\n"

/* Two as they are written; a reader sees one. */
static void test_alike(void) {
  DataSet *data = read_rows(
      "a,A1,c1,train\nb,a1,C1,train\nc,B2,c1,train\nd,b2,c1,train\n",
      "~/s.csv: warning: domain 's': 1 camera looks like another but for case or blanks "
      "('C1' and 'c1')\n" ALIKE_HINT
      "~/s.csv: warning: domain 's': 2 identities look like another but for case or blanks "
      "(the first are 'A1' and 'a1')\n" ALIKE_HINT);
  CU_ASSERT(data->domains[0].n_pids == 4 && data->domains[0].n_cameras == 2);
  dataset_destroy(data);
  static const char *const sevens[] = {"\xC2\xA0"
                                       "7",
                                       "7\xE2\x80\x8B", "\xEF\xBC\x97", "0 7"};
  for (size_t i = 0; i < sizeof sevens / sizeof *sevens; i++) {
    char rows[100], expected[400];
    snprintf(rows, sizeof rows, "a,7,1,train\nb,%s,1,train\nc,8,1,train\nd,70,1,train\n",
             sevens[i]);
    bool first = sevens[i][0] == '0'; /* bytewise */
    snprintf(expected, sizeof expected,
             "~/s.csv: warning: domain 's': 1 identity looks like another but for case or blanks "
             "('%s' and '%s')\n" ALIKE_HINT,
             first ? sevens[i] : "7", first ? "7" : sevens[i]);
    dataset_destroy(read_rows(rows, expected));
  }
}

/* A manifest that counts from 0 has a person 0; one that only searches for images of 0 has none. */
static void test_zero(void) {
  DataSet *data = read_rows("a,0,1,train\nb,0,1,query\nc,0,2,gallery\nd,1,1,query\n", "");
  for (int i = 0; i < 4; i++) CU_ASSERT(!data->domains[0].images[i].nobody);
  dataset_destroy(data);
  data = read_rows("a,0,1,train\nb,1,1,query\nc,00,2,gallery\nd,1,2,gallery\n",
                   "~/s.csv: warning: domain 's': 1 identity is written in more than one way ('0' "
                   "in line 2 and '00' in line 4)\n" ONE_HINT);
  for (int i = 0; i < 4; i++) CU_ASSERT_EQUAL(data->domains[0].images[i].nobody, i == 2);
  dataset_destroy(data);
  support_write("z.csv", "path,pid,camera,domain,split\na,0,1,x,query\nb,0,2,x,gallery\n"
                         "c,0,1,y,train\nd,0,2,y,gallery\n");
  data = read_good(support_path("z.csv"));
  CU_ASSERT(!data->domains[0].images[1].nobody && data->domains[1].images[1].nobody);
  dataset_destroy(data);
}

/* ---- one file by several names ---- */

static void test_same_file(void) {
  mkdir(support_path("d"), 0777);
  mkdir(support_path("e"), 0777);
  support_write("a.png", "");
  CU_ASSERT_EQUAL(symlink("../a.png", support_path("e/link.png")), 0);
  CU_ASSERT_EQUAL(symlink("e", support_path("f")), 0);
  CU_ASSERT_EQUAL(symlink(support_folder(), support_path("d/up")), 0);
  static const char *const names[] = {"./a.png",        "d/../a.png",    "e/link.png",
                                      "f/link.png",     "d//up/./a.png", "none/../a.png",
                                      "d/up/e/../a.png"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    char text[300], expected[400];
    snprintf(text, sizeof text, "path,pid,camera\na.png,1,1\n%s,2,1\n", names[i]);
    snprintf(expected, sizeof expected,
             "~/same.csv:3: error: '%s' is identity '2' here and '1' in line 2 as 'a.png'\n"
             "hint: list every image once\n",
             names[i]);
    check_bad(support_write("same.csv", text), expected);
  }
  /* files that are not there are compared by their text */
  check_bad(support_write("same.csv", "path,pid,camera\nno/b.png,1,1\nno/../no/./b.png,1,2\n"),
            "~/same.csv:3: error: 'no/../no/./b.png' is camera '2' here and '1' in line 2 as "
            "'no/b.png'\nhint: list every image once\n");
  DataSet *data;
  char *text = read_set(support_write("same.csv", "path,pid,camera\na.png,1,1\n./a.png,01,1\n"
                                                  "b.png,2,1\nd/b.png,3,1\n"),
                        STATUS_OK, &data);
  CU_ASSERT_PTR_NOT_NULL(strstr(text, "1 image is listed more than once in the same split "
                                      "('./a.png' in line 3)"));
  free(text);
  dataset_destroy(data);
}

/* A column that is not read but nearly called like one that is. */
static void test_misspelt(void) {
  DataSet *data;
  char *text =
      read_set(support_write("m.csv", "path,pid,camera,Split,age,domains\na,1,1,query,7,x\n"),
               STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text, "~/m.csv:1: warning: the column 'domains' is not read\n"
                               "hint: did you mean 'domain'?\n"
                               "~/m.csv:1: warning: the column 'Split' is not read\n"
                               "hint: did you mean 'split'?\n");
  free(text);
  dataset_destroy(data);
  dataset_destroy(
      read_good(support_write("m.csv", "path,pid,camera,split,Split\na,1,1,query,7\n")));
}

/* Domains whose names hardly differ are two all the same. */
static void test_domain_names(void) {
  DataSet *data;
  char *text = read_set(support_write("n.csv", "path,pid,camera,domain\na,1,1, duke\n"
                                               "b,1,1,Duke\nc,1,1,duke \n"),
                        STATUS_OK, &data);
  CU_ASSERT_STRING_EQUAL(text, "~/n.csv: warning: 'duke' and 'Duke' are two domains\n"
                               "hint: a domain is known by its name, letter by letter\n");
  CU_ASSERT(data->n_domains == 2 && data->domains[0].n_images == 2);
  free(text);
  dataset_destroy(data);
}

/* The fingerprint changes with whatever training depends on, and not with the folder's place. */
static void test_fingerprint(void) {
  static const char *const texts[] = {
      "path,pid,camera,domain,split\nx.jpg,7,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nz.jpg,7,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,8,1,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,2,a,train\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,1,b,train\ny.jpg,7,1,b,train\n",
      "path,pid,camera,domain,split\nx.jpg,7,1,a,query\ny.jpg,7,1,a,train\n",
      "path,pid,camera,domain,split\ny.jpg,7,1,a,train\nx.jpg,7,1,a,train\n"};
  uint64_t prints[8];
  for (int i = 0; i < 8; i++) {
    mkdir(support_path("moved"), 0777);
    DataSet *data = read_good(support_write(i == 7 ? "moved/g.csv" : "f.csv", texts[i % 7]));
    prints[i] = data->fingerprint;
    dataset_destroy(data);
    for (int k = 0; k < i && i < 7; k++) CU_ASSERT_NOT_EQUAL(prints[i], prints[k]);
  }
  CU_ASSERT_EQUAL(prints[7], prints[0]);
}

int main(void) {
  static const SupportTest tests[] = {{"csv", test_csv},
                                      {"csv errors", test_csv_errors},
                                      {"listed twice", test_listed_twice},
                                      {"csv limits", test_csv_limits},
                                      {"spellings", test_spellings},
                                      {"identity", test_identity},
                                      {"alike", test_alike},
                                      {"zero", test_zero},
                                      {"same file", test_same_file},
                                      {"misspelt", test_misspelt},
                                      {"domain names", test_domain_names},
                                      {"fingerprint", test_fingerprint}};
  return support_run("dataset", tests, sizeof tests / sizeof *tests);
}
