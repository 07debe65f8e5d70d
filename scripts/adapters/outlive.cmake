# outlive.cmake - CTest under outlive: reports name the test whose processes have left something.
#
#     include(outlive)                  # where it lies in CMAKE_MODULE_PATH
#     add_test(NAME parser COMMAND parser_test)
#     outlive_name_tests()              # after the folder's last add_test
#
# and then: outlive run --check -- ctest
function(outlive_name_tests)
  get_property(tests DIRECTORY PROPERTY TESTS)
  foreach(test IN LISTS tests)
    set_property(TEST "${test}" APPEND PROPERTY ENVIRONMENT "OUTLIVE_TEST=${test}")
  endforeach()
endfunction()
