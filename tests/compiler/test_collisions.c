/* Names that the compiler makes beside names that are written: what would become one thing in
 * silence is an error with both places. */
#include "tests/shell.h"

#define STEP                                                                                       \
  "<parameter name='w' shape='2' value='1'/><expr name='l' value='sum(w * w)'/>"                   \
  "<gradient name='G' of='l'/><output value='l'/>\n"

static const struct {
  const char *what, *inside, *after, *message; /* message NULL: it is accepted */
} rows[] = {
    {"a state-field, then a state of its name",
     "<state-field name='m'/>\n<state name='m:w' shape='2' value='5'/>\n" STEP
     "<commit field='m' value='0.9 * m + G'/>",
     "",
     "m.xml:2:20: error: state-field 'm' makes the state 'm:w', which exists already (m.xml:3)"},
    {"the other way round",
     "<state name='m:w' shape='2' value='5'/>\n<state-field name='m'/>\n" STEP
     "<commit field='m' value='0.9 * m + G'/>",
     "",
     "m.xml:3:20: error: state-field 'm' makes the state 'm:w', which exists already (m.xml:2)"},
    {"alike, and still two things",
     "<state name='m:w' shape='2' kind='optimiser'/>\n<state-field name='m'/>\n" STEP, "",
     "which exists already (m.xml:2)"},
    {"in another program", "<state-field name='m'/>\n" STEP,
     "<program name='q'>\n<state name='m:w' shape='2'/><output name='y' value='m:w'/></program>",
     "m.xml:2:20: error: state-field 'm' makes the state 'm:w', which exists already (m.xml:6)"},
    {"a parameter of its name", "<state-field name='m'/>\n<parameter name='m:w' shape='2'/>\n" STEP,
     "", "makes the state 'm:w', which exists already (m.xml:3)"},
    {"two state-fields",
     "<state-field name='m'/>\n<state-field name='m:x'/>\n<parameter name='x:w' shape='2'/>" STEP,
     "",
     "m.xml:3:20: error: state-field 'm:x' makes the state 'm:x:w', which exists already "
     "(m.xml:2)"},
    {"one state-field in two programs", "<state-field name='m' value='1'/>\n" STEP,
     "<program name='q'><state-field name='m' value='1'/>" STEP "</program>", NULL},
    {"that starts otherwise there", "<state-field name='m' value='1'/>\n" STEP,
     "<program name='q'><state-field name='m' value='2'/>" STEP "</program>",
     "'m:w' is declared differently at m.xml:2: its initial value"},
    {"two declarations of a state",
     "<pass name='a'><state name='s' value='1'/></pass>\n<pass name='b'><state "
     "name='s'/></pass>" STEP,
     "", "m.xml:3:16: error: 's' is declared differently at m.xml:2: its initial value"},
    {"two shapes",
     "<pass name='a'><state name='s' shape='3'/></pass>\n<pass name='b'><state "
     "name='s' shape='2'/></pass>" STEP,
     "", "'s' has shape (2) here and (3) at m.xml:2"},
    {"two pretrained names",
     "<pass name='a'><parameter name='s' external='x'/></pass>\n<pass name='b'><parameter name='s' "
     "external='y'/></pass>" STEP,
     "", "'s' is declared differently at m.xml:2: its pretrained name or noise"},
    {"two sites",
     "<pass name='a'><parameter name='s' init='normal' site='x'/></pass>\n<pass "
     "name='b'><parameter "
     "name='s' init='normal'/></pass>" STEP,
     "", "'s' is declared differently at m.xml:2: its initial value"},
    {"a gradient named theta", STEP "<gradient name='theta' of='l'/>", "",
     "m.xml:3:17: error: field 'theta' exists already"},
    {"a gradient named decay", STEP "<gradient name='decay' of='l'/>", "",
     "field 'decay' exists already"},
    {"a pullback named rate", STEP "<pullback name='rate' of='G' cotangent='G'/>", "",
     "field 'rate' exists already"},
    {"a field named theta", STEP "<field name='theta' value='G'/>", "",
     "field 'theta' exists already"},
    {"a value that a field hides",
     "<input name='decay'/>\n" STEP "<commit field='theta' value='theta - decay * G'/>", "",
     "'decay' is a field and a value (m.xml:2): which one is meant?"},
    {"a parameter that a field hides",
     "<parameter name='rate' value='0.1'/>\n" STEP "<field name='f' value='theta - rate * G'/>", "",
     "'rate' is a field and a value (m.xml:2): which one is meant?"},
    {"a value of such a name elsewhere",
     "<input name='decay'/><expr name='y' value='2 * decay'/>"
     "<output value='y'/>" STEP "<commit field='theta' value='theta - G'/>",
     "", NULL},
    {"a value named as a field's tensor",
     STEP "<expr name='G:w' value='2 * w'/><output name='y' value='G:w'/>", "",
     "m.xml:3:1: error: the value 'G:w' has the name of a field's tensor (m.xml:2)"},
    {"a value named as a state-field's",
     "<state-field name='m'/>" STEP
     "<expr name='m:w' value='2 * w'/><output name='y' value='m:w'/>",
     "", "m.xml:3:1: error: the value 'm:w' has the name of a field's tensor (m.xml:2)"},
    {"no field of that name", STEP "<expr name='H:w' value='2 * w'/><output name='y' value='H:w'/>",
     "", NULL},
    {"a value named as one inside of an op",
     STEP "<relu name='r' in='w'/>\n<expr name='r/select/mask' value='2 * w'/>"
          "<output name='y' value='r'/><output name='z' value='r/select/mask'/>",
     "",
     "m.xml:4:1: error: the value 'r/select/mask' has the name of one inside of another element "
     "(m.xml:3)"},
    {"a site of the sampler", STEP "<random name='sampler/a' shape='2'/>", "",
     "m.xml:3:1: error: training itself draws at the site 'sampler/a'"},
    {"the site of the held-out domain", STEP "<random name='held-out'/>", "",
     "training itself draws at the site 'held-out'"},
    {"a parameter's site",
     "<pass name='t'><parameter name='r' shape='2' init='normal'/></pass>\n" STEP
     "<random name='r' shape='2'/>",
     "",
     "m.xml:4:1: error: 'r' draws at step 0 what the initial value of 'r' is drawn from "
     "(m.xml:2)"},
    {"a parameter that draws elsewhere",
     "<pass name='t'><parameter name='r' shape='2' init='normal' site='s'/></pass>\n" STEP
     "<random name='r' shape='2'/>",
     "", NULL},
    {"a parameter that draws nothing",
     "<pass name='t'><parameter name='r' shape='2'/></pass>\n" STEP "<random name='r' shape='2'/>",
     "", NULL},
    {"a schedule of what training supplies", "<input name='step'/>" STEP,
     "<schedule name='step' value='1'/>", "error: training supplies 'step' by itself"},
    {"a schedule named pi", "<input name='pi'/><input name='lr'/>" STEP,
     "<schedule name='pi' value='3'/>\n<schedule name='lr' value='cos(pi)'/>",
     "m.xml:5:28: error: 'pi' is known to every schedule, and the name of one (line 4)"},
    {"a state that a file cannot hold", "<state name='__metadata__'/>" STEP, "",
     "error: no state can be named '__metadata__'"},
    {"an output that a file cannot hold", STEP "<output name='__metadata__' value='l'/>", "",
     "error: no output can be named '__metadata__'"},
};

static void test_all(void) {
  for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
    char text[2000];
    snprintf(
        text, sizeof text,
        "<model name='m' xmlns='urn:graphc:model:1'><program name='p'>\n%s</program>\n%s</model>",
        rows[i].inside, rows[i].after);
    support_write("m.xml", text);
    Shell s = shell("$GRAPHC --check m.xml");
    CU_ASSERT_TRUE(shell_says(rows[i].what, s, rows[i].message ? STATUS_INVALID : 0,
                              rows[i].message ? -1 : 0, (const char *[]){rows[i].message, NULL}));
  }
}

int main(void) {
  static const SupportTest tests[] = {{"two things of one name", test_all}};
  return support_run("collisions", tests, sizeof tests / sizeof *tests);
}
