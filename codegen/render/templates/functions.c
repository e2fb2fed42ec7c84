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

/* e^r of the rest r that n ln 2 leaves of x: a polynomial of degree 7. */
static inline vector power_of_rest(vector x, vector n) {
  const vector r = (x - n * 0.693145752f) - n * 1.42860677e-6f;
  vector sum = broadcast(1.98412698e-4f);
  sum = sum * r + 1.38888889e-3f;
  sum = sum * r + 8.33333333e-3f;
  sum = sum * r + 4.16666667e-2f;
  sum = sum * r + 1.66666667e-1f;
  sum = sum * r + 0.5f;
  sum = sum * r + 1.0f;
  sum = sum * r + 1.0f;
  return sum;
}

/* e^x to 2 units in the last place: x = n ln 2 + r, e^r times 2^n. */
static inline vector exponential(vector x) {
  x = choose(x > 88.0f, broadcast(88.0f), x);
  x = choose(x < -87.0f, broadcast(-87.0f), x);
  /* Adding and taking away 1.5 * 2^23 rounds to a whole number; its low bits are that number. */
  const vector magic = broadcast(12582912.0f);
  const vector shifted = x * 1.44269504f + magic;
  const vector n = shifted - magic;
  const vector sum = power_of_rest(x, n);
  const lanes power = ((lanes)shifted - (lanes)magic + 127) << 23;
  return sum * (vector)power;
}

/* e^x over the whole range: zero below, infinity above. 2^n is taken in two halves, so that neither
 * leaves the range of exponents. */
static inline vector power_of_e(vector x) {
  x = choose(x > 104.0f, broadcast(104.0f), x);
  x = choose(x < -104.0f, broadcast(-104.0f), x);
  const vector magic = broadcast(12582912.0f);
  const vector shifted = x * 1.44269504f + magic;
  const vector n = shifted - magic;
  const vector sum = power_of_rest(x, n);
  const lanes whole = (lanes)shifted - (lanes)magic;
  const lanes half = whole >> 1;
  return sum * (vector)((half + 127) << 23) * (vector)((whole - half + 127) << 23);
}

/* e^x - 1, whose difference cancels near zero: the Taylor series has no such loss. */
static inline vector power_of_e_less_one(vector x) {
  vector sum = broadcast(1.98412698e-4f);
  sum = sum * x + 1.38888889e-3f;
  sum = sum * x + 8.33333333e-3f;
  sum = sum * x + 4.16666667e-2f;
  sum = sum * x + 1.66666667e-1f;
  sum = sum * x + 0.5f;
  sum = sum * x + 1.0f;
  return choose(x * x < 0.0625f, sum * x, power_of_e(x) - 1.0f);
}

/* ln x: x = 2^n m with m within a factor sqrt 2 of one, r = m - 1, and a polynomial behind
 * r - r^2 / 2 whose relative error is 1e-9. Denormals count as zero, as in every sum here. */
static inline vector logarithm(vector x) {
  const lanes whole = ((lanes)x - 0x3f3504f3) >> 23;
  const vector r = (vector)((lanes)x - whole * 8388608) - 1.0f;
  const vector n = __builtin_convertvector(whole, vector);
  vector sum = broadcast(6.74660124e-2f);
  sum = sum * r - 1.16756413e-1f;
  sum = sum * r + 1.18881746e-1f;
  sum = sum * r - 1.24055914e-1f;
  sum = sum * r + 1.42195509e-1f;
  sum = sum * r - 1.66679957e-1f;
  sum = sum * r + 2.00021187e-1f;
  sum = sum * r - 2.50000096e-1f;
  sum = sum * r + 3.33333126e-1f;
  const vector square = r * r;
  const vector low = square * r * sum - n * 2.12194440e-4f - square * 0.5f;
  const vector found = (r + low) + n * 0.693359375f;
  const vector least = broadcast(1.17549435e-38f);
  const vector edge = choose(x < least, broadcast(-__builtin_inff()), x);
  const vector none = choose(x <= -least, broadcast(__builtin_nanf("")), edge);
  return choose((x >= least) & (x < __builtin_inff()), found, none);
}

/* ln of 1 + x for x from 0: what is lost by rounding 1 + x is put back as a factor. */
static inline vector logarithm_of_more(vector x) {
  const vector more = 1.0f + x;
  const vector kept = more - 1.0f;
  return choose(kept == 0.0f, x, logarithm(more) * (x / kept));
}

/* The error function: an odd polynomial up to 0.94, above it 1 - e^-p with p = -ln of the
 * complement as a polynomial. */
static inline vector error_function(vector x) {
  const vector square = x * x;
  vector sum = broadcast(8.28038827e-5f);
  sum = sum * square - 8.12188388e-4f;
  sum = sum * square + 5.19924724e-3f;
  sum = sum * square - 2.68587067e-2f;
  sum = sum * square + 1.12836837e-1f;
  sum = sum * square - 3.76126330e-1f;
  sum = sum * square + 1.12837917f;
  const vector size = choose(x < 0.0f, -x, x);
  const vector t = choose(size > 3.95f, broadcast(3.95f), size);
  vector p = broadcast(-1.94778618e-4f);
  p = p * t + 3.03182849e-3f;
  p = p * t - 2.21814184e-2f;
  p = p * t + 1.03836970e-1f;
  p = p * t + 6.37290353e-1f;
  p = p * t + 1.12761125f;
  p = p * t + 2.11304299e-4f;
  const vector large = 1.0f - exponential(-p);
  return choose(size < 0.94f, x * sum, choose(x < 0.0f, -large, large));
}

/* Compilers turn the loop into one instruction where there is one. */
static inline vector square_root(vector x) {
  for (size_t lane = 0; lane < sizeof x / sizeof x[0]; ++lane) {
    x[lane] = __builtin_sqrtf(x[lane]);
  }
  return x;
}

static inline vector raised(vector x, vector power) {
  for (size_t lane = 0; lane < sizeof x / sizeof x[0]; ++lane) {
    x[lane] = __builtin_powf(x[lane], power[lane]);
  }
  return x;
}

/* The larger; a value that is no number wins, as in the reference. */
static inline vector larger(vector x, vector y) {
  return choose((x > y) | (x != x), x, y);
}

static inline vector smaller(vector x, vector y) {
  return choose((x < y) | (x != x), x, y);
}

/* The nearest whole number, halves to the even one: beside 2^23 no bit is left for a fraction. */
static inline vector nearest(vector x) {
  const vector magic = choose(x < 0.0f, broadcast(-8388608.0f), broadcast(8388608.0f));
  const lanes may_have_one = (x < 8388608.0f) & (x > -8388608.0f);
  return choose(may_have_one, (x + magic) - magic, x);
}

/* The first `count` lanes; what lies behind them stays. */
static inline void store_part(float *to, vector value, ptrdiff_t count) {
  for (ptrdiff_t lane = 0; lane < count; ++lane) {
    to[lane] = value[lane];
  }
}

static inline lanes first_lanes(ptrdiff_t count) {
  const lanes number = {$LANE_NUMBERS};
  return number < (int32_t)(count < 64 ? count : 64);
}

/* The first `count` lanes of what lies there, `other` in those behind them. */
static inline vector load_first(const float *from, ptrdiff_t count, float other) {
  return choose(first_lanes(count), load(from), broadcast(other));
}

/* Lanes from `width` on come to the front; behind them the old ones stay. */
static inline vector moved_down(vector value, int width) {
  vector moved = value;
  for (int lane = 0; lane < width; ++lane) {
    moved[lane] = value[lane + width];
  }
  return moved;
}
