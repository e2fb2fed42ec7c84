void $NAME(const punchcard_global_pool *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->vectors > 0);
  const ptrdiff_t lane_count = (ptrdiff_t)(sizeof(vector) / sizeof(float));
  for (int oc = begin; oc < end; ++oc) {
    const float *input = layer->input + oc * layer->input_plane;
    vector sum = {0};
    for (int ox = 0; ox < layer->vectors; ++ox) {
      sum += load(input + ox * lane_count);
    }
    float total = 0.0f;
    for (ptrdiff_t lane = 0; lane < lane_count; ++lane) {
      total += sum[lane];
    }
    layer->output[oc] = total * layer->scale;
  }
}
