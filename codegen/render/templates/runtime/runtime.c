/* Life of a model: create, run, destroy. The text is the same for every model. */
#define _GNU_SOURCE
#include "runtime.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { LARGE_PAGE = 2 << 20, LARGE_ARENA = 4 * LARGE_PAGE };

const punchcard_info *punchcard_get_info(void) {
  return &punchcard_model_contents.info;
}

const char *punchcard_error_text(int status) {
  switch (status) {
    case PUNCHCARD_OK:
      return "no error";
    case PUNCHCARD_BAD_ARGUMENT:
      return "a pointer is null, or an option is not one of this model";
    case PUNCHCARD_BAD_WEIGHTS:
      return "the weights are truncated, altered, not 64-byte aligned, or of another build";
    case PUNCHCARD_NO_MEMORY:
      return "there is no memory for the model's arena";
    case PUNCHCARD_NO_THREAD:
      return "the system does not start the model's threads";
    case PUNCHCARD_BAD_THREADS:
      return "the number of threads must be 1 to 64";
    case PUNCHCARD_BAD_CORE:
      return "the model's threads cannot be put on these processor cores";
    case PUNCHCARD_BAD_PROCESSOR:
      return "this processor lacks instructions that the model was compiled for";
    case PUNCHCARD_NO_FILE:
      return "the weights file cannot be read";
    case PUNCHCARD_BUSY:
      return "the model is running in another thread";
    default:
      return "unknown status";
  }
}

punchcard_options punchcard_default_options(void) {
  const punchcard_options options = {.threads = 1, .first_core = -1};
  return options;
}

const char *punchcard_program_name(const punchcard_model *model) {
  return model == NULL ? "" : model->program->name;
}

const char *punchcard_missing_feature(void) {
  const char *missing = NULL;
  const punchcard_program *const *program = punchcard_model_contents.programs;
  for (; *program != NULL; ++program) {
    missing = punchcard_first_missing(*program);
    if (missing == NULL) {
      return NULL;
    }
  }
  return missing;
}

static int choose_program(const punchcard_program **chosen, const char *name) {
  const punchcard_program *const *program = punchcard_model_contents.programs;
  int status = PUNCHCARD_BAD_ARGUMENT;
  for (; *program != NULL; ++program) {
    if (name != NULL && strcmp(name, (*program)->name) != 0) {
      continue;
    }
    if (punchcard_first_missing(*program) == NULL) {
      *chosen = *program;
      return PUNCHCARD_OK;
    }
    status = PUNCHCARD_BAD_PROCESSOR;
  }
  return status;
}

static void fill_mask(float *arena, const punchcard_mask *shape) {
  int32_t *mask = (int32_t *)(void *)(arena + shape->offset);
  for (int position = 0; position < shape->length; ++position) {
    const int is_inside =
        position / shape->row < shape->height && position % shape->row < shape->width;
    mask[position] = is_inside ? -1 : 0;
  }
}

/* Fresh pages come zeroed from the system and are touched first when a step needs them. */
static int allocate(punchcard_model *model) {
  const punchcard_program *program = model->program;
  const size_t scratch_bytes = (size_t)model->threads * program->scratch_floats * sizeof(float);
  const size_t bytes = program->arena_bytes + scratch_bytes;
  /* The system would promise more than it has, and end the process when it is used. */
  if (bytes / (size_t)sysconf(_SC_PAGESIZE) >= (size_t)sysconf(_SC_PHYS_PAGES)) {
    return PUNCHCARD_NO_MEMORY;
  }
  /* A large arena asks for large pages: its planes lie far apart, each on pages of its own. */
  const size_t step = bytes < LARGE_ARENA ? PUNCHCARD_LINE : LARGE_PAGE;
  model->block = calloc(1, bytes + step);
  if (model->block == NULL) {
    return PUNCHCARD_NO_MEMORY;
  }
  const size_t past = (uintptr_t)model->block % step;
  char *start = (char *)model->block + (step - past);
#ifdef MADV_HUGEPAGE
  if (step == LARGE_PAGE) {
    madvise(start, bytes, MADV_HUGEPAGE);
  }
#endif
  model->arena = (float *)(void *)start;
  model->scratch = (float *)(void *)(start + program->arena_bytes);
  for (int mask = 0; mask < program->mask_count; ++mask) {
    fill_mask(model->arena, &program->masks[mask]);
  }
  return PUNCHCARD_OK;
}

static int set_up(punchcard_model *model, const punchcard_options *options) {
  const int status = allocate(model);
  if (status != PUNCHCARD_OK || model->threads == 1) {
    return status;
  }
  return punchcard_start_threads(model, options->first_core);
}

