/* A study of a few cells that take seconds: what the tests of studies share. */
#ifndef TESTS_RUNTIME_STUDY_TWO_ROWS_H
#define TESTS_RUNTIME_STUDY_TWO_ROWS_H

#include "tests/shell.h"

/* Two rows, one from the other's network; models as small as CDVM's can be. */
static const char two_rows[] =
    "<study name=\"two\" title=\"Two | rows\" seeds=\"1\" xmlns=\"urn:graphc:study:1\">\n"
    "  <include folder=\"models\"/><set file=\"tiny.defs\"/>\n"
    "  <train name=\"both\" data=\"data/train.domains\">\n"
    "    <test name=\"unseen\" label=\"A & B\" data=\"data/synth.domains\" domain=\"station\"/>\n"
    "    <test name=\"drawn\" data=\"data/synth.domains\" domain=\"plaza\" "
    "protocol=\"split:ilids:2:0\"/>\n"
    "  </train>\n"
    "  <row name=\"plain\" model=\"plain.xml\">\n"
    "    <paper test=\"unseen\" map=\"33.9\" rank1=\"34.2\"/>\n"
    "    <paper test=\"average\" map=\"50\" rank1=\"60\"/>\n"
    "  </row>\n"
    "  <row name=\"arm\" model=\"plain.xml\" start=\"plain\"><set name=\"lr\" "
    "value=\".3\"/></row>\n"
    "</study>\n";

static inline void write_study(const char *path, const char *find, const char *put) {
  char text[4096];
  const char *at = find ? strstr(two_rows, find) : NULL;
  if (at)
    snprintf(text, sizeof text, "%.*s%s%s", (int)(at - two_rows), two_rows, put, at + strlen(find));
  else
    snprintf(text, sizeof text, "%s", two_rows);
  const char *amp = strstr(text, "A & B"); /* as XML has it */
  if (amp) {
    char copy[4096];
    snprintf(copy, sizeof copy, "%.*sA &amp; B%s", (int)(amp - text), text, amp + 5);
    support_write(path, copy);
    return;
  }
  support_write(path, text);
}

/* The first test: files in the tests' folder. */
static inline void prepare(void) {
  support_write("plain.xml",
                "<model name=\"plain\" extends=\"cdvm.xml\" xmlns=\"urn:graphc:model:1\">\n"
                "  <set name=\"meta\" value=\"off\"/><set name=\"encoders\" value=\"off\"/>\n"
                "</model>\n");
  support_write("tiny.defs", "width=4\nblocks=1 1 1 2\nheight=32\nimage_width=16\npad_crop=2\n"
                             "batch_ids=3\nsteps=8\nwarmup_steps=2\nbeta=0\nclip_norm=10\n");
  write_study("two.study", NULL, NULL);
  shell_must("ln -s \"$TOP/models\" models; $GRAPHRUN synth data --domains=3 --ids=4 --test-ids=4 "
             "--cameras=2 >/dev/null\n"
             "grep -v '^station ' data/synth.domains >data/train.domains");
}

#endif
