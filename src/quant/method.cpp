#include "quant/method.h"

#include "base/fail.h"
#include "quant/rotation.h"
#include "quant/smooth_methods.h"

namespace lightmamba {

std::unique_ptr<const WeightMethod> make_method(Method method, const Mamba2Config& config,
                                                const MethodOptions& options) {
  switch (method) {
    case Method::rtn:
      return std::make_unique<WeightMethod>();
    case Method::smoothquant:
      return make_smoothquant(options);
    case Method::os_plus:
      return make_os_plus(options);
    case Method::lightmamba:
      return with_context("method lightmamba", [&] { return make_rotation(config, options.seed); });
  }
  fail("unknown method {}", static_cast<int>(method));
}

}  // namespace lightmamba
