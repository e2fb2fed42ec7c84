/* Command line of the model program. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

_Noreturn void runner_fail(int status, const char *what, const char *detail) {
  fflush(stdout);
  fprintf(stderr, "model: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
  _exit(status);
}

static double number(const char *name, const char *text, double low, double high) {
  char *end = NULL;
  errno = 0;
  double value = strtod(text, &end);
  if (errno != 0 || end == text || *end != '\0' || !(value >= low && value <= high)) {
    fprintf(stderr, "model: %s takes a number from %g to %g, not '%s'\n", name, low, high, text);
    exit(RUNNER_USAGE);
  }
  return value;
}

static int whole(const char *name, const char *text, int low, int high) {
  double value = number(name, text, low, high);
  if (value != (double)(int)value) runner_fail(RUNNER_USAGE, "a whole number is needed", name);
  return (int)value;
}

static void usage(void) {
  puts("usage: model --weights F --input F [--output F] [--repeat N] [--warmup N] [--threads N]\n"
       "             [--affinity K] [--program NAME] [--profile] [--self-test EXPECTED]\n"
       "             [--tolerance X] [--spend-ms X] [--seconds N] [--json F|-]\n"
       "--affinity (or --core): thread t runs on core K + t; --program: another instruction set\n"
       "than the best. Files hold raw 32-bit floats, little endian. Ends with 0, or 2: options,\n"
       "3: a file, 4: the self-test's numbers differ, 5: no memory or thread, 6: the time limit,\n"
       "7: the processor lacks instructions that the model was compiled for.");
}

runner_options runner_parse_options(int argc, char **argv) {
  runner_options o = {.repeat = 1, .threads = 1, .core = -1, .seconds = 600, .tolerance = 1e-4,
                      .spend_ms = 1e12};
  for (int i = 1; i < argc; i++) {
    const char *name = argv[i];
    if (strcmp(name, "--help") == 0) {
      usage();
      exit(RUNNER_OK);
    }
    if (strcmp(name, "--profile") == 0) {
      o.profile = 1;
      continue;
    }
    if (i + 1 >= argc) runner_fail(RUNNER_USAGE, "unknown option or no value behind it", name);
    const char *value = argv[++i];
    if (strcmp(name, "--weights") == 0) o.weights = value;
    else if (strcmp(name, "--input") == 0) o.input = value;
    else if (strcmp(name, "--output") == 0) o.output = value;
    else if (strcmp(name, "--self-test") == 0) o.expected = value;
    else if (strcmp(name, "--json") == 0) o.json = value;
    else if (strcmp(name, "--repeat") == 0) o.repeat = whole(name, value, 1, 1000000);
    else if (strcmp(name, "--warmup") == 0) o.warmup = whole(name, value, 0, 1000000);
    else if (strcmp(name, "--threads") == 0) o.threads = whole(name, value, 1, 64);
    else if (strcmp(name, "--program") == 0) o.program = value;
    else if (strcmp(name, "--core") == 0 || strcmp(name, "--affinity") == 0)
      o.core = whole(name, value, -1, 4095);
    else if (strcmp(name, "--seconds") == 0) o.seconds = whole(name, value, 1, 86400);
    else if (strcmp(name, "--tolerance") == 0) o.tolerance = number(name, value, 0, 1e9);
    else if (strcmp(name, "--spend-ms") == 0) o.spend_ms = number(name, value, 0, 1e12);
    else runner_fail(RUNNER_USAGE, "unknown option", name);
  }
  if (!o.weights || !o.input) runner_fail(RUNNER_USAGE, "--weights and --input are needed", NULL);
  return o;
}
