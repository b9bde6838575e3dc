/* Images of texts. */
#include "tests/cusim/image.h"
#include "tests/cusim/sim.h"

#include <stdlib.h>
#include <string.h>

Image *image_create(const char *source, const char *name, int architecture,
                    const char *const *defines, uint32_t n) {
  size_t texts = strlen(name) + strlen(source) + 2;
  for (uint32_t i = 0; i < n; i++) texts += strlen(defines[i]) + 1;
  Image *image = calloc(1, sizeof *image + texts);
  if (!image) return NULL;
  *image = (Image){.magic = IMAGE_MAGIC,
                   .architecture = (uint32_t)architecture,
                   .n_defines = n,
                   .bytes = sizeof *image + texts};
  char *to = image->texts;
  to = stpcpy(to, name) + 1;
  to = stpcpy(to, source) + 1;
  for (uint32_t i = 0; i < n; i++) to = stpcpy(to, defines[i]) + 1;
  return image;
}

ModuleEnd image_make(const Image *image, const CusimModule **out, char **log) {
  const char *name = image->texts, *source = name + strlen(name) + 1;
  const char *defines[image->n_defines + 1], *at = source + strlen(source) + 1;
  for (uint32_t i = 0; i < image->n_defines; i++, at += strlen(at) + 1) defines[i] = at;
  defines[image->n_defines] = NULL;
  return module_make(source, name,
                     &(ModuleOptions){.architecture = (int)image->architecture,
                                      .watched = !sim.options.fast,
                                      .defines = defines},
                     out, log);
}

bool cusim_compiles(void) {
  return module_compiler();
}
