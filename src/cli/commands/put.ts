/** `denizen put`: writes a value from an argument, a file or standard input. */
import { readFileSync } from 'node:fs'
import { extname } from 'node:path'
import { buffer } from 'node:stream/consumers'
import type { Command } from 'commander'
import { utf8 } from '../../model/bytes.ts'
import { examples, withAcks, withJson, withUrl } from '../arguments.ts'
import { usageError } from '../exit-codes.ts'
import { ask } from '../http-client.ts'
import { keyPath, receiptOf, receiptText } from '../key-target.ts'
import type { Terminal } from '../terminal.ts'

interface PutOptions {
  readonly url: string
  readonly type?: string
  readonly ifMatch?: string
  readonly acks?: string
  readonly json: boolean
}

interface Value {
  readonly bytes: Uint8Array
  readonly mediaType: string
}

export function registerPut(program: Command, terminal: Terminal): void {
  const command = program
    .command('put <dataset> <key> [value]')
    .description('write a value: an argument, @file, or standard input if it is left out or -')
  withAcks(withJson(withUrl(command)))
    .option('--type <media-type>', 'media type (default: from the file name, or JSON if it is)')
    .option('--if-match <version>', 'write only over this version; * for any')
    .addHelpText(
      'after',
      examples(
        `denizen put cities tour/hello '{"hello":"world"}'`,
        'denizen put photos anna/portrait @portrait.jpg --type image/jpeg',
        'date | denizen put notes today --type text/plain',
        "denizen put cities tour/hello '{}' --if-match 4294967297.4294967298",
        'denizen put cities tour/hello @hello.json --acks quorum',
      ),
    )
    .action(async (dataset: string, key: string, text: string | undefined, options: PutOptions) => {
      const path = keyPath('kv', dataset, key)
      const { bytes, mediaType } = await readValue(text)
      const reply = await ask({
        method: 'PUT',
        url: options.url,
        path,
        headers: {
          'content-type': options.type ?? mediaType,
          ...(options.ifMatch && { 'if-match': etag(options.ifMatch) }),
          ...(options.acks && { 'denizen-acks': options.acks }),
        },
        body: bytes,
      })
      const receipt = receiptOf(reply)
      if (options.json) terminal.json({ created: reply.status === 201, ...receipt })
      else terminal.line(`${reply.status === 201 ? 'created' : 'written'}: ${receiptText(receipt)}`)
    })
}

/** Versions are shown bare and sent as ETags. */
export const etag = (version: string): string =>
  version === '*' || version.startsWith('"') ? version : `"${version}"`

async function readValue(text: string | undefined): Promise<Value> {
  if (text === undefined || text === '-') return guessed(await buffer(process.stdin))
  if (!text.startsWith('@')) return guessed(utf8(text))
  const file = text.slice(1)
  try {
    const mediaType = typeOfFile[extname(file).toLowerCase()] ?? 'application/octet-stream'
    return { bytes: readFileSync(file), mediaType }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw usageError(
      `the file can not be read: ${reason}`,
      'A value that begins with @: use stdin.',
    )
  }
}

const typeOfFile: Readonly<Record<string, string>> = {
  '.cbor': 'application/cbor',
  '.csv': 'text/csv',
  '.html': 'text/html',
  '.jpeg': 'image/jpeg',
  '.jpg': 'image/jpeg',
  '.json': 'application/json',
  '.md': 'text/markdown',
  '.pdf': 'application/pdf',
  '.png': 'image/png',
  '.txt': 'text/plain; charset=utf-8',
}

/** JSON if it is JSON, else text if it is text. */
function guessed(bytes: Uint8Array): Value {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    return { bytes, mediaType: 'application/octet-stream' }
  }
  return { bytes, mediaType: isJson(text) ? 'application/json' : 'text/plain; charset=utf-8' }
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}
