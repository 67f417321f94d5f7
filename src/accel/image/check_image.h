// Checks an image against its own parameters and the sizes of its regions.
#pragma once

#include "accel/image/image.h"

namespace lightmamba::accel {

// Throws Error that names the region if its size, or a count that the core takes from the header of
// the parameters, is not that of the model and the hardware: the core would wait for words that
// never come, or read beyond its memory. The model must fit the core.
void check_image(const Image& image);

}  // namespace lightmamba::accel
