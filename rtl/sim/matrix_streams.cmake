rtl_module(weight_unpack_2_8 TOP weight_unpack PARAMETERS ROWS=2 COLUMNS=8 SOURCES weight_unpack.sv)
rtl_module(weight_unpack_2_32 TOP weight_unpack PARAMETERS ROWS=2 COLUMNS=32 SOURCES
           weight_unpack.sv)
rtl_module(weight_unpack_1_128 TOP weight_unpack PARAMETERS ROWS=1 COLUMNS=128 SOURCES
           weight_unpack.sv)
rtl_module(sum_serializer_2 TOP sum_serializer PARAMETERS ROWS=2 SOURCES sum_serializer.sv)
rtl_module(sum_serializer_16 TOP sum_serializer PARAMETERS ROWS=16 SOURCES sum_serializer.sv)
rtl_module(logit_unit TOP logit_unit SOURCES logit_unit.sv)
