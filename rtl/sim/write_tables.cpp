// write_tables RTL_DIRECTORY: writes the ROM modules of the tables into its folder tables.
#include <cstdio>
#include <fstream>

#include "rom_text.h"

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: write_tables RTL_DIRECTORY\n", stderr);
    return 2;
  }
  for (const lightmamba::accel::Rom& rom : lightmamba::accel::all_roms()) {
    std::ofstream file(std::string(argv[1]) + "/tables/" + rom.name + ".sv");
    file << lightmamba::accel::rom_text(rom);
    if (!file.flush()) {
      std::fprintf(stderr, "cannot write %s.sv\n", rom.name.c_str());
      return 1;
    }
  }
}
