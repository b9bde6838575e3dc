# Writes FILE: of which revision SOURCE is, where git knows it.  A copy inside another repository is
# none of its revisions.
if(NOT REVISION)
  set(REVISION unknown)
  find_program(GIT git)
  if(GIT)
    execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --show-toplevel OUTPUT_VARIABLE top
                    OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
    if(top AND top STREQUAL SOURCE)
      execute_process(COMMAND ${GIT} -C ${SOURCE} rev-parse --short=12 HEAD OUTPUT_VARIABLE REVISION
                      OUTPUT_STRIP_TRAILING_WHITESPACE ERROR_QUIET)
      execute_process(COMMAND ${GIT} -C ${SOURCE} diff --quiet HEAD RESULT_VARIABLE changed
                      ERROR_QUIET)
      if(changed)
        string(APPEND REVISION " (changed)")
      endif()
    endif()
  endif()
endif()
file(CONFIGURE OUTPUT ${FILE} CONTENT "#define BUILD_REVISION \"${REVISION}\"\n")
