/** `denizen get`: one value. */
import { type Command, InvalidArgumentError } from 'commander'
import { parseDuration } from '../../model/duration.ts'
import { examples, withJson, withUrl } from '../arguments.ts'
import { type ApiReply, ask, dataTypeOf, decodeData } from '../http-client.ts'
import { keyPath, receiptOf, receiptText } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'

interface GetOptions {
  readonly url: string
  readonly consistency?: string
  readonly json: boolean
}

export function registerGet(program: Command, terminal: Terminal): void {
  withJson(withUrl(program.command('get <dataset> <key>').description('read a value')))
    .option(
      '--consistency <level>',
      'how fresh the answer must be: strong, session, bounded=5s, eventual',
      parseConsistency,
    )
    .addHelpText(
      'after',
      examples(
        'denizen get cities jp/tokyo-1850147',
        'denizen get cities jp/tokyo-1850147 --consistency strong --url http://127.0.0.1:7004',
        'denizen get cities jp/tokyo-1850147 --consistency bounded=5s',
        'denizen get photos anna/portrait > portrait.jpg',
      ),
    )
    .action(async (dataset: string, key: string, options: GetOptions) => {
      const reply = await ask({
        method: 'GET',
        url: options.url,
        path: keyPath('kv', dataset, key),
        ...(options.consistency && { headers: { 'denizen-consistency': options.consistency } }),
      })
      if (options.json) showJson(terminal, reply)
      else showValue(terminal, reply)
    })
}

/** As `Denizen-Consistency` has it. */
function parseConsistency(text: string): string {
  const [, bound] = /^bounded=(.*)$/s.exec(text) ?? []
  const isBound = bound !== undefined && parseDuration(bound) !== undefined
  if (isBound || ['strong', 'session', 'eventual'].includes(text)) return text
  throw new InvalidArgumentError('Write strong, session, eventual, or a bound: bounded=5s.')
}

function showJson(terminal: Terminal, reply: ApiReply): void {
  const mediaType = reply.headers.get('content-type')
  const isData = dataTypeOf(mediaType) !== undefined
  const value = isData
    ? { value: jsonable(decodeData(reply)) }
    : { bytes: Buffer.from(reply.body).toString('base64url') }
  terminal.json({ ...receiptOf(reply), mediaType, ...value })
}

/** The bytes as they are, but CBOR as text: who wants its bytes has curl. */
function showValue(terminal: Terminal, reply: ApiReply): void {
  const mediaType = reply.headers.get('content-type')
  if (dataTypeOf(mediaType) === 'cbor') terminal.json(jsonable(decodeData(reply)))
  else terminal.bytes(reply.body)
  const isText = dataTypeOf(mediaType) === 'json' || mediaType?.startsWith('text/') === true
  if (isText && process.stdout.isTTY) terminal.line()
  if (terminal.isInteractive) terminal.note(terminal.colors.dim(receiptText(receiptOf(reply))))
}

/** What JSON can't hold, as text: for the eyes, not for reading back. */
export function jsonable(item: unknown): unknown {
  if (typeof item === 'bigint') return item.toString()
  if (item instanceof Uint8Array) return Buffer.from(item).toString('base64url')
  if (item instanceof Date || typeof item !== 'object' || item === null) return item
  if (Array.isArray(item)) return item.map(jsonable)
  return Object.fromEntries(Object.entries(item).map(([name, value]) => [name, jsonable(value)]))
}
