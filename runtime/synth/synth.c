/* Writes the synthetic domains, one after the other in the layout of Market-1501; the list of them
 * comes last, and makes the data set whole. */
#include "runtime/synth/synth.h"

#include "graph/base/meter.h"
#include "runtime/synth/synth_scene.h"

#include <errno.h>
#include <gdk-pixbuf/gdk-pixbuf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const names[SYNTH_DOMAINS_MAX] = {
    "plaza",  "campus", "station", "mall",   "street", "office", "airport",  "garage",
    "square", "park",   "subway",  "market", "avenue", "clinic", "terminal", "depot"};

const char *synth_domain_name(int i) {
  return i >= 0 && i < SYNTH_DOMAINS_MAX ? names[i] : NULL;
}

typedef struct Writer {
  SynthOptions o;
  int domain;
  Domain place;
  Camera *cameras; /* (o.cameras) */
  Studio *studio;
  Diag *diag;
  Meter *meter;
} Writer;

static Status system_error(Diag *diag, const char *path, const char *what) {
  return diag_error(diag, STATUS_SYSTEM, path, NULL, "cannot %s: %s", what, strerror(errno));
}

static Status join(char *out, size_t size, Diag *diag, const char *dir, const char *rest) {
  int n = snprintf(out, size, "%s/%s", dir, rest);
  if (n < 0 || (size_t)n >= size)
    return diag_error(diag, STATUS_INVALID, dir, NULL, "path too long");
  return STATUS_OK;
}

static Status make_folder(const char *path, Diag *diag) {
  struct stat info;
  if (mkdir(path, 0777) == 0) return STATUS_OK;
  if (errno == EEXIST && stat(path, &info) == 0 && S_ISDIR(info.st_mode)) return STATUS_OK;
  return system_error(diag, path, "create the folder");
}

static Status write_file(const char *path, const void *bytes, size_t n, Diag *diag) {
  FILE *file = fopen(path, "wb");
  if (!file) return system_error(diag, path, "create the file");
  bool written = fwrite(bytes, 1, n, file) == n;
  int error = errno;
  if (fclose(file) == 0 && written) return STATUS_OK;
  if (!written) errno = error;
  return system_error(diag, path, "write");
}

static Status write_image(const Writer *w, const char *path) {
  GdkPixbuf *image =
      gdk_pixbuf_new_from_data(w->studio->rgb, GDK_COLORSPACE_RGB, FALSE, 8, SCENE_WIDTH,
                               SCENE_HEIGHT, SCENE_WIDTH * 3, NULL, NULL);
  gchar *bytes = NULL;
  gsize n = 0;
  GError *error = NULL;
  Status status;
  if (!image) return diag_no_memory(w->diag, sizeof w->studio->rgb);
  if (gdk_pixbuf_save_to_buffer(image, &bytes, &n, "jpeg", &error, "quality", "90", NULL))
    status = write_file(path, bytes, n, w->diag);
  else
    status = diag_error(w->diag, STATUS_SYSTEM, path, "gdk-pixbuf needs its JPEG module",
                        "cannot encode the image: %s", error ? error->message : "unknown reason");
  g_clear_error(&error);
  g_free(bytes);
  g_object_unref(image);
  return status;
}

/* One image of a person: `person` numbers everybody in the domain, distractors included; `pid` and
 * `shot` name the file. */
static Status shoot(const Writer *w, const Person *p, int64_t person, int camera, int image,
                    const char *folder, int pid, int shot) {
  char name[96], path[4096];
  uint64_t step = ((uint64_t)w->domain << 40) | ((uint64_t)person << 16) | ((uint64_t)camera << 8) |
                  (uint64_t)image;
  Draws draws = {w->o.seed, philox_site("synth/image"), step, 0};
  scene_shoot(&w->cameras[camera], p, &draws, w->studio);
  snprintf(name, sizeof name, "%s/%s/%04d_c%ds1_%06d_%02d.jpg", names[w->domain], folder, pid,
           camera + 1, shot, image + 1);
  TRY(join(path, sizeof path, w->diag, w->o.dir, name));
  meter_add(w->meter, 1);
  return write_image(w, path);
}

static Person draw_person(const Writer *w, int64_t person) {
  Draws draws = {w->o.seed, philox_site("synth/person"),
                 ((uint64_t)w->domain << 40) | (uint64_t)person, 0};
  return person_draw(&draws);
}

/* Training identities have odd pids and test identities even ones, so that both sets can grow
 * without changing an image. */
