/* What the parts of the runtime share. The text is the same for every model. */
#ifndef PUNCHCARD_RUNTIME_H
#define PUNCHCARD_RUNTIME_H
#include <pthread.h>
#include <stdatomic.h>

#include "model.h"

enum { PUNCHCARD_LINE = 64 };

typedef struct {
  void (*run)(const punchcard_model *model, int part, int parts);
  int layer;        /* index in the profile */
  int most_threads; /* more would cost more than they save */
  int meets;        /* whether it must wait for the steps before it */
} punchcard_step;

/* One lane a flat position: all ones inside the picture, zero outside. */
typedef struct {
  ptrdiff_t offset; /* floats from the arena's start */
  int height;
  int width;
  int row;
  int length;
} punchcard_mask;

/* Everything generated for one instruction set. */
typedef struct {
  const char *name;
  const char *const *features; /* words of /proc/cpuinfo, then NULL */
  const punchcard_step *steps;
  const punchcard_mask *masks;
  int step_count;
  int mask_count;
  size_t arena_bytes;
  size_t scratch_floats; /* of each thread, behind the arena */
} punchcard_program;

/* Made by the compiler in model.c: programs from the fastest to the one that runs anywhere. */
typedef struct {
  punchcard_info info;
  const punchcard_program *const *programs; /* then NULL */
} punchcard_contents;

extern const punchcard_contents punchcard_model_contents;

typedef struct {
  punchcard_model *model;
  pthread_t thread;
  int part;
} punchcard_worker;

struct punchcard_model {
  const punchcard_program *program;
  const unsigned char *weights;
  float *arena;
  float *scratch;
  const float *input;
  float *output;
  double *layer_ms; /* NULL where no profile is taken */
  void *block;      /* arena and scratch as allocated */
  void *mapping;    /* the weights file; NULL where the caller holds the weights */
  size_t mapping_bytes;
  punchcard_worker *workers; /* NULL where the caller's thread does everything */
  pthread_mutex_t lock;
  pthread_cond_t wake;
  int threads;
  int started;
  int spins; /* looks at the counter before a thread goes to sleep */
  int keeps_denormals;
  int is_ending;
  unsigned goal; /* the caller's own count of arrivals to wait for */
  atomic_int is_busy;
  /* Arrivals of all threads at all meetings; alone on its lines, as every thread polls it. */
  _Alignas(2 * PUNCHCARD_LINE) atomic_uint arrived;
  _Alignas(2 * PUNCHCARD_LINE) atomic_int sleepers;
};

/* threads.c */
int punchcard_start_threads(punchcard_model *model, int first_core);
void punchcard_end_threads(punchcard_model *model);
/* Every thread waits here until all have come. `goal` is the thread's own count. */
void punchcard_meet(punchcard_model *model, unsigned *goal);

/* runtime.c */
void punchcard_run_steps(punchcard_model *model, int part, unsigned *goal);

/* processor.c */
const char *punchcard_first_missing(const punchcard_program *program);
/* Numbers below 1.2e-38 count as zero from here on, in this thread; returns what was set before. */
uintptr_t punchcard_flush_denormals(void);
void punchcard_restore_denormals(uintptr_t before);

/* weights.c */
int punchcard_check_weights(const void *weights, size_t bytes);
int punchcard_map_weights(punchcard_model *model, const char *path);
void punchcard_unmap_weights(punchcard_model *model);

static inline int64_t punchcard_work(const int32_t *starts, int unit, int unit_work) {
  return starts[unit] - starts[0] + (int64_t)unit_work * unit;
}

/* First unit of a part, so that all parts have the same work as nearly as whole units allow. */
static inline int punchcard_share(const int32_t *starts, int units, int unit_work, int part,
                                  int parts) {
  const int64_t wanted = punchcard_work(starts, units, unit_work) * part / parts;
  int low = 0;
  int high = units;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (punchcard_work(starts, middle, unit_work) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  /* The boundary before may be nearer. */
  if (low > 0 && wanted - punchcard_work(starts, low - 1, unit_work) <
                     punchcard_work(starts, low, unit_work) - wanted) {
    --low;
  }
  return part == parts ? units : low;
}
#endif
