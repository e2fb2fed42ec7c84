static void fill_row(float *output, int from, int to, float value) {
  for (int ox = from; ox < to; ++ox) {
    output[ox] = value;
  }
}

static void take_row(float *output, const float *input, int count, ptrdiff_t step) {
  if (step == 1) {
    for (int ox = 0; ox < count; ++ox) {
      output[ox] = input[ox];
    }
  } else if (step == 2) {
    for (int ox = 0; ox < count; ++ox) {
      output[ox] = input[2 * (ptrdiff_t)ox];
    }
  } else {
    for (int ox = 0; ox < count; ++ox) {
      output[ox] = input[ox * step];
    }
  }
}

void $NAME(const punchcard_repack *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->y_begin <= layer->y_end && layer->y_end <= layer->height);
  assert(layer->x_begin <= layer->x_end && layer->x_end <= layer->width);
  for (int oc = begin; oc < end; ++oc) {
    for (int oy = 0; oy < layer->height; ++oy) {
      float *output = layer->output + oc * layer->output_plane + oy * layer->output_row;
      if (oy < layer->y_begin || oy >= layer->y_end || layer->x_begin == layer->x_end) {
        fill_row(output, 0, layer->width, layer->fill);
        continue;
      }
      const ptrdiff_t from = layer->start + oc * layer->input_plane + oy * layer->input_row +
                             layer->x_begin * layer->input_step;
      fill_row(output, 0, layer->x_begin, layer->fill);
      take_row(output + layer->x_begin, layer->input + from, layer->x_end - layer->x_begin,
               layer->input_step);
      fill_row(output, layer->x_end, layer->width, layer->fill);
    }
  }
}
