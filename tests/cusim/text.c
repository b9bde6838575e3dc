/* Kernel texts: the dialect.
 *
 * One pass over the tokens of a text, behind the preprocessor, finds functions, kernels and what
 * they use, and writes the text again with shared memory in sections of its own.  What is not known
 * is refused rather than guessed; what is plain C++ is left to the compiler. */
#include "tests/cusim/text.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Words of C++ that are not of the dialect. */
static const char *const refused_words[] = {
    "template", "typename", "class",     "namespace", "using",        "new",      "delete",
    "try",      "catch",    "throw",     "virtual",   "operator",     "asm",      "thread_local",
    "goto",     "alignas",  "decltype",  "auto",      "dynamic_cast", "typeid",   "wchar_t",
    "friend",   "private",  "protected", "public",    "register",     "co_await", "export"};

/* Names with two underscores that CUDA has and shim.h models. */
static const char *const known_names[] = {
    "__global__",
    "__device__",
    "__shared__",
    "__constant__",
    "__forceinline__",
    "__noinline__",
    "__restrict__",
    "__launch_bounds__",
    "__align__",
    "__syncthreads",
    "__syncwarp",
    "__shfl_sync",
    "__shfl_up_sync",
    "__shfl_down_sync",
    "__shfl_xor_sync",
    "__ballot_sync",
    "__any_sync",
    "__all_sync",
    "__threadfence",
    "__threadfence_block",
    "__float_as_uint",
    "__float_as_int",
    "__uint_as_float",
    "__int_as_float",
    "__double_as_longlong",
    "__longlong_as_double",
    "__umulhi",
    "__mulhi",
    "__umul64hi",
    "__mul64hi",
    "__clz",
    "__clzll",
    "__popc",
    "__popcll",
    "__ffs",
    "__ffsll",
    "__fadd_rn",
    "__fsub_rn",
    "__fmul_rn",
    "__fdiv_rn",
    "__fsqrt_rn",
    "__fmaf_rn",
    "__dadd_rn",
    "__dsub_rn",
    "__dmul_rn",
    "__ddiv_rn",
    "__dsqrt_rn",
    "__fma_rn",
    "__ldg",
    "__CUDA_ARCH__",
    "__CUDACC__",
    "__CUDACC_RTC__",
    "__LINE__",
};
static const char *const waits[] = {
    "__syncthreads",   "__syncwarp",    "__shfl_sync", "__shfl_up_sync", "__shfl_down_sync",
    "__shfl_xor_sync", "__ballot_sync", "__any_sync",  "__all_sync",
};

typedef struct Function {
  char name[128];
  int32_t kernel; /* its number; -1: none */
  bool barriers, dynamic;
  char *uses; /* the words in it, a blank after each */
  size_t n, cap;
} Function;

typedef struct Reader {
  const char *at;
  int line;
  Text *out;
  char *to; /* of out->source */
  size_t n, cap;
  bool failed;

  Function *functions;
  uint32_t n_functions;
  Function *in; /* that is being read; NULL: none */

  int braces, parens, linkage;    /* linkage: braces of extern "C" */
  bool c_linkage, global, device; /* of the declaration that is being read */
  bool is_const, assigned;
  char candidate[128], bounds[128]; /* the name before the last parenthesis; its bounds */
  char last[128];                   /* the last token */
  char dynamics[8][128];
  uint32_t n_dynamics;
} Reader;

#define IN(list, word) find_word(list, sizeof(list) / sizeof *(list), word)
static bool find_word(const char *const *list, size_t n, const char *word) {
  for (size_t i = 0; i < n; i++)
    if (strcmp(list[i], word) == 0) return true;
  return false;
}

static __attribute__((format(printf, 2, 3))) bool refuse(Reader *r, const char *format, ...) {
  char what[200];
  va_list list;
  if (r->failed) return false;
  r->failed = true;
  va_start(list, format);
  vsnprintf(what, sizeof what, format, list);
  va_end(list);
  snprintf(r->out->refused, sizeof r->out->refused, "line %d: %s", r->line, what);
  return false;
}

static bool put(Reader *r, const char *text, size_t n) {
  if (r->n + n + 1 > r->cap) {
    size_t cap = 2 * (r->n + n + 512);
    char *grown = realloc(r->to, cap);
    if (!grown) return refuse(r, "out of memory");
    r->to = grown;
    r->cap = cap;
  }
  memcpy(r->to + r->n, text, n);
  r->to[r->n += n] = 0;
  return true;
}

