rtl_module(rescale TOP lm_rescale PARAMETERS IN_BITS=48 OUT_BITS=26 SHIFT_BITS=8 SOURCES lib/lm_rescale.sv)
