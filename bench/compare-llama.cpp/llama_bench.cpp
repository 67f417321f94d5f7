// Times llama.cpp as `lightmamba bench` times LightMamba: one decode to warm, then for each run a
// prefill into an empty state and decode steps of all sequences. llama.cpp is opened at run time:
// to build this, nothing of it is needed.
#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <dlfcn.h>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <sys/resource.h>
#include <vector>

namespace {

namespace fs = std::filesystem;

constexpr std::uint32_t kBatch = 512;
constexpr int kLogError = 4;

[[noreturn]] void fail(const std::string& what) { throw std::runtime_error(what); }

struct LlamaModel;
struct LlamaVocab;
struct LlamaContext;
struct LlamaMemory;
struct Threadpool;
struct Backend;

// Structures of llama.cpp v0.5.0, in so far as they are looked at. What is opaque keeps the
// library's own defaults, and is longer than there: the library knows where it ends.
struct alignas(8) ModelParams {
  std::array<std::byte, 512> opaque;
};

struct alignas(8) ThreadpoolParams {
  std::array<std::byte, 1024> opaque;
};

struct alignas(8) ContextParams {
  std::uint32_t n_ctx;
  std::uint32_t n_batch;
  std::uint32_t n_ubatch;
  std::uint32_t n_seq_max;
  std::uint32_t n_rs_seq;
  std::uint32_t n_outputs_max;
  std::uint32_t n_outputs_max_per_seq;
  std::int32_t n_threads;
  std::int32_t n_threads_batch;
  std::array<std::byte, 476> opaque;
};

struct Batch {
  std::int32_t n_tokens;
  std::int32_t* token;
  float* embeddings;
  std::int32_t* position;
  std::int32_t* n_sequences;
  std::int32_t** sequence;
  std::int8_t* wants_logits;
};

using LogCallback = void (*)(int level, const char* text, void* user);

struct Llama {
  void (*log_set)(LogCallback, void*);
  void (*backend_init)();
  const char* (*version)();
  const char* (*system_info)();
  ModelParams (*model_default_params)();
  LlamaModel* (*model_load)(const char*, ModelParams);
  void (*model_free)(LlamaModel*);
  std::uint64_t (*model_size)(const LlamaModel*);
  const LlamaVocab* (*model_vocab)(const LlamaModel*);
  std::int32_t (*vocab_size)(const LlamaVocab*);
  ContextParams (*context_default_params)();
  LlamaContext* (*context_new)(LlamaModel*, ContextParams);
  void (*context_free)(LlamaContext*);
  std::uint32_t (*n_batch)(const LlamaContext*);
  std::uint32_t (*n_ubatch)(const LlamaContext*);
  std::uint32_t (*n_seq_max)(const LlamaContext*);
  std::int32_t (*n_threads)(LlamaContext*);
  std::int32_t (*n_threads_batch)(LlamaContext*);
  void (*attach_threadpool)(LlamaContext*, Threadpool*, Threadpool*);
  LlamaMemory* (*memory)(const LlamaContext*);
  void (*memory_clear)(LlamaMemory*, bool);
  std::int32_t (*decode)(LlamaContext*, Batch);
  float* (*logits)(LlamaContext*, std::int32_t);
  void (*load_backends)(const char*);
  Backend* (*backend)(const char*);
  void* (*backend_function)(Backend*, const char*);
  ThreadpoolParams (*threadpool_default_params)(int);
};

fs::path find_library(const fs::path& directory) {
  for (const auto& entry : fs::directory_iterator(directory)) {
    const std::string name = entry.path().filename();
    if (name.starts_with("libllama.") && name.ends_with(".so")) return entry.path();
  }
  fail(directory.string() + ": no libllama there");
}

template <class Function>
void bind(void* library, const char* name, Function*& function) {
  function = reinterpret_cast<Function*>(dlsym(library, name));
  if (function == nullptr) fail(std::string("libllama has no ") + name);
}

Llama open_llama(const fs::path& directory) {
  void* library = dlopen(fs::absolute(find_library(directory)).c_str(), RTLD_NOW | RTLD_GLOBAL);
  if (library == nullptr) fail(dlerror());
  Llama llama{};
  bind(library, "llama_log_set", llama.log_set);
  bind(library, "llama_backend_init", llama.backend_init);
  bind(library, "llama_version", llama.version);
  bind(library, "llama_print_system_info", llama.system_info);
  bind(library, "llama_model_default_params", llama.model_default_params);
  bind(library, "llama_model_load_from_file", llama.model_load);
  bind(library, "llama_model_free", llama.model_free);
  bind(library, "llama_model_size", llama.model_size);
  bind(library, "llama_model_get_vocab", llama.model_vocab);
  bind(library, "llama_vocab_n_tokens", llama.vocab_size);
  bind(library, "llama_context_default_params", llama.context_default_params);
  bind(library, "llama_init_from_model", llama.context_new);
  bind(library, "llama_free", llama.context_free);
  bind(library, "llama_n_batch", llama.n_batch);
  bind(library, "llama_n_ubatch", llama.n_ubatch);
  bind(library, "llama_n_seq_max", llama.n_seq_max);
  bind(library, "llama_n_threads", llama.n_threads);
  bind(library, "llama_n_threads_batch", llama.n_threads_batch);
  bind(library, "llama_attach_threadpool", llama.attach_threadpool);
  bind(library, "llama_get_memory", llama.memory);
  bind(library, "llama_memory_clear", llama.memory_clear);
  bind(library, "llama_decode", llama.decode);
  bind(library, "llama_get_logits_ith", llama.logits);
  bind(library, "ggml_backend_load_all_from_path", llama.load_backends);
  bind(library, "ggml_backend_reg_by_name", llama.backend);
  bind(library, "ggml_backend_reg_get_proc_address", llama.backend_function);
  bind(library, "ggml_threadpool_params_default", llama.threadpool_default_params);
  return llama;
}

void print_errors(int level, const char* text, void* /*user*/) {
  if (level == kLogError) std::fputs(text, stderr);
}

struct Options {
  std::string directory;
  std::string model;
  int threads = 1;
  int sequences = 1;
  int runs = 1;
  int prompt_tokens = 512;
  int generate_tokens = 32;
};

template <class T>
using Owned = std::unique_ptr<T, void (*)(T*)>;

// Without a pool, llama.cpp starts its threads anew for every token.
Owned<Threadpool> make_threadpool(const Llama& llama, int threads) {
  Backend* cpu = llama.backend("CPU");
  if (cpu == nullptr) fail("llama.cpp found no backend for this processor");
  const auto function = [&](const char* name) {
    void* found = llama.backend_function(cpu, name);
    if (found == nullptr) fail(std::string("llama.cpp's CPU backend has no ") + name);
    return found;
  };
  const auto create =
      reinterpret_cast<Threadpool* (*)(ThreadpoolParams*)>(function("ggml_threadpool_new"));
  const auto destroy = reinterpret_cast<void (*)(Threadpool*)>(function("ggml_threadpool_free"));
  ThreadpoolParams params = llama.threadpool_default_params(threads);
  Owned<Threadpool> pool(create(&params), destroy);
  if (!pool) fail("llama.cpp made no threads");
  return pool;
}

Owned<LlamaContext> make_context(const Llama& llama, LlamaModel* model, const Options& options) {
  ContextParams params = llama.context_default_params();
  const auto sequences = static_cast<std::uint32_t>(options.sequences);
  params.n_ctx =
      sequences * static_cast<std::uint32_t>(options.prompt_tokens + options.generate_tokens + 512);
  params.n_batch = kBatch;
  params.n_ubatch = kBatch;
  params.n_seq_max = sequences;
  params.n_threads = options.threads;
  params.n_threads_batch = options.threads;
  Owned<LlamaContext> context(llama.context_new(model, params), llama.context_free);
  if (!context) fail("llama.cpp made no context");
  const LlamaContext* made = context.get();
  if (llama.n_batch(made) != kBatch || llama.n_ubatch(made) != kBatch ||
      llama.n_seq_max(made) != sequences || llama.n_threads(context.get()) != options.threads ||
      llama.n_threads_batch(context.get()) != options.threads) {
    fail(std::string("llama.cpp ") + llama.version() + " lays out its parameters differently");
  }
  return context;
}

// What llama_decode takes, token by token.
class Tokens {
 public:
  void clear() { *this = {}; }
  void add(std::int32_t token, std::int32_t position, std::int32_t sequence, bool wants_logits) {
    tokens_.push_back(token);
    positions_.push_back(position);
    sequences_.push_back(sequence);
    counts_.push_back(1);
    wants_logits_.push_back(wants_logits ? 1 : 0);
  }
  Batch batch() {
    pointers_.clear();
    for (std::int32_t& sequence : sequences_) pointers_.push_back(&sequence);
    return {static_cast<std::int32_t>(tokens_.size()),
            tokens_.data(),
            nullptr,
            positions_.data(),
            counts_.data(),
            pointers_.data(),
            wants_logits_.data()};
  }

