/* What a module that connects ranks exports under the name `ranks_module`. */
#ifndef RUNTIME_RANKS_MODULE_H
#define RUNTIME_RANKS_MODULE_H

#include "runtime/ranks/ranks.h"

#define RANKS_MODULE_VERSION 3

typedef struct RanksModule {
  int version;
  Ranks *(*open)(void); /* NULL: it could not be opened */
} RanksModule;
__attribute__((visibility("default"))) extern const RanksModule ranks_module;

#endif
