/* `.domains` files: words, quotes, options, and one clear message for what is wrong. */
#include "tests/runtime/data/data_test.h"

static void make_sets(void) {
  support_write("a.csv", "path,pid,camera\nx.jpg,7,1\n");
  support_write("b.csv", "path,pid,camera\nx.jpg,7,1\n");
  support_write("zero.csv", "path,pid,camera,split\nx.jpg,0,1,gallery\n");
  support_write("several.csv", "path,pid,camera,domain\nx.jpg,7,1,a\ny.jpg,7,1,b\n");
}

static void lines(void) {
  make_sets();
  support_write("two.csv",
                "path,pid,camera,domain,split\nx.jpg,7,1,other,query\ny.jpg,0,1,other,train\n");
  DataSet *data = read_good(
      support_write("d.domains", "\xEF\xBB\xBF# sources\r\n\r\n  one csv two.csv split=all\r\n"
                                 "two\tcsv  a.csv split=train # the usual\r\n"));
  CU_ASSERT_EQUAL_FATAL(data->n_domains, 2);
  CU_ASSERT_STRING_EQUAL(data->domains[0].name, "one");
  CU_ASSERT_STRING_EQUAL(data->domains[1].name, "two");
  /* a training identity may be named 0 */
  CU_ASSERT(data->domains[0].n_classes == 2 && data->domains[1].n_train == 1);
  CU_ASSERT_STRING_EQUAL(data->domains[0].images[0].path, support_path("x.jpg"));
  dataset_destroy(data);
}

/* A path can be anything that a file may be called. */
static void paths(void) {
  static const struct {
    const char *folder, *line;
  } cases[] = {{"my data", "d csv \"my data/a.csv\""},
               {"my data", "d csv my\\ data/a.csv split=all # comment"},
               {"my data", "d csv \"my data\"/a.csv"},
               {"my data", "\"d\"\tcsv \"my data/a.csv\" \"split=train\""},
               {"#1", "d csv \"#1/a.csv\""},
               {"#1", "d csv \\#1/a.csv"},
               {"a#b", "d csv a#b/a.csv"},
               {"say \"no\"", "d csv \"say \\\"no\\\"/a.csv\""},
               {"back\\slash", "d csv back\\slash/a.csv"},
               {"back\\ ", "d csv \"back\\\\ /a.csv\""},
               {"it's", "d csv it's/a.csv"},
               {"tab\there", "d csv \"tab\there/a.csv\""},
               {"\xC3\xB6", "d csv \xC3\xB6/a.csv"}};
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
    char name[64];
    mkdir(support_path(cases[i].folder), 0777);
    snprintf(name, sizeof name, "%s/a.csv", cases[i].folder);
    support_write(name, "path,pid,camera\nx.jpg,7,1\n");
    DataSet *data = read_good(support_write("p.domains", cases[i].line));
    snprintf(name, sizeof name, "%s/x.jpg", cases[i].folder);
    CU_ASSERT_STRING_EQUAL(data->domains[0].images[0].path, support_path(name));
    dataset_destroy(data);
  }
}

#define QUOTE                                                                                      \
  "hint: a PATH with blanks is written \"a b\"; inside, \\\" is a quote and \\\\ a backslash\n"

static void errors(void) {
  static const struct {
    const char *text, *message;
  } cases[] = {
      {"# nothing\n", "~/x.domains: error: names no domain\nhint: $FORM\n"},
      {"\none csv\n", "~/x.domains:2: error: the line ends too early\nhint: $FORM\n"},
      {"m market my data/Market 1501\n",
       "~/x.domains:1: error: 'data/Market' is one word too many\n" QUOTE},
      {"m market 'my data/Market 1501'\n",
       "~/x.domains:1: error: 'data/Market' is one word too many\n" QUOTE},
      {"m market a b c d e f g h i j k\n",
       "~/x.domains:1: error: the line has too many words\n" QUOTE},
      {"m market \"my data\n", "~/x.domains:1: error: a quote does not end on its line\n" QUOTE},
      {"m market my\" data\\\"\n",
       "~/x.domains:1: error: a quote does not end on its line\n" QUOTE},
      {"one zip none.csv\n", "~/x.domains:1: error: unknown layout 'zip'\nhint: $FORM\n"},
      {"one markt none.csv\n",
       "~/x.domains:1: error: unknown layout 'markt'\nhint: did you mean 'market'?\n"},
      {"one market none val=train\n",
       "~/x.domains:1: error: the layout market has no images for validation\n"
       "hint: leave val=... away\n"},
      {"one viper none boxes=detected\n", "~/x.domains:1: error: the layout viper has boxes of one "
                                          "kind\nhint: leave boxes=... away\n"},
      {"one csv a.csv split=test\n",
       "~/x.domains:1: error: unknown option 'split=test'\nhint: $FORM\n"},
      {"one csv a.csv spilt=all\n",
       "~/x.domains:1: error: unknown option 'spilt=all'\nhint: did you mean 'split=all'?\n"},
      {"one market a split=all split=train\n",
       "~/x.domains:1: error: 'split' is given twice\nhint: one of them is what is meant\n"},
      {"one market a zero=person split=all zero=person\n",
       "~/x.domains:1: error: 'zero' is given twice\nhint: one of them is what is meant\n"},
      {"one msmt17 a pids=anew\n",
       "~/x.domains:1: error: the layout msmt17 says itself who is one person\n"
       "hint: leave pids=... away\n"},
      {"o/ne csv a.csv\n", "~/x.domains:1: error: 'o/ne' is no name for a domain\n"
                           "hint: letters, digits, _ and -\n"},
      {"one csv a.csv\none csv b.csv\n", "~/x.domains:2: error: domain 'one' stands here twice\n"},
      {"one csv none.csv\ntwo csv no.csv\n",
       "~/x.domains:1: error: cannot read '~/none.csv': No such file or directory\n"
       "hint: paths are relative to this file\n"
       "~/x.domains:2: error: cannot read '~/no.csv': No such file or directory\n"
       "hint: paths are relative to this file\n"},
      {"one csv zero.csv split=all\n",
       "~/x.domains:1: error: domain 'one' has no images but of nobody\n"
       "~/zero.csv: warning: 1 image of nobody (identity 0 of the gallery) is left out ('x.jpg' in "
       "line 2)\n"},
      {"one csv several.csv\n",
       "~/several.csv:3: error: domain 'b': the manifest holds several, and a line of a .domains "
       "file names one\nhint: name the manifest itself as DATA: its column 'domain' splits it; or "
       "write one manifest for each domain\n"}};
  make_sets();
  for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
    check_bad(support_write("x.domains", cases[i].text), cases[i].message);
  FILE *file = fopen(support_path("z.domains"), "w");
  CU_ASSERT_FATAL(file && fwrite("a csv a.csv\0 b\n", 1, 15, file) == 15);
  fclose(file);
  check_bad(support_path("z.domains"),
            "~/z.domains:1: error: a zero byte stands inside the line\n");
}

int main(void) {
  static const SupportTest tests[] = {{"lines", lines}, {"paths", paths}, {"errors", errors}};
  return support_run("domains", tests, sizeof tests / sizeof *tests);
}
