#include <algorithm>
#include <array>
#include <chrono>
#include <functional>
#include <memory>
#include <numeric>
#include <sys/resource.h>

#include "base/fail.h"
#include "base/threads.h"
#include "cli/commands.h"
#include "cli/common.h"
#include "engine/engine.h"
#include "kernels/isa.h"
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

// What one decoded token of one sequence has to read and write.
struct TokenBytes {
  double weights;
  double state;
};

TokenBytes token_bytes(const Weights& weights, const EngineStateShape& shape) {
  double bytes = static_cast<double>(weights.head.bytes());
  for (const LayerWeights& layer : weights.layers) {
    bytes += static_cast<double>(layer.in_proj.bytes() + layer.out_proj.bytes());
  }
  const auto layers = static_cast<double>(weights.config.n_layer);
  return {bytes, 2 * layers * static_cast<double>(shape.ssm_bytes())};
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

void run(const BenchArguments& options) {
  const EngineOptions engine_settings = engine_options(options.model);
  set_thread_count(options.model.threads);
  std::shared_ptr<const Weights> weights;
  std::unique_ptr<const Engine> loaded;
  const double load_seconds = seconds_of([&] {
    weights = options.shape.empty() ? load_model(options.model).shared_weights()
                                    : random_quantized_weights(published_shape(options.shape),
                                                               quantization_of(options));
    loaded = std::make_unique<const Engine>(weights, engine_settings);
  });
  const int threads = thread_count();
  const Engine& engine = *loaded;
  const Mamba2Config& config = engine.config();
  const std::int64_t sequences = options.sequences;

  WorkerPool pool(threads);
  const std::vector<TokenId> prompt = some_tokens(options.prompt_tokens, config.vocab_size);
  std::vector<EngineState> states(static_cast<std::size_t>(sequences),
                                  engine.state_shape().empty());
  std::vector<EngineState*> pointers;
  pointers.reserve(states.size());
  for (EngineState& state : states) pointers.push_back(&state);
  std::vector<float> logits(static_cast<std::size_t>(sequences * config.vocab_size));
  // Other tokens at each step, as a text would have: sampling is not what is measured.
  const std::vector<TokenId> some =
      some_tokens(sequences + options.generate_tokens, config.vocab_size);
  const auto decode = [&](std::int64_t step) {
    engine.decode(pointers,
                  std::span(some).subspan(static_cast<std::size_t>(step), pointers.size()), logits);
  };
  const auto prefill = [&] {
    engine.prefill(states.front(), prompt, LogitsFor::last,
                   [](std::int64_t, std::span<const float>) {});
  };
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
  const TokenBytes bytes = token_bytes(*weights, engine.state_shape());
  const double step = median(decodes) / static_cast<double>(options.generate_tokens);
  const double step_bytes = bytes.weights + static_cast<double>(sequences) * bytes.state;
  const double bandwidth = median(bandwidths);
  const nlohmann::ordered_json report = {
      {"isa", isa_name(current_isa())},
      {"threads", threads},
      {"sequences", sequences},
      {"prefill_tokens_per_second",
       prompt.empty() ? 0.0 : static_cast<double>(prompt.size()) / median(prefills)},
      {"decode_tokens_per_second", static_cast<double>(sequences) / step},
      {"bytes_per_token", step_bytes / static_cast<double>(sequences)},
      {"read_bandwidth", bandwidth},
      {"share_of_floor", step_bytes / bandwidth / step},
      {"load_seconds", load_seconds},
      {"peak_rss_bytes", peak_rss}};
  if (options.model.json) return print_json(report);
  for (const auto& [name, value] : report.items()) {
    write_output(fmt::format("{:<26} {}\n", name,
                             value.is_string() ? value.get<std::string>() : value.dump()));
  }
}

CLI::Option* add_count(CLI::App& command, const std::string& name, std::int64_t& count,
                       const std::string& what, std::int64_t least) {
  return command.add_option(name, count, what)
      ->type_name("N")
      ->check(CLI::Range(least, std::int64_t{1} << 20))
      ->capture_default_str();
}

}  // namespace

void add_bench(CLI::App& app) {
  CLI::App* command = app.add_subcommand("bench", "How fast the engine runs a model");
  auto options = std::make_shared<BenchArguments>();
  CLI::Option_group* source = command->add_option_group("Source");
  add_model_argument(*source, options->model)->required(false);
  source
      ->add_option("--shape", options->shape,
                   "Random weights of a published shape instead of a model: mamba2-130m, -370m, "
                   "-780m, -1.3b or -2.7b")
      ->type_name("NAME");
  source->require_option(1);
  command->add_option("--scheme", options->scheme, "Of a shape, as quantize has it")
      ->type_name("NAME")
      ->capture_default_str();
  command->add_option("--ssm", options->ssm, "Of a shape: float or pot8")
      ->check(CLI::IsMember({"float", "pot8"}))
      ->capture_default_str();
  command->add_option("--state", options->state, "Of a shape: float, int16, int8ef or int8")
      ->check(CLI::IsMember({"float", "int16", "int8ef", "int8"}))
      ->capture_default_str();
  command->add_option("--head-bits", options->head_bits, "Of a shape: 8 or 4")
      ->check(CLI::IsMember({8, 4}))
      ->capture_default_str();
  add_count(*command, "--prompt-tokens", options->prompt_tokens, "Tokens of a prompt; 0 for none",
            0);
  add_count(*command, "--generate-tokens", options->generate_tokens, "Tokens to decode", 1);
  add_count(*command, "--sequences", options->sequences, "Sequences that decode together", 1);
  add_count(*command, "--runs", options->runs, "Of everything; medians are printed", 1);
  add_engine_options(*command, options->model);
  add_run_options(*command, options->model);
  command->callback([options] { run(*options); });
}

}  // namespace lightmamba::cli
