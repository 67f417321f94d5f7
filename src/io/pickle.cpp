#include "io/pickle.h"

#include <algorithm>
#include <array>
#include <bit>
#include <fmt/ranges.h>
#include <set>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/fail.h"
#include "base/utf8.h"

namespace lightmamba {
namespace {

// A state dict takes about 40 operations for each tensor.
constexpr std::size_t kMaxOperations = std::size_t{1} << 21;
constexpr std::size_t kMaxDimensions = 16;

enum class Op : std::uint8_t {
  mark = '(',
  stop = '.',
  pop = '0',
  pop_mark = '1',
  dup = '2',
  none = 'N',
  binint = 'J',
  binint1 = 'K',
  binint2 = 'M',
  long1 = 0x8a,
  long4 = 0x8b,
  newtrue = 0x88,
  newfalse = 0x89,
  binfloat = 'G',
  binstring = 'T',
  short_binstring = 'U',
  binunicode = 'X',
  short_binunicode = 0x8c,
  binunicode8 = 0x8d,
  empty_list = ']',
  append = 'a',
  appends = 'e',
  empty_tuple = ')',
  tuple = 't',
  tuple1 = 0x85,
  tuple2 = 0x86,
  tuple3 = 0x87,
  empty_dict = '}',
  setitem = 's',
  setitems = 'u',
  binget = 'h',
  long_binget = 'j',
  binput = 'q',
  long_binput = 'r',
  memoize = 0x94,
  global = 'c',
  stack_global = 0x93,
  reduce = 'R',
  build = 'b',
  binpersid = 'Q',
  proto = 0x80,
  frame = 0x95,
};

enum class Function {
  ordered_dict,
  rebuild_tensor,
  rebuild_tensor_v2,
  rebuild_parameter,
  size,
};

// Values are small handles to objects in the arenas of the interpreter, so containers that hold
// themselves neither leak nor recurse.
struct None {};
struct Tuple {
  std::size_t begin = 0;
  std::size_t size = 0;
};
struct List {};  // a checkpoint needs no item of a list, so items are dropped
struct Dict {
  std::size_t index = 0;
  bool ordered = false;
};
struct StorageType {
  DType dtype = DType::f32;
};
struct StorageId {
  std::size_t index = 0;
};
struct TensorId {
  std::size_t index = 0;
};
using Value = std::variant<None, bool, std::int64_t, double, std::string_view, Tuple, List, Dict,
                           Function, StorageType, StorageId, TensorId>;

std::string_view kind(const Value& value) {
  constexpr std::array<std::string_view, std::variant_size_v<Value>> kKinds = {
      "None",   "a boolean",    "an integer", "a number",       "a string",  "a tuple",
      "a list", "a dictionary", "a function", "a storage type", "a storage", "a tensor"};
  return kKinds[value.index()];
}

struct Global {
  std::string_view module;
  std::string_view name;
  Value value;
};

constexpr std::array kGlobals = {
    Global{"collections", "OrderedDict", Function::ordered_dict},
    Global{"torch", "Size", Function::size},
    Global{"torch._utils", "_rebuild_tensor", Function::rebuild_tensor},
    Global{"torch._utils", "_rebuild_tensor_v2", Function::rebuild_tensor_v2},
    Global{"torch._utils", "_rebuild_parameter", Function::rebuild_parameter},
    Global{"torch", "FloatStorage", StorageType{DType::f32}},
    Global{"torch", "HalfStorage", StorageType{DType::f16}},
    Global{"torch", "BFloat16Storage", StorageType{DType::bf16}},
    Global{"torch", "DoubleStorage", StorageType{DType::f64}},
    Global{"torch", "CharStorage", StorageType{DType::i8}},
    Global{"torch", "ByteStorage", StorageType{DType::u8}},
    Global{"torch", "ShortStorage", StorageType{DType::i16}},
    Global{"torch", "IntStorage", StorageType{DType::i32}},
    Global{"torch", "LongStorage", StorageType{DType::i64}},
    Global{"torch", "BoolStorage", StorageType{DType::boolean}},
};

Value find_global(std::string_view module, std::string_view name) {
  const auto found = std::find_if(kGlobals.begin(), kGlobals.end(), [&](const Global& global) {
    return global.module == module && global.name == name;
  });
  if (found == kGlobals.end()) {
    fail("the pickle asks for '{}.{}'; only tensors are read", printable(module), printable(name));
  }
  return found->value;
}

template <typename T>
T expect(const Value& value, std::string_view what) {
  const T* held = std::get_if<T>(&value);
  if (held == nullptr) fail("{}: expected {}, found {}", what, kind(Value(T{})), kind(value));
  return *held;
}

class Unpickler {
 public:
  explicit Unpickler(std::span<const std::byte> pickle) : pickle_(text_of(pickle)) {}

