#include <lightmamba/runtime.h>

namespace lightmamba {

std::string_view version() { return LIGHTMAMBA_VERSION; }

}  // namespace lightmamba
