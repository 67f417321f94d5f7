#include <algorithm>
#include <array>
#include <exception>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <lightmamba/accelerator.h>
#include <lightmamba/c_api.h>
#include <lightmamba/engine.h>
#include <lightmamba/generate.h>
#include <lightmamba/load.h>
#include <lightmamba/runtime.h>

#include "base/fail.h"
#include "base/utf8.h"

// NOLINTBEGIN(readability-identifier-naming): C
struct lightmamba_model {
  lightmamba::Model model;
};

struct lightmamba_backend {
  std::shared_ptr<const lightmamba::Backend> backend;
};

struct lightmamba_sequence {
  std::unique_ptr<lightmamba::Sequence> sequence;
  std::stop_source stop = {};
};
// NOLINTEND(readability-identifier-naming)

namespace {

using namespace lightmamba;

// Memory that is always available, even when no more can be allocated.
thread_local std::array<char, 2048> last_error = {};

void keep_error(const char* message) {
  std::string_view kept = message;
  if (kept.size() >= last_error.size()) {
    kept = kept.substr(0, last_error.size() - 1);
    // A character that the cut divides is left out.
    for (const std::size_t bytes : {1, 2, 3}) {
      if (is_incomplete_utf8(kept.substr(kept.size() - bytes))) {
        kept.remove_suffix(bytes);
        break;
      }
    }
  }
  *std::copy(kept.begin(), kept.end(), last_error.begin()) = '\0';
}

// Returns the result of `body`, or `failure` if it throws.
template <typename Result, typename Body>
Result guarded(Result failure, const Body& body) noexcept {
  try {
    return body();
  } catch (const std::bad_alloc&) {
    keep_error("out of memory");
  } catch (const std::exception& error) {
    keep_error(error.what());
  } catch (...) {
    keep_error("unknown exception");
  }
  return failure;
}

template <typename Body>
bool succeeds(const Body& body) noexcept {
  return guarded(false, [&] {
    body();
    return true;
  });
}

std::shared_ptr<const Backend> backend_named(const Model& model, const char* name) {
  const std::string_view wanted =
      name != nullptr ? name : (engine_supports(model) ? "engine" : "reference");
  if (wanted == "reference") return reference_backend(model);
  if (wanted == "engine") return engine_backend(model);
  if (wanted == "golden") return golden_backend(model);
  fail("unknown back end '{}': expected reference, engine or golden", wanted);
}

GenerateOptions cpp_options(const lightmamba_generate_options& options) {
  return {.max_tokens = options.max_tokens,
          .sampling = {.temperature = options.temperature,
                       .top_k = options.top_k,
                       .top_p = options.top_p,
                       .repeat_penalty = options.repeat_penalty,
                       .repeat_window = options.repeat_window,
                       .seed = options.seed},
          .stop_at_eos = options.stop_at_eos};
}

}  // namespace

const char* lightmamba_version() { return LIGHTMAMBA_VERSION; }

const char* lightmamba_last_error() { return last_error.data(); }

bool lightmamba_set_threads(int count) {
  return succeeds([&] { set_thread_count(count); });
}

lightmamba_model* lightmamba_load_model(const char* path, const char* tokenizer) {
  return guarded<lightmamba_model*>(nullptr, [&] {
    LoadOptions options;
    if (tokenizer != nullptr) options.tokenizer = tokenizer;
    return new lightmamba_model{open_model(path, options)};
  });
}

void lightmamba_free_model(lightmamba_model* model) { delete model; }

int64_t lightmamba_vocab_size(const lightmamba_model* model) {
  return model->model.config().vocab_size;
}

bool lightmamba_ends_text(const lightmamba_model* model, lightmamba_token id) {
  return model->model.config().ends_text(id);
}

int64_t lightmamba_tokenize(const lightmamba_model* model, const char* text, size_t text_bytes,
                            bool add_special_tokens, lightmamba_token* ids, size_t room) {
  return guarded<int64_t>(-1, [&] {
    const std::vector<TokenId> found = model->model.tokenizer().encode(
        {text, text_bytes}, {.add_special_tokens = add_special_tokens});
    std::copy_n(found.begin(), std::min(room, found.size()), ids);
    return std::ssize(found);
  });
}

int64_t lightmamba_detokenize(const lightmamba_model* model, const lightmamba_token* ids,
                              size_t count, char* text, size_t room) {
  return guarded<int64_t>(-1, [&] {
    const std::string found = model->model.tokenizer().decode(std::span(ids, count));
    if (room > 0) *std::copy_n(found.begin(), std::min(room - 1, found.size()), text) = '\0';
    return std::ssize(found);
  });
}

