/** Command lines in files of deploy/ and docs/, held against what the program accepts. */
import { type Command, CommanderError } from 'commander'
import { createProgram } from '../../src/cli/program.ts'
import { Terminal } from '../../src/cli/terminal.ts'

/**
 * Why the program does not accept these arguments, the words behind `denizen`; `undefined`: it
 * does. Nothing is run.
 */
export function refusal(args: readonly string[]): string | undefined {
  let command: Command = createProgram(new Terminal({}))
  let rest = [...args]
  for (;;) {
    const sub = command.commands.find(one => one.name() === rest[0])
    if (!sub) break
    command = sub
    rest = rest.slice(1)
  }
  if (command.commands.length > 0) return `there is no command ${rest[0]}`
  return complaint(command, rest)
}

function complaint(command: Command, args: readonly string[]): string | undefined {
  command.configureOutput({ writeErr: () => {} })
  if (args.includes('--help')) return undefined
  try {
    const { operands, unknown } = command.parseOptions([...args])
    if (unknown.length > 0) return `${command.name()} does not know ${unknown.join(' ')}`
    const missing = command.options.find(
      option => option.mandatory && command.getOptionValue(option.attributeName()) === undefined,
    )
    if (missing) return `${command.name()} needs ${missing.long}`
    const { registeredArguments } = command
    const required = registeredArguments.filter(argument => argument.required).length
    const isOpen = registeredArguments.some(({ variadic }) => variadic)
    if (operands.length < required || (!isOpen && operands.length > registeredArguments.length)) {
      return `${command.name()} takes other arguments than ${operands.join(' ')}`
    }
    return undefined
  } catch (error) {
    if (error instanceof CommanderError) return error.message
    throw error
  }
}

/**
 * The arguments of each `denizen` command of a text for a shell: those that begin a line, behind
 * variables or `sudo -u USER` at most. What a pipe, a redirection or a comment adds is not looked
 * at.
 */
export function denizenCommands(shell: string): readonly (readonly string[])[] {
  return shell
    .replace(/\\\n\s*/g, ' ')
    .split('\n')
    .flatMap(line => {
      const [, command] = /^\s*(?:\w+=\S+ |sudo -u \S+ )*denizen ([^|;&#<>]*)/.exec(line) ?? []
      return command === undefined ? [] : [wordsOf(command)]
    })
}

const wordsOf = (command: string): readonly string[] =>
  [...command.matchAll(/(?:[^\s'"]|'[^']*'|"[^"]*")+/g)].map(([word]) =>
    word.replace(/'([^']*)'|"([^"]*)"/g, '$1$2'),
  )

/** The shell blocks of a Markdown text. */
export const shellBlocks = (markdown: string): readonly string[] =>
  [...markdown.matchAll(/^ *```sh\n(.*?)^ *```$/gms)].map(([, block = '']) => block)
