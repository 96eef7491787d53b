/** `denizen move`: moves a group to another partition of its dataset, with a receipt. */
import { existsSync, writeFileSync } from 'node:fs'
import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../model/duration.ts'
import { timing } from '../../model/limits.ts'
import type { Receipt } from '../../receipts/receipt.ts'
import { examples, parseUrl, withAcks, withJson, withUrl } from '../arguments.ts'
import { CliError, exitCodes, usageError } from '../exit-codes.ts'
import { nameOf } from '../move/digests.ts'
import { Passing } from '../move/group-door.ts'
import { Journal } from '../move/journal.ts'
import { KeyApiDoor } from '../move/key-api-door.ts'
import { Mover, movedBefore } from '../move/mover.ts'
import { type GroupName, type Renaming, renaming } from '../move/names.ts'
import { policyInForce } from '../policy/ask-regions.ts'
import { bytesText, countText } from '../quantities.ts'
import type { Terminal } from '../terminal.ts'
import { receiptText } from './receipt.ts'

interface MoveOptions {
  readonly to: string
  readonly url: string
  readonly toUrl?: string
  readonly state?: string
  readonly out?: string
  readonly acks?: string
  /** Milliseconds. */
  readonly hold: number
  readonly yes: boolean
  readonly json: boolean
}

const defaultHold = '5s'

export function registerMove(program: Command, terminal: Terminal): void {
  const command = program
    .command('move <dataset> <group>')
    .description('move a group to another partition of its dataset, with a receipt')
    .requiredOption('--to <prefix>', 'the prefix of the partition that it is to lie in')
    .option('--yes', 'begin at once, without being asked again', false)
    .option('--to-url <url>', 'a node that serves that partition (default: as --url)', parseUrl)
    .option('--state <file>', 'where it keeps how far it is (default: a file in this directory)')
    .option('--out <file>', 'where to write the receipt')
    .option(
      '--hold <duration>',
      `how long writes of the group may wait at the end, at first (default: ${defaultHold})`,
      parseHold,
      parseHold(defaultHold),
    )
  withJson(withAcks(withUrl(command)))
    .addHelpText(
      'after',
      [
        examples(
          'denizen move tenants eu/acme --to us/ --to-url https://us-east.example.com',
          'denizen move tenants eu/acme --to us/ --to-url https://us-east.example.com --yes',
        ),
        '\n\neu/acme is us/acme afterwards, and so are its keys. What goes over goes through this machine:',
        '\nrun it where that is permitted. The same command again goes on after whatever ended it.',
        '\nWrites to the old name are answered group_moved afterwards. Exit code 1 while a region has',
        '\nnot confirmed that it has erased the group: the same command again gets a newer receipt.',
      ].join(''),
    )
    .action((dataset: string, group: string, options: MoveOptions) =>
      move(terminal, dataset, group, options),
    )
}

function parseHold(text: string): number {
  const ms = parseDuration(text)
  if (ms !== undefined && ms > 0 && ms <= timing.holdMaxMs) return ms
  throw new InvalidArgumentError(`Write a duration up to ${timing.holdMaxMs / 1_000}s, such as 5s.`)
}

async function move(
  terminal: Terminal,
  dataset: string,
  group: string,
  options: MoveOptions,
): Promise<void> {
  const { url, toUrl = url, out, acks, json, hold } = options
  if (out !== undefined && existsSync(out)) {
    throw usageError(`${out} exists already`, 'Name another file: receipts are kept.')
  }
  const { clusterId, policy } = await policyInForce(url)
  const names = renaming(policy.placements, dataset, group, options.to)
  const name = nameOf(clusterId, dataset, names.from.group, options.to)
  const path = options.state ?? `.denizen-move-${name.slice(0, 16)}.ndjson`
  const doorTo = (url: string, { group }: GroupName) =>
    new KeyApiDoor({ url, dataset, group, acks })
  const doors = { source: doorTo(url, names.from), target: doorTo(toUrl, names.to) }
  const journal = await begun(terminal, { ...options, ...doors, names, path, name })
  if (!journal) return
  const mover = new Mover({
    ...{ ...doors, journal, renaming: names, holdMs: hold, nowMs: () => Date.now() },
    pause: ms => new Promise(resolve => setTimeout(resolve, ms)),
    onProgress: text => terminal.note(text),
  })
  const receipt = await mover.run().finally(() => journal.close())
  if (out !== undefined) writeFileSync(out, `${JSON.stringify(receipt, null, 2)}\n`, { flag: 'wx' })
  show(terminal, names, receipt, json)
  if (receipt.open.length > 0) terminal.exitCode = exitCodes.failed
  else await journal.remove()
}

interface Beginning extends Pick<MoveOptions, 'yes' | 'json'> {
  readonly source: KeyApiDoor
  readonly target: KeyApiDoor
  readonly names: Renaming
  readonly path: string
  readonly name: string
}

/** The journal of a move that may begin, or has begun; undefined: it is not to begin. */
async function begun(terminal: Terminal, beginning: Beginning): Promise<Journal | undefined> {
  const { source, target, names, path, name, yes, json } = beginning
  const journal = await Journal.reopen(path, name)
  if (journal) return journal
  const { from, to } = names
  const { movedTo, records, bytes, erasedTerm } = await settled(source.hold(0))
  if (movedTo === to.placement.prefix) throw movedBefore(from.group, movedTo)
  if (records === 0) {
    const where = movedTo === undefined ? '' : `: it was moved to ${movedTo} before`
    throw new CliError(
      exitCodes.failed,
      `${from.group} has no keys${where}`,
      'Check its spelling. If a move of it has begun already, name its file with --state.',
    )
  }
  const there = await settled(target.hold(0))
  if (there.records > 0) {
    throw new CliError(
      exitCodes.failed,
      `${to.group} has ${countText(there.records, 'key')} already`,
      'Nothing was changed. Where they are left from a move, name its file with --state, or erase them with denizen erase; else move to another name by hand.',
    )
  }
  if (!yes) {
    const plan = planOf(names, records, bytes)
    if (json) terminal.json(plan)
    else for (const line of planText(plan)) terminal.line(line)
    throw usageError('nothing was changed', 'Repeat it with --yes to move the group.')
  }
  return await Journal.begin(path, name, erasedTerm ?? null)
}

async function settled<T>(asked: Promise<T>): Promise<T> {
  try {
    return await asked
  } catch (error) {
    throw error instanceof Passing ? error.failure : error
  }
}

function planOf({ from, to }: Renaming, records: number, bytes: number) {
  return {
    ...{ group: from.group, becomes: to.group, records, bytes },
    ...{ storedIn: from.placement.store, storedThen: to.placement.store },
    lawsLeft: from.placement.law.filter(law => !to.placement.law.includes(law)),
  }
}

function planText(plan: ReturnType<typeof planOf>): string[] {
  const { group, becomes, records, bytes, storedIn, storedThen, lawsLeft } = plan
  return [
    `${group} becomes ${becomes}: ${countText(records, 'key')}, ${bytesText(bytes)}`,
    `stored in ${storedIn.join(', ')}; then in ${storedThen.join(', ')}`,
    ...lawsLeft.map(law => `its partition claims ${law}, and the other one does not`),
  ]
}

function show(terminal: Terminal, { from, to }: Renaming, receipt: Receipt, json: boolean): void {
  if (json) {
    terminal.json(receipt)
    return
  }
  terminal.line(`${from.group} is ${to.group} now`)
  for (const line of receiptText(receipt)) terminal.line(line)
}
