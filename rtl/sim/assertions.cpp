// What a simulation does where an assertion of rtl/lib/lm_assert.svh fails. Verilator has printed
// the instance and the name of the assertion; the test or the command ends with its place.
#include <verilated.h>

#include "base/fail.h"

void vl_stop(const char* file, int line, const char* /*hierarchy*/) {
  lightmamba::fail("an assertion of the hardware fails: {}:{}", file, line);
}
