/* Modules: a text, shim.h before it, the compiler, the loader.
 *
 * Shared objects lie in $CUSIM_CACHE where that is set, and are found there by later processes;
 * else in a folder of this process, which is removed at its end.  They are called by a hash of all
 * that they were made of. */
#include "tests/cusim/module.h"
#include "tests/cusim/text.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

typedef struct Made {
  struct Made *next;
  uint64_t key[2];
  ModuleEnd end;
  const CusimModule *module; /* NULL: `log` tells why */
  char *log;
} Made;
static Made *made;

/* ---- hashes ---- */

/* FNV-1a twice, from two beginnings. */
static void hash_add(uint64_t key[2], const char *text, size_t n) {
  for (size_t i = 0; i <= n; i++) {
    unsigned char c = i < n ? (unsigned char)text[i] : 0xff; /* where one ends */
    key[0] = (key[0] ^ c) * 0x100000001b3u;
    key[1] = (key[1] ^ c) * 0x9e3779b97f4a7c15u;
    key[1] ^= key[1] >> 29;
  }
}

static char *read_file(const char *path) {
  FILE *f = fopen(path, "rb");
  if (!f) return NULL;
  char *text = NULL;
  size_t n = 0, cap = 0;
  do {
    if (n + 4096 + 1 > cap) {
      cap = 2 * (n + 4096);
      char *grown = realloc(text, cap);
      if (!grown) break;
      text = grown;
    }
    n += fread(text + n, 1, cap - n - 1, f);
  } while (!feof(f) && !ferror(f));
  fclose(f);
  if (text) text[n] = 0;
  return text;
}

/* ---- the folder ---- */

static char folder[256];
static pid_t owner; /* of a folder of our own; 0: it is not ours */

static void remove_folder(void) {
  char command[320];
  if (!owner || owner != getpid()) return;
  for (const Made *m = made; m; m = m->next) {
    snprintf(command, sizeof command, "%s/%016llx%016llx.so", folder, (unsigned long long)m->key[0],
             (unsigned long long)m->key[1]);
    unlink(command);
  }
  rmdir(folder);
}

static bool find_folder(void) {
  const char *cache = getenv("CUSIM_CACHE"), *tmp = getenv("TMPDIR");
  if (folder[0]) return true;
  if (cache && cache[0]) {
    if (snprintf(folder, sizeof folder, "%s", cache) < (int)sizeof folder - 64 &&
        (mkdir(folder, 0777) == 0 || errno == EEXIST))
      return true;
    folder[0] = 0;
    return false;
  }
  if (snprintf(folder, sizeof folder, "%s/cusim.XXXXXX", tmp && tmp[0] ? tmp : "/tmp") >=
          (int)sizeof folder - 64 ||
      !mkdtemp(folder)) {
    folder[0] = 0;
    return false;
  }
  owner = getpid();
  atexit(remove_folder);
  return true;
}

/* ---- the compiler ---- */

/* The environment without what is for this process alone; the caller frees the list. */
static char **environment(void) {
  size_t n = 0, kept = 0;
  while (environ[n]) n++;
  char **list = malloc((n + 1) * sizeof *list);
  for (size_t i = 0; list && i <= n; i++)
    if (i == n || strncmp(environ[i], "LD_PRELOAD=", 11) != 0) list[kept++] = environ[i];
  return list;
}

/* Runs it with nothing on its input; its output goes to `to`.  Not by fork: this process may have
 * gigabytes. */
static int run(const char *const *words, const char *to) {
  posix_spawn_file_actions_t files;
  char **variables = environment();
  pid_t child;
  int status, error = ENOMEM;
  if (posix_spawn_file_actions_init(&files) == 0) {
    if (variables && posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0) == 0 &&
        posix_spawn_file_actions_addopen(&files, 1, to, O_WRONLY | O_CREAT | O_TRUNC, 0666) == 0 &&
        posix_spawn_file_actions_adddup2(&files, 1, 2) == 0)
      error =
          posix_spawnp(&child, words[0], &files, NULL, (char *const *)(uintptr_t)words, variables);
    posix_spawn_file_actions_destroy(&files);
  }
  free(variables);
  if (error) return 127;
  while (waitpid(child, &status, 0) < 0)
    if (errno != EINTR) return 127;
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

/* The compiler, which is GCC (others place fewer hooks), and what says which it is; NULL: there is
 * none. */
