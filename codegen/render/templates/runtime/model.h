/* The C interface of every generated model. Batch 1, f32; input and output planar (channel, row,
 * column); several inputs or outputs lie one behind the other.
 *
 * Nothing here prints, exits or keeps global state. Different models, and different instances of
 * one, may run at the same time in different threads; one instance runs one call at a time. */
#ifndef PUNCHCARD_MODEL_H
#define PUNCHCARD_MODEL_H
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PUNCHCARD_API __attribute__((visibility("default")))

enum {
  PUNCHCARD_OK = 0,
  PUNCHCARD_BAD_ARGUMENT = 1,  /* a null pointer, or an option that means nothing */
  PUNCHCARD_BAD_WEIGHTS = 2,   /* truncated, altered, not aligned, or of another build */
  PUNCHCARD_NO_MEMORY = 3,
  PUNCHCARD_NO_THREAD = 4,     /* the system starts no more threads */
  PUNCHCARD_BAD_THREADS = 5,   /* not 1 to PUNCHCARD_MOST_THREADS */
  PUNCHCARD_BAD_CORE = 6,      /* threads cannot be put on these cores */
  PUNCHCARD_BAD_PROCESSOR = 7, /* it lacks instructions; see punchcard_missing_feature */
  PUNCHCARD_NO_FILE = 8,       /* the weights file cannot be read; errno tells why */
  PUNCHCARD_BUSY = 9           /* this instance is running in another thread */
};

enum { PUNCHCARD_MOST_THREADS = 64 };

typedef struct punchcard_model punchcard_model;

typedef struct {
  size_t input_elements;
  size_t output_elements;
  size_t weights_bytes;   /* exact size of weights.bin */
  size_t arena_bytes;     /* of the largest program; each thread's scratch comes on top */
  uint64_t weights_check; /* FNV-1a of weights.bin by words, in 1024 lanes */
  int layers;             /* number of profiled steps; names are in manifest.json by index */
} punchcard_info;

typedef struct {
  int threads;          /* the caller's own is one of them */
  int first_core;       /* thread t runs on core first_core + t; -1: wherever the system puts it */
  const char *program;  /* name of the instruction set's program; NULL: the best that runs here */
  int keeps_denormals;  /* 0: numbers below 1.2e-38 count as zero while it runs, which is faster */
} punchcard_options;

PUNCHCARD_API const punchcard_info *punchcard_get_info(void);

/* What a status means, in words; never NULL. */
PUNCHCARD_API const char *punchcard_error_text(int status);

/* One thread, any core, the best program, denormals as zero. */
PUNCHCARD_API punchcard_options punchcard_default_options(void);

/* The weights are not copied: they must stay valid and 64-byte aligned until punchcard_destroy. */
PUNCHCARD_API int punchcard_create(punchcard_model **model, const void *weights,
                                   size_t weights_bytes, int threads);
PUNCHCARD_API int punchcard_create_with(punchcard_model **model, const void *weights,
                                        size_t weights_bytes, const punchcard_options *options);
/* Maps the file, so that processes with the same model share its pages. Options may be NULL. */
PUNCHCARD_API int punchcard_create_from_file(punchcard_model **model, const char *path,
                                             const punchcard_options *options);

PUNCHCARD_API int punchcard_run(punchcard_model *model, const float *input, float *output);
/* As punchcard_run; adds the milliseconds of each layer to layer_ms[0 .. layers-1]. */
PUNCHCARD_API int punchcard_run_profiled(punchcard_model *model, const float *input, float *output,
                                         double *layer_ms);
/* NULL is taken; not while the model runs. */
PUNCHCARD_API void punchcard_destroy(punchcard_model *model);

/* Name of the program that a model runs, such as "x86_64-avx2". */
PUNCHCARD_API const char *punchcard_program_name(const punchcard_model *model);
/* The first instruction set that this processor lacks for every program; NULL where one runs. */
PUNCHCARD_API const char *punchcard_missing_feature(void);

#ifdef __cplusplus
}
#endif
#endif
