// What the commands share: options that mean the same everywhere, and output.
#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <initializer_list>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include <lightmamba/generate.h>
#include <lightmamba/model.h>

namespace lightmamba::cli {

// Exit codes of the program.
inline constexpr int kSuccess = 0;
inline constexpr int kRuntimeError = 1;
inline constexpr int kUsageError = 2;

// Refuses an empty word, as an unset variable of the shell leaves it.
struct NotEmpty : CLI::Validator {
  NotEmpty();
};

// Refuses what is no whole number of 64 bits without a sign.
struct IsSeed : CLI::Validator {
  IsSeed();
};

// Returns the message of the Error that `body` throws, or nothing, as a check of CLI11 must.
template <typename Body>
std::string error_of(const Body& body) {
  try {
    body();
  } catch (const Error& error) {
    return error.what();
  }
  return {};
}

// Checks the name of a picture to draw, as a check of CLI11.
std::string is_picture_name(const std::string& name);

// Counts of tokens and items that an option may ask for.
inline const CLI::Range kCount(std::int64_t{0}, std::int64_t{1} << 40);
inline const CLI::Range kPositiveCount(std::int64_t{1}, std::int64_t{1} << 40);

struct ModelOptions {
  std::filesystem::path model;
  std::filesystem::path tokenizer;  // empty: the model's own
  int threads = 0;                  // 0: one for each processor
  std::string backend = "auto";     // or one of kBackendNames
  std::string preset;  // size of the simulated core; empty: that of the image, or vck190
  std::string isa;     // empty: the best one
  bool pin = false;    // the engine's threads
  bool json = false;
  const CLI::App* command = nullptr;  // that the options were given to
};

CLI::Option* add_model_argument(CLI::App& command, ModelOptions& options);
// Every command that uses ModelOptions calls this or add_run_options().
void add_json_option(CLI::App& command, ModelOptions& options);
void add_tokenizer_option(CLI::App& command, ModelOptions& options);
// Adds the options of every command that runs a model: tokenizer, threads, JSON.
void add_run_options(CLI::App& command, ModelOptions& options);

// Sets the number of threads, loads the model and prints its notes.
Model load_model(const ModelOptions& options);

// Prints to standard error.
void print_notes(const std::vector<std::string>& notes);

// Throws Error "NAME has no effect WHY" for the first of these options that was given to the
// command.
void refuse_without_effect(const CLI::App& command, std::initializer_list<const char*> names,
                           std::string_view why);

// Throws Error where writing `out` would replace a file that a command reads: `input`, where "-" is
// standard input, or a file of the model, its tokenizer included. Links and other names of a file
// count as the file. An empty path is no file.
void refuse_to_overwrite(const std::filesystem::path& out, const std::filesystem::path& input);
void refuse_to_overwrite(const std::filesystem::path& out, const ModelOptions& model);
// Throws Error where two options name one file to write; they may be empty.
void require_different_outputs(const std::filesystem::path& a, const std::filesystem::path& b);

// Throws Error where no file can be written: there is no such folder, or the path is taken by
// something else than a file. An empty path is no file.
void require_place_for(const std::filesystem::path& out);

// Throws Error if the options ask for taps on another back end than the reference.
void require_reference_for_taps(const ModelOptions& options, std::string_view option);

// Loads the tokenizer alone. Here the model may also be given as a tokenizer.json.
Tokenizer load_tokenizer(const ModelOptions& options);

// Two options of which exactly one is needed: a text and a file with it.
struct TextSource {
  std::string text;
  std::filesystem::path file;
  const CLI::Option* text_option = nullptr;
  CLI::Option_group* group = nullptr;  // holds the two options

  bool is_given() const { return text_option->count() > 0 || !file.empty(); }
};
void add_text_source(CLI::App& command, TextSource& source, const std::string& text_option,
                     const std::string& file_option, const std::string& what);
// Reads the text; the file "-" is standard input. Throws Error naming the source if it is not
// UTF-8.
std::string read_text(const TextSource& source);
std::string source_name(const TextSource& source);  // for errors: the option or the file

// As the reports of commands have it; nothing else stops them.
const char* stop_name(StopReason reason);

// Token ids separated by commas or white space. Throws Error naming the piece that is not one.
std::vector<TokenId> parse_ids(std::string_view text, std::string_view source);

// Writes to standard output and throws Error if it does not take it all, as on a full disk.
void write_output(std::string_view text);
void flush_output();
std::string json_string(std::string_view bytes);  // quoted and escaped; ill-formed UTF-8 replaced
std::string json_text(const nlohmann::ordered_json& value);  // a line; ill-formed UTF-8 replaced
void print_json(const nlohmann::ordered_json& value);

std::string human_bytes(double bytes);  // "15.07 MB"
std::string human_count(double count);  // "7.54 M"

}  // namespace lightmamba::cli
