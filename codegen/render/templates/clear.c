static void zero(float *from, ptrdiff_t count) {
  for (ptrdiff_t index = 0; index < count; ++index) {
    from[index] = 0.0f;
  }
}

void $NAME(const punchcard_clear *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  const ptrdiff_t beside = layer->row - layer->width;
  const ptrdiff_t below = layer->plane - layer->height * layer->row;
  if (begin == 0) {
    zero(layer->output, layer->guard);
  }
  for (int oc = begin; oc < end; ++oc) {
    float *output = layer->output + layer->guard + oc * layer->plane;
    for (int oy = 0; oy < layer->height && oc < layer->open_planes; ++oy) {
      zero(output + oy * layer->row + layer->width, beside);
    }
    zero(output + layer->height * layer->row, below);
  }
}
