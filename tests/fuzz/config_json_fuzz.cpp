// Any text as a config.json: what is accepted must be a shape that can be computed with.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <lightmamba/error.h>

#include "io/config_json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  try {
    const auto parsed =
        lightmamba::parse_config({reinterpret_cast<const char*>(data), size}, "fuzz");
    const lightmamba::Mamba2Config& c = parsed.config;
    if (c.d_inner != c.nheads * c.headdim || c.nheads % c.ngroups != 0 || c.d_in_proj() <= 0 ||
        c.vocab_size <= 0 || c.state_elements() <= 0 || !(c.dt_min <= c.dt_max)) {
      std::abort();
    }
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
