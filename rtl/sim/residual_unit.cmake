rtl_module(embedding_unit TOP embedding_unit SOURCES pipeline.sv rescale.sv embedding_unit.sv)
rtl_module(residual_unit TOP residual_unit SOURCES pipeline.sv residual_unit.sv)
