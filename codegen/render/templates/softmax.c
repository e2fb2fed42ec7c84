void $NAME(const punchcard_softmax *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->length > 0 && layer->inner > 0);
  const ptrdiff_t inner = layer->inner;
  for (int n = begin; n < end; ++n) {
    for (ptrdiff_t ox = 0; ox < inner; ++ox) {
      const float *input = layer->input + (ptrdiff_t)n * layer->length * inner + ox;
      float *output = layer->output + (ptrdiff_t)n * layer->length * inner + ox;
      float most = input[0];
      for (ptrdiff_t oc = 1; oc < layer->length; ++oc) {
        most = input[oc * inner] > most ? input[oc * inner] : most;
      }
      float total = 0.0f;
      for (ptrdiff_t oc = 0; oc < layer->length; ++oc) {
        output[oc * inner] = expf(input[oc * inner] - most);
        total += output[oc * inner];
      }
      for (ptrdiff_t oc = 0; oc < layer->length; ++oc) {
        output[oc * inner] /= total;
      }
    }
  }
}
