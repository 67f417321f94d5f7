#include <memory>

#include "accel/image/image_file.h"
#include "base/fail.h"
#include "cli/accel.h"
#include "cli/common.h"
#include "cli/table.h"

namespace lightmamba::cli {
namespace {

using accel::Hardware;
using accel::Image;
using accel::ImageLayout;

struct AccelInspectArguments {
  std::filesystem::path file;
  bool json = false;
};

// A part of the memory: all of it, and what a token moves; over all of its channels.
struct Stream {
  std::string name;
  std::int64_t channels, bytes, read, written;
};

std::vector<Stream> streams_of(const Image& image, const ImageLayout& layout) {
  std::vector<Stream> streams;
  const auto add = [&](std::string name, std::int64_t channels, std::int64_t bytes,
                       std::int64_t read, std::int64_t written) {
    streams.push_back(
        {std::move(name), channels, channels * bytes, channels * read, channels * written});
  };
  add("weights", image.hardware.weight_channels, layout.weight_bytes, layout.weight_bytes, 0);
  add("parameters", 1, layout.parameter_bytes, layout.parameter_bytes, 0);
  add("embedding", 1, layout.embedding_bytes, layout.embedding_row_records * accel::kRecordBytes,
      0);
  add("conv_state", 1, layout.conv_state_bytes, layout.conv_state_bytes, layout.conv_state_bytes);
  add("ssm_state", image.hardware.state_channels, layout.ssm_state_bytes, layout.ssm_state_bytes,
      layout.ssm_state_bytes);
  add("logits", 1, layout.logit_bytes, 0, layout.logit_bytes);
  return streams;
}

// Cycles in which each unit or channel is busy, at a beat or word a cycle.
struct Cycles {
  std::int64_t products, products_without_head;  // in the matrix unit
  std::int64_t weights, weights_without_head;    // words of a channel: scales come on top
  std::int64_t state;                            // words of a channel, each way
  std::int64_t ssm;                              // beats of an SSM unit
};

Cycles cycles_of(const Image& image, const ImageLayout& layout) {
  const Hardware& hardware = image.hardware;
  return {.products = layout.groups * hardware.words_of_group(),
          .products_without_head = layout.groups_without_head * hardware.words_of_group(),
          .weights = layout.weight_words,
          .weights_without_head = layout.weight_words_without_head,
          .state = layout.ssm_state_bytes / hardware.state_word_bytes(),
          .ssm = image.config.state_elements() / hardware.ssm_lanes};
}

std::int64_t model_products(const Mamba2Config& c) {
  return c.d_model * (c.n_layer * (c.d_in_proj() + c.d_inner) + c.vocab_size);
}

// Shares of the words that are scales, and of the products that are the model's and not padding.
double scale_share(const Cycles& cycles) {
  return 1 - static_cast<double>(cycles.products) / static_cast<double>(cycles.weights);
}
double used_share(const Image& image, const Cycles& cycles) {
  const std::int64_t of_beat = std::int64_t{image.hardware.rows} * image.hardware.columns;
  return static_cast<double>(model_products(image.config)) /
         static_cast<double>(cycles.products * of_beat);
}

void print_as_json(const accel::ImageFile& file, const std::vector<Stream>& streams,
                   const Cycles& cycles) {
  const Image& image = file.image;
  const Mamba2Config& c = image.config;
  const Hardware& hardware = image.hardware;
  nlohmann::ordered_json regions = nlohmann::ordered_json::array();
  for (const Stream& stream : streams) {
    regions.push_back({{"name", stream.name},
                       {"channels", stream.channels},
                       {"bytes", stream.bytes},
                       {"read_per_token", stream.read},
                       {"written_per_token", stream.written}});
  }
  print_json({{"preset", hardware.name},
              {"order", accel::row_order_name(image.order)},
              {"config",
               {{"vocab_size", c.vocab_size},
                {"d_model", c.d_model},
                {"n_layer", c.n_layer},
                {"d_inner", c.d_inner},
                {"nheads", c.nheads}}},
              {"hadamard", {{"m", image.hadamard_m}, {"n", c.d_inner / image.hadamard_m}}},
              {"tokenizer", file.tokenizer.has_value()},
              {"regions", regions},
              {"mmu",
               {{"rows", hardware.rows},
                {"columns", hardware.columns},
                {"beats", cycles.products},
                {"beats_without_head", cycles.products_without_head},
                {"used", used_share(image, cycles)}}},
              {"weight_words", cycles.weights},
              {"weight_words_without_head", cycles.weights_without_head},
              {"scales", scale_share(cycles)},
              {"state_bits", image.state_bits},
              {"state_words", cycles.state},
              {"ssm_beats", cycles.ssm}});
}

std::string bytes_text(std::int64_t bytes) {
  return bytes == 0 ? "-" : human_bytes(static_cast<double>(bytes));
}

void print_as_text(const accel::ImageFile& file, const std::vector<Stream>& streams,
                   const Cycles& cycles) {
  const Image& image = file.image;
  const Mamba2Config& c = image.config;
  const Hardware& hardware = image.hardware;
  write_output(fmt::format(
      "Image for {}, rows in {} order{}\n"
      "model              {} layers, d_model {}, d_inner {}, {} heads, {} tokens\n"
      "rotation           {} x {}\n"
      "matrix unit        {} x {} products a cycle\n"
      "weight channels    {} of {} bits\n"
      "state channels     {} of {} bits\n"
      "SSM                {} x {} numbers a cycle, {} bits each in memory\n\n",
      hardware.name, accel::row_order_name(image.order), file.tokenizer ? ", with a tokenizer" : "",
      c.n_layer, c.d_model, c.d_inner, c.nheads, c.vocab_size, image.hadamard_m,
      c.d_inner / image.hadamard_m, hardware.rows, hardware.columns, hardware.weight_channels,
      8 * hardware.weight_word_bytes(), hardware.state_channels, 8 * hardware.state_word_bytes(),
      hardware.ssm_units, hardware.ssm_lanes / hardware.ssm_units, image.state_bits));
  Table memory = {.names = 1, .rows = {{"memory", "channels", "size", "read a token", "written"}}};
  Stream all = {"all", 0, 0, 0, 0};
  for (const Stream& stream : streams) {
    memory.rows.push_back({stream.name, fmt::format("{}", stream.channels),
                           bytes_text(stream.bytes), bytes_text(stream.read),
                           bytes_text(stream.written)});
    all.bytes += stream.bytes;
    all.read += stream.read;
    all.written += stream.written;
  }
  memory.rows.push_back(
      {all.name, "", bytes_text(all.bytes), bytes_text(all.read), bytes_text(all.written)});
  write_output(text_table(memory));
  write_output(
      fmt::format("\nA row of the embedding is read; logits are written if asked for.\n\n"));
  const auto row = [](const char* name, std::int64_t token, std::int64_t without_head) {
    return std::vector<std::string>{name, fmt::format("{}", token),
                                    fmt::format("{}", without_head)};
  };
  write_output(text_table(
      {.names = 1,
       .rows = {{"cycles", "of a token", "without the head"},
                row("matrix unit, a beat each", cycles.products, cycles.products_without_head),
                row("a weight channel, a word each", cycles.weights, cycles.weights_without_head),
                row("a state channel, a word each", cycles.state, cycles.state),
                row("an SSM unit, a beat each", cycles.ssm, cycles.ssm)}}));
  write_output(fmt::format(
      "\n{:.2f} % of the weights' words are scales; {:.2f} % of the products are the model's, the "
      "rest is padding.\n",
      100 * scale_share(cycles), 100 * used_share(image, cycles)));
}

void inspect(const AccelInspectArguments& options) {
  const accel::ImageFile file = accel::read_image_file(options.file);
  const ImageLayout layout = file.image.layout();
  const std::vector<Stream> streams = streams_of(file.image, layout);
  const Cycles cycles = cycles_of(file.image, layout);
  if (options.json) {
    print_as_json(file, streams, cycles);
  } else {
    print_as_text(file, streams, cycles);
  }
}

}  // namespace

void add_accel_inspect(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand(
      "inspect", "Show what a memory image contains and how much a token reads and writes");
  auto options = std::make_shared<AccelInspectArguments>();
  command->add_option("file", options->file, "Memory image, as accel pack writes it")
      ->required()
      ->type_name("FILE");
  command->add_flag("--json", options->json, "Print one JSON object");
  command->callback([options] { inspect(*options); });
}

}  // namespace lightmamba::cli
