/* The delegate as the runtime holds it. It outlives the last of its nodes, because Python may destroy the
 * delegate before the interpreter. */
#ifndef BITMAR_PLUGIN_H_
#define BITMAR_PLUGIN_H_

#include <stdlib.h>

#include "calls.h"
#include "repacked.h"
#include "tfl_abi.h"

typedef struct Plugin {
  TflDelegate base;
  int references;     /* the delegate itself and its nodes */
  Calls* calls;       /* of the graph prepared last, while it lives; for bm_decode */
  Repacked* matrices; /* of all its nodes */
} Plugin;

static inline void plugin_keep(Plugin* plugin) {
  __atomic_add_fetch(&plugin->references, 1, __ATOMIC_RELAXED);
}

static inline void plugin_release(Plugin* plugin) {
  if (__atomic_sub_fetch(&plugin->references, 1, __ATOMIC_ACQ_REL) != 0) return;
  free(plugin->calls);
  free(plugin);
}

/* The graph of this context is ready: its nodes stay where they are. */
static inline void plugin_remember(Plugin* plugin, TflContext* context) {
  free(plugin->calls);
  plugin->calls = calls_of(context);
}

/* The graph of this context dies, or is about to change. */
static inline void plugin_forget(Plugin* plugin, const TflContext* context) {
  if (!plugin->calls || plugin->calls->context != context) return;
  free(plugin->calls);
  plugin->calls = NULL;
}

#endif
