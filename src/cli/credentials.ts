/**
 * Who the command line is to the nodes: one process is one caller, so the token is the process's,
 * and every request carries it, also to other regions of the cluster.
 */
import { readFileSync } from 'node:fs'
import { InvalidArgumentError } from 'commander'

let tokenOfFile: string | undefined

/** For `--token-file`: keeps the token out of the process list and the shell's history. */
export function readTokenFile(path: string): string {
  try {
    tokenOfFile = readFileSync(path, 'utf8').trim()
    return path
  } catch {
    throw new InvalidArgumentError(`The file ${path} can not be read.`)
  }
}

/** The headers that say who asks: none without a token. */
export function credentials(): Readonly<Record<string, string>> {
  const token = tokenOfFile ?? process.env.DENIZEN_TOKEN?.trim()
  return token ? { authorization: `Bearer ${token}` } : {}
}
