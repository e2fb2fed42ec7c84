static int64_t work_before(const int32_t *starts, int unit, int unit_work) {
  return starts[unit] - starts[0] + (int64_t)unit_work * unit;
}

/* First unit of a part, so that all parts have the same work as nearly as whole units allow. */
static int share_of(const int32_t *starts, int units, int unit_work, int part, int parts) {
  const int64_t wanted = work_before(starts, units, unit_work) * part / parts;
  int low = 0;
  int high = units;
  while (low < high) {
    const int middle = low + (high - low) / 2;
    if (work_before(starts, middle, unit_work) < wanted) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  /* The boundary before may be nearer. */
  if (low > 0 && wanted - work_before(starts, low - 1, unit_work) <
                     work_before(starts, low, unit_work) - wanted) {
    --low;
  }
  return part == parts ? units : low;
}
