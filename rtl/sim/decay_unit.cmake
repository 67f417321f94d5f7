rtl_module(decay_unit TOP lm_decay_unit
           SOURCES lib/lm_shift_register.sv lib/lm_pipeline.sv lib/lm_leading_zeros.sv lib/lm_round_mantissa.sv lib/lm_normalize.sv
                   tables/lm_softplus_rom.sv tables/lm_decay_ratio_rom.sv ssm/lm_softplus.sv ssm/lm_one_minus_exp.sv
                   ssm/lm_scaled_less.sv ssm/lm_decay_unit.sv)
