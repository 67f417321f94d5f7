// Stands in for the simulation of the core in builds without LIGHTMAMBA_RTL.
#include "accel/runtime/rtlsim.h"
#include "base/fail.h"

namespace lightmamba::accel {

std::unique_ptr<Accelerator> make_rtlsim(const Image& /*image*/, const RtlsimOptions& /*options*/) {
  fail(
      "this program was built without the simulation of the core: build it with Verilator and "
      "-DLIGHTMAMBA_RTL=ON");
}

}  // namespace lightmamba::accel
