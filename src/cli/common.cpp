#include "cli/common.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <lightmamba/load.h>

#include "accel/image/image_file.h"
#include "base/fail.h"
#include "base/file.h"
#include "base/gnuplot.h"
#include "base/threads.h"
#include "base/utf8.h"
#include "io/file_kind.h"
#include "model/model_files.h"
#include "quant/quantized_file.h"

namespace lightmamba::cli {
namespace {

// By device and inode.
bool is_same_file(const std::filesystem::path& a, const std::filesystem::path& b) {
  std::error_code ignored;
  return !a.empty() && !b.empty() && std::filesystem::equivalent(a, b, ignored);
}

bool is_standard_input(const std::filesystem::path& path) {
  struct stat file = {};
  struct stat input = {};
  return ::stat(path.c_str(), &file) == 0 && ::fstat(STDIN_FILENO, &input) == 0 &&
         file.st_dev == input.st_dev && file.st_ino == input.st_ino;
}

}  // namespace

NotEmpty::NotEmpty() {
  func_ = [](const std::string& text) {
    return std::string(text.empty() ? "a name is needed" : "");
  };
}

IsSeed::IsSeed() {
  func_ = [](const std::string& text) {
    std::uint64_t seed = 0;
    const char* end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data(), end, seed);
    const bool is_number = error == std::errc() && stop == end;
    return is_number
               ? std::string()
               : fmt::format("a seed is a number from 0 to 2^64 - 1, not '{}'", printable(text));
  };
}

std::string is_picture_name(const std::string& name) {
  return std::string(picture_name_error(name));
}

CLI::Option* add_model_argument(CLI::App& command, ModelOptions& options) {
  return command
      .add_option("model", options.model,
                  "Directory with config.json and weights, or a quantized file")
      ->required()
      ->type_name("MODEL");
}

void add_json_option(CLI::App& command, ModelOptions& options) {
  options.command = &command;
  command.add_flag("--json", options.json, "Print one JSON object");
}

void add_tokenizer_option(CLI::App& command, ModelOptions& options) {
  command
      .add_option("--tokenizer", options.tokenizer,
                  "tokenizer.json to use instead of that of the model")
      ->type_name("FILE")
      ->check(NotEmpty());
}

void add_run_options(CLI::App& command, ModelOptions& options) {
  add_tokenizer_option(command, options);
  command
      .add_option("--threads", options.threads, "Number of threads; 0 means one for each processor")
      ->type_name("N")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  add_json_option(command, options);
}

void print_notes(const std::vector<std::string>& notes) {
  for (const std::string& note : notes) fmt::print(stderr, "note: {}\n", note);
}

Model load_model(const ModelOptions& options) {
  set_thread_count(options.threads);
  LoadOptions load;
  if (!options.tokenizer.empty()) load.tokenizer = options.tokenizer;
  Model model = open_model(options.model, load);
  print_notes(model.notes());
  return model;
}

void refuse_without_effect(const CLI::App& command, std::initializer_list<const char*> names,
                           std::string_view why) {
  for (const char* name : names) {
    const CLI::Option* option = command.get_option_no_throw(name);
    if (option != nullptr && option->count() > 0) fail("{} has no effect {}", name, why);
  }
}

void refuse_to_overwrite(const std::filesystem::path& out, const std::filesystem::path& input) {
  if (out.empty()) return;
  if (input == "-") {
    if (is_standard_input(out)) fail("{}: would overwrite standard input, which is read", out);
    return;
  }
  if (is_same_file(out, input)) fail("{}: would overwrite {}, which is read", out, input);
}

void refuse_to_overwrite(const std::filesystem::path& out, const ModelOptions& model) {
  if (out.empty()) return;
  refuse_to_overwrite(out, model.tokenizer);
  require_no_file_of_model(out, model.model);
  if (is_same_file(out, model.model / "calibration.txt")) {
    fail("{}: would overwrite the model that is read", out);
  }
}

void require_place_for(const std::filesystem::path& out) {
  if (out.empty()) return;
  std::error_code ignored;
  if (const auto folder = out.parent_path();
      !folder.empty() && !std::filesystem::is_directory(folder, ignored)) {
    fail("{}: no such directory", folder);
  }
  if (std::filesystem::exists(out, ignored) && !std::filesystem::is_regular_file(out, ignored)) {
    fail("{}: not a regular file", out);
  }
}

