static uint64_t check_of(const unsigned char *bytes, size_t count) {
  static const uint64_t prime = 1099511628211u;
  uint64_t lanes[CHECK_LANES];
  for (size_t lane = 0; lane < CHECK_LANES; ++lane) {
    lanes[lane] = 14695981039346656037u;
  }
  for (size_t word = 0; word < count / 8; ++word) {
    uint64_t value = 0;
    memcpy(&value, bytes + 8 * word, sizeof value);
    lanes[word % CHECK_LANES] = (lanes[word % CHECK_LANES] ^ value) * prime;
  }
  uint64_t check = 14695981039346656037u;
  for (size_t lane = 0; lane < CHECK_LANES; ++lane) {
    check = (check ^ lanes[lane]) * prime;
  }
  return check;
}

static void fill_mask(float *arena, const mask_shape *shape) {
  int32_t *mask = (int32_t *)(void *)(arena + shape->offset);
  for (int position = 0; position < shape->length; ++position) {
    const int is_inside =
        position / shape->row < shape->height && position % shape->row < shape->width;
    mask[position] = is_inside ? -1 : 0;
  }
}

/* Every thread waits here until all have come. */
static void meet(punchcard_model *model) {
  const unsigned turn = atomic_load(&model->turn);
  if (atomic_fetch_add(&model->arrived, 1) + 1 == model->threads) {
    atomic_store(&model->arrived, 0);
    atomic_store(&model->turn, turn + 1);
    return;
  }
  for (int spins = 0; atomic_load(&model->turn) == turn; ++spins) {
    if (spins > 2000) {
      sched_yield();
    }
  }
}

static void *work(void *argument) {
  worker *self = argument;
  punchcard_model *model = self->model;
  unsigned seen = 0;
  for (;;) {
    pthread_mutex_lock(&model->lock);
    while (model->run == seen && !model->is_ending) {
      pthread_cond_wait(&model->wake, &model->lock);
    }
    seen = model->run;
    const int is_ending = model->is_ending;
    pthread_mutex_unlock(&model->lock);
    if (is_ending) {
      return NULL;
    }
    for (int step = 0; step < STEPS; ++step) {
      steps[step].run(model, self->part, model->threads);
      meet(model);
    }
  }
}

static double now_ms(void) {
  struct timespec time = {0};
  clock_gettime(CLOCK_MONOTONIC, &time);
  return (double)time.tv_sec * 1e3 + (double)time.tv_nsec * 1e-6;
}

const punchcard_info *punchcard_get_info(void) {
  return &info;
}

void punchcard_destroy(punchcard_model *model) {
  if (model == NULL) {
    return;
  }
  if (model->workers != NULL) {
    pthread_mutex_lock(&model->lock);
    model->is_ending = 1;
    pthread_cond_broadcast(&model->wake);
    pthread_mutex_unlock(&model->lock);
    for (int part = 1; part < model->started; ++part) {
      pthread_join(model->workers[part].thread, NULL);
    }
    pthread_cond_destroy(&model->wake);
    pthread_mutex_destroy(&model->lock);
  }
  free(model->workers);
  free(model->arena);
  free(model);
}

/* Thread 0 is the caller's own; a model with one thread starts none. */
static int start_workers(punchcard_model *model) {
  model->workers = calloc((size_t)model->threads, sizeof *model->workers);
  if (model->workers == NULL) {
    return PUNCHCARD_NO_MEMORY;
  }
  pthread_mutex_init(&model->lock, NULL);
  pthread_cond_init(&model->wake, NULL);
  for (model->started = 1; model->started < model->threads; ++model->started) {
    worker *next = &model->workers[model->started];
    next->model = model;
    next->part = model->started;
    if (pthread_create(&next->thread, NULL, work, next) != 0) {
      return PUNCHCARD_NO_THREAD;
    }
  }
  return PUNCHCARD_OK;
}

int punchcard_create(punchcard_model **model, const void *weights, size_t weights_bytes,
                     int threads) {
  if (model == NULL || weights == NULL || threads < 1 || threads > MOST_THREADS) {
    return PUNCHCARD_BAD_ARGUMENT;
  }
  *model = NULL;
  if (weights_bytes != info.weights_bytes || (uintptr_t)weights % ALIGNMENT != 0 ||
      check_of(weights, weights_bytes) != info.weights_check) {
    return PUNCHCARD_BAD_WEIGHTS;
  }
  punchcard_model *made = calloc(1, sizeof *made);
  if (made == NULL) {
    return PUNCHCARD_NO_MEMORY;
  }
  made->weights = weights;
  made->threads = threads;
  const size_t scratch_bytes = (size_t)threads * SCRATCH_FLOATS * sizeof(float);
  made->arena = aligned_alloc(ALIGNMENT, info.arena_bytes + scratch_bytes);
  if (made->arena == NULL) {
    punchcard_destroy(made);
    return PUNCHCARD_NO_MEMORY;
  }
  memset(made->arena, 0, info.arena_bytes);
  made->scratch = made->arena + info.arena_bytes / sizeof(float);
  for (int mask = 0; mask < MASKS; ++mask) {
    fill_mask(made->arena, &masks[mask]);
  }
  const int status = threads > 1 ? start_workers(made) : PUNCHCARD_OK;
  if (status != PUNCHCARD_OK) {
    punchcard_destroy(made);
    return status;
  }
  *model = made;
  return PUNCHCARD_OK;
}

int punchcard_run_profiled(punchcard_model *model, const float *input, float *output,
                           double *layer_ms) {
  if (model == NULL || input == NULL || output == NULL) {
    return PUNCHCARD_BAD_ARGUMENT;
  }
  model->input = input;
  model->output = output;
  if (model->threads > 1) {
    pthread_mutex_lock(&model->lock);
    ++model->run;
    pthread_cond_broadcast(&model->wake);
    pthread_mutex_unlock(&model->lock);
  }
  double before = layer_ms == NULL ? 0.0 : now_ms();
  for (int step = 0; step < STEPS; ++step) {
    steps[step].run(model, 0, model->threads);
    if (model->threads > 1) {
      meet(model);
    }
    if (layer_ms != NULL) {
      const double after = now_ms();
      layer_ms[steps[step].layer] += after - before;
      before = after;
    }
  }
  return PUNCHCARD_OK;
}

int punchcard_run(punchcard_model *model, const float *input, float *output) {
  return punchcard_run_profiled(model, input, output, NULL);
}
