/* Continues a text, in C: c_hello MODEL PROMPT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <lightmamba/c_api.h>

static bool print(lightmamba_token id, const char* text, void* user) {
  (void)id;
  fputs(text, stdout);
  ++*(int*)user;
  return true;
}

int main(int argc, char** argv) {
  if (argc != 3) return 2;
  int status = 1;
  int calls = 0;
  lightmamba_token* prompt = NULL;
  lightmamba_backend* backend = NULL;
  lightmamba_sequence* sequence = NULL;
  lightmamba_model* model = lightmamba_load_model(argv[1], NULL);
  if (model == NULL) goto end;
  const int64_t count = lightmamba_tokenize(model, argv[2], strlen(argv[2]), true, NULL, 0);
  if (count < 0) goto end;
  prompt = malloc((size_t)count * sizeof(*prompt));
  if (prompt == NULL) goto end;
  lightmamba_tokenize(model, argv[2], strlen(argv[2]), true, prompt, (size_t)count);

  backend = lightmamba_open_backend(model, NULL);
  if (backend == NULL) goto end;
  sequence = lightmamba_open_sequence(backend);
  if (sequence == NULL) goto end;
  lightmamba_generate_options options = lightmamba_default_generate_options();
  options.max_tokens = 16;
  fputs(argv[2], stdout);
  if (lightmamba_generate(sequence, prompt, (size_t)count, &options, print, &calls) < 0) goto end;
  puts("");
  status = calls > 0 ? 0 : 1;

end:
  if (status != 0) fprintf(stderr, "c_hello: %s\n", lightmamba_last_error());
  free(prompt);
  lightmamba_free_sequence(sequence);
  lightmamba_free_backend(backend);
  lightmamba_free_model(model);
  return status;
}
