/** `denizen receipt`: verifies receipts, shows the keys that sign them, replaces the one in use. */
import type { Command } from 'commander'
import { receiptKeysSchema } from '../../api/routes/receipts.ts'
import {
  type KnownKey,
  type Receipt,
  type ReceiptKeys,
  verifyReceipt,
} from '../../receipts/receipt.ts'
import { verifyEd25519 } from '../../runtime/signing.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { CliError, exitCodes, usageError } from '../exit-codes.ts'
import { ask, decodeData } from '../http-client.ts'
import { readJson, readReceipt } from '../receipt-file.ts'
import type { Terminal } from '../terminal.ts'

interface ReceiptOptions {
  readonly url: string
  readonly json: boolean
}

export function registerReceipt(program: Command, terminal: Terminal): void {
  const receipt = program
    .command('receipt')
    .description('receipts of what was done, and their keys')
  registerVerify(receipt, terminal)
  registerKeys(receipt, terminal)
  registerRotate(receipt, terminal)
}

function registerVerify(receipt: Command, terminal: Terminal): void {
  const command = receipt
    .command('verify <file>')
    .description('hold a receipt against the keys of its cluster')
  withJson(withUrl(command))
    .option('--key <file>', 'keys as denizen receipt keys --json wrote them: no node is asked')
    .addHelpText(
      'after',
      [
        examples(
          'denizen receipt verify erased.json',
          'denizen receipt verify erased.json --key acme-receipt-keys.json',
        ),
        '\n\nExit code 1 where the signature is not one of the cluster. docs/ERASURE.md says how',
        '\nother tools verify a receipt.',
      ].join(''),
    )
    .action(async (file: string, options: ReceiptOptions & { readonly key?: string }) => {
      const parsed = readReceipt(file)
      const known = options.key === undefined ? await keysOf(options.url) : parsedKeys(options.key)
      const verdict = verifyReceipt(parsed, known.keys, verifyEd25519)
      if (verdict.kind === 'unsound') {
        throw new CliError(
          exitCodes.failed,
          `${file} is not to be relied on: ${verdict.reason}`,
          'Ask the cluster that is said to have issued it for its keys: denizen receipt keys.',
        )
      }
      const { key } = verdict
      if (options.json) terminal.json({ sound: true, keyId: key.id, open: parsed.open })
      else for (const line of [signedBy(parsed, key), ...receiptText(parsed)]) terminal.line(line)
    })
}

function registerKeys(receipt: Command, terminal: Terminal): void {
  const command = receipt
    .command('keys')
    .description('the public keys of receipts, for whoever is to verify them')
  withJson(withUrl(command))
    .addHelpText(
      'after',
      examples('denizen receipt keys', 'denizen receipt keys --json > acme-receipt-keys.json'),
    )
    .action(async ({ url, json }: ReceiptOptions) => show(terminal, await keysOf(url), json))
}

function registerRotate(receipt: Command, terminal: Terminal): void {
  const command = receipt
    .command('rotate')
    .description('have a new key sign receipts from now on; old receipts still verify')
  withJson(withUrl(command))
    .addHelpText('after', examples('denizen receipt rotate'))
    .action(async ({ url, json }: ReceiptOptions) => {
      const path = '/v1/admin/receipts/rotate'
      const headers = { accept: 'application/json' }
      const reply = await ask({ method: 'POST', url, path, headers })
      show(terminal, receiptKeysSchema.parse(decodeData(reply)), json)
    })
}

async function keysOf(url: string): Promise<ReceiptKeys> {
  const headers = { accept: 'application/json' }
  const reply = await ask({ method: 'GET', url, path: '/v1/receipts/keys', headers })
  return receiptKeysSchema.parse(decodeData(reply))
}

function show(terminal: Terminal, keys: ReceiptKeys, json: boolean): void {
  if (json) {
    terminal.json(keys)
    return
  }
  if (keys.keys.length === 0) terminal.line('no receipt was signed yet: there is no key')
  for (const { id, public: spki, sinceMs, untilMs } of keys.keys) {
    const until = untilMs === undefined ? 'signs' : `until ${timeOf(untilMs)}`
    terminal.line(`${id}  since ${timeOf(sinceMs)}, ${until}`)
    terminal.line(`-----BEGIN PUBLIC KEY-----\n${spki}\n-----END PUBLIC KEY-----`)
  }
}

const timeOf = (ms: number): string => new Date(ms).toISOString()

function parsedKeys(path: string): ReceiptKeys {
  const parsed = receiptKeysSchema.safeParse(readJson(path))
  if (parsed.success) return parsed.data
  throw usageError(`${path} has no keys`, 'Name what denizen receipt keys --json wrote.')
}

const signedBy = ({ cluster, issuedAtMs }: Receipt, { id }: KnownKey): string =>
  `signed by cluster ${cluster} with key ${id}, ${timeOf(issuedAtMs)}`

/** What a receipt says, for people. */
export function receiptText({ what, regions, open, cannotProve }: Receipt): string[] {
  const { kind, ...details } = what
  return [
    `what: ${kind} ${JSON.stringify(details)}`,
    ...regions.map(
      it => `confirmed: ${it.region}, ${timeOf(it.confirmedAtMs)}, ${JSON.stringify(it.evidence)}`,
    ),
    ...open.map(({ region, reason }) => `OPEN: ${region}: ${reason}`),
    ...cannotProve.map(sentence => `can not prove: ${sentence}`),
  ]
}