static Status write_people(const Writer *w) {
  for (int side = 0; side < 2; side++)
    for (int i = 0; i < (side ? w->o.test_ids : w->o.train_ids); i++) {
      int pid = 2 * i + 1 + side;
      Person p = draw_person(w, pid);
      for (int camera = 0; camera < w->o.cameras; camera++)
        for (int image = 0; image < w->o.images; image++)
          TRY(shoot(w, &p, pid, camera, image,
                    side == 0    ? "bounding_box_train"
                    : image == 0 ? "query"
                                 : "bounding_box_test",
                    pid, pid * 25 + image));
    }
  for (int i = 0; i < w->o.distractors; i++) {
    Person p = draw_person(w, 100000 + i);
    TRY(shoot(w, &p, 100000 + i, i % w->o.cameras, 0, "bounding_box_test", 0, 900000 + i));
  }
  return STATUS_OK;
}

static Status write_domain(Writer *w, int domain) {
  static const char *const folders[] = {"", "/bounding_box_train", "/query", "/bounding_box_test"};
  char path[4096], name[64];
  Status status = STATUS_OK;
  int n = 0;
  w->domain = domain;
  w->place = scene_domain_draw(w->o.seed, domain);
  for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
    snprintf(name, sizeof name, "%s%s", names[domain], folders[i]);
    TRY(join(path, sizeof path, w->diag, w->o.dir, name));
    TRY(make_folder(path, w->diag));
  }
  for (; n < w->o.cameras && status == STATUS_OK; n++)
    status = scene_camera_create(&w->place, w->o.seed, domain, n, &w->cameras[n], w->diag);
  if (status == STATUS_OK) status = write_people(w);
  while (n > 0) scene_camera_release(&w->cameras[--n]);
  return status;
}

static Status write_list(const Writer *w) {
  char path[4096], text[SYNTH_DOMAINS_MAX * 64];
  size_t n = 0;
  for (int i = 0; i < w->o.domains; i++)
    n += (size_t)snprintf(text + n, sizeof text - n, "%s market %s\n", names[i], names[i]);
  TRY(join(path, sizeof path, w->diag, w->o.dir, "synth.domains"));
  return write_file(path, text, n, w->diag);
}

static Status take(int *value, int fallback, int low, int high, const char *name, Diag *diag) {
  if (*value == 0) *value = fallback;
  if (*value >= low && *value <= high) return STATUS_OK;
  return diag_error(diag, STATUS_USAGE, "synth", NULL, "%s must lie between %d and %d, not at %d",
                    name, low, high, *value);
}

/* Over another set, its pictures would mix with those that this one does not write. */
static Status check_free(const Writer *w) {
  char path[4096];
  for (int i = 0; i <= w->o.domains; i++) {
    TRY(join(path, sizeof path, w->diag, w->o.dir, i < w->o.domains ? names[i] : "synth.domains"));
    if (access(path, F_OK) == 0)
      return diag_error(w->diag, STATUS_INVALID, path,
                        "remove the set that is there, or name another folder", "exists already");
  }
  return STATUS_OK;
}

static int64_t count_images(const SynthOptions *o) {
  int64_t shots = (int64_t)o->cameras * o->images;
  return o->domains *
         ((o->train_ids + o->test_ids) * shots + (o->distractors > 0 ? o->distractors : 0));
}

Status synth_write(const SynthOptions *options, Diag *diag) {
  Writer w = {.o = *options, .diag = diag};
  if (!w.o.dir || !*w.o.dir)
    return diag_error(diag, STATUS_USAGE, "synth", NULL, "no folder is named");
  TRY(take(&w.o.domains, 4, 1, SYNTH_DOMAINS_MAX, "domains", diag));
  TRY(take(&w.o.train_ids, 100, 1, SYNTH_IDS_MAX, "training identities", diag));
  TRY(take(&w.o.test_ids, 60, 1, SYNTH_IDS_MAX, "test identities", diag));
  TRY(take(&w.o.cameras, 3, SYNTH_CAMERAS_MIN, SYNTH_CAMERAS_MAX, "cameras", diag));
  TRY(take(&w.o.images, 2, SYNTH_IMAGES_MIN, SYNTH_IMAGES_MAX, "images per camera", diag));
  TRY(take(&w.o.distractors, 20, -1, SYNTH_DISTRACTORS_MAX, "distractors", diag));
  TRY(check_free(&w));
  TRY(make_folder(w.o.dir, diag));
  w.cameras = calloc((size_t)w.o.cameras, sizeof *w.cameras);
  w.studio = malloc(sizeof *w.studio);
  Status status = w.cameras && w.studio ? STATUS_OK : diag_no_memory(diag, sizeof *w.studio);
  w.meter = meter_start("drawing", "images", count_images(&w.o));
  for (int i = 0; i < w.o.domains && status == STATUS_OK; i++) status = write_domain(&w, i);
  meter_end(w.meter);
  if (status == STATUS_OK) status = write_list(&w);
  free(w.cameras);
  free(w.studio);
  return status;
}
