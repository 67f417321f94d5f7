rtl_module(decay_unit TOP decay_unit
           SOURCES delay.sv pipeline.sv leading_zeros.sv round_mantissa.sv normalize.sv
                   softplus_rom.sv decay_ratio_rom.sv softplus.sv one_minus_exp.sv
                   scaled_less.sv decay_unit.sv)
