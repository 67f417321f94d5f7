#include "support/torch_writer.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <minizip/zip.h>
#include <stdexcept>

#include "support/paths.h"

namespace lightmamba::test {
namespace {

constexpr std::size_t kAlignment = 64;

struct MemoryFile {
  std::string content;
  std::size_t position = 0;

  static voidpf open(voidpf opaque, const void* /*name*/, int /*mode*/) { return opaque; }
  static uLong read(voidpf /*opaque*/, voidpf stream, void* buffer, uLong size) {
    MemoryFile& file = *static_cast<MemoryFile*>(stream);
    const std::size_t count = std::min<std::size_t>(size, file.content.size() - file.position);
    std::memcpy(buffer, file.content.data() + file.position, count);
    file.position += count;
    return count;
  }
  static uLong write(voidpf /*opaque*/, voidpf stream, const void* buffer, uLong size) {
    MemoryFile& file = *static_cast<MemoryFile*>(stream);
    file.content.resize(std::max<std::size_t>(file.content.size(), file.position + size));
    std::memcpy(file.content.data() + file.position, buffer, size);
    file.position += size;
    return size;
  }
  static ZPOS64_T tell(voidpf /*opaque*/, voidpf stream) {
    return static_cast<const MemoryFile*>(stream)->position;
  }
  static long seek(voidpf /*opaque*/, voidpf stream, ZPOS64_T offset, int origin) {
    MemoryFile& file = *static_cast<MemoryFile*>(stream);
    if (origin == ZLIB_FILEFUNC_SEEK_SET) file.position = 0;
    if (origin == ZLIB_FILEFUNC_SEEK_END) file.position = file.content.size();
    file.position += offset;
    return file.position <= file.content.size() ? 0 : -1;
  }
  static int close(voidpf /*opaque*/, voidpf /*stream*/) { return 0; }
  static int error(voidpf /*opaque*/, voidpf /*stream*/) { return 0; }
};

void require(bool condition) {
  if (!condition) throw std::runtime_error("cannot write a zip archive");
}

// An extra field that moves the data of the entry to a multiple of the alignment.
std::string padding(std::size_t header_at, const ZipEntry& entry) {
  constexpr std::size_t kLocalHeader = 30;
  constexpr std::size_t kExtraHeader = 4;
  constexpr std::size_t kZip64Extra = 20;
  const std::size_t data_at =
      header_at + kLocalHeader + entry.name.size() + kExtraHeader + (entry.zip64 ? kZip64Extra : 0);
  const std::size_t size = (kAlignment - data_at % kAlignment) % kAlignment;
  std::string extra = "FB";
  extra += static_cast<char>(size);
  extra += '\0';
  return extra + std::string(size, 'Z');
}

void add_entry(zipFile zip, std::size_t at, const ZipEntry& entry) {
  const std::string extra = padding(at, entry);
  const zip_fileinfo info = {};
  require(zipOpenNewFileInZip64(zip, entry.name.c_str(), &info, extra.data(),
                                static_cast<uInt>(extra.size()), nullptr, 0, nullptr,
                                entry.deflated ? Z_DEFLATED : 0, Z_DEFAULT_COMPRESSION,
                                entry.zip64 ? 1 : 0) == ZIP_OK);
  require(zipWriteInFileInZip(zip, entry.content.data(),
                              static_cast<unsigned>(entry.content.size())) == ZIP_OK);
  require(zipCloseFileInZip(zip) == ZIP_OK);
}

const char* storage_type(DType dtype) {
  switch (dtype) {
    case DType::f32:
      return "FloatStorage";
    case DType::f16:
      return "HalfStorage";
    case DType::bf16:
      return "BFloat16Storage";
    case DType::f64:
      return "DoubleStorage";
    case DType::i8:
      return "CharStorage";
    case DType::u8:
      return "ByteStorage";
    case DType::i16:
      return "ShortStorage";
    case DType::i32:
      return "IntStorage";
    case DType::i64:
      return "LongStorage";
    case DType::boolean:
      return "BoolStorage";
  }
  throw std::logic_error("unknown type");
}

// Protocol 2 as Python's pickler writes it: each new object is stored in the memo and recalled when
// it comes again.
class Pickler {
 public:
  std::string finish() { return "\x80\x02" + out_ + "."; }

