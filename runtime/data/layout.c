/* The table of layouts.  Sources: the sets' own archives; published figures from the papers that
 * introduced them. */
#include "runtime/data/layout.h"

#include "runtime/data/identity.h"

#include <string.h>

#define DIGITS "0123456789"

/* ---- names ---- */

/* `-1_c3s1_...`, `0002_c1s1_000451_03.jpg`, `0005_c2_f0046985.jpg`, `0001_c1_1.png` */
static bool parse_market(const char *name, DataName *out) {
  size_t n = strspn(name + (*name == '-'), DIGITS);
  *out = (DataName){.pid = name, .n_pid = n + (*name == '-')};
  if (n == 0 || strncmp(name + out->n_pid, "_c", 2) != 0) return false;
  out->camera = name + out->n_pid + 2;
  out->n_camera = strspn(out->camera, DIGITS);
  return out->n_camera > 0;
}

/* Digits up to a `_`: `000_45.bmp`, `0001_1_25004_107_32_106_221.jpeg`, `001_1.png` */
static bool parse_field(const char *name, DataName *out) {
  *out = (DataName){.pid = name, .n_pid = strspn(name, DIGITS)};
  return out->n_pid > 0 && name[out->n_pid] == '_';
}

/* `person_0001.png` */
static bool parse_prid(const char *name, DataName *out) {
  if (strncmp(name, "person_", 7) != 0) return false;
  *out = (DataName){.pid = name + 7, .n_pid = strspn(name + 7, DIGITS)};
  return out->n_pid > 0 && out->pid[out->n_pid] == '.';
}

/* `0001001.jpg`: four digits, then three */
static bool parse_ilids(const char *name, DataName *out) {
  *out = (DataName){name, name + 4, 4, 3};
  return strspn(name, DIGITS) == 7 && name[7] == '.';
}

/* `p11422_s16929_1.jpg` */
static bool parse_cuhksysu(const char *name, DataName *out) {
  return *name == 'p' && parse_field(name + 1, out);
}

/* ---- where an identity is unique ---- */

static size_t within_pair(const DataPart *part, const DataName *name) {
  (void)name;
  return strcspn(part->folder, "/");
}

/* The first 200 people of PRID were seen by both cameras; from there on numbers are the camera's.
 */
static size_t within_camera(const DataPart *part, const DataName *name) {
  const char *at = name->pid + strspn(name->pid, "0");
  size_t n = name->n_pid - (size_t)(at - name->pid);
  bool shared = n < 3 || (n == 3 && strncmp(at, "200", 3) <= 0);
  return shared ? 0 : strlen(part->folder);
}

/* ---- folders ---- */

static const char *const market_roots[] = {"", "Market-1501-v15.09.15", NULL};
static const char *const duke_roots[] = {"", "DukeMTMC-reID", NULL};
static const char *const cuhk03_roots[] = {
    "labeled", "cuhk03-np/labeled", "detected", "cuhk03-np/detected", "", NULL};
static const char *const cuhk03mat_roots[] = {"", "cuhk03_release", NULL};
static const char *const msmt17_roots[] = {"", "MSMT17_V1", "MSMT17_V2", NULL};
static const char *const cuhk02_roots[] = {"", "Dataset", NULL};
static const char *const cuhksysu_roots[] = {"cropped_images", "CUHK-SYSU/cropped_images", "",
                                             NULL};
static const char *const viper_roots[] = {"", "VIPeR", NULL};
static const char *const prid_roots[] = {"single_shot", "prid_2011/single_shot", "", NULL};
static const char *const grid_roots[] = {"", "underground_reid", NULL};
static const char *const ilids_roots[] = {"Persons", "i-LIDS_Pedestrian/Persons", "", NULL};

static const DataPart market_parts[] = {{"bounding_box_train", NULL, SPLIT_TRAIN},
                                        {"query", NULL, SPLIT_QUERY},
                                        {"bounding_box_test", NULL, SPLIT_GALLERY}};
static const DataPart cuhksysu_parts[] = {{"", "1", SPLIT_TRAIN}};
static const DataPart cuhk02_parts[] = {
    {"P1/cam1", "P1/cam1", SPLIT_TRAIN}, {"P1/cam2", "P1/cam2", SPLIT_TRAIN},
    {"P2/cam1", "P2/cam1", SPLIT_TRAIN}, {"P2/cam2", "P2/cam2", SPLIT_TRAIN},
    {"P3/cam1", "P3/cam1", SPLIT_TRAIN}, {"P3/cam2", "P3/cam2", SPLIT_TRAIN},
    {"P4/cam1", "P4/cam1", SPLIT_TRAIN}, {"P4/cam2", "P4/cam2", SPLIT_TRAIN},
    {"P5/cam1", "P5/cam1", SPLIT_TRAIN}, {"P5/cam2", "P5/cam2", SPLIT_TRAIN}};
