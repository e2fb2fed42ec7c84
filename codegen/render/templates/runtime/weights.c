/* The weights: mapped from their file, and checked before they are used. */
#define _POSIX_C_SOURCE 200809L
#include "runtime.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CHECK_LANES = 1024 };

/* FNV-1a with words for bytes, in lanes: their products do not wait for each other. */
static uint64_t check_of(const unsigned char *bytes, size_t count) {
  static const uint64_t prime = 1099511628211u;
  static const uint64_t start = 14695981039346656037u;
  uint64_t lanes[CHECK_LANES];
  for (size_t lane = 0; lane < CHECK_LANES; ++lane) {
    lanes[lane] = start;
  }
  const size_t words = count / sizeof(uint64_t);
  for (size_t first = 0; first < words; first += CHECK_LANES) {
    const size_t here = words - first < CHECK_LANES ? words - first : CHECK_LANES;
    for (size_t lane = 0; lane < here; ++lane) {
      uint64_t value = 0;
      memcpy(&value, bytes + sizeof value * (first + lane), sizeof value);
      lanes[lane] = (lanes[lane] ^ value) * prime;
    }
  }
  uint64_t check = start;
  for (size_t lane = 0; lane < CHECK_LANES; ++lane) {
    check = (check ^ lanes[lane]) * prime;
  }
  return check;
}

int punchcard_check_weights(const void *weights, size_t bytes) {
  const punchcard_info *info = punchcard_get_info();
  if (bytes != info->weights_bytes || (uintptr_t)weights % PUNCHCARD_LINE != 0 ||
      check_of(weights, bytes) != info->weights_check) {
    return PUNCHCARD_BAD_WEIGHTS;
  }
  return PUNCHCARD_OK;
}

int punchcard_map_weights(punchcard_model *model, const char *path) {
  const size_t bytes = punchcard_get_info()->weights_bytes;
  struct stat facts;
  const int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0) {
    return PUNCHCARD_NO_FILE;
  }
  int status = fstat(file, &facts) == 0 ? PUNCHCARD_OK : PUNCHCARD_NO_FILE;
  if (status == PUNCHCARD_OK && (!S_ISREG(facts.st_mode) || facts.st_size != (off_t)bytes)) {
    status = PUNCHCARD_BAD_WEIGHTS;
  }
  if (status == PUNCHCARD_OK) {
    void *data = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, file, 0);
    if (data == MAP_FAILED) {
      status = errno == ENOMEM ? PUNCHCARD_NO_MEMORY : PUNCHCARD_NO_FILE;
    } else {
      model->mapping = data;
      model->mapping_bytes = bytes;
      model->weights = data;
    }
  }
  const int cause = errno;
  close(file);
  errno = cause;
  return status;
}

void punchcard_unmap_weights(punchcard_model *model) {
  if (model->mapping != NULL) {
    munmap(model->mapping, model->mapping_bytes);
  }
}
