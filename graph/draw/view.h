/* What a picture shows of a program, before anything is drawn: boxes, the clusters around them, and
 * arrows that stand for all values between two of them.
 *
 * The parts of a program are a tree.  At its top are the units of a step: passes, gradients and
 * pullbacks (one part each, however many nodes), fields, commits, and what the program is fed;
 * below a unit the scopes of its nodes, `train/stage3`, `F/train/stage3`; at the bottom nodes.
 * Where a part has more children than can be read, they are divided into groups `+1`, `+2`, so that
 * each part has few, and each has a path by which --scope opens it.  docs/diagrams.md is the
 * manual.
 *
 * Everything is owned by the view.  Texts are as the model has them: whoever writes them into a
 * format escapes them. */
#ifndef GRAPH_DRAW_VIEW_H
#define GRAPH_DRAW_VIEW_H

#include "graph/ir/op.h"
#include "graph/plan/plan.h"

#define VIEW_BOXES 60     /* that an automatic view has at most */
#define VIEW_ARROWS 90    /* the same */
#define VIEW_AT_PEAK 0.02 /* share of the peak's bytes from which on a box says so */
#define VIEW_NONE UINT32_MAX

typedef enum ViewKind {
  VIEW_INPUT,    /* what the program is fed */
  VIEW_STATE,    /* what it reads of an earlier step */
  VIEW_RANDOM,   /* what it draws */
  VIEW_FORWARD,  /* a pass, or a scope or an element of one */
  VIEW_GRADIENT, /* of a gradient or a pullback, or of what it derives in a scope */
  VIEW_FIELD,    /* an expression over fields, or a commit of one */
} ViewKind;

typedef struct ViewBox {
  ViewKind kind;
  const char *path;   /* what --scope takes to open it; "" when there is nothing inside */
  const char *title;  /* its name, of any length */
  const char *detail; /* lines that say what it is and does */
  uint32_t cluster;   /* VIEW_NONE: in none */
  bool outside;       /* of the scope that is shown: only what it exchanges with that is drawn */
  uint8_t order;      /* of its derivatives: 0, 1, 2 */
  NodeId first;       /* its first node */
  uint32_t nodes, kernels, commits, randoms, outputs, meets;
  uint32_t stream;                 /* of its kernels; VIEW_NONE: of none, or of several */
  int64_t macs, bytes, peak_bytes; /* multiply-adds; of values with a place in memory; of those
                                      alive at the peak */
  double time; /* share of the program's, an estimate from multiply-adds and bytes */
} ViewBox;

typedef struct ViewCluster {
  const char *path, *title;
  const char *detail; /* a line about it */
  uint32_t parent;    /* a cluster before it; VIEW_NONE: none */
  ViewKind kind;
  uint8_t order;
} ViewCluster;

/* One end of an arrow: a box, or a whole cluster where several of its boxes have the same to say.
 */
typedef struct ViewEnd {
  uint32_t index;
  bool cluster;
} ViewEnd;

typedef struct ViewArrow {
  ViewEnd from, to;
  const char *words; /* what flows; "" for a wait */
  uint32_t count;    /* values */
  int64_t bytes;     /* of those with a place in memory */
  bool saved;        /* values of a pass that a derivative reads */
  bool waits;        /* no value: a step waits for one of another stream */
  bool both;         /* values go back as well: count and bytes are those of both ways */
} ViewArrow;

typedef struct View {
  ViewBox *boxes;
  ViewCluster *clusters;
  ViewArrow *arrows;
  uint32_t n_boxes, n_clusters, n_arrows;
  uint32_t *box_of; /* by node: its box + 1; 0: not shown */
  uint32_t streams; /* of the program */
  int64_t peak_bytes;
  Arena *arena;
} View;

/* A buffer that is alive at the peak step. */
typedef struct ViewPeak {
  NodeId node; /* whose value is in it */
  int64_t bytes;
} ViewPeak;

typedef struct ViewOptions {
  const char *scope; /* a part's path; NULL: the whole program */
  int depth; /* levels of parts below it, none of them grouped; 0: as deep as stays readable; < 0:
                every node a box */
  uint32_t boxes; /* that an automatic view may have; 0: VIEW_BOXES */
  const ViewPeak *peak;
  uint32_t n_peak;
} ViewOptions;

/* A program whose views are built: what they share is found once.  It refers to the plan, into
 * whose strings it puts the paths of parts; views do not refer to it. */
typedef struct ViewProgram ViewProgram;
Status view_open(const Plan *plan, const PlanProgram *program, const OpTable *ops, Diag *diag,
                 ViewProgram **out);
void view_close(ViewProgram *of);

/* On failure *out is NULL: no such scope (STATUS_INVALID, with a hint), or out of memory. */
Status view_build(ViewProgram *of, const ViewOptions *options, Diag *diag, View **out);
void view_free(View *view);

/* Enough of the peak's bytes are its values. */
bool view_at_peak(const View *view, const ViewBox *box);

#endif
