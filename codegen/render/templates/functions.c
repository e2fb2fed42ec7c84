static inline vector load(const float *from) {
  return *(const loose_vector *)from;
}

static inline void store(float *to, vector value) {
  *(loose_vector *)to = value;
}

static inline lanes load_mask(const int32_t *from) {
  return *(const loose_lanes *)from;
}

/* Subtracting zero keeps every value, so that compilers drop it. */
static inline vector broadcast(float value) {
  return value - (vector){0};
}

/* Zero in the lanes that are not set, whatever stood there. */
static inline vector keep(vector value, lanes set) {
  return (vector)((lanes)value & set);
}

static inline vector choose(lanes set, vector yes, vector no) {
  return (vector)(((lanes)yes & set) | ((lanes)no & ~set));
}

/* e^x to 2 units in the last place: x = n ln 2 + r, a polynomial of degree 7 in r, times 2^n. */
static inline vector exponential(vector x) {
  x = choose(x > 88.0f, broadcast(88.0f), x);
  x = choose(x < -87.0f, broadcast(-87.0f), x);
  /* Adding and taking away 1.5 * 2^23 rounds to a whole number; its low bits are that number. */
  const vector magic = broadcast(12582912.0f);
  const vector shifted = x * 1.44269504f + magic;
  const vector n = shifted - magic;
  const vector r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  vector sum = broadcast(1.98412698e-4f);
  sum = sum * r + 1.38888889e-3f;
  sum = sum * r + 8.33333333e-3f;
  sum = sum * r + 4.16666667e-2f;
  sum = sum * r + 1.66666667e-1f;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  const lanes power = ((lanes)shifted - (lanes)magic + 127) << 23;
  return sum * (vector)power;
}
