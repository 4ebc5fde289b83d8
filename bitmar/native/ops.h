/* prepare and invoke of every op; ops.c lists them with their attributes. */
#ifndef BITMAR_OPS_H_
#define BITMAR_OPS_H_

#include "bitmar_kernels.h"
#include "delegate.h"

TflStatus prepare_ternary_fc(TflContext*, OpNode*);
TflStatus invoke_ternary_fc(TflContext*, OpNode*);
TflStatus prepare_ternary_embedding(TflContext*, OpNode*);
TflStatus invoke_ternary_embedding(TflContext*, OpNode*);
TflStatus prepare_ternary_topk(TflContext*, OpNode*);
TflStatus invoke_ternary_topk(TflContext*, OpNode*);
TflStatus prepare_rms_norm(TflContext*, OpNode*);
TflStatus invoke_rms_norm(TflContext*, OpNode*);
TflStatus prepare_attention(TflContext*, OpNode*);
TflStatus invoke_attention(TflContext*, OpNode*);
TflStatus prepare_cached_attention(TflContext*, OpNode*);
TflStatus invoke_cached_attention(TflContext*, OpNode*);
TflStatus prepare_memory_read(TflContext*, OpNode*);
TflStatus invoke_memory_read(TflContext*, OpNode*);

/* kTflOk, or the kernel's reason reported to the runtime. */
TflStatus kernel_status(TflContext*, const OpNode*, bm_status);

#endif
