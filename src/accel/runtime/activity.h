// Which units of a core work in which cycles of a token.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>
#include <vector>

namespace lightmamba::accel {

// The units are in the order of the dataflow and of the bits of probe_units in
// rtl/sim/core_probes.sv.
enum class Unit : std::uint8_t { mmu, conv, ssm, gate, htu, loader };

struct UnitName {
  std::string_view name;   // as in the names of modules
  std::string_view title;  // for people
};
inline constexpr std::array<UnitName, 6> kUnits = {{
    {"mmu", "matrix unit"},
    {"conv", "conv"},
    {"ssm", "SSM unit"},
    {"gate", "gate"},
    {"htu", "rotation"},
    {"loader", "quantizer"},
}};

// The product that begins in a cycle. That of in_proj begins a layer.
enum class Begins : std::uint8_t { none, in_proj, out_proj, lm_head };

// One cycle of a token. The matrix unit works where it multiplies a word of weights, the SSM unit
// where it takes a word of the state, conv and gate where a value leaves them, the rotation where a
// value enters or leaves it, and the quantizer where one enters it or its codes are written.
struct CycleActivity {
  Begins begins = Begins::none;
  std::uint32_t units = 0;  // bit i is set where the Unit with number i works

  bool works(Unit unit) const { return (units >> static_cast<unsigned>(unit) & 1U) != 0; }
};

// Is called once for each cycle that Counters::cycles counts, in order.
using ActivityProbe = std::function<void(const CycleActivity&)>;

// Some cycles in a row, counted from the first of a token: [begin, end).
struct CycleInterval {
  std::int64_t begin = 0;
  std::int64_t end = 0;

  std::int64_t cycles() const { return end - begin; }
  bool operator==(const CycleInterval&) const = default;
};

// A part of a token: what comes before the first layer, a layer, or the LM head.
struct TokenPart {
  CycleInterval cycles;
  std::int64_t out_proj_begin = 0;                    // cycle; 0 where there is no out_proj
  std::array<std::int64_t, kUnits.size()> busy = {};  // cycles, by Unit

  std::int64_t busy_cycles(Unit unit) const { return busy[static_cast<std::size_t>(unit)]; }
};

// The cycles of one layer in which each unit works, in order and apart from each other.
struct LayerTimeline {
  std::int64_t layer = 0;
  TokenPart part;
  std::array<std::vector<CycleInterval>, kUnits.size()> intervals;  // by Unit
};

// Collects the cycles of a token.
class ActivityRecorder {
 public:
  // Keeps the intervals of this layer.
  explicit ActivityRecorder(std::int64_t layer) { timeline_.layer = layer; }

  void add(const CycleActivity& cycle);

  // The parts until now, of which each begins where the one before ends: what comes before the
  // first layer, the layers, and the LM head if it has been run.
  const std::vector<TokenPart>& parts() const { return parts_; }
  // The timeline of the layer, as far as the token has come. Throws Error if it has not come to it.
  LayerTimeline timeline() const;

 private:
  std::int64_t cycle_ = 0;
  std::vector<TokenPart> parts_ = std::vector<TokenPart>(1);
  LayerTimeline timeline_;
};

// Counts the cycles in which a unit works in each of `buckets` equal parts of a layer, of which the
// last ones may be shorter or empty: bucket i has the cycles from i * bucket_cycles() on.
std::int64_t bucket_cycles(const LayerTimeline& timeline, std::int64_t buckets);
std::vector<std::int64_t> busy_in_buckets(const LayerTimeline& timeline, Unit unit,
                                          std::int64_t buckets);

}  // namespace lightmamba::accel
