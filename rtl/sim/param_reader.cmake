rtl_module(param_reader TOP lm_param_reader PARAMETERS OUT_LANES=1 QUEUE_DEPTH=256
           SOURCES core/lm_param_reader.sv)
rtl_module(param_reader_large TOP lm_param_reader PARAMETERS OUT_LANES=16 QUEUE_DEPTH=5120
           SOURCES core/lm_param_reader.sv)
