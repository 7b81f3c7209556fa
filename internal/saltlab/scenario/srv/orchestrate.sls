ping them:
  salt.function:
    - name: test.ping
    - tgt: 'minion-1'

a state:
  salt.state:
    - tgt: 'minion-1'
    - sls: small
    - require:
      - salt: ping them