lightmamba_backend* lightmamba_open_backend(const lightmamba_model* model, const char* name) {
  return guarded<lightmamba_backend*>(
      nullptr, [&] { return new lightmamba_backend{backend_named(model->model, name)}; });
}

void lightmamba_free_backend(lightmamba_backend* backend) { delete backend; }

const char* lightmamba_backend_name(const lightmamba_backend* backend) {
  return backend->backend->name().data();  // part of a literal or a string: a zero byte follows
}

lightmamba_sequence* lightmamba_open_sequence(const lightmamba_backend* backend) {
  return guarded<lightmamba_sequence*>(
      nullptr, [&] { return new lightmamba_sequence{backend->backend->open()}; });
}

lightmamba_sequence* lightmamba_fork(const lightmamba_sequence* sequence) {
  return guarded<lightmamba_sequence*>(
      nullptr, [&] { return new lightmamba_sequence{sequence->sequence->fork()}; });
}

lightmamba_sequence* lightmamba_load_state(const lightmamba_backend* backend, const char* path) {
  return guarded<lightmamba_sequence*>(nullptr, [&] {
    const State state = load_state(backend->backend->model(), path);
    return new lightmamba_sequence{backend->backend->open({.state = &state})};
  });
}

bool lightmamba_save_state(const lightmamba_sequence* sequence, const char* path) {
  return succeeds([&] {
    const Sequence& saved = *sequence->sequence;
    save_state(saved.state(), saved.backend().model(), path);
  });
}

void lightmamba_free_sequence(lightmamba_sequence* sequence) { delete sequence; }

bool lightmamba_prefill(lightmamba_sequence* sequence, const lightmamba_token* ids, size_t count) {
  return succeeds([&] { sequence->sequence->prefill({ids, count}, sequence->stop.get_token()); });
}

bool lightmamba_decode(lightmamba_sequence* sequence, lightmamba_token id) {
  return succeeds([&] { sequence->sequence->decode(id); });
}

bool lightmamba_decode_together(lightmamba_sequence* const* sequences, const lightmamba_token* ids,
                                size_t count) {
  return succeeds([&] {
    if (count == 0) return;
    std::vector<Sequence*> all;
    for (const lightmamba_sequence* each : std::span(sequences, count)) {
      all.push_back(each->sequence.get());
    }
    all.front()->backend().decode_together(all, {ids, count});
  });
}

void lightmamba_stop(lightmamba_sequence* sequence) { sequence->stop.request_stop(); }

const float* lightmamba_logits(const lightmamba_sequence* sequence) {
  const std::span<const float> logits = sequence->sequence->logits();
  return logits.empty() ? nullptr : logits.data();
}

int64_t lightmamba_position(const lightmamba_sequence* sequence) {
  return sequence->sequence->position();
}

lightmamba_generate_options lightmamba_default_generate_options() {
  const GenerateOptions options;
  return {.max_tokens = options.max_tokens,
          .stop_at_eos = options.stop_at_eos,
          .temperature = options.sampling.temperature,
          .top_k = options.sampling.top_k,
          .top_p = options.sampling.top_p,
          .repeat_penalty = options.sampling.repeat_penalty,
          .repeat_window = options.sampling.repeat_window,
          .seed = options.sampling.seed};
}

int64_t lightmamba_generate(lightmamba_sequence* sequence, const lightmamba_token* prompt,
                            size_t prompt_count, const lightmamba_generate_options* options,
                            lightmamba_token_fn callback, void* user) {
  return guarded<int64_t>(-1, [&] {
    Sequence& running = *sequence->sequence;
    GenerateOptions settings = options != nullptr ? cpp_options(*options) : GenerateOptions();
    settings.stop = sequence->stop.get_token();
    Generator generator(running, {prompt, prompt_count}, settings);
    const Model& model = running.backend().model();
    std::optional<TextStream> text;
    if (callback != nullptr && model.has_tokenizer()) text.emplace(model.tokenizer());
    while (const auto id = generator.next()) {
      if (callback == nullptr) continue;
      const std::string complete = text ? text->push(*id) : std::string();
      if (!callback(*id, complete.c_str(), user)) generator.stop();
    }
    const std::string rest = text ? text->finish() : std::string();
    if (callback != nullptr && !rest.empty()) callback(-1, rest.c_str(), user);
    generator.finish();
    return std::ssize(generator.result().ids);
  });
}
