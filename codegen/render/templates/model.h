/* The C interface of every generated model. Batch 1, f32; input and output planar (channel, row,
 * column); several inputs or outputs lie one behind the other. */
#ifndef PUNCHCARD_MODEL_H
#define PUNCHCARD_MODEL_H
#include <stddef.h>
#include <stdint.h>

enum {
  PUNCHCARD_OK = 0,
  PUNCHCARD_BAD_ARGUMENT = 1,
  PUNCHCARD_BAD_WEIGHTS = 2,
  PUNCHCARD_NO_MEMORY = 3,
  PUNCHCARD_NO_THREAD = 4
};

typedef struct punchcard_model punchcard_model;

typedef struct {
  size_t input_elements;
  size_t output_elements;
  size_t weights_bytes;   /* exact size of weights.bin */
  size_t arena_bytes;
  uint64_t weights_check; /* FNV-1a of weights.bin by words, in 1024 lanes */
  int layers;             /* number of profiled steps; names are in manifest.json by index */
} punchcard_info;

const punchcard_info *punchcard_get_info(void);

/* The weights are not copied: they must stay valid and 64-byte aligned until punchcard_destroy. */
int punchcard_create(punchcard_model **model, const void *weights, size_t weights_bytes,
                     int threads);
int punchcard_run(punchcard_model *model, const float *input, float *output);
/* As punchcard_run; adds the milliseconds of each layer to layer_ms[0 .. layers-1]. */
int punchcard_run_profiled(punchcard_model *model, const float *input, float *output,
                           double *layer_ms);
void punchcard_destroy(punchcard_model *model);
#endif
