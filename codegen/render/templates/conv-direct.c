enum { INPUT = 0, OUTPUT = 1, KERNEL = 2, STRIDE = 3, DILATION = 4, BEFORE = 5, FACTS = 6 };

/* Input position that an output position and a tap meet along one axis; negative outside. */
static int met(const int32_t *axis, int position, int tap) {
  const int at = position * axis[STRIDE] + tap * axis[DILATION] - axis[BEFORE];
  return at < axis[INPUT] ? at : -1;
}

static void add_row(float *output, const float *input, const int32_t *axis, int tap, float weight) {
  for (int ox = 0; ox < axis[OUTPUT]; ++ox) {
    const int ix = met(axis, ox, tap);
    if (ix >= 0) {
      output[ox] += weight * input[ix];
    }
  }
}

/* One kernel: all its weights times one channel, added to one plane of the output. */
static void add_kernel(const int32_t *z, float *output, const float *input, const float *weights) {
  const int32_t *y = z + FACTS;
  const int32_t *x = y + FACTS;
  for (int kz = 0; kz < z[KERNEL]; ++kz) {
    for (int ky = 0; ky < y[KERNEL]; ++ky) {
      for (int kx = 0; kx < x[KERNEL]; ++kx) {
        const float weight = weights[(kz * y[KERNEL] + ky) * x[KERNEL] + kx];
        if (weight == 0.0f) {
          continue;
        }
        for (int oz = 0; oz < z[OUTPUT]; ++oz) {
          const int iz = met(z, oz, kz);
          for (int oy = 0; iz >= 0 && oy < y[OUTPUT]; ++oy) {
            const int iy = met(y, oy, ky);
            if (iy >= 0) {
              add_row(output + ((ptrdiff_t)oz * y[OUTPUT] + oy) * x[OUTPUT],
                      input + ((ptrdiff_t)iz * y[INPUT] + iy) * x[INPUT], x, kx, weight);
            }
          }
        }
      }
    }
  }
}

static ptrdiff_t volume(const int32_t *geometry, int fact) {
  return (ptrdiff_t)geometry[fact] * geometry[FACTS + fact] * geometry[2 * FACTS + fact];
}

void $NAME(const punchcard_conv_direct *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->groups > 0 && layer->filters % layer->groups == 0);
  const ptrdiff_t in_plane = volume(layer->geometry, INPUT);
  const ptrdiff_t out_plane = volume(layer->geometry, OUTPUT);
  const ptrdiff_t taps = volume(layer->geometry, KERNEL);
  for (int plane = begin; plane < end; ++plane) {
    const int n = plane / layer->filters;
    const int oc = plane % layer->filters;
    const int group = oc / (layer->filters / layer->groups);
    const ptrdiff_t first = ((ptrdiff_t)n * layer->groups + group) * layer->channels;
    float *output = layer->output + plane * out_plane;
    for (ptrdiff_t ox = 0; ox < out_plane; ++ox) {
      output[ox] = layer->bias[oc];
    }
    for (int ic = 0; ic < layer->channels; ++ic) {
      add_kernel(layer->geometry, output, layer->input + (first + ic) * in_plane,
                 layer->weights + ((ptrdiff_t)oc * layer->channels + ic) * taps);
    }
  }
}
