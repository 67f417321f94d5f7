// The carry chain as an adder: where S is 0 both of its operands are DI.
module CARRY4 (
    input  logic       CI,
    input  logic       CYINIT,
    input  logic [3:0] DI,
    input  logic [3:0] S,
    output logic [3:0] CO,
    output logic [3:0] O
);
  logic carry;

  assign {carry, O} = 5'(S | DI) + 5'(~S & DI) + 5'(CI | CYINIT);
  assign CO = {carry, O[3:1] ^ S[3:1]};
endmodule
