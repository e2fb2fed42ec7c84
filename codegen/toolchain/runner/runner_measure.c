/* Times, cores and numbers. */
#define _GNU_SOURCE
#include "runner.h"

#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

double runner_now_ms(void) {
  struct timespec now;
  /* Not slewed by clock corrections during a measurement. */
  clock_gettime(CLOCK_MONOTONIC_RAW, &now);
  return (double)now.tv_sec * 1e3 + (double)now.tv_nsec * 1e-6;
}

int runner_pin(int core) {
  if (core < 0 || core >= CPU_SETSIZE) return 0;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET((size_t)core, &cores);
  return sched_setaffinity(0, sizeof cores, &cores) == 0;
}

static int compare(const void *left, const void *right) {
  double a = *(const double *)left, b = *(const double *)right;
  return (a > b) - (a < b);
}

double runner_quantile(double *values, int count, double share) {
  if (count < 1) return 0.0;
  qsort(values, (size_t)count, sizeof *values, compare);
  double place = share * (double)(count - 1);
  int low = (int)place;
  int high = low + 1 < count ? low + 1 : low;
  return values[low] + (place - (double)low) * (values[high] - values[low]);
}

double runner_relative_error(const float *output, const float *expected, size_t count) {
  double largest = 0.0, error = 0.0;
  for (size_t i = 0; i < count; i++) {
    double difference = fabs((double)output[i] - (double)expected[i]);
    double size = fabs((double)expected[i]);
    /* Not "greater": a NaN must not pass as no error. */
    if (!(difference <= error)) error = difference;
    if (size > largest) largest = size;
    if (!isfinite(error)) return INFINITY;
  }
  return error == 0.0 ? 0.0 : error / (largest > 1e-30 ? largest : 1e-30);
}