 private:
  std::vector<std::int32_t> tokens_, positions_, sequences_, counts_;
  std::vector<std::int32_t*> pointers_;
  std::vector<std::int8_t> wants_logits_;
};

class Session {
 public:
  Session(const Llama& llama, LlamaContext* context, std::int32_t vocab_size, int sequences)
      : llama_(llama),
        context_(context),
        vocab_size_(vocab_size),
        next_(static_cast<std::size_t>(sequences)) {}

  void reset() {
    llama_.memory_clear(llama_.memory(context_), false);
    position_ = 0;
    std::fill(next_.begin(), next_.end(), 1);
  }

  void prefill(std::span<const std::int32_t> prompt) {
    for (std::size_t begin = 0; begin < prompt.size(); begin += kBatch) {
      const std::size_t end = std::min(prompt.size(), begin + kBatch);
      tokens_.clear();
      for (std::size_t t = begin; t < end; ++t) {
        tokens_.add(prompt[t], static_cast<std::int32_t>(t), 0, t + 1 == prompt.size());
      }
      decode();
    }
    likeliest(-1);
  }

  void step() {
    tokens_.clear();
    for (std::size_t s = 0; s < next_.size(); ++s) {
      tokens_.add(next_[s], position_, static_cast<std::int32_t>(s), true);
    }
    decode();
    for (std::size_t s = 0; s < next_.size(); ++s) {
      next_[s] = likeliest(static_cast<std::int32_t>(s));
    }
    ++position_;
  }

