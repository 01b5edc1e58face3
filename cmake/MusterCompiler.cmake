# One compiler, one set of warnings, one precompiled header for every room.
if(NOT CMAKE_CXX_COMPILER_ID STREQUAL "Clang")
  message(FATAL_ERROR
    "Muster is compiled with clang-19: GCC 12 miscompiles coroutines (ARCHITECTURE.md). "
    "Use a preset: cmake --preset release")
endif()

set(MUSTER_SANITIZE "" CACHE STRING "Sanitizers, as -fsanitize= takes them")
option(MUSTER_FUZZ "Build the libFuzzer targets" OFF)

find_program(CCACHE ccache)
if(CCACHE)
  # The precompiled header is cached too: its time stamp is left out, and ccache told that macros do not vary.
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
    CCACHE_SLOPPINESS=pch_defines,time_macros,include_file_mtime,include_file_ctime ${CCACHE})
  set(CMAKE_C_COMPILER_LAUNCHER ${CCACHE})
endif()

add_library(muster_flags INTERFACE)
target_compile_options(muster_flags INTERFACE
  -Wall -Wextra -Wpedantic -Werror -Wshadow -Wnon-virtual-dtor -Wold-style-cast -Wimplicit-fallthrough
  -Wextra-semi -Wnull-dereference -Wthread-safety
  # A member left out of a designated initializer has its default: that is what they are for.
  -Wno-missing-designated-field-initializers
  "$<$<COMPILE_LANGUAGE:CXX>:SHELL:-Xclang -fno-pch-timestamp>"
  -fstack-protector-strong -fno-omit-frame-pointer -ffunction-sections -fdata-sections)
target_link_options(muster_flags INTERFACE -fuse-ld=lld -Wl,--gc-sections -Wl,-z,relro,-z,now)
if(CMAKE_BUILD_TYPE STREQUAL "RelWithDebInfo")
  target_compile_options(muster_flags INTERFACE -gline-tables-only)
  target_compile_definitions(muster_flags INTERFACE _FORTIFY_SOURCE=2)
else()
  # Sanitizer builds: their suites wait more than they compute, so what counts is how long they take to build. A fuzz
  # target computes all the time.
  target_compile_options(muster_flags INTERFACE $<IF:$<BOOL:${MUSTER_FUZZ}>,-O1,-O0> -gline-tables-only)
endif()
if(MUSTER_SANITIZE)
  target_compile_options(muster_flags INTERFACE -fsanitize=${MUSTER_SANITIZE} -fno-sanitize-recover=all)
  if(MUSTER_SANITIZE MATCHES "undefined")
    # Debian's libboost_json.so hides the type information of its memory resource: a false alarm at every JSON string.
    target_compile_options(muster_flags INTERFACE -fno-sanitize=vptr)
  endif()
  target_link_options(muster_flags INTERFACE -fsanitize=${MUSTER_SANITIZE})
endif()
if(MUSTER_FUZZ)
  target_compile_options(muster_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()
