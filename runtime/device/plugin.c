/* Loads a plug-in and looks whether it is one of this build. */
#include "runtime/device/plugin.h"

#include <dlfcn.h>
#include <string.h>

static Status refuse(void *library, const char *path, const char *hint, const char *why,
                     Diag *diag) {
  dlclose(library);
  return diag_error(diag, STATUS_SYSTEM, path, hint, "%s", why);
}

Status device_plugin_load(const char *path, Diag *diag, const DeviceTable **out_device) {
  static const uint32_t build[] = DEVICE_PLUGIN_BUILD;
  *out_device = NULL;
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL | RTLD_NODELETE);
  if (!library) {
    /* The text begins with the file that is missing, which may be this one. */
    const char *why = dlerror();
    size_t n = strlen(path);
    if (why && strncmp(why, path, n) == 0 && strncmp(why + n, ": ", 2) == 0) why += n + 2;
    return diag_error(diag, STATUS_SYSTEM, path,
                      "a name with a slash is a plug-in's file; cpu and cuda are names without",
                      "the device cannot be loaded: %s", why ? why : "unknown error");
  }
  const DevicePlugin *plugin = dlsym(library, "graphc_device");
  if (!plugin)
    return refuse(library, path, "a device's file is called device_NAME.so",
                  "this is no device: it does not export 'graphc_device'", diag);
  if (memcmp(plugin->build, build, sizeof build) != 0)
    return refuse(library, path, "build both anew: cmake --build",
                  "the device was built for another version of this program", diag);
  *out_device = plugin->device;
  return STATUS_OK;
}
