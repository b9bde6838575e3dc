/* The loader knows which object a function is in; the program's own has no name there. */
#include "graph/base/beside.h"

#include "graph/base/text.h"

#include <dlfcn.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The folder of the object, with a slash at its end. */
static bool own_folder(char folder[PATH_MAX]) {
  Dl_info info;
  struct link_map *map = NULL;
  static const char own = 0;
  bool known = dladdr1(&own, &info, (void **)&map, RTLD_DL_LINKMAP) != 0 && map;
  if (!known || !*map->l_name) {
    ssize_t n = readlink("/proc/self/exe", folder, PATH_MAX - 1);
    if (n <= 0) return false;
    folder[n] = '\0';
  } else if (!realpath(map->l_name, folder)) {
    return false;
  }
  char *slash = strrchr(folder, '/');
  if (slash) slash[1] = '\0';
  return slash != NULL;
}

bool beside_path(int place, const char *file, char path[BESIDE_MAX]) {
  static const char *const places[BESIDE_PLACES] = {"", "../lib/graphc/", "graphc/"};
  char folder[PATH_MAX];
  if (!own_folder(folder)) return false;
  text_format(path, BESIDE_MAX, "%s%s%s", folder, places[place], file);
  return true;
}

bool beside_find(const char *file, char path[BESIDE_MAX]) {
  for (int place = 0; place < BESIDE_PLACES; place++)
    if (beside_path(place, file, path) && access(path, F_OK) == 0) return true;
  if (!beside_path(0, file, path)) text_format(path, BESIDE_MAX, "%s", file);
  return false;
}
