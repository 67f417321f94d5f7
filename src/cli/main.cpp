#include <csignal>
#include <cstdio>
#include <exception>
#if defined(__GLIBC__)
#include <malloc.h>
#endif
#include <new>

#include <lightmamba/version.h>

#include "base/file.h"
#include "cli/commands.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

// Buffers of megabytes come and go with every layer: freed memory is kept, so that its pages are
// not taken from the system and cleared each time.
void keep_freed_memory() {
#if defined(__GLIBC__)
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 1 << 30);
#endif
}

int run(int argc, char** argv) {
  CLI::App app("Mamba-2 language models, from a checkpoint to 4-bit inference", "lightmamba");
  app.set_version_flag("--version", "lightmamba " LIGHTMAMBA_VERSION);
  app.require_subcommand(1);
  add_inspect(app);
  add_tokenize(app);
  add_detokenize(app);
  add_generate(app);
  add_logits(app);
  add_quantize(app);
  add_compare(app);
  add_perplexity(app);
  add_evaluate(app);
  add_study(app);
  add_bench(app);
  add_accel(app);
  try {
    app.parse(argc, argv);
    flush_output();
    return kSuccess;
  } catch (const CLI::ParseError& error) {
    const int code = app.exit(error);
    if (code == 0) flush_output();
    return code == 0 ? kSuccess : kUsageError;
  }
}

}  // namespace
}  // namespace lightmamba::cli

int main(int argc, char** argv) {
  using namespace lightmamba;
  // Not through fmt, which throws where standard error cannot be written.
  const auto report = [](const char* what) { std::fprintf(stderr, "error: %s\n", what); };
  // A file that outgrows its limit is an error to report, not the end of the process.
  std::signal(SIGXFSZ, SIG_IGN);
  exit_where_mapped_files_end(cli::kRuntimeError);
  cli::keep_freed_memory();
  try {
    return cli::run(argc, argv);
  } catch (const std::bad_alloc&) {
    report("out of memory");
  } catch (const std::exception& error) {
    report(error.what());
  }
  return cli::kRuntimeError;
}
