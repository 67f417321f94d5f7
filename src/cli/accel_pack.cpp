#include <fmt/format.h>
#include <fmt/ranges.h>
#include <memory>

#include "accel/image/image_file.h"
#include "accel/image/lower_to_integers.h"
#include "base/fail.h"
#include "cli/accel.h"
#include "cli/common.h"

namespace lightmamba::cli {
namespace {

struct AccelPackArguments {
  ModelOptions model;
  std::filesystem::path out;
  std::string preset;
  std::string order;  // empty: that of the preset
};

accel::Image make_image(const Model& model, const AccelPackArguments& options) {
  return with_context(options.model.model.string(), [&] {
    const accel::Hardware& hardware = accel::hardware_preset(options.preset);
    return accel::make_image(
        accel::lower_to_integers(model.weights()), hardware,
        options.order.empty() ? hardware.row_order : accel::parse_row_order(options.order));
  });
}

void pack(const AccelPackArguments& options) {
  refuse_to_overwrite(options.out, options.model);
  const Model model = load_model(options.model);
  const accel::Image image = make_image(model, options);
  const std::int64_t bytes =
      accel::write_image_file(options.out, image, model.tokenizer_json(), model.fingerprint());
  if (options.model.json) {
    print_json({{"out", options.out.string()},
                {"preset", options.preset},
                {"order", accel::row_order_name(image.order)},
                {"bytes", bytes}});
  } else {
    write_output(fmt::format("{}: for {}, rows in {} order, {}\n", options.out, options.preset,
                             accel::row_order_name(image.order),
                             human_bytes(static_cast<double>(bytes))));
  }
}

}  // namespace

void add_accel_pack(CLI::App& accel) {
  CLI::App* command = accel.add_subcommand("pack", "Make a memory image from a quantized model");
  auto options = std::make_shared<AccelPackArguments>();
  add_model_argument(*command, options->model);
  command->add_option("-o,--out", options->out, "File to write")
      ->required()
      ->type_name("FILE")
      ->check(NotEmpty());
  command
      ->add_option(
          "--preset", options->preset,
          fmt::format("Size of the core: {}", fmt::join(accel::hardware_preset_names(), ", ")))
      ->required()
      ->type_name("NAME")
      ->check(CLI::IsMember(accel::hardware_preset_names()));
  command
      ->add_option("--order", options->order,
                   "Order of the rows of in_proj: hardware (as the core uses them) or checkpoint; "
                   "by default that of the preset")
      ->type_name("NAME")
      ->check(CLI::IsMember({"hardware", "checkpoint"}));
  add_run_options(*command, options->model);
  command->callback([options] { pack(*options); });
}

}  // namespace lightmamba::cli
