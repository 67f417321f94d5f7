// A memory image as a file whose regions can be mapped.
//
//   0    8 bytes   "LMACCEL" and a zero
//   8    u32       format version, 2; a reader refuses any other
//   12   u32       length of the header
//   16   u64       XXH3 of the header
//   24             header: a JSON object with
//                    config       a config.json in Hugging Face's layout, as a string
//                    preset       the name of the hardware
//                    order        of the rows: hardware or checkpoint
//                    hadamard_m   m of the rotation
//                    state_bits   bits of a code of the SSM state, 16 or 8
//                    model        Model::fingerprint() of the model; may be missing
//                    regions      [{name, offset, bytes, checksum}], XXH3 in hexadecimal
//   each at the next multiple of 4096: weights.0 ..., parameters, embedding and, if there is one,
//   tokenizer.json
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "accel/image/image.h"
#include "quant/quantized_file.h"

namespace lightmamba::accel {

struct ImageFile {
  Image image;                           // views into the mapped file
  std::optional<std::string> tokenizer;  // text of a tokenizer.json
  std::string fingerprint = {};          // that of the packed model, or empty
};

// `tokenizer` and `fingerprint` may be empty. The hardware must be a preset. Returns the size of
// the file.
std::int64_t write_image_file(const std::filesystem::path& path, const Image& image,
                              std::string_view tokenizer, std::string_view fingerprint);

// Throws Error that names the file and the field or region: another format or version, a model that
// does not fit, a size that is not that of the model, a checksum that differs.
ImageFile read_image_file(const std::filesystem::path& path);

// Does the same over bytes in memory that `owner` keeps alive; errors use the name `source`.
ImageFile parse_image_file(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                           std::string_view source, Checksums checksums = Checksums::verified);

}  // namespace lightmamba::accel
