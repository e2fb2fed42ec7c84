enum { ALIGNMENT = 64, MOST_THREADS = 64, CHECK_LANES = 1024 };

typedef struct {
  punchcard_model *model;
  pthread_t thread;
  int part;
} worker;

struct punchcard_model {
  const unsigned char *weights;
  float *arena;
  float *scratch; /* SCRATCH_FLOATS of each thread, behind the arena */
  const float *input;
  float *output;
  worker *workers; /* NULL where the caller's thread does everything */
  int threads;
  int started;
  pthread_mutex_t lock;
  pthread_cond_t wake;
  unsigned run;
  int is_ending;
  atomic_int arrived;
  atomic_uint turn;
};

typedef struct {
  void (*run)(const punchcard_model *model, int part, int parts);
  int layer; /* index in the profile */
} model_step;

typedef struct {
  ptrdiff_t offset; /* floats from the arena's start */
  int height;
  int width;
  int row;
  int length;
} mask_shape;