  void op(char code) { out_ += code; }
  void text(const std::string& value) {
    if (recall("text " + value)) return;
    op('X');
    bytes(value.size(), 4);
    out_ += value;
    store("text " + value);
  }
  void global(const std::string& module, const std::string& name) {
    const std::string key = "global " + module + " " + name;
    if (recall(key)) return;
    out_ += "c" + module + "\n" + name + "\n";
    store(key);
  }
  void integer(std::int64_t value) {
    if (value >= 0 && value < 256) {
      op('K');
      bytes(static_cast<std::uint64_t>(value), 1);
    } else if (value >= 0 && value < 65536) {
      op('M');
      bytes(static_cast<std::uint64_t>(value), 2);
    } else if (value >= INT32_MIN && value <= INT32_MAX) {
      op('J');
      bytes(static_cast<std::uint64_t>(value), 4);
    } else {
      out_ += "\x8a\x08";
      bytes(static_cast<std::uint64_t>(value), 8);
    }
  }
  void integers(const Shape& values) {
    if (values.empty()) return op(')');
    if (values.size() > 3) op('(');
    for (const std::int64_t value : values) integer(value);
    op(values.size() > 3 ? 't' : static_cast<char>('\x84' + values.size()));
    store({});
  }
  void ordered_dict() {
    global("collections", "OrderedDict");
    out_ += ")R";
    store({});
  }
  // Stores the value on top of the stack, under `key` if it is to be recalled.
  void store(const std::string& key) {
    const std::size_t index = stored_++;
    op(index < 256 ? 'q' : 'r');
    bytes(index, index < 256 ? 1 : 4);
    if (!key.empty()) memo_[key] = index;
  }

 private:
  bool recall(const std::string& key) {
    const auto found = memo_.find(key);
    if (found == memo_.end()) return false;
    op(found->second < 256 ? 'h' : 'j');
    bytes(found->second, found->second < 256 ? 1 : 4);
    return true;
  }
  void bytes(std::uint64_t value, int count) {
    for (int i = 0; i < count; ++i) out_ += static_cast<char>(value >> (8 * i) & 255);
  }