 private:
  void decode() {
    const std::int32_t status = llama_.decode(context_, tokens_.batch());
    if (status != 0) fail("llama_decode returned " + std::to_string(status));
  }

  std::int32_t likeliest(std::int32_t row) {
    const float* logits = llama_.logits(context_, row);
    if (logits == nullptr) fail("llama.cpp gave no logits");
    const float* best = std::max_element(logits, logits + vocab_size_);
    if (!std::isfinite(*best)) fail("the logits are not finite");
    return static_cast<std::int32_t>(best - logits);
  }

  const Llama& llama_;
  LlamaContext* context_;
  std::int32_t vocab_size_;
  std::int32_t position_ = 0;
  std::vector<std::int32_t> next_;
  Tokens tokens_;
};

double seconds_of(const std::function<void()>& body) {
  const auto begin = std::chrono::steady_clock::now();
  body();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
}

double median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

std::vector<std::int32_t> some_tokens(int count, std::int32_t vocab_size) {
  std::vector<std::int32_t> tokens(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<std::int32_t>(i * 2654435761U % static_cast<std::size_t>(vocab_size));
  }
  return tokens;
}

struct Seconds {
  double prefill = 0;
  double decode = 0;
};

Seconds measure(Session& session, std::span<const std::int32_t> prompt, const Options& options) {
  std::vector<double> prefills;
  std::vector<double> decodes;
  session.reset();
  session.step();
  for (int run = 0; run < options.runs; ++run) {
    session.reset();
    if (!prompt.empty()) prefills.push_back(seconds_of([&] { session.prefill(prompt); }));
    session.reset();
    session.step();  // opens the sequences
    decodes.push_back(seconds_of([&] {
      for (int t = 0; t < options.generate_tokens; ++t) session.step();
    }));
  }
  return {prompt.empty() ? 0.0 : median(prefills), median(decodes)};
}

long long peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return 1024LL * usage.ru_maxrss;
}

