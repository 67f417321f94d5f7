rtl_module(conv_path TOP lm_conv_path
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_credit_fifo.sv lib/lm_rescale_pipeline.sv conv/lm_conv_unit.sv tables/lm_sigmoid_rom.sv
                   lib/lm_silu_lane.sv lib/lm_silu_unit.sv lib/lm_leading_zeros.sv lib/lm_bfp8_buffer.sv lib/lm_round_bfp8.sv
                   conv/lm_conv_path.sv)