static __attribute__((format(printf, 2, 3))) bool put_format(Reader *r, const char *format, ...) {
  char text[512];
  va_list list;
  va_start(list, format);
  int n = vsnprintf(text, sizeof text, format, list);
  va_end(list);
  return put(r, text, (size_t)n);
}

static Function *function_begin(Reader *r, const char *name, int32_t kernel) {
  Function *grown = realloc(r->functions, (r->n_functions + 1) * sizeof *grown);
  if (!grown) {
    refuse(r, "out of memory");
    return NULL;
  }
  r->functions = grown;
  Function *f = &grown[r->n_functions++];
  *f = (Function){.kernel = kernel};
  snprintf(f->name, sizeof f->name, "%s", name);
  return f;
}

static bool function_use(Reader *r, Function *f, const char *word) {
  size_t length = strlen(word);
  if (f->n + length + 2 > f->cap) {
    size_t cap = 2 * (f->n + length + 128);
    char *grown = realloc(f->uses, cap);
    if (!grown) return refuse(r, "out of memory");
    f->uses = grown;
    f->cap = cap;
  }
  memcpy(f->uses + f->n, word, length);
  f->n += length;
  f->uses[f->n++] = ' ';
  f->uses[f->n] = 0;
  return true;
}

static bool uses(const Function *f, const char *word) {
  size_t n = strlen(word);
  for (const char *at = f->uses; at && (at = strstr(at, word)); at += n)
    if ((at == f->uses || at[-1] == ' ') && at[n] == ' ') return true;
  return false;
}

static void next_declaration(Reader *r) {
  r->c_linkage = r->braces > 0 && r->linkage == r->braces;
  r->global = r->device = r->is_const = r->assigned = false;
  r->candidate[0] = r->bounds[0] = 0;
}

static bool at_file(const Reader *r) {
  return r->braces == r->linkage;
}

/* ---- tokens ---- */

static bool is_word(char c) {
  return isalnum((unsigned char)c) || c == '_';
}

static void remember(Reader *r, const char *text, size_t n) {
  snprintf(r->last, sizeof r->last, "%.*s", (int)(n < sizeof r->last ? n : sizeof r->last - 1),
           text);
}

static bool read_quoted(Reader *r) {
  const char *from = r->at;
  char quote = *r->at++;
  while (*r->at && *r->at != quote && *r->at != '\n') r->at += r->at[0] == '\\' && r->at[1] ? 2 : 1;
  if (*r->at != quote) return refuse(r, "a quote is not closed");
  r->at++;
  if (strncmp(from, "\"C\"", 3) == 0 && strcmp(r->last, "extern") == 0) r->c_linkage = true;
  remember(r, from, (size_t)(r->at - from));
  return put(r, from, (size_t)(r->at - from));
}

/* What __launch_bounds__ says about threads; the macro itself stands for nothing. */
static bool read_bounds(Reader *r) {
  const char *from = r->at + strspn(r->at, " \t\n");
  int depth = 0;
  if (*from != '(') return refuse(r, "__launch_bounds__ without a number of threads");
  size_t n = 0;
  for (const char *c = ++from; *c && (depth || (*c != ')' && *c != ',')); c++, n++)
    depth += (*c == '(') - (*c == ')');
  if (!n || n >= sizeof r->bounds) return refuse(r, "__launch_bounds__ without a number");
  snprintf(r->bounds, sizeof r->bounds, "%.*s", (int)n, from);
  return true;
}

static bool begin_shared(Reader *r) {
  if (!r->in) return refuse(r, "__shared__ outside of a function is not modelled");
  if (strcmp(r->last, "extern") == 0) {
    r->in->dynamic = true;
    size_t extern_at = r->n;
    while (strncmp(r->to + extern_at, "extern", 6) != 0) extern_at--;
    memset(r->to + extern_at, ' ', 6);
    /* extern __shared__ TYPE NAME[]: the name stands for all of the dynamic memory. */
    const char *bracket = strpbrk(r->at, "[;");
    if (!bracket || *bracket != '[') return refuse(r, "extern __shared__ that is no array");
    const char *end = bracket;
    while (end > r->at && isspace((unsigned char)end[-1])) end--;
    const char *name = end;
    while (name > r->at && is_word(name[-1])) name--;
    char text[128];
    snprintf(text, sizeof text, "%.*s", (int)(end - name), name);
    bool known = false;
    for (uint32_t i = 0; i < r->n_dynamics; i++) known |= strcmp(r->dynamics[i], text) == 0;
    if (!known) {
      if (r->n_dynamics == sizeof r->dynamics / sizeof *r->dynamics)
        return refuse(r, "more than %u names of dynamic shared memory", r->n_dynamics);
      memcpy(r->dynamics[r->n_dynamics++], text, sizeof text);
    }
    return put_format(r, "CUSIM_DYNAMIC");
  }
  if (r->in->kernel < 0) return put_format(r, "CUSIM_SHARED(common)");
  return put_format(r, "CUSIM_SHARED(%d)", (int)r->in->kernel);
}

