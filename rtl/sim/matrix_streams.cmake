rtl_module(weight_unpack_2_8 TOP lm_weight_unpack PARAMETERS ROWS=2 COLUMNS=8 SOURCES mmu/lm_weight_unpack.sv)
rtl_module(weight_unpack_2_32 TOP lm_weight_unpack PARAMETERS ROWS=2 COLUMNS=32 SOURCES
           mmu/lm_weight_unpack.sv)
rtl_module(weight_unpack_1_128 TOP lm_weight_unpack PARAMETERS ROWS=1 COLUMNS=128 SOURCES
           mmu/lm_weight_unpack.sv)
rtl_module(sum_serializer_2 TOP lm_sum_serializer PARAMETERS ROWS=2 SOURCES mmu/lm_sum_serializer.sv)
rtl_module(sum_serializer_16 TOP lm_sum_serializer PARAMETERS ROWS=16 SOURCES mmu/lm_sum_serializer.sv)
rtl_module(logit_unit TOP lm_logit_unit SOURCES core/lm_logit_unit.sv)
