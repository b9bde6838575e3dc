/* clang-format off */
/* How a plan is written.  XML, UTF-8, data only; elements in this order:
 *
 *     <plan version="N" hash="XXH3_64 of every byte after this line, 16 hex digits" xmlns="...">
 *     <target>     the name of what it was laid out for
 *     <ops>        of each op in use: its name, then those of its attributes; rows name an op by its
 *                  place in this list, from 0
 *     <strings>    one a line; ids count from 1, id 0 is the empty string
 *     <places>     file line column chain           ids count from 1; chain: the id of a place before
 *     <origins>    kind name of at with place       ids count from 1: the elements that nodes are made for
 *     <model>      name hash storage sum master shards ranks local state-bytes   (the types: a precision)
 *     <states>     name dtype kind trainable init init-a init-b init-site rate decay noise external
 *                  group place offset rank dim...
 *     <schedules>  name value
 *     <watches>    output message hint above
 *     <training>   epochs warmup-epochs steps warmup-steps choose, then of each domain: name ids
 *     <sampler>    kind batch-ids batch-images
 *     <augment>    height width pad-crop flip jitter brightness contrast saturation hue
 *                  erase erase-min erase-max erase-aspect
 *     <params>     name value
 *     <written>    element attribute text place     of <training> and <sampler>, as the model has them
 *     <program>    of each program:
 *       <head>     name held-out kind scratch-bytes lower-bound peak-step multiply-adds
 *       <batches>  groups units unit                ids count from 1
 *       <nodes>    op dtype role order batch epoch origin name scope place inputs rank dim...
 *                                                   ids count from 1
 *       <inputs>   node ids, node after node
 *       <attrs>    for each attribute of each node, in the order of <ops>: how many integers it has
 *       <ints>     these integers
 *       <offsets>  of each node's value in the arena; -1: not stored
 *       <steps>    members work-offset work-bytes stream waits
 *       <members>  node ids, step after step
 *       <waits>    steps, from 0, that each step waits for, step after step; then those that the end
 *                  waits for
 *       <commits>  state node
 *       <outputs>  name node declared
 *       <fed>      name node dtype place rank dim...     inputs as declared; node 0: not needed
 *     </plan>
 *
 * A tag has a line of its own.  Everything but target, ops and strings is decimal integers, each followed by
 * one blank or, at the end of a row, a line feed.  Names, values and files are string ids; a
 * floating number is its 64 bits as an integer; states and programs count from 0.  An attribute that
 * the reader's op has and <ops> does not list has its default: a new one needs no new version.  watches, training,
 * sampler and augment are left out where the model has none.  Strings, places and origins that nothing refers to are
 * not written; the others are numbered in order of first use, so that the same plan gives the same
 * bytes.  In a string, `<`, `>` and `&` are the usual references, and a byte that XML cannot hold
 * (or a line feed or backslash) is a backslash with two hexadecimal digits. */
/* clang-format on */
#ifndef GRAPH_PLAN_PLAN_FORMAT_H
#define GRAPH_PLAN_PLAN_FORMAT_H

#include "graph/plan/plan.h"

#include <inttypes.h>

#define PLAN_NAMESPACE "urn:graphc:plan:1"
#define PLAN_ROOT_START "<plan version=\""

#define PLAN_ROOT_MAX 128

/* The first line, in `line`, which holds PLAN_ROOT_MAX bytes. */
static inline void plan_root_line(char *line, size_t size, uint64_t hash) {
  snprintf(line, size, PLAN_ROOT_START "%d\" hash=\"%016" PRIx64 "\" xmlns=\"%s\">\n", PLAN_VERSION,
           hash, PLAN_NAMESPACE);
}

/* True for attributes that hold a string id. */
static inline bool plan_attr_is_string(const AttrDesc *attr) {
  return attr->type == ATTR_STRING || attr->type == ATTR_NAME;
}

/* Length of the UTF-8 sequence of a character that XML may hold as it is, at `text`; 0 when there
 * is none.  Line feed and backslash count as none. */
size_t plan_char_length(const char *text, size_t left);

#endif
