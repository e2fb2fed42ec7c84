static float weighted_sum(const punchcard_resample *layer, const float *input, int position) {
  const int last = layer->starts[position + 1];
  float sum = 0.0f;
  for (int tap = layer->starts[position]; tap < last; ++tap) {
    sum += layer->weights[tap] * input[layer->indices[tap] * layer->input_step];
  }
  return layer->starts[position] < last ? sum : layer->fill;
}

/* The same for neighbouring elements, which take the same taps. */
static void weighted_row(const punchcard_resample *layer, float *output, const float *input,
                         int position) {
  const int first = layer->starts[position];
  const int last = layer->starts[position + 1];
  for (int ox = 0; ox < layer->inner; ++ox) {
    output[ox] = first < last ? 0.0f : layer->fill;
  }
  for (int tap = first; tap < last; ++tap) {
    const float weight = layer->weights[tap];
    const float *source = input + layer->indices[tap] * layer->input_step;
    for (int ox = 0; ox < layer->inner; ++ox) {
      output[ox] += weight * source[ox];
    }
  }
}

void $NAME(const punchcard_resample *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->inner > 0);
  for (int n = begin; n < end; ++n) {
    for (int oy = 0; oy < layer->rows; ++oy) {
      const float *input = layer->input + n * layer->input_plane + oy * layer->input_row;
      float *output = layer->output + n * layer->output_plane + oy * layer->output_row;
      for (int position = 0; position < layer->length; ++position) {
        if (layer->inner == 1) {
          output[position * layer->output_step] = weighted_sum(layer, input, position);
        } else {
          weighted_row(layer, output + position * layer->output_step, input, position);
        }
      }
    }
  }
}
