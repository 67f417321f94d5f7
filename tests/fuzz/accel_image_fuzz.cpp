// Any bytes as an image of the accelerator, whatever its checksums say: regions must lie within
// them and have the sizes that the model asks for.
#include <cstdint>
#include <cstdlib>
#include <span>

#include <lightmamba/error.h>

#include "accel/image/image_file.h"

namespace {

// Touches every byte, for the sanitizers.
void check_region(const lightmamba::accel::Region& region, std::int64_t expected) {
  if (std::ssize(region.bytes) != expected) std::abort();
  unsigned sum = 0;
  for (const std::byte value : region.bytes) sum += std::to_integer<unsigned>(value);
  volatile unsigned sink = sum;
  static_cast<void>(sink);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto bytes = std::as_bytes(std::span(data, size));
  try {
    const lightmamba::accel::ImageFile file =
        lightmamba::accel::parse_image_file(bytes, nullptr, "fuzz", lightmamba::Checksums::ignored);
    const lightmamba::accel::ImageLayout layout = file.image.layout();
    for (const auto& channel : file.image.weights) check_region(channel, layout.weight_bytes);
    check_region(file.image.parameters, layout.parameter_bytes);
    check_region(file.image.embedding, layout.embedding_bytes);
  } catch (const lightmamba::Error&) {
  }
  return 0;
}
