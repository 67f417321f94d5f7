rtl_module(embedding_unit TOP lm_embedding_unit SOURCES lib/lm_pipeline.sv lib/lm_rescale.sv core/lm_embedding_unit.sv)
rtl_module(residual_unit TOP lm_residual_unit SOURCES lib/lm_pipeline.sv core/lm_residual_unit.sv)
