# The simulator of CUDA and its tests.  They need NVIDIA's headers, not a GPU; where the headers are
# missing each test says so and is skipped (tests/skips.txt lists them).
file(GLOB CUDA_ROOTS /usr/local/cuda /usr/local/cuda-13*)
foreach(header cuda_runtime_api cublas_v2 cudnn nccl nvrtc)
  find_path(CUDA_PATH_${header} ${header}.h HINTS ENV CUDA_HOME ${CUDA_ROOTS} PATH_SUFFIXES include)
  mark_as_advanced(CUDA_PATH_${header})
  if(CUDA_PATH_${header})
    list(APPEND CUDA_HEADERS ${CUDA_PATH_${header}})
  else()
    list(APPEND CUDA_MISSING ${header}.h)
  endif()
endforeach()
list(REMOVE_DUPLICATES CUDA_HEADERS)
if(CUDA_PATH_cuda_runtime_api)
  file(STRINGS ${CUDA_PATH_cuda_runtime_api}/cuda_runtime_api.h CUDA_VERSION
       REGEX "#define CUDART_VERSION +[0-9]+")
  string(REGEX REPLACE "[^0-9]" "" CUDA_VERSION "${CUDA_VERSION}")
  if(CUDA_VERSION LESS 13000)
    list(APPEND CUDA_MISSING "CUDA 13, here is ${CUDA_VERSION}")
  endif()
endif()
string(REPLACE ";" " " CUDA_MISSING "${CUDA_MISSING}")

# test_*.c are executables, cases_*.c the programs that they run, skipped.c stands for each test
# where the headers are missing; the rest is the simulator.
if(NOT CUDA_MISSING)
  file(GLOB CUSIM_SOURCES CONFIGURE_DEPENDS ${CMAKE_CURRENT_LIST_DIR}/*.c)
  list(FILTER CUSIM_SOURCES EXCLUDE REGEX "/(test_|skipped)[^/]*$")
  add_library(cusim STATIC ${CUSIM_SOURCES})
  target_include_directories(cusim SYSTEM PUBLIC ${CUDA_HEADERS})
  target_link_libraries(cusim PUBLIC Threads::Threads)
endif()

function(add_cusim_test name source)
  if(NOT CUDA_MISSING)
    add_executable(${name} ${source})
    target_link_libraries(${name} PRIVATE cusim PkgConfig::CUNIT ${CMAKE_DL_LIBS} m)
    target_compile_definitions(
      ${name} PRIVATE "CUDA_LIBRARY_FOLDER=\"${CUDA_PATH_cuda_runtime_api}/../lib\"")
  else()
    add_executable(${name} ${CMAKE_CURRENT_SOURCE_DIR}/cusim/skipped.c)
    target_compile_definitions(${name} PRIVATE "MISSING=\"${CUDA_MISSING}\"")
  endif()
endfunction()
