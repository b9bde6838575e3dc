/* Layouts: how data sets lie on disk.  One table says of each its word, where its images are, what
 * a name tells, and what was published of it; `.domains` lines, messages, `check-data --layouts`
 * and docs/layouts.md come from it. */
#ifndef RUNTIME_DATA_LAYOUT_H
#define RUNTIME_DATA_LAYOUT_H

#include "runtime/data/rows.h"

/* Whether the same number in training and in tests is the same person. */
typedef enum Numbering {
  NUMBERS_UNSAID, /* taken as the same people, with a warning where both are trained on */
  NUMBERS_ONE,    /* the same people */
  NUMBERS_ANEW,   /* training and tests are numbered anew: other people */
  NUMBERS_APART   /* nobody is in both: the same number is another person */
} Numbering;

/* A folder of images. */
typedef struct DataPart {
  const char *folder; /* below the set's; "": the set's own */
  const char *camera; /* of all its images; NULL: the name tells */
  Split split;
} DataPart;

/* What a file's name tells; both point into it. */
typedef struct DataName {
  const char *pid, *camera;
  size_t n_pid, n_camera;
} DataName;

typedef struct DataLayout DataLayout;
struct DataLayout {
  const char *word; /* in a line of a .domains file */
  const char *set;  /* what it is called */
  /* For people: folders and a name; what tells identity and camera; what is for what. */
  const char *form, *identity, *camera, *use;
  uint32_t people, images;  /* as published, of what is somebody's; 0: any number */
  uint32_t images_detected; /* of the detected boxes, where both kinds are */
  /* --protocol of published results; NULL: the set's own query and gallery. */
  const char *protocol;
  /* Reads PATH; `domain` NULL: it is called as the file or folder is. */
  Status (*read)(const DataLayout *layout, DataRows *rows, const char *path, const char *domain);
  /* ---- of folders (layout_parts.c) ---- */
  const char *const *roots; /* where the parts may lie below PATH, the first that is there; "": PATH
                               itself; up to NULL */
  const DataPart *parts;
  uint32_t n_parts;
  bool (*parse)(const char *name, DataName *out); /* false: the name is not of the layout */
  /* Bytes of the part's folder that belong to the identity, since numbers are unique there only;
   * NULL: none. */
  size_t (*within)(const DataPart *part, const DataName *name);
  bool zero_is_nobody; /* identity 0 outside training */
  bool boxes;          /* comes in labeled and in detected boxes */
  bool validates;      /* has images for validation */
  Numbering numbering; /* of training and tests */
  bool whole;          /* a part that is missing is worth a warning */
  /* Where below a folder that is given as DATA this layout is, perhaps without any image (`empty`);
   * NULL: nowhere.  A layout without it must be named. */
  const char *(*recognise)(const DataLayout *layout, Arena *arena, const char *path, bool empty);
};

/* NULL: none of that word. */
const DataLayout *data_layout_find(const char *word);
const DataLayout *data_layout_at(uint32_t i); /* NULL past the last */
/* The layout of a folder given as DATA; one with several sets in it is an error. */
Status data_layout_recognise(const char *path, Diag *diag, const DataLayout **out);
/* The one folder right below `path` that is of the layout, as archives unpacked into a folder of
 * their own are: *out, joined with where the layout is in it; NULL: none.  Several are an error. */
Status data_layout_below(const DataLayout *layout, DataRows *rows, const char *path,
                         const char **out);
/* `a line is NAME LAYOUT PATH ..., LAYOUT is csv, market, ...`; NULL: out of memory. */
const char *data_layouts_form(Arena *arena);
/* The table in Markdown, as docs/layouts.md holds it. */
void data_layouts_print(FILE *out);

/* ---- readers ---- */

/* `ask` NULL: every line, as it says. */
struct PaperAsk;
Status dataset_read_domains(DataRows *rows, const char *path, const struct PaperAsk *ask);
Status data_read_csv(const DataLayout *layout, DataRows *rows, const char *path,
                     const char *domain);
Status data_read_parts(const DataLayout *layout, DataRows *rows, const char *path,
                       const char *domain);
Status data_read_msmt17(const DataLayout *layout, DataRows *rows, const char *path,
                        const char *domain);
Status data_read_cuhk03mat(const DataLayout *layout, DataRows *rows, const char *path,
                           const char *domain);
const char *data_cuhk03mat_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                     bool empty);
/* Images of which nothing is known (plain.c): of a folder and those below it, or one file. */
Status data_read_plain(DataRows *rows, const char *path);
const DataLayout *data_layout_plain(void);
const char *data_parts_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                 bool empty);
const char *data_msmt17_recognise(const DataLayout *layout, Arena *arena, const char *path,
                                  bool empty);

/* Cuts a line of a CSV into fields in place; negative: it cannot be cut, or has more than fit. */
#define DATA_CSV_FIELDS 64
int data_csv_cut(char *line, char **fields);

/* A path without `/` behind, its last name, and how a set is called whose name nobody gave: the
 * same, but for `.` and `..` the name of what these are. */
const char *data_trim(Arena *arena, const char *path);
const char *data_base(const char *trimmed);
const char *data_set_name(Arena *arena, const char *trimmed);
/* `folder/name`; `folder` alone when name is "", and the other way round. */
const char *data_join(Arena *arena, const char *folder, const char *name);

/* What systems leave in folders by themselves. */
bool data_is_litter(const char *name);
/* What scandir found at `path` is a folder, or a link to one. */
struct dirent;
bool data_entry_is_folder(const struct dirent *entry, const char *path);

/* ---- who is one person (numbering.c) ---- */

/* Of the rows from `first` on, a domain's: where training and tests number other people, identities
 * become `train/0001` and `test/0001`. `together`: both will be trained on. */
Status data_rows_number(DataRows *rows, size_t first, Numbering numbering, bool together);
/* `prefix/0001`: an identity of a part of the set; numbers get at least four digits, so that they
 * sort by value.  NULL: out of memory. */
const char *data_pid_within(Arena *arena, const char *prefix, size_t n, const char *pid);

#endif
