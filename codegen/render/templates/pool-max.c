/* Columns [*from, *to) of the output whose window column kx falls on the input. */
static void columns(const punchcard_pool *layer, int kx, int *from, int *to) {
  const int shift = layer->left - kx;
  *from = shift > 0 ? (shift + layer->stride_x - 1) / layer->stride_x : 0;
  const int room = layer->input_width - 1 + shift;
  *to = room < 0 ? 0 : room / layer->stride_x + 1;
  *to = *to < layer->output_width ? *to : layer->output_width;
}

static void take_larger(float *output, const float *input, int from, int to, int stride,
                        int shift) {
  if (stride == 1) {
    for (int ox = from; ox < to; ++ox) {
      output[ox] = output[ox] < input[ox - shift] ? input[ox - shift] : output[ox];
    }
  } else if (stride == 2) {
    for (int ox = from; ox < to; ++ox) {
      output[ox] = output[ox] < input[2 * ox - shift] ? input[2 * ox - shift] : output[ox];
    }
  } else {
    for (int ox = from; ox < to; ++ox) {
      output[ox] =
          output[ox] < input[stride * ox - shift] ? input[stride * ox - shift] : output[ox];
    }
  }
}

void $NAME(const punchcard_pool *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->kernel_y > 0 && layer->kernel_x > 0);
  assert(layer->stride_y > 0 && layer->stride_x > 0);
  for (int oc = begin; oc < end; ++oc) {
    const float *plane = layer->input + oc * layer->input_plane;
    for (int oy = 0; oy < layer->output_height; ++oy) {
      float *output = layer->output + oc * layer->output_plane + oy * layer->output_row;
      for (int ox = 0; ox < layer->output_width; ++ox) {
        output[ox] = -INFINITY;
      }
      for (int ky = 0; ky < layer->kernel_y; ++ky) {
        const int iy = oy * layer->stride_y + ky - layer->top;
        if (iy < 0 || iy >= layer->input_height) {
          continue;
        }
        for (int kx = 0; kx < layer->kernel_x; ++kx) {
          int from = 0;
          int to = 0;
          columns(layer, kx, &from, &to);
          take_larger(output, plane + iy * layer->input_row, from, to, layer->stride_x,
                      layer->left - kx);
        }
      }
    }
  }
}
