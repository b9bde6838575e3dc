/* Which elements read a variable of elaboration, by what is written: all branches of conditions
 * count, whichever a setting takes. */
#ifndef GRAPH_LANGUAGE_READS_H
#define GRAPH_LANGUAGE_READS_H

#include "graph/language/load.h"

/* Whether one of the element's own attributes reads `name`. */
bool reads_element(const RawElement *el, const char *name);
/* Whether the element or one inside it does; below an arg, let or for of that name it means those.
 */
bool reads_tree(const RawElement *el, const char *name);
/* Warns of params and lets of the model's own file, and of settings of params, that nothing reads;
 * templates count when something calls them. */
Status reads_warn(Loader *l, const Model *model);

#endif