static const DataPart camera_parts[] = {{"cam_a", "cam_a", SPLIT_QUERY},
                                        {"cam_b", "cam_b", SPLIT_GALLERY}};
static const DataPart grid_parts[] = {{"probe", "probe", SPLIT_QUERY},
                                      {"gallery", "gallery", SPLIT_GALLERY}};
static const DataPart ilids_parts[] = {{"", NULL, SPLIT_GALLERY}};

/* Market's folders and names, but for the frame; where that is told the set is this one. */
static bool parse_duke_frame(const char *name, DataName *out) {
  return parse_market(name, out) && strncmp(out->camera + out->n_camera, "_f", 2) == 0;
}
static const char *recognise_duke(const DataLayout *layout, Arena *arena, const char *path,
                                  bool empty) {
  DataLayout strict = *layout;
  strict.parse = parse_duke_frame;
  const char *root = empty ? NULL : data_parts_recognise(&strict, arena, path, false);
  if (root || data_parts_recognise(data_layout_find("market"), arena, path, empty)) return root;
  return data_parts_recognise(layout, arena, path, empty);
}

#define PARTS(TABLE) .parts = TABLE, .n_parts = sizeof TABLE / sizeof *TABLE

/* ---- the table ---- */

/* Recognised in this order when a folder is given as DATA. */
static const DataLayout layouts[] = {
    {.word = "csv",
     .set = "any, by a manifest",
     .form = "a header line `path,pid,camera,domain,split`, then a line an image",
     .identity = "column",
     .camera = "column",
     .use = "column",
     .read = data_read_csv},
    {.word = "dukemtmc",
     .set = "DukeMTMC-reID",
     .form = "bounding_box_train, query, bounding_box_test: 0005_c2_f0046985.jpg",
     .identity = "1st field",
     .camera = "digits after c",
     .use = "by folder",
     .people = 1812,
     .images = 36411,
     .read = data_read_parts,
     .roots = duke_roots,
     PARTS(market_parts),
     .parse = parse_market,
     .numbering = NUMBERS_APART,
     .recognise = recognise_duke},
    {.word = "market",
     .set = "Market-1501",
     .form = "bounding_box_train, query, bounding_box_test: 0002_c1s1_000451_03.jpg",
     .identity = "1st field; -1 is junk, 0 outside training is nobody",
     .camera = "digits after c",
     .use = "by folder",
     .people = 1501,
     .images = 29419,
     .read = data_read_parts,
     .roots = market_roots,
     PARTS(market_parts),
     .parse = parse_market,
     .zero_is_nobody = true,
     .recognise = data_parts_recognise},
    {.word = "msmt17",
     .set = "MSMT17",
     .form = "list_train.txt, list_val.txt (train or mask_train_v2), list_query.txt, "
             "list_gallery.txt (test or mask_test_v2): 0000/0000_000_01_0303morning_0015_0.jpg 0",
     .identity = "behind the path; train/ and test/ before it, since they are numbered anew",
     .camera = "3rd field",
     .use = "by list; validation is trained on with split=all or val=train",
     .people = 4101,
     .images = 126441,
     .read = data_read_msmt17,
     .roots = msmt17_roots,
     .validates = true,
     .numbering = NUMBERS_ONE,
     .recognise = data_msmt17_recognise},
    {.word = "cuhk03np",
     .set = "CUHK03, new protocol",
     .form = "labeled (else, or with boxes=detected, detected): bounding_box_train, query, "
             "bounding_box_test: 0001_c1_1.png",
     .identity = "1st field; train/ and test/ before it where both use a number",
     .camera = "digits after c",
     .use = "by folder",
     .people = 1467,
     .images = 14096,
     .images_detected = 14097,
     .read = data_read_parts,
     .roots = cuhk03_roots,
     .boxes = true,
     PARTS(market_parts),
     .parse = parse_market,
     .numbering = NUMBERS_APART,
     .recognise = data_parts_recognise},
    {.word = "cuhk03mat",
     .set = "CUHK03, as it comes",
     .form = "cuhk-03.mat (or in cuhk03_release), and cuhk03_new_protocol_config_labeled.mat (or "
             "_detected) beside it or above",
     .identity = "camera pair and person",
     .camera = "1 or 2 of the pair",
     .use = "by the config (new protocol), else the first of its test sets; boxes=labeled|detected",
     .people = 1467,
     .images = 14096,
     .images_detected = 14097,
     .read = data_read_cuhk03mat,
     .roots = cuhk03mat_roots,
     .boxes = true,
     .numbering = NUMBERS_ONE,
     .recognise = data_cuhk03mat_recognise},
    {.word = "cuhk02",
     .set = "CUHK02",
     .form = "P1/cam1, P1/cam2 .. P5/cam2: 001_1.png",
     .identity = "pair and 1st field",
     .camera = "folder",
     .use = "training",
     .people = 1816,
     .images = 7264,
     .read = data_read_parts,
     .roots = cuhk02_roots,
     PARTS(cuhk02_parts),
     .parse = parse_field,
     .within = within_pair,
     .whole = true,
     .recognise = data_parts_recognise},
    {.word = "cuhksysu",
     .set = "CUHK-SYSU",
     .form = "cropped_images, or the folder itself: p11422_s16929_1.jpg",
     .identity = "digits after p",
     .camera = "one",
     .use = "training",
     .people = 11934,
     .images = 34574,
     .read = data_read_parts,
     .roots = cuhksysu_roots,
     PARTS(cuhksysu_parts),
     .parse = parse_cuhksysu,
     .recognise = data_parts_recognise},
    {.word = "viper",
     .set = "VIPeR",
     .form = "cam_a, cam_b: 000_45.bmp",
     .identity = "1st field",
     .camera = "folder",
     .use = "queries from cam_a, gallery from cam_b",
     .people = 632,
     .images = 1264,
     .protocol = "split:viper",
     .read = data_read_parts,
     .roots = viper_roots,
     PARTS(camera_parts),
     .parse = parse_field,
     .whole = true,
     .recognise = data_parts_recognise},
    {.word = "prid",
     .set = "PRID 2011, single shot",
     .form = "single_shot/cam_a, single_shot/cam_b: person_0001.png",
     .identity = "number up to 200; beyond it camera and number",
     .camera = "folder",
     .use = "queries from cam_a, gallery from cam_b",
     .people = 934,
     .images = 1134,
     .protocol = "split:prid",
     .read = data_read_parts,
     .roots = prid_roots,
     PARTS(camera_parts),
     .parse = parse_prid,
     .within = within_camera,
     .whole = true,
     .recognise = data_parts_recognise},
    {.word = "grid",
     .set = "GRID (QMUL underground)",
     .form = "probe, gallery: 0001_1_25004_107_32_106_221.jpeg",
     .identity = "1st field; 0 is nobody",
     .camera = "folder",
     .use = "queries from probe, gallery from gallery",
     .people = 250,
     .images = 500,
     .protocol = "split:grid",
     .read = data_read_parts,
     .roots = grid_roots,
     PARTS(grid_parts),
     .parse = parse_field,
     .zero_is_nobody = true,
     .whole = true,
     .recognise = data_parts_recognise},
    {.word = "ilids",
     .set = "i-LIDS (MCTS pedestrians)",
     .form = "Persons, or the folder itself: 0001001.jpg",
     .identity = "first 4 digits",
     .camera = "next 3 digits",
     .use = "gallery; a split draws queries from it",
     .people = 119,
     .images = 476,
     .protocol = "split:ilids",
     .read = data_read_parts,
     .roots = ilids_roots,
     PARTS(ilids_parts),
     .parse = parse_ilids,
     .recognise = data_parts_recognise},
};
#define N_LAYOUTS (sizeof layouts / sizeof *layouts)

