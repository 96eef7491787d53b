/** Rules about what stands in one file. */
import { lineAt, type Source } from './source.ts'
import { bannedRemarks, bannedTokens, limits, longFiles } from './tables.ts'
import type { Finding, Tree } from './tree.ts'

export interface TextRuleOptions {
  /** Ids of all regions of the catalogue. */
  readonly regions: readonly string[]
  readonly longFiles?: Readonly<Record<string, number>>
}

export function textFindings(tree: Tree, options: TextRuleOptions): readonly Finding[] {
  const sources = [...tree.sources.values()]
  return [
    ...sources.flatMap(tokens),
    ...sources.flatMap(remarks),
    ...sources.flatMap(longLines),
    ...sources.flatMap(sleeps),
    ...sources.flatMap(source => regionLiterals(source, options.regions)),
    ...sizes(tree, options.longFiles ?? longFiles),
  ]
}

function tokens({ path, code }: Source): readonly Finding[] {
  const lines = code.split('\n')
  return bannedTokens
    .filter(({ where, except }) => where.test(path) && !except?.test(path))
    .flatMap(({ token, instead }) =>
      lines.flatMap((text, index) => {
        const match = token.exec(text)
        if (match === null) return []
        const message = `${match[0].trim()}: use ${instead}`
        return [{ rule: 'tokens', file: path, line: index + 1, message }]
      }),
    )
}

function remarks({ path, comments }: Source): readonly Finding[] {
  return comments.split('\n').flatMap((text, index) =>
    bannedRemarks.flatMap(({ token, instead }) => {
      const match = token.exec(text)
      if (match === null) return []
      const message = `${match[0]}: use ${instead}`
      return [{ rule: 'remarks', file: path, line: index + 1, message }]
    }),
  )
}

/** A text, a regular expression or an address can't always be broken; code and comments can. */
function longLines({ path, lines, comments }: Source): readonly Finding[] {
  const commentLines = comments.split('\n')
  return lines.flatMap((text, index) => {
    const remark = commentLines[index]?.trim() ?? ''
    const isBreakable = !/['"`/]/.test(text) || (remark !== '' && !/https?:/.test(remark))
    if ([...text].length <= limits.lineChars || !isBreakable) return []
    const message = `a line of ${[...text].length} characters, more than ${limits.lineChars}`
    return [{ rule: 'long-lines', file: path, line: index + 1, message }]
  })
}

/** A timer that is awaited, outside of a loop that looks for something. */
function sleeps({ path, code }: Source): readonly Finding[] {
  if (!path.startsWith('test/')) return []
  const lines = code.split('\n')
  const waits = /await\s+(new Promise\b[^;]*?\bsetTimeout\(|setTimeout\()/g
  return [...code.matchAll(waits)]
    .map(({ index }) => lineAt(code, index))
    .filter(line => !isInLoop(lines, line - 1))
    .map(line => ({
      rule: 'sleeps',
      file: path,
      line,
      message: 'waits for a time; wait for a condition, in a loop that looks for it',
    }))
}

/** By indentation, which the formatter guarantees. */
function isInLoop(lines: readonly string[], index: number): boolean {
  let indent = indentOf(lines[index] ?? '')
  for (const line of lines.slice(0, index).reverse()) {
    if (line.trim() === '' || indentOf(line) >= indent) continue
    if (/^\s*(\} )?(while|for|do)\b/.test(line)) return true
    if (/\bfunction\b|=> \{$|^\s*(async )?\w+\(.*\{$/.test(line)) return false
    indent = indentOf(line)
  }
  return false
}

const indentOf = (line: string): number => line.length - line.trimStart().length

/** Regions are data. The worlds for people name those that they explain. */
function regionLiterals(
  { path, literals }: Source,
  regions: readonly string[],
): readonly Finding[] {
  if (!path.startsWith('src/') || path.startsWith('src/cli/dev/')) return []
  return literals
    .filter(({ text }) => regions.includes(text))
    .map(({ text, line }) => ({
      rule: 'region-literals',
      file: path,
      line,
      message: `'${text}': which regions there are is data, from the policy`,
    }))
}

function sizes(tree: Tree, allowed: Readonly<Record<string, number>>): readonly Finding[] {
  const finding = (file: string, message: string): Finding => ({ rule: 'sizes', file, message })
  const usual = (path: string): number =>
    path.startsWith('test/') ? limits.testFileLines : limits.fileLines
  const tooLong = [...tree.sources.values()].flatMap(({ path, lines }) => {
    const count = lines.length - 1
    const limit = Math.min(limits.fileLinesAtMost, allowed[path] ?? usual(path))
    if (count <= limit) return []
    return [finding(path, `${count} lines, more than ${limit}: it does more than one thing`)]
  })
  const notNeeded = Object.keys(allowed).flatMap(path => {
    const count = (tree.sources.get(path)?.lines.length ?? 0) - 1
    if (count > usual(path)) return []
    return [finding(path, 'is short enough now: take it out of the list of long files')]
  })
  return [...tooLong, ...notNeeded]
}
