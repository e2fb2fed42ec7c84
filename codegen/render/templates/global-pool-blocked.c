void $NAME(const punchcard_global_pool *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->vectors > 0);
  const ptrdiff_t lane_count = (ptrdiff_t)(sizeof(vector) / sizeof(float));
  for (int block = begin; block < end; ++block) {
    const float *input = layer->input + block * layer->input_plane;
    /* Two sums, so that an addition need not wait for the one before. */
    vector even = {0};
    vector odd = {0};
    int ox = 0;
    for (; ox + 1 < layer->vectors; ox += 2) {
      even += load(input + ox * lane_count);
      odd += load(input + (ox + 1) * lane_count);
    }
    if (ox < layer->vectors) {
      even += load(input + ox * lane_count);
    }
    store(layer->output + block * lane_count, (even + odd) * layer->scale);
  }
}
