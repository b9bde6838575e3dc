/* What a plan costs: parameters, multiply-adds, memory; per program and per scope. */
#ifndef COMPILER_REPORT_H
#define COMPILER_REPORT_H

#include "graph/plan/plan.h"

/* A few lines: programs, parameters, multiply-adds, state, scratch, peak. */
void report_summary(const Plan *plan, FILE *out);
/* What a report tells of; zero: of everything. */
typedef struct ReportView {
  const PlanProgram *program; /* only this one; NULL: each */
  const char *scope;          /* rows and tensors of this scope and below it only; NULL: all */
  int depth; /* parts of a name below `scope` that have a row of their own; <= 0: 2 */
} ReportView;
/* The summary and tables per scope.  Totals of a program are of the whole program. */
Status report_text(const Plan *plan, const ReportView *view, FILE *out, Diag *diag);
/* The same as JSON, keys sorted as written. */
Status report_json(const Plan *plan, const ReportView *view, FILE *out, Diag *diag);

/* Sums over states or nodes: those whose scope begins alike, those of one op, or all. */
typedef struct ReportSums {
  const char *name; /* owned by the report */
  int64_t parameters;
  int64_t macs, forward_macs;
  int64_t flops, bytes;   /* operations, bytes that kernels must move: ops/work.h */
  int64_t nodes, kernels; /* a kernel counts where its last member stands */
  int64_t unfused; /* kernels if each op had its own: constants and repetitions do not count, unless
                      they are a kernel */
} ReportSums;
typedef struct ReportTable {
  ReportSums *rows; /* sorted by name */
  uint32_t n;
} ReportTable;
/* Trainable elements by the first `depth` parts of a parameter's scope, of those below `within`
 * (NULL: all). */
Status report_parameters(const Plan *plan, const char *within, int depth, Diag *diag,
                         ReportTable *out);
/* What a program computes, of nodes below `within`: by the first `depth` parts of their scopes, or,
 * depth 0, by op. */
Status report_work(const Plan *plan, const PlanProgram *program, const char *within, int depth,
                   Diag *diag, ReportTable *out);
/* All of a program, without rows. */
Status report_program(const Plan *plan, const PlanProgram *program, Diag *diag, ReportSums *out);
void report_table_free(ReportTable *table);

/* What the ranks of a program exchange. */
typedef struct ReportMeetings {
  uint32_t collectives, exchanges; /* several collectives may travel in one exchange */
  int64_t sum_bytes, gather_bytes; /* that a rank brings */
} ReportMeetings;
ReportMeetings report_meetings(const PlanProgram *program);

/* A buffer in scratch at the peak. */
typedef struct ReportTensor {
  NodeId node;   /* the value in it, or the last member of the kernel that works in it */
  bool work;     /* a kernel's work buffer */
  int64_t bytes; /* with its alignment */
} ReportTensor;
/* Where the most bytes of scratch are taken: the kernel that --explain-peak names, too. */
typedef struct ReportPeak {
  uint32_t step; /* from 1; 0: before the first kernel; n_steps + 1: at the end */
  int64_t bytes; /* the tensors' sum: the program's lower_bound, or more where kernels overlap */
  ReportTensor *tensors; /* largest first */
  uint32_t n;
} ReportPeak;
Status report_peak(const Plan *plan, const PlanProgram *program, Diag *diag, ReportPeak *out);
void report_peak_free(ReportPeak *peak); /* after a success */
/* `kernel 7 of 90`, `before the first kernel`, `at the end`. */
const char *report_peak_text(const PlanProgram *program, uint32_t step, char text[48]);

/* A line about it without an end: bytes, op, shape, role, name and place; returns its length. */
size_t report_tensor_text(const Graph *graph, const ReportTensor *tensor, char *text, size_t size);

#endif
