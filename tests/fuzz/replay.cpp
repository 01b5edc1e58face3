// Replays a corpus through a fuzz target: every input that once was interesting, in every test run.
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

int main(int argc, char** argv) {
    if (argc != 2) {
        static_cast<void>(std::fputs("usage: fuzz_NAME CORPUS-DIRECTORY\n", stderr));
        return 2;
    }
    std::size_t count = 0;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(argv[1], error)) {
        if (!entry.is_regular_file()) continue;
        std::ifstream file(entry.path(), std::ios::binary);
        const std::vector<char> input((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
        std::printf("%s\n", entry.path().filename().c_str());
        static_cast<void>(std::fflush(stdout));  // so that a crash names its input
        LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(input.data()), input.size());
        ++count;
    }
    if (error || count == 0) {
        static_cast<void>(std::fprintf(stderr, "no corpus in %s\n", argv[1]));
        return 1;
    }
    std::printf("%zu inputs\n", count);
    return 0;
}