  std::string out_;
  std::size_t stored_ = 0;
  std::map<std::string, std::size_t> memo_;
};

Shape dense_strides(const Shape& shape) {
  Shape strides(shape.size(), 1);
  for (std::size_t i = shape.size(); i > 1; --i) strides[i - 2] = strides[i - 1] * shape[i - 1];
  return strides;
}

}  // namespace

std::string make_zip(const std::vector<ZipEntry>& entries) {
  MemoryFile file;
  zlib_filefunc64_def functions = {};
  functions.zopen64_file = &MemoryFile::open;
  functions.zread_file = &MemoryFile::read;
  functions.zwrite_file = &MemoryFile::write;
  functions.ztell64_file = &MemoryFile::tell;
  functions.zseek64_file = &MemoryFile::seek;
  functions.zclose_file = &MemoryFile::close;
  functions.zerror_file = &MemoryFile::error;
  functions.opaque = &file;
  const zipFile zip = zipOpen2_64("", APPEND_STATUS_CREATE, nullptr, &functions);
  require(zip != nullptr);
  for (const ZipEntry& entry : entries) add_entry(zip, file.content.size(), entry);
  require(zipClose(zip, nullptr) == ZIP_OK);
  return file.content;
}

std::size_t TorchFile::add(const std::string& name, DType dtype, const Shape& shape,
                           const std::vector<std::byte>& bytes) {
  Storage storage = {.dtype = dtype, .bytes = std::string(bytes.size(), '\0')};
  std::transform(bytes.begin(), bytes.end(), storage.bytes.begin(),
                 [](std::byte b) { return static_cast<char>(b); });
  storage.count = static_cast<std::int64_t>(bytes.size() / dtype_size(dtype));
  storages_.push_back(std::move(storage));
  add_shared(name, storages_.size() - 1, shape);
  return storages_.size() - 1;
}

void TorchFile::add_shared(const std::string& name, std::size_t storage, const Shape& shape,
                           const Shape& strides, std::int64_t offset) {
  tensors_.push_back({.name = name,
                      .storage = storage,
                      .shape = shape,
                      .strides = strides.empty() ? dense_strides(shape) : strides,
                      .offset = offset});
}

void TorchFile::declare_count(std::size_t storage, std::int64_t count) {
  storages_.at(storage).count = count;
}

std::string TorchFile::pickle(const TorchOptions& options) const {
  Pickler out;
  const auto put_tensor = [&](const Entry& tensor) {
    const Storage& storage = storages_.at(tensor.storage);
    out.text(tensor.name);
    if (tensor.parameter) out.global("torch._utils", "_rebuild_parameter");
    out.global("torch._utils", "_rebuild_tensor_v2");
    out.op('(');
    out.op('(');
    out.text("storage");
    out.global("torch", storage_type(storage.dtype));
    out.text(std::to_string(tensor.storage));
    out.text("cpu");
    out.integer(storage.count);
    out.op('t');
    out.store({});
    out.op('Q');
    out.integer(tensor.offset);
    out.integers(tensor.shape);
    out.integers(tensor.strides);
    out.op('\x89');
    out.ordered_dict();
    out.op('t');
    out.store({});
    out.op('R');
    out.store({});
    if (tensor.parameter) {
      out.op('\x88');
      out.ordered_dict();
      out.op('\x87');
      out.store({});
      out.op('R');
      out.store({});
    }
  };
  const auto begin_dict = [&](const std::string& key) {
    out.op('}');
    out.store({});
    out.op('(');
    out.text(key);
  };
  const auto put_state_dict = [&] {
    out.ordered_dict();
    out.op('(');
    for (const Entry& tensor : tensors_) {
      if (!tensor.beside) put_tensor(tensor);
    }
    out.op('u');
    if (options.metadata) {
      out.op('}');
      out.store({});
      out.text("_metadata");
      out.ordered_dict();
      out.text("");
      out.op('}');
      out.store({});
      out.text("version");
      out.integer(1);
      out.op('s');
      out.op('s');
      out.op('s');
      out.op('b');
    }
  };
  if (!options.around.empty()) begin_dict(options.around);
  if (!options.under.empty()) begin_dict(options.under);
  put_state_dict();
  if (!options.under.empty()) {
    if (!options.also_under.empty()) {
      out.text(options.also_under);
      put_state_dict();
    }
    out.text("epoch");
    out.integer(3);
    for (const Entry& tensor : tensors_) {
      if (tensor.beside) put_tensor(tensor);
    }
    out.op('u');
  }
  if (!options.around.empty()) out.op('u');
  return out.finish();
}

std::string TorchFile::bytes(const TorchOptions& options) const {
  const std::string folder = options.folder + "/";
  std::vector<ZipEntry> entries = {
      {.name = folder + "data.pkl", .content = pickle(options), .zip64 = options.zip64}};
  if (!options.byteorder.empty()) {
    entries.push_back({.name = folder + "byteorder", .content = options.byteorder});
  }
  for (std::size_t i = 0; i < storages_.size(); ++i) {
    if (storages_[i].dropped) continue;
    entries.push_back({.name = folder + "data/" + std::to_string(i),
                       .content = storages_[i].bytes,
                       .deflated = options.deflated_storages,
                       .zip64 = options.zip64});
  }
  entries.push_back({.name = folder + "version", .content = "3\n"});
  return make_zip(entries);
}

void TorchFile::write(const std::filesystem::path& path, const TorchOptions& options) const {
  write_file(path, bytes(options));
}

}  // namespace lightmamba::test
