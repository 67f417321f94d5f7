// Marks the symbols that a shared library exports.
#pragma once

#if defined(__cplusplus)
#define LIGHTMAMBA_EXPORT [[gnu::visibility("default")]]
#else
#define LIGHTMAMBA_EXPORT __attribute__((visibility("default")))
#endif
