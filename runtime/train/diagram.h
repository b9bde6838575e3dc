/* Pictures of the model, each made by a process beside the run (tools/graphrun_draw.c). */
#ifndef RUNTIME_TRAIN_DIAGRAM_H
#define RUNTIME_TRAIN_DIAGRAM_H

typedef struct Diagram Diagram;

/* Begins to draw the plan's `network` or `step` into FOLDER/FILE.  NULL: there will be none (no
 * drawing program beside this one, or no process). */
Diagram *diagram_start(const char *plan, const char *what, const char *folder, const char *file);
/* The SVG element, once it is there; NULL until then, when drawing failed, and where the plan has
 * nothing of the kind.  Waits no longer than
 * `seconds`.  Valid until diagram_end. */
const char *diagram_text(Diagram *diagram, double seconds);
/* Ends a process that still draws. */
void diagram_end(Diagram *diagram);

#endif