  Value run();

  using Items = std::vector<std::pair<Value, Value>>;
  const Items& items(Dict dict) const { return dicts_[dict.index]; }
  PickledTensor tensor(TensorId id) const;

 private:
  struct Storage {
    DType dtype = DType::f32;
    std::string_view key;
    std::int64_t count = 0;
  };
  struct RebuiltTensor {
    StorageId storage;
    std::int64_t offset = 0;
    Tuple shape;
    Tuple strides;
  };

  void execute(Op op);
  Value reduce(const Value& callable, Tuple arguments);
  Value rebuild_tensor(std::span<const Value> arguments);
  Value load_storage(const Value& id);

  std::string_view take(std::uint64_t size);
  std::uint64_t take_unsigned(std::size_t size);
  std::int64_t take_long(std::uint64_t size);
  std::string_view take_text(std::uint64_t size);
  std::string_view take_line();

  void push(const Value& value) { stack_.push_back(value); }
  Value pop();
  const Value& top() const;
  std::size_t floor() const { return marks_.empty() ? 0 : marks_.back(); }
  std::size_t pop_mark();
  Value make_tuple(std::size_t first);
  void set_items(std::size_t first);

  std::span<const Value> contents(Tuple tuple) const {
    return std::span(tuple_items_).subspan(tuple.begin, tuple.size);
  }
  Shape numbers(Tuple tuple, std::string_view what) const;

