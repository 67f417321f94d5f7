rtl_module(normalize_24_16 TOP lm_normalize PARAMETERS IN_BITS=24 OUT_BITS=16
           SOURCES lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv)
rtl_module(normalize_32_16 TOP lm_normalize PARAMETERS IN_BITS=32 OUT_BITS=16
           SOURCES lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv)
rtl_module(normalize_17_16 TOP lm_normalize PARAMETERS IN_BITS=17 OUT_BITS=16
           SOURCES lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv)
rtl_module(normalize_10_16 TOP lm_normalize PARAMETERS IN_BITS=10 OUT_BITS=16
           SOURCES lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv)
rtl_module(normalize_16_8 TOP lm_normalize PARAMETERS IN_BITS=16 OUT_BITS=8
           SOURCES lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv)
