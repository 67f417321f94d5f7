set(conv_unit_sources lib/lm_shift_register.sv lib/lm_credit_fifo.sv lib/lm_rescale_pipeline.sv conv/lm_conv_unit.sv)
rtl_module(conv_unit_1 TOP lm_conv_unit PARAMETERS LANES=1 SOURCES ${conv_unit_sources})
rtl_module(conv_unit_4 TOP lm_conv_unit PARAMETERS LANES=4 SOURCES ${conv_unit_sources})
rtl_module(conv_unit_16 TOP lm_conv_unit PARAMETERS LANES=16 SOURCES ${conv_unit_sources})
rtl_module(rescale_pipeline TOP lm_rescale_pipeline PARAMETERS IN_BITS=38 OUT_BITS=40 SHIFT_BITS=11
           SOURCES lib/lm_rescale_pipeline.sv)
