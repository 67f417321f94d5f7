// round(2^26 / s) of s = 1024 + index, as Tables::reciprocal of src/accel/numerics/tables.h. Two
// cycles.
module reciprocal_rom (
    input  logic        clk_i,
    input  logic [9:0]  index_i,
    output logic [16:0] reciprocal_o
);
  logic [16:0] rom[1024];
  logic [16:0] read_q;

  initial begin
    for (int i = 0; i < 1024; i++) begin
      rom[i] = 17'(((1 << 26) + (1024 + i) / 2) / (1024 + i));
    end
  end

  always_ff @(posedge clk_i) begin
    read_q       <= rom[index_i];
    reciprocal_o <= read_q;
  end
endmodule