  std::string_view pickle_;
  std::size_t position_ = 0;
  std::vector<Value> stack_;
  std::vector<std::size_t> marks_;  // heights of the stack
  std::map<std::uint64_t, Value> memo_;
  std::vector<Value> tuple_items_;
  std::vector<Items> dicts_;
  std::vector<Storage> storages_;
  std::vector<RebuiltTensor> tensors_;
};

std::string_view Unpickler::take(std::uint64_t size) {
  if (size > pickle_.size() - position_) {
    fail("the pickle breaks off: {} bytes are missing", size - (pickle_.size() - position_));
  }
  const std::string_view bytes = pickle_.substr(position_, size);
  position_ += size;
  return bytes;
}

std::uint64_t Unpickler::take_unsigned(std::size_t size) {
  const std::string_view bytes = take(size);
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    value |= std::uint64_t{static_cast<unsigned char>(bytes[i])} << (8 * i);
  }
  return value;
}

std::int64_t Unpickler::take_long(std::uint64_t size) {
  if (size > sizeof(std::int64_t)) {
    fail("expected an integer of at most 8 bytes, found one of {}", size);
  }
  if (size == 0) return 0;
  const auto unused = static_cast<unsigned>(8 * (sizeof(std::int64_t) - size));
  return static_cast<std::int64_t>(take_unsigned(size) << unused) >> unused;
}

std::string_view Unpickler::take_text(std::uint64_t size) {
  const std::string_view text = take(size);
  require_utf8(text, "a string of the pickle");
  return text;
}

std::string_view Unpickler::take_line() {
  const std::size_t end = pickle_.find('\n', position_);
  if (end == std::string_view::npos) fail("the pickle breaks off within a name");
  const std::string_view line = take(end - position_);
  ++position_;
  return line;
}

const Value& Unpickler::top() const {
  if (stack_.size() <= floor()) fail("the pickle takes a value from an empty stack");
  return stack_.back();
}

Value Unpickler::pop() {
  const Value value = top();
  stack_.pop_back();
  return value;
}

// The height of the stack at the last mark, where the values after it begin.
std::size_t Unpickler::pop_mark() {
  if (marks_.empty()) fail("the pickle ends a group that it has not begun");
  const std::size_t first = marks_.back();
  marks_.pop_back();
  return first;
}

Value Unpickler::make_tuple(std::size_t first) {
  const auto begin = stack_.begin() + static_cast<std::ptrdiff_t>(first);
  const Tuple tuple = {.begin = tuple_items_.size(), .size = stack_.size() - first};
  tuple_items_.insert(tuple_items_.end(), begin, stack_.end());
  stack_.resize(first);
  return tuple;
}

// Moves the values from `first` on, keys and values in turn, into the dictionary below them.
void Unpickler::set_items(std::size_t first) {
  if ((stack_.size() - first) % 2 != 0) fail("a dictionary gets a key without a value");
  if (first <= floor()) fail("the pickle takes a value from an empty stack");
  Items& items = dicts_[expect<Dict>(stack_[first - 1], "the target of items").index];
  for (std::size_t i = first; i < stack_.size(); i += 2) {
    items.emplace_back(stack_[i], stack_[i + 1]);
  }
  stack_.resize(first);
}

Value Unpickler::load_storage(const Value& id) {
  const std::span<const Value> parts = contents(expect<Tuple>(id, "a persistent id"));
  if (parts.size() != 5 || expect<std::string_view>(parts[0], "a persistent id") != "storage") {
    fail("expected a persistent id ('storage', type, key, location, count)");
  }
  storages_.push_back({.dtype = expect<StorageType>(parts[1], "the type of a storage").dtype,
                       .key = expect<std::string_view>(parts[2], "the key of a storage"),
                       .count = expect<std::int64_t>(parts[4], "the size of a storage")});
  // Every tensor has the key of its storage, so long keys would multiply.
  constexpr std::size_t kLongestKey = 256;
  if (const std::size_t size = storages_.back().key.size(); size > kLongestKey) {
    fail("the key of a storage has {} bytes, expected at most {}", size, kLongestKey);
  }
  return StorageId{storages_.size() - 1};
}

Value Unpickler::rebuild_tensor(std::span<const Value> arguments) {
  tensors_.push_back({.storage = expect<StorageId>(arguments[0], "the storage of a tensor"),
                      .offset = expect<std::int64_t>(arguments[1], "the offset of a tensor"),
                      .shape = expect<Tuple>(arguments[2], "the shape of a tensor"),
                      .strides = expect<Tuple>(arguments[3], "the strides of a tensor")});
  return TensorId{tensors_.size() - 1};
}

Value Unpickler::reduce(const Value& callable, Tuple tuple) {
  const std::span<const Value> arguments = contents(tuple);
  const auto expect_count = [&](std::string_view name, std::size_t min, std::size_t max) {
    if (arguments.size() < min || arguments.size() > max) {
      fail("{}: expected {} arguments, found {}", name, min, arguments.size());
    }
  };
  switch (expect<Function>(callable, "the callee")) {
    case Function::ordered_dict:
      expect_count("OrderedDict", 0, 0);
      dicts_.emplace_back();
      return Dict{.index = dicts_.size() - 1, .ordered = true};
    case Function::size:
      expect_count("torch.Size", 1, 1);
      return expect<Tuple>(arguments[0], "torch.Size");
    case Function::rebuild_tensor:
      expect_count("_rebuild_tensor", 4, 4);
      return rebuild_tensor(arguments);
    case Function::rebuild_tensor_v2:
      expect_count("_rebuild_tensor_v2", 6, 7);
      // The seventh argument marks tensors that are to be negated or conjugated when read.
      if (arguments.size() == 7) expect<None>(arguments[6], "the metadata of a tensor");
      return rebuild_tensor(arguments);
    case Function::rebuild_parameter:
      expect_count("_rebuild_parameter", 3, 3);
      return expect<TensorId>(arguments[0], "a parameter");
  }
  fail("unknown function");
}

void Unpickler::execute(Op op) {
  switch (op) {
    case Op::proto:
      if (const std::uint64_t version = take_unsigned(1); version < 2 || version > 5) {
        fail("expected pickle protocol 2 to 5, found {}", version);
      }
      return;
    case Op::frame:
      take(8);  // frames only tell how much to read ahead
      return;
    case Op::mark:
      marks_.push_back(stack_.size());
      return;
    case Op::pop:
      if (!marks_.empty() && stack_.size() == marks_.back()) {
        marks_.pop_back();
      } else {
        pop();
      }
      return;
    case Op::pop_mark:
      stack_.resize(pop_mark());
      return;
    case Op::dup:
      return push(Value(top()));
    case Op::none:
      return push(None{});
    case Op::newtrue:
      return push(true);
    case Op::newfalse:
      return push(false);
    case Op::binint:
      return push(take_long(4));
    case Op::binint1:
      return push(static_cast<std::int64_t>(take_unsigned(1)));
    case Op::binint2:
      return push(static_cast<std::int64_t>(take_unsigned(2)));
    case Op::long1:
      return push(take_long(take_unsigned(1)));
    case Op::long4:
      return push(take_long(take_unsigned(4)));
    case Op::binfloat: {
      std::uint64_t bits = 0;  // the one number that is big-endian
      for (const char c : take(8)) bits = bits << 8 | static_cast<unsigned char>(c);
      return push(std::bit_cast<double>(bits));
    }
    case Op::short_binstring:
    case Op::short_binunicode:
      return push(take_text(take_unsigned(1)));
    case Op::binstring:
    case Op::binunicode:
      return push(take_text(take_unsigned(4)));
    case Op::binunicode8:
      return push(take_text(take_unsigned(8)));
    case Op::empty_list:
      return push(List{});
    case Op::append:
      pop();
      expect<List>(top(), "the target of an item");
      return;
    case Op::appends:
      stack_.resize(pop_mark());
      expect<List>(top(), "the target of items");
      return;
    case Op::empty_tuple:
      return push(Tuple{});
    case Op::tuple:
      return push(make_tuple(pop_mark()));
    case Op::tuple1:
    case Op::tuple2:
    case Op::tuple3: {
      const auto size = 1 + static_cast<std::size_t>(op) - static_cast<std::size_t>(Op::tuple1);
      if (stack_.size() - floor() < size) fail("the pickle takes a value from an empty stack");
      return push(make_tuple(stack_.size() - size));
    }
    case Op::empty_dict:
      dicts_.emplace_back();
      return push(Dict{.index = dicts_.size() - 1, .ordered = false});
    case Op::setitem:
      if (stack_.size() - floor() < 2) fail("the pickle takes a value from an empty stack");
      return set_items(stack_.size() - 2);
    case Op::setitems:
      return set_items(pop_mark());
    case Op::binget:
    case Op::long_binget: {
      const std::uint64_t index = take_unsigned(op == Op::binget ? 1 : 4);
      const auto found = memo_.find(index);
      if (found == memo_.end()) fail("the pickle recalls value {}, which it has not stored", index);
      return push(found->second);
    }
    case Op::binput:
    case Op::long_binput: {
      const std::uint64_t index = take_unsigned(op == Op::binput ? 1 : 4);
      memo_.insert_or_assign(index, top());
      return;
    }
    case Op::memoize:
      memo_.insert_or_assign(memo_.size(), top());
      return;
    case Op::global: {
      const std::string_view module = take_line();
      return push(find_global(module, take_line()));
    }
    case Op::stack_global: {
      const Value name = pop();
      const Value module = pop();
      return push(find_global(expect<std::string_view>(module, "a module"),
                              expect<std::string_view>(name, "a name")));
    }
    case Op::reduce: {
      const Value arguments = pop();
      const Value callable = pop();
      return push(reduce(callable, expect<Tuple>(arguments, "the arguments")));
    }
    case Op::build:
      // The attributes of a state dict: its _metadata, which holds versions of module classes.
      pop();
      if (!expect<Dict>(top(), "the target of attributes").ordered) {
        fail("the pickle sets attributes of a plain dictionary");
      }
      return;
    case Op::binpersid:
      return push(load_storage(pop()));
    case Op::stop:
      return;
  }
  fail("the pickle uses opcode {:#04x}, which no state dict needs; only tensors are read",
       static_cast<unsigned>(op));
}

Value Unpickler::run() {
  std::size_t opcode_at = 0;
  try {
    for (std::size_t operations = 0;; ++operations) {
      opcode_at = position_;
      if (operations == kMaxOperations) fail("more than {} operations", kMaxOperations);
      const Op op{static_cast<std::uint8_t>(take_unsigned(1))};
      execute(op);
      if (op == Op::stop) return pop();
    }
  } catch (const Error& error) {
    fail("at byte {}: {}", opcode_at, error.what());
  }
}

Shape Unpickler::numbers(Tuple tuple, std::string_view what) const {
  if (tuple.size > kMaxDimensions) {
    fail("{}: expected at most {} dimensions, found {}", what, kMaxDimensions, tuple.size);
  }
  Shape result;
  for (const Value& value : contents(tuple)) result.push_back(expect<std::int64_t>(value, what));
  return result;
}

PickledTensor Unpickler::tensor(TensorId id) const {
  const RebuiltTensor& tensor = tensors_[id.index];
  const Storage& storage = storages_[tensor.storage.index];
  return {.dtype = storage.dtype,
          .storage_key = std::string(storage.key),
          .storage_count = storage.count,
          .layout = {.offset = tensor.offset,
                     .shape = numbers(tensor.shape, "shape"),
                     .strides = numbers(tensor.strides, "strides")}};
}

bool holds_tensors(const Unpickler::Items& items) {
  return std::any_of(items.begin(), items.end(), [](const auto& item) {
    return std::holds_alternative<TensorId>(item.second);
  });
}

// The dictionary under a key; the last one counts, as in Python.
const Unpickler::Items* find_dict(const Unpickler& unpickler, const Unpickler::Items& items,
                                  std::string_view name) {
  const auto found = std::find_if(items.rbegin(), items.rend(), [&](const auto& item) {
    const auto* key = std::get_if<std::string_view>(&item.first);
    return key != nullptr && *key == name;
  });
  if (found == items.rend()) return nullptr;
  const auto* dict = std::get_if<Dict>(&found->second);
  return dict == nullptr ? nullptr : &unpickler.items(*dict);
}

// Tells whether the tensors of a language model are here, by the name of its embedding.
bool holds_model(const Unpickler::Items& items) {
  return std::any_of(items.begin(), items.end(), [](const auto& item) {
    const auto* key = std::get_if<std::string_view>(&item.first);
    return key != nullptr && std::holds_alternative<TensorId>(item.second) &&
           (key->ends_with("embeddings.weight") || key->ends_with("embedding.weight"));
  });
}

// Returns the one dictionary, under any key, that holds a model.
const Unpickler::Items* find_model(const Unpickler& unpickler, const Unpickler::Items& outer) {
  const Unpickler::Items* model = nullptr;
  std::string_view name;
  std::set<std::size_t> seen;  // one dictionary may lie under any number of keys
  for (const auto& [key, held] : outer) {
    const auto* text = std::get_if<std::string_view>(&key);
    const auto* dict = std::get_if<Dict>(&held);
    if (text == nullptr || dict == nullptr || !seen.insert(dict->index).second) continue;
    const Unpickler::Items& inner = unpickler.items(*dict);
    if (!holds_model(inner)) continue;
    if (model != nullptr) {
      fail("expected one model, found two, under '{}' and '{}'", printable(name), printable(*text));
    }
    model = &inner;
    name = *text;
  }
  return model;
}

// In a checkpoint of a training script, looks below the names that trainers use for the model
// itself, which have priority over an average of it; then below any other.
const Unpickler::Items* find_inner(const Unpickler& unpickler, const Unpickler::Items& outer) {
  for (const std::string_view name :
       {"state_dict", "model", "model_state_dict", "module", "model_state"}) {
    const Unpickler::Items* inner = find_dict(unpickler, outer, name);
    if (inner != nullptr && holds_tensors(*inner)) return inner;
  }
  return find_model(unpickler, outer);
}

void add_other_models(const Unpickler& unpickler, const Unpickler::Items& outer,
                      const Unpickler::Items& model, std::vector<std::string>& unused) {
  for (const auto& [key, held] : outer) {
    const auto* text = std::get_if<std::string_view>(&key);
    const auto* dict = std::get_if<Dict>(&held);
    if (text == nullptr || dict == nullptr) continue;
    const Unpickler::Items& inner = unpickler.items(*dict);
    if (&inner != &model && holds_model(inner)) unused.push_back(printable(*text));
  }
}

const Unpickler::Items& find_state_dict(const Unpickler& unpickler, const Value& value,
                                        std::vector<std::string>& unused) {
  const Unpickler::Items& outer = unpickler.items(expect<Dict>(value, "the pickled value"));
  if (holds_model(outer)) {
    add_other_models(unpickler, outer, outer, unused);
    return outer;
  }
  if (const Unpickler::Items* inner = find_inner(unpickler, outer)) {
    add_other_models(unpickler, outer, *inner, unused);
    return *inner;
  }
  // Composer has {"state": {"model": ...}}.
  if (const Unpickler::Items* state = find_dict(unpickler, outer, "state")) {
    if (const Unpickler::Items* inner = find_inner(unpickler, *state)) {
      add_other_models(unpickler, *state, *inner, unused);
      return *inner;
    }
  }
  if (holds_tensors(outer)) return outer;
  constexpr std::size_t kMaxShown = 5;
  std::vector<std::string> shown;
  for (const auto& [key, held] : outer) {
    const auto* text = std::get_if<std::string_view>(&key);
    shown.push_back(text == nullptr ? std::string(kind(key)) : printable(*text));
    if (shown.size() == kMaxShown) break;
  }
  fail("expected a dictionary of tensors, found one of {} entries without tensors: {}{}",
       outer.size(), fmt::join(shown, ", "), outer.size() > kMaxShown ? ", ..." : "");
}

}  // namespace

std::map<std::string, PickledTensor> unpickle_state_dict(std::span<const std::byte> pickle,
                                                         std::vector<std::string>* unused) {
  std::vector<std::string> others;
  Unpickler unpickler(pickle);
  const Value value = unpickler.run();
  std::map<std::string, PickledTensor> tensors;
  for (const auto& [key, held] : find_state_dict(unpickler, value, others)) {
    const auto* id = std::get_if<TensorId>(&held);
    if (id == nullptr) continue;
    const std::string name(expect<std::string_view>(key, "the name of a tensor"));
    PickledTensor tensor =
        with_context("tensor '" + printable(name) + "'", [&] { return unpickler.tensor(*id); });
    if (!tensors.emplace(name, std::move(tensor)).second) {
      fail("tensor '{}' appears twice", printable(name));
    }
  }
  if (unused != nullptr) *unused = std::move(others);
  return tensors;
}

}  // namespace lightmamba
