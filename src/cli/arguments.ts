/** Parsers of option values: they check on the way in, so that commands get data. */
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HostPort } from '../runtime/network.ts'
import { readTokenFile } from './credentials.ts'

export function parseHostPort(text: string): HostPort {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]/]+)):(\d{1,5})$/.exec(text)
  const host = match?.[1] ?? match?.[2]
  const port = Number(match?.[3])
  if (host === undefined || port > 65_535) {
    throw new InvalidArgumentError('Write host:port, for example 127.0.0.1:7001.')
  }
  return { host, port }
}

/** Collects `--peer us-east=127.0.0.1:7103`, repeated. */
export function collectPeer(
  text: string,
  before: ReadonlyMap<string, string>,
): ReadonlyMap<string, string> {
  const at = text.indexOf('=')
  const region = text.slice(0, at)
  const address = text.slice(at + 1)
  if (at <= 0) throw new InvalidArgumentError('Write region=host:port: us-east=127.0.0.1:7103.')
  parseHostPort(address)
  if (before.has(region)) throw new InvalidArgumentError(`${region} has an address already.`)
  return new Map(before).set(region, address)
}

/** An option value that is an integer between two bounds, both included. */
export const integerIn =
  (min: number, max: number) =>
  (text: string): number => {
    const value = Number(text)
    if (!/^\d{1,15}$/.test(text) || value < min || value > max) {
      throw new InvalidArgumentError(`Write a whole number from ${min} to ${max}.`)
    }
    return value
  }

/** A base URL, without the trailing slash. */
export function parseUrl(text: string): string {
  const url = URL.parse(text)
  if (url === null || !/^https?:$/.test(url.protocol) || url.pathname !== '/') {
    throw new InvalidArgumentError('Write a base URL, for example http://127.0.0.1:7001.')
  }
  return url.origin
}

export const collectUrl = (text: string, before: readonly string[]): readonly string[] => [
  ...before,
  parseUrl(text),
]

export const withJson = (command: Command): Command =>
  command.option('--json', 'print JSON instead of text', false)

/** For commands that write. */
export const withAcks = (command: Command): Command =>
  command.option(
    '--acks <level>',
    'regions that have it on disk before the answer, at least: a number, quorum, all',
    parseAcks,
  )

function parseAcks(text: string): string {
  if (/^([1-9][0-9]{0,2}|quorum|all)$/.test(text)) return text
  throw new InvalidArgumentError('Write a number of regions, quorum or all.')
}

const defaultUrl = 'http://127.0.0.1:7001'

export const withUrl = (command: Command): Command =>
  withCredentials(command).addOption(
    new Option('--url <url>', 'base URL of a node')
      .env('DENIZEN_URL')
      .default(defaultUrl)
      .argParser(parseUrl),
  )

/** For commands that ask nodes. */
export const withCredentials = (command: Command): Command =>
  command.option(
    '--token-file <file>',
    'file with the bearer token (default: env DENIZEN_TOKEN)',
    readTokenFile,
  )

export const withConfig = (command: Command): Command =>
  command.option('--config <file>', 'the policy file', 'denizen.yaml')

/** The end of a command's help: commands to try. */
export const examples = (...lines: readonly string[]): string =>
  ['', 'Examples:', ...lines.map(line => `  $ ${line}`)].join('\n')
