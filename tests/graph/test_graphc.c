/* graphc as a command: usage, files it cannot read or write, where files may lie, -D. */
#include "tests/shell.h"

#define MODEL "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
#define OK_PROGRAM                                                                                 \
  "<program name=\"p\"><input name=\"x\" shape=\"${n}\"/><tanh name=\"y\" in=\"x\"/>"              \
  "<output value=\"y\"/></program>\n</model>\n"
#define OK_MODEL                                                                                   \
  MODEL "<param name=\"n\" type=\"int\" value=\"3\" min=\"1\" max=\"9\"/>\n" OK_PROGRAM

typedef struct Row {
  const char *command; /* after `graphc` */
  int code, errors;
  const char *expect[6];
} Row;

static void check(const Row *rows, size_t n) {
  for (size_t i = 0; i < n; i++)
    CU_ASSERT_TRUE(shell_says(rows[i].command, shell("\"$GRAPHC\" %s", rows[i].command),
                              rows[i].code, rows[i].errors, rows[i].expect));
}

static void test_usage(void) {
  support_write("ok.xml", OK_MODEL);
  support_write("n.defs", "n=4\n");
  support_write("small.xml",
                "<model name=\"s\" extends=\"ok.xml\" xmlns=\"urn:graphc:model:1\"/>\n");
  static const Row rows[] = {
      {"", 2, 1, {"no model: graphc MODEL.xml", "hint: graphc --help"}},
      {"ok.xml ok.xml", 2, 1, {"one model at a time"}},
      {"--chek ok.xml", 2, 1, {"unknown option '--chek'", "did you mean --check?"}},
      {"-q ok.xml", 2, 1, {"unknown option '-q'"}},
      {"ok.xml --check=1", 2, 1, {"takes no value"}},
      {"ok.xml -D", 2, 1, {"option '-D' needs a value"}},
      {"ok.xml -o", 2, 1, {"option '-o' needs a value"}},
      {"ok.xml -o ''", 2, 1, {"-o is empty, not PLAN"}},
      {"ok.xml --report=xml", 2, 1, {"--report is text or json, not 'xml'"}},
      {"ok.xml --precision=bf16", 2, 1, {"--precision is one of f32 f64 f32+f64, not 'bf16'"}},
      {"ok.xml --emit=gif", 2, 1, {"--emit is dot, svg, png, pdf, html or text, not 'gif'"}},
      {"ok.xml --shards=0", 2, 1, {"--shards is 1..64, not '0'"}},
      {"ok.xml --shards=99999999999999999999", 2, 1, {"--shards is 1..64"}},
      {"ok.xml --depth=x", 2, 1, {"--depth is -1..100"}},
      {"ok.xml --dump-after=fuse",
       2,
       1,
       {"--dump-after is one of build simplify partition order streams offsets, not 'fuse'"}},
      {"ok.xml --were=ok.xml:3", 2, 1, {"unknown option '--were=ok.xml:3'"}},
      {"ok.xml -check", 2, 1, {"'-check' has one dash", "did you mean '--check'?"}},
      {"ok.xml -report=json", 2, 1, {"did you mean '--report=json'?"}},
      {"ok.xml -output=x", 2, 1, {"'-output=x' has one dash", "hint: -o PLAN names it"}},
      {"ok.xml --explain-peek", 2, 1, {"unknown option '--explain-peek'", "--explain-peak?"}},
      {"ok.xml ok.xml", 2, 1, {"one model at a time"}},
      {"ok.xml -o ./ok.xml", 2, 1, {"the result would replace 'ok.xml'"}},
      {"small.xml -o ./ok.xml", 2, 1, {"would replace 'ok.xml', which the model reads"}},
      {"ok.xml -D @n.defs -o n.defs", 2, 1, {"would replace 'n.defs', which -D reads"}},
      {"ok.xml --emit=svg:ok.xml", 2, 1, {"the result would replace 'ok.xml'"}},
      {"ok.xml --check --program=nope",
       1,
       1,
       {"ok.xml: error: has no program 'nope'", "its programs: "}},
      {"ok.xml --check --keep='nope*'",
       0,
       0,
       {"--keep: warning: no value of the model is named 'nope*'"}},
      {"ok.xml --check --input=nope",
       0,
       0,
       {"--input: warning: no value that a program reads is named 'nope'"}},
      {"ok.xml --check -I nope", 1, 1, {"nope: error: -I: cannot read: No such file"}},
      {"ok.xml --scope=p", 2, 1, {"--scope=p says what --emit, --report, --explain-peak"}},
      {"ok.xml --depth=2", 2, 1, {"--depth says what --report, --explain-peak or a picture"}},
      {"ok.xml --emit=text:- --depth=2",
       2,
       1,
       {"--depth says what --report, --explain-peak or a picture"}},
      {"ok.xml --color=time", 2, 1, {"--color=time says how a picture of --emit is filled"}},
      {"ok.xml --emit=text:- --color=time", 2, 1, {"--color=time says how a picture"}},
      {"ok.xml --emit=dot --color=blue",
       2,
       1,
       {"--color is one of role time memory stream device, not 'blue'"}},
      {"ok.xml --emit=svg -o x.svg",
       2,
       1,
       {"-o names the plan; the file of --emit stands behind it: "}},
      {"ok.xml --report --after=order", 2, 1, {"--after=order says what --emit shows"}},
      {"--help", 0, 0, {NULL}},
      {"--version", 0, 0, {NULL}},
      {"ok.xml --check", 0, 0, {NULL}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* A GLOB that meets nothing: the block's `out` or the pass was left out. */
static void test_suggestions(void) {
  support_write("blocks.xml", MODEL
                "<program name=\"p\"><input name=\"x\" shape=\"3\"/>\n"
                "<pass name=\"train\"><scope name=\"b0\"><parameter name=\"w\" shape=\"3\"/>\n"
                "<expr name=\"product\" value=\"w * {/x}\"/>"
                "<tanh name=\"out\" in=\"product\"/></scope></pass>\n"
                "<output name=\"y\" value=\"train/b0/out\"/></program>\n</model>\n");
  static const Row rows[] = {
      {"blocks.xml --check --keep='train/b0'",
       0,
       0,
       {"no value of the model is named 'train/b0'", "did you mean 'train/b0/out'?"}},
      {"blocks.xml --check --keep=b0", 0, 0, {"did you mean 'train/b0/out'?"}},
      {"blocks.xml --check --keep='b0/*'",
       0,
       0,
       {"nothing is kept: only parameters and states, which exec writes anyway, are named 'b0/*'",
        "did you mean 'train/b0/*'?"}},
      {"blocks.xml --check --keep=train/b0/prodcut", 0, 0, {"did you mean 'train/b0/product'?"}},
      {"blocks.xml --check --input=b0/product", 0, 0, {"did you mean 'train/b0/product'?"}},
      {"blocks.xml --check --keep=w", 0, 0, {"--emit=text shows the names of values"}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* What compiles, but surely is not meant. */
static void test_warnings(void) {
  support_write(
      "zero.xml",
      MODEL "<program name=\"p\">\n<parameter name=\"w\" shape=\"2\"/>\n"
            "<field name=\"fast\" value=\"0.5 * theta\"/>\n"
            "<pass name=\"q\" parameters=\"fast\"><expr name=\"l\" value=\"sum(w * w)\"/></pass>\n"
            "<gradient name=\"G\" of=\"q/l\" at=\"fast\"/>\n"
            "<global-norm name=\"n\" of=\"G\"/><output value=\"n\"/></program>\n</model>\n");
  support_write("still.xml", MODEL "<program name=\"p\" kind=\"train\">\n"
                                   "<input name=\"rate\"/><output value=\"rate\"/></program>\n"
                                   "<training steps=\"3\" warmup-steps=\"0\"/></model>\n");
  static const Row rows[] = {
      {"zero.xml --check",
       0,
       0,
       {"zero.xml:6:", "warning: the gradient is 0 everywhere: 'q/l' does not depend on 'fast'"}},
      {"still.xml --check",
       0,
       0,
       {"still.xml:2:1: warning: training program 'p' commits nothing",
        "add <schedule name=\"rate\" value="}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

static void test_unreadable(void) {
  support_write("ok.xml", OK_MODEL);
  shell_must("mkdir -p folder.xml; : >empty.xml; printf '\\377\\376<\\0m\\0' >utf16.xml\n"
             "printf '<?xml version=\"1.0\" encoding=\"latin1\"?>\\n<model/>' >latin1.xml\n"
             "printf '<model name=\"\\377\"/>' >bytes.xml\n"
             "printf '<model na\\0me=\"m\"/>' >nul.xml\n"
             "printf '<model name=\"m\\033[31m\"/>' >escape.xml\n"
             "head -c 17000000 /dev/zero | tr '\\0' ' ' >large.xml\n"
             "{ printf '<model name=\"m\" xmlns=\"urn:graphc:model:1\">'\n"
             "  yes '<group>' | head -n 1000000 | tr -d '\\n'; } >deep.xml");
  static const Row rows[] = {
      {"none.xml", 1, 1, {"none.xml: error: cannot read: No such file"}},
      {"folder.xml", 1, 1, {"folder.xml: error: this is a folder"}},
      {"/dev/null", 1, 1, {"this is no regular file"}},
      {"empty.xml", 1, 1, {"empty.xml: error: the file is empty"}},
      {"utf16.xml", 1, 1, {"the file is not in UTF-8", "hint: save it as UTF-8"}},
      {"latin1.xml", 1, 1, {"the file is not in UTF-8"}},
      {"bytes.xml", 1, 1, {"bytes.xml:1:", "malformed XML"}},
      {"nul.xml", 1, 1, {"nul.xml:1:", "malformed XML", "<model na?me"}},
      {"escape.xml", 1, 1, {"escape.xml:1:", "m?[31m"}},
      {"large.xml", 1, 1, {"the file is larger than 16 MiB"}},
      {"deep.xml", 1, 1, {"deep.xml:1:", "elements are nested more than 256 deep"}},
      {"\"$TOP/README.md\"", 1, 1, {"README.md"}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* What a terminal could take for a command never reaches it. */
static void test_control_characters(void) {
  support_write("ok.xml", OK_MODEL);
  Shell s = shell("\"$GRAPHC\" ok.xml -D \"$(printf '\\033[31mx=1')\"");
  CU_ASSERT_EQUAL(s.code, 1);
  CU_ASSERT_PTR_NULL(strchr(s.err, '\033'));
  shell_free(&s);
}

static void test_unwritable(void) {
  support_write("ok.xml", OK_MODEL);
  static const Row rows[] = {
      {"ok.xml -o none/x.xml", 4, 1, {"none/x.xml: error: cannot write the plan: No such file"}},
      {"ok.xml -o /dev/full", 4, 1, {"/dev/full: error: cannot write the plan: No space left"}},
      {"ok.xml -o .", 4, 1, {"cannot write the plan: Is a directory"}},
      {"ok.xml --emit=png:none/x.png",
       4,
       1,
       {"none/x.png: error: cannot write the picture: No such"}},
      {"ok.xml --emit=svg:/dev/full",
       4,
       1,
       {"/dev/full: error: cannot write the picture: No space"}},
      {"ok.xml --emit=dot:/dev/full",
       4,
       1,
       {"/dev/full: error: cannot write the picture: No space"}},
      {"ok.xml --emit=text:/dev/full", 4, 1, {"/dev/full: error: cannot write: No space"}},
      {"ok.xml --expand -o /dev/full", 4, 1, {"/dev/full: error: cannot write: No space"}},
      {"ok.xml --expand >/dev/full", 4, 1, {"standard output: error: cannot write: No space"}},
      {"ok.xml --params >/dev/full", 4, 1, {"standard output: error: cannot write: No space"}},
      {"ok.xml --report >/dev/full", 4, 1, {"standard output: error: cannot write: No space"}},
      {"ok.xml --report=json >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"ok.xml --emit=png:- >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"ok.xml --dump-after=order >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"ok.xml >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"--schema >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"--manual >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"--help >/dev/full", 4, 1, {"standard output: error: cannot write"}},
      {"ok.xml --params >&-", 4, 1, {"standard output: error: cannot write"}},
  };
  check(rows, sizeof rows / sizeof *rows);
  /* Nothing half-written stays, and the plan that was there before is still there. */
  Shell s =
      shell("rm -f m.plan.xml ok.plan.xml; \"$GRAPHC\" ok.xml >/dev/null && cp ok.plan.xml before\n"
            "(ulimit -f 0; \"$GRAPHC\" ok.xml >/dev/null 2>&1; echo $? >code)\n"
            "cmp before ok.plan.xml && ls | grep -c tmp");
  CU_ASSERT_STRING_EQUAL(s.out, "0\n");
  shell_free(&s);
}

/* -D: order, files, places. */
static void test_defines(void) {
  support_write("ok.xml", OK_MODEL);
  support_write("a.defs", "# a comment\n\n  n = 4  \n");
  support_write("bad.defs", "n=4\n\nm=5\n");
  support_write("range.defs", "# first\nn=40\n");
  support_write("line.defs", "n=4\nnonsense\n");
  support_write("bom.defs", "\xef\xbb\xbfn=4\r\n");
  shell_must("printf 'n=4\\0\\n' >zero.defs");
  support_write("small.xml",
                "<model name=\"small\" extends=\"ok.xml\" xmlns=\"urn:graphc:model:1\">\n"
                "<set name=\"n\" value=\"40\"/>\n<set name=\"m\" value=\"4\"/>\n</model>\n");
  static const Row rows[] = {
      {"ok.xml --check -D @none.defs",
       1,
       1,
       {"none.defs: error: cannot read", "hint: named by -D @FILE"}},
      {"ok.xml --check -D @.", 1, 1, {".: error: cannot read: Is a directory"}},
      {"ok.xml --check -D @bad.defs", 1, 1, {"bad.defs:3: error: the model has no parameter 'm'"}},
      {"ok.xml --check -D @range.defs", 1, 1, {"range.defs:2: error: n: 40 is out of range: 1..9"}},
      {"ok.xml --check -D @line.defs",
       1,
       1,
       {"line.defs:2: error: 'nonsense' sets nothing", "NAME=VALUE"}},
      {"ok.xml --check -D @", 1, 1, {"-D @: error: names no file"}},
      {"ok.xml --check -D @/dev/zero", 1, 1, {"/dev/zero: error: the file is larger than 64 KiB"}},
      {"ok.xml --check -D @zero.defs", 1, 1, {"zero.defs: error: the file holds a zero byte"}},
      {"ok.xml --params -D @bom.defs", 0, 0, {NULL}},
      {"ok.xml --check -D n", 1, 1, {"-D n: error: 'n' sets nothing"}},
      {"ok.xml --check -D n=4 -D n=0", 1, 1, {"-D n: error: n: 0 is out of range"}},
      {"ok.xml --check -D n=0 -D n=4", 0, 0, {NULL}},
      {"ok.xml --check -D nn=4 -D =3", 1, 2, {"did you mean 'n'?", "-D =3"}},
      {"small.xml --check",
       1,
       2,
       {"small.xml:2:12: error: n: 40 is out of range",
        "small.xml:3:12: error: the model has no parameter 'm'"}},
  };
  check(rows, sizeof rows / sizeof *rows);
  Shell s = shell("\"$GRAPHC\" ok.xml --params -D n=2 -D @a.defs; \"$GRAPHC\" ok.xml --params -D "
                  "@a.defs -D n=2");
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "4      1..9"));
  CU_ASSERT_PTR_NOT_NULL(strstr(s.out, "2      1..9"));
  shell_free(&s);
}

#define LIBRARY(BODY) "<library xmlns=\"urn:graphc:model:1\">" BODY "</library>\n"

/* Files are read below the root only, wherever a link leads. */
static void test_places(void) {
  shell_must(
      "mkdir -p in/lib in/other/lib in/deep/er out; cd in\n"
      "ln -sf ../../out/b.xml lib/link.xml; ln -sfn ../out folder; ln -sf loop.xml loop.xml");
  support_write("in/lib/a.xml", LIBRARY(""));
  support_write("out/b.xml", LIBRARY(""));
  support_write("in/up.xml", MODEL "<include src=\"../out/b.xml\"/>\n</model>\n");
  support_write("in/link.xml", MODEL "<include src=\"lib/link.xml\"/>\n</model>\n");
  support_write("in/folder.xml", MODEL "<include src=\"folder/b.xml\"/>\n</model>\n");
  support_write("in/loop_.xml", MODEL "<include src=\"loop.xml\"/>\n</model>\n");
  support_write("in/deep/er/grand.xml", MODEL
                "<include src=\"../../lib/a.xml\"/>\n"
                "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n");
  support_write("in/dir.xml", MODEL "<include src=\"lib\"/>\n</model>\n");
  support_write("in/self.xml",
                "<model name=\"m\" extends=\"self.xml\" xmlns=\"urn:graphc:model:1\"/>\n");
  support_write("in/base.xml",
                "<model name=\"m\" extends=\"none.xml\" xmlns=\"urn:graphc:model:1\"/>\n");
  support_write("in/other/lib/x.xml", LIBRARY(""));
  support_write("out/own.xml", MODEL "<include src=\"../other/lib/x.xml\"/>\n</model>\n");
  static const Row rows[] = {
      {"in/up.xml --check",
       1,
       1,
       {"in/up.xml:2:15: error: '../out/b.xml' lies outside the models' folder",
        "/out adds the folder that it lies in, --root=DIR widens it"}},
      {"out/own.xml --check", 1, 1, {"there is no file '../other/lib/x.xml'", "to each -I DIR"}},
      {"out/own.xml --check -I in",
       1,
       1,
       {"there is no file '../other/lib/x.xml'", "'other/lib/x.xml' is the one in -I in"}},
      {"in/link.xml --check", 1, 1, {"lies outside the models' folder"}},
      {"in/folder.xml --check", 1, 1, {"lies outside the models' folder"}},
      {"in/loop_.xml --check", 1, 1, {"there is no file 'loop.xml'"}},
      {"in/dir.xml --check", 1, 1, {"this is a folder"}},
      {"in/self.xml --check", 1, 1, {"in/self.xml:1:26: error: files include each other"}},
      {"in/base.xml --check", 1, 1, {"in/base.xml:1:26: error: there is no file 'none.xml'"}},
      {"in/up.xml --check --root=.", 1, 1, {"has no program"}},
      {"in/up.xml --check -I out", 1, 1, {"has no program"}},
      {"in/up.xml --check --root=none", 1, 1, {"none: error: cannot read"}},
      {"in/deep/er/grand.xml --check", 0, 0, {NULL}},
      {"in/deep/er/grand.xml --check --root=in/deep", 1, 1, {"lies outside the models' folder"}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* An expanded model is a record of its parameters. */
static void test_expanded(void) {
  support_write("ok.xml", OK_MODEL);
  Shell s = shell(
      "\"$GRAPHC\" ok.xml -D n=4 --expand -o expanded.xml && \"$GRAPHC\" expanded.xml --check");
  CU_ASSERT_EQUAL(s.code, 0);
  shell_free(&s);
  static const Row rows[] = {
      {"expanded.xml --check -D n=5",
       1,
       1,
       {"-D n: error: n: the model is expanded", "where the model is expanded"}},
  };
  check(rows, 1);
}

#define TEMPLATE(NAME) "<template name=\"" NAME "\"><tanh name=\"y\" in=\"x\"/></template>\n"

/* A template that was to replace one of the base and is misspelt changes nothing: that is said. */
static void test_unused_templates(void) {
  support_write(
      "base.xml",
      MODEL TEMPLATE(
          "normalised-pixels") "<program name=\"p\"><input name=\"x\"/><normalised-pixels/>"
                               "<output value=\"y\"/></program>\n</model>\n");
  support_write("misspelt.xml",
                "<model name=\"m\" extends=\"base.xml\" xmlns=\"urn:graphc:model:1\">\n" TEMPLATE(
                    "normalized-pixels") "</model>\n");
  support_write("replaced.xml",
                "<model name=\"m\" extends=\"base.xml\" xmlns=\"urn:graphc:model:1\">\n" TEMPLATE(
                    "normalised-pixels") "</model>\n");
  support_write(
      "alone.xml",
      MODEL "<template name=\"self\"><self/></template>\n" TEMPLATE("in-a-template") TEMPLATE(
          "excluded") "<template name=\"outer\"><in-a-template/></template>\n"
                      "<program name=\"p\"><input name=\"x\"/><outer/>"
                      "<excluded if=\"false\"/><output value=\"y\"/></program>\n</model>\n");
  support_write("removed.xml",
                "<model name=\"m\" extends=\"base.xml\" xmlns=\"urn:graphc:model:1\">\n"
                "<replace name=\"p\"><program name=\"q\"><input name=\"x\"/>"
                "<output value=\"x\"/></program></replace></model>\n");
  static const Row rows[] = {
      {"misspelt.xml --check",
       0,
       0,
       {"misspelt.xml:2:17: warning: template 'normalized-pixels' is never used",
        "hint: did you mean 'normalised-pixels'?"}},
      {"alone.xml --check",
       0,
       0,
       {"alone.xml:2:17: warning: template 'self' is never used",
        "hint: <self .../> would use it"}},
  };
  check(rows, sizeof rows / sizeof *rows);
  Shell s = shell("\"$GRAPHC\" replaced.xml --check; \"$GRAPHC\" removed.xml --check\n"
                  "\"$GRAPHC\" alone.xml --check 2>&1 | grep -c warning");
  CU_ASSERT_STRING_EQUAL(s.out, "1\n");
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
  s = shell("grep -rl '<model' \"$TOP/models\" \"$TOP/tests/models\" --include=*.xml | "
            "while read -r model; do \"$GRAPHC\" \"$model\" --params >/dev/null; done");
  if (*s.err) printf("\n%s", s.err);
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
}

/* An op that the language gets later must not stop a model that has a template of its name. */
static void test_hidden_ops(void) {
  support_write("hides.xml",
                MODEL "<template name=\"gelu\"><arg name=\"in\" type=\"value\"/>"
                      "<expr name=\"out\" value=\"2 * {${in}}\"/></template>\n"
                      "<program name=\"p\"><input name=\"x\" shape=\"3\"/>"
                      "<gelu name=\"y\" in=\"x\"/><output value=\"y\"/></program>\n</model>\n");
  support_write("word.xml", MODEL "<template name=\"pass\"/>\n</model>\n");
  static const Row rows[] = {
      {"hides.xml --check", 0, 0, {"hides.xml:2:17: warning: the template hides the op 'gelu'"}},
      {"word.xml --check", 1, 1, {"word.xml:2:17: error: 'pass' is an element of the language"}},
  };
  check(rows, sizeof rows / sizeof *rows);
}

/* A fetch by name gives an output or a state first: another value of that name is out of reach. */
static void test_hidden_values(void) {
  support_write("kept.xml",
                MODEL "<program name=\"p\"><input name=\"x\" shape=\"4\"/>\n"
                      "<pass name=\"t\"><scope name=\"a\"><parameter name=\"w\" shape=\"4\"/>"
                      "<expr name=\"y\" value=\"w * {/x}\"/></scope></pass>\n"
                      "<scope name=\"a\"><expr name=\"w\" value=\"2 * {/x}\"/></scope>\n"
                      "<expr name=\"v\" value=\"{a/w} + 1\"/>\n"
                      "<output name=\"v\" value=\"t/a/y\"/><output name=\"u\" value=\"v\"/>"
                      "<output value=\"x\"/></program>\n</model>\n");
  static const Row rows[] = {
      {"kept.xml --check --keep=a/w",
       0,
       0,
       {"kept.xml:4:17: warning: --keep: the value 'a/w' cannot be fetched: the state of this name "
        "is another value",
        "hint: give one of them another name"}},
      {"kept.xml --check --keep='[a-z]'",
       0,
       0,
       {"kept.xml:5:1: warning: --keep: the value 'v' cannot be fetched: the output of this name "
        "is another value"}},
      {"kept.xml --check --keep='t/*'", 0, 0, {NULL}},
  };
  check(rows, sizeof rows / sizeof *rows);
  Shell s = shell("\"$GRAPHC\" kept.xml --check --keep='t/*' --keep=x --keep=u; "
                  "\"$GRAPHC\" kept.xml --check");
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
}

#define TRAINED(STATES, REST, AFTER)                                                               \
  MODEL "<program name=\"p\" kind=\"train\"><input name=\"lr\"/><random name=\"x\" shape=\"4\"/>"  \
        "<parameter name=\"w\" shape=\"4\"/>\n" STATES                                             \
        "<expr name=\"loss\" value=\"sum(square(w - x))\"/><gradient name=\"G\" of=\"loss\"/>"     \
        "<commit field=\"theta\" value=\"theta - lr * (G + 0.1 * theta)\"/>\n" REST "</program>\n" \
        "<training steps=\"5\" warmup-steps=\"0\"/><schedule name=\"lr\" value=\"0.1\"/>" AFTER    \
        "</model>\n"
#define LOSS "<output value=\"loss\"/>"

/* A layer that was built and not connected is trained and saved like the others. */
static void test_unread_states(void) {
  support_write("unread.xml",
                TRAINED("<parameter name=\"forgotten\" shape=\"4\"/>\n"
                        "<parameter name=\"frozen\" shape=\"4\" trainable=\"false\"/>\n"
                        "<state name=\"seen\" shape=\"4\"/>\n",
                        LOSS, ""));
  /* All of these are there for something: counted, averaged, left for a fetch, read by another's
   * update, or in a model that reports nothing. */
  support_write("read.xml",
                TRAINED("<state name=\"count\"/><state name=\"last\" shape=\"4\"/>"
                        "<state name=\"mean\" shape=\"4\"/><parameter name=\"rate\" shape=\"1\" "
                        "value=\"1\" trainable=\"false\"/>\n",
                        LOSS "<commit state=\"count\" value=\"count + 1\"/>"
                             "<commit state=\"last\" value=\"x * {/rate}\"/>"
                             "<commit state=\"mean\" value=\"0.9 * mean + last\"/>"
                             "<output name=\"m\" value=\"mean\"/>",
                        ""));
  support_write("silent.xml", TRAINED("", "", ""));
  static const Row rows[] = {
      {"unread.xml --check",
       0,
       0,
       {"unread.xml:3:1: warning: no output depends on the parameter 'forgotten': only its own "
        "update reads it\n",
        "hint: use it in what the loss is made of, or remove it",
        "unread.xml:4:1: warning: no program reads the parameter 'frozen'\n",
        "unread.xml:5:1: warning: no program reads or writes the state 'seen'\n"}}};
  check(rows, sizeof rows / sizeof *rows);
  Shell s = shell("\"$GRAPHC\" read.xml --check; \"$GRAPHC\" silent.xml --check; "
                  "\"$GRAPHC\" unread.xml --check --input=x");
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
}

/* A line of metrics.jsonl has one value for each of its keys. */
static void test_metrics(void) {
#define OTHER "<output name=\"other\" value=\"lr\"/>\n"
#define AS(NAME) "<output name=\"" NAME "\" value=\"loss\"/>"
  support_write("twice.xml", TRAINED("", OTHER AS("step") "\n" AS("output/step"), ""));
  support_write("thrice.xml", TRAINED("", OTHER AS("output/program") "\n" AS("program"), ""));
  support_write("shadow.xml", TRAINED("", OTHER AS("lr"), ""));
  support_write("key.xml", TRAINED("<input name=\"program\"/>", OTHER LOSS,
                                   "\n<schedule name=\"program\" value=\"1\"/>"));
  support_write("fine.xml", TRAINED("",
                                    AS("step") "<output value=\"lr\"/>"
                                               "<output name=\"output/step\" value=\"x\"/>",
                                    ""));
  static const Row rows[] = {
      {"twice.xml --check",
       1,
       1,
       {"twice.xml:6:15: error: outputs 'step' and 'output/step' would both be 'output/step' in "
        "metrics.jsonl, where each line has a 'step' already",
        "hint: give one of the two outputs another name"}},
      {"thrice.xml --check",
       1,
       1,
       {"thrice.xml:6:15: error: outputs 'program' and 'output/program' would both be "
        "'output/program' in metrics.jsonl, where each line has a 'program' already"}},
      {"shadow.xml --check",
       0,
       0,
       {"shadow.xml:5:1: warning: the output 'lr' hides the schedule of that name in metrics.jsonl",
        "hint: give the output another name, to have both"}},
      {"key.xml --check",
       1,
       1,
       {"key.xml:7:17: error: each line of metrics.jsonl has a 'program' already, which is what "
        "ran",
        "hint: give the input and its schedule another name"}},
  };
  check(rows, sizeof rows / sizeof *rows);
  Shell s = shell("\"$GRAPHC\" fine.xml --check");
  CU_ASSERT_STRING_EQUAL(s.err, "");
  shell_free(&s);
}

int main(void) {
  static const SupportTest tests[] = {{"usage", test_usage},
                                      {"suggestions", test_suggestions},
                                      {"warnings", test_warnings},
                                      {"unreadable", test_unreadable},
                                      {"control characters", test_control_characters},
                                      {"unwritable", test_unwritable},
                                      {"-D", test_defines},
                                      {"places", test_places},
                                      {"expanded", test_expanded},
                                      {"unused templates", test_unused_templates},
                                      {"hidden ops", test_hidden_ops},
                                      {"hidden values", test_hidden_values},
                                      {"unread states", test_unread_states},
                                      {"metrics", test_metrics}};
  return support_run("graphc", tests, sizeof tests / sizeof *tests);
}
