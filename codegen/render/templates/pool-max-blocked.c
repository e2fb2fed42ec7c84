/* Window entries [*from, *to) along one axis that fall on the input. */
static void entries(int start, int kernel, int size, int *from, int *to) {
  *from = start < 0 ? -start : 0;
  *to = size - start < kernel ? size - start : kernel;
}

void $NAME(const punchcard_pool *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->kernel_y > 0 && layer->kernel_x > 0);
  const ptrdiff_t lane_count = (ptrdiff_t)(sizeof(vector) / sizeof(float));
  for (int block = begin; block < end; ++block) {
    const float *plane = layer->input + block * layer->input_plane;
    for (int oy = 0; oy < layer->output_height; ++oy) {
      const int iy = oy * layer->stride_y - layer->top;
      float *output = layer->output + block * layer->output_plane + oy * layer->output_row;
      int top = 0;
      int bottom = 0;
      entries(iy, layer->kernel_y, layer->input_height, &top, &bottom);
      for (int ox = 0; ox < layer->output_width; ++ox) {
        const int ix = ox * layer->stride_x - layer->left;
        int left = 0;
        int right = 0;
        entries(ix, layer->kernel_x, layer->input_width, &left, &right);
        vector most = broadcast(-INFINITY);
        for (int ky = top; ky < bottom; ++ky) {
          const float *input = plane + (iy + ky) * layer->input_row;
          for (int kx = left; kx < right; ++kx) {
            const vector value = load(input + (ix + kx) * lane_count);
            most = choose(most < value, value, most);
          }
        }
        store(output + ox * lane_count, most);
      }
    }
  }
}
