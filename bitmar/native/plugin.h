/* The delegate as the runtime holds it. It outlives the last of its nodes, because Python may destroy the
 * delegate before the interpreter. */
#ifndef BITMAR_PLUGIN_H_
#define BITMAR_PLUGIN_H_

#include <stdlib.h>

#include "repacked.h"
#include "tfl_abi.h"

typedef struct Plugin {
  TflDelegate base;
  int references;     /* the delegate itself and its nodes */
  Repacked* matrices; /* of all its nodes */
} Plugin;

static inline void plugin_keep(Plugin* plugin) {
  __atomic_add_fetch(&plugin->references, 1, __ATOMIC_RELAXED);
}

static inline void plugin_release(Plugin* plugin) {
  if (__atomic_sub_fetch(&plugin->references, 1, __ATOMIC_ACQ_REL) == 0) free(plugin);
}

#endif
