# Every library comes from Debian bookworm; ARCHITECTURE.md says what each is for.
find_package(Threads REQUIRED)
find_package(PkgConfig REQUIRED)
find_package(Boost 1.81 REQUIRED COMPONENTS json url)
find_package(OpenSSL 3.0 REQUIRED)
find_package(fmt REQUIRED)
find_package(spdlog REQUIRED)
find_package(CLI11 REQUIRED)
find_package(GTest REQUIRED)
find_package(benchmark REQUIRED)
find_package(prometheus-cpp REQUIRED)
pkg_check_modules(SQLITE REQUIRED IMPORTED_TARGET sqlite3>=3.40)
# 14: its pipeline mode.
pkg_check_modules(LIBPQ REQUIRED IMPORTED_TARGET libpq>=14)
pkg_check_modules(TOMLPLUSPLUS REQUIRED IMPORTED_TARGET tomlplusplus)
pkg_check_modules(TSS2 REQUIRED IMPORTED_TARGET tss2-esys tss2-mu tss2-rc tss2-tctildr)
# Debian's libqpid-proton.pc names folders that do not exist.
find_library(PROTON_LIBRARY qpid-proton REQUIRED)
find_path(PROTON_INCLUDE proton/connection_driver.h REQUIRED)
add_library(Proton UNKNOWN IMPORTED)
set_target_properties(Proton PROPERTIES
  IMPORTED_LOCATION ${PROTON_LIBRARY} INTERFACE_INCLUDE_DIRECTORIES ${PROTON_INCLUDE})
# The header of PKCS #11 alone; the library that speaks it is the device's, and p11-kit itself a judge in tests.
pkg_check_modules(P11KIT REQUIRED IMPORTED_TARGET p11-kit-1)
add_library(Pkcs11Header INTERFACE IMPORTED)
set_target_properties(Pkcs11Header PROPERTIES INTERFACE_INCLUDE_DIRECTORIES "${P11KIT_INCLUDE_DIRS}")
pkg_check_modules(YAMLCPP REQUIRED IMPORTED_TARGET yaml-cpp)
pkg_check_modules(MINIZIP REQUIRED IMPORTED_TARGET minizip)
