#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <sys/resource.h>
#include <utility>

#include "base/fail.h"
#include "base/threads.h"
#include "cli/backend.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "engine/worker_pool.h"
#include "io/stored_tokenizer.h"
#include "kernels/isa.h"
#include "model/tensor_list.h"
#include "quant/random_quantized.h"
#include "quant/weight_source.h"

namespace lightmamba::cli {
namespace {

struct BenchArguments {
  ModelOptions model;
  std::string shape;
  std::string scheme = "w4a4";
  std::string ssm = "pot8";
  std::string state = "int16";
  int head_bits = 8;
  std::int64_t prompt_tokens = 512;
  std::int64_t generate_tokens = 32;
  std::int64_t sequences = 1;
  std::int64_t verify = 0;  // tokens; 0: is not measured
  std::int64_t keep = 0;    // how many of them; 0: all
  std::int64_t runs = 3;
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

// Bytes per second that all threads together read from memory.
double read_bandwidth(WorkerPool& pool, std::int64_t runs) {
  using Pair = std::uint64_t __attribute__((vector_size(16)));
  constexpr std::int64_t kPairs = std::int64_t{1} << 25;  // half a gigabyte
  constexpr std::int64_t kTask = std::int64_t{1} << 16;
  constexpr std::int64_t kSums = 8;  // that do not wait for each other
  static const AlignedVector<std::uint64_t> words(2 * kPairs, 1);
  std::vector<std::uint64_t> totals(static_cast<std::size_t>(kPairs / kTask));
  std::vector<double> seconds;
  for (std::int64_t run = 0; run < runs; ++run) {
    seconds.push_back(seconds_of([&] {
      pool.run(kPairs / kTask, [&](std::int64_t task, int /*thread*/) {
        const auto* pairs = reinterpret_cast<const Pair*>(words.data()) + task * kTask;
        std::array<Pair, kSums> sums = {};
        for (std::int64_t i = 0; i < kTask; i += kSums) {
#pragma GCC unroll 8
          for (std::int64_t s = 0; s < kSums; ++s)
            sums[static_cast<std::size_t>(s)] += pairs[i + s];
        }
        for (const Pair& sum : sums) totals[static_cast<std::size_t>(task)] += sum[0];
      });
    }));
  }
  const std::uint64_t total = std::accumulate(totals.begin(), totals.end(), std::uint64_t{0});
  if (total != static_cast<std::uint64_t>(runs * kPairs)) fail("half a gigabyte was misread");
  return static_cast<double>(kPairs) * sizeof(Pair) / median(seconds);
}

// Bytes that decoding one token must read.
double weight_bytes(const Weights& weights) {
  double bytes = static_cast<double>(weights.head.bytes());
  for (const LayerWeights& layer : weights.layers) {
    for (const BlockMatrix& each : block_matrices(weights.config)) {
      bytes += static_cast<double>((layer.*each.matrix).bytes());
    }
  }
  return bytes;
}

std::int64_t peak_rss_bytes() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return std::int64_t{1024} * usage.ru_maxrss;
}

Quantization quantization_of(const BenchArguments& options) {
  Quantization q;
  q.scheme = parse_scheme(options.scheme);
  q.ssm = parse_ssm_format(options.ssm);
  q.state = parse_state_format(options.state);
  q.head_bits = options.head_bits;
  q.clip = true;
  q.source = options.shape;
  return q;
}

std::vector<TokenId> some_tokens(std::int64_t count, std::int64_t vocab) {
  std::vector<TokenId> tokens(static_cast<std::size_t>(count));
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    tokens[i] = static_cast<TokenId>(i * 2654435761U % static_cast<std::size_t>(vocab));
  }
  return tokens;
}

double processor_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + 1e-6 * static_cast<double>(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

// Medians of single passes.
struct PassTime {
  double seconds, processor_seconds;
};

// Times passes that verify tokens and passes that decode one, in turn, so that both meet the same
// disturbances; each on a sequence of its own, since a pass also does what the one before it left.
std::pair<PassTime, PassTime> verify_and_decode(const Backend& backend,
                                                const BenchArguments& options) {
  const std::int64_t passes = options.runs * options.generate_tokens;
  const std::vector<TokenId> some =
      some_tokens(passes + options.verify, backend.config().vocab_size);
  struct Measured {
    std::unique_ptr<Sequence> sequence;
    std::vector<double> seconds = {}, processor = {};

    void pass(const std::function<void()>& body) {
      const double before = processor_seconds();
      seconds.push_back(seconds_of(body));
      processor.push_back(processor_seconds() - before);
    }
    PassTime time() const { return {median(seconds), median(processor)}; }
  };
  Measured verify = {backend.open()};
  Measured decode = {backend.open()};
  for (std::int64_t i = 0; i < passes; ++i) {
    const auto tokens = std::span(some).subspan(static_cast<std::size_t>(i));
    decode.pass([&] { decode.sequence->decode(tokens.front()); });
    verify.pass([&] {
      verify.sequence->verify(
          tokens.first(static_cast<std::size_t>(options.verify)),
          [](std::int64_t /*index*/, std::span<const float> /*logits*/) {}, 1);
      verify.sequence->keep(options.keep > 0 ? options.keep : options.verify);
    });
  }
  return {verify.time(), decode.time()};
}

// A model of random weights of a published shape.
Model random_model(const BenchArguments& options) {
  return {random_quantized_weights(published_shape(options.shape), quantization_of(options)),
          std::make_shared<const StoredTokenizer>(), options.shape};
}

std::shared_ptr<const Backend> load(const BenchArguments& options) {
  const CLI::App& command = *options.model.command;
  refuse_without_effect(command, {"--tokenizer"}, "because no text is read");
  if (options.shape.empty()) {
    refuse_without_effect(command, {"--scheme", "--ssm", "--state", "--head-bits"},
                          "without --shape");
    return load_backend(options.model);
  }
  apply_backend_options(options.model);
  set_thread_count(options.model.threads);
  return open_only_backend(random_model(options), options.model);
}

void run(const BenchArguments& options) {
  if (options.verify == 0) {
    refuse_without_effect(*options.model.command, {"--keep"}, "without --verify");
  } else if (options.keep > options.verify) {
    fail("--keep {}: only {} tokens are verified", options.keep, options.verify);
  }
  std::shared_ptr<const Backend> backend;
  const double load_seconds = seconds_of([&] { backend = load(options); });
  const int threads = thread_count();
  const std::int64_t vocab = backend->config().vocab_size;
  const std::int64_t count = options.sequences;

  WorkerPool pool(threads);
  const std::vector<TokenId> prompt = some_tokens(options.prompt_tokens, vocab);
  std::vector<std::unique_ptr<Sequence>> sequences;
  std::vector<Sequence*> pointers;
  for (std::int64_t i = 0; i < count; ++i) {
    pointers.push_back(sequences.emplace_back(backend->open()).get());
  }
  // Other tokens at each step, as a text would have: sampling is not what is measured.
  const std::vector<TokenId> some = some_tokens(count + options.generate_tokens, vocab);
  const auto decode = [&](std::int64_t step) {
    backend->decode_together(
        pointers, std::span(some).subspan(static_cast<std::size_t>(step), pointers.size()));
  };
  const auto prefill = [&] { sequences.front()->prefill(prompt); };
  // Once for the pages of the weights.
  decode(0);
  if (!prompt.empty()) prefill();
  const std::int64_t peak_rss = peak_rss_bytes();  // before memory is taken to measure it

  std::vector<double> bandwidths;
  std::vector<double> prefills;
  std::vector<double> decodes;
  for (std::int64_t run = 0; run < options.runs; ++run) {
    bandwidths.push_back(read_bandwidth(pool, 3));
    if (!prompt.empty()) prefills.push_back(seconds_of(prefill));
    decodes.push_back(seconds_of([&] {
      for (std::int64_t t = 0; t < options.generate_tokens; ++t) decode(t);
    }));
  }
  const double step = median(decodes) / static_cast<double>(options.generate_tokens);
  // Each state is read and written.
  const double step_bytes =
      weight_bytes(backend->model().weights()) +
      2 * static_cast<double>(count) * static_cast<double>(sequences.front()->bytes());
  const double bandwidth = median(bandwidths);
  nlohmann::ordered_json report = {
      {"backend", backend->name()},
      {"isa", isa_name(current_isa())},
      {"threads", threads},
      {"sequences", count},
      {"prefill_tokens_per_second",
       prompt.empty() ? 0.0 : static_cast<double>(prompt.size()) / median(prefills)},
      {"decode_tokens_per_second", static_cast<double>(count) / step},
      {"bytes_per_token", step_bytes / static_cast<double>(count)},
      {"read_bandwidth", bandwidth},
      {"share_of_floor", step_bytes / bandwidth / step},
      {"load_seconds", load_seconds},
      {"peak_rss_bytes", peak_rss}};
  if (options.verify > 0) {
    const auto [verify, one] = verify_and_decode(*backend, options);
    report["verify_tokens"] = options.verify;
    report["verify_seconds"] = verify.seconds;
    report["verify_over_decode"] = verify.seconds / one.seconds;
    report["verify_over_decode_processor_time"] = verify.processor_seconds / one.processor_seconds;
  }
  if (options.model.json) return print_json(report);
  for (const auto& [name, value] : report.items()) {
    write_output(fmt::format("{:<26} {}\n", name,
                             value.is_string() ? value.get<std::string>() : value.dump()));
  }
}

CLI::Option* add_count(CLI::App& command, const std::string& name, std::int64_t& count,
                       const std::string& what, std::int64_t min) {
  return command.add_option(name, count, what)
      ->type_name("N")
      ->check(CLI::Range(min, std::int64_t{1} << 20))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "Measure how fast a back end runs a model");
  auto options = std::make_shared<BenchArguments>();
  CLI::Option_group* source = command->add_option_group("Source");
  add_model_argument(*source, options->model)->required(false);
  source
      ->add_option("--shape", options->shape,
                   "Random weights of a published shape instead of a model: mamba2-130m, -370m, "
                   "-780m, -1.3b or -2.7b")
      ->type_name("NAME");
  source->require_option(1);
  command
      ->add_option("--scheme", options->scheme,
                   "With --shape: bits of weights and activations, for example w4a4")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--ssm", options->ssm, "With --shape: format of the SSM, float or pot8")
      ->check(CLI::IsMember({"float", "pot8"}))
      ->capture_default_str();
  command
      ->add_option("--state", options->state,
                   "With --shape: format of the state, float, int16, int8ef or int8")
      ->check(CLI::IsMember({"float", "int16", "int8ef", "int8"}))
      ->capture_default_str();
  command
      ->add_option("--head-bits", options->head_bits,
                   "With --shape: bits of embedding and LM head, 8 or 4")
      ->check(CLI::IsMember({8, 4}))
      ->capture_default_str();
  add_count(*command, "--prompt-tokens", options->prompt_tokens,
            "Number of prompt tokens to prefill; 0 skips prefill", 0);
  add_count(*command, "--generate-tokens", options->generate_tokens, "Number of tokens to decode",
            1);
  add_count(*command, "--sequences", options->sequences, "Number of sequences to decode together",
            1);
  add_count(*command, "--verify", options->verify,
            "Also measure passes that verify this many tokens of one sequence, the first of which "
            "is certain; 0 skips them",
            0);
  add_count(*command, "--keep", options->keep,
            "With --verify: number of tokens to keep of each pass; 0 means all", 0);
  add_count(*command, "--runs", options->runs,
            "Number of times to repeat each measurement; the median is printed", 1);
  add_backend_options(*command, options->model);
  add_run_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli
