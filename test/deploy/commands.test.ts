import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { denizenCommands, refusal, shellBlocks } from './commands.ts'
import { read } from './places.ts'

const shells: Readonly<Record<string, string>> = {
  'docs/OPERATIONS.md': shellBlocks(read('docs/OPERATIONS.md')).join('\n'),
  'deploy/compose.yaml': read('deploy/compose.yaml').replace(/^# ?/gm, ''),
}

for (const [file, shell] of Object.entries(shells)) {
  test(`every denizen command that ${file} shows is one that the program accepts`, () => {
    const commands = denizenCommands(shell)
    assert.ok(commands.length > 0)
    for (const args of commands) {
      assert.is(refusal(args), undefined, `denizen ${args.join(' ')}`)
    }
  })
}

test('commands are found in the text of a shell', () => {
  const shell =
    'sudo -u denizen denizen ls a \\\n  --limit 5\nX=1 denizen get a b | head\n# denizen'
  assert.equal(denizenCommands(shell), [
    ['ls', 'a', '--limit', '5'],
    ['get', 'a', 'b'],
  ])
})

test('what the program does not have is refused', () => {
  assert.match(refusal(['serve', '--region', 'a']) ?? '', 'serve needs --data')
  assert.match(refusal(['get', 'cities']) ?? '', 'other arguments')
  assert.match(refusal(['status', '--every']) ?? '', 'does not know --every')
  assert.match(refusal(['keeper', 'adopt']) ?? '', 'no command keeper')
})

test.run()
