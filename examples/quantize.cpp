// Quantizes a checkpoint to 4 bits as the accelerator needs it, then writes with the engine:
// quantize MODEL CALIBRATION_TEXT FILE PROMPT. Control-C stops it and leaves no file.
#include <csignal>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iterator>
#include <stop_token>
#include <string>

#include <lightmamba/lightmamba.h>

using namespace lightmamba;

namespace {

volatile std::sig_atomic_t interrupted = 0;

}  // namespace

int main(int argc, char** argv) {
  if (argc != 5) return 2;
  try {
    std::signal(SIGINT, [](int /*signal*/) { interrupted = 1; });
    const Model model = open_model(argv[1]);
    std::ifstream text(argv[2]);
    const std::string calibration{std::istreambuf_iterator<char>(text), {}};

    std::stop_source source;
    QuantizeOptions options;
    options.ssm = SsmFormat::pot8;
    options.head_bits = 4;
    options.clip = true;
    options.calibration = model.tokenizer().encode(calibration);
    options.calibration_tokens = 1024;
    options.stop = source.get_token();
    options.progress = [&](std::int64_t done, std::int64_t total) {
      std::fprintf(stderr, "\r%d of %d", static_cast<int>(done), static_cast<int>(total));
      if (interrupted != 0) source.request_stop();
    };
    const QuantizeReport report = quantize_to_file(model, options, argv[3]);
    std::fprintf(stderr, "\n%s: %.2f MB\n", argv[3], static_cast<double>(report.bytes) / 1e6);

    const Model quantized = open_model(argv[3]);
    const auto prompt = quantized.tokenizer().encode(argv[4], {.add_special_tokens = true});
    const auto result = generate(*engine_backend(quantized), prompt, {.max_tokens = 16});
    std::printf("%s%s\n", argv[4], quantized.tokenizer().decode(result.ids).c_str());
  } catch (const Stopped&) {
    std::fprintf(stderr, "\nstopped\n");
    return 1;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "quantize: %s\n", error.what());
    return 1;
  }
}
