enum { INPUT = 0, OUTPUT = 1, KERNEL = 2, STRIDE = 3, DILATION = 4, BEFORE = 5, BEHIND = 6 };
enum { FACTS = 7 };

/* Input position of one tap of a window; negative outside. */
static int met(const int32_t *axis, int position, int tap) {
  const int at = position * axis[STRIDE] + tap * axis[DILATION] - axis[BEFORE];
  return at < axis[INPUT] ? at : -1;
}

${HELPERS}static float window(const punchcard_pool_direct *layer, const float *input, const int *at) {
  const int32_t *z = layer->geometry;
  const int32_t *y = z + FACTS;
  const int32_t *x = y + FACTS;
  float result = $START;
  for (int kz = 0; kz < z[KERNEL]; ++kz) {
    const int iz = met(z, at[0], kz);
    for (int ky = 0; iz >= 0 && ky < y[KERNEL]; ++ky) {
      const int iy = met(y, at[1], ky);
      for (int kx = 0; iy >= 0 && kx < x[KERNEL]; ++kx) {
        const int ix = met(x, at[2], kx);
        if (ix >= 0) {
          const float value = input[((ptrdiff_t)iz * y[INPUT] + iy) * x[INPUT] + ix];
          $TAKE
        }
      }
    }
  }
$END
}

void $NAME(const punchcard_pool_direct *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  const int32_t *z = layer->geometry;
  const int32_t *y = z + FACTS;
  const int32_t *x = y + FACTS;
  const ptrdiff_t in_plane = (ptrdiff_t)z[INPUT] * y[INPUT] * x[INPUT];
  float *output = layer->output + (ptrdiff_t)begin * z[OUTPUT] * y[OUTPUT] * x[OUTPUT];
  for (int plane = begin; plane < end; ++plane) {
    int at[3] = {0, 0, 0};
    for (at[0] = 0; at[0] < z[OUTPUT]; ++at[0]) {
      for (at[1] = 0; at[1] < y[OUTPUT]; ++at[1]) {
        for (at[2] = 0; at[2] < x[OUTPUT]; ++at[2]) {
          *output++ = window(layer, layer->input + plane * in_plane, at);
        }
      }
    }
  }
}
