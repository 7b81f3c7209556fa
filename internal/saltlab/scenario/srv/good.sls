{% set dir = opts['root_dir'] ~ '/files' %}
a folder:
  file.directory:
    - name: {{ dir }}

a file:
  file.managed:
    - name: {{ dir }}/greeting
    - contents: |
        Grüße aus dem Labor
        zweite Zeile: 漢字
    - require:
      - file: a folder

say something:
  cmd.run:
    - name: echo one; echo two
    - onchanges:
      - file: a file

nothing to do:
  test.succeed_without_changes: []

changes:
  test.succeed_with_changes:
    - name: some thing
