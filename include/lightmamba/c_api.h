// The library for C (C99), and for languages that call C. No exception leaves these functions: one
// that fails says so by its result, and lightmamba_last_error() says why.
//
// Handles are freed by the function named for their kind, which takes NULL too, in any order: a
// back end keeps its model alive, a sequence its back end. Other arguments must not be NULL where
// it is not said that they may be. Models and back ends may be used from several threads at once, a
// sequence from one at a time. Texts are UTF-8 and end with a zero byte unless they have a size.
#pragma once

// NOLINTBEGIN(readability-identifier-naming,modernize-deprecated-headers): C

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <lightmamba/export.h>
#include <lightmamba/version.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef int32_t lightmamba_token;
typedef struct lightmamba_model lightmamba_model;        // weights and tokenizer
typedef struct lightmamba_backend lightmamba_backend;    // runs a model
typedef struct lightmamba_sequence lightmamba_sequence;  // one text on its way through it

// The version of the library that runs, LIGHTMAMBA_VERSION as that was compiled.
LIGHTMAMBA_EXPORT const char* lightmamba_version(void);

// Why the last call of this thread that failed did so, cut after some thousand bytes; "" before the
// first. Valid until another call of this thread fails.
LIGHTMAMBA_EXPORT const char* lightmamba_last_error(void);

// Threads that the process may use, 0: one for each processor. Back ends opened later have them.
LIGHTMAMBA_EXPORT bool lightmamba_set_threads(int count);

// A directory with a checkpoint or a quantized file; `tokenizer` is a tokenizer.json that replaces
// the model's own, or NULL. NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_model* lightmamba_load_model(const char* path, const char* tokenizer);
LIGHTMAMBA_EXPORT void lightmamba_free_model(lightmamba_model* model);
LIGHTMAMBA_EXPORT int64_t lightmamba_vocab_size(const lightmamba_model* model);  // logits of a step
LIGHTMAMBA_EXPORT bool lightmamba_ends_text(const lightmamba_model* model, lightmamba_token id);

// The tokens of a text, with the special ones that begin a prompt where these are asked for. Writes
// at most `room` of them to `ids`, which may be NULL where that is 0, and returns how many there
// are; -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_tokenize(const lightmamba_model* model, const char* text,
                                              size_t text_bytes, bool add_special_tokens,
                                              lightmamba_token* ids, size_t room);

// The text of tokens. Writes at most room - 1 bytes and a zero byte to `text`, which may be NULL
// where `room` is 0, and returns how many bytes there are without the zero byte; -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_detokenize(const lightmamba_model* model,
                                                const lightmamba_token* ids, size_t count,
                                                char* text, size_t room);

// "reference", "engine" or "golden"; NULL takes the engine where that can run the model and the
// reference otherwise. NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_backend* lightmamba_open_backend(const lightmamba_model* model,
                                                              const char* name);
LIGHTMAMBA_EXPORT void lightmamba_free_backend(lightmamba_backend* backend);
LIGHTMAMBA_EXPORT const char* lightmamba_backend_name(const lightmamba_backend* backend);

// An empty sequence; one that goes on by itself from where another one is; and one that goes on
// from a file of lightmamba_save_state(), which must be the same model's. NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_open_sequence(const lightmamba_backend* backend);
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_fork(const lightmamba_sequence* sequence);
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_load_state(const lightmamba_backend* backend,
                                                             const char* path);
LIGHTMAMBA_EXPORT bool lightmamba_save_state(const lightmamba_sequence* sequence, const char* path);
LIGHTMAMBA_EXPORT void lightmamba_free_sequence(lightmamba_sequence* sequence);

// Feed the sequence tokens: several; one; or one to each of several sequences of one back end, none
// of them twice. False on failure.
LIGHTMAMBA_EXPORT bool lightmamba_prefill(lightmamba_sequence* sequence,
                                          const lightmamba_token* ids, size_t count);
LIGHTMAMBA_EXPORT bool lightmamba_decode(lightmamba_sequence* sequence, lightmamba_token id);
LIGHTMAMBA_EXPORT bool lightmamba_decode_together(lightmamba_sequence* const* sequences,
                                                  const lightmamba_token* ids, size_t count);

// The logits after the last token, lightmamba_vocab_size() of them, valid until the sequence takes
// another; NULL where there are none.
LIGHTMAMBA_EXPORT const float* lightmamba_logits(const lightmamba_sequence* sequence);
LIGHTMAMBA_EXPORT int64_t lightmamba_position(const lightmamba_sequence* sequence);  // tokens seen

// As SamplingOptions and GenerateOptions of C++ (sampler.h, generate.h).
typedef struct lightmamba_generate_options {
  int64_t max_tokens;
  bool stop_at_eos;
  float temperature;
  int top_k;
  float top_p;
  float repeat_penalty;
  int repeat_window;
  uint64_t seed;
} lightmamba_generate_options;
LIGHTMAMBA_EXPORT lightmamba_generate_options lightmamba_default_generate_options(void);

// Called with each token and the text that is complete with it, maybe none; false ends generation
// after it. Bytes that no further token completes come at the end with an id of -1.
typedef bool (*lightmamba_token_fn)(lightmamba_token id, const char* text, void* user);

// Continues the sequence after a prompt, which may have no tokens where the sequence has logits.
// `options` and `callback` may be NULL. The sequence has then seen all tokens but the end of the
// text. Returns how many were generated; -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_generate(lightmamba_sequence* sequence,
                                              const lightmamba_token* prompt, size_t prompt_count,
                                              const lightmamba_generate_options* options,
                                              lightmamba_token_fn callback, void* user);

#ifdef __cplusplus
}
#endif

// NOLINTEND(readability-identifier-naming,modernize-deprecated-headers)
