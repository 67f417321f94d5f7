// The values that the units of a core pass on and the cycles in which they work, for whoever watches
// a simulation. The module is bound into lm_core, so that the hardware has nothing of it; probes.vlt
// makes its signals readable.
module core_probes #(
    parameter int unsigned OUT_LANES = 1
) (
    input logic        probe_block_valid,
    input logic [15:0] probe_block,
    input logic        probe_z_valid,
    input logic [15:0] probe_z,
    input logic        probe_decay_valid,
    input logic [31:0] probe_decay,
    input logic        probe_conv_valid,
    input logic [15:0] probe_conv,
    input logic        probe_y_valid,
    input logic [lightmamba_pkg::OUTPUT_BITS-1:0] probe_y,
    input logic        probe_gated_valid,
    input logic [lightmamba_pkg::GATED_BITS-1:0] probe_gated,
    input logic        probe_rotated_valid,
    input logic [OUT_LANES*lightmamba_pkg::ROTATED_BITS-1:0] probe_rotated,
    input logic        probe_residual_valid,
    input logic [lightmamba_pkg::RESIDUAL_BITS-1:0] probe_residual,
    input logic        probe_logit_valid,
    input logic [lightmamba_pkg::LOGIT_BITS-1:0] probe_logit,

    input logic       probe_running,          // a token is computed
    input logic       probe_in_proj_starts,   // with it a layer
    input logic       probe_out_proj_starts,
    input logic       probe_lm_head_starts,
    input logic [5:0] probe_units             // that work, by Unit of accel/runtime/activity.h
);
endmodule

bind lm_core core_probes #(
    .OUT_LANES(OUT_LANES)
) u_probes (
    .probe_block_valid   (block_valid && block_ready),
    .probe_block         (block),
    .probe_z_valid       (z_valid && z_ready),
    .probe_z             (z),
    .probe_decay_valid   (u_mixer.u_decay_path.decay_valid && u_mixer.u_decay_path.decay_ready),
    .probe_decay         (u_mixer.u_decay_path.decay),
    .probe_conv_valid    (u_mixer.conv_valid && u_mixer.conv_ready),
    .probe_conv          (u_mixer.conv),
    .probe_y_valid       (y_valid && y_ready),
    .probe_y             (y),
    .probe_gated_valid   (u_gated_path.gated_valid && u_gated_path.gated_ready),
    .probe_gated         (u_gated_path.gated),
    .probe_rotated_valid (rotated_valid && rotated_ready),
    .probe_rotated       (rotated),
    .probe_residual_valid(residual_valid && residual_ready),
    .probe_residual      (residual),
    .probe_logit_valid   (logit_valid && logit_ready),
    .probe_logit         (logit),

    .probe_running        (is_running),
    .probe_in_proj_starts (control.in_proj_start),
    .probe_out_proj_starts(control.out_proj_start),
    .probe_lm_head_starts (control.lm_head_start),
    .probe_units({
        (residual_valid && residual_ready) || (rotated_valid && rotated_ready) ||
            u_projection.code_we || u_projection.multiplier_we,
        (u_gated_path.gained_valid && u_gated_path.gained_ready) ||
            (rotated_valid && rotated_ready),
        u_gated_path.gated_valid && u_gated_path.gated_ready,
        ssm_activity.is_busy,
        u_mixer.conv_valid && u_mixer.conv_ready,
        mmu_activity.is_busy
    })
);