static bool read_word(Reader *r) {
  const char *from = r->at;
  char word[128];
  while (is_word(*r->at)) r->at++;
  size_t n = (size_t)(r->at - from);
  if (n >= sizeof word) return refuse(r, "a name of %zu letters", n);
  snprintf(word, sizeof word, "%.*s", (int)n, from);
  if (IN(refused_words, word)) return refuse(r, "'%s' is not of the dialect", word);
  if (strncmp(word, "cusim", 5) == 0 || strncmp(word, "CUSIM", 5) == 0)
    return refuse(r, "'%s' is a name of the simulator", word);
  if (strncmp(word, "__", 2) == 0 && !IN(known_names, word))
    return refuse(r, "'%s' is not modelled", word);
  if (strcmp(word, "double") == 0 && strcmp(r->last, "long") == 0)
    return refuse(r, "long double is not of a device");
  if (!at_file(r) && strcmp(word, "static") == 0)
    return refuse(r, "'static' in a function is not of the dialect");
  if (r->in) {
    if (!function_use(r, r->in, word)) return false;
    r->in->barriers |= IN(waits, word);
  }
  if (strcmp(word, "__global__") == 0) r->global = true;
  if (strcmp(word, "__device__") == 0) r->device = true;
  if (strcmp(word, "const") == 0 || strcmp(word, "constexpr") == 0) r->is_const = true;
  if (strcmp(word, "__launch_bounds__") == 0 && !read_bounds(r)) return false;
  if (strcmp(word, "__shared__") == 0) {
    bool ok = begin_shared(r);
    remember(r, word, n);
    return ok;
  }
  remember(r, word, n);
  return put(r, from, n);
}

/* ---- structure ---- */

static bool begin_function(Reader *r) {
  int32_t kernel = -1;
  if (!r->candidate[0]) return refuse(r, "a function without a name");
  if (r->global) {
    TextKernel *grown = realloc(r->out->kernels, (r->out->n + 1) * sizeof *grown);
    if (!grown) return refuse(r, "out of memory");
    r->out->kernels = grown;
    kernel = (int32_t)r->out->n++;
    TextKernel *k = &grown[kernel];
    *k = (TextKernel){0};
    memcpy(k->name, r->candidate, sizeof k->name);
    memcpy(k->bounds, r->bounds, sizeof k->bounds);
    if (!r->c_linkage) return refuse(r, "the kernel '%s' is not extern \"C\"", r->candidate);
  }
  r->in = function_begin(r, r->candidate, kernel);
  return r->in;
}

static bool read_brace(Reader *r) {
  bool linkage = at_file(r) && strcmp(r->last, "\"C\"") == 0;
  bool function = at_file(r) && r->parens == 0 && strcmp(r->last, ")") == 0 && !r->assigned;
  if (function && !begin_function(r)) return false;
  r->braces++;
  if (linkage) {
    r->linkage = r->braces;
    next_declaration(r);
  }
  return true;
}

static bool read_close(Reader *r) {
  if (r->braces == 0) return refuse(r, "a brace too many");
  bool linkage = r->linkage == r->braces;
  if (linkage) r->linkage--;
  r->braces--;
  if (linkage || (at_file(r) && r->in)) {
    r->in = NULL;
    next_declaration(r);
  }
  return true;
}

static bool read_mark(Reader *r) {
  char c = *r->at++;
  bool ok = true;
  if (at_file(r) && r->parens == 0) {
    bool name = is_word(r->last[0]) && strcmp(r->last, "__launch_bounds__") != 0 &&
                strcmp(r->last, "__align__") != 0;
    if (c == '(' && name) memcpy(r->candidate, r->last, sizeof r->candidate);
    if (c == '=') r->assigned = true;
    if (c == ';') {
      if (r->device && !r->candidate[0] && !(r->is_const && r->assigned))
        return refuse(r, "a __device__ variable is not of the dialect");
      next_declaration(r);
    }
  }
  if (c == '(') r->parens++;
  if (c == ')') r->parens--;
  if (c == '{') ok = read_brace(r);
  if (c == '}') ok = read_close(r);
  remember(r, &c, 1);
  return ok && put(r, &c, 1);
}

