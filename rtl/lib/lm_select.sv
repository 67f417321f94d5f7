// One of COUNT words, by its index. An index past the last gives 0.
module lm_select #(
    parameter int unsigned BITS = 8,
    parameter int unsigned COUNT = 4,
    localparam int unsigned INDEX_BITS = COUNT > 1 ? $clog2(COUNT) : 1
) (
    input  logic [COUNT*BITS-1:0]  words_i,
    input  logic [INDEX_BITS-1:0]  index_i,
    output logic [BITS-1:0]        word_o
);
  if (COUNT == 1) begin : gen_wire
    logic unused;
    assign unused = &{1'b0, index_i};
    assign word_o = words_i;
  end else begin : gen_words
    always_comb begin
      word_o = '0;
      for (int unsigned i = 0; i < COUNT; i++) begin
        if (index_i == INDEX_BITS'(i)) word_o = word_o | words_i[i*BITS+:BITS];
      end
    end
  end
endmodule
