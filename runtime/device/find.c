/* The lists are CMake's: runtime/device/device_NAME.c defines `const DeviceTable device_NAME`;
 * runtime/NAME/plugin.cmake says what a device lacks that this build cannot have. */
#include "runtime/device/find.h"

#include "graph/base/text.h"
#include "runtime/device/plugin.h"

#include <glob.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#define DEVICE(NAME) extern const DeviceTable device_##NAME;
#include <devices.inc>
#undef DEVICE

#define DEVICE(NAME) &device_##NAME,
static const DeviceTable *const all[] = {
#include <devices.inc>
};
#define N_ALL (sizeof all / sizeof *all)

typedef struct Missing {
  const char *name, *why;
} Missing;
#define MISSING(NAME, WHY) {#NAME, WHY},
static const Missing missing[] = {
#include <missing.inc>
    {NULL, NULL}};

/* `FOLDER/device_NAME.so`, with the folder of the program's file; without one where that is not
 * known. */
static void plugin_path(const char *name, char path[PATH_MAX + 128]) {
  char program[PATH_MAX];
  ssize_t n = readlink("/proc/self/exe", program, sizeof program - 1);
  while (n > 0 && program[n - 1] != '/') n--;
  text_format(path, PATH_MAX + 128, "%.*sdevice_%.64s.so", n < 0 ? 0 : (int)n, program, name);
}

/* Adds the names of plug-ins that lie where `path` does. */
static void list_plugins(const char *path, char *names, size_t size, size_t n) {
  char pattern[PATH_MAX + 128];
  glob_t found;
  const char *slash = strrchr(path, '/');
  text_format(pattern, sizeof pattern, "%.*sdevice_*.so", slash ? (int)(slash + 1 - path) : 0,
              path);
  if (glob(pattern, 0, NULL, &found) != 0) return;
  for (size_t i = 0; i < found.gl_pathc; i++) {
    const char *file = strrchr(found.gl_pathv[i], '/'), *name = file ? file + 1 : found.gl_pathv[i];
    name += strlen("device_");
    n = text_append(names, size, n, " %.*s", (int)(strlen(name) - strlen(".so")), name);
  }
  globfree(&found);
}

static Status no_device(const char *name, const char *path, Diag *diag) {
  char names[256] = "";
  const char *why = NULL;
  size_t n = 0;
  for (size_t i = 0; i < N_ALL; i++)
    n = text_append(names, sizeof names, n, "%s%s", i ? " " : "", all[i]->name);
  list_plugins(path, names, sizeof names, n);
  for (const Missing *m = missing; m->name; m++)
    if (strcmp(m->name, name) == 0) why = m->why;
  const char *hint = "--device=FILE with a slash in it loads a plug-in from elsewhere";
  if (why)
    return diag_error(diag, STATUS_SYSTEM, "--device", hint,
                      "there is no device '%s': %s; this build has: %s", name, why, names);
  return diag_error(diag, STATUS_SYSTEM, "--device", hint,
                    "there is no device '%s': this build has: %s; and there is no plug-in %s", name,
                    names, path);
}

Status device_find(const char *name, Diag *diag, const DeviceTable **out_device) {
  char path[PATH_MAX + 128];
  *out_device = NULL;
  if (strchr(name, '/')) return device_plugin_load(name, diag, out_device);
  for (size_t i = 0; i < N_ALL; i++)
    if (strcmp(all[i]->name, name) == 0) {
      *out_device = all[i];
      return STATUS_OK;
    }
  plugin_path(name, path);
  if (access(path, F_OK) != 0) return no_device(name, path, diag);
  return device_plugin_load(path, diag, out_device);
}

Status device_choose(const char *text, Diag *diag, const DeviceTable **out_device,
                     DeviceWishes *out_wishes) {
  char name[PATH_MAX];
  const char *slash = strrchr(text, '/'), *colon = strchr(slash ? slash : text, ':');
  *out_device = NULL;
  out_wishes->which = colon ? colon + 1 : NULL;
  if (colon && !colon[1])
    return diag_error(diag, STATUS_USAGE, "--device", NULL,
                      "nothing stands behind the colon of '%s'", text);
  text_format(name, sizeof name, "%.*s", colon ? (int)(colon - text) : PATH_MAX - 1, text);
  return device_find(name, diag, out_device);
}
