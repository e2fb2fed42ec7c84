/* Neighbours along the axis itself: each position has taps of its own. */
static void along(const punchcard_resample *layer, float *restrict output,
                  const float *restrict input) {
  const int length = layer->length;
  const int32_t *restrict index = layer->indices;
  const float *restrict weight = layer->weights;
  if (weight == NULL) {
    for (int ox = 0; ox < length; ++ox) {
      output[ox] = input[index[ox]];
    }
    return;
  }
  for (int ox = 0; ox < length; ++ox) {
    output[ox] = weight[ox] * input[index[ox]];
  }
  for (int tap = 1; tap < layer->taps; ++tap) {
    index += length;
    weight += length;
    for (int ox = 0; ox < length; ++ox) {
      output[ox] += weight[ox] * input[index[ox]];
    }
  }
}

/* Neighbours across the axis: all take the taps of one position. */
static void across(const punchcard_resample *layer, float *restrict output,
                   const float *restrict input, int position) {
  const int32_t *index = layer->indices + position;
  const float *weight = layer->weights;
  const float *source = input + index[0];
  if (weight == NULL) {
    for (int ox = 0; ox < layer->inner; ++ox) {
      output[ox] = source[ox];
    }
    return;
  }
  const float first = weight[position];
  for (int ox = 0; ox < layer->inner; ++ox) {
    output[ox] = first * source[ox];
  }
  for (int tap = 1; tap < layer->taps; ++tap) {
    const float other = weight[(ptrdiff_t)tap * layer->length + position];
    source = input + index[(ptrdiff_t)tap * layer->length];
    for (int ox = 0; ox < layer->inner; ++ox) {
      output[ox] += other * source[ox];
    }
  }
}

static void fill_outside(const punchcard_resample *layer, float *output) {
  for (int position = 0; position < layer->length; ++position) {
    for (int ox = 0; layer->outside[position] && ox < layer->inner; ++ox) {
      output[position * layer->output_step + ox] = layer->fill;
    }
  }
}

void $NAME(const punchcard_resample *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->inner > 0 && layer->taps > 0);
  for (int at = begin; at < end; ++at) {
    const ptrdiff_t n = at / layer->rows;
    const ptrdiff_t oy = at % layer->rows;
    const float *input = layer->input + n * layer->input_plane + oy * layer->input_row;
    float *output = layer->output + n * layer->output_plane + oy * layer->output_row;
    if (layer->inner == 1 && layer->output_step == 1) {
      along(layer, output, input);
    } else {
      for (int position = 0; position < layer->length; ++position) {
        across(layer, output + position * layer->output_step, input, position);
      }
    }
    if (layer->outside != NULL) {
      fill_outside(layer, output);
    }
  }
}
