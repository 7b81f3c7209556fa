first:
  test.succeed_without_changes: []
  - not: yaml for Salt
