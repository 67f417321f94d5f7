// Writes what torch.save writes, without any code of the reader: the same opcodes, the same
// archive.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/dtype.h"
#include "io/tensor.h"

namespace lightmamba::test {

struct ZipEntry {
  std::string name;
  std::string content;
  bool deflated = false;
  bool zip64 = false;
};

// A zip archive whose entries begin at multiples of 64 bytes.
std::string make_zip(const std::vector<ZipEntry>& entries);

struct TorchOptions {
  std::string folder = "archive";
  std::string byteorder = "little";  // none if empty
  std::string under = {};            // puts the state dict into {under: state dict, "epoch": 3}
  std::string around = {};           // and that into {around: ...}
  std::string also_under = {};       // the state dict once more, beside the first
  bool metadata = true;              // the attribute _metadata that nn.Module.state_dict adds
  bool deflated_storages = false;
  bool zip64 = false;
};

class TorchFile {
 public:
  // A tensor with a storage of its own; returns the number of the storage. `bytes` may be longer
  // than the tensor.
  std::size_t add(const std::string& name, DType dtype, const Shape& shape,
                  const std::vector<std::byte>& bytes);
  // A tensor in the storage of another. No strides means dense.
  void add_shared(const std::string& name, std::size_t storage, const Shape& shape,
                  const Shape& strides = {}, std::int64_t offset = 0);
  // Turns the tensor that was added last into an nn.Parameter.
  void make_parameter() { tensors_.back().parameter = true; }
  // Puts the tensor that was added last beside the dictionary that TorchOptions::under names.
  void put_beside() { tensors_.back().beside = true; }
  // Makes the pickle lie about the size of a storage, in elements.
  void declare_count(std::size_t storage, std::int64_t count);
  // Leaves a storage out of the archive.
  void drop_storage(std::size_t storage) { storages_.at(storage).dropped = true; }

  std::string pickle(const TorchOptions& options = {}) const;
  std::string bytes(const TorchOptions& options = {}) const;
  void write(const std::filesystem::path& path, const TorchOptions& options = {}) const;

 private:
  struct Storage {
    DType dtype = DType::f32;
    std::string bytes;
    std::int64_t count = 0;
    bool dropped = false;
  };
  struct Entry {
    std::string name;
    std::size_t storage = 0;
    Shape shape;
    Shape strides;
    std::int64_t offset = 0;
    bool parameter = false;
    bool beside = false;
  };
  std::vector<Storage> storages_;
  std::vector<Entry> tensors_;
};

}  // namespace lightmamba::test
