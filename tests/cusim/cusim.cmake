# The simulator of CUDA and its tests.  They need NVIDIA's headers, not a GPU; where the headers are
# missing each test says so and is skipped (tests/skips.txt lists them): runtime/cuda/plugin.cmake
# looks for them.
# test_*.c are executables, cases_*.c the programs that they run, skipped.c stands for each test
# where the headers are missing; the rest is the simulator.
if(NOT CUDA_MISSING)
  file(GLOB CUSIM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
  list(FILTER CUSIM_SOURCES EXCLUDE REGEX "/(test_|skipped)[^/]*$")
  add_library(cusim STATIC ${CUSIM_SOURCES})
  target_include_directories(cusim SYSTEM PUBLIC ${CUDA_HEADERS})
  target_link_libraries(cusim PUBLIC Threads::Threads ${CMAKE_DL_LIBS})
  set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/module.c PROPERTIES COMPILE_DEFINITIONS
                              "CUSIM_INCLUDES=\"${CMAKE_SOURCE_DIR}\"")
  set_source_files_properties(
    ${CMAKE_CURRENT_LIST_DIR}/real_nvrtc.c PROPERTIES COMPILE_DEFINITIONS
    "CUDA_FOLDER=\"${CUDA_PATH_cuda_runtime_api}/..\"")
  # Threads of kernels are fibers, of whose stacks the sanitizers know nothing.
  set_source_files_properties(
    ${CMAKE_CURRENT_LIST_DIR}/fibers.c ${CMAKE_CURRENT_LIST_DIR}/grid.c
    ${CMAKE_CURRENT_LIST_DIR}/watch.c ${CMAKE_CURRENT_LIST_DIR}/segments.c
    PROPERTIES COMPILE_OPTIONS -fno-sanitize=address,thread)
endif()

# Tests of the simulator alone, and of the device `cuda` on it (folders named cuda).
function(add_cusim_test name source)
  if(CUDA_MISSING)
    add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/cusim/skipped.c)
    target_compile_definitions(${name} PRIVATE "MISSING=\"${CUDA_MISSING}\"")
    return()
  endif()
  add_executable(${name} ${source})
  if(source MATCHES "/cuda/")
    target_link_libraries(${name} PRIVATE cuda_backend train eval data execute device kernels compiler
                                          language ops graph)
  endif()
  target_link_libraries(${name} PRIVATE cusim PkgConfig::CUNIT ${CMAKE_DL_LIBS} m)
  target_compile_definitions(
    ${name} PRIVATE "CUDA_LIBRARY_FOLDER=\"${CUDA_PATH_cuda_runtime_api}/../lib\"")
endfunction()

# The device on the simulator as a plug-in, for the programs.
if(NOT CUDA_MISSING)
  add_device(cusim cuda/cusim_plugin.c)
  target_link_libraries(device_cusim PRIVATE cuda_backend cusim)
endif()
