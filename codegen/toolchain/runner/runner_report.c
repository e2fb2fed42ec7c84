/* What the model program says: one line for people, or one JSON object for programs. */
#include "runner.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

/* VmHWM counts this program alone; ru_maxrss also remembers the larger one that started it. */
static long long peak_rss_bytes(void) {
  char line[256];
  long long kib = 0;
  FILE *status = fopen("/proc/self/status", "r");
  while (status && fgets(line, sizeof line, status))
    if (strncmp(line, "VmHWM:", 6) == 0) kib = strtoll(line + 6, NULL, 10);
  if (status) fclose(status);
  struct rusage usage;
  if (kib == 0 && getrusage(RUSAGE_SELF, &usage) == 0) kib = usage.ru_maxrss;
  return kib * 1024;
}

static void list(FILE *file, const char *name, const double *values, int count) {
  fprintf(file, "\"%s\":[", name);
  for (int i = 0; i < count; i++) fprintf(file, "%s%.6f", i ? "," : "", values[i]);
  fputs("],", file);
}

static void print_json(FILE *file, const runner_options *options, const runner_result *result,
                       double *scratch) {
  size_t bytes = (size_t)result->count * sizeof *scratch;
  list(file, "samples_ms", result->samples_ms, result->count);
  if (result->layers_ms) list(file, "layers_ms", result->layers_ms, result->layers);
  memcpy(scratch, result->samples_ms, bytes);
  double median = runner_quantile(scratch, result->count, 0.5);
  fprintf(file, "\"median_ms\":%.6f,\"min_ms\":%.6f,", median, scratch[0]);
  fprintf(file, "\"p90_ms\":%.6f,", runner_quantile(scratch, result->count, 0.9));
  fprintf(file, "\"p95_ms\":%.6f,", runner_quantile(scratch, result->count, 0.95));
  for (int i = 0; i < result->count; i++) scratch[i] = fabs(scratch[i] - median);
  fprintf(file, "\"mad_ms\":%.6f,", runner_quantile(scratch, result->count, 0.5));
  if (result->tested && isfinite(result->max_relative_error))
    fprintf(file, "\"max_relative_error\":%.9g,", result->max_relative_error);
  fprintf(file, "\"program\":\"%s\",\"start_ms\":%.3f,", result->program, result->start_ms);
  fprintf(file, "\"threads\":%d,\"pinned\":%s,\"peak_rss_bytes\":%lld", options->threads,
          result->pinned ? "true" : "false", peak_rss_bytes());
}

void runner_report(const runner_options *options, const runner_result *result) {
  double *scratch = malloc((size_t)result->count * sizeof *scratch);
  if (!scratch) runner_fail(RUNNER_NO_RESOURCE, "no memory for the statistics", NULL);
  if (!options->json) {
    memcpy(scratch, result->samples_ms, (size_t)result->count * sizeof *scratch);
    printf("median %.4f ms of %d runs\n", runner_quantile(scratch, result->count, 0.5),
           result->count);
  } else {
    int to_stdout = strcmp(options->json, "-") == 0;
    FILE *file = to_stdout ? stdout : fopen(options->json, "w");
    if (!file) runner_fail(RUNNER_BAD_FILE, "cannot write the JSON file", strerror(errno));
    fputc('{', file);
    print_json(file, options, result, scratch);
    fputs("}\n", file);
    if ((to_stdout ? fflush(file) : fclose(file)) != 0)
      runner_fail(RUNNER_BAD_FILE, "cannot write the JSON file", strerror(errno));
  }
  free(scratch);
}
