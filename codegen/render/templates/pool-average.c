/* Columns [*from, *to) of the output whose window column kx falls on the input. */
static void columns(const punchcard_pool *layer, int kx, int *from, int *to) {
  const int shift = layer->left - kx;
  *from = shift > 0 ? (shift + layer->stride_x - 1) / layer->stride_x : 0;
  const int room = layer->input_width - 1 + shift;
  *to = room < 0 ? 0 : room / layer->stride_x + 1;
  *to = *to < layer->output_width ? *to : layer->output_width;
}

/* How many pixels of a window an average divides by, along one axis. */
static int counted(int start, int kernel, int size, int behind, int counts_padding) {
  int end = start + kernel;
  if (counts_padding) {
    return (end < size + behind ? end : size + behind) - start;
  }
  end = end < size ? end : size;
  return end - (start > 0 ? start : 0);
}

static void divide(const punchcard_pool *layer, float *output, int oy) {
  const int rows = counted(oy * layer->stride_y - layer->top, layer->kernel_y, layer->input_height,
                           layer->bottom, layer->counts_padding);
  for (int ox = 0; ox < layer->output_width; ++ox) {
    const int start = ox * layer->stride_x - layer->left;
    const int width =
        counted(start, layer->kernel_x, layer->input_width, layer->right, layer->counts_padding);
    output[ox] /= (float)(rows > 0 && width > 0 ? rows * width : 1);
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
        output[ox] = 0.0f;
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
          const float *input = plane + iy * layer->input_row;
          for (int ox = from; ox < to; ++ox) {
            output[ox] += input[ox * layer->stride_x - layer->left + kx];
          }
        }
      }
      divide(layer, output, oy);
    }
  }
}
