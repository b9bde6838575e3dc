/* Runs a program of a plan on numbers of its own: docs/embedding.md.
 *   cc embed.c $(pkg-config --cflags --libs graphrun) -o embed && ./embed line.plan.xml
 * line.safetensors
 */
#include <graphrun.h>
#include <stdio.h>

/* Tells what the last call says was wrong. */
static int failed(graphrun_plan *plan) {
  fputs(graphrun_message(plan), stderr);
  graphrun_close(plan);
  return 1;
}

int main(int argc, char **argv) {
  graphrun_options options = {.size = sizeof options, .threads = 2};
  graphrun_plan *plan;
  char message[2000];
  float x[4] = {0.5f, 1, 1.5f, 2}, y[4];
  int64_t shape[1] = {4};

  if (argc < 3) return 2;
  if (graphrun_open(argv[1], &options, &plan, message, sizeof message) != GRAPHRUN_OK) {
    fputs(message, stderr);
    return 1;
  }
  for (size_t i = 0; i < graphrun_program_count(plan); i++) {
    const char *program = graphrun_program_name(plan, i);
    graphrun_value value;
    for (size_t k = 0; graphrun_value_at(plan, program, GRAPHRUN_INPUT, k, &value); k++)
      printf("# program %s reads %s: %zu bytes\n", program, value.name, value.bytes);
  }
  if (graphrun_load(plan, "predict", argv[2]) != GRAPHRUN_OK ||
      graphrun_set_input(plan, "predict", "x", GRAPHRUN_F32, 1, shape, x) != GRAPHRUN_OK ||
      graphrun_run(plan, "predict") != GRAPHRUN_OK ||
      graphrun_get_output(plan, "predict", "y", y, sizeof y) != GRAPHRUN_OK)
    return failed(plan);
  for (int i = 0; i < 4; i++) printf("%a\n", (double)y[i]);
  graphrun_close(plan);
  return 0;
}
