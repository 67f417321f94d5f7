rtl_module(param_reader TOP param_reader PARAMETERS OUT_LANES=1 QUEUE_DEPTH=256
           SOURCES param_reader.sv)
rtl_module(param_reader_large TOP param_reader PARAMETERS OUT_LANES=16 QUEUE_DEPTH=5120
           SOURCES param_reader.sv)
