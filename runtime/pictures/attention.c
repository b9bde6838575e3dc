/* Figure 5 of the paper: the sum over channels of |Fhat_4|, L2-normalised over the image, laid over
 * it; one row for each image, one column for each network. */
#include "runtime/data/image_write.h"
#include "runtime/pictures/pictures_parts.h"
#include "runtime/report/data_uri.h"
#include "runtime/report/markup.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define IMAGES 8
enum { HIGH = 256, GAP = 10, HEAD = 34, FOOT = 18, KEY = 34 }; /* pixels of the picture */

typedef struct Attention {
  const PicturesOptions *o;
  PictureNetworks networks;
  PictureImages images;
  Features maps[PICTURE_NETWORKS]; /* (images, h w) */
  int64_t map_h[PICTURE_NETWORKS], map_w[PICTURE_NETWORKS];
  int64_t wide; /* of a picture that is HIGH */
  Diag *diag;
} Attention;

/* ---- maps ---- */

/* The shape of the output behind its rows. */
static Status map_shape(Attention *a, uint32_t i) {
  const TrainedNetwork *n = &a->networks.at[i].trained;
  const Graph *g = n->plan->programs[n->program].graph;
  for (uint32_t k = 0; k < g->n_outputs; k++) {
    if (strcmp(graph_text(g, g->outputs[k].name), "attention") != 0) continue;
    const Shape *shape = &g->nodes[g->outputs[k].node].shape;
    if (shape->rank != 3) break;
    a->map_h[i] = shape->dim[1];
    a->map_w[i] = shape->dim[2];
    return STATUS_OK;
  }
  return diag_error(a->diag, STATUS_INVALID, a->networks.at[i].name, "its shape is (n, h, w)",
                    "the output 'attention' has another shape");
}

static Status make_maps(Attention *a) {
  const EvalOptions *e = &a->o->eval;
  for (uint32_t i = 0; i < a->networks.n; i++) {
    TrainedNetwork *n = &a->networks.at[i].trained;
    FeatureJob job = {.paths = a->images.paths,
                      .count = a->images.n,
                      .workers = e->workers ? e->workers : e->threads,
                      .skip_bad = e->skip_bad_images};
    TRY(map_shape(a, i));
    TRY(features_output(&job, n->executor, n->program, "attention", &a->maps[i], a->diag));
  }
  const TrainedNetwork *first = &a->networks.at[0].trained;
  const PlanInput *input = plan_input_find(&first->plan->programs[first->program], "images");
  a->wide = input ? (HIGH * input->shape.dim[2] + input->shape.dim[1] / 2) / input->shape.dim[1]
                  : HIGH / 2;
  return STATUS_OK;
}

/* ---- colours ---- */

/* Mikhailov's polynomial for the colours of "turbo": blue for 0, red for 1. */
static void turbo(float x, float rgb[3]) {
  static const float terms[3][6] = {
      {0.13572138f, 4.61539260f, -42.66032258f, 132.13108234f, -152.94239396f, 59.28637943f},
      {0.09140261f, 2.19418839f, 4.84296658f, -14.18503333f, 4.27729857f, 2.82956604f},
      {0.10667330f, 12.64194608f, -60.58204836f, 110.36276771f, -89.90310912f, 27.34824973f}};
  for (int c = 0; c < 3; c++) {
    float sum = 0;
    for (int k = 5; k >= 0; k--) sum = sum * x + terms[c][k];
    rgb[c] = sum < 0 ? 0 : sum > 1 ? 1 : sum;
  }
}

/* The map between its points, whose middles are those of equal tiles of the image. */
static float map_at(const float *map, int64_t h, int64_t w, double y, double x) {
  y = fmin(fmax(y * (double)h - 0.5, 0), (double)(h - 1));
  x = fmin(fmax(x * (double)w - 0.5, 0), (double)(w - 1));
  int64_t y0 = (int64_t)y, x0 = (int64_t)x, y1 = y0 + 1 < h ? y0 + 1 : y0,
          x1 = x0 + 1 < w ? x0 + 1 : x0;
  double dy = y - (double)y0, dx = x - (double)x0;
  return (float)((1 - dy) * ((1 - dx) * (double)map[y0 * w + x0] + dx * (double)map[y0 * w + x1]) +
                 dy * ((1 - dx) * (double)map[y1 * w + x0] + dx * (double)map[y1 * w + x1]));
}

