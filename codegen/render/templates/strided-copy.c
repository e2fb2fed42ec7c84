enum { SIZE = 0, INPUT_STEP = 1, OUTPUT_STEP = 2, BLOCK = 16 };

static void copy_row(float *output, ptrdiff_t output_step, const float *input, ptrdiff_t input_step,
                     ptrdiff_t length) {
  if (output_step == 1 && input_step == 1) {
    for (ptrdiff_t ox = 0; ox < length; ++ox) {
      output[ox] = input[ox];
    }
  } else if (output_step == 1 && input_step == 0) {
    const float value = input[0];
    for (ptrdiff_t ox = 0; ox < length; ++ox) {
      output[ox] = value;
    }
  } else {
    for (ptrdiff_t ox = 0; ox < length; ++ox) {
      output[ox * output_step] = input[ox * input_step];
    }
  }
}

/* Rows that lie side by side in the input: by blocks, so that a line read serves all of them. */
static void transpose(float *output, const float *input, ptrdiff_t rows, ptrdiff_t output_row,
                      ptrdiff_t input_step, ptrdiff_t length) {
  for (ptrdiff_t first = 0; first < length; first += BLOCK) {
    const ptrdiff_t last = first + BLOCK < length ? first + BLOCK : length;
    for (ptrdiff_t oy = 0; oy < rows; ++oy) {
      for (ptrdiff_t ox = first; ox < last; ++ox) {
        output[oy * output_row + ox] = input[ox * input_step + oy];
      }
    }
  }
}

void $NAME(const punchcard_strided_copy *layer, int begin, int end) {
  assert(layer != NULL);
  assert(begin >= 0 && begin <= end);
  assert(layer->count >= 2);
  const int32_t *columns = layer->axes + 3 * (layer->count - 1);
  const int32_t *rows = columns - 3;
  const int is_transpose =
      rows[INPUT_STEP] == 1 && columns[OUTPUT_STEP] == 1 && columns[INPUT_STEP] > 1;
  for (int at = begin; at < end;) {
    ptrdiff_t from = (ptrdiff_t)(at % rows[SIZE]) * rows[INPUT_STEP];
    ptrdiff_t to = (ptrdiff_t)(at % rows[SIZE]) * rows[OUTPUT_STEP];
    int rest = at / rows[SIZE];
    for (int outer = layer->count - 3; outer >= 0; --outer) {
      const int32_t *axis = layer->axes + 3 * outer;
      from += (ptrdiff_t)(rest % axis[SIZE]) * axis[INPUT_STEP];
      to += (ptrdiff_t)(rest % axis[SIZE]) * axis[OUTPUT_STEP];
      rest /= axis[SIZE];
    }
    const int behind = rows[SIZE] - at % rows[SIZE];
    const int taken = behind < end - at ? behind : end - at;
    if (is_transpose) {
      transpose(layer->output + to, layer->input + from, taken, rows[OUTPUT_STEP],
                columns[INPUT_STEP], columns[SIZE]);
    } else {
      for (int oy = 0; oy < taken; ++oy) {
        copy_row(layer->output + to + (ptrdiff_t)oy * rows[OUTPUT_STEP], columns[OUTPUT_STEP],
                 layer->input + from + (ptrdiff_t)oy * rows[INPUT_STEP], columns[INPUT_STEP],
                 columns[SIZE]);
      }
    }
    at += taken;
  }
}
