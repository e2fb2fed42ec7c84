/* Runs a generated model on files: times it, tests it, profiles its layers. */
#define _GNU_SOURCE
#include "model.h"
#include "runner.h"

#include <math.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* More profiled runs than this add memory and time but no knowledge. */
enum { PROFILED_RUNS = 100 };

static void time_is_up(int signal_number) {
  static const char line[] = "model: the time limit (--seconds) is over\n";
  (void)signal_number;
  ssize_t written = write(2, line, sizeof line - 1);
  (void)written;
  _exit(RUNNER_TIME_LIMIT);
}

static void *memory(size_t count, size_t size) {
  /* The C11 call wants a multiple of the alignment. */
  void *data = aligned_alloc(64, (count * size + 127) / 64 * 64);
  if (!data) runner_fail(RUNNER_NO_RESOURCE, "no memory for the input, output or samples", NULL);
  memset(data, 0, count * size);
  return data;
}

static void check(int status, const char *weights) {
  if (status == PUNCHCARD_OK) return;
  if (status == PUNCHCARD_BAD_WEIGHTS)
    runner_fail(RUNNER_BAD_FILE, "the weights file is damaged or of another model", weights);
  if (status == PUNCHCARD_BAD_PROCESSOR)
    runner_fail(RUNNER_BAD_PROCESSOR,
                "this processor lacks instructions that the model was compiled for; compile it "
                "for this machine, or for its whole architecture",
                punchcard_missing_feature());
  if (status == PUNCHCARD_NO_MEMORY || status == PUNCHCARD_NO_THREAD)
    runner_fail(RUNNER_NO_RESOURCE, punchcard_error_text(status), NULL);
  runner_fail(RUNNER_USAGE, punchcard_error_text(status), NULL);
}

/* Threads that cannot be put on their cores run anyway; the report says so. */
static punchcard_model *create(const runner_options *o, const void *weights, int *pinned) {
  punchcard_model *model = NULL;
  size_t bytes = punchcard_get_info()->weights_bytes;
  punchcard_options options = punchcard_default_options();
  options.threads = o->threads;
  options.first_core = o->core;
  options.program = o->program;
  int status = punchcard_create_with(&model, weights, bytes, &options);
  if (status == PUNCHCARD_BAD_CORE) {
    options.first_core = -1;
    status = punchcard_create_with(&model, weights, bytes, &options);
  }
  check(status, o->weights);
  *pinned = options.first_core >= 0 && runner_pin(o->core);
  return model;
}

static void profile(punchcard_model *model, const runner_options *o, const float *input,
                    float *output, runner_result *result) {
  int layers = punchcard_get_info()->layers;
  int runs = o->repeat < PROFILED_RUNS ? o->repeat : PROFILED_RUNS;
  double *times = memory((size_t)(layers * runs), sizeof *times);
  double *once = memory((size_t)layers, sizeof *once);
  for (int run = 0; run < runs; run++) {
    memset(once, 0, (size_t)layers * sizeof *once);
    check(punchcard_run_profiled(model, input, output, once), o->weights);
    for (int layer = 0; layer < layers; layer++) times[layer * runs + run] = once[layer];
  }
  result->layers = layers;
  result->layers_ms = memory((size_t)layers, sizeof *result->layers_ms);
  for (int layer = 0; layer < layers; layer++)
    result->layers_ms[layer] = runner_quantile(times + layer * runs, runs, 0.5);
  free(times);
  free(once);
}

int main(int argc, char **argv) {
  runner_options o = runner_parse_options(argc, argv);
  const punchcard_info *info = punchcard_get_info();
  signal(SIGALRM, time_is_up);
  alarm((unsigned)o.seconds);

  double opened = runner_now_ms();
  const void *weights = runner_map_file(o.weights, info->weights_bytes, "weights");
  double mapped = runner_now_ms();
  size_t output_bytes = info->output_elements * sizeof(float);
  const float *input = runner_map_file(o.input, info->input_elements * sizeof(float), "input");
  const float *expected =
      o.expected ? runner_map_file(o.expected, output_bytes, "expected output") : NULL;
  float *output = memory(info->output_elements, sizeof *output);

  runner_result result = {0};
  result.samples_ms = memory((size_t)o.repeat, sizeof *result.samples_ms);
  double begun = runner_now_ms();
  punchcard_model *model = create(&o, weights, &result.pinned);
  result.start_ms = mapped - opened + (runner_now_ms() - begun);
  result.program = punchcard_program_name(model);
  for (int run = 0; run < o.warmup; run++) check(punchcard_run(model, input, output), o.weights);
  double begin = runner_now_ms(), last = begin;
  while (result.count < o.repeat && (result.count < 3 || last - begin < o.spend_ms)) {
    double start = runner_now_ms();
    check(punchcard_run(model, input, output), o.weights);
    last = runner_now_ms();
    result.samples_ms[result.count++] = last - start;
  }
  if (expected) {
    result.tested = 1;
    result.max_relative_error = runner_relative_error(output, expected, info->output_elements);
  }
  if (o.output) runner_write_file(o.output, output, output_bytes);
  if (o.profile) profile(model, &o, input, output, &result);
  runner_report(&o, &result);
  punchcard_destroy(model);
  free(output);
  free(result.samples_ms);
  free(result.layers_ms);
  if (expected && !(result.max_relative_error <= o.tolerance)) {
    fprintf(stderr, "model: the self-test differs by %.3g of the largest value, %.3g is allowed\n",
            result.max_relative_error, o.tolerance);
    return RUNNER_WRONG_RESULT;
  }
  return RUNNER_OK;
}