/* What the preprocessor leaves: `# 12 "file"`, and pragmas. */
static bool read_directive(Reader *r) {
  const char *from = r->at;
  size_t n = strcspn(r->at, "\n");
  int line;
  r->at += n;
  if (sscanf(from, "# %d", &line) == 1)
    r->line = line - 1; /* of the line that follows */
  else if (strncmp(from, "#pragma unroll", 14) != 0)
    return refuse(r, "'%.*s' is not of the dialect", (int)(n < 60 ? n : 60), from);
  return put(r, from, n);
}

static bool read_tokens(Reader *r) {
  bool fresh = true; /* nothing on the line yet */
  while (*r->at && !r->failed) {
    char c = *r->at;
    if (c == '\n') {
      fresh = true;
      r->line++;
    }
    if (isspace((unsigned char)c)) {
      put(r, r->at++, 1);
      continue;
    }
    if (c == '#' && fresh)
      read_directive(r);
    else if (c == '"' || c == '\'')
      read_quoted(r);
    else if (is_word(c))
      read_word(r);
    else
      read_mark(r);
    fresh = false;
  }
  if (!r->failed && r->braces) refuse(r, "a brace is not closed");
  return !r->failed;
}

/* What functions do, their callers do. */
static void spread(Reader *r) {
  for (bool changed = true; changed;) {
    changed = false;
    for (uint32_t i = 0; i < r->n_functions; i++)
      for (uint32_t k = 0; k < r->n_functions; k++) {
        Function *f = &r->functions[i], *g = &r->functions[k];
        if ((g->barriers <= f->barriers && g->dynamic <= f->dynamic) || !uses(f, g->name)) continue;
        f->barriers |= g->barriers;
        f->dynamic |= g->dynamic;
        changed = true;
      }
  }
  for (uint32_t i = 0; i < r->n_functions; i++) {
    const Function *f = &r->functions[i];
    if (f->kernel < 0) continue;
    r->out->kernels[f->kernel].barriers = f->barriers;
    r->out->kernels[f->kernel].dynamic = f->dynamic;
  }
}

/* The table of kernels that the simulator looks for. */
static bool put_entries(Reader *r) {
  const Text *t = r->out;
  put_format(r, "\n#line 1 \"behind the text\"\n");
  for (uint32_t i = 0; i < r->n_dynamics; i++)
    put_format(r, "__asm__(\".globl %s\\n.hidden %s\\n.set %s, cusim_dynamic\");\n", r->dynamics[i],
               r->dynamics[i], r->dynamics[i]);
  put_format(r, "CUSIM_SECTION(common)\n");
  for (uint32_t i = 0; i < t->n; i++) put_format(r, "CUSIM_SECTION(%u)\n", i);
  put_format(r, "static const CusimEntry cusim_entries[] = {\n");
  for (uint32_t i = 0; i < t->n; i++)
    put_format(r, "CUSIM_ENTRY(%s, %u, (%s), %d, %d),\n", t->kernels[i].name, i,
               t->kernels[i].bounds[0] ? t->kernels[i].bounds : "0", t->kernels[i].barriers,
               t->kernels[i].dynamic);
  return put_format(
      r,
      "{}};\nextern \"C\" __attribute__((visibility(\"default\"))) "
      "CusimModule cusim_module;\n"
      "CusimModule cusim_module = {CUSIM_IS_WATCHED, &cusim_place, &cusim_host, cusim_dynamic, "
      "__ehdr_start, _end, %u, "
      "cusim_entries};\n",
      t->n);
}

bool text_read(const char *source, Text *out) {
  *out = (Text){0};
  Reader r = {.at = source, .line = 1, .out = out};
  bool ok = read_tokens(&r);
  if (ok) spread(&r);
  ok = ok && put_entries(&r) && !r.failed;
  for (uint32_t i = 0; i < r.n_functions; i++) free(r.functions[i].uses);
  free(r.functions);
  out->source = r.to;
  return ok;
}

void text_release(Text *text) {
  free(text->source);
  free(text->kernels);
  *text = (Text){0};
}
