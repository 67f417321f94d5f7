rtl_module(normalize_24_16 TOP normalize PARAMETERS IN_BITS=24 OUT_BITS=16
           SOURCES leading_zeros.sv round_mantissa.sv normalize.sv)
rtl_module(normalize_32_16 TOP normalize PARAMETERS IN_BITS=32 OUT_BITS=16
           SOURCES leading_zeros.sv round_mantissa.sv normalize.sv)
rtl_module(normalize_17_16 TOP normalize PARAMETERS IN_BITS=17 OUT_BITS=16
           SOURCES leading_zeros.sv round_mantissa.sv normalize.sv)
rtl_module(normalize_10_16 TOP normalize PARAMETERS IN_BITS=10 OUT_BITS=16
           SOURCES leading_zeros.sv round_mantissa.sv normalize.sv)
rtl_module(normalize_16_8 TOP normalize PARAMETERS IN_BITS=16 OUT_BITS=8
           SOURCES leading_zeros.sv round_mantissa.sv normalize.sv)
