// Speed on one core of the state-space dual form of 512 tokens of a layer of the 2.7B model, for
// each instruction set. items_per_second counts products that are needed, with their sums: those
// above the diagonal are not.
#include <benchmark/benchmark.h>
#include <string>

#include "base/buffer.h"
#include "kernels/chunk.h"

namespace lightmamba {
namespace {

using Values = AlignedVector<float>;

Values some_values(std::int64_t count) {
  Values values(static_cast<std::size_t>(count));
  std::uint32_t bits = 1;
  for (float& value : values) {
    bits = bits * 1664525U + 1013904223U;
    value = static_cast<float>(bits >> 8) * 0x1p-23F - 1;
  }
  return values;
}

struct Layer {
  ChunkShape shape;
  Values xbc, dt, decay, D, groups, scratch, state, y;

  explicit Layer(std::int64_t tokens)
      : shape{.tokens = tokens, .nheads = 80, .ngroups = 1, .headdim = 64, .d_state = 128},
        xbc(some_values(tokens * (80 * 64 + 2 * 128))),
        dt(static_cast<std::size_t>(tokens * 80), 0.05F),
        decay(dt.size(), 0.95F),
        D(80, 1.0F),
        groups(static_cast<std::size_t>(chunk_groups_size(shape))),
        scratch(static_cast<std::size_t>(chunk_scratch_size(shape))),
        state(std::size_t{80} * 64 * 128),
        y(static_cast<std::size_t>(tokens * 80 * 64)) {}

  ChunkArguments arguments() {
    return {.shape = shape,
            .xbc = xbc.data(),
            .dt = dt.data(),
            .decay = decay.data(),
            .D = D.data(),
            .groups = groups.data(),
            .state = state.data(),
            .y = y.data()};
  }
};

const ChunkKernels& kernels_of(benchmark::State& bench) {
  const auto isa = static_cast<Isa>(bench.range(0));
  bench.SetLabel(std::string(isa_name(isa)));
  return chunk_kernels(isa);
}

// tokens (tokens + 1) / 2 over the chunks
std::int64_t pairs_of_tokens(std::int64_t tokens) {
  const std::int64_t last = tokens % kChunkTokens;
  return tokens / kChunkTokens * kChunkTokens * (kChunkTokens + 1) / 2 + last * (last + 1) / 2;
}

void chunk_group(benchmark::State& bench) {
  Layer layer(bench.range(1));
  const ChunkKernels& kernels = kernels_of(bench);
  const ChunkArguments arguments = layer.arguments();
  for ([[maybe_unused]] auto _ : bench) {
    for (std::int64_t chunk = 0; chunk < chunk_count(layer.shape); ++chunk) {
      kernels.group(arguments, chunk, 0);
    }
    benchmark::ClobberMemory();
  }
  bench.SetItemsProcessed(bench.iterations() * pairs_of_tokens(layer.shape.tokens) *
                          layer.shape.d_state);
}

void chunk_heads(benchmark::State& bench) {
  Layer layer(bench.range(1));
  const ChunkKernels& kernels = kernels_of(bench);
  const ChunkArguments arguments = layer.arguments();
  const ChunkShape& shape = layer.shape;
  for (std::int64_t chunk = 0; chunk < chunk_count(shape); ++chunk) {
    kernels.group(arguments, chunk, 0);
  }
  for ([[maybe_unused]] auto _ : bench) {
    kernels.heads(arguments, 0, shape.nheads, layer.scratch.data());
    benchmark::ClobberMemory();
  }
  bench.SetItemsProcessed(bench.iterations() * shape.nheads * shape.headdim *
                          (2 * shape.tokens * shape.d_state + pairs_of_tokens(shape.tokens)));
}

void sizes(benchmark::internal::Benchmark* bench) {
  for (const Isa isa : supported_isas()) {
    for (const std::int64_t tokens : {1, 64, 100, 512}) {
      bench->Args({static_cast<std::int64_t>(isa), tokens});
    }
  }
}

BENCHMARK(chunk_group)->Unit(benchmark::kMicrosecond)->Apply(sizes);
BENCHMARK(chunk_heads)->Unit(benchmark::kMicrosecond)->Apply(sizes);

}  // namespace
}  // namespace lightmamba
