set(axi_write_sources lib/lm_credit_fifo.sv lib/lm_ram_fifo.sv axi/lm_axi_bursts.sv axi/lm_axi_write_stream.sv)
rtl_module(AxiWriteLeast TOP lm_axi_write_stream PARAMETERS DATA_BITS=64 DEPTH=4 BURST=2
           SOURCES ${axi_write_sources})
rtl_module(AxiWrite32 TOP lm_axi_write_stream PARAMETERS DATA_BITS=32 DEPTH=512
           SOURCES ${axi_write_sources})
rtl_module(AxiWrite64 TOP lm_axi_write_stream PARAMETERS DATA_BITS=64 DEPTH=64 BURST=16
           SOURCES ${axi_write_sources})
rtl_module(AxiWrite256 TOP lm_axi_write_stream PARAMETERS DATA_BITS=256 DEPTH=256
           SOURCES ${axi_write_sources})
rtl_module(AxiWrite512 TOP lm_axi_write_stream PARAMETERS DATA_BITS=512 DEPTH=128
           SOURCES ${axi_write_sources})
rtl_module(AxiWrite1024 TOP lm_axi_write_stream PARAMETERS DATA_BITS=1024 DEPTH=128
           SOURCES ${axi_write_sources})
