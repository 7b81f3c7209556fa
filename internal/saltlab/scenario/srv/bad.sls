works:
  test.succeed_without_changes: []

breaks:
  test.fail_without_changes:
    - name: a thing that breaks

breaks with changes:
  test.fail_with_changes: []

never runs:
  test.succeed_without_changes:
    - require:
      - test: breaks

exits:
  cmd.run:
    - name: echo out; echo err >&2; exit 7

no such function:
  pkg_of_nobody.installed:
    - name: nothing
