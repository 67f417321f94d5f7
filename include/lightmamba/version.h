// The version of these headers, for the preprocessor of C and of C++. CMake reads it from here.
#pragma once

#define LIGHTMAMBA_VERSION_MAJOR 0
#define LIGHTMAMBA_VERSION_MINOR 1
#define LIGHTMAMBA_VERSION_PATCH 0
#define LIGHTMAMBA_VERSION "0.1.0"
