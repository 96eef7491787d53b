/** `denizen token`: the bearer tokens of an access file. */
import { type Command, InvalidArgumentError } from 'commander'
import type { TokenEntry } from '../../access/access-file.ts'
import { type Scope, type Verb, verbs } from '../../access/scope.ts'
import { createToken } from '../../access/token.ts'
import { parseDuration } from '../../model/duration.ts'
import { systemRandom } from '../../runtime/random.ts'
import { addToken, readAccessFile, removeToken } from '../access-document.ts'
import { examples, withJson } from '../arguments.ts'
import { formatTable } from '../table.ts'
import type { Terminal } from '../terminal.ts'

interface AccessOptions {
  readonly access: string
  readonly json: boolean
}

interface CreateOptions extends AccessOptions {
  readonly name: string
  readonly dataset: string
  readonly verbs: readonly Verb[]
  readonly prefix?: string
  readonly hint: boolean
  /** Milliseconds from now. */
  readonly expires?: number
  readonly rate?: number
}

const withAccess = (command: Command): Command =>
  withJson(command).requiredOption('--access <file>', 'the access file of the nodes')

export function registerToken(program: Command, terminal: Terminal): void {
  const token = program.command('token').description('make, list and revoke bearer tokens')
  registerCreate(token, terminal)
  withAccess(token.command('list').description('what the tokens of an access file may do'))
    .addHelpText('after', examples('denizen token list --access access.yaml'))
    .action((options: AccessOptions) => list(options, terminal))
  withAccess(token.command('revoke <id>').description('take a token out of an access file'))
    .addHelpText('after', examples('denizen token revoke h3k9d0f2m1qa --access access.yaml'))
    .action(async (id: string, options: AccessOptions) => {
      await removeToken(options.access, id)
      if (options.json) terminal.json({ revoked: id })
      else terminal.line(`revoked ${id}; running nodes refuse it within a second`)
    })
}

function registerCreate(token: Command, terminal: Terminal): void {
  withAccess(token.command('create').description('make a token; its secret is shown once'))
    .requiredOption('--name <text>', 'what it is for')
    .requiredOption('--dataset <name>', 'the dataset that it opens; "*" for all')
    .option('--verbs <list>', `of ${verbs.join(', ')}`, parseVerbs, [
      'read',
      'write',
      'list',
      'watch',
    ])
    .option('--prefix <prefix>', 'only keys that begin so; ends in "/"')
    .option('--hint', 'it may name the region near the user (Denizen-Hint)', false)
    .option('--expires <duration>', 'how long it lives (default: until it is revoked)', parseLife)
    .option('--rate <n>', 'requests per second (default: unbounded)', parseRate)
    .addHelpText(
      'after',
      examples(
        'denizen token create --access access.yaml --name shop --dataset profiles',
        'denizen token create --access access.yaml --name report --dataset tenants \\',
        '    --prefix eu/acme/ --verbs read,list --expires 30d --rate 50',
        'denizen token create --access access.yaml --name ops --dataset "*" --verbs admin',
      ),
    )
    .action((options: CreateOptions) => create(options, terminal))
}

async function create(options: CreateOptions, terminal: Terminal): Promise<void> {
  const { access, name, expires, rate } = options
  const { id, hash, token } = await createToken(systemRandom)
  const nowMs = Date.now()
  const entry: TokenEntry = {
    ...{ id, hash, name, created: timeText(nowMs) },
    ...(expires !== undefined && { expires: timeText(nowMs + expires) }),
    scopes: [scopeOf(options)],
    ...(rate !== undefined && { rate }),
  }
  await addToken(access, entry)
  if (options.json) terminal.json({ token, ...shown(entry) })
  else terminal.line(token)
  terminal.note(`Keep it: ${access} has its hash only. Running nodes take it within a second.`)
}

const scopeOf = ({ dataset, verbs, prefix, hint }: CreateOptions): Scope => ({
  dataset,
  verbs: [...verbs],
  ...(prefix !== undefined && { prefix }),
  ...(hint && { hint }),
})

async function list({ access, json }: AccessOptions, terminal: Terminal): Promise<void> {
  const { tokens = [] } = await readAccessFile(access)
  if (json) {
    terminal.json(tokens.map(shown))
    return
  }
  const rows = tokens.map(({ id, name, scopes, rate, created, expires }) => [
    ...[id, name ?? '', scopes.map(scopeText).join('; ')],
    ...[rate === undefined ? '' : `${rate}/s`, created, expiryText(expires)],
  ])
  const head = ['id', 'name', 'scopes', 'rate', 'created', 'expires']
  terminal.line(formatTable(terminal.colors, head, rows))
}

/** A hash is no secret, and nobody needs it. */
const shown = ({ hash: _, ...entry }: TokenEntry): Omit<TokenEntry, 'hash'> => entry

const scopeText = ({ dataset, verbs, prefix, hint }: Scope): string =>
  [`${dataset}${prefix === undefined ? '' : ` ${prefix}`}:`, verbs.join(','), hint ? 'hint' : '']
    .filter(text => text !== '')
    .join(' ')

const expiryText = (expires: string | undefined): string => {
  if (expires === undefined) return 'never'
  return Date.parse(expires) <= Date.now() ? `${expires} (expired)` : expires
}

/** To the second. */
const timeText = (ms: number): string => new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z')

function parseVerbs(text: string): readonly Verb[] {
  return text.split(',').map(part => {
    const verb = verbs.find(known => known === part.trim())
    if (verb) return verb
    throw new InvalidArgumentError(`Write some of ${verbs.join(',')}.`)
  })
}

function parseLife(text: string): number {
  const ms = parseDuration(text)
  // Beyond a hundred years, times no longer have four digits for the year everywhere.
  if (ms !== undefined && ms > 0 && ms < 36_500 * 86_400_000) return ms
  throw new InvalidArgumentError('Write a duration such as 12h or 30d.')
}

function parseRate(text: string): number {
  const rate = Number(text)
  if (/^\d{1,7}(?:\.\d{1,3})?$/.test(text) && rate > 0) return rate
  throw new InvalidArgumentError('Write requests per second, such as 50 or 0.5.')
}
