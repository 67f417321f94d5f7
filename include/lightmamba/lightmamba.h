// All of the API of C++. That of C is <lightmamba/c_api.h>.
#pragma once

#include <lightmamba/accelerator.h>
#include <lightmamba/config.h>
#include <lightmamba/drafts.h>
#include <lightmamba/engine.h>
#include <lightmamba/error.h>
#include <lightmamba/evaluate.h>
#include <lightmamba/export.h>
#include <lightmamba/fake_quant.h>
#include <lightmamba/generate.h>
#include <lightmamba/load.h>
#include <lightmamba/model.h>
#include <lightmamba/prompt_cache.h>
#include <lightmamba/quant_format.h>
#include <lightmamba/quantize.h>
#include <lightmamba/runtime.h>
#include <lightmamba/sampler.h>
#include <lightmamba/sequence.h>
#include <lightmamba/taps.h>
#include <lightmamba/tokenizer.h>
#include <lightmamba/version.h>
