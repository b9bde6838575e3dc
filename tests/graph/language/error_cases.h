/* The rows of test_errors: a model with one mistake, and what must be said of it. */
#ifndef TESTS_GRAPH_LANGUAGE_ERROR_CASES_H
#define TESTS_GRAPH_LANGUAGE_ERROR_CASES_H

#include <stdbool.h>

#define MODEL "<model name=\"m\" xmlns=\"urn:graphc:model:1\">\n"
#define PROGRAM(BODY) MODEL "<program name=\"p\">\n" BODY "</program>\n</model>\n"

/* Changes to base.xml, which test_errors writes. */
#define EXTENSION "<model name=\"e\" extends=\"base.xml\" xmlns=\"urn:graphc:model:1\">\n"

typedef struct Case {
  const char *what, *text;
  const char *expect[6]; /* parts of the output, in any order */
  const char *define;
  int errors; /* 0: one; -1: some */
  int code;   /* 0: exit code 1 */
  bool large; /* under the sanitizers for --full only */
} Case;

static const Case cases[] = {
    {.what = "malformed",
     MODEL "<param name=\"a\" type=\"int\" value=\"1\">\n</model>\n",
     {".xml:3:", "malformed XML"}},
    {.what = "not closed", MODEL "<program name=\"p\">\n", {"malformed XML"}},
    {.what = "empty file", "", {"error:"}},
    {.what = "DTD",
     "<!DOCTYPE m [<!ENTITY x \"y\">]>\n" MODEL "</model>\n",
     {"a model has no DTD"}},
    {.what = "entity bomb",
     "<!DOCTYPE m [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;\">"
     "<!ENTITY c \"&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;\"><!ENTITY d \"&c;&c;&c;&c;&c;&c;&c;&c;&c;\">]>\n"
     "<model name=\"&d;\" xmlns=\"urn:graphc:model:1\"/>\n",
     {".xml:1:1: error: a model has no DTD", "hint: remove the DOCTYPE"}},
    {.what = "external entity",
     "<!DOCTYPE m SYSTEM \"/etc/passwd\">\n" MODEL "</model>\n",
     {".xml:1:1: error: a model has no DTD"}},
    {.what = "undefined entity",
     MODEL "<let name=\"a\" value=\"&what;\"/>\n</model>\n",
     {".xml:2:", "malformed XML: Entity 'what' not defined"}},
    {.what = "unknown op",
     PROGRAM("<input name=\"x\"/>\n<reluu name=\"y\" in=\"x\"/>\n"),
     {".xml:4:1: error: there is no op, element or template 'reluu'", "did you mean 'relu'?"}},
    {.what = "unknown attribute",
     PROGRAM("<input name=\"x\" shape=\"2\"/>\n<leaky-relu name=\"y\" in=\"x\" slop=\"1\"/>\n"),
     {".xml:4:", "leaky-relu has no attribute 'slop'", "did you mean 'slope'?"}},
    {.what = "missing attribute",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"y\"/>\n"),
     {".xml:4:1: error: relu needs attribute 'in'"}},
    {.what = "no number", PROGRAM("<input name=\"x\" shape=\"2 b\"/>\n"), {"'b' is no integer"}},
    {.what = "no word",
     PROGRAM("<input name=\"x\" dtype=\"f23\"/>\n"),
     {"'f23' is none of", "did you mean 'f32'?"}},
    {.what = "channels of a norm",
     PROGRAM("<input name=\"x\" shape=\"4 6\"/>\n<parameter name=\"w\" shape=\"4\"/>\n"
             "<batch-norm name=\"n\" in=\"x\" weight=\"w\" bias=\"w\"/>\n"
             "<linear name=\"l\" in=\"x\" weight=\"w\"/>\n"
             "<softmax name=\"s\" in=\"x\"/>\n<batch-norm name=\"m\" in=\"w\" weight=\"w\" "
             "bias=\"w\"/>\n"
             "<moments name=\"g\" in=\"x\" groups=\"3\"/>\n"),
     {".xml:5:1: error: batch-norm 'n': 'w' (line 4) has 4 elements, 'x' (line 3) has 6 channels\n",
      "hint: channels are the last axis: shape=\"6\" fits",
      "linear 'l': weight is (out, in), 'w' (line 4) has shape (4)",
      "hint: channels are the last axis of it: (rows, channels), (N, H, W, C)",
      "hint: groups of equal size are cut from the first axis"},
     .errors = 4},
    {.what = "kinds and shapes of operands",
     PROGRAM(
         "<input name=\"x\" shape=\"4 6\"/>\n<expr name=\"a\" value=\"where(x, 1, 2)\"/>\n"
         "<matmul name=\"c\" in=\"x\" with=\"x\"/>\n<reshape name=\"d\" in=\"x\" shape=\"5 5\"/>\n"
         "<gather name=\"e\" in=\"x\" index=\"x\"/>\n<conv name=\"h\" in=\"x\" weight=\"x\"/>\n"),
     {"'x' (line 3) must be bool\n", "hint: less(a, b), equal(a, b) and not(equal(x, 0)) are bool",
      "hint: transpose-a and transpose-b exchange",
      "hint: one dimension may be -1: what the others", "hint: <cast dtype=\"i32\"> makes indices"},
     .errors = 5},
    {.what = "channels",
     PROGRAM("<input name=\"x\" shape=\"2 8 8 3\"/>\n"
             "<parameter name=\"w1\" shape=\"16 3 3 3\"/>\n<parameter name=\"w2\" shape=\"16 8 3 "
             "3\"/>\n"
             "<conv name=\"c1\" in=\"x\" weight=\"w1\" pad=\"1\"/>\n"
             "<conv name=\"c2\" in=\"c1\" weight=\"w2\" pad=\"1\"/>\n<output value=\"c2\"/>\n"),
     {".xml:7:1: error: conv 'c2': weight expects 8 input channels, 'c1' (line 6) has 16"}},
    {.what = "cycle",
     PROGRAM("<input name=\"x\"/>\n<add name=\"a\" in=\"x\" with=\"b\"/>\n"
             "<add name=\"b\" in=\"a\" with=\"x\"/>\n<output value=\"b\"/>\n"),
     {".xml:4:", "cyclic reference: 'a' needs 'b' (line 5), which needs 'a'"}},
    {.what = "order",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"a\" in=\"b\"/>\n<relu name=\"b\" in=\"x\"/>\n"
             "<output value=\"a\"/>\n"),
     {"'b' is used before it is defined (line 5)", "move the definition up"}},
    {.what = "order, by a scope's name",
     PROGRAM(
         "<input name=\"x\"/>\n<relu name=\"a\" in=\"b\"/>\n<scope name=\"b\"><scope "
         "name=\"out\">\n<relu name=\"out\" in=\"x\"/></scope></scope>\n<output value=\"a\"/>\n"),
     {"'b' is used before it is defined (line 6)", "move the definition up"}},
    {.what = "a scope `out` without a value",
     PROGRAM("<input name=\"x\"/>\n<scope name=\"b\"><scope name=\"out\">\n<relu name=\"y\" "
             "in=\"x\"/></scope></scope>\n<relu name=\"a\" in=\"b\"/>\n<output value=\"a\"/>\n"),
     {"there is no value 'b'"}},
    {.what = "no value",
     PROGRAM("<input name=\"images\"/>\n<relu name=\"y\" in=\"imagse\"/>\n<output value=\"y\"/>\n"),
     {"there is no value 'imagse'", "did you mean 'images'?"}},
    {.what = "parameter as a value",
     MODEL "<param name=\"rate\" type=\"float\" value=\"1\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><expr name=\"y\" value=\"rate * x\"/>"
           "<output value=\"y\"/></program></model>\n",
     {"there is no value 'rate'", "the model's parameter is ${rate}"}},
    {.what = "path in an expression",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"y\" value=\"1 + /x\"/>\n<output value=\"y\"/>\n"),
     {".xml:4:", "a value expected at '/x'", "a path stands in braces: {/a/b}"}},
    {.what = "reshape",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<reshape name=\"a\" in=\"x\" shape=\"-1 3\"/>\n"
             "<reshape name=\"b\" in=\"x\" shape=\"-1 5\"/>\n<output value=\"b\"/>\n"),
     {".xml:5:", "'x' (line 3) has shape (6, 4), which leaves no whole number for dimension 0"}},
    {.what = "pick",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<input name=\"y\" shape=\"6\" dtype=\"i32\"/>\n"
             "<pick name=\"a\" in=\"x\" index=\"y\" axis=\"1\"/>\n<output value=\"a\"/>\n"),
     {".xml:5:", "the index must be (6, 1), or longer on axis 1; 'y' (line 4) is (6)",
      "reshape it"}},
    {.what = "pick by floats",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<pick name=\"a\" in=\"x\" index=\"x\" "
             "axis=\"1\"/>\n<output value=\"a\"/>\n"),
     {".xml:4:", "'x' (line 3) holds f32, indices are i32", "cast it"}},
    {.what = "more than there are",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<top-k name=\"a\" in=\"x\" k=\"5\"/>\n"
             "<output value=\"a\"/>\n"),
     {".xml:4:", "top-k 'a': ", "5 elements are asked for, axis 1 of 'x' (line 3) has 4"}},
    {.what = "an axis that there is not",
     PROGRAM("<input name=\"x\" shape=\"6 4\"/>\n<sort name=\"a\" in=\"x\" axis=\"-3\"/>\n"
             "<output value=\"a\"/>\n"),
     {".xml:4:", "sort 'a': axis -3 of 2 dimensions", "-1 is the last"}},
    {.what = "more elements than an index counts",
     PROGRAM("<input name=\"x\" shape=\"2147483648\"/>\n<arg-max name=\"a\" in=\"x\" "
             "axis=\"0\"/>\n<output value=\"a\"/>\n"),
     {".xml:4:", "axis 0 has 2147483648 elements, more than 2^31 - 1"}},
    {.what = "arguments of a function",
     MODEL "<let name=\"k\" value=\"range(1, 2, 3, 4)\"/>\n</model>\n",
     {"range: does not take 4 arguments: range(end)"}},
    {.what = "output with a state's name",
     PROGRAM("<state name=\"s\" shape=\"2\"/>\n<commit state=\"s\" value=\"s + 1\"/>\n"
             "<output value=\"s\"/>\n"),
     {".xml:5:", "output 's' has the name of a state", "give it another name"}},
    {.what = "duplicate",
     PROGRAM("<input name=\"x\"/>\n<relu name=\"x\" in=\"x\"/>\n<output value=\"x\"/>\n"),
     {".xml:4:", "'x' exists already", ":3)"}},
    {.what = "missing include",
     MODEL "<include src=\"lib/none.xml\"/>\n</model>\n",
     {".xml:2:", "there is no file 'lib/none.xml'"}},
    {.what = "outside",
     MODEL "<include src=\"/etc/passwd\"/>\n</model>\n",
     {"lies outside the models' folder", "--root"}},
    {.what = "include cycle",
     MODEL "<include src=\"loop1.xml\"/>\n</model>\n",
     {"files include each other: ", "loop1.xml", "loop2.xml"}},
    {.what = "changes without a place",
     EXTENSION "<remove/>\n<insert><input name=\"z\"/></insert>\n</model>\n",
     {".xml:2:1: error: remove needs name", ".xml:3:1: error: insert needs after or before",
      "<insert after="},
     .errors = 2},
    {.what = "changes in no place",
     EXTENSION "<replace name=\"p/yy\"/>\n</model>\n",
     {".xml:2:", "the base has no element 'p/yy'"}},
    {.what = "a place by the name it gets",
     EXTENSION "<remove name=\"p/gain4/w\"/>\n</model>\n",
     {".xml:2:", "the base has no element 'p/gain4/w'", "did you mean 'p/gain${width}/w'?"}},
    {.what = "changes without a base",
     MODEL "<set name=\"n\" value=\"3\"/>\n</model>\n",
     {".xml:2:", "<set> changes a base model", "extends="}},
    {.what = "param of the base",
     EXTENSION "<param name=\"width\" type=\"int\" value=\"3\"/>\n</model>\n",
     {".xml:2:", "param 'width' exists already", "base.xml:2)", "<set name="}},
    {.what = "definitions of an extension are known to its templates",
     EXTENSION "<param name=\"height\" type=\"int\" value=\"8\"/>\n<template name=\"body\">"
               "<input name=\"x\" shape=\"${height} ${width}\"/><relux name=\"y\" in=\"x\"/>"
               "</template></model>\n",
     {"there is no op, element or template 'relux'"}},
    {.what = "more work than a number holds",
     PROGRAM(
         "<input name=\"z\" shape=\"1048576 1048576\"/>"
         "<for each=\"i\" in=\"range(0, 10)\"><matmul name=\"m${i}\" in=\"${i gt 0 ? 'm' + str(i - "
         "1) : 'z'}\" "
         "with=\"z\"/></for><output value=\"m9\"/>\n"),
     {".xml:3:74: error: program 'p' takes more than 2^63 multiply-adds"},
     .code = 3},
    {.what = "a window beyond every image",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>"
             "<avg-pool name=\"a\" in=\"z\" kernel=\"3037000500 3037000500\" stride=\"1 1\"/>\n"),
     {"avg-pool 'a': kernel 3037000500 is out of range: 1..1048576"}},
    {.what = "a window that does not fit",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<avg-pool name=\"a\" in=\"z\" kernel=\"2 3\" dilation=\"1 2\" stride=\"1\"/>\n"
             "<output value=\"a\"/>\n"),
     {".xml:4:", "does not fit into 'z' (line 3): it covers 5 of the width, which is 4"}},
    {.what = "a window of pads",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<max-pool name=\"a\" in=\"z\" kernel=\"2\" stride=\"1\" dilation=\"5\" "
             "pad=\"3\"/>\n<output value=\"a\"/>\n"),
     {".xml:4:", "a window would hold nothing but pads: height 4, pads 3 and 3", "less padding"}},
    {.what = "a factor and a size",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<upsample name=\"a\" in=\"z\" factor=\"2\" size=\"8\"/>\n<output value=\"a\"/>\n"),
     {".xml:4:", "upsample 'a': a factor and a size are one too many", "factor=\"2\", or size="}},
    {.what = "a factor that leaves nothing",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<upsample name=\"a\" in=\"z\" factor=\"0.2\"/>\n<output value=\"a\"/>\n"),
     {".xml:4:", "factor 0.2 makes 0 of 4 pixels"}},
    {.what = "corners of the nearest",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<resize name=\"a\" in=\"z\" size=\"4 4\" align-corners=\"true\"/>\n"
             "<output value=\"a\"/>\n"),
     {".xml:4:", "align-corners says how to mix pixels", "mode=\"bilinear\""}},
    {.what = "three pads",
     PROGRAM("<input name=\"z\" shape=\"1 4 4 1\"/>\n"
             "<max-pool name=\"a\" in=\"z\" kernel=\"2\" stride=\"1\" pad=\"1 1 1\"/>\n"
             "<output value=\"a\"/>\n"),
     {".xml:4:", "pad has 3 numbers", "top, left, bottom, right"}},
    {.what = "template bomb",
     MODEL "<template name=\"a\"><b name=\"x\"/><b name=\"y\"/></template>\n"
           "<template name=\"b\"><a name=\"x\"/><a name=\"y\"/></template>\n"
           "<program name=\"p\"><a name=\"q\"/></program></model>\n",
     {"templates are nested more than 64 deep"},
     .errors = -1},
    {.what = "loop bomb",
     PROGRAM("<for each=\"i\" in=\"range(0, 99999)\"><for each=\"j\" in=\"range(0, 99999)\">"
             "<group/></for></for>\n"),
     {"elaboration visits more than 3000000 elements"}},
    {.what = "element bomb",
     PROGRAM("<for each=\"i\" in=\"range(0, 99999)\"><for each=\"j\" in=\"range(0, 99)\">"
             "<input name=\"x${i}_${j}\"/></for></for>\n"),
     {"the model expands to more than 1000000 elements"},
     .large = true},
    {.what = "expression",
     MODEL "<param name=\"width\" type=\"int\" value=\"8\"/>\n"
           "<let name=\"k\" value=\"widht + 1\"/>\n</model>\n",
     {".xml:3:", "unknown name 'widht'", "did you mean 'width'?"}},
    {.what = "condition",
     MODEL "<program name=\"p\" if=\"3\"><input name=\"x\"/></program></model>\n",
     {"'if' needs a truth value"}},
    {.what = "define range",
     MODEL "<param name=\"n\" type=\"int\" value=\"3\" min=\"1\" max=\"9\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D n: error: n: 30 is out of range: 1..9"},
     .define = "n=30"},
    {.what = "define type",
     MODEL "<param name=\"n\" type=\"int\" value=\"3\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D n: error: n: 'x' is no integer"},
     .define = "n=x"},
    {.what = "define name",
     MODEL "<param name=\"alpha\" type=\"int\" value=\"3\"/>\n"
           "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"-D alhpa: error: the model has no parameter 'alhpa'", "did you mean 'alpha'?"},
     .define = "alhpa=3"},
    {.what = "define file",
     MODEL "<program name=\"p\"><input name=\"x\"/><output value=\"x\"/></program></model>\n",
     {"/none.defs: error: cannot read"},
     .define = "@/none.defs"},
    {.what = "no program", MODEL "</model>\n", {"has no program"}},
    {.what = "no output", PROGRAM("<input name=\"x\"/>\n"), {"computes nothing"}},
    {.what = "parent",
     MODEL "<gradient name=\"F\" of=\"x\"/>\n</model>\n",
     {"gradient cannot stand in a model", "it belongs into: program"}},
    {.what = "gradient of a tensor",
     PROGRAM("<parameter name=\"w\" shape=\"3\"/>\n<relu name=\"y\" in=\"w\"/>\n"
             "<gradient name=\"G\" of=\"y\"/>\n<commit field=\"theta\" value=\"theta - G\"/>\n"),
     {".xml:5:", "which has shape (3), is no field: it is taken of a scalar, of shape ()",
      "take its sum or mean"}},
    {.what = "twice committed",
     PROGRAM("<state name=\"s\" shape=\"3\"/>\n<commit state=\"s\" value=\"s + 1\"/>\n"
             "<commit state=\"s\" value=\"s + 2\"/>\n"),
     {".xml:5:", "'s'"}},
    {.what = "shape of a commit",
     PROGRAM("<state name=\"s\" shape=\"3\"/>\n<input name=\"x\" shape=\"2\"/>\n"
             "<commit state=\"s\" value=\"x\"/>\n"),
     {".xml:5:", "(3)", "(2)"}},
    {.what = "template argument",
     MODEL "<template name=\"t\"><arg name=\"n\" type=\"int\"/></template>\n"
           "<program name=\"p\"><t m=\"1\" n=\"x\"/></program></model>\n",
     {"'x' is no integer"},
     .errors = -1},
    {.what = "missing argument",
     MODEL "<template name=\"t\"><arg name=\"n\" type=\"int\"/></template>\n"
           "<program name=\"p\"><t/></program></model>\n",
     {"template 't' needs argument 'n' (line 2)"}},
    {.what = "several",
     PROGRAM("<reluu name=\"a\" in=\"x\"/>\n<tanhh name=\"b\" in=\"x\"/>\n<input name=\"x\" "
             "shap=\"3\"/>\n"),
     {":3:1: error", ":4:1: error", ":5:"},
     .errors = 3},
    {.what = "several missing",
     PROGRAM("<input name=\"x\"/>\n<add name=\"y\"/>\n"),
     {".xml:4:1: error: add needs attributes 'in', 'with'"}},
    {.what = "requirement",
     MODEL "<param name=\"n\" type=\"int\" value=\"3\"/>\n"
           "<require that=\"n % 2 == 0\" of=\"n\" message=\"n is ${n}\" hint=\"take ${n + 1}\"/>\n"
           "<let name=\"half\" value=\"unknown\"/>\n</model>\n",
     {"model.xml:3:16: error: n is 3", "hint: take 4"}},
    {.what = "requirement on -D",
     MODEL
     "<param name=\"n\" type=\"int\" value=\"2\"/>\n"
     "<param name=\"m\" type=\"int\" value=\"2\"/>\n"
     "<require that=\"n % 2 == 0\" of=\"n\"/>\n<require that=\"m lt n\" of=\"m n\"/>\n</model>\n",
     {"-D n: error: the model requires: n % 2 == 0"},
     .define = "n=5"},
    {.what = "requirement without a condition",
     MODEL "<require of=\"n\"/>\n</model>\n",
     {".xml:2:1: error: require needs a condition"}},
    {.what = "items",
     MODEL "<param name=\"n\" type=\"list\" items=\"int\" min=\"1\" value=\"2 3\"/>\n</model>\n",
     {"-D n: error: n: item 2: 'x' is no integer", "hint: list 'n': int, >= 1"},
     .define = "n=4 x",
     .errors = -1},
    {.what = "range of items",
     MODEL "<param name=\"n\" type=\"list\" items=\"int\" min=\"1\" value=\"2 0\"/>\n</model>\n",
     {".xml:2:56: error: param 'n': item 2: 0 is out of range: >= 1"}},
    {.what = "type of items",
     MODEL "<param name=\"n\" type=\"list\" items=\"enum\" value=\"2 0\"/>\n</model>\n",
     {"items of a list are int, float, bool or string"}},
    {.what = "bound",
     MODEL "<param name=\"n\" type=\"int\" min=\"a\" value=\"2\"/>\n</model>\n",
     {".xml:2:33: error: 'a' is no number"}},
    {.what = "name of a param",
     MODEL "<param name=\"batch-ids\" type=\"int\" value=\"2\"/>\n</model>\n",
     {"'batch-ids' is no name for a variable", "letters, digits and _"}},
    {.what = "word as a name",
     MODEL "<let name=\"or\" value=\"2\"/>\n</model>\n",
     {"'or' is a word of the expression language"}},
    {.what = "param twice",
     MODEL
     "<param name=\"a\" type=\"int\" value=\"2\"/>\n<param name=\"a\" type=\"int\" value=\"3\"/>\n"
     "<let name=\"c\" value=\"a + b\"/>\n</model>\n",
     {".xml:3:14: error: param 'a' exists already (model.xml:2)"}},
    {.what = "schedule",
     MODEL "<program name=\"p\"><input name=\"lr\"/><output value=\"lr\"/></program>\n"
           "<schedule name=\"lr\" value=\"stpe * 2\"/>\n</model>\n",
     {".xml:3:28: error: schedule 'lr' at step 0 of 100, a length to try it with: unknown "
      "name 'stpe'",
      "did you mean 'step'?"}},
    {.what = "a schedule of what it does not know",
     MODEL
     "<param name=\"base\" type=\"float\" value=\"1\"/>\n"
     "<program name=\"p\"><input name=\"lr\"/><output value=\"lr\"/></program>\n"
     "<training steps=\"300\"/>\n<schedule name=\"lr\" value=\"${base} * base\"/>\n</model>\n",
     {".xml:5:28: error: schedule 'lr' at step 0 of 300: unknown name 'base'",
      "hint: a schedule knows step, total_steps, warmup_steps, pi and the schedules above it"}},
    {.what = "a schedule within its length",
     MODEL "<program name=\"p\"><input name=\"lr\"/><output value=\"lr\"/></program>\n"
           "<training steps=\"300\"/>\n<schedule name=\"lr\" value=\"1 / (300 - step - 200)\"/>\n"
           "</model>\n",
     {".xml:4:28: error: schedule 'lr' at step 100 of 300: division by zero"}},
    {.what = "a schedule at its last step",
     MODEL "<program name=\"p\"><input name=\"lr\"/><output value=\"lr\"/></program>\n"
           "<training steps=\"700000000001\"/>\n"
           "<schedule name=\"lr\" value=\"1 / (total_steps - 1 - step)\"/>\n</model>\n",
     {"error: schedule 'lr' at step 700000000000 of 700000000001: division by zero"}},
    {.what = "a schedule at the end of the warm-up",
     MODEL "<program name=\"p\"><input name=\"lr\"/><output value=\"lr\"/></program>\n"
           "<training steps=\"70000000\" warmup-steps=\"1234567\"/>\n"
           "<schedule name=\"lr\" value=\"1 / (step - warmup_steps)\"/>\n</model>\n",
     {"error: schedule 'lr' at step 1234567 of 70000000: division by zero"}},
    {.what = "schedule of nothing",
     MODEL "<program name=\"p\"><input name=\"rate\"/><output value=\"rate\"/></program>\n"
           "<schedule name=\"rat\" value=\"1\"/>\n</model>\n",
     {".xml:3:17: error: no program has an input 'rat'", "did you mean 'rate'?"}},
    {.what = "watch of nothing",
     MODEL "<program name=\"p\" kind=\"train\"><constant name=\"size\" values=\"1\"/>"
           "<output value=\"size\"/></program>\n"
           "<watch output=\"sise\" above=\"1\"/>\n</model>\n",
     {".xml:3:16: error: no program of training has a scalar output 'sise'",
      "did you mean 'size'?"}},
    {.what = "watch of what is not trained",
     MODEL "<program name=\"p\"><constant name=\"size\" values=\"1\"/>"
           "<output value=\"size\"/></program>\n"
           "<watch output=\"size\" above=\"1\"/>\n</model>\n",
     {".xml:3:16: error: no program of training has a scalar output 'size'",
      "<output> makes one, of a single number"}},
    {.what = "two watches of one output",
     MODEL "<program name=\"p\" kind=\"train\"><constant name=\"size\" values=\"1\"/>"
           "<output value=\"size\"/></program>\n"
           "<watch output=\"size\" above=\"1\"/>\n<watch output=\"size\" above=\"2\"/>\n</model>\n",
     {".xml:4:16: error: the output 'size' is watched already", "one watch for each output"}},
    {.what = "field",
     PROGRAM("<parameter name=\"w\" shape=\"3\"/>\n<expr name=\"l\" value=\"sum(w)\"/>\n"
             "<gradient name=\"grad\" of=\"l\"/>\n<field name=\"f\" value=\"theta - gard\"/>\n"
             "<commit field=\"theta\" value=\"f\"/>\n"),
     {".xml:6:24: error: there is no field or value 'gard'", "did you mean 'grad'?"}},
    {.what = "consequences of a field",
     PROGRAM(
         "<parameter name=\"w\" shape=\"3\"/>\n<expr name=\"l\" value=\"sum(w)\"/>\n"
         "<gradient name=\"G\" of=\"ll\"/>\n<field name=\"fast\" value=\"theta - G\"/>\n"
         "<pass name=\"test\" parameters=\"fast\"><expr name=\"l2\" value=\"l\"/></pass>\n"
         "<gradient name=\"v\" of=\"test/l2\" at=\"fast\"/>\n<global-norm name=\"n\" of=\"v\"/>\n"
         "<commit field=\"theta\" value=\"theta - v\"/>\n<output value=\"test/l2\"/>\n"
         "<output value=\"n\"/>\n"),
     {".xml:5:24: error: there is no value 'll' in scope '/'"}},
    {.what = "results of what failed",
     PROGRAM(
         "<input name=\"x\" shape=\"2 3\"/>\n<parameter name=\"w\" shape=\"4\"/>\n"
         "<batch-norm name=\"y\" in=\"x\" weight=\"w\" bias=\"w\"/>\n<output value=\"y/mean\"/>\n"),
     {".xml:5:1: error: batch-norm 'y': "}},
    {.what = "rounds of a loop",
     PROGRAM("<input name=\"x\" shape=\"2 3\"/>\n<for each=\"i\" in=\"range(0, 5)\">\n"
             "<tanh name=\"y${i}\" in=\"z${i}\"/>\n</for>\n"),
     {".xml:5:24: error: there is no value 'z0'", "note: 4 more like it from this line"}},
    {.what = "braces",
     PROGRAM("<input name=\"a-b\"/>\n<expr name=\"y\" value=\"1 + a-b\"/>\n"),
     {"there is no value 'a'", "names with - or / stand in braces: {a/b}"}},
    {.what = "equality",
     MODEL "<let name=\"x\" value=\"1 = 1\"/>\n</model>\n",
     {".xml:2:24: error: an operator is expected at '= 1'", "equality is =="}},
    {.what = "caret behind references and line breaks",
     MODEL "<let name=\"x\" value=\"1 &lt; 2 ?\n  &#x33; + unknown : 1\"/>\n</model>\n",
     {".xml:3:12: error: unknown name 'unknown'", "    &#x33; + unknown : 1", "             ^"}},
    {.what = "no channels",
     PROGRAM("<input name=\"x\" shape=\"2 5\"/>\n<parameter name=\"w\" shape=\"7 6\"/>\n"
             "<linear name=\"y\" in=\"x\" weight=\"w\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: linear 'y': weight expects rows of 6 features, 'x' (line 3) has 5"}},
    {.what = "a depthwise weight without groups",
     PROGRAM("<input name=\"x\" shape=\"2 4 4 32\"/>\n<input name=\"w\" shape=\"32 1 3 3\"/>\n"
             "<conv name=\"y\" in=\"x\" weight=\"w\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: conv 'y': weight expects 1 input channels, 'x' (line 3) has 32",
      "the second of a weight; with groups=\"32\" they fit"}},
    {.what = "too few groups",
     PROGRAM("<input name=\"x\" shape=\"2 4 4 32\"/>\n<input name=\"w\" shape=\"32 2 3 3\"/>\n"
             "<conv name=\"y\" in=\"x\" weight=\"w\" groups=\"8\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: conv 'y': weight expects 2 input channels in each of 8 groups, 'x' (line "
      "3) "
      "has 32 in all",
      "with groups=\"16\" they fit"}},
    {.what = "groups that do not divide",
     PROGRAM("<input name=\"x\" shape=\"2 4 4 32\"/>\n<input name=\"w\" shape=\"32 1 3 3\"/>\n"
             "<conv name=\"y\" in=\"x\" weight=\"w\" groups=\"5\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: conv 'y': groups=\"5\" does not divide the 32 channels of the weight"}},
    {.what = "batches that do not fit",
     PROGRAM("<input name=\"x\" shape=\"4 2 5\"/>\n<input name=\"w\" shape=\"3 5 7\"/>\n"
             "<matmul name=\"y\" in=\"x\" with=\"w\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: matmul 'y': 'x' (line 3) has shape (4, 2, 5), 'w' (line 4) has (3, 5, 7): "
      "the "
      "batches do not fit",
      "aligned at the last of them"}},
    {.what = "a product with a vector",
     PROGRAM("<input name=\"x\" shape=\"2 5\"/>\n<input name=\"v\" shape=\"5\"/>\n"
             "<matmul name=\"y\" in=\"x\" with=\"v\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: matmul 'y': 'v' (line 4) has shape (5), a matrix has two dimensions or "
      "more",
      "hint: reshape a vector to one row (1 N) or one column (N 1)"}},
    {.what = "labels",
     PROGRAM("<input name=\"x\" shape=\"2 5\"/>\n<input name=\"l\" shape=\"2\"/>\n"
             "<cross-entropy name=\"y\" in=\"x\" labels=\"l\"/>\n<output value=\"y\"/>\n"),
     {".xml:5:1: error: cross-entropy 'y': labels of 2 rows must be i32 (2), 'l' (line 4) is f32"}},
    {.what = "unknown state",
     PROGRAM("<state name=\"count\"/>\n<commit state=\"cuont\" value=\"count + 1\"/>\n"),
     {".xml:4:16: error: there is no state 'cuont'", "did you mean 'count'?"}},
    {.what = "text bomb",
     MODEL
     "<let name=\"a\" value=\"'0123456789abcdef'\"/>\n<for each=\"i\" in=\"range(0, 1)\">\n"
     "<let name=\"b\" value=\"a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a+a\"/>\n"
     "<let name=\"c\" value=\"b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b+b\"/>\n"
     "<let name=\"d\" "
     "value=\"c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c"
     "+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c+c\"/>\n</for></"
     "model>\n",
     {"the text is too long"}},
    {.what = "deep lists",
     MODEL "<let name=\"a\" value=\"[[[[[[[[[[1]]]]]]]]]]\"/>\n</model>\n",
     {"lists are nested more than 8 deep"}},
    {.what = "deep expression",
     MODEL "<let name=\"a\" "
           "value=\"((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((((1\"/>"
           "\n</model>\n",
     {"the expression is nested too deeply"}},
    {.what = "64 bits",
     MODEL "<let name=\"a\" value=\"9223372036854775807 + 1\"/>\n</model>\n",
     {"the result does not fit into 64 bits"}},
    {.what = "huge number",
     MODEL "<let name=\"a\" value=\"99999999999999999999999\"/>\n</model>\n",
     {"the number does not fit into 64 bits"}},
    {.what = "huge dimension",
     PROGRAM("<input name=\"x\" shape=\"99999999999999999999999\"/>\n<output value=\"x\"/>\n"),
     {".xml:3:24: error:"}},
    {.what = "too large in all",
     PROGRAM(
         "<for each=\"i\" in=\"range(0, 50)\">\n<input name=\"x${i}\" shape=\"1000000 1000000\"/>\n"
         "<tanh name=\"y${i}\" in=\"x${i}\"/>\n<output value=\"y${i}\"/>\n</for>\n"),
     {"program 'p' needs", "more than a plan can hold"},
     .code = 3},
    {.what = "text between elements",
     MODEL "hello\n</model>\n",
     {".xml:2:1: error: text between elements: 'hello'", "    hello"}},
    {.what = "another root",
     "<library xmlns=\"urn:graphc:model:1\"/>",
     {"compile the model that includes it"}},
    {.what = "huge shape",
     PROGRAM("<input name=\"x\" shape=\"1000000 1000000 1000000\"/>\n<output value=\"x\"/>\n"),
     {".xml:3:"}},
    {.what = "numbers that are none",
     PROGRAM("<parameter name=\"a\" rate=\"1e400\"/>\n<parameter name=\"b\" decay=\"nan\"/>\n"
             "<state name=\"c\" value=\"inf\"/>\n<leaky-relu name=\"d\" in=\"a\" slope=\"-inf\"/>\n"
             "<power name=\"e\" in=\"a\" exponent=\"0x1p4\"/>\n<output value=\"e\"/>\n"),
     {".xml:3:27: error: rate '1e400' is no finite number", "decay 'nan' is no finite number",
      "value 'inf' is no finite number", "slope '-inf' is no finite number",
      "exponent '0x1p4' is no finite number"},
     .errors = 5},
    {.what = "numbers that do not fit f32",
     PROGRAM("<parameter name=\"a\" noise=\"1e40\"/>\n<state name=\"b\" value=\"-1e40\"/>\n"
             "<state name=\"c\" dtype=\"i32\" value=\"0.5\"/>\n<output value=\"a\"/>\n"),
     {".xml:3:28: error: noise 1e40 is too large for f32", "value -1e40 is too large for f32",
      ".xml:5:36: error: value 0.5 is no whole number"},
     .errors = 3},
    {.what = "numbers of constants",
     PROGRAM("<constant name=\"a\" dtype=\"i32\" values=\"3000000000\"/>\n"
             "<constant name=\"b\" dtype=\"i32\" values=\"1 0.5\" shape=\"2\"/>\n"
             "<constant name=\"c\" dtype=\"i64\" values=\"9007199254740993\"/>\n"
             "<constant name=\"d\" dtype=\"bool\" values=\"2\"/>\n"
             "<constant name=\"e\" values=\"1e40\"/>\n<output value=\"a\"/>\n"),
     {".xml:3:1: error: constant 'a': value 3000000000 does not fit into 32 bits",
      ".xml:4:1: error: constant 'b': value 0.5 is no whole number",
      ".xml:5:1: error: constant 'c': value 9007199254740992 is too large: i64",
      ".xml:6:1: error: constant 'd': value 2 is no bool, which is 0 or 1",
      ".xml:7:1: error: constant 'e': value 1e+40 is too large for f32"},
     .errors = 5},
    {.what = "literals",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"a\" value=\"x * 1e999\"/>\n"
             "<expr name=\"b\" value=\"x + 1e40\"/>\n<expr name=\"c\" value=\"x ^ nan\"/>\n"
             "<output value=\"x\"/>\n"),
     {".xml:4:1: error: expression 'x * 1e999': the number 1e999 is too large",
      ".xml:5:1: error: expression 'x + 1e40': the number 1e40 is too large for f32",
      ".xml:6:1: error: expression 'x ^ nan': a constant exponent expected at 'nan'"},
     .errors = 3},
    {.what = "texts that are no numbers",
     MODEL "<let name=\"a\" value=\"float('nan')\"/>\n<let name=\"b\" value=\"'inf' + 1\"/>\n"
           "<param name=\"c\" type=\"float\" max=\"inf\" value=\"1\"/>\n</model>\n",
     {"float: needs a number"}},
    {.what = "no value, but one in a scope",
     PROGRAM("<pass name=\"train\"><input name=\"x\"/>"
             "<expr name=\"loss\" value=\"sum(x)\"/></pass>\n<gradient name=\"G\" of=\"loss\"/>\n"
             "<expr name=\"y\" value=\"2 * loss\"/>\n<output value=\"los\"/>\n"),
     {".xml:4:24: error: there is no value 'loss'", "did you mean 'train/loss'?",
      ".xml:5:23: error: there is no value 'loss'", "did you mean {train/loss}?"},
     .errors = 3},
    {.what = "no value, in braces",
     PROGRAM("<scope name=\"bn\"><state name=\"rv\"/></scope>\n"
             "<expr name=\"y\" value=\"{bn/vr} - 1\"/>\n<output value=\"y\"/>\n"),
     {".xml:4:23: error: there is no value 'bn/vr'", "did you mean 'bn/rv'?"}},
    {.what = "case of letters",
     PROGRAM("<input name=\"x\"/>\n<ReLU name=\"y\" in=\"x\"/>\n"),
     {".xml:4:1: error: there is no op, element or template 'ReLU'", "did you mean 'relu'?"}},
    {.what = "commas in a shape",
     PROGRAM("<input name=\"x\" shape=\"32,8\"/>\n<input name=\"y\" shape=\"(32, 8)\"/>\n"),
     {"shape '32,8' is no integer", "shape '(32,' is no integer",
      "lists are separated by blanks: '32 8'"},
     .errors = 2},
    {.what = "commas in a list of numbers",
     MODEL "<param name=\"n\" type=\"list\" items=\"int\" value=\"2 3\"/>\n</model>\n",
     {"-D n: error: n: item 1: '4,5' is no integer", "lists are separated by blanks: '4 5'"},
     .define = "n=4,5",
     .errors = -1},
    {.what = "commas in a list of names",
     MODEL "<param name=\"d\" type=\"list\" value=\"a b\"/>\n"
           "<require that=\"len(d) == 2\" of=\"d\" hint=\"two of them\"/>\n</model>\n",
     {"-D d: error: the model requires", "lists are separated by blanks: 'plaza campus'"},
     .define = "d=plaza,campus"},
    {.what = "values of elaboration without ${}",
     MODEL "<param name=\"hidden\" type=\"int\" value=\"4\"/>\n<template name=\"t\">"
           "<arg name=\"to\" type=\"int\"/></template>\n<program name=\"p\">\n"
           "<input name=\"x\" shape=\"2 hidden\"/>\n<t to=\"$hidden\"/>\n<t to=\"{hidden}\"/>\n"
           "<relu name=\"y\" in=\"$hidden\"/></program></model>\n",
     {".xml:5:24: error: shape 'hidden' is no integer", ".xml:6:8: error: argument 'to' of 't'",
      ".xml:7:8: error: argument 'to' of 't'", ".xml:8:20: error: '$hidden' is no name",
      "the value of 'hidden' is written ${hidden}"},
     .errors = 4},
    {.what = "arguments without ${}",
     MODEL "<template name=\"t\"><arg name=\"rows\" type=\"value\"/>\n"
           "<relu name=\"y\" in=\"rows\"/>\n<expr name=\"z\" value=\"rows + 1\"/>\n</template>\n"
           "<program name=\"p\"><input name=\"x\"/><t rows=\"x\"/></program></model>\n",
     {".xml:3:20: error: there is no value 'rows'", "the value of 'rows' (line 2) is ${rows}",
      ".xml:4:23: error: there is no value 'rows'", "the value of 'rows' (line 2) is {${rows}}"},
     .errors = 2},
    {.what = "ops and functions of others",
     PROGRAM(
         "<input name=\"x\"/>\n<expr name=\"a\" value=\"softmax(x)\"/>\n"
         "<expr name=\"b\" value=\"cross_entropy(x)\"/>\n<expr name=\"c\" value=\"pow(x, 2)\"/>\n"
         "<expr name=\"d\" value=\"greater(x, 2)\"/>\n<expr name=\"e\" value=\"Sqrt(x)\"/>\n"),
     {"softmax is an op: <softmax name=\"...\" in=\"...\"/>",
      "cross-entropy is an op: <cross-entropy name=\"...\" in=\"...\" labels=\"...\"/>",
      "a power is x ^ 2, or exp(y * log(x))", "a > b is less(b, a)", "did you mean 'sqrt'?"},
     .errors = 5},
    {.what = "attributes in functions",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"a\" value=\"gelu(x, form=tanh)\"/>\n"
             "<expr name=\"b\" value=\"sum(x, axes = 1)\"/>\n"
             "<expr name=\"c\" value=\"mean(x, 1)\"/>\n"
             "<expr name=\"d\" value=\"where(x=1, x, x)\"/>\n"
             "<expr name=\"e\" value=\"cumsum(x, axis=0)\"/>\n"),
     {".xml:4:1: error: expression 'gelu(x, form=tanh)': functions take values, and no attributes "
      "('form')\n",
      "hint: <gelu name=\"...\" in=\"...\" form=\"...\"/>",
      "hint: <sum name=\"...\" in=\"...\" axes=\"...\"/>",
      "hint: <mean name=\"...\" in=\"...\" axes=\"...\"/>", "hint: a = b is equal(a, b)"},
     .errors = 5},
    {.what = "operators of others",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"a\" value=\"x ** 2\"/>\n"
             "<expr name=\"b\" value=\"x > 2\"/>\n<expr name=\"c\" value=\"x @ x\"/>\n"
             "<expr name=\"d\" value=\"x == 1\"/>\n<expr name=\"e\" value=\"x // 2\"/>\n"),
     {"hint: a power is x ^ 2", "hint: a > b is less(b, a)",
      "<matmul name=", "hint: a == b is equal(a, b)", "hint: divide with /"},
     .errors = 5},
    {.what = "parentheses",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"a\" value=\"(x + (2 * x)\"/>\n"
             "<expr name=\"b\" value=\"1 + exp(2 * x\"/>\n"),
     {"')' expected at its end", "it closes the '(' in front of 'x + (2 * x)'",
      "it closes the '(' in front of '2 * x'"},
     .errors = 2},
    {.what = "less than in an attribute",
     PROGRAM("<input name=\"x\"/>\n<expr name=\"a\" value=\"x < 2\"/>\n"),
     {".xml:4:", "malformed XML", "< is written &lt;, or lt, or less(a, b)"}},
    {.what = "and in an attribute",
     MODEL "<let name=\"a\" value=\"true && false\"/>\n</model>\n",
     {".xml:2:", "malformed XML", "& is written &amp;; in expressions, `and`"}},
    {.what = "a field as a value",
     PROGRAM("<parameter name=\"w\"/>\n<expr name=\"l\" value=\"w * w\"/>\n"
             "<gradient name=\"F\" of=\"l\"/>\n<expr name=\"s\" value=\"sum(F) + sum(theta)\"/>\n"
             "<gradient name=\"H\" of=\"F\"/>\n<output value=\"F\"/>\n<output value=\"l\"/>\n"),
     {".xml:6:23: error: 'F' is a field, one tensor for each parameter, and no value",
      ".xml:8:16: error: 'F' is a field", "graphc --keep='F:*' lets exec fetch its tensors F:NAME",
      ".xml:7:24: error: 'F' is a field", "hint: pullback differentiates a field"},
     .errors = 3},
    {.what = "a schedule without its input",
     MODEL "<param name=\"lr\" type=\"float\" value=\"1\"/>\n<template name=\"t\">"
           "<arg name=\"lr\" type=\"string\" value=\"lr\"/>"
           "<commit field=\"theta\" value=\"theta - ${lr} * rate\"/></template>\n"
           "<program name=\"p\"><parameter name=\"w\"/><t/></program>\n"
           "<schedule name=\"lr\" value=\"${lr}\"/>\n</model>\n",
     {"error: there is no field or value 'lr'", "hint: <input name=\"lr\"/> at the top of the "
                                                "program makes a value of the schedule 'lr' (line "
                                                "5)"}},
    {.what = "an argument that names no value",
     MODEL "<template name=\"t\"><arg name=\"lr\" type=\"string\" value=\"lr\"/>"
           "<commit field=\"theta\" value=\"theta - ${lr} * rate\"/></template>\n"
           "<program name=\"p\"><parameter name=\"w\"/><t/></program>\n</model>\n",
     {"error: there is no field or value 'lr'",
      "hint: <input name=\"lr\"/> at the top of the program makes a value of that name"}},
    {.what = "a scope left out, a name cut short",
     PROGRAM("<input name=\"x\"/>\n<scope name=\"a\"><expr name=\"l\" value=\"x * x\"/></scope>\n"
             "<scope name=\"train\"><scope name=\"b0\"><relu name=\"act\" in=\"x\"/></scope>"
             "<relu name=\"accuracy\" in=\"x\"/></scope>\n<gradient name=\"F\" of=\"l\"/>\n"
             "<output value=\"train/acc\"/>\n<output value=\"z\"/>\n"),
     {".xml:6:24: error: there is no value 'l'", "hint: did you mean 'a/l'?",
      ".xml:7:16: error: there is no value 'train/acc'", "hint: did you mean 'train/accuracy'?",
      ".xml:8:16: error: there is no value 'z' in scope '/'\n    <output value=\"z\"/>\n"},
     .errors = 3},
    {.what = "a switch",
     MODEL "<param name=\"e\" type=\"enum\" values=\"on off\" value=\"on\"/>\n</model>\n",
     {"-D e: error: e: 'no' is none of: on off", "hint: did you mean 'off'?"},
     .define = "e=no",
     .errors = -1},
    {.what = "a truth value",
     MODEL "<param name=\"e\" type=\"bool\" value=\"true\"/>\n</model>\n",
     {"-D e: error: e: 'off' is no truth value", "hint: did you mean 'false'?"},
     .define = "e=off",
     .errors = -1},
    {.what = "a template whose file is not included",
     PROGRAM("<dense name=\"fc\"/>\n<adamw/>\n"),
     {".xml:3:1: error: there is no op, element or template 'dense'",
      "hint: ops and elements are listed in docs/ops.md; a template comes from an include, as "
      "dense "
      "from lib/layers.xml and sgd from lib/optim.xml"},
     .errors = 2},
    {.what = "the end of a path of the base",
     EXTENSION "<remove name=\"deep/v\"/>\n</model>\n",
     {".xml:2:15: error: the base has no element 'deep/v'",
      "hint: did you mean 'p/gain${width}/deep/v'?"}},
    {.what = "negative shape",
     PROGRAM("<input name=\"x\" shape=\"-4\"/>\n<output value=\"x\"/>\n"),
     {".xml:3:"}},
};

#endif
