// Any text as a config.json or a params.json: what is accepted must be a shape that can be computed
// with.
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include <lightmamba/error.h>

#include "io/config_json.h"

using Parser = lightmamba::ParsedConfig (*)(std::string_view text, std::string_view source);

static void check(Parser parse, std::string_view text) {
  try {
    const lightmamba::Mamba2Config c = parse(text, "fuzz").config;
    if (c.d_inner != c.nheads * c.headdim || c.nheads % c.ngroups != 0 || c.d_in_proj() <= 0 ||
        c.vocab_size <= 0 || c.state_elements() <= 0 || !(c.dt_min <= c.dt_max) ||
        !(c.norm_eps > 0)) {
      std::abort();
    }
  } catch (const lightmamba::Error&) {
  }
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check(lightmamba::parse_config, text);
  check(lightmamba::parse_params, text);
  return 0;
}
