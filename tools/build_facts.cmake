# What --version and the manual pages say of this build: found/build.inc, found/revision.inc.
set(GRAPHC_REVISION "" CACHE STRING "the revision, for --version, where git does not know it")
set(BUILD_COMPILER "${CMAKE_C_COMPILER_ID} ${CMAKE_C_COMPILER_VERSION}, ${CMAKE_BUILD_TYPE}, ${CMAKE_SYSTEM_PROCESSOR}")
set(MPI_FACT "no MPI")
find_package(MPI COMPONENTS C QUIET)
if(MPI_C_FOUND)
  set(MPI_FACT "MPI ${MPI_C_VERSION}")
endif()
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/found/build.inc @ONLY CONTENT
"#define BUILD_VERSION \"${PROJECT_VERSION}\"
#define BUILD_RELEASED \"${GRAPHC_RELEASED}\"
#define BUILD_COMPILER \"${BUILD_COMPILER}\"
#define BUILD_COMPILER_LIBRARIES \\
  \"libxml2 ${XML2_VERSION}, graphviz ${GVC_VERSION}, jansson ${JANSSON_VERSION}, xxhash ${XXHASH_VERSION}\"
#define BUILD_RUNTIME_LIBRARIES \\
  \"gdk-pixbuf ${PIXBUF_VERSION}, jansson ${JANSSON_VERSION}, xxhash ${XXHASH_VERSION}, ${MPI_FACT}\"
")
add_custom_target(revision BYPRODUCTS ${CMAKE_BINARY_DIR}/found/revision.inc
  COMMAND ${CMAKE_COMMAND} -DSOURCE=${CMAKE_SOURCE_DIR} -DREVISION=${GRAPHC_REVISION}
          -DFILE=${CMAKE_BINARY_DIR}/found/revision.inc -P ${CMAKE_SOURCE_DIR}/tools/revision.cmake
  VERBATIM)
