/* Taps of a window that an average divides by, along one axis. */
static int counted(const int32_t *axis, int position, int counts_padding) {
  int count = 0;
  for (int tap = 0; tap < axis[KERNEL]; ++tap) {
    const int at = position * axis[STRIDE] + tap * axis[DILATION] - axis[BEFORE];
    const int is_inside = at >= 0 && at < axis[INPUT];
    count += is_inside || (counts_padding && at < axis[INPUT] + axis[BEHIND]);
  }
  return count;
}
