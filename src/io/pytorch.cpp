#include "io/pytorch.h"

#include <algorithm>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/utf8.h"
#include "io/pickle.h"
#include "io/strided.h"
#include "io/zip_archive.h"

namespace lightmamba {
namespace {

using namespace std::string_view_literals;

constexpr std::size_t kLargestPickle = std::size_t{64} << 20;
constexpr std::size_t kFreeCopies = std::size_t{16} << 20;

// Names the kind of a file that is no zip archive.
void require_zip(std::span<const std::byte> bytes) {
  const std::string_view text = text_of(bytes);
  // A pickled long: the magic number of the format before PyTorch 1.6.
  constexpr auto kLegacy = "\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19"sv;
  constexpr std::size_t kTarMagicAt = 257;
  if (text.empty()) fail("the file is empty");
  if (text.starts_with("PK"sv)) return;
  if (text.substr(0, 32).find(kLegacy) != std::string_view::npos) {
    fail("written in the format before PyTorch 1.6; load it and save it again with a later one");
  }
  if (text.size() > kTarMagicAt && text.substr(kTarMagicAt).starts_with("ustar"sv)) {
    fail("expected a zip archive written by torch.save, found a tar archive");
  }
  if (text.starts_with("version https://git-lfs"sv)) {
    fail(
        "expected a zip archive written by torch.save, found a Git LFS pointer: the weights "
        "themselves were not downloaded");
  }
  if (text.size() > 8 && text[8] == '{') {
    fail("expected a zip archive written by torch.save, found what may be a safetensors file");
  }
  if (text[0] == '\x80') {
    fail("expected a zip archive written by torch.save, found a bare pickle");
  }
  fail("expected a zip archive written by torch.save, found something else");
}

// Returns the folder inside the archive that all its entries lie in, with the slash.
std::string find_folder(const ZipArchive& archive) {
  constexpr auto kPickle = "/data.pkl"sv;
  std::vector<std::string> folders;
  const std::vector<std::string_view> names = archive.names();
  for (const std::string_view name : names) {
    if (name.ends_with(kPickle) && name.find('/') == name.size() - kPickle.size()) {
      folders.emplace_back(name.substr(0, name.size() - kPickle.size() + 1));
    }
  }
  if (folders.empty()) {
    fail("expected a zip archive with a data.pkl, as torch.save writes it; found {}",
         names.empty()
             ? "an empty one"
             : fmt::format("one of {} entries, '{}' among them", names.size(), names.front()));
  }
  if (folders.size() > 1) {
    fail("the archive has two pickles, '{}data.pkl' and '{}data.pkl'", folders[0], folders[1]);
  }
  const std::string& folder = folders.front();
  if (archive.contains(folder + "constants.pkl") ||
      std::any_of(names.begin(), names.end(),
                  [&](auto name) { return name.starts_with(folder + "code/"); })) {
    fail("expected a state dict written by torch.save, found a TorchScript archive");
  }
  return folder;
}

void require_little_endian(const ZipArchive& archive, const std::string& name) {
  if (!archive.contains(name)) return;  // written only since PyTorch 2.1
  const std::string_view order = text_of(archive.view(name));
  if (order != "little") {
    fail("{}: expected byte order 'little', found '{}'", name,
         replace_invalid_utf8(order.substr(0, 20)));
  }
}

// The entries data/KEY, each of which is looked up once.
class Storages {
 public:
  Storages(const ZipArchive& archive, const std::string& folder)
      : archive_(archive), prefix_(folder + "data/") {}

  std::span<const std::byte> get(const PickledTensor& tensor) {
    auto found = views_.find(tensor.storage_key);
    if (found == views_.end()) {
      found = views_.emplace(tensor.storage_key, archive_.view(prefix_ + tensor.storage_key)).first;
    }
    const std::span<const std::byte> bytes = found->second;
    const std::size_t size = dtype_size(tensor.dtype);
    if (tensor.storage_count < 0 ||
        static_cast<std::uint64_t>(tensor.storage_count) > bytes.size() / size) {
      fail("storage '{}': the pickle says {} elements of {}, the archive has {} bytes",
           tensor.storage_key, tensor.storage_count, dtype_name(tensor.dtype), bytes.size());
    }
    return bytes.first(static_cast<std::size_t>(tensor.storage_count) * size);
  }

 private:
  const ZipArchive& archive_;
  std::string prefix_;
  std::map<std::string, std::span<const std::byte>> views_;
};

}  // namespace

TensorMap parse_pytorch(std::span<const std::byte> bytes, std::shared_ptr<const void> owner,
                        std::string_view source, std::vector<std::string>* notes) {
  return with_context(source, [&] {
    require_zip(bytes);
    const ZipArchive archive(bytes);
    const std::string folder = find_folder(archive);
    require_little_endian(archive, folder + "byteorder");

    const std::string pickle_name = folder + "data.pkl";
    const std::span<const std::byte> pickle = archive.view(pickle_name);
    if (pickle.size() > kLargestPickle) {
      fail("{}: expected at most {} bytes, found {}", pickle_name, kLargestPickle, pickle.size());
    }
    std::vector<std::string> unused;
    const auto pickled =
        with_context(pickle_name, [&] { return unpickle_state_dict(pickle, &unused); });
    for (const std::string& name : unused) {
      if (notes == nullptr) break;
      notes->push_back(
          fmt::format("{}: '{}' holds another model, which is not used", source, name));
    }

    Storages storages(archive, folder);
    std::size_t copy_budget = 2 * bytes.size() + kFreeCopies;
    std::size_t view_budget = copy_budget;
    TensorMap tensors;
    for (const auto& [name, pickled_tensor] : pickled) {
      const Tensor tensor = with_context("tensor '" + name + "'", [&, &stored = pickled_tensor] {
        return strided_tensor(stored.dtype, stored.layout, storages.get(stored), owner,
                              copy_budget);
      });
      if (tensor.data.size() > view_budget) {
        fail("tensors that share storages add up to more than twice the file");
      }
      view_budget -= tensor.data.size();
      tensors.emplace(name, tensor);
    }
    return tensors;
  });
}

TensorMap read_pytorch(const std::filesystem::path& path, std::vector<std::string>* notes) {
  const std::shared_ptr<const MappedFile> file = MappedFile::open(path);
  return parse_pytorch(file->bytes(), file, path.string(), notes);
}

}  // namespace lightmamba