static const char *find_compiler(uint64_t key[2]) {
  static const char *found;
  static uint64_t version[2];
  const char *const names[] = {getenv("CXX"), "g++", "c++"};
  char log[300];
  snprintf(log, sizeof log, "%s/version.%ld", folder, (long)getpid());
  for (size_t i = 0; !found && i < sizeof names / sizeof *names; i++) {
    if (!names[i] || !names[i][0]) continue;
    const char *const words[] = {names[i], "--version", NULL};
    if (run(words, log) != 0) continue;
    char *text = read_file(log);
    if (text && strstr(text, "Free Software Foundation")) {
      hash_add(version, text, strlen(text));
      found = names[i];
    }
    free(text);
  }
  unlink(log);
  key[0] ^= version[0];
  key[1] ^= version[1];
  return found;
}

bool module_compiler(void) {
  uint64_t key[2] = {0, 0};
  return find_folder() && find_compiler(key);
}

/* The folder that holds tests/cusim/. */
static const char *includes(void) {
  return CUSIM_INCLUDES;
}

#define WORDS 64
/* The words of a call of the compiler. */
typedef struct Words {
  const char *of[WORDS];
  size_t n;
} Words;

static void add_words(Words *w, const char *const *words) {
  for (; *words && w->n + 1 < WORDS; words++) w->of[w->n++] = *words;
}
#define ADD(w, ...) add_words(w, (const char *const[]){__VA_ARGS__, NULL})

/* The paths of one compilation: BASE.PID.EXTENSION. */
typedef struct Paths {
  char source[320], expanded[320], whole[320], object[320], log[320];
} Paths;

static Paths paths_of(const char *base) {
  Paths p;
  long id = (long)getpid();
  snprintf(p.source, sizeof p.source, "%s.%ld.cu", base, id);
  snprintf(p.expanded, sizeof p.expanded, "%s.%ld.ii", base, id);
  snprintf(p.whole, sizeof p.whole, "%s.%ld.cc", base, id);
  snprintf(p.object, sizeof p.object, "%s.%ld.so", base, id);
  snprintf(p.log, sizeof p.log, "%s.%ld.log", base, id);
  return p;
}

static bool write_file(const char *path, const char *head, const char *text) {
  FILE *f = fopen(path, "w");
  if (!f) return false;
  bool written = fputs(head, f) >= 0 && fputs(text, f) >= 0;
  return fclose(f) == 0 && written;
}

static ModuleEnd run_compiler(const Words *words, const Paths *p, char **log) {
  int status = words->n + 1 < WORDS ? run(words->of, p->log) : 127;
  free(*log);
  *log = read_file(p->log);
  unlink(p->log);
  return status == 0 ? MODULE_OK : status > 4 ? MODULE_NO_TOOLS : MODULE_ERRORS;
}

/* The text as if it were a file called `name`, macros expanded. */
static ModuleEnd expand(const char *compiler, const char *source, const char *name,
                        const ModuleOptions *options, const Paths *p, char **log) {
  char arch[40], head[300];
  snprintf(arch, sizeof arch, "-D__CUDA_ARCH__=%d", 10 * options->architecture);
  snprintf(head, sizeof head, "#line 1 \"%s\"\n", name);
  if (!write_file(p->source, head, source)) return MODULE_NO_TOOLS;
  Words w = {0};
  ADD(&w, compiler, "-std=c++17", "-E", "-x", "c++", "-w", "-nostdinc", "-undef", "-D__CUDACC__",
      "-D__CUDACC_RTC__", arch);
  for (size_t i = 0; options->defines && options->defines[i]; i++)
    ADD(&w, "-D", options->defines[i]);
  ADD(&w, "-o", p->expanded, p->source);
  ModuleEnd end = run_compiler(&w, p, log);
  unlink(p->source);
  return end;
}

static ModuleEnd compile(const char *compiler, const char *text, const ModuleOptions *options,
                         const Paths *p, char **log) {
  char include[320];
  snprintf(include, sizeof include, "-I%s", includes());
  if (!write_file(p->whole, "#include \"tests/cusim/shim.h\"\n", text)) return MODULE_NO_TOOLS;
  Words w = {0};
  ADD(&w, compiler, "-std=c++17", "-O1", "-fPIC", "-shared", "-w", "-fvisibility=hidden",
      "-fno-exceptions", "-fno-rtti", "-fno-asynchronous-unwind-tables");
  ADD(&w, "-fno-math-errno", "-fno-trapping-math", "-ffp-contract=off", "-fno-strict-aliasing",
      "-fwrapv", "-pedantic-errors", "-fmax-errors=20", "-Wframe-larger-than=32768",
      "-Werror=frame-larger-than=32768");
  if (options->watched)
    ADD(&w, "-DCUSIM_WATCHED", "-g1",
        "-fsanitize=thread,alignment,shift,integer-divide-by-zero,float-cast-overflow,bounds",
        "--param", "tsan-instrument-func-entry-exit=0");
  ADD(&w, include, "-nodefaultlibs", "-Wl,-z,defs", "-o", p->object, p->whole, "-lm", "-lc",
      "-lgcc");
  ModuleEnd end = run_compiler(&w, p, log);
  unlink(p->whole);
  return end;
}

