set(axi_read_sources lib/lm_credit_fifo.sv lib/lm_ram_fifo.sv axi/lm_axi_bursts.sv axi/lm_axi_read_stream.sv)
rtl_module(AxiReadLeast TOP lm_axi_read_stream PARAMETERS DATA_BITS=64 DEPTH=4 BURST=2
           SOURCES ${axi_read_sources})
rtl_module(AxiRead32 TOP lm_axi_read_stream PARAMETERS DATA_BITS=32 DEPTH=512
           SOURCES ${axi_read_sources})
rtl_module(AxiRead64 TOP lm_axi_read_stream PARAMETERS DATA_BITS=64 DEPTH=64 BURST=16
           SOURCES ${axi_read_sources})
rtl_module(AxiRead256 TOP lm_axi_read_stream PARAMETERS DATA_BITS=256 DEPTH=1024
           SOURCES ${axi_read_sources})
rtl_module(AxiRead512 TOP lm_axi_read_stream PARAMETERS DATA_BITS=512 DEPTH=256
           SOURCES ${axi_read_sources})
rtl_module(AxiRead1024 TOP lm_axi_read_stream PARAMETERS DATA_BITS=1024 DEPTH=128
           SOURCES ${axi_read_sources})