/* ---- pictures ---- */

static Status put_png(Attention *a, FILE *out, const Image *image) {
  uint8_t *bytes;
  size_t n;
  if (image_png(image, &bytes, &n) != STATUS_OK) return diag_no_memory(a->diag, 1 << 20);
  data_uri_put(out, "image/png", bytes, n);
  free(bytes);
  return STATUS_OK;
}

/* Half image, half colour; `map` NULL: the image alone. */
static void paint(const Attention *a, const float *pixels, const float *map, int64_t h, int64_t w,
                  float most, uint8_t *rgb) {
  for (int64_t y = 0; y < HIGH; y++)
    for (int64_t x = 0; x < a->wide; x++) {
      float color[3];
      if (map)
        turbo(map_at(map, h, w, ((double)y + 0.5) / HIGH, ((double)x + 0.5) / (double)a->wide) /
                  most,
              color);
      for (int c = 0; c < 3; c++) {
        int64_t at = (y * a->wide + x) * 3 + c;
        float v = map ? 0.5f * pixels[at] + 0.5f * color[c] : pixels[at];
        rgb[at] = (uint8_t)(v * 255 + 0.5f);
      }
    }
}

static Status put_picture(Attention *a, FILE *out, const Image *image, int64_t column,
                          int64_t row) {
  fprintf(out, "<image x=\"%lld\" y=\"%lld\" width=\"%lld\" height=\"%d\" href=\"",
          (long long)(GAP + column * (a->wide + GAP)), (long long)(HEAD + row * (HIGH + FOOT)),
          (long long)a->wide, HIGH);
  TRY(put_png(a, out, image));
  fputs("\"/>\n", out);
  return STATUS_OK;
}

/* The largest value of the image in any network: colours mean the same in its row. */
static float largest(const Attention *a, int64_t image) {
  float most = 0;
  for (uint32_t i = 0; i < a->networks.n; i++)
    for (int64_t k = 0; k < a->maps[i].dim; k++)
      most = fmaxf(most, a->maps[i].rows[image * a->maps[i].dim + k]);
  return most > 0 ? most : 1;
}

static Status put_row(Attention *a, FILE *out, int64_t image, int64_t row, float *pixels,
                      uint8_t *rgb) {
  char error[IMAGE_ERROR_MAX];
  Image read, shown = {rgb, HIGH, a->wide};
  const PictureImage *p = &a->images.at[image];
  Status status = image_read(p->image->path, &read, error);
  if (status != STATUS_OK)
    return diag_error(a->diag, status, p->image->path, NULL, "the image %s", error);
  status = image_resize(&read, HIGH, a->wide, pixels);
  free(read.rgb);
  if (status != STATUS_OK) return diag_no_memory(a->diag, 1 << 20);
  paint(a, pixels, NULL, 0, 0, 1, rgb);
  TRY(put_picture(a, out, &shown, 0, row));
  for (uint32_t i = 0; i < a->networks.n; i++) {
    paint(a, pixels, a->maps[i].rows + image * a->maps[i].dim, a->map_h[i], a->map_w[i],
          largest(a, image), rgb);
    TRY(put_picture(a, out, &shown, i + 1, row));
  }
  fprintf(out, "<text x=\"%d\" y=\"%lld\" font-size=\"10\" fill=\"#5b6572\">", GAP,
          (long long)(HEAD + row * (HIGH + FOOT) + HIGH + 11));
  markup_short(out, p->domain->name, 40);
  fputs(", ", out);
  markup_short(out, p->domain->pids[p->image->pid], 20);
  fputs("</text>\n", out);
  return STATUS_OK;
}

