// The library for C (C99), and for languages that call C. No exception leaves these functions: one
// that fails says so by its result, and lightmamba_last_error() says why.
//
// Handles are freed by the function named for their kind, which takes NULL too, in any order: a
// back end keeps its model alive, a sequence its back end. Other arguments must not be NULL unless
// their function allows it. Models and back ends may be used from several threads at once, a
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

// Returns the version of the library that runs: LIGHTMAMBA_VERSION when it was compiled.
LIGHTMAMBA_EXPORT const char* lightmamba_version(void);

// Returns the reason for the last failure of a call of this thread, cut between two characters
// after some thousand bytes, or "" if there was none. Valid until another call of this thread
// fails.
LIGHTMAMBA_EXPORT const char* lightmamba_last_error(void);

// Sets how many threads the process may use; 0 means one for each processor, and a number below 0
// fails. Back ends that are opened later use as many.
LIGHTMAMBA_EXPORT bool lightmamba_set_threads(int count);

// Opens a directory with a checkpoint, or a quantized file. `tokenizer` is a tokenizer.json that
// replaces the model's own, or NULL. Returns NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_model* lightmamba_load_model(const char* path, const char* tokenizer);
LIGHTMAMBA_EXPORT void lightmamba_free_model(lightmamba_model* model);
LIGHTMAMBA_EXPORT int64_t lightmamba_vocab_size(const lightmamba_model* model);  // logits per step
LIGHTMAMBA_EXPORT bool lightmamba_ends_text(const lightmamba_model* model, lightmamba_token id);

// Encodes a text, with the special tokens that begin a prompt if `add_special_tokens` is true.
// Writes at most `room` tokens to `ids`, which may be NULL if `room` is 0, and returns how many
// there are, or -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_tokenize(const lightmamba_model* model, const char* text,
                                              size_t text_bytes, bool add_special_tokens,
                                              lightmamba_token* ids, size_t room);

// Decodes tokens. Writes at most room - 1 bytes and a zero byte to `text`, which may be NULL if
// `room` is 0, and returns how many bytes there are without the zero byte, or -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_detokenize(const lightmamba_model* model,
                                                const lightmamba_token* ids, size_t count,
                                                char* text, size_t room);

// Opens "reference", "engine" or "golden". A `name` of NULL means the engine if it can run the
// model and the reference otherwise. Returns NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_backend* lightmamba_open_backend(const lightmamba_model* model,
                                                              const char* name);
LIGHTMAMBA_EXPORT void lightmamba_free_backend(lightmamba_backend* backend);
LIGHTMAMBA_EXPORT const char* lightmamba_backend_name(const lightmamba_backend* backend);

// Open a sequence: an empty one, one that continues from the state of another without changing
// that, and one that continues from a file of lightmamba_save_state(), which must come from the
// same model. They return NULL on failure.
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_open_sequence(const lightmamba_backend* backend);
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_fork(const lightmamba_sequence* sequence);
LIGHTMAMBA_EXPORT lightmamba_sequence* lightmamba_load_state(const lightmamba_backend* backend,
                                                             const char* path);
// Replaces an older file, but no file of the model. Returns false on failure.
LIGHTMAMBA_EXPORT bool lightmamba_save_state(const lightmamba_sequence* sequence, const char* path);
LIGHTMAMBA_EXPORT void lightmamba_free_sequence(lightmamba_sequence* sequence);

// Feed tokens: several to a sequence, one to a sequence, or one to each of several different
// sequences of one back end. They return false on failure.
LIGHTMAMBA_EXPORT bool lightmamba_prefill(lightmamba_sequence* sequence,
                                          const lightmamba_token* ids, size_t count);
LIGHTMAMBA_EXPORT bool lightmamba_decode(lightmamba_sequence* sequence, lightmamba_token id);
LIGHTMAMBA_EXPORT bool lightmamba_decode_together(lightmamba_sequence* const* sequences,
                                                  const lightmamba_token* ids, size_t count);

// Ends lightmamba_prefill() and lightmamba_generate() of the sequence early: they fail before their
// next segment of some hundred tokens, or their next token, now and in later calls. The sequence
// should then be freed. This is the one function that another thread may call while they run.
LIGHTMAMBA_EXPORT void lightmamba_stop(lightmamba_sequence* sequence);

// Returns the lightmamba_vocab_size() logits after the last token, valid until the sequence takes
// another, or NULL if there are none.
LIGHTMAMBA_EXPORT const float* lightmamba_logits(const lightmamba_sequence* sequence);
LIGHTMAMBA_EXPORT int64_t lightmamba_position(const lightmamba_sequence* sequence);  // tokens seen

// The fields mean the same as in SamplingOptions and GenerateOptions of C++ (sampler.h,
// generate.h).
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

// Called with each token and the text that it completes, which may be empty; the result false ends
// generation. Bytes that no further token completes follow at the end with an id of -1. A text with
// a zero byte in it seems to end there; lightmamba_detokenize() gives the size of the whole.
typedef bool (*lightmamba_token_fn)(lightmamba_token id, const char* text, void* user);

// Continues the sequence after a prompt, which may be empty if the sequence has logits. `options`
// and `callback` may be NULL. Afterwards the sequence has seen all tokens but the end of the text.
// Returns how many were generated, or -1 on failure.
LIGHTMAMBA_EXPORT int64_t lightmamba_generate(lightmamba_sequence* sequence,
                                              const lightmamba_token* prompt, size_t prompt_count,
                                              const lightmamba_generate_options* options,
                                              lightmamba_token_fn callback, void* user);

#ifdef __cplusplus
}
#endif

// NOLINTEND(readability-identifier-naming,modernize-deprecated-headers)