static const CusimModule *load(const char *path) {
  void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  return library ? dlsym(library, "cusim_module") : NULL;
}

static void say(char **log, const char *what, const char *more) {
  size_t n = strlen(what) + strlen(more) + 2;
  free(*log);
  *log = malloc(n);
  if (*log) snprintf(*log, n, "%s%s", what, more);
}

static bool hash_all(uint64_t key[2], const char *source, const char *name,
                     const ModuleOptions *options) {
  static const char *const files[] = {"shim.h", "abi.h", "text.c", "module.c"};
  hash_add(key, source, strlen(source));
  hash_add(key, name, strlen(name));
  for (size_t i = 0; options->defines && options->defines[i]; i++)
    hash_add(key, options->defines[i], strlen(options->defines[i]));
  char way[64];
  snprintf(way, sizeof way, "%d %d", options->architecture, options->watched);
  hash_add(key, way, strlen(way));
  for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
    char path[320];
    snprintf(path, sizeof path, "%s/tests/cusim/%s", includes(), files[i]);
    char *text = read_file(path);
    if (!text) return false;
    hash_add(key, text, strlen(text));
    free(text);
  }
  return true;
}

/* From a text to the shared object `final`. */
static ModuleEnd build(const char *compiler, const char *source, const char *name, const Paths *p,
                       const char *final, const ModuleOptions *options, char **log) {
  Text text = {0};
  ModuleEnd end = expand(compiler, source, name, options, p, log);
  char *expanded = end == MODULE_OK ? read_file(p->expanded) : NULL;
  unlink(p->expanded);
  if (end != MODULE_OK || !expanded) return end != MODULE_OK ? end : MODULE_NO_TOOLS;
  if (text_read(expanded, &text)) {
    end = compile(compiler, text.source, options, p, log);
    if (end == MODULE_OK && rename(p->object, final) != 0) end = MODULE_NO_TOOLS;
    if (end != MODULE_OK) unlink(p->object);
  } else {
    say(log, text.refused, "");
    end = MODULE_REFUSED;
  }
  text_release(&text);
  free(expanded);
  return end;
}

static ModuleEnd make(const char *compiler, const char *source, const char *name, Made *out,
                      const ModuleOptions *options, char **log) {
  char base[300], path[320];
  snprintf(base, sizeof base, "%s/%016llx%016llx", folder, (unsigned long long)out->key[0],
           (unsigned long long)out->key[1]);
  snprintf(path, sizeof path, "%s.so", base);
  if (access(path, R_OK) != 0) {
    Paths p = paths_of(base);
    out->end = build(compiler, source, name, &p, path, options, log);
  }
  if (out->end == MODULE_OK && !(out->module = load(path))) {
    const char *why = dlerror();
    say(log, "the compiled text cannot be loaded: ", why ? why : "");
    out->end = MODULE_NO_TOOLS;
  }
  if (owner && !options->watched) unlink(path); /* of watched ones lines are looked up */
  if (*log) out->log = strdup(*log);
  return out->end;
}

ModuleEnd module_make(const char *source, const char *name, const ModuleOptions *options,
                      const CusimModule **out, char **log) {
  uint64_t key[2] = {0xcbf29ce484222325u, 0x84222325cbf29ce4u};
  *log = NULL;
  *out = NULL;
  const char *compiler = find_folder() ? find_compiler(key) : NULL;
  if (!compiler || !hash_all(key, source, name, options)) {
    say(log,
        compiler    ? "shim.h is not where it was"
        : folder[0] ? "no g++"
                    : "no folder for compiled texts",
        "");
    return MODULE_NO_TOOLS;
  }
  Made *m = made;
  while (m && memcmp(m->key, key, sizeof m->key) != 0) m = m->next;
  if (m) {
    *out = m->module;
    if (m->log) say(log, m->log, "");
    return m->end;
  }
  m = calloc(1, sizeof *m);
  if (!m) return MODULE_NO_TOOLS;
  *m = (Made){.next = made, .key = {key[0], key[1]}};
  made = m;
  ModuleEnd end = make(compiler, source, name, m, options, log);
  *out = m->module;
  return end;
}
