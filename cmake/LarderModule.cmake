# larder_module(NAME [SOURCES file…] [LINK target…]): the static library larder_NAME from every .cpp of
# the calling folder. Include paths start at the project's root, so that a file says
# #include "cache/counter.h" and the layers test can read the edge from the text.
#
# A module that has no .cpp yet is a header-only one: an INTERFACE library of the same name, so that
# those who link it need not know.
function(larder_module name)
  cmake_parse_arguments(arg "" "" "LINK;SOURCES" ${ARGN})
  set(sources ${arg_SOURCES})
  if(NOT sources)
    file(GLOB sources CONFIGURE_DEPENDS ${CMAKE_CURRENT_SOURCE_DIR}/*.cpp)
    list(FILTER sources EXCLUDE REGEX "/main\\.cpp$")
  endif()
  if(NOT sources)
    add_library(larder_${name} INTERFACE)
    target_include_directories(larder_${name} INTERFACE ${PROJECT_SOURCE_DIR})
    target_link_libraries(larder_${name} INTERFACE ${arg_LINK})
    return()
  endif()
  add_library(larder_${name} STATIC ${sources})
  target_include_directories(larder_${name} PUBLIC ${PROJECT_SOURCE_DIR})
  target_link_libraries(larder_${name} PUBLIC ${arg_LINK} PRIVATE larder_warnings)
endfunction()
