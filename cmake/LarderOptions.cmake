# How everything is compiled. Chosen by the presets in CMakePresets.json.
set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)
set(CMAKE_EXPORT_COMPILE_COMMANDS ON)

option(LARDER_WERROR "Treat warnings as errors" ON)
option(LARDER_FUZZ "Build the fuzz targets (clang with libFuzzer)" OFF)
set(LARDER_SANITIZE "" CACHE STRING "Sanitizers for every target, e.g. address,undefined or thread")
option(LARDER_COVERAGE "Instrument for coverage" OFF)

find_program(LARDER_CCACHE ccache)
if(LARDER_CCACHE)
  set(CMAKE_C_COMPILER_LAUNCHER ${LARDER_CCACHE})
  set(CMAKE_CXX_COMPILER_LAUNCHER ${LARDER_CCACHE})
endif()

if(LARDER_SANITIZE)
  add_compile_options(-fsanitize=${LARDER_SANITIZE} -fno-omit-frame-pointer -fno-sanitize-recover=all)
  add_link_options(-fsanitize=${LARDER_SANITIZE})
endif()
if(LARDER_COVERAGE)
  add_compile_options(--coverage)
  add_link_options(--coverage)
endif()
if(LARDER_FUZZ)
  add_compile_options(-fsanitize=fuzzer-no-link)
endif()

find_program(LARDER_MOLD mold)
if(LARDER_MOLD AND NOT CMAKE_INTERPROCEDURAL_OPTIMIZATION)
  add_link_options(-fuse-ld=mold)
endif()

# Warnings are asked of our own sources only, never of a library's headers.
add_library(larder_warnings INTERFACE)
target_compile_options(larder_warnings INTERFACE -Wall -Wextra -Wpedantic -Wshadow -Wconversion
  -Wno-sign-conversion -Wnon-virtual-dtor -Woverloaded-virtual)
if(LARDER_WERROR)
  target_compile_options(larder_warnings INTERFACE -Werror)
endif()
if(LARDER_SANITIZE)
  # The sanitizers' calls keep GCC from seeing that an optional was tested: it warns of what cannot be.
  target_compile_options(larder_warnings INTERFACE -Wno-maybe-uninitialized)
  # ThreadSanitizer does not see fences (Asio's, and the one of a mark), which can only make it report too much.
  if(LARDER_SANITIZE MATCHES "thread")
    target_compile_options(larder_warnings INTERFACE -Wno-tsan)
  endif()
endif()
