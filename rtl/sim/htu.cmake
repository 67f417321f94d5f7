rtl_module(HtuButterfly TOP htu_butterfly
           SOURCES credit_fifo.sv htu_stage.sv htu_butterfly.sv)
rtl_module(Htu2 TOP htu PARAMETERS MIX_LANES=2
           SOURCES credit_fifo.sv htu_stage.sv htu_butterfly.sv htu_mix.sv htu.sv)
rtl_module(Htu3 TOP htu PARAMETERS MIX_LANES=3
           SOURCES credit_fifo.sv htu_stage.sv htu_butterfly.sv htu_mix.sv htu.sv)
rtl_module(Htu32 TOP htu PARAMETERS MIX_LANES=32
           SOURCES credit_fifo.sv htu_stage.sv htu_butterfly.sv htu_mix.sv htu.sv)
rtl_module(Htu32By16 TOP htu PARAMETERS MIX_LANES=32 OUT_LANES=16
           SOURCES credit_fifo.sv htu_stage.sv htu_butterfly.sv htu_mix.sv htu.sv)
