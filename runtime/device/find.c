/* The lists are CMake's: runtime/device/device_NAME.c defines `const DeviceTable device_NAME`;
 * runtime/NAME/plugin.cmake says what a device lacks that this build cannot have. */
#include "runtime/device/find.h"

#include "graph/base/beside.h"
#include "graph/base/text.h"
#include "runtime/device/plugin.h"

#include <glob.h>
#include <limits.h>
#include <string.h>

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

static void plugin_file(const char *name, char file[96]) {
  text_format(file, 96, "device_%.64s.so", name);
}

/* Plug-ins that lie where one would be found. */
static void list_plugins(char *names, size_t size, size_t n) {
  for (int place = 0; place < BESIDE_PLACES; place++) {
    char pattern[BESIDE_MAX];
    glob_t found;
    if (!beside_path(place, "device_*.so", pattern)) return;
    if (glob(pattern, 0, NULL, &found) != 0) continue;
    for (size_t i = 0; i < found.gl_pathc; i++) {
      const char *name = strrchr(found.gl_pathv[i], '/') + 1 + strlen("device_");
      n = text_append(names, size, n, " %.*s", (int)(strlen(name) - strlen(".so")), name);
    }
    globfree(&found);
  }
}

const char *device_names(char *text, size_t size) {
  size_t n = 0;
  *text = '\0';
  for (size_t i = 0; i < N_ALL; i++)
    n = text_append(text, size, n, "%s%s", i ? " " : "", all[i]->name);
  list_plugins(text, size, n);
  return text;
}

const char *device_lacks(char *text, size_t size) {
  size_t n = 0;
  *text = '\0';
  for (const Missing *m = missing; m->name; m++)
    n = text_append(text, size, n, " (no %s: %s)", m->name, m->why);
  return text;
}

static Status no_device(const char *name, const char *path, Diag *diag) {
  char names[256];
  const char *why = NULL;
  device_names(names, sizeof names);
  for (const Missing *m = missing; m->name; m++)
    if (strcmp(m->name, name) == 0) why = m->why;
  char hint[160] = "--device=FILE with a slash in it loads a plug-in from elsewhere", list[256];
  const char *known[16], *near;
  size_t n = 0;
  char *rest;
  text_format(list, sizeof list, "%s", names);
  for (char *at = strtok_r(list, " ", &rest); at && n < 16; at = strtok_r(NULL, " ", &rest))
    known[n++] = at;
  near = diag_nearest(strcasestr(name, "gpu") ? "cuda" : name, known, n); /* gpu is near to cpu */
  if (near && !why) text_format(hint, sizeof hint, "did you mean --device=%s?", near);
  if (why)
    return diag_error(diag, STATUS_SYSTEM, "--device", hint,
                      "there is no device '%s': %s; this build has: %s", name, why, names);
  return diag_error(diag, STATUS_SYSTEM, "--device", hint,
                    "there is no device '%s': this build has: %s; and there is no plug-in %s", name,
                    names, path);
}

Status device_find(const char *name, Diag *diag, const DeviceTable **out_device) {
  char path[BESIDE_MAX], file[96];
  *out_device = NULL;
  if (strchr(name, '/')) return device_plugin_load(name, diag, out_device);
  for (size_t i = 0; i < N_ALL; i++)
    if (strcmp(all[i]->name, name) == 0) {
      *out_device = all[i];
      return STATUS_OK;
    }
  plugin_file(name, file);
  if (!beside_find(file, path)) return no_device(name, path, diag);
  return device_plugin_load(path, diag, out_device);
}

Status device_choose(const char *text, Diag *diag, const DeviceTable **out_device,
                     DeviceWishes *out_wishes) {
  char name[PATH_MAX];
  const char *slash = strrchr(text, '/'), *colon = strchr(slash ? slash : text, ':');
  *out_device = NULL;
  out_wishes->which = colon ? colon + 1 : NULL;
  if (colon && !colon[1])
    return diag_error(diag, STATUS_USAGE, "--device", "--device=cuda:0 is the first GPU",
                      "nothing stands behind the colon of '%s'", text);
  text_format(name, sizeof name, "%.*s", colon ? (int)(colon - text) : PATH_MAX - 1, text);
  return device_find(name, diag, out_device);
}
