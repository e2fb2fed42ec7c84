/* The threads of a model, and where they meet. The text is the same for every model.
 *
 * One counter of arrivals orders everything: meeting number m is over when threads * m arrivals
 * have been counted. A waiting thread polls it for a while, then sleeps until it is woken. */
#define _GNU_SOURCE
#include "runtime.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

/* About a millisecond: longer than the steps of a run, so that a thread sleeps between runs. */
enum { SPINS = 20000 };

static inline void pause_a_moment(void) {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  __asm__ volatile("isb sy" ::: "memory");
#elif defined(__arm__)
  __asm__ volatile("yield" ::: "memory");
#endif
}

static int has_come(punchcard_model *model, unsigned goal) {
  /* The counter wraps around, differences do not. */
  return (int)(atomic_load_explicit(&model->arrived, memory_order_acquire) - goal) >= 0;
}

static void sleep_until(punchcard_model *model, unsigned goal) {
  pthread_mutex_lock(&model->lock);
  atomic_fetch_add(&model->sleepers, 1);
  /* Whoever comes last looks at `sleepers` after counting itself, this thread the other way
   * round: one of the two sees the other. */
  while ((int)(atomic_load(&model->arrived) - goal) < 0) {
    pthread_cond_wait(&model->wake, &model->lock);
  }
  atomic_fetch_sub(&model->sleepers, 1);
  pthread_mutex_unlock(&model->lock);
}

static void arrive(punchcard_model *model, unsigned count) {
  atomic_fetch_add(&model->arrived, count);
  if (atomic_load(&model->sleepers) > 0) {
    pthread_mutex_lock(&model->lock);
    pthread_cond_broadcast(&model->wake);
    pthread_mutex_unlock(&model->lock);
  }
}

void punchcard_meet(punchcard_model *model, unsigned *goal) {
  if (model->threads == 1) {
    return;
  }
  *goal += (unsigned)model->threads;
  arrive(model, 1);
  for (int spin = 0; spin < model->spins; ++spin) {
    if (has_come(model, *goal)) {
      return;
    }
    pause_a_moment();
  }
  if (!has_come(model, *goal)) {
    sleep_until(model, *goal);
  }
}

static void *work(void *argument) {
  const punchcard_worker *self = argument;
  punchcard_model *model = self->model;
  unsigned goal = 0;
  if (!model->keeps_denormals) {
    punchcard_flush_denormals();
  }
  for (;;) {
    punchcard_meet(model, &goal);
    if (model->is_ending) {
      return NULL;
    }
    punchcard_run_steps(model, self->part, &goal);
  }
}

/* Where threads share cores, whoever polls keeps the others from working. */
static int spins_for(int threads) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  long count = 0;
  if (sched_getaffinity(0, sizeof cores, &cores) == 0) {
    count = CPU_COUNT(&cores);
  } else {
    count = sysconf(_SC_NPROCESSORS_ONLN);
  }
  return threads > count ? 0 : SPINS;
}

static int pin(pthread_t thread, int core) {
  cpu_set_t cores;
  CPU_ZERO(&cores);
  if (core >= CPU_SETSIZE) {
    return PUNCHCARD_BAD_CORE;
  }
  CPU_SET((size_t)core, &cores);
  const int status = pthread_setaffinity_np(thread, sizeof cores, &cores);
  return status == 0 ? PUNCHCARD_OK : PUNCHCARD_BAD_CORE;
}

int punchcard_start_threads(punchcard_model *model, int first_core) {
  if (pthread_mutex_init(&model->lock, NULL) != 0) {
    return PUNCHCARD_NO_MEMORY;
  }
  if (pthread_cond_init(&model->wake, NULL) != 0) {
    pthread_mutex_destroy(&model->lock);
    return PUNCHCARD_NO_MEMORY;
  }
  model->workers = calloc((size_t)model->threads, sizeof *model->workers);
  if (model->workers == NULL) {
    pthread_cond_destroy(&model->wake);
    pthread_mutex_destroy(&model->lock);
    return PUNCHCARD_NO_MEMORY;
  }
  model->spins = spins_for(model->threads);
  model->started = 1;
  for (int part = 1; part < model->threads; ++part) {
    punchcard_worker *next = &model->workers[part];
    next->model = model;
    next->part = part;
    if (pthread_create(&next->thread, NULL, work, next) != 0) {
      return PUNCHCARD_NO_THREAD;
    }
    ++model->started;
    if (first_core >= 0 && pin(next->thread, first_core + part) != PUNCHCARD_OK) {
      return PUNCHCARD_BAD_CORE;
    }
  }
  return PUNCHCARD_OK;
}

void punchcard_end_threads(punchcard_model *model) {
  if (model->workers == NULL) {
    return;
  }
  model->is_ending = 1;
  /* The caller arrives for itself and for every thread that could not be started. */
  arrive(model, (unsigned)(model->threads - model->started + 1));
  for (int part = 1; part < model->started; ++part) {
    pthread_join(model->workers[part].thread, NULL);
  }
  pthread_cond_destroy(&model->wake);
  pthread_mutex_destroy(&model->lock);
  free(model->workers);
}
