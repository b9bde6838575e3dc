# `cmake --install build/release --prefix P`: a tree that may be moved.  What lies in lib/graphc is
# found from where the programs are (graph/base/beside.h).

# Manual pages and completions are printed by the programs, from the table they parse by.
set(PAGES ${CMAKE_BINARY_DIR}/pages)
add_custom_command(OUTPUT ${PAGES}/made
  COMMAND ${CMAKE_COMMAND} -DPAGES=${PAGES} -DPROGRAMS=$<TARGET_FILE:graphc>,$<TARGET_FILE:graphrun>
          -P ${CMAKE_SOURCE_DIR}/tools/pages.cmake
  DEPENDS graphc graphrun tools/pages.cmake VERBATIM)
add_custom_target(pages ALL DEPENDS ${PAGES}/made)

install(TARGETS graphc graphrun RUNTIME DESTINATION bin)
install(TARGETS graphrun_shared LIBRARY DESTINATION lib)
install(FILES runtime/embed/graphrun.h DESTINATION include)
file(CONFIGURE OUTPUT ${CMAKE_BINARY_DIR}/found/graphrun.pc @ONLY CONTENT
"prefix=\${pcfiledir}/../..
libdir=\${prefix}/lib
includedir=\${prefix}/include

Name: graphrun
Description: plans of graphc inside another program
Version: @PROJECT_VERSION@
Libs: -L\${libdir} -lgraphrun
Cflags: -I\${includedir}
")
install(FILES ${CMAKE_BINARY_DIR}/found/graphrun.pc DESTINATION lib/pkgconfig)
install(TARGETS graphrun_draw RUNTIME DESTINATION lib/graphc)
foreach(part device_cuda graphrun_mpi)
  if(TARGET ${part})
    install(TARGETS ${part} LIBRARY DESTINATION lib/graphc)
  endif()
endforeach()
install(DIRECTORY models DESTINATION share/graphc)
install(FILES README.md LICENSE DESTINATION share/doc/graphc)
install(DIRECTORY docs DESTINATION share/doc/graphc)
install(DIRECTORY ${PAGES}/man1 DESTINATION share/man)
install(DIRECTORY ${PAGES}/bash/ DESTINATION share/bash-completion/completions)
install(DIRECTORY ${PAGES}/zsh/ DESTINATION share/zsh/site-functions)
