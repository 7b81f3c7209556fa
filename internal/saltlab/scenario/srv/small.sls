one thing:
  test.succeed_with_changes: []
