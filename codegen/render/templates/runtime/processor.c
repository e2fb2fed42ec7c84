/* What this processor can do, asked of the processor and the system. */
#define _POSIX_C_SOURCE 200809L
#include "runtime.h"

#include <string.h>

typedef struct {
  const char *name; /* as /proc/cpuinfo spells it */
  int source;
  uint32_t bit;
} feature;

#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>

enum { LEAF_1_ECX, LEAF_1_EDX, LEAF_7_EBX, LEAF_EXTENDED_ECX, SOURCES };

static const feature known[] = {
    {"sse2", LEAF_1_EDX, 26},      {"fma", LEAF_1_ECX, 12},       {"movbe", LEAF_1_ECX, 22},
    {"f16c", LEAF_1_ECX, 29},      {"abm", LEAF_EXTENDED_ECX, 5}, {"bmi1", LEAF_7_EBX, 3},
    {"avx2", LEAF_7_EBX, 5},       {"bmi2", LEAF_7_EBX, 8},       {"avx512f", LEAF_7_EBX, 16},
    {"avx512dq", LEAF_7_EBX, 17},  {"avx512cd", LEAF_7_EBX, 28},  {"avx512bw", LEAF_7_EBX, 30},
    {"avx512vl", LEAF_7_EBX, 31},
};

/* Wide registers also need a system that saves them. */
static uint32_t saved_state(uint32_t leaf_1_ecx) {
  uint32_t low = 0;
  uint32_t high = 0;
  if ((leaf_1_ecx >> 27 & 1u) != 0) {
    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  }
  return low;
}

static void read_sources(uint32_t *words) {
  uint32_t a = 0;
  uint32_t b = 0;
  uint32_t c = 0;
  uint32_t d = 0;
  if (__get_cpuid(1, &a, &b, &c, &d)) {
    words[LEAF_1_ECX] = c;
    words[LEAF_1_EDX] = d;
  }
  if (__get_cpuid_count(7, 0, &a, &b, &c, &d)) {
    words[LEAF_7_EBX] = b;
  }
  if (__get_cpuid(0x80000001u, &a, &b, &c, &d)) {
    words[LEAF_EXTENDED_ECX] = c;
  }
  const uint32_t saved = saved_state(words[LEAF_1_ECX]);
  if ((saved & 0x06u) != 0x06u) {
    words[LEAF_1_ECX] &= ~(1u << 12 | 1u << 29);
    words[LEAF_7_EBX] &= ~(1u << 5);
  }
  if ((saved & 0xe6u) != 0xe6u) {
    words[LEAF_7_EBX] &= ~(1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31);
  }
}

uintptr_t punchcard_flush_denormals(void) {
  const unsigned before = __builtin_ia32_stmxcsr();
  __builtin_ia32_ldmxcsr(before | 0x8040u);
  return before;
}

void punchcard_restore_denormals(uintptr_t before) {
  __builtin_ia32_ldmxcsr((unsigned)before);
}

#elif defined(__aarch64__) || defined(__arm__)
#include <sys/auxv.h>

enum { HARDWARE, SOURCES };

#if defined(__aarch64__)
static const feature known[] = {
    {"asimd", HARDWARE, 1},    {"crc32", HARDWARE, 7},  {"atomics", HARDWARE, 8},
    {"fphp", HARDWARE, 9},     {"asimdhp", HARDWARE, 10}, {"lrcpc", HARDWARE, 15},
    {"asimddp", HARDWARE, 20},
};

uintptr_t punchcard_flush_denormals(void) {
  uint64_t before = 0;
  __asm__ volatile("mrs %0, fpcr" : "=r"(before));
  __asm__ volatile("msr fpcr, %0" ::"r"(before | 1u << 24));
  return before;
}

void punchcard_restore_denormals(uintptr_t before) {
  __asm__ volatile("msr fpcr, %0" ::"r"((uint64_t)before));
}
#else
static const feature known[] = {{"neon", HARDWARE, 12}, {"vfpv4", HARDWARE, 16}};

/* NEON always flushes; this is for the scalar instructions beside it. */
uintptr_t punchcard_flush_denormals(void) {
  uint32_t before = 0;
  __asm__ volatile("vmrs %0, fpscr" : "=r"(before));
  __asm__ volatile("vmsr fpscr, %0" ::"r"(before | 1u << 24));
  return before;
}

void punchcard_restore_denormals(uintptr_t before) {
  __asm__ volatile("vmsr fpscr, %0" ::"r"((uint32_t)before));
}
#endif

static void read_sources(uint32_t *words) {
  words[HARDWARE] = (uint32_t)getauxval(AT_HWCAP);
}
#endif

const char *punchcard_first_missing(const punchcard_program *program) {
  uint32_t words[SOURCES] = {0};
  read_sources(words);
  for (const char *const *name = program->features; *name != NULL; ++name) {
    int has = 0;
    for (size_t row = 0; row < sizeof known / sizeof *known; ++row) {
      if (strcmp(*name, known[row].name) == 0) {
        has = (words[known[row].source] >> known[row].bit & 1u) != 0;
      }
    }
    if (!has) {
      return *name;
    }
  }
  return NULL;
}