static void put_title(const Attention *a, FILE *out, int64_t column, const char *text) {
  fprintf(out, "<text x=\"%lld\" y=\"22\" font-weight=\"600\">",
          (long long)(GAP + column * (a->wide + GAP)));
  markup_short(out, text, (size_t)a->wide / 8);
  fputs("</text>\n", out);
}

/* What the colours mean, as they look over a grey image. */
static void put_key(const Attention *a, FILE *out, int64_t y) {
  enum { STEPS = 64 };
  int64_t left = 2 * GAP + a->wide;
  for (int i = 0; i < STEPS; i++) {
    float rgb[3];
    turbo(((float)i + 0.5f) / STEPS, rgb);
    fprintf(out,
            "<rect x=\"%.2f\" y=\"%lld\" width=\"%.2f\" height=\"8\" fill=\"#%02x%02x%02x\"/>\n",
            (double)left + (double)a->wide * i / STEPS, (long long)y, (double)a->wide / STEPS + 0.3,
            (int)(rgb[0] * 255 + 0.5f), (int)(rgb[1] * 255 + 0.5f), (int)(rgb[2] * 255 + 0.5f));
  }
  fprintf(out,
          "<text x=\"%lld\" y=\"%lld\" font-size=\"10\" fill=\"#5b6572\">0</text>\n"
          "<text x=\"%lld\" y=\"%lld\" font-size=\"10\" fill=\"#5b6572\" "
          "text-anchor=\"end\">row's largest</text>\n",
          (long long)left, (long long)y + 19, (long long)(left + a->wide), (long long)y + 19);
}

static Status put_rows(Attention *a, FILE *out) {
  int64_t rows = 0;
  size_t n = (size_t)(HIGH * a->wide * 3);
  float *pixels = malloc(n * sizeof *pixels);
  uint8_t *rgb = malloc(n);
  Status status = pixels && rgb ? STATUS_OK : diag_no_memory(a->diag, n * 5);
  for (int64_t i = 0; status == STATUS_OK && i < a->images.n; i++)
    if (!a->maps[0].bad[i]) status = put_row(a, out, i, rows++, pixels, rgb);
  free(pixels);
  free(rgb);
  return status;
}

static Status write_picture(Attention *a) {
  PictureFile file;
  TRY(picture_open(a->o, "attention.svg", &file, a->diag));
  int64_t columns = a->networks.n + 1, rows = a->images.n - a->maps[0].n_bad;
  int64_t width = GAP + columns * (a->wide + GAP), height = HEAD + rows * (HIGH + FOOT) + KEY;
  fprintf(file.out,
          "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %lld %lld\" width=\"%lld\" "
          "height=\"%lld\" font-family=\"'DejaVu Sans',sans-serif\" font-size=\"12\">\n"
          "<title>attention</title>\n<rect width=\"%lld\" height=\"%lld\" fill=\"#fff\"/>\n",
          (long long)width, (long long)height, (long long)width, (long long)height,
          (long long)width, (long long)height);
  put_title(a, file.out, 0, "image");
  for (uint32_t i = 0; i < a->networks.n; i++)
    put_title(a, file.out, i + 1, a->networks.at[i].name);
  Status status = put_rows(a, file.out);
  put_key(a, file.out, height - KEY + 6);
  fputs("</svg>\n", file.out);
  if (status == STATUS_OK) return picture_close(&file, a->diag);
  fclose(file.out);
  free(file.text);
  return status;
}

Status pictures_attention(const PicturesOptions *o, Diag *diag) {
  Attention a = {.o = o, .diag = diag};
  Status status = picture_networks_open(o, PROGRAM_EXTRACT, "attention", &a.networks, diag);
  if (status == STATUS_OK)
    status = picture_images_draw(o, a.networks.at[0].trained.plan, o->images ? o->images : IMAGES,
                                 true, &a.images, diag);
  if (status == STATUS_OK) status = make_maps(&a);
  if (status == STATUS_OK) status = write_picture(&a);
  for (uint32_t i = 0; i < PICTURE_NETWORKS; i++) features_release(&a.maps[i]);
  picture_images_release(&a.images);
  picture_networks_close(&a.networks);
  return status;
}
