/* The program around a generated model: options, files, times, and what it prints. */
#ifndef PUNCHCARD_RUNNER_H
#define PUNCHCARD_RUNNER_H
#include <stddef.h>
#include <stdio.h>

/* Exit statuses; scripts and agents read them. */
enum {
  RUNNER_OK = 0,
  RUNNER_USAGE = 2,
  RUNNER_BAD_FILE = 3,
  RUNNER_WRONG_RESULT = 4,
  RUNNER_NO_RESOURCE = 5,
  RUNNER_TIME_LIMIT = 6,
  RUNNER_BAD_PROCESSOR = 7
};

typedef struct {
  const char *weights, *input, *output, *expected, *json;
  const char *program; /* of which instruction set; NULL: the best that runs here */
  int repeat, warmup, threads, core, profile, seconds;
  double tolerance;    /* largest error allowed, relative to the largest expected value */
  double spend_ms;     /* sampling ends after this long, once three samples are there */
} runner_options;

typedef struct {
  double *samples_ms;
  int count;
  double *layers_ms;   /* median of each layer; NULL without a profile */
  int layers;
  int pinned;          /* 1 where the processor cores could be chosen */
  int tested;          /* 1 where the output was compared */
  double max_relative_error;
  const char *program; /* the one that ran */
  double start_ms;     /* from the weights file to a model that is ready to run */
} runner_result;

/* Prints one line on standard error and ends the program with that status. */
_Noreturn void runner_fail(int status, const char *what, const char *detail);

runner_options runner_parse_options(int argc, char **argv);

/* A file of exactly `bytes` bytes, mapped read-only; fails with a clear line otherwise. */
const void *runner_map_file(const char *path, size_t bytes, const char *what);
/* Writes beside the file and renames, so that a reader never sees a part. */
void runner_write_file(const char *path, const void *data, size_t bytes);

double runner_now_ms(void);
/* Puts the calling thread on a core; 1 where that was possible. */
int runner_pin(int core);
/* Sorts the values; share 0.5 is the median, 0.9 the 90th percentile. */
double runner_quantile(double *values, int count, double share);
double runner_relative_error(const float *output, const float *expected, size_t count);

void runner_report(const runner_options *options, const runner_result *result);
#endif
