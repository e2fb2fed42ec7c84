#include <stddef.h>
#include <stdint.h>

typedef float vector __attribute__((vector_size($VECTOR_BYTES)));
typedef int32_t lanes __attribute__((vector_size($VECTOR_BYTES)));
typedef float loose_vector __attribute__((vector_size($VECTOR_BYTES), aligned(4), may_alias));
typedef int32_t loose_lanes __attribute__((vector_size($VECTOR_BYTES), aligned(4), may_alias));
