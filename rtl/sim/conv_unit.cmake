set(conv_unit_sources delay.sv credit_fifo.sv rescale_pipeline.sv conv_unit.sv)
rtl_module(conv_unit_1 TOP conv_unit PARAMETERS LANES=1 SOURCES ${conv_unit_sources})
rtl_module(conv_unit_4 TOP conv_unit PARAMETERS LANES=4 SOURCES ${conv_unit_sources})
rtl_module(conv_unit_16 TOP conv_unit PARAMETERS LANES=16 SOURCES ${conv_unit_sources})
rtl_module(rescale_pipeline TOP rescale_pipeline PARAMETERS IN_BITS=38 OUT_BITS=40 SHIFT_BITS=11
           SOURCES rescale_pipeline.sv)
