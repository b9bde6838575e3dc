/* Every picture that can be reached by opening boxes, at every level of every program: few boxes
 * and arrows, laid out within the size that docs/diagrams.md says, and something inside of each.
 * Without TESTS_ALL a sample of them, of the examples and of one step of CDVM; with it every one is
 * made, and those of more than a few boxes are laid out. */
#include "compiler/peak_marks.h"
#include "graph/draw/draw.h"
#include "graph/draw/draw_pages.h"
#include "tests/shell.h"

#define FIRST 8   /* pictures of a program, and then */
#define SAMPLE 24 /* of so many one */
#define FEW 10    /* boxes, of which a layout is never too large */
#define PIXELS (96.0 / 72)
#define WIDTH 2000
#define HEIGHT 3400

typedef struct Levels {
  const char *model;
  const Plan *plan;
  const PlanProgram *p;
  ViewProgram *of;
  DrawPages *pictures;
  ViewOptions options;
  Strings *paths; /* to be opened, in order */
  Diag *diag;
  bool all;
} Levels;

static uint32_t seen, drawn;
static double widest, highest;
static uint32_t most_boxes, most_arrows;

static void larger(double *most, double value) {
  if (value > *most) *most = value;
}

/* Its size is within the limits, but for the legend, which pages have none of. */
static void check_size(const Levels *l, const char *scope, const char *svg) {
  double width = 0, height = 0;
  const char *size = strstr(svg, "<svg width=\"");
  int n = size ? sscanf(size, "<svg width=\"%lfpt\" height=\"%lfpt\"", &width, &height) : 0;
  bool fits = n == 2 && width * PIXELS <= WIDTH && height * PIXELS <= HEIGHT;
  CU_ASSERT_TRUE(fits);
  if (!fits)
    printf("\n%s, %s: '%s' is %.0f x %.0f\n", l->model, plan_text(l->plan, l->p->name), scope,
           width * PIXELS, height * PIXELS);
  larger(&widest, width * PIXELS);
  larger(&highest, height * PIXELS);
}

static void check_view(const Levels *l, const char *scope, const View *v) {
  uint32_t inside = 0;
  for (uint32_t i = 0; i < v->n_boxes; i++) inside += !v->boxes[i].outside;
  bool ok = v->n_boxes <= VIEW_BOXES && v->n_arrows <= VIEW_ARROWS && inside > (*scope ? 1 : 0);
  CU_ASSERT_TRUE(ok);
  if (!ok)
    printf("\n%s, %s: '%s' has %u boxes, %u of its own, and %u arrows\n", l->model,
           plan_text(l->plan, l->p->name), scope, v->n_boxes, inside, v->n_arrows);
  if (v->n_boxes > most_boxes) most_boxes = v->n_boxes;
  if (v->n_arrows > most_arrows) most_arrows = v->n_arrows;
}

static void note_paths(Levels *l, const View *v) {
  for (uint32_t i = 0; i < v->n_boxes; i++)
    if (*v->boxes[i].path) strings_intern(l->paths, v->boxes[i].path);
  for (uint32_t i = 0; i < v->n_clusters; i++)
    if (*v->clusters[i].path) strings_intern(l->paths, v->clusters[i].path);
}

static void lay_out(Levels *l, const char *scope, const ViewOptions *options) {
  DrawShown shown;
  Status status = draw_pages_add(l->pictures, l->plan, l->p, l->of, options, l->diag, &shown);
  CU_ASSERT_EQUAL(status, STATUS_OK);
  if (status != STATUS_OK) {
    printf("\n%s, %s: '%s' is not drawn\n", l->model, plan_text(l->plan, l->p->name), scope);
    diag_print(l->diag, stdout);
    diag_clear(l->diag);
  }
  if (!shown.view) return;
  check_size(l, scope, draw_pages_text(l->pictures, shown.picture));
  check_view(l, scope, shown.view);
  draw_shown_free(&shown);
  drawn++;
}