void run(const Options& options) {
  const Llama llama = open_llama(options.directory);
  llama.log_set(print_errors, nullptr);
  llama.load_backends(options.directory.c_str());
  llama.backend_init();
  const Owned<Threadpool> pool = make_threadpool(llama, options.threads);
  Owned<LlamaModel> model(nullptr, llama.model_free);
  const double load_seconds = seconds_of(
      [&] { model.reset(llama.model_load(options.model.c_str(), llama.model_default_params())); });
  if (!model) fail(options.model + ": llama.cpp does not load it");
  const std::int32_t vocab_size = llama.vocab_size(llama.model_vocab(model.get()));
  const Owned<LlamaContext> context = make_context(llama, model.get(), options);
  llama.attach_threadpool(context.get(), pool.get(), nullptr);

  const std::vector<std::int32_t> prompt = some_tokens(options.prompt_tokens, vocab_size);
  Session session(llama, context.get(), vocab_size, options.sequences);
  const Seconds seconds = measure(session, prompt, options);
  std::printf(
      "{\"version\":\"%s\",\"system\":\"%s\",\"threads\":%d,\"sequences\":%d,"
      "\"prefill_tokens_per_second\":%.6g,\"decode_tokens_per_second\":%.6g,"
      "\"model_bytes\":%llu,\"load_seconds\":%.3f,\"peak_rss_bytes\":%lld}\n",
      llama.version(), llama.system_info(), options.threads, options.sequences,
      prompt.empty() ? 0.0 : options.prompt_tokens / seconds.prefill,
      1.0 * options.sequences * options.generate_tokens / seconds.decode,
      static_cast<unsigned long long>(llama.model_size(model.get())), load_seconds,
      peak_rss_bytes());
}

int count_of(std::string_view name, std::string_view text, int min, int max) {
  int value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < min || value > max) {
    fail(std::string(name) + ": '" + std::string(text) + "' is not a number from " +
         std::to_string(min) + " to " + std::to_string(max));
  }
  return value;
}

constexpr const char* kUsage =
    "usage: llama_bench LIBRARY_DIRECTORY MODEL THREADS SEQUENCES RUNS PROMPT_TOKENS "
    "GENERATE_TOKENS\n";

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) {
    std::fputs(kUsage, stderr);
    return 2;
  }
  try {
    run({.directory = argv[1],
         .model = argv[2],
         .threads = count_of("THREADS", argv[3], 1, 512),
         .sequences = count_of("SEQUENCES", argv[4], 1, 256),
         .runs = count_of("RUNS", argv[5], 1, 1000),
         .prompt_tokens = count_of("PROMPT_TOKENS", argv[6], 0, 1 << 20),
         .generate_tokens = count_of("GENERATE_TOKENS", argv[7], 1, 1 << 20)});
  } catch (const std::exception& error) {
    std::fprintf(stderr, "llama_bench: %s\n", error.what());
    return 1;
  }
  return 0;
}