void require_different_outputs(const std::filesystem::path& a, const std::filesystem::path& b) {
  if (a.empty() || b.empty()) return;
  // A file that is not there yet has no other identity than its path.
  const auto whole = [](const std::filesystem::path& path) {
    std::error_code ignored;
    return std::filesystem::weakly_canonical(std::filesystem::absolute(path, ignored), ignored);
  };
  const bool is_same = whole(a) == whole(b);
  if (is_same || is_same_file(a, b)) fail("{} and {}: two outputs in one file", a, b);
}

void require_reference_for_taps(const ModelOptions& options, std::string_view option) {
  if (options.backend == "auto" || options.backend == "reference") return;
  fail("{} runs on the reference only, not on --backend {}", option, options.backend);
}

Tokenizer load_tokenizer(const ModelOptions& options) {
  if (!options.tokenizer.empty()) return Tokenizer::load(options.tokenizer);
  const FileKind kind = file_kind(options.model);
  if (kind == FileKind::directory) return Tokenizer::load(options.model / "tokenizer.json");
  if (kind == FileKind::json) return Tokenizer::load(options.model);
  if (kind == FileKind::gguf) fail("{}: {}", options.model, what_it_is(kind));
  const std::optional<std::string> text = kind == FileKind::accelerator_image
                                              ? accel::read_image_file(options.model).tokenizer
                                              : read_quantized_file(options.model).tokenizer;
  if (!text) fail("{}: holds no tokenizer", options.model);
  return Tokenizer::parse(*text, fmt::format("{}: tokenizer.json", options.model));
}

void add_text_source(CLI::App& command, TextSource& source, const std::string& text_option,
                     const std::string& file_option, const std::string& what) {
  CLI::Option_group* group = command.add_option_group(what);
  source.group = group;
  source.text_option = group->add_option(text_option, source.text, what)->type_name("TEXT");
  group->add_option(file_option, source.file, what + " read from a file; - means standard input")
      ->type_name("FILE")
      ->check(NotEmpty());
  group->require_option(1);
}

std::string source_name(const TextSource& source) {
  if (source.text_option->count() > 0) return source.text_option->get_name();
  return source.file == "-" ? "standard input" : source.file.string();
}

std::string read_text(const TextSource& source) {
  std::string text = source.text_option->count() > 0 ? source.text : read_input(source.file);
  require_utf8(text, source_name(source));
  return text;
}

const char* stop_name(StopReason reason) {
  return reason == StopReason::end_of_text ? "end_of_text" : "max_tokens";
}

std::vector<TokenId> parse_ids(std::string_view text, std::string_view source) {
  constexpr std::string_view kSeparators = ", \t\r\n";
  std::vector<TokenId> ids;
  for (std::size_t begin = text.find_first_not_of(kSeparators); begin != std::string_view::npos;
       begin = text.find_first_not_of(kSeparators, begin)) {
    const std::size_t end = std::min(text.find_first_of(kSeparators, begin), text.size());
    const std::string_view piece = text.substr(begin, end - begin);
    TokenId id = 0;
    const auto [stop, error] = std::from_chars(piece.data(), piece.data() + piece.size(), id);
    if (error != std::errc() || stop != piece.data() + piece.size() || id < 0) {
      fail("{}: '{}' is not a token id", source, printable(piece));
    }
    ids.push_back(id);
    begin = end;
  }
  return ids;
}

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size()) {
    fail("standard output: cannot write: {}", system_message(errno));
  }
}

void flush_output() {
  if (std::fflush(stdout) != 0 || std::ferror(stdout) != 0) {
    fail("standard output: cannot write: {}", system_message(errno));
  }
}

std::string json_string(std::string_view bytes) {
  return nlohmann::json(bytes).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string json_text(const nlohmann::ordered_json& value) {
  return value.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace) + "\n";
}

void print_json(const nlohmann::ordered_json& value) { write_output(json_text(value)); }

std::string human_bytes(double bytes) {
  static constexpr std::array kUnits = {"B", "kB", "MB", "GB", "TB"};
  std::size_t unit = 0;
  while (bytes >= 1000 && unit + 1 < kUnits.size()) {
    bytes /= 1000;
    ++unit;
  }
  return unit == 0 ? fmt::format("{} B", bytes) : fmt::format("{:.2f} {}", bytes, kUnits[unit]);
}

std::string human_count(double count) {
  if (count >= 1e9) return fmt::format("{:.2f} G", count / 1e9);
  if (count >= 1e6) return fmt::format("{:.2f} M", count / 1e6);
  return fmt::format("{}", count);
}

}  // namespace lightmamba::cli
