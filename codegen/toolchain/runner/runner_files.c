/* Files of the model program: mapped when read, renamed when written. */
#define _GNU_SOURCE
#include "runner.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

const void *runner_map_file(const char *path, size_t bytes, const char *what) {
  static _Alignas(64) const char nothing[64] = {0};
  struct stat status;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0 || fstat(file, &status) != 0) {
    fprintf(stderr, "model: cannot read the %s file %s: %s\n", what, path, strerror(errno));
    _exit(RUNNER_BAD_FILE);
  }
  if (!S_ISREG(status.st_mode) || (unsigned long long)status.st_size != bytes) {
    fprintf(stderr, "model: the %s file %s has %lld bytes, this model needs %zu\n", what, path,
            (long long)status.st_size, bytes);
    _exit(RUNNER_BAD_FILE);
  }
  if (bytes == 0) {
    close(file);
    return nothing;
  }
  void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
  if (data == MAP_FAILED) {
    fprintf(stderr, "model: cannot map the %s file %s: %s\n", what, path, strerror(errno));
    _exit(RUNNER_NO_RESOURCE);
  }
  close(file);
  return data;
}

void runner_write_file(const char *path, const void *data, size_t bytes) {
  char aside[4096];
  int length = snprintf(aside, sizeof aside, "%s.%ld.part", path, (long)getpid());
  if (length < 0 || (size_t)length >= sizeof aside)
    runner_fail(RUNNER_BAD_FILE, "the output's path is too long", NULL);
  FILE *file = fopen(aside, "wb");
  int good = file && fwrite(data, 1, bytes, file) == bytes;
  good = file && fclose(file) == 0 && good;
  if (!good || rename(aside, path) != 0) {
    fprintf(stderr, "model: cannot write the output file %s: %s\n", path, strerror(errno));
    unlink(aside);
    _exit(RUNNER_BAD_FILE);
  }
}