/* An instance without weights yet; its own lines, as threads write to them. */
static int begin(punchcard_model **made, const punchcard_options *options) {
  const punchcard_program *program = NULL;
  if (options->threads < 1 || options->threads > PUNCHCARD_MOST_THREADS) {
    return PUNCHCARD_BAD_THREADS;
  }
  const int status = choose_program(&program, options->program);
  if (status != PUNCHCARD_OK) {
    return status;
  }
  punchcard_model *model = aligned_alloc(_Alignof(punchcard_model), sizeof *model);
  if (model == NULL) {
    return PUNCHCARD_NO_MEMORY;
  }
  memset(model, 0, sizeof *model);
  atomic_init(&model->is_busy, 0);
  atomic_init(&model->arrived, 0);
  atomic_init(&model->sleepers, 0);
  model->program = program;
  model->threads = options->threads;
  model->keeps_denormals = options->keeps_denormals;
  *made = model;
  return PUNCHCARD_OK;
}

static int finish(punchcard_model **model, punchcard_model *made, int status) {
  if (status != PUNCHCARD_OK) {
    punchcard_destroy(made);
    return status;
  }
  *model = made;
  return PUNCHCARD_OK;
}

int punchcard_create_with(punchcard_model **model, const void *weights, size_t weights_bytes,
                          const punchcard_options *options) {
  const punchcard_options defaults = punchcard_default_options();
  punchcard_model *made = NULL;
  if (model == NULL || weights == NULL) {
    return PUNCHCARD_BAD_ARGUMENT;
  }
  *model = NULL;
  options = options == NULL ? &defaults : options;
  int status = begin(&made, options);
  if (status == PUNCHCARD_OK) {
    made->weights = weights;
    status = punchcard_check_weights(weights, weights_bytes);
  }
  if (status == PUNCHCARD_OK) {
    status = set_up(made, options);
  }
  return finish(model, made, status);
}

int punchcard_create(punchcard_model **model, const void *weights, size_t weights_bytes,
                     int threads) {
  punchcard_options options = punchcard_default_options();
  options.threads = threads;
  return punchcard_create_with(model, weights, weights_bytes, &options);
}

int punchcard_create_from_file(punchcard_model **model, const char *path,
                               const punchcard_options *options) {
  const punchcard_options defaults = punchcard_default_options();
  punchcard_model *made = NULL;
  if (model == NULL || path == NULL) {
    return PUNCHCARD_BAD_ARGUMENT;
  }
  *model = NULL;
  options = options == NULL ? &defaults : options;
  int status = begin(&made, options);
  if (status == PUNCHCARD_OK) {
    status = punchcard_map_weights(made, path);
  }
  if (status == PUNCHCARD_OK) {
    status = punchcard_check_weights(made->weights, made->mapping_bytes);
  }
  if (status == PUNCHCARD_OK) {
    status = set_up(made, options);
  }
  return finish(model, made, status);
}

void punchcard_destroy(punchcard_model *model) {
  if (model == NULL) {
    return;
  }
  punchcard_end_threads(model);
  punchcard_unmap_weights(model);
  free(model->block);
  free(model);
}

static double now_ms(void) {
  struct timespec time = {0};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

/* One thread's share of all steps. A profile waits behind every step, so that times add up. */
void punchcard_run_steps(punchcard_model *model, int part, unsigned *goal) {
  const punchcard_program *program = model->program;
  double *layer_ms = model->layer_ms;
  const int is_timed = layer_ms != NULL;
  double before = is_timed && part == 0 ? now_ms() : 0.0;
  for (int index = 0; index < program->step_count; ++index) {
    const punchcard_step *step = &program->steps[index];
    if (step->meets && !is_timed) {
      punchcard_meet(model, goal);
    }
    const int parts = model->threads < step->most_threads ? model->threads : step->most_threads;
    if (part < parts) {
      step->run(model, part, parts);
    }
    if (is_timed) {
      punchcard_meet(model, goal);
      if (part == 0) {
        const double after = now_ms();
        layer_ms[step->layer] += after - before;
        before = after;
      }
    }
  }
  punchcard_meet(model, goal);
}

int punchcard_run_profiled(punchcard_model *model, const float *input, float *output,
                           double *layer_ms) {
  if (model == NULL || input == NULL || output == NULL) {
    return PUNCHCARD_BAD_ARGUMENT;
  }
  if (atomic_exchange(&model->is_busy, 1) != 0) {
    return PUNCHCARD_BUSY;
  }
  model->input = input;
  model->output = output;
  model->layer_ms = layer_ms;
  const uintptr_t kept = model->keeps_denormals ? 0 : punchcard_flush_denormals();
  /* The workers stand at this meeting since the run before: coming to it starts them. */
  punchcard_meet(model, &model->goal);
  punchcard_run_steps(model, 0, &model->goal);
  if (!model->keeps_denormals) {
    punchcard_restore_denormals(kept);
  }
  atomic_store(&model->is_busy, 0);
  return PUNCHCARD_OK;
}

int punchcard_run(punchcard_model *model, const float *input, float *output) {
  return punchcard_run_profiled(model, input, output, NULL);
}
