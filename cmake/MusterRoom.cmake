# muster_room(NAME SOURCES ... ROOMS ... LIBRARIES ...): one room of src/ as a library.
#
# A room sees its own headers and those of the rooms it links, and nothing else: each room's include directory holds
# one link, named like the room. `#include "store/tx.h"` in a room that does not link `store` does not compile, so the
# link list in each room's CMakeLists.txt is the dependency rule of ARCHITECTURE.md.
function(muster_room name)
  cmake_parse_arguments(ROOM "" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  string(REPLACE "/" "_" target ${name})
  set(include_dir ${CMAKE_BINARY_DIR}/rooms/${target})
  set(link ${include_dir}/${name})
  cmake_path(GET link PARENT_PATH link_parent)
  file(MAKE_DIRECTORY ${link_parent})
  file(CREATE_LINK ${CMAKE_SOURCE_DIR}/src/${name} ${link} SYMBOLIC)

  list(TRANSFORM ROOM_SOURCES PREPEND ${CMAKE_SOURCE_DIR}/src/${name}/)
  add_library(muster_${target} STATIC ${ROOM_SOURCES})
  target_include_directories(muster_${target} PUBLIC ${include_dir})
  string(REPLACE "/" "_" rooms "${ROOM_ROOMS}")
  list(TRANSFORM rooms PREPEND muster_)
  target_link_libraries(muster_${target} PUBLIC muster_flags muster_foundation ${rooms} ${ROOM_LIBRARIES})
  target_precompile_headers(muster_${target} REUSE_FROM muster_pch)
  set_property(GLOBAL APPEND PROPERTY MUSTER_ROOMS ${name})
endfunction()

# muster_precompiled(NAME HEADER [LIBRARIES ...]): a precompiled header of the folder, for targets that name it.
function(muster_precompiled name header)
  cmake_parse_arguments(PRECOMPILED "" "" "LIBRARIES" ${ARGN})
  add_library(${name} OBJECT ${CMAKE_SOURCE_DIR}/src/pch.cpp)
  target_link_libraries(${name} PRIVATE muster_flags muster_foundation ${PRECOMPILED_LIBRARIES})
  target_precompile_headers(${name} PRIVATE ${header})
endfunction()

# muster_program(NAME SOURCES ... ROOMS ... [PRECOMPILED muster_pch]): an executable in bin/.
function(muster_program name)
  cmake_parse_arguments(PROGRAM "" "PRECOMPILED" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  if(NOT PROGRAM_PRECOMPILED)
    set(PROGRAM_PRECOMPILED muster_pch)
  endif()
  add_executable(${name} ${PROGRAM_SOURCES})
  string(REPLACE "/" "_" rooms "${PROGRAM_ROOMS}")
  list(TRANSFORM rooms PREPEND muster_)
  target_link_libraries(${name} PRIVATE muster_flags ${rooms} ${PROGRAM_LIBRARIES})
  target_precompile_headers(${name} REUSE_FROM ${PROGRAM_PRECOMPILED})
endfunction()

# muster_test(NAME SOURCES ... ROOMS ... [THREADED] [SANITIZED]): a GoogleTest program, known to ctest by its name.
#
# Tests in a folder tests/integration* start real programs: they are labelled `integration` and run on the release build
# alone; SANITIZED ones, which have the code under test in their own process, under the address sanitizer too. All others
# are labelled `unit` and run under the address sanitizer too; THREADED ones also under the thread sanitizer. The targets
# unit_tests and threaded_tests build what the sanitizers run.
add_custom_target(unit_tests)
add_custom_target(threaded_tests)
function(muster_test name)
  cmake_parse_arguments(TEST "THREADED;SANITIZED" "" "SOURCES;ROOMS;LIBRARIES" ${ARGN})
  muster_program(${name} SOURCES ${TEST_SOURCES} ROOMS ${TEST_ROOMS} PRECOMPILED muster_pch_tests
    LIBRARIES muster_test_flags ${TEST_LIBRARIES} GTest::gmock GTest::gtest_main)
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
  if(CMAKE_CURRENT_SOURCE_DIR MATCHES "/tests/integration")
    set(labels integration)
    if(TEST_SANITIZED)
      list(APPEND labels sanitized)
      add_dependencies(unit_tests ${name})
    endif()
  else()
    set(labels unit)
    add_dependencies(unit_tests ${name})
    if(TEST_THREADED)
      list(APPEND labels threaded)
      add_dependencies(threaded_tests ${name})
    endif()
  endif()
  set_tests_properties(${name} PROPERTIES TIMEOUT 300 LABELS "${labels}")
endfunction()
