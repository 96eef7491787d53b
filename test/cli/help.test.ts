import type { Command } from 'commander'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { freePorts } from '../../src/cli/dev/ports.ts'
import { exitCodes } from '../../src/cli/exit-codes.ts'
import { createProgram } from '../../src/cli/program.ts'
import { Terminal } from '../../src/cli/terminal.ts'
import { runDenizen } from './run-denizen.ts'

const leaves = (command: Command): readonly Command[] =>
  command.commands.length === 0 ? [command] : command.commands.flatMap(leaves)

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: part => {
      text += part
    },
  })
  command.outputHelp()
  return text
}

test('every command has examples in its help, and they begin with the command itself', () => {
  const commands = leaves(createProgram(new Terminal({})))
  assert.ok(commands.length > 12)
  for (const command of commands) {
    const names: string[] = []
    for (let at: Command | null = command; at; at = at.parent) names.unshift(at.name())
    const help = helpOf(command)
    assert.match(help, 'Examples:', names.join(' '))
    assert.ok(help.split('Examples:')[1]?.includes(names.join(' ')), names.join(' '))
  }
})

test('every command that prints a result can print JSON', () => {
  const silent = ['serve', 'dev']
  for (const command of leaves(createProgram(new Terminal({})))) {
    if (silent.includes(command.name())) continue
    assert.ok(
      command.options.some(({ long }) => long === '--json'),
      command.name(),
    )
  }
})

test('the help names the exit codes', async () => {
  const { code, stdout } = await runDenizen(['--help'])
  assert.is(code, exitCodes.ok)
  for (const value of Object.values(exitCodes))
    assert.match(stdout, new RegExp(`^  ${value}  `, 'm'))
})

test('wrong usage ends with 2 and says what was meant', async () => {
  const wrong = [
    { args: ['stauts'], says: /Did you mean status/ },
    { args: ['dev', 'kil'], says: /did you mean "kill"\?/ },
    { args: ['get', 'cities'], says: /missing required argument 'key'/ },
    { args: ['get', 'cities', 'a//b'], says: /empty segment/ },
    { args: ['ls', 'cities', '--limit', '0'], says: /whole number from 1/ },
    { args: ['serve', '--region', 'eu-west'], says: /--data/ },
    { args: ['dev', '--config', 'nowhere.yaml'], says: /there is no file nowhere\.yaml/ },
    { args: ['dev', 'heal', 'eu-west', '--data', '/nowhere'], says: /Name both, or none/ },
  ]
  for (const { args, says } of wrong) {
    const { code, stderr } = await runDenizen(args)
    assert.match(stderr, says)
    assert.is(code, exitCodes.usage, args.join(' '))
  }
})

test('a node that does not answer ends with 3 and says what to type', async () => {
  const [port] = await freePorts(1)
  const url = `http://127.0.0.1:${port}`
  const { code, stderr } = await runDenizen(['get', 'cities', 'a', '--url', url])
  assert.is(code, exitCodes.unreachable)
  assert.match(stderr, `no node answers at ${url} (ECONNREFUSED)`)
  assert.match(stderr, /denizen dev/)
})

test('a world that does not run ends with 3', async () => {
  const { code, stderr } = await runDenizen(['dev', 'status', '--data', '/nowhere'])
  assert.is(code, exitCodes.unreachable)
  assert.match(stderr, /no world runs on \/nowhere/)
})

test('serve without an access file listens on loopback only', async () => {
  const common = ['serve', '--region', 'eu-west', '--data', '/nowhere']
  const { code, stderr } = await runDenizen([...common, '--listen', '0.0.0.0:7001'])
  assert.is(code, exitCodes.usage)
  assert.match(stderr, /without an access file/)
  assert.match(stderr, 'use --listen 127.0.0.1:7001')
})

test.run()
