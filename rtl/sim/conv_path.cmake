rtl_module(conv_path TOP conv_path
           SOURCES delay.sv pipeline.sv credit_fifo.sv rescale_pipeline.sv conv_unit.sv sigmoid_rom.sv
                   silu_lane.sv silu_unit.sv leading_zeros.sv block_buffer.sv round_block_unit.sv
                   conv_path.sv)