static void open_level(Levels *l, uint32_t index) {
  const char *scope = index ? strings_text(l->paths, index) : "";
  bool sampled = index < FIRST || index % SAMPLE == 0;
  View *v;
  ViewOptions options = l->options;
  options.scope = *scope ? scope : NULL;
  if (!l->all && !sampled) return;
  CU_ASSERT_EQUAL(view_build(l->of, &options, l->diag, &v), STATUS_OK);
  if (!v) {
    printf("\n%s, %s: '%s' is not opened\n", l->model, plan_text(l->plan, l->p->name), scope);
    return;
  }
  seen++;
  check_view(l, scope, v);
  note_paths(l, v);
  if (sampled || v->n_boxes > FEW) lay_out(l, scope, &options);
  view_free(v);
}

static void check_program(const char *model, const Plan *plan, const PlanProgram *p,
                          DrawPages *pictures, Diag *diag) {
  Levels l = {.model = model,
              .plan = plan,
              .p = p,
              .pictures = pictures,
              .diag = diag,
              .all = support_all()};
  ViewPeak *peak;
  CU_ASSERT_EQUAL_FATAL(peak_marks(plan, p, diag, &peak, &l.options.n_peak), STATUS_OK);
  l.options.peak = peak;
  l.paths = strings_create();
  CU_ASSERT_EQUAL_FATAL(view_open(plan, p, ops_table(), diag, &l.of), STATUS_OK);
  for (uint32_t i = 0; i == 0 || i < strings_count(l.paths); i++) open_level(&l, i);
  view_close(l.of);
  strings_destroy(l.paths);
  free(peak);
}

static void check(const char *path, const char *const *defines, uint32_t n, uint32_t programs,
                  uint32_t steps) {
  Compiled c = {.diag = diag_create()};
  ModelOptions options = {.path = path, .defines = defines, .n_defines = n};
  PipelineOptions pipeline = {
      .build = {.precision = precision_plain(DTYPE_F32), .shards = 4, .target = &target_cpu}};
  c.status = model_load(&options, ops_table(), c.diag, &c.model);
  if (c.status == STATUS_OK) c.status = pipeline_run(c.model, &pipeline, c.diag, &c.plan);
  CU_ASSERT_EQUAL_FATAL(c.status, STATUS_OK);
  DrawPages *pictures = draw_pages_create();
  CU_ASSERT_PTR_NOT_NULL_FATAL(pictures);
  for (uint32_t p = 0, trains = 0; p < c.plan->n_programs; p++) {
    /* Those that train differ in which domain they hold out. */
    trains += c.plan->programs[p].kind == PROGRAM_TRAIN;
    if (p < programs && (c.plan->programs[p].kind != PROGRAM_TRAIN || trains <= steps))
      check_program(path, c.plan, &c.plan->programs[p], pictures, c.diag);
  }
  draw_pages_destroy(pictures);
  CU_ASSERT_EQUAL(diag_error_count(c.diag), 0);
  support_release(&c);
}

static void check_example(const char *path) {
  check(path, NULL, 0, UINT32_MAX, UINT32_MAX);
}

static void check_ablation(const char *path) {
  static const char *const small[] = {"width=4",         "height=32",    "image_width=16",
                                      "batch_ids=4",     "eval_batch=4", "blocks=2 2 2 2",
                                      "domains=a b c d", "ids=5 5 5 5"};
  check(path, small, 8, UINT32_MAX, 1);
}

static void examples(void) {
  CU_ASSERT_TRUE(support_each_model("models/examples/*.xml", check_example) >= 5);
}

static void cdvm(void) {
  if (!support_all()) {
    check("models/cdvm_small.xml", NULL, 0, 1, 1);
    return;
  }
  CU_ASSERT_TRUE(support_each_model("models/*.xml", check_example) >= 2);
  CU_ASSERT_TRUE(support_each_model("models/ablations/*.xml", check_ablation) >= 10);
}

static void sizes(void) {
  printf("(%u pictures, %u laid out; at most %u boxes, %u arrows, %.0f x %.0f pixels) ", seen,
         drawn, most_boxes, most_arrows, widest, highest);
  CU_ASSERT_TRUE(seen > 60);
}

int main(void) {
  static const SupportTest tests[] = {{"examples", examples}, {"cdvm", cdvm}, {"sizes", sizes}};
  return support_run("levels", tests, sizeof tests / sizeof *tests);
}