const DataLayout *data_layout_at(uint32_t i) {
  return i < N_LAYOUTS ? &layouts[i] : NULL;
}

const DataLayout *data_layout_find(const char *word) {
  for (size_t i = 0; i < N_LAYOUTS; i++)
    if (strcmp(layouts[i].word, word) == 0) return &layouts[i];
  return NULL;
}

const char *data_layouts_form(Arena *arena) {
  const char *text = "a line is NAME LAYOUT PATH [split=train|all] [pids=one|anew] [zero=person] "
                     "[val=train|unused] "
                     "[boxes=labeled|detected] [splits=FILE], a "
                     "PATH with blanks in \"\"; LAYOUT is ";
  for (size_t i = 0; i < N_LAYOUTS && text; i++)
    text = arena_printf(arena, "%s%s%s", text,
                        i == 0              ? ""
                        : i + 1 < N_LAYOUTS ? ", "
                                            : " or ",
                        layouts[i].word);
  return text;
}

void data_layouts_print(FILE *out) {
  fputs("| LAYOUT | set | where, and a name | identity | camera | use | people / images |\n"
        "|---|---|---|---|---|---|---|\n",
        out);
  for (const DataLayout *l = layouts; l < layouts + N_LAYOUTS; l++) {
    fprintf(out, "| `%s` | %s | %s | %s | %s | %s%s%s | ", l->word, l->set, l->form, l->identity,
            l->camera, l->use, l->protocol ? "; published with " : "",
            l->protocol ? l->protocol : "");
    if (l->people)
      fprintf(out, "%u / %u |\n", l->people, l->images);
    else
      fputs("any |\n", out);
  }
}
