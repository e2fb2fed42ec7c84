/* What a machine can do at most: fused multiply-adds and read bandwidth, on 1 to 64 threads.

   Built for the target under test, so the peak is that of its own vectors. Prints one JSON
   object. Every figure is the best of many short stretches: what disturbs the machine only ever
   makes it slower. */
#define _GNU_SOURCE
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#if defined(PUNCHCARD_ISA_AVX512)
enum { LANES = 16 };
#elif defined(PUNCHCARD_ISA_AVX2)
enum { LANES = 8 };
#else
enum { LANES = 4 };
#endif
/* Latency 4 on two ports needs 8 in flight; 12 and two operands fit 16 registers. */
enum { SUMS = 12, STRETCH = 20000, MOST_THREADS = 64, MOST_SIZES = 8 };

typedef float vec __attribute__((vector_size(sizeof(float) * LANES)));

typedef struct {
  int core;
  size_t bytes; /* of the buffer that is read; 0: fused multiply-adds */
  double seconds;
  double best; /* GFLOP/s or GB/s */
  pthread_barrier_t *start;
} job;

/* Read at run time, so that no compiler folds the arithmetic away. */
static volatile float one = 1.0F, zero = 0.0F;
static volatile float sink;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC_RAW, &t);
  return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static vec broadcast(float value) {
  vec result = {0};
  return result + value;
}

static void keep(const vec *sums) {
  vec total = {0};
  for (int i = 0; i < SUMS; i++) total += sums[i];
  float first = total[0];
  sink = first;
}

/* Sums times one plus zero: no denormals and no overflow, however long it runs. */
static double multiply_add(void) {
  vec sums[SUMS], factor = broadcast(one), term = broadcast(zero);
  for (int i = 0; i < SUMS; i++) sums[i] = term;
  double begin = now();
  for (int step = 0; step < STRETCH; step++) {
#pragma GCC unroll 12
    for (int i = 0; i < SUMS; i++) sums[i] = sums[i] * factor + term;
  }
  double seconds = now() - begin;
  keep(sums);
  return (double)(2 * LANES * SUMS * STRETCH) / seconds / 1e9;
}

static double read_once(const vec *data, size_t bytes, size_t times) {
  vec sums[SUMS];
  size_t count = bytes / sizeof(vec) / 8 * 8;
  for (int i = 0; i < SUMS; i++) sums[i] = broadcast(zero);
  double begin = now();
  for (size_t pass = 0; pass < times; pass++) {
    for (size_t at = 0; at < count; at += 8) {
#pragma GCC unroll 8
      for (size_t i = 0; i < 8; i++) sums[i] += data[at + i];
    }
  }
  double seconds = now() - begin;
  keep(sums);
  return (double)(count * sizeof(vec)) * (double)times / seconds / 1e9;
}

static void *work(void *argument) {
  job *own = argument;
  cpu_set_t cores;
  CPU_ZERO(&cores);
  CPU_SET((size_t)own->core, &cores);
  sched_setaffinity(0, sizeof cores, &cores);
  vec *data = NULL;
  if (own->bytes) {
    data = aligned_alloc(4096, (own->bytes + 4095) / 4096 * 4096);
    if (data) memset(data, 0, own->bytes);
  }
  /* About half a millisecond a stretch in cache; one pass of what is larger. */
  size_t times = own->bytes ? 1 + ((size_t)32 << 20) / own->bytes : 0;
  pthread_barrier_wait(own->start);
  for (double end = now() + own->seconds;;) {
    double rate = 0;
    if (!own->bytes) rate = multiply_add();
    else if (data) rate = read_once(data, own->bytes, times);
    if (rate > own->best) own->best = rate;
    if (now() >= end) break;
  }
  free(data);
  return NULL;
}

/* The sum of what all threads reach at the same time. */
static double together(int threads, size_t bytes, double seconds) {
  static job jobs[MOST_THREADS];
  pthread_t handles[MOST_THREADS];
  pthread_barrier_t start;
  cpu_set_t allowed;
  int core = -1;
  double sum = 0;
  sched_getaffinity(0, sizeof allowed, &allowed);
  pthread_barrier_init(&start, NULL, (unsigned)threads);
  for (int i = 0; i < threads; i++) {
    do core = (core + 1) % CPU_SETSIZE;
    while (!CPU_ISSET((size_t)core, &allowed));
    jobs[i] = (job){core, bytes, seconds, 0, &start};
    if (pthread_create(&handles[i], NULL, work, &jobs[i]) != 0) exit(5);
  }
  for (int i = 0; i < threads; i++) {
    pthread_join(handles[i], NULL);
    sum += jobs[i].best;
  }
  pthread_barrier_destroy(&start);
  return sum;
}

int main(int argc, char **argv) {
  if (argc < 3) {
    puts("usage: machine_peak THREADS SECONDS [BYTES ...]   (BYTES: of each buffer that is read)");
    return 2;
  }
  int threads = atoi(argv[1]);
  double seconds = atof(argv[2]);
  if (threads < 1 || threads > MOST_THREADS || argc > 3 + MOST_SIZES) return 2;
  printf("{\"threads\":%d,\"lanes\":%d,\"gflops\":%.3f,\"read_gbps\":{", threads, LANES,
         together(threads, 0, seconds));
  for (int i = 3; i < argc; i++) {
    size_t bytes = (size_t)strtoull(argv[i], NULL, 10);
    printf("%s\"%zu\":%.3f", i > 3 ? "," : "", bytes, together(threads, bytes, seconds));
  }
  puts("}}");
  return 0;
}
