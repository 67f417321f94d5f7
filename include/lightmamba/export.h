// Marks what a shared library lets its users see.
#pragma once

#if defined(__cplusplus)
#define LIGHTMAMBA_EXPORT [[gnu::visibility("default")]]
#else
#define LIGHTMAMBA_EXPORT __attribute__((visibility("default")))
#endif
